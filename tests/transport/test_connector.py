"""The client's own connector: what it sees of a connection on any system, and what it leaves alone."""

import asyncio
import select
from typing import Any

import aiohttp
import pytest

from devrev_async import DevRevClient, Timeout
from devrev_async.errors import APIConnectionError
from tests.transport.conftest import TOKEN, Clients
from tests.transport.server import FaultServer, drop, message, raw


@pytest.mark.anyio
async def test_a_write_is_not_sent_over_a_closed_connection_where_there_is_no_poll(
    server: FaultServer, connect: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on Windows."""
    monkeypatch.delattr(select, "poll", raising=False)
    server.usual = raw(message(), then="close")
    client = connect()
    for _ in range(5):
        await client.works.update("ISS-1", title="x")
    server.usual = raw(message())
    for _ in range(2):
        await client.works.update("ISS-1", title="x")
    assert [request.connection for request in server.requests] == [1, 2, 3, 4, 5, 6, 6]


class SocketlessLoop(asyncio.SelectorEventLoop):
    """A loop whose transports do not show their sockets."""

    async def create_connection(self, *args: Any, **options: Any) -> Any:
        connected: Any = await super().create_connection(*args, **options)
        del connected[0]._extra["socket"]
        return connected


def test_where_a_loop_shows_no_socket_a_connection_is_used_again_all_the_same() -> None:
    async def main() -> None:
        async with FaultServer() as server, DevRevClient(TOKEN, base_url=server.url, retry_wait=(0, 0)) as client:
            for _ in range(2):
                assert (await client.works.get("ISS-1")).display_id == "ISS-1"
            server.play(drop)
            assert (await client.works.get("ISS-1")).display_id == "ISS-1"
            assert [request.connection for request in server.requests] == [1, 1, 1, 2]

    with asyncio.Runner(loop_factory=SocketlessLoop) as runner:
        runner.run(main())


@pytest.mark.anyio
async def test_connecting_may_take_as_long_as_it_takes(server: FaultServer, connect: Clients) -> None:
    client = connect(timeout=Timeout(connect=None))
    assert (await client.works.get("ISS-1")).display_id == "ISS-1"
    with pytest.raises(APIConnectionError, match="refused"):
        await connect(base_url="http://127.0.0.1:1", timeout=Timeout(connect=None), max_retries=0).works.get("ISS-1")


@pytest.mark.anyio
async def test_requests_of_others_over_the_session_that_a_trace_was_shown_are_theirs(
    server: FaultServer, connect: Clients
) -> None:
    shown: list[aiohttp.ClientSession] = []

    async def note(session: aiohttp.ClientSession, *_: object) -> None:
        shown.append(session)

    trace = aiohttp.TraceConfig()
    trace.on_request_start.append(note)
    client = connect(trace_configs=[trace])
    await asyncio.create_task(read(client))
    (session,) = shown
    async with session.get(f"{server.url}/mine") as response:
        assert response.status == 200
        await response.read()
    with pytest.raises(aiohttp.ClientConnectorError):
        await session.get("http://127.0.0.1:1")
    await read(client)
    assert [request.connection for request in server.requests] == [1, 1, 1]


async def read(client: DevRevClient) -> None:
    assert (await client.works.get("ISS-1")).display_id == "ISS-1"
