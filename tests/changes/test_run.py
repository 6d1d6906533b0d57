"""The decisions of `changes`, against a model of a server whose works change, tie, vanish and come late."""

from __future__ import annotations

import random
from base64 import urlsafe_b64encode
from collections import Counter
from typing import get_args
from zlib import crc32

import msgspec
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from devrev_async import InvalidArgumentError
from devrev_async.changes.checkpoint import decode, encode
from devrev_async.changes.instants import SECOND
from devrev_async.changes.memory import MOST_REMEMBERED, Remembered
from devrev_async.changes.run import Start
from devrev_async.sandbox import Quirks
from devrev_async.sandbox.quirks import CountAccuracy
from tests.effort import examples

from .model import NOW, QUERY, Model, Work, call, micros_of

OVERLAP = 300 * SECOND

SERVERS = st.builds(
    Quirks,
    modified_date_filter=st.sampled_from(["honoured", "honoured", "ignored", "refused"]),
    count=st.sampled_from(["exact", "exact", "exact", *get_args(CountAccuracy)]),
    count_cap=st.sampled_from([None, None, 8, 30]),
    missing_endpoints=st.sampled_from([(), (), (), ("works.count",)]),
    trims_bounds=st.booleans(),
    trims_compared=st.booleans(),
    excludes_after=st.booleans(),
    excludes_before=st.booleans(),
    undated_in_ranges=st.booleans(),
)


