"""Slices of a complete export over HTTP: the union is the export, in any process, within the quota."""

from __future__ import annotations

import asyncio
import pickle
import random
import time
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from multiprocessing import get_all_start_methods, get_context
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from devrev_async import (
    BadRequestError,
    ClientEvent,
    DateRange,
    DevRevClient,
    ForbiddenError,
    InvalidArgumentError,
    LastDays,
    RateLimitWaitError,
    UnauthorizedError,
    WorkSlice,
    slices,
)
from devrev_async.sandbox import Quirks, Sandbox
from devrev_async.sandbox.server import run_in_thread
from tests.servers import serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.context import BaseContext

pytestmark = pytest.mark.anyio

START = datetime(2024, 3, 1, tzinfo=UTC)


def client_of(sandbox: Sandbox, **options: Any) -> DevRevClient:
    return DevRevClient(sandbox.token, base_url=sandbox.url, **options)


@pytest.fixture(scope="module")
def skewed() -> Iterator[Sandbox]:
    """Works of which most were created within ten minutes of two years, some at one instant."""
    rng = random.Random(3)
    moments = [START + timedelta(days=300, milliseconds=rng.randrange(600_000)) for _ in range(1400)]
    moments += [START + timedelta(seconds=rng.randrange(2 * 365 * 86_400)) for _ in range(500)]
    moments += [START + timedelta(days=500)] * 60
    works = [
        {"type": "ticket" if n % 3 else "issue", "title": f"T{n}", "created_date": moment.isoformat()}
        for n, moment in enumerate(moments)
    ]
    with run_in_thread(Sandbox(works=works)) as sandbox:
        yield sandbox


async def exported(client: DevRevClient, part: WorkSlice) -> list[str]:
    export = client.works.export_slice(part)
    ids = [str(work.id) async for work in export]
    assert export.report.complete
    assert sum(export.report.proofs.values()) == len(ids)
    return ids


@pytest.mark.parametrize("n", [1, 2, 5, 8])
async def test_the_union_is_the_export(skewed: Sandbox, n: int) -> None:
    async with client_of(skewed) as client:
        plan = await client.works.plan_slices(n)
        assert 1 <= len(plan) <= n
        assert [(part.index, part.total) for part in plan] == [(index, len(plan)) for index in range(len(plan))]
        parts = [await exported(client, pickle.loads(pickle.dumps(part))) for part in plan]
    assert [len(ids) for ids in parts] == [part.works for part in plan]
    assert sorted(name for ids in parts for name in ids) == sorted(skewed.ids())
    if n > 1:
        assert max(len(ids) for ids in parts) <= 1.5 * 1960 / n


async def test_filters_and_a_range(skewed: Sandbox) -> None:
    range_ = DateRange(after=START + timedelta(days=299), before=START + timedelta(days=300, seconds=400))
    async with client_of(skewed) as client:
        whole = [work.id async for work in client.works.export_all(type=["ticket"], created_date=range_)]
        plan = await client.works.plan_slices(4, type=["ticket"], created_date=range_)
        assert len(plan) == 4
        assert plan[0].after == range_.after
        assert plan[-1].before == range_.before
        parts = [name for part in plan for name in await exported(client, part)]
        assert sorted(parts) == sorted(map(str, whole))
        preset = await client.works.plan_slices(3, created_date=LastDays(40_000))
        parts = [name for part in preset for name in await exported(client, part)]
        assert sorted(parts) == sorted(skewed.ids())
        assert preset[0].after is not None


async def test_one_slice_where_counts_do_not_add_up() -> None:
    works = [{"type": "task", "title": f"T{n}"} for n in range(60)]
    refused = Quirks(created_date_filter="refused")
    for quirks in (Quirks(missing_endpoints=("works.count",)), Quirks(count_cap=50), refused, Quirks()):
        with run_in_thread(Sandbox(works=works, quirks=quirks)) as sandbox:
            if quirks == Quirks():
                sandbox.add({"type": "task", "title": "no date", "id": "x", "created_date": None}, complete=False)
            async with client_of(sandbox) as client:
                (part,) = await client.works.plan_slices(4)
                assert (part.after, part.before) == (None, None)
                assert len(await exported(client, part)) == len(sandbox.ids())
    async with Sandbox(works=0) as sandbox, client_of(sandbox) as client:
        (part,) = await client.works.plan_slices(4)
        assert await exported(client, part) == []


