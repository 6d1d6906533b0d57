"""Bulk runs that are iterated over: each outcome as it is done, none held back, and nothing left when the loop ends."""

from __future__ import annotations

import asyncio
import gc
import logging
import tracemalloc
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from devrev_async import (
    BulkProgress,
    BulkRun,
    ClientClosedError,
    DevRevClient,
    DevRevError,
    InvalidArgumentError,
    Issue,
    NotFoundError,
    Outcome,
    OutcomeUnknownError,
    WorkUpdate,
)
from devrev_async.sandbox import Sandbox
from tests.servers import error, serving, work

pytestmark = pytest.mark.anyio


class Server:
    """Answers gets and updates; ids in `held` wait until they are released, ids in `missing` do not exist."""

    def __init__(self, held: set[str] = frozenset(), missing: set[str] = frozenset()) -> None:  # type: ignore[assignment]
        self.held = {id: asyncio.Event() for id in held}
        self.missing = missing
        self.body = ""
        self.asked: list[str] = []
        self.titles: list[str] = []
        self.in_flight = 0
        self.dropped = 0
        self.changed = asyncio.Condition()

    async def handle(self, request: web.Request) -> web.Response:
        body = await request.json() if request.method == "POST" else {"id": request.query["id"]}
        id = body["id"]
        async with self.changed:
            self.asked.append(id)
            self.titles.append(body.get("title", ""))
            self.in_flight += 1
            self.changed.notify_all()
        try:
            if id in self.held:
                await self.held[id].wait()
        except asyncio.CancelledError:
            self.dropped += 1
            raise
        finally:
            self.in_flight -= 1
        if id in self.missing:
            return error(404, type="not_found")
        return web.json_response({"work": work(id, title=body.get("title", "t"), body=self.body)})

    async def until_asked(self, count: int) -> None:
        async with self.changed:
            await self.changed.wait_for(lambda: len(self.asked) >= count)

    @asynccontextmanager
    async def client(self, **options: Any) -> AsyncGenerator[DevRevClient]:
        async with serving(self.handle) as url, DevRevClient("t", base_url=url, **options) as devrev:
            before = asyncio.all_tasks()
            yield devrev
            left = {task for task in asyncio.all_tasks() - before if "/aiohttp/" not in repr(task)}
            assert left == set(), "a task was left"
            async with asyncio.timeout(5):  # every slot is free
                for _ in range(devrev._transport.manager.max_concurrency):
                    await devrev._transport.manager.limiter.slots.acquire()


async def test_outcomes_come_as_they_are_done() -> None:
    server = Server(held={"ISS-0"}, missing={"ISS-3"})
    async with server.client() as devrev:
        got: list[Outcome] = []
        async for outcome in devrev.works.get_many(f"ISS-{n}" for n in range(6)):
            got.append(outcome)
            if len(got) == 5:  # all but the first, which the server holds
                server.held["ISS-0"].set()
    assert got[-1].key == "ISS-0"
    assert sorted(each.index for each in got) == list(range(6))
    for each in got:
        assert each.key == f"ISS-{each.index}"
        if each.index == 3:
            assert isinstance(each.error, NotFoundError)
            assert each.work is None
        else:
            assert isinstance(each.work, Issue)
            assert (each.work.display_id, each.error) == (each.key, None)


async def test_an_outcome_comes_while_the_next_input_is_awaited() -> None:
    asked: asyncio.Queue[str | None] = asyncio.Queue()

    async def ids() -> AsyncGenerator[str]:
        while (id := await asked.get()) is not None:
            yield id

    server = Server()
    async with server.client() as devrev:
        asked.put_nowait("ISS-0")
        got = 0
        async for outcome in devrev.works.get_many(ids()):
            assert outcome.key == f"ISS-{got}"
            got += 1
            asked.put_nowait(f"ISS-{got}" if got < 5 else None)  # the next one is known only now
    assert got == 5


