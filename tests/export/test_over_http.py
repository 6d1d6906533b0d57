"""The complete export over real HTTP, against the sandbox."""

from __future__ import annotations

import asyncio
import gc
import json
import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from devrev_async import (
    BadRequestError,
    ClientClosedError,
    DateRange,
    DevRevClient,
    ExportReport,
    IncompleteExportError,
    InvalidArgumentError,
    ServiceUnavailableError,
    Ticket,
    UnknownWork,
)
from devrev_async.export.planner.tuning import BOTH, SLOW_FROM
from devrev_async.sandbox import Quirks, Sandbox
from devrev_async.sandbox.quirks import whole_second
from devrev_async.sandbox.server import run_in_thread
from tests.servers import serving, work

if TYPE_CHECKING:
    from collections.abc import Iterator

    from devrev_async.export.iteration import WorkExport

pytestmark = pytest.mark.anyio


def export_all(client: DevRevClient, **options: Any) -> WorkExport:
    return client.works.export_all(**options)


def client_of(sandbox: Sandbox, **options: Any) -> DevRevClient:
    return DevRevClient(sandbox.token, base_url=sandbox.url, **options)


MANY = 3400
"""More than the three answers that are asked for before the first work arrives."""


@pytest.fixture(scope="module")
def large() -> Iterator[Sandbox]:
    with run_in_thread(Sandbox(works=MANY, seed=7, quirks=Quirks(cap=1000))) as sandbox:
        yield sandbox


async def test_every_work_of_many_answers_comes_once(large: Sandbox) -> None:
    before = large.request_count
    seen: set[str | None] = set()
    async with client_of(large) as client:
        export = export_all(client)
        async for work in export:
            assert work.id not in seen
            seen.add(work.id)
    assert seen == set(large.ids())
    report = export.report
    assert report.works == MANY
    assert report.complete
    assert report.requests == large.request_count - before
    assert report.retries == report.unknown == 0


async def test_batches_and_raw_batches(large: Sandbox) -> None:
    expected = [name for name in large.ids() if ":ticket/" in name]
    async with client_of(large) as client:
        sizes: list[int] = []
        ids: list[str | None] = []
        async for batch in export_all(client, type=["ticket"]).batches(300):
            assert all(isinstance(work, Ticket) for work in batch)
            sizes.append(len(batch))
            ids += [work.id for work in batch]
        assert set(sizes[:-1]) == {300}
        assert sorted(map(str, ids)) == sorted(expected)
        export = export_all(client, type=["ticket"])
        raws = [text async for batch in export.raw_batches() for text in batch]
    assert len(raws) == len(expected) == export.report.works
    for text in raws[:100]:
        work = json.loads(text)
        assert work == large.get(work["id"])


