"""get_many and update_many: every input has one outcome, in input order, whatever the server does to some of them."""

from __future__ import annotations

import asyncio
import zlib
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing, suppress

import pytest
from aiohttp import web

from devrev_async import (
    BulkResult,
    BulkRun,
    ClientClosedError,
    DevRevClient,
    InternalServerError,
    NotFoundError,
    OutcomeUnknownError,
    Timeout,
    WorkUpdate,
)
from devrev_async.sandbox import Sandbox
from tests.servers import error, serving, work

pytestmark = pytest.mark.anyio


def fate(id: str) -> str:
    """What the server does with an id, for good: 1 % missing, 1 % broken, 5 % failing at first."""
    roll = zlib.crc32(id.encode()) % 100
    return "missing" if roll == 0 else "broken" if roll == 1 else "flaky" if roll < 7 else "fine"


async def completed(run: BulkRun) -> BulkResult:
    return await run


async def test_thousands_of_ids_are_each_accounted_for_in_order() -> None:
    asked: Counter[str] = Counter()

    async def handler(request: web.Request) -> web.Response:
        id = request.query["id"]
        asked[id] += 1
        doom = fate(id)
        if doom == "missing":
            return error(404, type="not_found")
        if doom == "broken" or (doom == "flaky" and asked[id] == 1):
            return error(500, type="internal_error", reference_id=id)
        return web.json_response({"work": work(id)})

    ids = [f"ISS-{number}" for number in range(2000)]
    async with serving(handler) as url, DevRevClient("t", base_url=url, max_retries=1, retry_wait=(0, 0)) as devrev:
        result = await devrev.works.get_many(ids)

    assert [each.display_id for each in result.ok] == [id for id in ids if fate(id) in ("fine", "flaky")]
    assert [each.key for each in result.failed] == [id for id in ids if fate(id) in ("missing", "broken")]
    assert result.unknown == []
    for failure in result.failed:
        wanted = NotFoundError if fate(failure.key) == "missing" else InternalServerError
        assert type(failure.error) is wanted
    assert {fate(id) for id in ids} == {"missing", "broken", "flaky", "fine"}
    assert all(count == (2 if fate(id) in ("broken", "flaky") else 1) for id, count in asked.items())


async def test_equal_ids_are_asked_once_and_stand_where_they_were_given() -> None:
    async with Sandbox(works=20) as sandbox, DevRevClient(sandbox.token, base_url=sandbox.url) as devrev:
        first, second = [each.display_id or "" for each in await devrev.works.export(first=2)]
        before = len(sandbox.requests)
        result = await devrev.works.get_many([first, second, first, "ISS-404404", "ISS-404404"])
        assert [each.display_id for each in result.ok] == [first, second, first]
        assert [each.key for each in result.failed] == ["ISS-404404", "ISS-404404"]
        assert len(sandbox.requests) - before == 3


@pytest.mark.parametrize("kind", ["async", "sync"])
async def test_an_iterator_is_read_as_the_work_goes_on(kind: str) -> None:
    read = 0
    served = 0
    ahead = 0

    def ids() -> Iterator[str]:
        nonlocal read, ahead
        for number in range(300):
            read += 1
            ahead = max(ahead, read - served)
            yield f"ISS-{number}"

    async def async_ids() -> AsyncIterator[str]:
        for id in ids():
            yield id

    async def handler(request: web.Request) -> web.Response:
        nonlocal served
        served += 1
        return web.json_response({"work": work(request.query["id"])})

    async with serving(handler) as url, DevRevClient("t", base_url=url, max_concurrency=4) as devrev:
        result = await devrev.works.get_many(async_ids() if kind == "async" else ids())
    assert len(result.ok) == 300
    assert ahead <= 5  # four workers, and the one that is being handed out