async def test_thousands_of_ids_hold_no_more_outcomes_than_requests_in_flight() -> None:
    read = 0

    def ids() -> Iterator[str]:
        nonlocal read
        for number in range(3000):
            read = number + 1
            yield f"ISS-{number}" if number % 10 == 0 else "no id"  # an outcome without a request

    async with Server().client(max_concurrency=8) as devrev:
        taken, works, ahead = 0, 0, 0
        async for outcome in devrev.works.get_many(ids()):
            ahead = max(ahead, read - taken)
            taken += 1
            works += outcome.work is not None
            if taken % 1000 == 0:
                for _ in range(30):  # a consumer that is slow: the workers come as far as they can
                    await asyncio.sleep(0.001)
                ahead = max(ahead, read - taken)
    assert (taken, works) == (3000, 300)
    assert ahead <= 8 + 1


async def test_works_that_were_yielded_are_not_kept_where_nobody_can_ask_for_them() -> None:
    server = Server()
    server.body = "x" * 50_000
    async with server.client(max_concurrency=4) as devrev:
        taken, sizes = 0, list[int]()
        tracemalloc.start()
        try:
            async for outcome in devrev.works.get_many(f"ISS-{number}" for number in range(700)):
                assert outcome.work is not None
                taken += 1
                if taken in (200, 700):
                    sizes.append(tracemalloc.get_traced_memory()[0])
        finally:
            tracemalloc.stop()
    assert taken == 700
    assert sizes[1] - sizes[0] < 5_000_000  # the works between the two have 25 MB


async def test_a_run_that_is_referenced_keeps_its_result() -> None:
    server = Server(missing={"ISS-1"})
    async with server.client() as devrev, devrev.works.get_many(["ISS-0", "ISS-1", "ISS-2"]) as run:
        seen = {outcome.index async for outcome in run}
        assert seen == {0, 1, 2}
        result = await run
        assert result is run.result
        assert [each.display_id for each in result.ok] == ["ISS-0", "ISS-2"]
        assert [(each.key, each.input, each.index) for each in result.failed] == [("ISS-1", "ISS-1", 1)]
        assert result.pending == []
        assert await run is result
    assert len(server.asked) == 3


async def test_leaving_the_loop_ends_the_requests_and_says_what_was_done() -> None:
    server = Server(held={"ISS-1", "ISS-2", "ISS-3"})
    updates = [WorkUpdate(id=f"ISS-{n}", title="t") for n in range(9)]
    async with server.client(max_concurrency=3) as devrev:
        async with devrev.works.update_many(updates) as run:
            async for outcome in run:
                assert outcome.key == "ISS-0"
                await server.until_asked(4)  # the worker of the first one has gone on
                break
        result = run.result
        assert [each.display_id for each in result.ok] == ["ISS-0"]
        assert [each.key for each in result.unknown] == ["ISS-1", "ISS-2", "ISS-3"]
        for each in result.unknown:
            assert isinstance(each.error, OutcomeUnknownError)
            assert (each.error.endpoint, each.error.attempts) == ("works.update", 1)
            assert str(each.error) == "works.update: cancelled while the write was under way"
        assert repr(result.unknown[0].input) == "WorkUpdate(id='ISS-1', title='t')"
        assert [each.input for each in result.unknown] == updates[1:4]
        assert result.pending == updates[4:]
        assert await run is result
        with pytest.raises(RuntimeError, match="once"):
            aiter(run)


async def test_a_run_that_is_under_way_is_not_awaited_as_well() -> None:
    async with Server().client() as devrev, devrev.works.get_many(["ISS-1", "ISS-2"]) as run:
        async for _ in run:
            with pytest.raises(RuntimeError, match="under way already; its `result` has the outcomes so far"):
                await run
        assert [work.display_id for work in run.result.ok] == ["ISS-1", "ISS-2"]


async def test_a_loop_that_is_left_without_async_with_ends_the_requests_too() -> None:
    server = Server(held={"ISS-1", "ISS-2", "ISS-3"})
    async with server.client(max_concurrency=3) as devrev:
        async for _ in devrev.works.get_many(f"ISS-{n}" for n in range(9)):
            await server.until_asked(4)
            break
        gc.collect()
        async with asyncio.timeout(5):
            while devrev._transport.manager.registry.calls:
                await asyncio.sleep(0.001)
            await asyncio.sleep(0.01)  # the generator's own end, in a task of the loop
    assert server.asked == ["ISS-0", "ISS-1", "ISS-2", "ISS-3"]


