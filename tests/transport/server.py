"""A server that says exactly the bytes it is told to, and remembers what it was told. No HTTP library is involved."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Self

if TYPE_CHECKING:
    import ssl

WORK: dict[str, Any] = {
    "type": "issue",
    "id": "don:core:dvrv-us-1:devo/1:issue/1",
    "display_id": "ISS-1",
    "title": "One",
}
ONE = json.dumps({"work": WORK}).encode()
PAGE = json.dumps({"works": [WORK | {"display_id": f"ISS-{n}", "body": "x" * 100} for n in range(20)]}).encode()


class Received(NamedTuple):
    """One request as it arrived; `connection` counts from 1."""

    connection: int
    method: str
    target: str
    headers: Mapping[str, str]  # lower case
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Peer:
    """One client's connection, in the hands of a play."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        self.reader = reader
        self.writer = writer
        self.number = number
        self.request: Received

    async def send(self, *chunks: bytes) -> None:
        """Each chunk goes out in a write of its own."""
        for chunk in chunks:
            if self.writer.is_closing():  # where uvloop's write raises a RuntimeError
                raise ConnectionResetError
            self.writer.write(chunk)
            await self.writer.drain()

    async def gone(self) -> None:
        """Wait until the client has hung up."""
        while await self.reader.read(65536):
            pass

    def reset(self) -> None:
        """Hang up with a RST."""
        self.writer.transport.abort()

    def close(self) -> None:
        self.writer.close()


Play = Callable[[Peer], Awaitable[None]]


class FaultServer:
    """Plays what is in `plays`, one a request, and `usual` when there is nothing left."""

    def __init__(self, *, context: ssl.SSLContext | None = None) -> None:
        self.requests: list[Received] = []
        self.plays: deque[Play] = deque()
        self.usual: Play = answer(ONE)
        self.accepted = 0
        self.most_open = 0
        self.context = context
        self._peers: dict[asyncio.Task[None], Peer] = {}
        self._server: asyncio.Server
        self._arrived = asyncio.Condition()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self.context)
        loop = asyncio.get_running_loop()
        self._handler = loop.get_exception_handler()
        loop.set_exception_handler(self._handle)
        return self

    def _handle(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """In debug mode asyncio reports TLS handshakes that a client has broken off: no error of the test."""
        if context.get("message") != "Error on transport creation for incoming connection":
            (self._handler or type(loop).default_exception_handler)(loop, context)

    async def __aexit__(self, *error: object) -> None:
        asyncio.get_running_loop().set_exception_handler(self._handler)
        self._server.close()
        tasks = list(self._peers)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._server.wait_closed()

    @property
    def port(self) -> int:
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    @property
    def url(self) -> str:
        return f"{'https' if self.context else 'http'}://127.0.0.1:{self.port}"

    @property
    def open_connections(self) -> int:
        return len(self._peers)

    def play(self, *plays: Play) -> None:
        self.plays.extend(plays)

    async def arrived(self, count: int) -> None:
        """Wait until so many requests have arrived in all."""
        async with self._arrived:
            await self._arrived.wait_for(lambda: len(self.requests) >= count)

    async def all_gone(self) -> None:
        """Wait until no connection is left."""
        while self._peers:
            await asyncio.wait(list(self._peers))

    def hang_up(self) -> None:
        """Close every connection, as a server does with idle ones."""
        for peer in self._peers.values():
            peer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.accepted += 1
        # what a client that hangs up does to the connection is no error of the test
        protocol: Any = writer.transport.get_protocol()
        closed: asyncio.Future[None] = protocol._get_close_waiter(writer)
        closed.add_done_callback(lambda done: done.cancelled() or done.exception())
        peer = self._peers[task] = Peer(reader, writer, self.accepted)
        self.most_open = max(self.most_open, len(self._peers))
        try:
            while not writer.is_closing():
                request = await _read_request(reader, peer.number)
                peer.request = request
                async with self._arrived:
                    self.requests.append(request)
                    self._arrived.notify_all()
                await (self.plays.popleft() if self.plays else self.usual)(peer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the client is gone, or the test is over
        finally:
            del self._peers[task]
            writer.close()


async def _read_request(reader: asyncio.StreamReader, connection: int) -> Received:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.rstrip().split("\r\n")
    method, target, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Received(connection, method, target, headers, body)


# -- plays ---------------------------------------------------------------------------------------------------------


def message(body: bytes | str = ONE, status: int = 200, headers: Mapping[str, str] | None = None) -> bytes:
    """A whole answer; a header that is given takes the place of the usual one, and leaves it out if it is empty."""
    body = body.encode() if isinstance(body, str) else body
    usual = {"Content-Type": "application/json", "Content-Length": str(len(body)), **(headers or {})}
    lines = "".join(f"{name}: {value}\r\n" for name, value in usual.items() if value)
    return f"HTTP/1.1 {status} X\r\n{lines}\r\n".encode() + body


def answer(body: bytes | str = ONE, status: int = 200, headers: Mapping[str, str] | None = None) -> Play:
    return raw(message(body, status, headers))


def raw(*chunks: bytes, then: str = "keep") -> Play:
    """These bytes; then "keep" the connection, "close" or "reset" it, or wait in "silence"."""

    async def play(peer: Peer) -> None:
        await peer.send(*chunks)
        if then == "close":
            peer.close()
        elif then == "reset":
            peer.reset()
        elif then == "silence":
            await peer.gone()

    return play


def refuse(status: int, kind: str = "x", headers: Mapping[str, str] | None = None, **fields: object) -> Play:
    return answer(json.dumps({"type": kind, "message": "said so", **fields}), status, headers)


def drip(chunk: bytes, head: bytes = b"", pause: float = 0.02) -> Play:
    """A head, and then the same chunk again and again without end."""

    async def play(peer: Peer) -> None:
        await peer.send(head)
        while True:
            await peer.send(chunk)
            await asyncio.sleep(pause)

    return play


def chunked(*chunks: bytes, end: bytes = b"0\r\n\r\n", headers: str = "", status: int = 200) -> bytes:
    """A chunked answer; another `end` cuts it."""
    head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n{headers}\r\n"
    return head.encode() + b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + end


def zipped(body: bytes, cut: int = 0) -> Play:
    """A gzip answer whose last `cut` bytes are missing, and whose Content-Length agrees with that."""
    data = gzip.compress(body)
    return answer(data[: len(data) - cut], headers={"Content-Encoding": "gzip"})


silence = raw(then="silence")
drop = raw(then="close")
reset = raw(then="reset")