async def test_interrupted_anywhere_and_resumed(large: Sandbox) -> None:
    rng = random.Random(11)
    ids: list[str | None] = []
    checkpoint: str | None = None
    async with client_of(large) as client:
        for _ in range(4):
            stop = rng.randrange(1, MANY // 4)
            async with export_all(client, resume=checkpoint) as export:
                async for work in export:
                    ids.append(work.id)
                    stop -= 1
                    if not stop:
                        break
                checkpoint = export.checkpoint
                assert len(checkpoint) < 1500
        last = export_all(client, resume=checkpoint)
        ids += [work.id async for work in last]
        assert last.report.complete
        over = export_all(client, resume=last.checkpoint)
        assert [work async for work in over] == []
        assert over.report.requests == 0
    assert len(ids) == len(set(ids)) == MANY


@pytest.mark.parametrize("n", [None, 1, 100, 250])
async def test_the_loop_has_its_turn_while_a_page_is_handed_over(large: Sandbox, n: int | None) -> None:
    turns = 0

    async def turn() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    handed: Counter[int] = Counter()  # works by the turn in which they came
    async with client_of(large) as client, asyncio.TaskGroup() as group:
        turning = group.create_task(turn())
        if n is None:
            async for _ in export_all(client):
                handed[turns] += 1
        else:
            async for batch in export_all(client).batches(n):
                handed[turns] += len(batch)
        turning.cancel()
    assert handed.total() == MANY
    assert max(handed.values()) <= 500


async def test_the_consumer_may_call_the_client_with_one_slot(large: Sandbox) -> None:
    async with client_of(large, max_concurrency=1) as client:
        seen = 0
        async for work in export_all(client, type=["ticket"]):
            seen += 1
            if seen % 100 == 1:
                assert work.id is not None
                assert (await client.works.get(work.id)).id == work.id
    assert seen > 500


async def test_leaving_early_cancels_what_is_under_way(large: Sandbox) -> None:
    async with client_of(large) as client:
        async with export_all(client) as export:
            async for _ in export:
                break
        assert not exporting()
        assert (await client.works.count()).count == MANY
        async for _ in export_all(client):
            break
        gc.collect()
        for _ in range(5):
            await asyncio.sleep(0)
        assert not exporting()


async def test_a_range_that_fails_for_good(large: Sandbox) -> None:
    async with client_of(large, max_retries=1) as client:
        ids: list[str | None] = []
        export = export_all(client)
        async for work in export:
            ids.append(work.id)
            if len(ids) == 1:
                large.fail_next("works.export", status=503, times=2, retry_after=0)
                large.fail_next("works.export", status=503, times=6, retry_after=0)
                break
        export = export_all(client, resume=export.checkpoint)
        with pytest.raises(ServiceUnavailableError):
            ids += [work.id async for work in export]
        assert export.report.works == 0
        assert export.report.retries >= 1
        assert not export.report.complete
        while True:  # what is left of the faults
            export = export_all(client, resume=export.checkpoint)
            try:
                async for work in export:
                    ids.append(work.id)
            except ServiceUnavailableError:
                continue
            break
    assert len(ids) == len(set(ids)) == MANY


async def test_transient_faults_are_retried_and_counted(large: Sandbox) -> None:
    large.fail_next("works.export", status=503, times=2, retry_after=0)
    large.fail_next("works.export", status=200, body='{"works": [{"type"')
    async with client_of(large, retry_wait=(0, 0)) as client:
        export = export_all(client, type=["opportunity"])
        works = [work async for work in export]
    assert len(works) == sum(":opportunity/" in name for name in large.ids())
    assert export.report.retries == 3


async def test_closing_the_client_ends_the_export(large: Sandbox) -> None:
    client = client_of(large)
    export = export_all(client)

    async def run() -> None:
        async for _ in export:
            await client.close()

    with pytest.raises(ClientClosedError):
        await run()
    assert not exporting()


@pytest.mark.parametrize(("works", "most"), [(0, 2), (1, 2), (3, 2), (100, 2), (101, 2), (1500, 2)])
async def test_small_exports(works: int, most: int) -> None:
    async with Sandbox(works=works) as sandbox, client_of(sandbox) as client:
        export = export_all(client)
        ids = [work.id async for work in export]
        assert sorted(map(str, ids)) == sorted(sandbox.ids())
        assert sandbox.request_count <= most
        assert len(await client.works.export()) == works


async def test_more_works_on_one_timestamp_than_an_answer_holds() -> None:
    moment = "2024-02-01T10:00:00.123Z"
    tied = [{"type": "task", "title": f"T{n}", "created_date": moment} for n in range(540)]
    others = [
        {"type": "task", "title": f"O{n}", "created_date": f"2024-0{n % 9 + 1}-05T00:{n % 60:02}:00Z"}
        for n in range(90)
    ]
    with run_in_thread(Sandbox(works=[*tied, *others], quirks=Quirks(cap=500))) as sandbox:
        async with client_of(sandbox) as client:
            export = export_all(client)
            ids = [work.id async for work in export]
        assert len(ids) == len(set(ids)) == 630
        assert export.report.complete


async def test_odd_works_arrive_once() -> None:
    works: list[dict[str, Any]] = [{"type": "task", "title": f"T{n}"} for n in range(250)]
    async with Sandbox(works=works) as sandbox, client_of(sandbox) as client:
        sandbox.add({"type": "epic", "title": "of a type to come"})
        sandbox.add({"type": "task", "title": 7})
        export = export_all(client)
        got = [work async for work in export]
        assert len(got) == 252
        assert sum(isinstance(work, UnknownWork) for work in got) == export.report.unknown == 1
        assert [work.invalid for work in got if work.invalid] == [{"title": 7}]
        raw = export_all(client)
        assert sum([len(batch) async for batch in raw.raw_batches(40)]) == 252


@pytest.mark.parametrize("raw", [False, True])
async def test_works_without_an_id_or_a_date_arrive_as_often_as_the_server_shows_them(raw: bool) -> None:
    texts = [b"null", b"null", b"7", b'{"id":null}', b'{"id":"","created_date":"2024-01-01T00:00:00Z"}']

    async def handle(request: web.Request) -> web.Response:
        if request.path == "/works.count":
            return web.json_response({"count": len(texts), "has_more": False})
        return web.Response(body=b'{"works":[' + b",".join(texts) + b"]}", content_type="application/json")

    async with serving(handle) as url, DevRevClient("a-test-token", base_url=url, max_retries=0) as client:
        export = export_all(client)
        if raw:
            batches = [batch async for batch in export.raw_batches(2)]
            assert [len(batch) for batch in batches] == [2, 2, 1]
            got = [text for batch in batches for text in batch]
        else:
            got = [work.to_json() async for work in export]
    assert sorted(got) == sorted(texts)
    assert (export.report.works, export.report.unknown) == (5, 5)


async def test_works_changed_created_and_deleted_meanwhile() -> None:
    with run_in_thread(Sandbox(works=2400, seed=3, quirks=Quirks(cap=1000))) as sandbox:
        rng = random.Random(5)
        at_first = sandbox.ids()
        gone: set[str] = set()
        async with client_of(sandbox) as client:
            ids: list[str] = []
            async for work in export_all(client):
                ids.append(str(work.id))
                if len(ids) % 300 == 0:
                    victim = rng.choice(at_first)
                    if victim not in gone:
                        gone.add(victim)
                        await client.works.delete(victim)
                    sandbox.add({"type": "task", "title": "new"})
        assert len(ids) == len(set(ids))
        assert set(at_first) - gone <= set(ids)


async def test_a_work_that_is_deleted_before_each_answer_ends_no_export() -> None:
    """The count and the page beside it never agree; the order proves what there is."""
    async with Sandbox(works=600, seed=5) as sandbox:
        doomed = iter(random.Random(5).sample(sandbox.ids(), 400))
        sandbox.on_request(lambda _: sandbox.delete(next(doomed)))
        async with client_of(sandbox, max_concurrency=1) as client:
            export = export_all(client)
            ids = [work.id async for work in export]
    assert len(ids) == len(set(ids))
    assert set(sandbox.ids()) <= set(ids)
    assert export.report.proofs["order"] == len(ids)
    assert export.report.requests < 20


async def test_filters_and_arguments() -> None:
    async with Sandbox(works=300) as sandbox, client_of(sandbox) as client:
        dates = sorted(sandbox.get(name)["created_date"] for name in sandbox.ids())
        after, before = datetime.fromisoformat(dates[50]), datetime.fromisoformat(dates[249])
        export = export_all(client, created_date=DateRange(after=after, before=before))
        got = [work async for work in export]
        assert len(got) == sum(dates[50] <= date <= dates[249] for date in dates)
        with pytest.raises(TypeError):
            export_all(client, no_such_filter=1)
        with pytest.raises(ValueError, match="other filters"):
            export_all(client, resume=export.checkpoint)
        with pytest.raises(ValueError, match="extra_body"):
            export_all(client, type=["issue"], extra_body={"type": ["task"]})
        for own in ({"created_date": {"type": "range"}}, {"first": 10}, {"sort_by": ["created_date:desc"]}):
            with pytest.raises(InvalidArgumentError, match=next(iter(own))):
                export_all(client, extra_body=own)
            with pytest.raises(InvalidArgumentError, match=next(iter(own))):
                await client.works.plan_slices(2, extra_body=own)
        odd = export_all(client, extra_body={"no_such_key": 1})
        with pytest.raises(Exception, match="no_such_key"):
            _ = [work async for work in odd]
        left = sandbox.request_count
    assert left == sandbox.request_count


@pytest.mark.parametrize(
    "quirks",
    [
        Quirks(),
        Quirks(trims_bounds=True),
        Quirks(trims_compared=True),
        Quirks(trims_shown=True),
        Quirks(trims_bounds=True, trims_compared=True, excludes_after=True, excludes_before=True),
        Quirks(trims_compared=True, sort_by="ignored", cap=25),
        Quirks(trims_shown=True, sort_by="ignored", cap=25),
        Quirks(sort_by="random", cap=25),
    ],
    ids=repr,
)
@pytest.mark.parametrize(("after", "before"), [(1.55, 4.85), (2.0, 2.0), (2.5, 2.5), (2.9, None), (None, 3.0)])
async def test_a_range_with_fractions_of_a_second_on_a_server_that_trims(
    quirks: Quirks, after: float | None, before: float | None
) -> None:
    start = datetime(2024, 3, 1, tzinfo=UTC)
    first, last = (None if each is None else start + timedelta(seconds=each) for each in (after, before))
    dates = [start + timedelta(milliseconds=50 * number) for number in range(120)]
    works = [{"type": "task", "title": "T", "created_date": date.isoformat()} for date in dates]
    async with Sandbox(works=works, quirks=quirks) as sandbox, client_of(sandbox) as client:
        export = export_all(client, created_date=DateRange(after=first, before=last))
        ids = [work.id async for work in export]
        found = [datetime.fromisoformat(sandbox.get(str(name))["created_date"]) for name in ids]
    expected = {date for date in dates if (first is None or first <= date) and (last is None or date <= last)}
    assert len(ids) == len(set(ids))
    assert expected <= set(found)
    # what shows the very second of the upper bound may be within
    shown = {quirks.shown(date) for date in set(found) - expected}
    assert shown <= ({whole_second(last)} if quirks.trims_shown and last else set())
    assert export.report.works == export.report.expected or quirks.trims_shown or quirks.cap


async def test_works_of_the_second_behind_a_range_are_no_sign_of_a_gap() -> None:
    """They are counted, and shown; they are outside of the range, and not missed in a resumed export."""
    start = datetime(2024, 3, 1, tzinfo=UTC)
    works = [
        {"type": "task", "title": "T", "created_date": (start + timedelta(milliseconds=5 * number)).isoformat()}
        for number in range(500)
    ]
    quirks = Quirks(cap=300, trims_compared=True)
    async with Sandbox(works=works, quirks=quirks) as sandbox, client_of(sandbox) as client:
        for at in (0, 50, 250):
            ids: list[str | None] = []
            async with export_all(client, created_date=DateRange(before=start + timedelta(seconds=2))) as export:
                async for work in export:
                    ids.append(work.id)
                    if len(ids) == at:
                        break
            rest = export_all(
                client, created_date=DateRange(before=start + timedelta(seconds=2)), resume=export.checkpoint
            )
            ids += [work.id async for work in rest]
            assert len(ids) == len(set(ids)) == 401


async def test_timestamps_that_lie_outside_of_the_years_of_utc_are_exported() -> None:
    dates = ["0001-01-01T00:00:00+14:00", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "9999-12-31T23:59:59-12:00"]
    works = [work(f"TKT-{number}", created_date=date) for number, date in enumerate(dates)]

    async def handler(request: web.Request) -> web.Response:
        counted = {"count": len(works), "has_more": False}
        return web.json_response(counted if request.path == "/works.count" else {"works": works})

    async with serving(handler) as url, DevRevClient("a-token", base_url=url) as client:
        export = export_all(client)
        assert {each.display_id async for each in export} == {each["display_id"] for each in works}
        assert (export.report.duplicates, export.report.complete) == (0, True)
        texts = [text async for batch in export_all(client).raw_batches() for text in batch]
        assert len(texts) == len(works)


@pytest.mark.parametrize("counted", [{"count": 2}, {"count": 2, "has_more": None}])
async def test_a_count_that_does_not_say_that_it_is_all_proves_nothing(counted: dict[str, Any]) -> None:
    works = [work(f"TKT-{number}", created_date=f"2026-01-0{number}T00:00:00Z") for number in (1, 2)]

    async def handler(request: web.Request) -> web.Response:
        return web.json_response(counted if request.path == "/works.count" else {"works": works})

    async with serving(handler) as url, DevRevClient("a-token", base_url=url) as client:
        export = export_all(client)
        assert len([each async for each in export]) == 2
        assert export.report.proofs["count"] == 0
        assert len(await client.works.plan_slices(3)) == 1


async def test_a_count_that_says_that_there_are_more_is_the_least_that_there_are() -> None:
    quirks = Quirks(empty_pages=3, count_cap=10, missing_endpoints=("works.list",))
    async with Sandbox(works=20, quirks=quirks) as sandbox, client_of(sandbox) as client:
        export = export_all(client)
        with pytest.raises(IncompleteExportError):
            _ = [work async for work in export]
        assert len([work async for work in export_all(client)]) == 20


async def test_a_refused_order_is_an_answered_request() -> None:
    quirks = Quirks(sort_by="refused")
    async with Sandbox(works=20, quirks=quirks) as sandbox, client_of(sandbox) as client:
        export = export_all(client)
        assert len([each async for each in export]) == 20
        assert export.report.requests == len(sandbox.requests)


@pytest.mark.parametrize("seed", [1, 11, 78, 79])
async def test_more_works_than_are_shown_are_missed_where_only_everything_is_counted(seed: int) -> None:
    quirks = Quirks(cap=200, cap_pattern="random", created_date_filter="refused", missing_endpoints=("works.list",))
    async with Sandbox(works=99, seed=seed, quirks=quirks) as sandbox, client_of(sandbox) as client:
        export = export_all(client)
        try:
            ids = {work.id async for work in export}
        except IncompleteExportError:
            assert not export.report.complete
        else:
            assert ids == set(sandbox.ids())


@pytest.mark.parametrize("works", [199, 450])
async def test_a_server_that_refuses_ranges_is_read_by_list(works: int) -> None:
    quirks = Quirks(cap=200, created_date_filter="refused")
    async with Sandbox(works=works, seed=1, quirks=quirks) as sandbox, client_of(sandbox) as client:
        export = export_all(client)
        assert {work.id async for work in export} == set(sandbox.ids())
        assert export.report.requests == len(sandbox.requests)
        ranged = export_all(client, created_date=DateRange(after=datetime(2020, 1, 1, tzinfo=UTC)))
        with pytest.raises(BadRequestError, match="created_date"):
            _ = [work async for work in ranged]


def exporting() -> list[object]:
    return [task for task in asyncio.all_tasks() if "ExportRunner" in repr(task.get_coro())]


@pytest.mark.parametrize("way", ["works", "batches", "raw_batches"])
@pytest.mark.parametrize("at", [0, 1, MANY // 4])
async def test_closed_by_another_task(large: Sandbox, way: str, at: int) -> None:
    """While the consumer waits for the first answer, is at work on what it got, or waits for another page."""
    async with client_of(large) as client:
        export = export_all(client)
        seen = 0
        reached, closed = asyncio.Event(), asyncio.Event()

        async def consume() -> None:
            nonlocal seen
            if way == "works":
                async for _ in export:
                    seen += 1
                    if seen == at:
                        reached.set()
                        await closed.wait()
            else:
                async for batch in getattr(export, way)(50):
                    seen += len(batch)
                    if seen >= at > 0 and not reached.is_set():
                        reached.set()
                        await closed.wait()

        consumer = asyncio.create_task(consume())
        if at:
            await reached.wait()
        else:
            while not exporting():
                await asyncio.sleep(0)
        await export.aclose()
        closed.set()
        assert not exporting()
        with pytest.raises(ClientClosedError, match=r"works\.export_all: closed before it was complete"):
            await consumer
        assert not export.report.complete
        assert export.report.works == seen
        rest = export_all(client, resume=export.checkpoint)
        assert seen + sum([len(batch) async for batch in rest.raw_batches()]) == MANY


async def test_an_export_that_nobody_refers_to_leaves_nothing_behind(large: Sandbox) -> None:
    async with client_of(large) as client:
        works = aiter(export_all(client))
        await anext(works)
        del works
        gc.collect()
        for _ in range(5):
            await asyncio.sleep(0)
        assert not exporting()
        assert large.open_connections <= 3


async def test_progress_has_what_a_bar_needs(large: Sandbox) -> None:
    seen: list[tuple[int, int | None]] = []

    def note(report: ExportReport) -> None:
        seen.append((report.works, report.expected))

    async with client_of(large) as client:
        export = export_all(client, on_progress=note)
        assert sum([len(batch) async for batch in export.batches(100)]) == MANY
        assert seen == sorted(seen, key=lambda each: each[0])
        assert seen[-1] == (MANY, MANY)
        assert sum(expected is None for _, expected in seen) <= 2
        half = export_all(client)
        async with half:
            async for _ in half.batches(900):
                break
        rest = export_all(client, resume=half.checkpoint)
        assert sum([len(batch) async for batch in rest.batches()]) == MANY - 900 == rest.report.expected


@pytest.mark.parametrize("raw", [False, True])
async def test_works_with_a_field_that_does_not_fit_are_counted(raw: bool) -> None:
    async with Sandbox(works=120) as sandbox, client_of(sandbox) as client:
        for _ in range(3):
            sandbox.add({"type": "task", "title": "odd", "target_close_date": "no date"})
        export = export_all(client)
        if raw:
            assert sum([len(batch) async for batch in export.raw_batches(50)]) == 123
        else:
            works = [work async for batch in export.batches(50) for work in batch]
            assert sum(work.invalid is not None for work in works) == 3
            single = export_all(client)
            assert len([work async for work in single]) == 123
            assert single.report.invalid == 3
    assert export.report.invalid == (0 if raw else 3)


async def test_slow_answers_come_side_by_side() -> None:
    async def handle(request: web.Request) -> web.Response:
        await asyncio.sleep(SLOW_FROM[0])
        if request.path == "/works.count":
            return web.json_response({"count": 1, "has_more": False})
        return web.json_response({"works": [work("ISS-1")]})

    async with serving(handle) as url, DevRevClient("a-test-token", base_url=url) as client:
        export = client.works.export_all()
        assert len([each async for each in export]) == 1
    runner = export._runner  # pyright: ignore[reportPrivateUsage]
    assert runner is not None
    assert runner.plan.parallel > BOTH
