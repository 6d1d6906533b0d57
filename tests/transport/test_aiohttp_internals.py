"""What is used of aiohttp beyond its documented interface: this fails first when a release changes it.

`_transport.connector`, `_transport.protocol`, `_transport.middleware`, `_transport.checks` and `_transport.error_mapping`
rely on it. Nothing of devrev_async runs here.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.client_proto import ResponseHandler

from tests.servers import serving

pytestmark = pytest.mark.anyio

CHANGED = "aiohttp does this differently than devrev_async._transport expects"


async def ok(_: web.Request) -> web.Response:
    return web.Response(text="ok")


async def get(session: aiohttp.ClientSession, url: str) -> str:
    async with session.get(f"{url}/x") as response:
        return await response.text()


@asynccontextmanager
async def answering(*answers: bytes) -> AsyncGenerator[str]:
    """A server of one answer for each request; an empty one closes the connection, as the end of all of them does."""
    left = list(answers)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while left:
            await reader.readuntil(b"\r\n\r\n")
            answer = left.pop(0)
            writer.write(answer)
            if not answer:
                break
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


# --- the connector ---


class Recorder(aiohttp.TCPConnector):
    """Notes which of the methods that are overridden are called, and makes protocols by a factory of its own."""

    def __init__(self) -> None:
        super().__init__()  # pyright: ignore[reportUnknownMemberType] - aiohttp's own gap
        self.noted: list[str] = []
        factory: Callable[[], ResponseHandler] = self._factory

        def counted() -> ResponseHandler:
            self.noted.append("factory")
            return factory()

        self._factory: Any = counted

    async def connect(self, req: Any, traces: Any, timeout: Any) -> Any:
        self.noted.append("connect")
        connection = await super().connect(req, traces, timeout)
        assert isinstance(connection.protocol, ResponseHandler), CHANGED
        assert connection.transport is not None, CHANGED
        return connection

    async def _create_connection(self, req: Any, traces: Any, timeout: Any) -> Any:
        self.noted.append("create")
        return await super()._create_connection(req, traces, timeout)

    async def _wrap_create_connection(self, *args: Any, **options: Any) -> Any:
        self.noted.append("wrap")
        return await super()._wrap_create_connection(*args, **options)  # pyright: ignore[reportUnknownMemberType]


async def test_a_connector_connects_by_the_methods_that_are_overridden() -> None:
    async with serving(ok) as url, aiohttp.ClientSession(connector=Recorder()) as session:
        connector: Any = session.connector
        assert await get(session, url) == "ok"
        assert connector.noted == ["connect", "create", "wrap", "factory"], CHANGED
        assert await get(session, url) == "ok"
        assert connector.noted[4:] == ["connect"], CHANGED  # of a connection that was kept


async def test_a_get_is_sent_again_over_another_connection_and_asks_the_connector_for_it() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    async with answering(head, b"", head) as url, aiohttp.ClientSession(connector=Recorder()) as session:
        connector: Any = session.connector
        assert await get(session, url) == "ok"
        assert await get(session, url) == "ok"  # the first connection is closed without a word
        assert [what for what in connector.noted if what in ("connect", "create")] == [
            "connect", "create", "connect", "connect", "create",
        ], CHANGED  # fmt: skip


async def test_every_address_that_refuses_is_an_error_of_its_own() -> None:
    failed: list[Exception] = []

    class Addresses(aiohttp.TCPConnector):
        async def _wrap_create_connection(self, *args: Any, **options: Any) -> Any:
            try:
                return await super()._wrap_create_connection(*args, **options)  # pyright: ignore[reportUnknownMemberType]
            except aiohttp.ClientConnectorError as error:
                failed.append(error)
                raise

    async with aiohttp.ClientSession(connector=Addresses()) as session:
        with pytest.raises(aiohttp.ClientConnectorError) as caught:
            await get(session, "http://127.0.0.1:1")
    assert failed == [caught.value], CHANGED
    assert caught.value.os_error.errno, CHANGED


async def test_a_connector_that_takes_too_long_is_a_timeout_of_the_connection() -> None:
    class Slow(aiohttp.TCPConnector):
        async def _create_connection(self, req: Any, traces: Any, timeout: Any) -> Any:
            async with asyncio.timeout(0):
                await asyncio.Event().wait()

    async with aiohttp.ClientSession(connector=Slow()) as session:
        with pytest.raises(TimeoutError) as caught:
            await get(session, "http://127.0.0.1:1")
    assert isinstance(caught.value, aiohttp.ConnectionTimeoutError), CHANGED


# --- the protocol of a connection ---


async def test_the_protocol_of_a_connection_has_what_is_called() -> None:
    protocol = ResponseHandler(loop=asyncio.get_running_loop())
    inspect.signature(protocol.set_response_params).bind(max_line_size=1, max_field_size=1, max_headers=1)
    protocol.read_timeout = None
    protocol.start_timeout()
    for name in ("data_received", "eof_received", "connection_lost", "pause_writing", "resume_writing", "force_close"):
        assert callable(getattr(protocol, name)), CHANGED
    protocol.set_exception(ConnectionError())
    with pytest.raises(ConnectionError):
        await protocol.read()


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 9000 + b"\r\n\r\n", "Got more than"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: x\r\n" * 200 + b"\r\n", "Too many headers"),
    ],
)
async def test_a_head_that_is_too_large_is_worded_so(answer: bytes, words: str) -> None:
    async with answering(answer) as url, aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientResponseError) as caught:
            await get(session, url)
    assert caught.value.message.startswith(words), CHANGED


# --- session, request and response ---


async def test_a_session_keeps_its_proxy_and_middlewares_where_they_are_looked_for() -> None:
    async def middleware(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        return await handler(request)

    async with aiohttp.ClientSession(proxy="http://127.0.0.1:9", middlewares=(middleware,)) as session:
        assert str(vars(session)["_default_proxy"]) == "http://127.0.0.1:9", CHANGED
        assert tuple(vars(session)["_middlewares"]) == (middleware,), CHANGED


async def test_a_class_of_requests_brings_its_default_headers() -> None:
    async def echo(request: web.Request) -> web.Response:
        return web.Response(text=request.headers.get("X-Default", "none"))

    headers = {"X-Default": "of the class"}
    request_class = type("Request", (aiohttp.ClientRequest,), {"DEFAULT_HEADERS": headers})
    async with serving(echo) as url, aiohttp.ClientSession(request_class=request_class) as session:
        assert await get(session, url) == "of the class", CHANGED


async def test_a_middleware_may_choose_the_class_of_the_response_which_starts_before_it_is_read() -> None:
    started: list[int | None] = []

    class Response(aiohttp.ClientResponse):
        async def start(self, connection: Any) -> aiohttp.ClientResponse:
            started.append(vars(self).get("status"))
            assert isinstance(connection.protocol, ResponseHandler), CHANGED
            assert connection.transport.get_protocol() is connection.protocol, CHANGED
            return await super().start(connection)

    async def choose(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        request.response_class = Response
        return await handler(request)

    async with (
        serving(ok) as url,
        aiohttp.ClientSession() as session,
        session.get(f"{url}/x", middlewares=(choose,)) as response,
    ):
        assert isinstance(response, Response), CHANGED
        assert await response.text() == "ok"
    assert started == [None], CHANGED


async def test_a_body_counts_its_bytes_and_takes_an_error() -> None:
    async with (
        answering(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab") as url,
        aiohttp.ClientSession(auto_decompress=False) as session,
        session.get(f"{url}/x") as response,
    ):
        content = response.content
        assert await content.readchunk() == (b"ab", False), CHANGED
        assert (content.total_bytes, content.is_eof(), content.at_eof()) == (2, False, False), CHANGED
        content.set_exception(ConnectionError("of the client"))
        with pytest.raises(ConnectionError, match="of the client"):
            await content.readany()


async def test_a_protocol_says_that_an_idle_connection_has_bytes_to_read() -> None:
    """`_transport.connector.has_surplus` asks it."""
    whole = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    sent = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(whole)
        await sent.wait()
        writer.write(whole)
        await reader.read()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server, aiohttp.ClientSession() as session:
        await get(session, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        connector: Any = session.connector
        [[(protocol, _)]] = connector._conns.values()
        assert not protocol.should_close, CHANGED
        sent.set()
        async with asyncio.timeout(10):
            while not protocol.should_close:
                await asyncio.sleep(0.001)