async def test_a_cancelled_loop_leaves_nothing_running() -> None:
    server = Server(held={"ISS-1"})
    async with server.client() as devrev:
        run = devrev.works.get_many(["ISS-0", "ISS-1"])
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2), run:
                async for _ in run:
                    pass
        assert [each.display_id for each in run.result.ok] == ["ISS-0"]
        assert run.result.pending == ["ISS-1"]


@pytest.mark.parametrize("way", ["iterate", "await"])
async def test_closing_from_another_task_ends_the_run_with_one_clear_error(way: str) -> None:
    server = Server(held={"ISS-1"})
    async with server.client() as devrev:
        run: BulkRun = devrev.works.get_many(["ISS-0", "ISS-1"])

        async def consume() -> None:
            if way == "await":
                await run
            async for _ in run:
                pass

        consumer = asyncio.create_task(consume())
        await server.until_asked(2)
        await run.aclose()
        with pytest.raises(ClientClosedError, match="closed before it was through"):
            await consumer
        assert run.result.pending[-1] == "ISS-1"


async def test_the_first_failure_is_raised_and_ends_the_rest() -> None:
    server = Server(held={"ISS-2"}, missing={"ISS-1"})
    async with server.client() as devrev:
        run = devrev.works.get_many(["ISS-0", "ISS-1", "ISS-2"], on_error="raise")
        got: list[str] = []
        with pytest.raises(NotFoundError):
            async for outcome in run:
                got.append(outcome.key)  # noqa: PERF401 - what came before the error counts
        assert "ISS-1" not in got
        assert [each.key for each in run.result.failed] == ["ISS-1"]
        assert run.result.pending == ["ISS-2"]


async def test_equal_keys_share_a_request_and_hold_up_nobody() -> None:
    server = Server(held={"ISS-0"})
    ids = ["ISS-0"] * 50 + [f"ISS-{n}" for n in range(1, 20)]
    async with server.client(max_concurrency=4) as devrev:
        got: list[Outcome] = []
        async for outcome in devrev.works.get_many(iter(ids)):
            got.append(outcome)
            if len(got) == 19:
                server.held["ISS-0"].set()
    assert [each.key for each in got[19:]] == ["ISS-0"] * 50
    assert Counter(server.asked)["ISS-0"] == 1
    assert sorted(each.index for each in got) == list(range(69))


async def test_updates_of_one_id_follow_each_other_and_hold_up_nobody() -> None:
    server = Server(held={"ISS-0"})
    updates = [WorkUpdate(id="ISS-0", title=f"{n}") for n in range(50)]
    updates += [WorkUpdate(id=f"ISS-{n}", title="other") for n in range(1, 20)]
    async with server.client(max_concurrency=4) as devrev:
        got = 0
        async for _ in devrev.works.update_many(iter(updates)):
            got += 1
            if got == 19:
                server.held["ISS-0"].set()
    of_one = [title for id, title in zip(server.asked, server.titles, strict=True) if id == "ISS-0"]
    assert of_one == [str(n) for n in range(50)]


async def test_endless_equal_inputs_are_not_read_ahead_without_bound() -> None:
    read = 0

    def ids() -> Iterator[str]:
        nonlocal read
        while True:
            read += 1
            yield "ISS-0"

    server = Server(held={"ISS-0"})
    async with server.client(max_concurrency=4) as devrev, devrev.works.get_many(ids()) as run:

        async def first() -> Outcome:
            return await anext(aiter(run))

        waiting = asyncio.create_task(first())
        await server.until_asked(1)
        for _ in range(100):
            await asyncio.sleep(0.001)
        assert read <= 1002
        server.held["ISS-0"].set()
        assert (await waiting).key == "ISS-0"


async def test_inputs_that_need_no_request_leave_the_loop_its_turns() -> None:
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async with Server().client() as devrev:
        counting = asyncio.create_task(count())
        result = await devrev.works.get_many(iter(["ISS-1"] + ["not an id"] * 20_000))
        counting.cancel()
        await asyncio.wait([counting])
        assert len(result.failed) == 20_000
    assert turns >= 200


