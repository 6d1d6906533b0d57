"""What ends a bulk run, or makes all that is left of it vain: no write is left unknown for it, and none is sent in vain."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from aiohttp import web

from devrev_async import BulkProgress, DevRevClient, NotFoundError, UnauthorizedError, WorkUpdate
from tests.servers import error, serving, work

pytestmark = pytest.mark.anyio

REFUSALS = 20
"""In a row, after which nothing more is sent."""


def updates(count: int) -> list[WorkUpdate]:
    return [WorkUpdate(id=f"ISS-{n}", title="t") for n in range(count)]


class Server:
    """Answers a write once it is released, which those are from the start that are not `held`.

    Attributes:
        refused: ids that are answered by a 401, and `missing` by a 404.
    """

    def __init__(self, held: int = 0, *, refused: set[str] | None = None, missing: set[str] | None = None) -> None:
        self.refused = set[str]() if refused is None else refused
        self.missing = set[str]() if missing is None else missing
        self.arrived: list[str] = []
        self.all_arrived = asyncio.Event()
        self.release = asyncio.Event()
        self._held = held
        if not held:
            self.release.set()

    async def handle(self, request: web.Request) -> web.Response:
        id = (await request.json())["id"] if request.method == "POST" else request.query["id"]
        self.arrived.append(id)
        if len(self.arrived) == self._held:
            self.all_arrived.set()
        if id == "ISS-0":  # is answered first of those that are held
            await (self.all_arrived if self._held else self.release).wait()
        else:
            await self.release.wait()
        if id in self.refused:
            return error(401, type="token_expired")
        return error(404, type="not_found") if id in self.missing else web.json_response({"work": work(id)})

    def release_soon(self) -> None:
        """Releases the writes, after the run had the time to cancel them instead."""
        asyncio.get_running_loop().call_later(0.02, self.release.set)


# -- a token that is refused ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["awaited", "iterated", "read"])
async def test_a_token_that_is_refused_again_and_again_is_tried_no_more(way: str) -> None:
    given = updates(500)
    server = Server(refused={update.id for update in given})
    async with serving(server.handle) as url, DevRevClient("t", base_url=url, max_concurrency=8) as devrev:
        run: Any = devrev.works.get_many([u.id for u in given]) if way == "read" else devrev.works.update_many(given)
        if way == "iterated":
            assert sorted([outcome.index async for outcome in run]) == list(range(500))
        result = await run
    assert len(server.arrived) <= REFUSALS + 8
    assert [failure.key for failure in result.failed] == [update.id for update in given]
    assert (result.unknown, result.pending) == ([], [])
    assert {type(failure.error) for failure in result.failed} == {UnauthorizedError}
    first, last = result.failed[0].error, result.failed[-1].error
    assert (first.attempts, last.attempts) == (1, 0)
    assert str(last) == f"{first}; not sent: the token was refused {REFUSALS} times in a row"
    assert (last.status, last.type, last.hint) == (401, "token_expired", first.hint)
    with pytest.raises(ExceptionGroup) as caught:
        result.raise_for_failures()
    assert [each.__notes__ for each in caught.value.exceptions] == [[f"of {update.id}"] for update in given]


async def test_refusals_stop_nothing_while_there_are_other_outcomes() -> None:
    """A single 401 may be one server's of many, or a moment's."""
    given = updates(100)
    fine = {f"ISS-{n}" for n in range(REFUSALS - 1, 100, REFUSALS)}
    server = Server(refused={update.id for update in given} - fine)
    async with serving(server.handle) as url, DevRevClient("t", base_url=url, max_concurrency=1) as devrev:
        result = await devrev.works.update_many(given)
    assert server.arrived == [update.id for update in given]
    assert {work.display_id for work in result.ok} == fine
    assert len(result.failed) == 100 - len(fine)


async def test_a_token_that_is_renewed_in_time_refuses_nothing() -> None:
    tokens = iter(range(100))
    seen: set[str] = set()

    async def handler(request: web.Request) -> web.Response:
        token = request.headers["Authorization"]
        if token not in seen:
            seen.add(token)
            return error(401, type="token_expired")
        return web.json_response({"work": work((await request.json())["id"])})

    async with (
        serving(handler) as url,
        DevRevClient(lambda: f"token-{next(tokens) // 2}", base_url=url, max_concurrency=4) as devrev,
    ):
        result = await devrev.works.update_many(updates(50))
    assert len(result.ok) == 50


# -- what ends a run -----------------------------------------------------------------------------------------------


async def test_writes_under_way_are_finished_when_an_asynchronous_source_breaks() -> None:
    server = Server(held=3)

    async def source() -> AsyncIterator[WorkUpdate]:
        for update in updates(3):
            yield update
        await server.all_arrived.wait()
        server.release_soon()
        raise KeyError("the source broke")

    async with serving(server.handle) as url, DevRevClient("t", base_url=url, max_concurrency=8) as devrev:
        run = devrev.works.update_many(source())
        with pytest.raises(KeyError, match="the source broke"):
            await run
    assert [work.display_id for work in run.result.ok] == ["ISS-0", "ISS-1", "ISS-2"]
    assert (run.result.failed, run.result.unknown, run.result.pending) == ([], [], [])


@pytest.mark.parametrize("way", ["awaited", "iterated"])
@pytest.mark.parametrize("cause", ["source", "callback", "failure"])
async def test_writes_under_way_are_finished_when_a_run_fails(cause: str, way: str) -> None:
    server = Server(held=3, missing={"ISS-0"} if cause == "failure" else set())

    def source() -> Iterator[WorkUpdate]:
        yield from updates(3)
        if cause == "source":
            server.release_soon()
            raise KeyError("broke")
        yield from updates(20)[3:]

    def callback(progress: BulkProgress) -> None:
        if progress.done == 1 and cause != "source":
            server.release_soon()
            if cause == "callback":
                raise KeyError("broke")

    async with serving(server.handle) as url, DevRevClient("t", base_url=url, max_concurrency=3) as devrev:
        run = devrev.works.update_many(
            source(), on_progress=callback, on_error="raise" if cause == "failure" else "collect"
        )
        with pytest.raises(NotFoundError if cause == "failure" else KeyError):
            if way == "awaited":
                await run
            else:
                async for _ in run:
                    pass
    assert sorted(server.arrived) == ["ISS-0", "ISS-1", "ISS-2"]
    done = [work.display_id for work in run.result.ok] + [failure.key for failure in run.result.failed]
    assert sorted(map(str, done)) == ["ISS-0", "ISS-1", "ISS-2"]
    assert (run.result.unknown, run.result.pending) == ([], [])


async def test_a_write_that_waits_for_a_pause_is_not_sent_any_more() -> None:
    server = Server(held=2)

    async def source() -> AsyncIterator[WorkUpdate]:
        for update in updates(3):
            yield update
            if update.id == "ISS-1":
                await server.all_arrived.wait()
                devrev.works._transport.manager.limiter.pause(200)
        await asyncio.sleep(0)
        server.release_soon()
        raise KeyError("broke")

    async with serving(server.handle) as url, DevRevClient("t", base_url=url, max_concurrency=8) as devrev:
        run = devrev.works.update_many(source())
        async with asyncio.timeout(20):
            with pytest.raises(KeyError):
                await run
    assert [work.display_id for work in run.result.ok] == ["ISS-0", "ISS-1"]
    assert run.result.unknown == []
    assert run.result.pending == updates(3)[2:]


async def test_reads_under_way_end_at_once() -> None:
    server = Server(held=2)

    async def source() -> AsyncIterator[str]:
        yield "ISS-1"
        yield "ISS-2"
        await server.all_arrived.wait()
        raise KeyError("broke")

    async with serving(server.handle) as url, DevRevClient("t", base_url=url) as devrev:
        run = devrev.works.get_many(source())
        with pytest.raises(KeyError):
            await run
    assert run.result.pending == ["ISS-1", "ISS-2"]


async def test_cancelling_a_run_that_finishes_its_writes_ends_it_at_once() -> None:
    server = Server(held=2)

    async def source() -> AsyncIterator[WorkUpdate]:
        for update in updates(2):
            yield update
        await server.all_arrived.wait()
        asyncio.get_running_loop().call_later(0.02, running.cancel)
        raise KeyError("broke")

    async def await_run() -> None:
        await run

    async with serving(server.handle) as url, DevRevClient("t", base_url=url) as devrev:
        run = devrev.works.update_many(source())
        running = asyncio.create_task(await_run())
        with pytest.raises(asyncio.CancelledError):
            await running
    assert [failure.key for failure in run.result.unknown] == ["ISS-1"]
    assert [work.display_id for work in run.result.ok] == ["ISS-0"]
