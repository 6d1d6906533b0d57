"""Full pages of few timestamps, which prove no order: what they pass is proved by a count of it."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import timedelta
from math import ceil

import pytest

from devrev_async.export.planner import Key, Unprovable, judge
from devrev_async.export.planner.intervals import UNDATED, mark_of, moment_of
from devrev_async.export.planner.server import Order
from devrev_async.export.planner.state import State
from devrev_async.export.planner.strategies import passed
from devrev_async.export.planner.tuning import MISJUDGED
from devrev_async.sandbox import Quirks
from devrev_async.sandbox.quirks import SortBy
from tests.export.test_planner import CAPS, COUNTS, START, Count, Model, Run, with_cap, with_count

from .pages import SECOND, SortedServer, export, interval, keys, left, names, page, plan, state

TIED = [*[3.5] * 8, *[4.0] * 6, *[5.5] * 6]


def shown(seconds: Sequence[float]) -> list[Key]:
    """A page of works, some of one timestamp."""
    return [(keys(second)[0][0], f"w{number}") for number, second in enumerate(seconds)]


def going_on(order: Order = Order.UNKNOWN) -> State[str]:
    known = state(interval(0, 100))
    known.awaits_first_page = False
    known.server.order, known.server.longest_page = order, 20
    return known


@pytest.mark.parametrize("parallel", [1, 2, 4])
@pytest.mark.parametrize("per_second", [40, 100, 170, 260, 450, 499])
@pytest.mark.parametrize("works", [1600, 3600])
def test_a_page_for_what_fits_in_it_and_a_count_for_two_of_them(works: int, per_second: int, parallel: int) -> None:
    times = [START + timedelta(seconds=number // per_second) for number in range(works)]
    planned = plan(first=500, limit=10, parallel=parallel)
    cost = SortedServer(times).export(planned)
    pages = ceil(ceil(works / per_second) / (499 // per_second))
    assert planned.proofs["list"] == 0
    assert cost.requests <= 1.5 * pages + 3
    assert planned.fetched <= 500 * pages


@pytest.mark.parametrize("parallel", [1, 3])
@pytest.mark.parametrize("crowded", [0, 5])
def test_the_order_is_proved_by_what_stands_behind_crowded_seconds(crowded: int, parallel: int) -> None:
    times = [START + timedelta(days=crowded, seconds=number // 400) for number in range(800)]
    times += [START + timedelta(days=number / 300) for number in range(3000)]
    planned = plan(first=500, limit=10, parallel=parallel)
    cost = SortedServer(sorted(times)).export(planned)
    assert planned.proofs["order"] >= 2000
    assert planned.proofs["list"] == 0
    assert cost.requests <= 14


@pytest.mark.parametrize(
    ("descending", "low", "high", "open_"), [(False, 0, 5, [(0, 5), (5, 100)]), (True, 4, 100, [(0, 4), (4, 100)])]
)
def test_the_second_at_which_the_page_ends_is_not_passed(
    descending: bool, low: int, high: int, open_: list[tuple[int, int]]
) -> None:
    known, request = going_on(), export(0, 100, descending=descending)
    found = shown(TIED[::-1] if descending else TIED)
    assert passed.await_count(known, request, page(found))
    (waiting,) = known.pages
    assert waiting.passed
    assert waiting.page.keys == (found[:12] if descending else found[:14])
    assert left(known) == open_
    assert (waiting.request.low, waiting.request.high) == (SECOND + low, SECOND + high)
    instant = timedelta(microseconds=1)
    if descending:
        assert (waiting.request.after, waiting.request.before) == (moment_of(SECOND + low) - instant, request.before)
    else:
        assert (waiting.request.after, waiting.request.before) == (request.after, moment_of(SECOND + high) - instant)
    rest = next(each for each in known.coverage.intervals if each.low != UNDATED and (each.low == SECOND) is descending)
    assert rest.shown == set(map(mark_of, set(found) - set(waiting.page.keys)))
    batches = judge.judge_count(known, waiting, len(waiting.page.keys))
    assert sorted(names(batches)) == sorted(name for _, name in waiting.page.keys)
    assert left(known) == [open_[not descending]]


@pytest.mark.parametrize("later_first", [False, True])
def test_one_count_does_for_two_parts_that_meet(later_first: bool) -> None:
    known = going_on()
    early = export(0, 100), page(shown(TIED))
    late = export(5, 100, number=2), page([(key, f"late-{name}") for key, name in shown([*[5] * 9, *[7] * 9, 9, 9])])
    for request, answer in (late, early) if later_first else (early, late):
        assert passed.await_count(known, request, answer)
    (waiting,) = known.pages
    assert (waiting.request.low, waiting.request.high) == (SECOND, SECOND + 9)
    assert (waiting.request.after, waiting.request.before) == (
        early[0].after, moment_of(SECOND + 9) - timedelta(microseconds=1)
    )  # fmt: skip
    assert len(names(judge.judge_count(known, waiting, 14 + 18))) == 32
    assert left(known) == [(9, 100)]


def test_no_more_than_two_pages_are_kept_for_one_count() -> None:
    known = going_on()
    for number in range(3):
        found = [(key, f"{number}-{name}") for key, name in shown([*[number] * 15, *[number + 1] * 5])]
        assert passed.await_count(known, export(number, 100, number=number + 1), page(found))
    assert known.sizes.kept == 40
    assert [len(waiting.page.keys) for waiting in known.pages] == [30, 15]


def test_a_part_that_is_being_counted_is_not_joined() -> None:
    known = going_on()
    assert passed.await_count(known, export(0, 100), page(shown(TIED)))
    assert known.pages.next_to_count(lambda _: False) is not None
    assert passed.await_count(known, export(5, 100, number=2), page(shown([*[5] * 9, *[7] * 11])))
    assert [len(waiting.page.keys) for waiting in known.pages] == [14, 9]


@pytest.mark.parametrize(
    ("found", "order", "counts"),
    [
        (shown(TIED), Order.NONE, True),
        (shown(TIED), Order.UNKNOWN, False),
        (shown(TIED[::-1]), Order.UNKNOWN, True),  # out of order
        (shown([3] * 20), Order.UNKNOWN, True),  # it passes nothing
        (shown(TIED[:19]), Order.UNKNOWN, True),  # not a full one
        ([(UNDATED * 10**6, "n"), *shown(TIED[1:])], Order.UNKNOWN, True),  # a count of a range may have it or not
        ([], Order.UNKNOWN, True),
    ],
)
def test_nothing_awaits_a_count(found: list[Key], order: Order, counts: bool) -> None:
    known = going_on(order)
    known.server.counts = counts
    assert not passed.await_count(known, export(0, 100), page(found))
    assert (len(known.pages), left(known)) == (0, [(0, 100)])


@pytest.mark.parametrize("count", [0, 13, 15])
@pytest.mark.parametrize("before", range(MISJUDGED))
def test_a_count_of_anything_else_proves_nothing_and_ends_it_after_a_while(before: int, count: int) -> None:
    known = going_on()
    known.counts.misjudged = before
    assert passed.await_count(known, export(0, 100), page(shown(TIED)))
    (waiting,) = known.pages
    assert judge.judge_count(known, waiting, count) == []
    assert left(known) == [(0, 5), (5, 100)]
    assert len(known.pages) == 0
    assert known.server.counts
    again = passed.await_count(known, export(5, 100), page(shown([5] * 10 + [6] * 10)))
    assert again is (before + 1 < MISJUDGED)


def test_where_the_server_ceases_to_count_it_is_asked_for_by_itself() -> None:
    known = going_on()
    assert passed.await_count(known, export(0, 100), page(shown(TIED)))
    assert judge.cease_to_count(known) == []
    assert left(known) == [(0, 5), (5, 100)]
    assert not any(each.needs_list for each in known.coverage.intervals)
    assert len(known.pages) == 0


@pytest.mark.parametrize("count", sorted(set(COUNTS)))
@pytest.mark.parametrize("order", ["honoured", "sorted_after_cap", "ascending"])
def test_no_work_of_crowded_seconds_is_lost(order: SortBy, count: Count) -> None:
    for seed in range(4):
        rng = random.Random(seed)
        how = with_cap(Quirks(sort_by=order, cap=20, trims_shown=seed == 3, trims_compared=seed > 1), CAPS[seed])
        model = Model(with_count(how, count), rng)
        for number in range(130):
            model.add(START + timedelta(seconds=number // (3, 6, 11, 19)[seed]))
        run = Run(model, parallel=1 + seed)
        try:
            run.finish(rng)
        except Unprovable:
            assert count in {"random", "high"}
        else:
            run.check(list(model.items.values()))
