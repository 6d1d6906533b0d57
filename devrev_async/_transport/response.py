"""An answer whose body is still to be read."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator

import aiohttp

from .connector import ConnectionState
from .content_decoder import ContentDecoder
from .error_mapping import Failure, Failures

__all__ = ["RawResponse", "Response"]


class RawResponse:
    """An answer's head, and the way to its body.

    It stands between aiohttp's response, whose attributes hold the token, and the frames that tracebacks show: the
    response is reached through a closure, which shows nothing.

    Attributes:
        status: the HTTP status.
        read: the next bytes of the body as they arrive, none at its end; what comes with them has no meaning here.
        ended: whether all of the body was read.
        arrived: how many bytes of the body have arrived, read or not; None once all have.
        fail: end the reading of the body with an error.
        drop: give the connection back, or close it if the body was not read to its end.
    """

    __slots__ = ("_header", "_hide", "arrived", "drop", "ended", "fail", "read", "status")

    def __init__(self, response: aiohttp.ClientResponse, hide: Callable[[str], str]) -> None:
        content = response.content

        def arrived() -> int | None:
            return None if content.is_eof() else content.total_bytes

        def drop() -> None:
            if content.is_eof():
                response.release()
            else:
                response.close()

        async def together() -> tuple[bytes, bool]:
            # chunks may be of a few bytes each; what has no chunks comes as the socket gave it, and joining would copy
            return await content.readany(), False

        self.status = response.status
        self._header = response.headers.get
        self._hide = hide
        self.read = together if "Transfer-Encoding" in response.headers else content.readchunk
        self.ended = content.at_eof
        self.fail = content.set_exception
        self.arrived = arrived
        self.drop = drop

    def header(self, name: str) -> str | None:
        """A header without the token, or None."""
        value = self._header(name)
        return None if value is None else self._hide(value)


class Response:
    """A successful answer. It holds a slot of the limiter and a connection until it is closed.

    Attributes:
        status: the HTTP status.
        request_id: the server's name for the request, if it gave one.
        size: bytes of the decompressed body that were read so far.
    """

    __slots__ = (
        "_attempt",
        "_body",
        "_failures",
        "_limiter",
        "_pieces",
        "_received",
        "_reply",
        "_slot",
        "request_id",
        "size",
        "status",
    )

    def __init__(
        self,
        reply: RawResponse,
        body: ContentDecoder,
        attempt: ConnectionState,
        failures: Failures,
        request_id: str | None,
    ) -> None:
        self.status = reply.status
        self.request_id = request_id
        self.size = 0
        self._reply = reply
        self._body = body
        self._attempt = attempt
        self._limiter = attempt.limiter
        self._failures = failures
        self._pieces: Iterator[bytes] | None = None
        self._slot = True
        self._received = 0

    def idle(self) -> bool:
        """Whether no further byte of the body has arrived; the last piece must have been the last of its chunk."""
        return self._reply.arrived() == self._received

    async def next(self) -> bytes | Failure | None:
        """The next piece of the decompressed body, None at its end, or how reading failed."""
        rest = True  # of bytes that were received before, which may inflate to very much
        try:
            while True:
                if self._pieces is not None:
                    for piece in self._pieces:
                        self.size += len(piece)
                        if rest:
                            await asyncio.sleep(0)
                        return piece
                    self._pieces = None
                rest = False
                self._attempt.waiting = time.monotonic()
                data, _ = await self._reply.read()
                self._attempt.waiting = None
                self._received += len(data)
                if not data:
                    self._body.finish()
                    return None
                self._pieces = iter(self._body.feed(data))
        except Exception as error:  # noqa: BLE001 - whatever aiohttp raises; the caller gets it as a Failure
            problem = error.with_traceback(None)
        except BaseException as error:  # noqa: BLE001 - it goes on
            error.__context__ = error.__cause__ = None
            raise error.with_traceback(None)  # noqa: B904 - without the frames of aiohttp, whose locals hold the token
        return self._failures.of_reading(problem, self.status, self.request_id)

    async def read(self) -> bytes | Failure:
        """The whole body, or how reading failed."""
        first: bytes | Failure | None = None
        second: bytes | Failure | None = None
        whole = bytearray()
        try:
            first = await self.next()
            if first is None or isinstance(first, Failure):
                return b"" if first is None else first
            if self._body.plain and self._reply.ended():
                return first
            second = await self.next()
            if second is None:
                return first
            whole += first
            while second is not None:
                if isinstance(second, Failure):
                    return second
                whole += second
                second = await self.next()
        except BaseException:
            whole.clear()  # tracebacks show local variables, and the server may have said the token
            first = second = None
            raise
        return bytes(whole)

    def unreadable(self, problem: str, *, body: bytes = b"", cut: bool = False) -> Failure:
        """What it means that the body is not what was expected; `cut` if it only ends too early."""
        return self._failures.of_decoding(problem, self.status, self.request_id, body=body, cut=cut)

    def pause(self) -> None:
        """Give the slot back while a consumer is busy, so that it may call the client itself."""
        if self._slot:
            self._slot = False
            self._limiter.release()

    async def resume(self) -> None:
        """Take a slot again."""
        if not self._slot:
            await self._limiter.retake()
            self._slot = True

    def close(self) -> None:
        """Give everything back. A body that was not read to its end takes its connection with it."""
        self.pause()
        self.drop()

    def drop(self) -> None:
        """Give the connection back, and leave the slot to whoever took it."""
        self._reply.drop()