async def test_a_bad_id_of_a_sequence_is_refused_before_anything_is_sent() -> None:
    async with Sandbox(works=5) as sandbox, DevRevClient(sandbox.token, base_url=sandbox.url) as devrev:
        with pytest.raises(ValueError, match=r"input 1: .*white space"):
            await devrev.works.get_many(["ISS-1", "IS S"])
        with pytest.raises(TypeError, match=r"input 0: .*str"):
            await devrev.works.get_many([1])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]
        with pytest.raises(TypeError, match="not a single string"):
            await devrev.works.get_many("ISS-1")
        with pytest.raises(ValueError, match=r"input 1: .*severity"):
            await devrev.works.update_many([WorkUpdate(id="ISS-1", title="t"), WorkUpdate(id="ISS-1", severity="low")])
        assert sandbox.requests == []


async def test_a_bad_id_of_an_iterator_is_a_failure_of_its_own() -> None:
    async with Sandbox(works=5) as sandbox, DevRevClient(sandbox.token, base_url=sandbox.url) as devrev:
        good = (await devrev.works.export(first=1))[0].display_id or ""
        result = await devrev.works.get_many(iter([good, "a b", good]))
        assert len(result.ok) == 2
        assert [(each.key, each.input, each.index) for each in result.failed] == [("a b", "a b", 1)]
        assert isinstance(result.failed[0].error, ValueError)


async def test_an_iterator_that_raises_ends_the_call_with_its_error() -> None:
    def ids() -> Iterator[str]:
        yield "ISS-404404"
        raise KeyError("the source broke")

    async with Sandbox(works=5) as sandbox, DevRevClient(sandbox.token, base_url=sandbox.url) as devrev:
        with pytest.raises(KeyError, match="the source broke"):
            await devrev.works.get_many(ids())


async def test_an_iterable_is_not_opened_before_the_call_begins() -> None:
    class Broken:
        def __iter__(self) -> Iterator[str]:
            raise OSError("gone")

    async with DevRevClient("t", base_url="http://127.0.0.1:1") as devrev:
        run = devrev.works.get_many(Broken())
        with pytest.raises(OSError, match="gone"):
            await run


async def test_raise_ends_the_call_with_the_first_failure_as_itself() -> None:
    async with Sandbox(works=5) as sandbox, DevRevClient(sandbox.token, base_url=sandbox.url) as devrev:
        with pytest.raises(NotFoundError):
            await devrev.works.get_many([f"ISS-{n}" for n in range(9000, 9100)], on_error="raise")
        assert len(sandbox.requests) < 100
        with pytest.raises(ValueError, match="on_error"):
            await devrev.works.get_many([], on_error="ignore")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def test_raise_for_failures_groups_all_errors_and_names_their_ids() -> None:
    async with Sandbox(works=5) as sandbox, DevRevClient(sandbox.token, base_url=sandbox.url) as devrev:
        good = (await devrev.works.export(first=1))[0].display_id or ""
        (await devrev.works.get_many([good])).raise_for_failures()
        result = await devrev.works.get_many(["ISS-9001", good, "ISS-9002"])
    for _ in range(2):  # asking twice gives the same group
        with pytest.raises(ExceptionGroup, match="2 of 3 failed") as caught:
            result.raise_for_failures()
        assert [each.__notes__ for each in caught.value.exceptions] == [["of ISS-9001"], ["of ISS-9002"]]


async def test_updates_of_one_id_are_applied_in_the_order_given() -> None:
    async with Sandbox(works=5) as sandbox, DevRevClient(sandbox.token, base_url=sandbox.url) as devrev:
        id = (await devrev.works.export(first=1))[0].display_id or ""
        result = await devrev.works.update_many([WorkUpdate(id=id, title=f"title {n}") for n in range(30)])
        assert [each.title for each in result.ok] == [f"title {n}" for n in range(30)]
        assert (await devrev.works.get(id)).title == "title 29"


async def test_dry_run_gives_the_bodies_and_sends_nothing() -> None:
    updates = [
        WorkUpdate(id="ISS-1", priority="p0", target_close_date=None),
        WorkUpdate(id="TKT-2", tags=["TAG-1"], stage="resolved"),
    ]
    async with Sandbox(works=5) as sandbox, DevRevClient(sandbox.token, base_url=sandbox.url) as devrev:
        assert await devrev.works.update_many(updates, dry_run=True) == [
            {"id": "ISS-1", "type": "issue", "priority": "p0", "target_close_date": None},
            {"id": "TKT-2", "tags": {"set": [{"id": "TAG-1"}]}, "stage": {"name": "resolved"}},
        ]
        assert sandbox.requests == []


