"""An HTTP proxy that tunnels, refuses, or says nothing, and remembers what it was asked."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from typing import Final, Self

WANTS_CREDENTIALS: Final = (
    b"HTTP/1.1 407 Proxy Authentication Required\r\n"
    b'Proxy-Authenticate: Basic realm="x"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n'
)


class Proxy:
    """`answer` is what a CONNECT is answered with; None tunnels to wherever it asks for.

    With `credentials` ("user:password") a CONNECT without them is answered by a 407.
    """

    def __init__(self, answer: bytes | None = None, *, then_close: bool = True, credentials: str | None = None) -> None:
        self.answer = answer
        self.then_close = then_close
        self.wanted = None if credentials is None else f"Basic {b64encode(credentials.encode()).decode()}"
        self.heads: list[str] = []
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        return self

    async def __aexit__(self, *error: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            self.heads.append(head)
            if self.wanted is not None and f"\r\nProxy-Authorization: {self.wanted}\r\n" not in head:
                writer.write(WANTS_CREDENTIALS)
            elif self.answer is None:
                await self._tunnel(head.split()[1], reader, writer)
            else:
                writer.write(self.answer)
                if not self.then_close:
                    await reader.read()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _tunnel(self, target: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host, _, port = target.rpartition(":")
        there, to_there = await asyncio.open_connection(host, int(port))
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        ends = [asyncio.create_task(_copy(reader, to_there)), asyncio.create_task(_copy(there, writer))]
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            to_there.close()  # first: the end of the test may cancel the wait below
            for end in ends:
                end.cancel()
            await asyncio.gather(*ends, return_exceptions=True)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