@pytest.mark.parametrize("status", [403, 404, 405, 501])
async def test_one_slice_where_works_cannot_be_counted(status: int) -> None:
    async with Sandbox(works=60) as sandbox, client_of(sandbox) as client:
        sandbox.fail_next("works.count", status=status, times=1000)
        (part,) = await client.works.plan_slices(4)
        assert len(await exported(client, part)) == 60


async def test_a_range_of_the_users_that_the_server_refuses_is_an_error(skewed: Sandbox) -> None:
    async with Sandbox(works=9, quirks=Quirks(created_date_filter="refused")) as sandbox, client_of(sandbox) as client:
        with pytest.raises(BadRequestError, match="created_date"):
            await client.works.plan_slices(3, created_date=DateRange(after=START))


async def test_a_token_that_is_refused_costs_one_request(skewed: Sandbox) -> None:
    before = skewed.request_count
    async with DevRevClient("a-token-that-is-refused", base_url=skewed.url) as client:
        with pytest.raises(UnauthorizedError):
            await client.works.plan_slices(4)
    assert skewed.request_count == before + 1


async def test_a_plan_of_one_slice_is_one_count(skewed: Sandbox) -> None:
    before = skewed.request_count
    async with client_of(skewed) as client:
        (part,) = await client.works.plan_slices(1)
    assert part.works == 1960
    assert skewed.request_count == before + 1


async def test_an_error_of_the_plan_ends_its_other_requests(skewed: Sandbox) -> None:
    skewed.fail_next("works.export", status=None, delay=1)
    skewed.fail_next("works.export", status=403)
    async with client_of(skewed) as client:
        before = asyncio.all_tasks()
        with pytest.raises(ForbiddenError):
            await client.works.plan_slices(4)
        assert asyncio.all_tasks() == before


async def test_one_request_at_a_time() -> None:
    running = most = 0

    async def handle(request: web.Request) -> web.Response:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.01)
        running -= 1
        if request.path == "/works.count":
            return web.json_response({"count": 1, "has_more": False})
        return web.json_response({"works": [{"type": "task", "id": "a", "created_date": "2024-03-01T00:00:00Z"}]})

    async with serving(handle) as url, DevRevClient("a-test-token", base_url=url, max_retries=0) as client:
        export = client.works.export_slice(WorkSlice(index=0, total=3, works=1))
        assert [work.id async for work in export] == ["a"]
    assert export.report.requests == 2
    assert most == 1


@pytest.mark.parametrize(
    "quirks",
    [
        Quirks(sort_by="refused"),
        Quirks(sort_by="ignored"),
        Quirks(sort_by="ascending"),
        Quirks(empty_pages=2),
    ],
)
async def test_servers_that_do_not_show_where_works_begin_and_end(quirks: Quirks) -> None:
    with run_in_thread(Sandbox(works=900, seed=2, quirks=quirks)) as sandbox:
        async with client_of(sandbox) as client:
            range_ = DateRange(after=datetime(2020, 1, 1, tzinfo=UTC), before=datetime(2030, 1, 1, tzinfo=UTC))
            either: list[dict[str, Any]] = [{}, {"created_date": range_}]
            for filters in either:
                plan = await client.works.plan_slices(3, **filters)
                assert len(plan) == 3
                assert max(part.works for part in plan) <= 1.5 * 300
                parts = [name for part in plan for name in await exported(client, part)]
                assert sorted(parts) == sorted(sandbox.ids())


@pytest.mark.parametrize("quirks", [Quirks(), Quirks(sort_by="refused")])
@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999Z"])
async def test_a_work_at_either_end_of_time_leaves_the_others_divided(moment: str, quirks: Quirks) -> None:
    with run_in_thread(Sandbox(works=400, seed=2, quirks=quirks)) as sandbox:
        sandbox.add({"type": "task", "title": "no date, as some servers show it", "created_date": moment})
        async with client_of(sandbox) as client:
            plan = await client.works.plan_slices(4)
            parts = [await exported(client, part) for part in plan]
    assert [len(ids) for ids in parts] == [part.works for part in plan]
    assert max(map(len, parts)) <= 1.75 * 401 / 4
    assert sorted(name for ids in parts for name in ids) == sorted(sandbox.ids())


async def test_works_without_a_date_that_match_every_range_are_in_one_slice() -> None:
    with run_in_thread(Sandbox(works=60, seed=2, quirks=Quirks(undated_in_ranges=True))) as sandbox:
        sandbox.add({"type": "task", "title": "no date", "id": "x", "created_date": None}, complete=False)
        async with client_of(sandbox) as client:
            (part,) = await client.works.plan_slices(4)
            assert sorted(await exported(client, part)) == sorted(sandbox.ids())