async def test_a_dry_run_that_is_awaited_again_gives_the_same_bodies() -> None:
    async with DevRevClient("a-token", base_url="http://127.0.0.1:9") as devrev:
        for updates in ([WorkUpdate(id="ISS-1", title="t")], iter([WorkUpdate(id="ISS-1", title="t")])):
            dry = devrev.works.update_many(updates, dry_run=True)
            assert await dry == [{"id": "ISS-1", "title": "t"}]
            assert await dry == [{"id": "ISS-1", "title": "t"}]


async def test_a_write_with_a_lost_answer_is_unknown_and_the_others_are_not() -> None:
    applied: list[str] = []

    async def handler(request: web.Request) -> web.StreamResponse:
        body = await request.json()
        if body["id"] == "ISS-3":
            return error(400, type="bad_request")
        applied.append(body["id"])
        if body["id"] == "ISS-7":
            assert request.transport is not None
            request.transport.abort()
        if body["id"] == "ISS-8":
            return error(500, type="internal_error")
        return web.json_response({"work": work(body["id"])})

    updates = [WorkUpdate(id=f"ISS-{n}", title="t") for n in range(10)]
    async with serving(handler) as url, DevRevClient("t", base_url=url) as devrev:
        result = await devrev.works.update_many(updates)
    assert [each.display_id for each in result.ok] == [f"ISS-{n}" for n in range(10) if n not in (3, 7, 8)]
    assert [each.key for each in result.failed] == ["ISS-3"]
    assert [each.key for each in result.unknown] == ["ISS-7", "ISS-8"]
    assert isinstance(result.unknown[0].error, OutcomeUnknownError)
    assert sorted(applied) == sorted(f"ISS-{n}" for n in range(10) if n != 3)  # none twice


async def test_a_cancelled_call_leaves_nothing_running_and_tells_what_was_done() -> None:
    hanging = asyncio.Event()
    arrived: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        id = (await request.json())["id"]
        arrived.append(id)
        if int(id[4:]) >= 10:
            if len(arrived) >= 12:
                hanging.set()
            await asyncio.Event().wait()
        return web.json_response({"work": work(id)})

    async with serving(handler) as url, DevRevClient("t", base_url=url, max_concurrency=2) as devrev:
        updates = [WorkUpdate(id=f"ISS-{n}", title="t") for n in range(100)]
        before = asyncio.all_tasks()
        run = devrev.works.update_many(updates)
        running = asyncio.create_task(completed(run))
        await hanging.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        left = {task for task in asyncio.all_tasks() - before if "/aiohttp/web" not in repr(task)}
        assert left == set()
        result = run.result
        assert [each.display_id for each in result.ok] == [f"ISS-{n}" for n in range(10)]
        assert [each.key for each in result.unknown] == ["ISS-10", "ISS-11"]
        assert result.failed == []
        assert result.pending == updates[12:]


async def test_a_write_that_was_not_sent_is_pending_after_a_cancellation() -> None:
    first = asyncio.Event()

    async def handler(request: web.Request) -> web.Response:
        first.set()
        return web.Response(status=429, headers={"Retry-After": "100"})

    async with serving(handler) as url, DevRevClient("t", base_url=url, max_concurrency=1) as devrev:
        updates = [WorkUpdate(id=f"ISS-{n}", title="t") for n in range(3)]
        run = devrev.works.update_many(iter(updates))
        running = asyncio.create_task(completed(run))
        await first.wait()
        while devrev.works._transport.manager.limiter.paused is False:
            await asyncio.sleep(0)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    assert run.result.unknown == []
    assert run.result.pending == updates[:1]


