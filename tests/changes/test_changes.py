"""`works.changes` over real HTTP against the sandbox. Tests that play a public report of a fault name it: R1 to R19."""

from __future__ import annotations

import asyncio
import json
import logging
import random
import re
import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta, timezone
from functools import partial
from typing import Any

import pytest

from devrev_async import (
    BadRequestError,
    ChangeBatch,
    ClientClosedError,
    DateRange,
    DevRevClient,
    ForbiddenError,
    IncompleteExportError,
    InvalidArgumentError,
    LastDays,
    NextDays,
    ServiceUnavailableError,
    TicketFilter,
    UnauthorizedError,
    WorkChanges,
)
from devrev_async.changes.iteration import clock_of
from devrev_async.changes.run import Run
from devrev_async.reports import ChangesReport
from devrev_async.sandbox import Quirks, Sandbox

from .serving import NOON, rewriting, serving

pytestmark = pytest.mark.anyio

SECOND = timedelta(seconds=1)
ROOM = 100


@pytest.fixture
def little_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call holds so few works in memory that it takes many windows, as it does of many thousands otherwise."""
    monkeypatch.setattr("devrev_async.changes.iteration.Run", partial(Run[Any], room=ROOM))


async def ids_of(changes: WorkChanges, n: int = 1000) -> list[str]:
    return [str(work.id) async for batch in changes.batches(n) for work in batch.works]


def add(sandbox: Sandbox, *stamps: datetime, **more: Any) -> list[str]:
    return [sandbox.add({"created_date": NOON - timedelta(days=9), "modified_date": stamp, **more}) for stamp in stamps]


def add_many(sandbox: Sandbox, n: int, stamp: datetime, step: timedelta = timedelta()) -> list[str]:
    return [
        sandbox.add({"created_date": NOON - timedelta(days=30, seconds=i), "modified_date": stamp + i * step})
        for i in range(n)
    ]


def report_of(changes: WorkChanges) -> ChangesReport:
    assert changes.report.complete
    return changes.report


# --- what comes, in which order ---


async def test_all_works_come_once_oldest_change_first_and_the_next_call_brings_what_changed() -> None:
    async with serving(works=300) as (sandbox, client):
        changes = client.works.changes()
        batches = [batch async for batch in changes]
        works = [work for batch in batches for work in batch]
        stamps = [work.modified_date for work in works if work.modified_date is not None]
        assert stamps == sorted(stamps)
        assert Counter(work.id for work in works) == Counter(sandbox.ids())
        assert changes.until == NOON.replace(microsecond=0)
        report = report_of(changes)
        assert (report.works, report.repeated, report.undated, report.filtered_here) == (300, 0, 0, False)
        sandbox.clock.advance(3600)
        changed = sandbox.ids()[10:13]
        for id in changed:
            sandbox.clock.advance(1)
            sandbox.update(id, {"title": "changed"})
        sandbox.clock.advance(1)
        assert await ids_of(client.works.changes(batches[-1].checkpoint)) == changed


async def test_batches_measure_and_iterate_as_their_works_do() -> None:
    async with serving(works=25) as (_, client):
        batches = [batch async for batch in client.works.changes().batches(10)]
        assert [len(batch) for batch in batches] == [10, 10, 5]
        for batch in batches:
            assert isinstance(batch, ChangeBatch)
            assert list(batch) == batch.works == list(batch[:])
            assert batch[0] is batch.works[0]


async def test_each_checkpoint_goes_on_after_its_batch() -> None:
    async with serving(works=60) as (sandbox, client):
        whole = await ids_of(client.works.changes())
        seen = 0
        async for batch in client.works.changes().batches(7):
            seen += len(batch)
            assert await ids_of(client.works.changes(batch.checkpoint)) == whole[seen:]
        assert seen == len(sandbox) == 60


@pytest.mark.parametrize("way", ["raw_batches", "arrow_batches"])
async def test_the_other_ways_to_iterate_move_the_checkpoint_as_works_do(way: str) -> None:
    if way == "arrow_batches":
        pytest.importorskip("pyarrow")
    async with serving(works=40) as (_, client):
        whole = await ids_of(client.works.changes())
        changes, seen = client.works.changes(), 0
        async for batch in getattr(changes, way)(15):
            size = batch.num_rows if way == "arrow_batches" else len(batch)
            seen += size
            assert await ids_of(client.works.changes(changes.checkpoint)) == whole[seen:]
        assert seen == 40


async def test_raw_batches_are_the_servers_bytes() -> None:
    async with serving() as (sandbox, client):
        add(sandbox, NOON - SECOND, title="\u00e9", unheard_of={"a": [1]})
        (texts,) = [texts async for texts in client.works.changes().raw_batches()]
        assert b'"unheard_of":{"a":[1]}' in texts[0]


async def test_a_checkpoint_is_good_before_during_and_after_a_call_without_a_batch() -> None:
    async with serving(works=5) as (sandbox, client):
        changes = client.works.changes()
        assert len(await ids_of(client.works.changes(changes.checkpoint))) == 5
        await ids_of(changes)
        idle = client.works.changes(changes.checkpoint)
        assert await ids_of(client.works.changes(idle.checkpoint)) == []
        assert await ids_of(idle) == []
        sandbox.clock.advance(3600)
        later = client.works.changes(idle.checkpoint)
        assert await ids_of(later) == []
        assert later.checkpoint != idle.checkpoint


async def test_since_a_time_is_what_it_says_and_works_before_it_never_come() -> None:
    async with serving() as (sandbox, client):
        at = NOON - timedelta(minutes=1)
        _, exact, after = add(sandbox, at - timedelta(microseconds=1), at, at + SECOND)
        changes = client.works.changes(at)
        assert await ids_of(changes) == [exact, after]
        add(sandbox, at - 2 * SECOND)
        assert await ids_of(client.works.changes(changes.checkpoint)) == []


async def test_since_a_time_in_the_future_brings_nothing_until_then() -> None:
    async with serving(works=3) as (sandbox, client):
        at = NOON + timedelta(hours=1)
        changes = client.works.changes(at)
        assert await ids_of(changes) == []
        sandbox.clock.advance(timedelta(minutes=30))
        sandbox.update(sandbox.ids()[0])
        assert await ids_of(client.works.changes(changes.checkpoint)) == []
        sandbox.clock.advance(timedelta(minutes=31))
        sandbox.update(sandbox.ids()[1])
        sandbox.clock.advance(1)
        assert await ids_of(client.works.changes(changes.checkpoint)) == [sandbox.ids()[1]]


async def test_until_bounds_a_call_and_its_checkpoint() -> None:
    async with serving() as (sandbox, client):
        early, late = add(sandbox, NOON - 2 * SECOND, NOON - SECOND)
        changes = client.works.changes(until=NOON - 2 * SECOND)
        assert await ids_of(changes) == [early]
        assert changes.until == NOON - 2 * SECOND
        assert await ids_of(client.works.changes(changes.checkpoint)) == [late]


async def test_filters_apply() -> None:
    async with serving(works=100) as (_, client):
        works = [work async for batch in client.works.changes(type=["ticket"]) for work in batch]
        assert works
        assert {work.type for work in works} == {"ticket"}


async def test_works_without_a_date_come_with_no_since_only_and_are_counted() -> None:
    async with serving(works=4) as (sandbox, client):
        undated = sandbox.add({"id": "ISS-77", "type": "issue"}, complete=False)
        changes = client.works.changes()
        assert undated in await ids_of(changes)
        assert changes.report.undated == 1
        assert undated not in await ids_of(client.works.changes(changes.checkpoint))
        assert undated not in await ids_of(client.works.changes(NOON - timedelta(days=9999)))


@pytest.mark.parametrize(
    "quirks", [Quirks(), Quirks(undated_in_ranges=True), Quirks(missing_endpoints=("works.count",))]
)
async def test_works_without_a_date_come_among_more_than_memory_has_room_for(quirks: Quirks, little_room: None) -> None:
    async with serving(works=6 * ROOM, quirks=quirks) as (sandbox, client):
        undated = [sandbox.add({"id": f"ISS-9900{i}", "type": "issue"}, complete=False) for i in range(3)]
        changes = client.works.changes()
        ids = await ids_of(changes)
        assert Counter(ids) == Counter(sandbox.ids())
        assert set(ids[:3]) == set(undated)
        assert changes.report.undated == 3


# --- ties, late arrivals, the overlap ---


async def test_r1_a_sibling_of_the_last_stamp_comes_once_and_the_others_not_again() -> None:
    async with serving() as (sandbox, client):
        sandbox.clock.freeze(NOON.replace(microsecond=0))
        add(sandbox, NOON.replace(microsecond=0))
        first = client.works.changes()
        assert len(await ids_of(first)) == 1
        sandbox.clock.advance(1)
        (late,) = add(sandbox, NOON.replace(microsecond=0))
        for overlap in (timedelta(minutes=5), timedelta()):
            assert await ids_of(client.works.changes(first.checkpoint, overlap=overlap)) == [late]


async def test_r2_more_works_of_one_stamp_than_an_answer_holds() -> None:
    async with serving() as (sandbox, client):
        before, after = add(sandbox, NOON - timedelta(hours=2), NOON - timedelta(hours=1, minutes=59))
        tie = add_many(sandbox, 5200, NOON - timedelta(hours=2) + timedelta(milliseconds=7))
        changes = client.works.changes()
        ids = await ids_of(changes)
        assert ids[0] == before
        assert ids[-1] == after
        assert Counter(ids[1:-1]) == Counter(tie)
        assert changes.report.requests < 60


async def test_r3_a_checkpoint_inside_a_tie_loses_nothing() -> None:
    async with serving() as (sandbox, client):
        tie = add_many(sandbox, 300, NOON - SECOND)
        changes = client.works.changes()
        seen: list[str] = []
        async for batch in changes.batches(100):
            seen += [str(work.id) for work in batch]
            break
        rest = await ids_of(client.works.changes(changes.checkpoint))
        assert Counter(seen + rest) == Counter(tie)


async def test_r5_a_work_that_appears_with_an_earlier_stamp_comes_alone() -> None:
    async with serving(works=20) as (sandbox, client):
        add(sandbox, NOON - 20 * SECOND, NOON - 40 * SECOND)
        first = client.works.changes()
        await ids_of(first)
        (late,) = add(sandbox, NOON - 30 * SECOND)
        sandbox.clock.advance(10)
        assert await ids_of(client.works.changes(first.checkpoint)) == [late]
        assert await ids_of(client.works.changes(first.checkpoint, overlap=timedelta(seconds=10))) == []


async def test_r6_works_of_the_second_in_which_the_call_begins_come_now_or_then() -> None:
    async with serving(quirks=Quirks(visible_after=SECOND)) as (sandbox, client):
        sandbox.clock.freeze(NOON.replace(microsecond=0))
        added = add_many(
            sandbox, 5, NOON.replace(microsecond=0) - timedelta(milliseconds=300), timedelta(milliseconds=150)
        )
        first = client.works.changes()
        seen = await ids_of(first)
        sandbox.clock.advance(2)
        seen += await ids_of(client.works.changes(first.checkpoint))
        assert Counter(seen) == Counter(added)


async def test_r7_a_change_between_the_first_answer_and_the_first_page_comes_now_or_then() -> None:
    async with serving(works=50) as (sandbox, client):
        changed: list[str] = []

        def change(_: object) -> None:
            if not changed:
                changed.append(sandbox.ids()[7])
                sandbox.clock.advance(0.1)
                sandbox.update(changed[0], {"title": "between"})

        sandbox.on_request(change, "works.export")
        first = client.works.changes(NOON - timedelta(days=9999))
        titles = [work.title async for batch in first for work in batch]
        sandbox.clock.advance(2)
        titles += [work.title async for batch in client.works.changes(first.checkpoint) for work in batch]
        assert titles.count("between") == 1


@pytest.mark.parametrize("off", [timedelta(hours=-1), timedelta(hours=1)])
async def test_r8_only_the_servers_clock_counts(off: timedelta) -> None:
    async with serving(quirks=Quirks(clock_offset=off), at=None) as (sandbox, client):
        sandbox.add({"title": "new"})
        sandbox.clock.advance(1)
        first = client.works.changes()
        assert len(await ids_of(first)) == 1
        assert first.until is not None
        assert abs(first.until - (datetime.now(UTC) + off)) < timedelta(seconds=10)
        sandbox.update(sandbox.ids()[0])
        sandbox.clock.advance(1)
        assert len(await ids_of(client.works.changes(first.checkpoint))) == 1


@pytest.mark.parametrize(("ahead", "warned"), [(timedelta(minutes=4), False), (timedelta(minutes=6), True)])
async def test_a_checkpoint_later_than_the_servers_clock_and_the_overlap_is_said(
    ahead: timedelta, warned: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(works=3) as (sandbox, client):
        changes = client.works.changes()
        await ids_of(changes)
        sandbox.clock.freeze(NOON - ahead)
        for since in (changes.checkpoint, NOON, None):
            await ids_of(client.works.changes(since))
        await ids_of(client.works.changes(changes.checkpoint, until=NOON - timedelta(hours=9)))
    assert [record.getMessage()[:49] for record in caplog.records if record.levelno >= logging.WARNING] == [
        "the checkpoint is later than the server's clock (",
    ] * (2 if warned else 0)


async def test_r9_since_is_an_instant_in_any_zone() -> None:
    async with serving(works=50) as (_, client):
        at = NOON - timedelta(days=200)
        zones = [UTC, timezone(timedelta(hours=5, minutes=30)), timezone(timedelta(hours=-8))]
        ids = [await ids_of(client.works.changes(at.astimezone(zone))) for zone in zones]
        assert ids[0] == ids[1] == ids[2]
        with pytest.raises(InvalidArgumentError, match="since is a naive datetime"):
            client.works.changes(at.replace(tzinfo=None))


async def test_r9_stamps_with_an_offset_are_instants_too() -> None:
    async with serving() as (sandbox, client):
        sandbox.add({"modified_date": "2026-03-01T17:29:59+05:30"})
        assert len(await ids_of(client.works.changes(NOON - timedelta(minutes=1)))) == 1
        assert await ids_of(client.works.changes(NOON)) == []


async def test_r10_a_change_in_a_window_that_was_read_comes_next_time(little_room: None) -> None:
    async with serving(works=9 * ROOM) as (sandbox, client):
        changes = client.works.changes()
        changed = ""
        async for batch in changes.batches(ROOM // 2):
            if not changed:
                changed = str(batch[0].id)
                sandbox.clock.advance(5)
                sandbox.update(changed, {"title": "again"})
        sandbox.clock.advance(5)
        works = [work async for batch in client.works.changes(changes.checkpoint) for work in batch]
        assert {(work.id, work.title) for work in works} <= {(changed, "again")}
        assert changes.until == NOON.replace(microsecond=0)
        assert len(works) == 1 or changes.report.works == 9 * ROOM + 1


async def test_r11_digits_beyond_microseconds_hide_nothing() -> None:
    stamps = ["33.614Z", "12.1Z", "12Z", "12.123456789Z", "33.9999996Z", "34Z"]
    async with serving() as (sandbox, client):
        for stamp in stamps:
            sandbox.add({"modified_date": f"2026-03-01T11:59:{stamp}"})
        for second in range(11, 36):
            bound = NOON.replace(hour=11, minute=59, second=second, microsecond=0)
            early, late = client.works.changes(until=bound), client.works.changes(bound + timedelta(microseconds=1))
            assert len(await ids_of(early)) + len(await ids_of(late)) == len(stamps), second


@pytest.mark.parametrize(
    "quirks",
    [
        Quirks(),
        Quirks(trims_compared=True),
        Quirks(trims_bounds=True),
        Quirks(trims_shown=True),
        Quirks(trims_compared=True, trims_bounds=True, excludes_after=True, excludes_before=True),
        Quirks(excludes_after=True, excludes_before=True),
        Quirks(sort_by="ignored", unsortable=("modified_date",)),
        Quirks(sort_by="refused"),
        Quirks(missing_endpoints=("works.count",)),
        Quirks(count="low"),
        Quirks(count_cap=60),
        Quirks(modified_date_filter="ignored"),
        Quirks(modified_date_filter="refused"),
        Quirks(cap=80, sort_by="random"),
    ],
    ids=lambda quirks: repr(quirks)[:60],
)
async def test_r12_r14_whatever_the_server_makes_of_bounds_orders_and_counts_each_work_comes_once(
    quirks: Quirks, little_room: None
) -> None:
    """Works at the bounds of seconds, a millisecond on either side; answers in no order; more than fit in memory."""
    at = NOON.replace(microsecond=0)
    async with serving(quirks=quirks) as (sandbox, client):
        for second in range(20):
            for around in (-1, 0, 1):
                stamp = at - timedelta(hours=1) + second * SECOND + timedelta(milliseconds=around)
                add_many(sandbox, 5, stamp)
        added = sandbox.ids()
        try:
            first = client.works.changes()
            assert Counter(await ids_of(first)) == Counter(added)
            for cut in (at - timedelta(minutes=59, seconds=50), at - timedelta(minutes=59, seconds=50, milliseconds=1)):
                early, late = client.works.changes(until=cut), client.works.changes(cut + timedelta(microseconds=1))
                assert Counter(await ids_of(early) + await ids_of(late)) == Counter(added)
        except IncompleteExportError:
            assert quirks.cap == 80
        else:
            assert first.report.filtered_here is (quirks.modified_date_filter != "honoured")


async def test_r13_the_position_moves_although_the_server_trims_to_seconds() -> None:
    async with serving(works=500, quirks=Quirks(trims_shown=True, trims_compared=True, trims_bounds=True)) as (
        sandbox,
        client,
    ):
        changes = client.works.changes()
        await ids_of(changes)
        for _ in range(2):
            sandbox.clock.advance(3600)
            asked = len(sandbox.requests)
            changes = client.works.changes(changes.checkpoint)
            assert await ids_of(changes) == []
            until = sandbox.clock.now().replace(microsecond=0)
            assert changes.until == until
            bounds = [request.json["modified_date"]["after"][:19] for request in sandbox.requests[asked:]]
            earliest = until - timedelta(hours=1, minutes=5)
            assert (earliest - 2 * SECOND).isoformat()[:19] <= min(bounds) <= earliest.isoformat()[:19]


async def test_two_changes_of_one_second_both_come_although_the_server_trims_its_stamps() -> None:
    async with serving(works=3, quirks=Quirks(trims_shown=True)) as (sandbox, client):
        sandbox.clock.freeze(NOON)
        id = sandbox.ids()[1]
        sandbox.update(id, {"title": "first"})
        first = client.works.changes()
        await ids_of(first)
        sandbox.clock.advance(0.2)
        sandbox.update(id, {"title": "second"})
        sandbox.clock.advance(5)
        works = [work async for batch in client.works.changes(first.checkpoint) for work in batch]
        assert [work.title for work in works] == ["second"]


@pytest.mark.parametrize("raw", [False, True])
async def test_two_changes_of_one_second_differ_by_a_key_that_no_type_has_where_it_is_kept(raw: bool) -> None:
    level = b"1"
    async with serving(works=3, quirks=Quirks(trims_shown=True)) as (sandbox, _):
        sandbox.update(sandbox.ids()[1], {"title": "new"})
        async with rewriting(sandbox, lambda body: body.replace(b'{"type"', b'{"level":%b,"type"' % level)) as client:
            first = client.works.changes()
            shown = [text async for batch in first.raw_batches() for text in batch] if raw else await ids_of(first)
            assert len(shown) == 3
            level = b"2"
            sandbox.clock.advance(5)
            again = client.works.changes(first.checkpoint)
            texts = [text async for batch in again.raw_batches() for text in batch] if raw else await ids_of(again)
            assert len(texts) == (1 if raw else 0)


UNREADABLE: dict[str, Callable[[bytes], bytes]] = {
    "no zone": lambda text: text[:-2] + b'"',
    "a number": lambda _: b"1772366400000",
    "words": lambda _: b'"a moment ago"',
}


@pytest.mark.parametrize("form", UNREADABLE.values(), ids=list(UNREADABLE))
@pytest.mark.parametrize("raw", [False, True])
async def test_a_timestamp_that_cannot_be_read_hides_no_change(
    form: Callable[[bytes], bytes], raw: bool, little_room: None
) -> None:
    readable = True

    def rewrite(body: bytes) -> bytes:
        return body if readable else re.sub(rb'(?<="modified_date":)\s*"[^"]*"', lambda text: form(text[0]), body)

    async def changed(changes: WorkChanges) -> list[str]:
        if not raw:
            return await ids_of(changes, 7)
        return [json.loads(text)["id"] async for batch in changes.raw_batches(7) for text in batch]

    async with serving(works=3 * ROOM) as (sandbox, _), rewriting(sandbox, rewrite) as client:
        changes = client.works.changes()
        assert len(await changed(changes)) == 3 * ROOM
        readable = False
        sandbox.clock.advance(3600)
        ids = sorted(sandbox.ids())[: 2 * ROOM]
        for id in ids:
            sandbox.clock.advance(0.1)
            sandbox.update(id, {"title": "new"})
        sandbox.clock.advance(5)
        changes = client.works.changes(changes.checkpoint)
        assert sorted(await changed(changes)) == ids
        assert report_of(changes).undated == 2 * ROOM
        for again in (2 * ROOM, 0):  # the overlap shows them once more, and nothing says that they did not change
            sandbox.clock.advance(3600)
            changes = client.works.changes(changes.checkpoint)
            assert len(await changed(changes)) == report_of(changes).repeated == again
        assert Counter(await changed(client.works.changes())) == Counter(sandbox.ids())


async def test_a_timestamp_that_cannot_be_read_hides_no_change_where_the_filter_is_ignored() -> None:
    async with serving(works=20, quirks=Quirks(modified_date_filter="ignored")) as (sandbox, _):
        odd = min(sandbox.ids()).encode()
        before = rb'("id":"%b".*?"modified_date":)"[^"]*"' % odd
        async with rewriting(sandbox, lambda body: re.sub(before, rb"\1false", body)) as client:
            changes = client.works.changes()
            assert len(await ids_of(changes)) == 20
            for _ in range(2):  # nothing says that it did not change
                sandbox.clock.advance(3600)
                changes = client.works.changes(changes.checkpoint)
                assert await ids_of(changes) == [odd.decode()]
                assert (changes.report.undated, changes.report.repeated) == (1, 1)


async def test_r15_a_work_of_the_future_never_moves_the_position_and_comes_in_its_time() -> None:
    async with serving(works=3) as (sandbox, client):
        before = client.works.changes()
        await ids_of(before)
        (future,) = add(sandbox, NOON + timedelta(days=365))
        assert future in await ids_of(client.works.changes())
        none = client.works.changes(before.checkpoint)
        assert await ids_of(none) == []
        (now,) = add(sandbox, NOON + 2 * SECOND)
        sandbox.clock.advance(5)
        some = client.works.changes(none.checkpoint)
        assert await ids_of(some) == [now]
        sandbox.clock.advance(timedelta(days=366))
        assert await ids_of(client.works.changes(some.checkpoint)) == [future]


@pytest.mark.parametrize("when", ["requests", "batches"])
async def test_r19_works_that_change_while_they_are_read_come_in_this_call_or_the_next(when: str) -> None:
    async with serving(works=6000) as (sandbox, client):
        rng = random.Random(5)
        touched: set[str] = set()
        ids = sandbox.ids()

        def disturb(_: object = None) -> None:
            sandbox.clock.advance(0.4)
            some = rng.sample(ids, 5 if when == "requests" else 60)
            touched.update(some)
            sandbox.update_many(some, {"title": "touched"})

        stop = sandbox.on_request(disturb) if when == "requests" else lambda: None
        first = client.works.changes()
        newest: dict[str, Any] = {}
        async for batch in first.batches(500):
            newest |= {str(work.id): work.modified_date for work in batch}
            if when == "batches":
                disturb()
        stop()
        sandbox.clock.advance(1)
        second = client.works.changes(first.checkpoint)
        async for batch in second:
            newest |= {str(work.id): work.modified_date for work in batch}
        truth = {str(work.id): work.modified_date async for work in client.works.export_all()}
        assert len(touched) > 20
        assert newest == truth


# --- checkpoints and arguments ---


async def test_a_checkpoint_of_another_query_says_what_differs() -> None:
    async with serving(works=5) as (_, client):
        changes = client.works.changes(type=["ticket", "issue"], ticket=TicketFilter(severity=["low"]))
        await ids_of(changes)
        same = client.works.changes(changes.checkpoint, type=["issue", "ticket"], ticket=TicketFilter(severity=["low"]))
        assert await ids_of(same) == []
        with pytest.raises(ValueError, match=r'type was \["issue", "ticket"\] and is \["issue"\]') as refused:
            client.works.changes(changes.checkpoint, type=["issue"], state=["open"])
        assert 'state was not given and is ["open"]' in str(refused.value)
        assert "ticket was" in str(refused.value)


@pytest.mark.parametrize(
    ("since", "error"),
    [("", InvalidArgumentError), ("abc", InvalidArgumentError), ("\u00e9", InvalidArgumentError), (5, TypeError)],
)
async def test_what_is_no_checkpoint_is_refused(since: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="since="):
        DevRevClient("t", base_url="http://127.0.0.1:1").works.changes(since)


async def test_a_checkpoint_that_was_altered_or_cut_is_refused() -> None:
    async with serving(works=3) as (_, client):
        changes = client.works.changes()
        await ids_of(changes)
        text = changes.checkpoint
        for bad in (text[:-3], text[1:], text[:20] + ("A" if text[20] != "A" else "B") + text[21:]):
            with pytest.raises(InvalidArgumentError, match="no checkpoint"):
                client.works.changes(bad)


@pytest.mark.parametrize(
    ("filters", "message"),
    [
        ({"modified_date": DateRange(after=NOON)}, "modified_date"),
        ({"extra_body": {"modified_date": {"type": "range"}}}, "modified_date"),
        ({"created_date": LastDays(7)}, "created_date: LastDays and NextDays"),
        ({"ticket": {"sla_summary": {"target_time": NextDays(7)}}}, "ticket: LastDays and NextDays"),
        ({"overlap": -SECOND}, "^overlap takes at least 0 seconds, not -1 day, 23:59:59$"),
        (
            {"until": NOON - SECOND},
            r"^since \(2026-03-01T12:00:00\.250000\+00:00\) is later than until \(2026-03-01T11:59:59\.250000\+00:00\)$",
        ),
        ({"extra_body": {"first": 5}}, "extra_body has what each request sets by itself: first"),
        ({"until": datetime(2026, 1, 1)}, "until is a naive datetime"),  # noqa: DTZ001 - that is what is refused
    ],
)
async def test_arguments_that_cannot_be_are_refused_before_anything_is_sent(filters: Any, message: str) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        DevRevClient("t", base_url="http://127.0.0.1:1").works.changes(NOON, **filters)


async def test_an_overlap_may_be_as_long_as_can_be() -> None:
    async with serving(works=30) as (sandbox, client):
        first = client.works.changes(overlap=timedelta.max)
        await ids_of(first)
        sandbox.clock.advance(3600)
        sandbox.update(sandbox.ids()[3])
        sandbox.clock.advance(1)
        again = client.works.changes(first.checkpoint, overlap=timedelta.max)
        assert await ids_of(again) == [sandbox.ids()[3]]
        assert report_of(again).repeated == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"overlap": 300}, r"^overlap takes a timedelta, not int$"),
        ({"on_progress": 5}, r"^on_progress takes a "),
        ({"bogus": 1}, r"^changes\(\) got an unexpected keyword argument 'bogus'"),
    ],
)
async def test_arguments_of_another_type_are_refused(options: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        DevRevClient("t", base_url="http://127.0.0.1:1").works.changes(NOON, **options)


@pytest.mark.parametrize("way", ["batches", "raw_batches", "arrow_batches"])
async def test_a_batch_has_1000_works_where_nothing_else_is_said_and_at_least_one(way: str) -> None:
    if way == "arrow_batches":
        pytest.importorskip("pyarrow")
    async with serving(works=2001) as (_, client):
        batches = [batch async for batch in getattr(client.works.changes(), way)()]
        assert [getattr(batch, "num_rows", None) or len(batch) for batch in batches] == [1000, 1000, 1]
        with pytest.raises(InvalidArgumentError, match="at least 1"):
            getattr(client.works.changes(), way)(0)


@pytest.mark.parametrize(
    "options", [{}, {"columns": ["id", "owned_by"]}, {"depth": None}, {"columns": ["owned_by"], "depth": 2}]
)
async def test_record_batches_have_the_schema_of_their_columns_and_depth(options: Any) -> None:
    pytest.importorskip("pyarrow")
    from devrev_async.arrow import works_schema

    async with serving(works=3) as (_, client):
        (batch,) = [batch async for batch in client.works.changes().arrow_batches(**options)]
        assert batch.schema == works_schema(**options)


async def test_since_and_until_may_be_one_instant() -> None:
    async with serving() as (sandbox, client):
        _, exact, _ = add(sandbox, NOON - 2 * SECOND, NOON - SECOND, NOON - SECOND / 2)
        assert await ids_of(client.works.changes(NOON - SECOND, until=NOON - SECOND)) == [exact]


# --- failures ---


async def test_r20_after_a_failure_the_checkpoint_covers_what_was_yielded() -> None:
    async with serving(works=9000, max_retries=0) as (sandbox, client):
        changes, seen = client.works.changes(), list[str]()
        with pytest.raises(ServiceUnavailableError):
            async for batch in changes.batches(100):
                if not seen:
                    sandbox.fail_next("works.export", status=503)
                seen += [str(work.id) for work in batch]
        assert 0 < len(seen) < 9000
        assert not changes.report.complete
        seen += await ids_of(client.works.changes(changes.checkpoint))
        assert Counter(seen) == Counter(sandbox.ids())


async def test_a_refused_token_raises_at_once() -> None:
    async with serving(works=3) as (sandbox, _), DevRevClient("wrong", base_url=sandbox.url) as client:
        with pytest.raises(UnauthorizedError):
            await ids_of(client.works.changes())


async def test_a_server_whose_answers_bear_no_date_is_no_clock() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        body = b'{"count":0,"has_more":false}'
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(body), body))
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with DevRevClient("t", base_url=url) as client:
            changes = client.works.changes()
            with pytest.raises(IncompleteExportError) as caught:
                await ids_of(changes)
            assert str(caught.value).endswith(
                "the server's answers bear no Date, so nothing says up to when they are complete; changes takes until="
            )
            assert caught.value.report is changes.report
            assert (changes.until, changes.report.complete) == (None, False)


async def test_a_window_that_is_not_proved_is_read_once_more_without_its_range() -> None:
    quirks = Quirks(empty_pages=4, count_cap=10, missing_endpoints=("works.list",))
    async with serving(works=20, quirks=quirks) as (sandbox, client):
        changes = client.works.changes(NOON - timedelta(days=9999))
        assert Counter(await ids_of(changes)) == Counter(sandbox.ids())
        assert report_of(changes).requests == len(sandbox.requests)
        ranged = ["modified_date" in request.json for request in sandbox.requests if request.endpoint == "works.export"]
        assert ranged == sorted(ranged, reverse=True)
        assert set(ranged) == {True, False}


@pytest.mark.parametrize("missing", [(), ("works.count",)])
@pytest.mark.parametrize(
    ("support", "said"),
    [
        ("refused", ["the server refuses the filter by modified_date: every work is read, and filtered here"]),
        ("ignored", ["works.export ignores the filter by modified_date: every work is read, and filtered here"]),
        ("honoured", []),
    ],
)
async def test_a_filter_that_is_refused_or_ignored_is_said_once(
    support: Any, said: list[str], missing: tuple[str, ...], caplog: pytest.LogCaptureFixture
) -> None:
    quirks = Quirks(modified_date_filter=support, missing_endpoints=missing)
    async with serving(works=100, quirks=quirks) as (sandbox, client):
        with caplog.at_level(logging.WARNING, "devrev_async"):
            sandbox.update(sandbox.ids()[0])
            sandbox.clock.advance(1)
            changes = client.works.changes(NOON - SECOND)
            assert await ids_of(changes) == [sandbox.ids()[0]]
        assert report_of(changes).filtered_here is bool(said)
        assert caplog.messages == said


async def test_what_cannot_be_proved_is_the_exports_error_with_the_report_of_the_changes() -> None:
    quirks = Quirks(empty_pages=99, count_cap=10, missing_endpoints=("works.list",))
    async with serving(works=20, quirks=quirks) as (sandbox, client):
        export = client.works.export_all()
        with pytest.raises(IncompleteExportError) as of_export:
            assert [work async for work in export]
        asked = len(sandbox.requests)
        changes = client.works.changes()
        with pytest.raises(IncompleteExportError) as caught:
            await ids_of(changes)
        assert str(caught.value) == str(of_export.value)
        assert caught.value.report is changes.report
        assert (changes.report.complete, changes.report.windows) == (False, 0)
        assert changes.report.requests == len(sandbox.requests) - asked


async def test_leaving_the_loop_early_ends_the_requests() -> None:
    async with serving(works=9000) as (sandbox, client):
        async with client.works.changes() as changes:
            async for batch in changes.batches(10):
                assert len(batch) == 10
                break
        async with asyncio.timeout(10):
            while sandbox.requests_in_flight:
                await asyncio.sleep(0.001)
        with pytest.raises(RuntimeError, match="iterated once"):
            await ids_of(changes)


async def _waiting(
    sandbox: Sandbox, client: DevRevClient, endpoint: str
) -> tuple[WorkChanges, asyncio.Task[list[str]]]:
    """Changes, and the task that reads them, once it waits for the answer of an endpoint."""
    arrived = asyncio.Event()
    sandbox.on_request(lambda _: arrived.set(), endpoint)
    sandbox.fail_next(endpoint, status=None, delay=30)
    changes = client.works.changes()
    consumer = asyncio.create_task(ids_of(changes))
    await arrived.wait()
    return changes, consumer


@pytest.mark.parametrize("endpoint", ["works.count", "works.export"])
async def test_closing_from_another_task_ends_the_request_and_the_consumer_learns_of_it(endpoint: str) -> None:
    async with serving(works=9) as (sandbox, client):
        changes, consumer = await _waiting(sandbox, client, endpoint)
        await changes.aclose()
        with pytest.raises(ClientClosedError, match=r"works\.changes: closed"):
            await asyncio.wait_for(consumer, 5)
        assert not changes.report.complete


@pytest.mark.parametrize("call", ["changes", "export_all"])
async def test_what_was_closed_before_it_was_begun_says_so(call: str) -> None:
    async with serving(works=9) as (sandbox, client):
        iteration: Any = getattr(client.works, call)()
        await iteration.aclose()
        with pytest.raises(ClientClosedError, match=rf"works\.{call}: closed"):
            async for _ in iteration:
                pass
        assert (iteration.report.seconds, sandbox.requests) == (0, [])


@pytest.mark.parametrize("endpoint", ["works.count", "works.export"])
async def test_closing_the_client_ends_the_request_and_is_named_as_that(endpoint: str) -> None:
    async with serving(works=9) as (sandbox, client):
        changes, consumer = await _waiting(sandbox, client, endpoint)
        await client.close()
        with pytest.raises(ClientClosedError) as caught:
            await asyncio.wait_for(consumer, 5)
        assert "works.changes" not in str(caught.value)
        assert not changes.report.complete


async def test_a_query_that_is_refused_without_a_range_is_the_servers_error() -> None:
    async with serving(works=9) as (sandbox, client):
        sandbox.fail_next("works.export", status=400, times=9)
        with pytest.raises(BadRequestError):
            await ids_of(client.works.changes())


async def test_cancelling_the_consumer_cancels_it() -> None:
    async with serving(works=9) as (sandbox, client):
        arrived = asyncio.Event()
        sandbox.on_request(lambda _: arrived.set(), "works.count")
        sandbox.fail_next("works.count", status=None, delay=30)
        consumer = asyncio.create_task(ids_of(client.works.changes()))
        await arrived.wait()
        consumer.cancel()
        with pytest.raises(asyncio.CancelledError):
            await consumer


@pytest.mark.parametrize("endpoint", ["works.count", "works.export"])
async def test_a_consumer_that_is_cancelled_while_another_task_closes_is_cancelled(endpoint: str) -> None:
    async with serving(works=9) as (sandbox, client):
        changes, consumer = await _waiting(sandbox, client, endpoint)
        consumer.cancel()
        await changes.aclose()
        await asyncio.wait([consumer], timeout=5)
        assert consumer.cancelled()


async def test_progress_is_the_report_after_each_answer_and_each_batch() -> None:
    seen: list[tuple[int, int, bool]] = []

    def note(report: ChangesReport) -> None:
        assert report is changes.report
        seen.append((report.requests, report.works, report.complete))

    async with serving(works=25) as (sandbox, client):
        changes = client.works.changes(on_progress=note)
        await ids_of(changes, 10)
        assert seen == [
            *[(1, 0, False), (2, 10, False), (2, 20, False)],
            *[(2, 20, False), (2, 25, False), (2, 25, True)],
        ]
        assert len(sandbox.requests) == 2


async def test_each_request_is_counted_and_so_are_the_seconds_until_the_end(little_room: None) -> None:
    async with serving(works=6 * ROOM) as (sandbox, client):
        changes = client.works.changes()
        assert changes.report.seconds == 0
        begun, during = time.monotonic(), list[float]()
        async for _ in changes.batches(ROOM):
            during.append(changes.report.seconds)
        elapsed = time.monotonic() - begun
        assert changes.report.requests == len(sandbox.requests) > 4
        seconds = changes.report.seconds
        assert [0.0, *during, seconds, elapsed] == sorted([0.0, *during, seconds, elapsed])
        assert 0 < during[0] < during[-1]
        await changes.aclose()
        await asyncio.sleep(0.001)
        assert changes.report.seconds == seconds


@pytest.mark.parametrize("batch", [1, 2, 3])
async def test_closing_between_two_batches_or_after_the_last_is_no_end(batch: int) -> None:
    async with serving(works=25) as (_, client):
        changes, sizes = client.works.changes(), list[int]()
        with pytest.raises(ClientClosedError, match=r"^works\.changes: closed before it was complete$"):
            async for works in changes.batches(10):
                sizes.append(len(works))
                if len(sizes) == batch:
                    await changes.aclose()
        assert sizes == [10, 10, 5][:batch]
        assert not changes.report.complete
        assert len(await ids_of(client.works.changes(changes.checkpoint))) == 25 - sum(sizes)


async def test_the_servers_clock_costs_one_count() -> None:
    async with serving(works=3) as (sandbox, client):
        assert await clock_of(client.works.changes()) == NOON.replace(microsecond=0)
        assert [request.endpoint for request in sandbox.requests] == ["works.count"]
    async with serving(works=3, max_retries=0) as (sandbox, client):
        sandbox.fail_next("works.count", status=401)
        with pytest.raises(UnauthorizedError):
            await clock_of(client.works.changes())


async def test_a_token_that_may_not_count_reads_without() -> None:
    async with serving(works=30) as (sandbox, client):
        sandbox.fail_next("works.count", status=403, times=1000)
        assert sorted(await ids_of(client.works.changes())) == sorted(sandbox.ids())
    async with serving(works=30, max_retries=0) as (sandbox, client):
        sandbox.fail_next(status=403, times=1000)
        with pytest.raises(ForbiddenError):
            await ids_of(client.works.changes())


# --- price ---


async def test_what_is_new_takes_one_count_and_one_page_and_so_does_nothing_new() -> None:
    async with serving(works=12_000) as (sandbox, client):
        changes = client.works.changes()
        async for texts in changes.raw_batches(5000):
            assert texts
        assert report_of(changes).requests <= 18
        sandbox.clock.advance(3600)
        idle = client.works.changes(changes.checkpoint)
        assert await ids_of(idle) == []
        assert report_of(idle).requests == 2
        some: Sequence[str] = sandbox.ids()[::100]
        sandbox.update_many(some)
        sandbox.clock.advance(1)
        again = client.works.changes(idle.checkpoint)
        assert Counter(await ids_of(again)) == Counter(some)
        assert report_of(again).requests == 2
