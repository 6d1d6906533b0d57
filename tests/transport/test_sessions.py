"""A session of the user's: its middlewares and classes are kept, and an attempt knows its connection all the same."""

import asyncio
import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from devrev_async import DevRevClient, Timeout
from devrev_async.errors import APIConnectionError, APITimeoutError, ClientClosedError, DevRevError
from tests.transport.conftest import Clients
from tests.transport.proxy import Proxy
from tests.transport.server import ONE, FaultServer, drop, raw, silence
from tests.transport.test_retries import BODY, export, read, update

pytestmark = pytest.mark.anyio


async def test_its_middlewares_and_its_response_class_are_used(server: FaultServer, connect: Clients) -> None:
    passed: list[str] = []
    made: list[object] = []

    class OwnResponse(aiohttp.ClientResponse):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            made.append(self)

    async def first(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        passed.append("first")
        request.headers["X-Own"] = "yes"
        return await handler(request)

    async def second(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        passed.append("second")
        response = await handler(request)
        assert isinstance(response, OwnResponse)
        return response

    async with aiohttp.ClientSession(middlewares=(first, second), response_class=OwnResponse) as session:
        client = connect(session=session)
        for _ in range(2):
            assert (await client.works.get("ISS-1")).display_id == "ISS-1"
    assert passed == ["first", "second"] * 2
    assert len(made) == 2
    assert [request.headers["x-own"] for request in server.requests] == ["yes"] * 2


async def test_the_time_of_its_middlewares_is_not_the_servers(server: FaultServer, connect: Clients) -> None:
    async def slow(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        response = await handler(request)
        await asyncio.sleep(0.2)
        return response

    async with aiohttp.ClientSession(middlewares=[slow]) as session:
        client = connect(session=session, timeout=Timeout(read=0.1), max_retries=0)
        assert (await client.works.get("ISS-1")).display_id == "ISS-1"


async def test_credentials_of_a_netrc_file_are_named(
    server: FaultServer, connect: Clients, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """aiohttp adds them where the environment is trusted, and refuses the header of the client beside them."""
    netrc = tmp_path / "netrc"
    netrc.write_text("default login somebody password a-pass-word\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    async with aiohttp.ClientSession(trust_env=True) as session:
        with pytest.raises(APIConnectionError, match=r"session= .*netrc") as caught:
            await connect(session=session).works.get("ISS-1")
    assert (caught.value.attempts, caught.value.retryable, server.requests) == (1, False, [])
    assert "a-pass-word" not in str(caught.value)


async def test_a_middleware_that_fails_is_named(server: FaultServer, connect: Clients) -> None:
    async def broken(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        raise KeyError(request.headers["Authorization"])

    async with aiohttp.ClientSession(middlewares=[broken]) as session:
        client = connect(session=session)
        with pytest.raises(
            APIConnectionError, match=r"session= cannot send the request: KeyError: 'Bearer \[token\]'"
        ) as caught:
            await client.works.get("ISS-1")
    assert caught.value.attempts == 1
    assert server.requests == []


async def test_other_requests_of_it_have_their_own_bounds(server: FaultServer, connect: Clients) -> None:
    """On the connection that the client has used before, and a 204 of theirs is read by aiohttp."""
    async with aiohttp.ClientSession() as session:
        client = connect(session=session, timeout=Timeout(read=30))
        await client.works.get("ISS-1")
        server.play(raw(b"HTTP/1.1 204 No Content\r\n\r\n"), silence)
        async with session.get(f"{server.url}/mine") as response:
            assert response.status == 204
        with pytest.raises(aiohttp.SocketTimeoutError):
            await session.post(f"{server.url}/mine", timeout=aiohttp.ClientTimeout(sock_read=0.05))
        assert [request.connection for request in server.requests] == [1, 1, 1]
        await client.works.get("ISS-1")


@pytest.mark.parametrize("ending", ["total", "close", "break off"])
async def test_a_write_that_never_had_a_connection_was_not_sent(connect: Clients, ending: str) -> None:
    async with Proxy(b"", then_close=ending == "break off") as proxy, aiohttp.ClientSession() as session:
        total = 0.1 if ending == "total" else None
        options: dict[str, Any] = {"session": session, "proxy": proxy.url, "base_url": "https://127.0.0.1:1"}
        client = connect(timeout=Timeout(total=total), max_retries=0, **options)
        write = asyncio.create_task(client.works.update("ISS-1", title="x"))
        while ending == "close" and not proxy.heads:
            await asyncio.sleep(0.001)
        if ending == "close":
            await client.close()
        with pytest.raises(DevRevError) as caught:
            await write
    assert not caught.value.outcome_unknown
    if ending == "total":
        assert isinstance(caught.value, APITimeoutError)
    elif ending == "close":
        assert isinstance(caught.value, ClientClosedError)
    else:
        assert f"through the proxy 127.0.0.1:{proxy.port}: " in str(caught.value)


async def test_where_nobody_reports_connections_a_write_may_have_been_sent(connect: Clients) -> None:
    """As with a class of requests that sends them in its own way."""

    class OwnRequest(aiohttp.ClientRequest):
        async def send(self, conn: Any) -> aiohttp.ClientResponse:
            return await super().send(conn)

    async with Proxy(b"", then_close=False) as proxy, aiohttp.ClientSession(request_class=OwnRequest) as session:
        client = connect(session=session, proxy=proxy.url, base_url="https://127.0.0.1:1", timeout=0.1)
        with pytest.raises(APITimeoutError) as caught:
            await client.works.update("ISS-1", title="x")
    assert caught.value.outcome_unknown


@pytest.mark.parametrize("call", [read, export])
async def test_a_stale_connection_costs_a_read_nothing(server: FaultServer, connect: Clients, call: Any) -> None:
    async with aiohttp.ClientSession() as session:
        client = connect(session=session, max_retries=0)
        server.usual = raw(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(BODY[call]), BODY[call]))
        await call(client)
        server.play(drop)
        await call(client)
    assert [request.connection for request in server.requests] == [1, 1, 2]


async def test_a_body_that_the_server_takes_slowly_arrives_whole(server: FaultServer, connect: Clients) -> None:
    """Sending goes on while the head of the response is awaited, and waits whenever the socket is full."""
    text = "".join(map(str, range(2_000_000)))
    async with aiohttp.ClientSession() as session:
        client = connect(session=session)
        for _ in range(2):
            assert await client.request("x.update", {"text": text}) == json.loads(ONE)
    assert [request.json == {"text": text} for request in server.requests] == [True, True]


async def test_a_lost_write_is_not_sent_again(server: FaultServer, connect: Clients) -> None:
    async with aiohttp.ClientSession() as session:
        client: DevRevClient = connect(session=session)
        await client.works.get("ISS-1")
        server.play(drop)
        with pytest.raises(DevRevError) as caught:
            await update(client)
    assert caught.value.outcome_unknown
    assert len(server.requests) == 2