def populate(model: Model, rng: random.Random) -> None:
    """Works spread over years, in a burst, in ties, without a date, in the future."""
    for _ in range(rng.randrange(40)):
        model.create(NOW - rng.randrange(3 * 365 * 86400 * SECOND) // 1000 * 1000)
    burst = NOW - rng.randrange(86400) * SECOND
    for _ in range(rng.choice((0, 0, 15, 40))):
        model.create(burst + rng.randrange(3000) * 1000)
    tie = NOW - rng.randrange(600) * SECOND + rng.randrange(1000) * 1000
    for _ in range(rng.choice((0, 0, 5, 25))):
        model.create(tie)
    for _ in range(rng.choice((0, 0, 1, 14))):
        model.create(None)
    for _ in range(rng.choice((0, 0, 2, 12))):
        model.create(NOW + rng.randrange(1, 4000) * SECOND)


def between(model: Model, rng: random.Random) -> None:
    """What happens between two calls."""
    model.clock += rng.choice((0, 1, 40, 4000)) * SECOND
    for _ in range(rng.randrange(12)):
        what = rng.choice(("change", "change", "create", "delete", "late", "late change", "bulk"))
        if what == "create" or not model.works:
            model.create(model.clock // 1000 * 1000)
        elif what == "late":  # stamped some time ago, and visible only now or later, within the overlap
            stamp = model.clock - rng.randrange(OVERLAP // 2)
            model.create(stamp // 1000 * 1000, late=rng.randrange(1, OVERLAP // 2))
        elif what == "bulk":
            for id in rng.sample(list(model.works), len(model.works) // 2):
                model.works[id] = Work(id, model.clock // 1000 * 1000)
        else:
            id = rng.choice(list(model.works))
            if what == "delete":
                del model.works[id]
            else:
                model.change(id, late=rng.randrange(1, OVERLAP // 2) if what == "late change" else 0)


@settings(max_examples=examples(200), suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(
    quirks=SERVERS,
    page=st.integers(1, 30),
    seed=st.integers(0, 2**32),
    churn=st.sampled_from([0.0, 0.0, 0.1, 0.4]),
    unproved=st.sampled_from([0.0, 0.0, 0.3]),
    ever=st.booleans(),
    most=st.sampled_from([0, 6, 1000]),
    cuts=st.lists(st.one_of(st.none(), st.integers(0, 12)), max_size=6),
    n=st.sampled_from([1, 3, 10, 50]),
)
@example(  # it walked through the years after 9999, second by second
    quirks=Quirks(
        trims_bounds=True,
        trims_compared=True,
        excludes_after=True,
        excludes_before=True,
        count="unsure",
        count_cap=30,
    ),
    page=27,
    seed=37890905,
    churn=0.0,
    unproved=0.3,
    ever=True,
    most=6,
    cuts=[None, None],
    n=3,
)
def test_the_union_of_calls_is_the_truth(
    quirks: Quirks,
    page: int,
    seed: int,
    churn: float,
    unproved: float,
    ever: bool,
    most: int,
    cuts: list[int | None],
    n: int,
) -> None:
    rng = random.Random(seed)
    model = Model(rng, quirks, page, churn=churn, unproved=unproved)
    populate(model, rng)
    begin = None if ever else NOW - rng.randrange(400 * 86400) * SECOND
    since: str | int | None = begin
    newest: dict[str, int] = {}
    yielded: Counter[tuple[str, int]] = Counter()
    repeated = 0
    for number, cut in enumerate([*cuts, None]):
        if number == len(cuts):
            model.churn = 0.0
            model.clock += OVERLAP + SECOND  # what came late has come
        current = call(model, since, most=most)
        since = current.drive(n, cut)
        assert cut is not None or current.ended
        assert current.most_waiting < n + max(10, page)  # one window, or one page of a tie
        check_order(current.yielded, crowded=current.run.filtered_here)
        if current.run.until is not None:
            assert decode(since, QUERY).position <= current.run.until <= model.clock
        for work in current.yielded:
            stamp = micros_of(work)
            newest[work.id] = stamp
            yielded[work.id, stamp] += 1
        repeated += current.run.delivery.repeated
        if number < len(cuts):
            between(model, rng)
    assert isinstance(since, str)
    final = decode(since, QUERY)
    for work in model.works.values():
        stamp = micros_of(work)
        if work.modified is None:
            # the one assumption about works without a timestamp: counts that are wrong do not agree three times
            wanted = ever and quirks.count not in {"one_less", "low", "random"}
        else:
            wanted = (begin is None or stamp >= begin) and stamp <= final.position
        if wanted:
            assert newest.get(work.id) == stamp, work
    again = sum(yielded.values()) - len(yielded)
    if not unproved:  # what is read again beyond memory, and then cut off, is counted to within a few works
        assert again <= repeated
    if most == 1000:
        assert repeated == again == 0
    if begin is not None:
        assert all(stamp >= begin for _, stamp in yielded)


def check_order(works: list[Work], *, crowded: bool) -> None:
    stamps = [micros_of(work) for work in works]
    assert stamps == sorted(stamps)


@pytest.mark.parametrize("n", [1, 7, 100])
def test_nothing_new_takes_one_count_and_one_small_read(n: int) -> None:
    model = Model(random.Random(1))
    for index in range(500):
        model.create(NOW - (index + 1000) * SECOND)
    first = call(model, None, room=600)
    checkpoint = first.drive(n)
    assert len(first.yielded) == 500
    model.clock += 3600 * SECOND
    model.requests = model.fetched = 0
    second = call(model, checkpoint)
    moved = second.drive(n)
    assert (second.yielded, model.requests, model.fetched) == ([], 2, 0)
    assert decode(moved, QUERY).position == model.date


def test_r4_what_is_remembered_is_bounded_and_what_repeats_is_counted() -> None:
    most = 3000
    model = Model(random.Random(1), page=300)
    for _ in range(most + 600):
        model.create(NOW - SECOND)
    current = call(model, None, room=300, most=most)
    checkpoint = current.drive(300)
    assert (len(current.yielded), current.run.delivery.repeated) == (most + 600, 0)
    for _ in range(2):
        model.clock += 1000 * 1000
        assert len(checkpoint) <= 20 * most  # as 50,000 in a megabyte
        current = call(model, checkpoint, room=300, most=most)
        checkpoint = current.drive(300)
        assert (len(current.yielded), current.run.delivery.repeated) == (600, 600)
    model.clock += 2 * OVERLAP
    checkpoint = call(model, checkpoint, most=most).drive(300)
    assert len(checkpoint) < 1000


@given(st.integers(0, 10**15), st.integers(0, 10**15))
@settings(max_examples=examples(20))
def test_a_checkpoint_is_at_most_1_mb_and_says_all_there_is(low: int, reach: int) -> None:
    rng = random.Random(low)
    keys = {rng.randbytes(8): low + rng.randrange(reach + 1) for _ in range(MOST_REMEMBERED)}
    start = Start(low, low, Remembered(low, low, low, 3, keys))
    text = encode(start, QUERY)
    assert len(text) <= 1_000_000
    assert decode(text, QUERY) == start


def test_a_checkpoint_with_a_long_query_forgets_rather_than_grow() -> None:
    rng = random.Random(1)
    query = {f"filter {i}": "x" * 60_000 for i in range(3)}
    keys = {rng.randbytes(8): rng.randrange(2**60) for _ in range(MOST_REMEMBERED)}
    text = encode(Start(5, 5, Remembered(keys=keys)), query)
    kept = decode(text, query).remembered
    assert len(text) <= 1_000_000
    assert kept.forgotten == MOST_REMEMBERED - len(kept.keys) > 0


def test_a_checkpoint_of_a_newer_version_is_named() -> None:
    plain = msgspec.msgpack.encode([2, {}, 0, 0])
    text = urlsafe_b64encode(crc32(plain).to_bytes(4, "big") + plain).decode().rstrip("=")
    with pytest.raises(InvalidArgumentError, match="version 2, and this release knows 1"):
        decode(text, QUERY)


def test_a_position_never_passes_the_servers_clock() -> None:
    model = Model(random.Random(1))
    for day in range(1, 9):
        model.create(NOW + day * 86400 * SECOND)
    current = call(model, None)
    for most in range(8):
        checkpoint = current.drive(1, 1)
        assert len(current.yielded) == most + 1
        assert decode(checkpoint, QUERY).position <= model.date
    since_then = call(model, NOW + 100 * SECOND)
    assert decode(since_then.drive(1), QUERY).position == model.date


def test_a_clock_that_was_set_back_loses_nothing() -> None:
    model = Model(random.Random(1))
    model.create(NOW - SECOND)
    checkpoint = call(model, None).drive(10)
    model.clock -= 3600 * SECOND
    created = model.create(model.clock)
    model.clock += SECOND
    current = call(model, checkpoint)
    current.drive(10)
    assert current.yielded == [created]


def test_a_longer_overlap_than_before_counts_what_it_repeats() -> None:
    model = Model(random.Random(1))
    for minutes in range(1, 60):
        model.create(NOW - 60 * minutes * SECOND)
    checkpoint = call(model, None, room=100).drive(10)
    current = call(model, checkpoint, overlap=1800 * SECOND, room=100)
    current.drive(10)
    assert len(current.yielded) == current.run.delivery.repeated == 25