async def test_progress_counts_every_outcome() -> None:
    seen: list[BulkProgress] = []
    server = Server(missing={"ISS-2"})
    async with server.client(max_concurrency=2) as devrev:
        await devrev.works.get_many(["ISS-1", "ISS-2", "ISS-3"], on_progress=seen.append)
        assert [each.done for each in seen] == [1, 2, 3]
        assert seen[-1] == BulkProgress(done=3, total=3, ok=2, failed=1, unknown=0)
        seen.clear()
        async for _ in devrev.works.get_many(iter(["ISS-1", "ISS-2"]), on_progress=seen.append):
            pass
        assert seen[-1] == BulkProgress(done=2, total=None, ok=1, failed=1, unknown=0)

        def refuse(_: BulkProgress) -> None:
            raise KeyError("enough")

        with pytest.raises(KeyError, match="enough"):
            await devrev.works.get_many(["ISS-1"], on_progress=refuse)


async def test_what_failed_can_be_passed_in_again() -> None:
    server = Server(missing={"ISS-2", "ISS-4"})
    async with server.client() as devrev:
        first = await devrev.works.update_many([WorkUpdate(id=f"ISS-{n}", title="t") for n in range(6)])
        server.missing = set()
        second = await devrev.works.update_many([failure.input for failure in first.failed])
    assert [each.display_id for each in second.ok] == ["ISS-2", "ISS-4"]


async def test_a_client_closed_meanwhile_ends_the_run_once() -> None:
    server = Server(held={"ISS-1"})
    async with server.client(max_concurrency=2) as devrev:
        run = devrev.works.get_many([f"ISS-{n}" for n in range(1, 100)])
        with pytest.raises(ClientClosedError):
            async for outcome in run:
                if outcome.index == 1:
                    await devrev.close()
        assert len(run.result.pending) > 90
    assert len(server.asked) < 10


async def test_a_run_that_never_begins_sends_nothing_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    async with Sandbox(works=5) as sandbox, DevRevClient(sandbox.token, base_url=sandbox.url) as devrev:
        run = devrev.works.update_many([WorkUpdate(id="ISS-1", title="t")])
        assert isinstance(run, BulkRun)
        assert repr(run) == "<BulkRun new <BulkResult ok=0 failed=0 unknown=0 pending=1>>"
        with caplog.at_level(logging.WARNING):
            del run
            gc.collect()
        assert [record.getMessage() for record in caplog.records] == [
            "a bulk run was neither awaited nor iterated over: nothing was sent"
        ]
        async with devrev.works.get_many(["ISS-1"]) as closed:
            pass
        assert (await closed).pending == ["ISS-1"]
        assert sandbox.requests == []


async def test_a_dry_run_is_only_awaited() -> None:
    async with Sandbox(works=5) as sandbox, DevRevClient(sandbox.token, base_url=sandbox.url) as devrev:
        dry = devrev.works.update_many(iter([WorkUpdate(id="ISS-1", title="t")]), dry_run=True)
        with pytest.raises(InvalidArgumentError, match="await"):
            aiter(dry)
        assert await dry == [{"id": "ISS-1", "title": "t"}]
        bad = iter([WorkUpdate(id="ISS-1", title="t"), WorkUpdate(id="ISS-1", severity="low")])
        with pytest.raises(InvalidArgumentError, match=r"input 1: .*severity"):
            await devrev.works.update_many(bad, dry_run=True)
        assert sandbox.requests == []


async def test_arguments_are_refused_when_they_are_given() -> None:
    client: Any = DevRevClient("t", base_url="http://127.0.0.1:9")
    calls: list[tuple[Callable[[], object], str]] = [
        (lambda: client.works.get_many("ISS-1"), "not a single string"),
        (lambda: client.works.get_many(5), "not int"),
        (lambda: client.works.update_many({"id": "ISS-1", "title": "t"}), "not a mapping"),
        (lambda: client.works.get_many([], on_error="ignore"), "on_error"),
        (lambda: client.works.get_many([], max_retries=-1), "max_retries"),
        (lambda: client.works.update_many([], timeout=-1), "above 0"),
        (lambda: client.works.update_many([], titel="x"), "titel"),
    ]
    for call, message in calls:
        with pytest.raises((TypeError, ValueError), match=message) as caught:
            call()
        assert not isinstance(caught.value, DevRevError)