async def test_a_slice_is_resumed(skewed: Sandbox) -> None:
    async with client_of(skewed) as client:
        part = (await client.works.plan_slices(2))[0]
        ids: list[str | None] = []
        async with client.works.export_slice(part) as export:
            async for work in export:
                ids.append(work.id)
                if len(ids) == 77:
                    break
        ids += [work.id async for work in client.works.export_slice(part, resume=export.checkpoint)]
        assert len(ids) == len(set(ids)) == part.works
        other = (await client.works.plan_slices(2))[1]
        with pytest.raises(ValueError, match="other filters"):
            client.works.export_slice(other, resume=export.checkpoint)


async def test_a_number_of_slices_that_is_no_int_of_at_least_1_is_refused(skewed: Sandbox) -> None:
    async with client_of(skewed) as client:
        for wrong in (0, -1):
            with pytest.raises(InvalidArgumentError):
                await client.works.plan_slices(wrong)
        for odd in (True, 1.5, "2"):
            with pytest.raises(TypeError):
                await client.works.plan_slices(odd)  # type: ignore[arg-type]
        with pytest.raises(TypeError):
            client.works.export_slice("no slice")  # type: ignore[arg-type]
        with pytest.raises(InvalidArgumentError):
            client.works.export_slice(WorkSlice(index=0, total=1, works=0), extra_body={"x": 1})


def test_a_plan_for_a_synchronous_program(skewed: Sandbox) -> None:
    plan = slices.plan(3, skewed.token, base_url=skewed.url, type=["ticket"])
    assert len(plan) == 3
    assert skewed.token not in repr(plan)
    assert skewed.token.encode() not in pickle.dumps(plan)


async def test_a_plan_while_a_loop_is_running(skewed: Sandbox) -> None:
    assert len(slices.plan(2, skewed.token, base_url=skewed.url)) == 2


def _export(token: str, url: str, part: WorkSlice) -> tuple[int, list[int | None]]:
    """The number of works of a slice, and the statuses of all responses."""
    statuses: list[int | None] = []

    def heard(event: ClientEvent) -> None:
        if event.kind == "response":
            statuses.append(event.status)

    async def run() -> int:
        async with DevRevClient(token, base_url=url, on_event=heard) as client:
            return sum([len(batch) async for batch in client.works.export_slice(part).batches()])

    return asyncio.run(run()), statuses


def _fresh_processes() -> BaseContext:
    """Processes that share nothing with this one; where there can be, copies of one that has imported this module."""
    if "forkserver" not in get_all_start_methods():
        return get_context("spawn")
    context = get_context("forkserver")
    context.set_forkserver_preload([__name__])
    return context


def test_eight_processes_keep_within_the_quota_together() -> None:
    with run_in_thread(Sandbox(works=2400, seed=5, quota=24, window=1.0, quirks=Quirks(cap=60))) as sandbox:
        plan = slices.plan(8, sandbox.token, base_url=sandbox.url)
        assert len(plan) == 8
        with ProcessPoolExecutor(8, mp_context=_fresh_processes()) as pool:
            futures = [pool.submit(_export, sandbox.token, sandbox.url, part) for part in plan]
            got = [future.result() for future in futures]
    assert sum(works for works, _ in got) == 2400
    assert sum(len(statuses) for _, statuses in got) > 48  # of two windows at least
    assert [429 in statuses[1:] for _, statuses in got] == [False] * 8  # the first request knows of no quota


@pytest.mark.parametrize(("total", "waits"), [(1, False), (3, False), (4, True), (9, True)])
async def test_a_request_of_the_quota_is_left_for_each_other_slice(total: int, waits: bool) -> None:
    async def handle(request: web.Request) -> web.Response:
        headers = {
            "X-Ratelimit-Limit": "100",
            "X-Ratelimit-Remaining": "3",
            "X-Ratelimit-Reset": str(int(time.time()) + 60),
        }
        answer = (
            {"count": 1, "has_more": False}
            if request.path == "/works.count"
            else {"works": [{"type": "task", "id": "a"}]}
        )
        return web.json_response(answer, headers=headers)

    options: dict[str, Any] = {"max_retries": 0, "max_rate_limit_wait": 0}
    async with serving(handle) as url, DevRevClient("a-test-token", base_url=url, **options) as client:
        export = client.works.export_slice(WorkSlice(index=0, total=total, works=1))
        if waits:
            with pytest.raises(RateLimitWaitError):
                _ = [work async for work in export]
        else:
            assert [work.id async for work in export] == ["a"]