async def test_a_timeout_bounds_each_request_of_a_bulk_call() -> None:
    async def handler(request: web.Request) -> web.Response:
        if request.query["id"] == "ISS-1":
            await asyncio.Event().wait()
        return web.json_response({"work": work(request.query["id"])})

    async with serving(handler) as url, DevRevClient("t", base_url=url) as devrev:
        result = await devrev.works.get_many(["ISS-0", "ISS-1", "ISS-2"], timeout=Timeout(total=0.3), max_retries=0)
    assert [each.display_id for each in result.ok] == ["ISS-0", "ISS-2"]
    assert [each.key for each in result.failed] == ["ISS-1"]
    assert repr(result) == "<BulkResult ok=2 failed=1 unknown=0 pending=0>"


async def test_extra_body_goes_into_every_update_and_a_closed_client_is_told_of_at_once() -> None:
    devrev = DevRevClient("t", base_url="http://127.0.0.1:9")
    updates = [WorkUpdate(id="ISS-1", title="a"), WorkUpdate(id="ISS-2", title="b")]
    assert await devrev.works.update_many(updates, dry_run=True, extra_body={"new": 1}) == [
        {"id": "ISS-1", "title": "a", "new": 1},
        {"id": "ISS-2", "title": "b", "new": 1},
    ]
    await devrev.close()
    with pytest.raises(ClientClosedError):
        await devrev.works.get_many(["ISS-1"])
    with pytest.raises(ClientClosedError):
        await devrev.works.update_many(updates)


@pytest.mark.parametrize("iterated", [False, True])
@pytest.mark.parametrize("writes", [False, True])
async def test_close_ends_a_run_that_waits_for_its_inputs(*, iterated: bool, writes: bool) -> None:
    ended = asyncio.Event()

    async def ids() -> AsyncGenerator[str, None]:
        try:
            yield "ISS-1"
            yield "ISS-2"
            await asyncio.Event().wait()
        finally:
            ended.set()

    async def updates() -> AsyncIterator[WorkUpdate]:
        async with aclosing(ids()) as each:
            async for id in each:
                yield WorkUpdate(id=id, title="t")

    async def outcomes() -> None:
        async for _ in run:
            pass

    async with Sandbox(works=5) as sandbox, DevRevClient(sandbox.token, base_url=sandbox.url) as devrev:
        run = devrev.works.update_many(updates()) if writes else devrev.works.get_many(ids())
        waiting = asyncio.ensure_future(outcomes() if iterated else completed(run))
        while len(run.result.ok) < 2:
            await asyncio.sleep(0.001)
        await devrev.close()
        with pytest.raises(ClientClosedError, match="before all inputs were read"):
            await waiting
        assert ended.is_set()
        assert [each.display_id for each in run.result.ok] == ["ISS-1", "ISS-2"]
        assert len(sandbox.requests) == 2


async def test_a_write_that_is_under_way_at_close_is_of_unknown_outcome_though_inputs_are_waited_for() -> None:
    arrived = asyncio.Event()

    async def handler(_: web.Request) -> web.Response:
        arrived.set()
        await asyncio.Event().wait()
        raise AssertionError

    async def updates() -> AsyncIterator[WorkUpdate]:
        yield WorkUpdate(id="ISS-1", title="t")
        await asyncio.Event().wait()

    async with serving(handler) as url, DevRevClient("t", base_url=url) as devrev:
        run = devrev.works.update_many(updates())
        waiting = asyncio.ensure_future(completed(run))
        await arrived.wait()
        await devrev.close()
        with pytest.raises(ClientClosedError):
            await waiting
    assert [failure.key for failure in run.result.unknown] == ["ISS-1"]


async def test_close_ends_a_run_whose_iterable_goes_on_where_it_is_cancelled() -> None:
    begun = asyncio.Event()

    async def ids() -> AsyncIterator[str]:
        begun.set()
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        yield "ISS-1"

    async with Sandbox(works=5) as sandbox, DevRevClient(sandbox.token, base_url=sandbox.url) as devrev:
        waiting = asyncio.ensure_future(completed(devrev.works.get_many(ids())))
        await begun.wait()
        await devrev.close()
        with pytest.raises(ClientClosedError):
            await waiting
        assert sandbox.requests == []
