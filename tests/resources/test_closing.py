"""Streams and lists that end early: closed by another task, abandoned, refused, or as many as there are connections."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys
import warnings
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from devrev_async import ClientClosedError, DevRevClient, ForbiddenError, InvalidArgumentError, Work
from devrev_async.sandbox import Sandbox
from tests.servers import serving, work

pytestmark = pytest.mark.anyio


class Endless:
    """Answers works.export with works without end, and works.list with a page that never comes."""

    def __init__(self) -> None:
        self.open = 0
        self.begun = asyncio.Event()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.open += 1
        self.begun.set()
        try:
            if request.path == "/works.get":
                return web.json_response({"work": work("ISS-1")})
            if request.path == "/works.list":
                while request.transport is not None and not request.transport.is_closing():
                    await asyncio.sleep(0.001)
            response = web.StreamResponse()
            await response.prepare(request)
            await response.write(b'{"works":[')
            number = 0
            while True:
                await response.write(json.dumps(work(f"ISS-{number}", body="z" * 1000)).encode() + b",")
                number += 1
        finally:
            self.open -= 1

    @asynccontextmanager
    async def client(self, **options: Any) -> AsyncGenerator[DevRevClient]:
        """A client of this server; at the end no request, task, slot or connection of it may be left."""
        async with serving(self.handle) as url, DevRevClient("t", base_url=url, **options) as devrev:
            before = asyncio.all_tasks()
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                yield devrev
            async with asyncio.timeout(10):
                while self.open:
                    await asyncio.sleep(0.001)
                for _ in range(devrev._transport.manager.max_concurrency):
                    await devrev._transport.manager.limiter.slots.acquire()
                while {task for task in asyncio.all_tasks() - before if "/aiohttp/web" not in repr(task)}:
                    await asyncio.sleep(0.001)


@pytest.mark.parametrize(
    ("way", "when"),
    [
        ("export_stream", "while it waits"),
        ("export_stream", "between two works"),
        ("raw_batches", "between two works"),
        ("list", "while it waits"),
    ],
)
async def test_aclose_of_another_task_ends_the_request_with_one_clear_error(way: str, when: str) -> None:
    server = Endless()
    async with server.client() as devrev:
        iteration: Any = devrev.works.list() if way == "list" else devrev.works.export_stream()
        reached, go_on = asyncio.Event(), asyncio.Event()

        async def consume() -> None:
            async for _ in iteration.raw_batches(1) if way == "raw_batches" else iteration:
                if when == "between two works":
                    reached.set()
                    await go_on.wait()

        consumer = asyncio.create_task(consume())
        await (reached if when == "between two works" else server.begun).wait()
        await iteration.aclose()
        go_on.set()
        with pytest.raises(ClientClosedError, match=r"works\.\w+: closed before it was through") as caught:
            await consumer
        assert caught.value.endpoint in ("works.export", "works.list")
        with pytest.raises((ClientClosedError, RuntimeError)):
            await anext(aiter(iteration))
        await iteration.aclose()


GENERATORS: dict[str, Callable[[DevRevClient], tuple[Any, Any]]] = {
    "export_all.batches": lambda devrev: (export := devrev.works.export_all(), export.batches(10)),
    "export_all.raw_batches": lambda devrev: (export := devrev.works.export_all(), export.raw_batches(10)),
    "export_stream.raw_batches": lambda devrev: (stream := devrev.works.export_stream(), stream.raw_batches(10**9)),
    "changes.batches": lambda devrev: (changes := devrev.works.changes(), changes.batches(10)),
    "list": lambda devrev: (pager := devrev.works.list(), aiter(pager)),
    "list.pages": lambda devrev: (pager := devrev.works.list(), pager.pages()),
    "paginate.pages": lambda devrev: (pager := devrev.paginate("works.list"), pager.pages()),
}


@pytest.mark.parametrize("way", GENERATORS)
async def test_python_refuses_to_close_a_generator_that_another_task_awaits_and_the_iterable_ends_it(way: str) -> None:
    server = Endless()
    async with server.client() as devrev:
        iterable, generator = GENERATORS[way](devrev)

        async def consume() -> None:
            async for _ in generator:
                pass

        consumer = asyncio.create_task(consume())
        await server.begun.wait()
        with pytest.raises(RuntimeError, match="already running"):
            await generator.aclose()
        assert not consumer.done()
        await iterable.aclose()
        with pytest.raises(ClientClosedError, match="closed before it was"):
            await consumer
        await generator.aclose()


@pytest.mark.parametrize("way", ["export_all", "changes"])
@pytest.mark.parametrize("through", ["itself", "batches", "raw_batches", "arrow_batches"])
async def test_works_that_are_there_already_do_not_hide_that_it_was_closed(way: str, through: str) -> None:
    """One page has all works: what is closed between two batches of it is not through."""
    if through == "arrow_batches":
        pytest.importorskip("pyarrow")
    async with Sandbox(works=60) as sandbox, DevRevClient(sandbox.token, base_url=sandbox.url) as devrev:
        iteration: Any = getattr(devrev.works, way)()
        batches = iteration if through == "itself" else getattr(iteration, through)(10)
        with pytest.raises(ClientClosedError, match=rf"works\.{way}: closed before it was complete"):
            async for _ in batches:
                await asyncio.create_task(iteration.aclose())
        assert not iteration.report.complete


@pytest.mark.parametrize("how", ["left loop", "entered", "iterator", "never begun"])
async def test_a_stream_that_is_abandoned_leaves_nothing(how: str) -> None:
    server = Endless()
    async with server.client(max_concurrency=1) as devrev:

        async def abandon() -> None:
            stream = devrev.works.export_stream()
            if how == "left loop":
                async for _ in stream:
                    break
            elif how == "entered":
                await stream.__aenter__()
                assert server.open == 1
            elif how == "iterator":
                await anext(stream.raw_batches())

        await abandon()
        gc.collect()


async def test_a_cancelled_entry_leaves_nothing() -> None:
    server = Endless()

    async def silent(request: web.Request) -> web.StreamResponse:
        server.begun.set()
        await asyncio.Event().wait()
        raise AssertionError

    server.handle = silent  # type: ignore[method-assign]
    async with server.client(max_concurrency=1) as devrev:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2), devrev.works.export_stream():
                pass


async def test_entering_a_stream_sends_the_request_so_that_a_refusal_raises_there() -> None:
    async with Sandbox(works=5) as sandbox, DevRevClient(sandbox.token, base_url=sandbox.url) as devrev:
        sandbox.fail_next("works.export", status=403)
        with pytest.raises(ForbiddenError):
            async with devrev.works.export_stream():
                pytest.fail("the body ran")
        async with devrev.works.export_stream() as stream:
            assert len(sandbox.requests) == 2
            assert len([each async for each in stream]) == 5
        assert len(sandbox.requests) == 2


async def test_inside_of_async_with_a_second_loop_goes_on() -> None:
    async with Sandbox(works=250) as sandbox, DevRevClient(sandbox.token, base_url=sandbox.url) as devrev:
        whole = await devrev.works.export()
        async with devrev.works.export_stream() as stream:
            first = await anext(aiter(stream))
            assert [first] + [each async for each in stream] == whole
            with pytest.raises(RuntimeError, match="once"):
                await anext(aiter(stream))
        async with devrev.works.export_stream() as stream:
            await anext(aiter(stream))
            with pytest.raises(RuntimeError, match="one way"):
                await anext(stream.raw_batches())
        with pytest.raises(ClientClosedError):
            await anext(aiter(stream))


async def test_raw_batches_of_a_stream_are_the_bytes_of_the_server() -> None:
    odd = b'{"type" : "issue", "id": "don:x:issue/1", "of_tomorrow": [1.50, 1e2], "title": "\\u00e4", "a": null}'
    body = b'{"works": [' + b",\n".join([odd] * 450) + b"]}"

    async def handler(_: web.Request) -> web.Response:
        return web.Response(body=body, content_type="application/json")

    async with serving(handler) as url, DevRevClient("t", base_url=url) as devrev:
        batches = [batch async for batch in devrev.works.export_stream().raw_batches(7)]
        assert [each for batch in batches for each in batch] == [odd] * 450
        assert {len(batch) for batch in batches} <= set(range(1, 8))
        with pytest.raises(InvalidArgumentError, match="at least 1"):
            devrev.works.export_stream().raw_batches(0)


@pytest.mark.parametrize("streams", [1, 2, 5])
async def test_as_many_streams_as_connections_leave_room_for_their_consumers_calls(streams: int) -> None:
    async with (
        Sandbox(works=900) as sandbox,
        DevRevClient(sandbox.token, base_url=sandbox.url, max_connections=streams) as devrev,
    ):
        all_open = asyncio.Barrier(streams)

        async def consume() -> int:
            count = 0
            async with devrev.works.export_stream() as stream:
                await all_open.wait()
                async for each in stream:
                    if count % 100 == 0:
                        await devrev.works.get(each.id or "")
                        await asyncio.gather(devrev.works.count(), devrev.works.count())
                    count += 1
            return count

        async with asyncio.timeout(30):
            assert await asyncio.gather(*(consume() for _ in range(streams))) == [900] * streams


async def test_requests_use_no_more_connections_than_allowed() -> None:
    open_now, most = 0, 0

    async def handler(request: web.Request) -> web.Response:
        nonlocal open_now, most
        open_now += 1
        most = max(most, open_now)
        await asyncio.sleep(0.005)
        open_now -= 1
        return web.json_response({"work": work(request.query["id"])})

    async with serving(handler) as url, DevRevClient("t", base_url=url, max_connections=3) as devrev:
        await devrev.works.get_many([f"ISS-{n}" for n in range(60)])
    assert most == 3


# -- max_items -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "works", "limits"),
    [
        ({"max_items": 0}, 0, []),
        ({"max_items": 0, "limit": 10}, 0, []),
        ({"max_items": 7}, 7, [7]),
        ({"max_items": 7, "limit": 100}, 7, [7]),
        ({"max_items": 20, "limit": 10}, 20, [10, 10]),
        ({"max_items": 25, "limit": 10}, 25, [10, 10, 10]),
        ({"max_items": 120}, 120, [None, None, None]),
        ({"max_items": 1000, "limit": 100}, 130, [100, 100]),
    ],
)
async def test_max_items_gives_so_many_in_no_more_requests_than_needed(
    arguments: dict[str, Any], works: int, limits: list[int | None]
) -> None:
    async with Sandbox(works=130) as sandbox, DevRevClient(sandbox.token, base_url=sandbox.url) as devrev:
        whole: list[Work] = [each async for each in devrev.works.list(limit=1000)]
        before = len(sandbox.requests)
        assert [each async for each in devrev.works.list(**arguments)] == whole[:works]
        asked: list[Any] = [each.json for each in sandbox.requests[before:]]
        assert [body.get("limit") for body in asked] == limits
        pages = [page async for page in devrev.works.list(**arguments).pages()]
        assert [each for page in pages for each in page.works] == whole[:works]


async def test_max_items_cuts_what_a_server_gives_beyond_it() -> None:
    async def handler(_: web.Request) -> web.Response:
        return web.json_response({"works": [work(f"ISS-{n}") for n in range(90)], "next_cursor": "c"})

    async with serving(handler) as url, DevRevClient("t", base_url=url) as devrev:
        assert len([each async for each in devrev.works.list(max_items=30)]) == 30
        for wrong in (-1, True, 1.5, "3"):
            with pytest.raises(InvalidArgumentError, match="max_items takes an int of at least 0"):
                devrev.works.list(max_items=wrong)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


SCRIPT = """
import asyncio, sys
from devrev_async import DevRevClient
from devrev_async.sandbox import Sandbox

kept = []

async def main(how):
    async with Sandbox(works=600) as sandbox:
        devrev = DevRevClient(sandbox.token, base_url=sandbox.url)
        ids = sandbox.ids()
        if how == "loop":
            async for _ in devrev.works.export_stream():
                break
        elif how == "kept":
            stream = devrev.works.export_stream()
            kept.append((stream, aiter(stream)))
            await anext(kept[0][1])
        elif how == "entered":
            await devrev.works.export_stream().__aenter__()
        elif how == "bulk":
            async for _ in devrev.works.get_many(ids):
                break
        elif how == "list":
            async for _ in devrev.works.list(limit=10):
                break

asyncio.run(main(sys.argv[1]))
"""


@pytest.mark.parametrize("how", ["loop", "kept", "entered", "bulk", "list"])
async def test_a_program_that_just_ends_says_nothing(how: str) -> None:
    quiet = {name: value for name, value in os.environ.items() if name != "PYTHONASYNCIODEBUG"}  # it logs slow turns
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-W", "error", "-c", SCRIPT, how),
        stderr=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env=quiet,
    )
    async with asyncio.timeout(60):
        out, said = await process.communicate()
    assert (process.returncode, out, said.decode()) == (0, b"", "")
