"""A response whose body is still to be read."""

from __future__ import annotations

import asyncio
import time
from codecs import BOM_UTF8
from collections.abc import Callable, Iterator
from typing import Protocol, TypeVar

import aiohttp

from devrev_async._decoders.fallback import DECODE_ERRORS
from devrev_async._json.text import is_cut_short
from devrev_async.errors import ResponseTooLargeError

from .connector import ConnectionState
from .content_decoder import BodyTooLargeError, ContentDecoder
from .error_mapping import AttemptFailedError, CallContext, decode_failure, read_failure
from .request import Settings

__all__ = ["Response"]

T = TypeVar("T")

_LONGEST_ID = 300
"""Characters of a request id that are kept: it stands in every line of the log."""


class _Call(Protocol):
    """The call that a response belongs to."""

    @property
    def context(self) -> CallContext: ...

    @property
    def settings(self) -> Settings: ...


class Response:
    """Status, headers, and access to the body. It holds a connection until it is closed.

    aiohttp's response, whose attributes hold the token, is reached through closures only: tracebacks show local
    variables and their attributes, and a closure shows nothing.

    Attributes:
        status: the HTTP status.
        header: returns a header as the server sent it, or None. It may repeat the token: nothing of it is to be kept or
            shown without hiding that.
        size: bytes of the decompressed body that were read so far.
        closed: whether the connection was released.
        decoder: undoes the Content-Encoding; None where there is none.
        fail: ends the reading of the body with an error.
    """

    __slots__ = (
        "_arrived",
        "_call",
        "_connection",
        "_drop",
        "_ended",
        "_pieces",
        "_read",
        "_received",
        "closed",
        "decoder",
        "fail",
        "header",
        "size",
        "status",
    )

    def __init__(self, response: aiohttp.ClientResponse, call: _Call, connection: ConnectionState) -> None:
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
        self.header: Callable[[str], str | None] = response.headers.get
        self.size = 0
        self.decoder: ContentDecoder | None = None
        self.fail = content.set_exception
        self._read = together if "Transfer-Encoding" in response.headers else content.readchunk
        self._ended = content.at_eof
        self._arrived = arrived
        self._drop = drop
        self._call = call
        self._connection = connection
        self._pieces: Iterator[bytes] | None = None
        self._received = 0
        self.closed = False

    @property
    def request_id(self) -> str | None:
        """The server's name for the request, if it gave one, without the token and without control characters."""
        value = self.header("X-Request-Id")
        return None if value is None else self._call.context.shown(value)[:_LONGEST_ID]

    def idle(self) -> bool:
        """Whether no further byte of the body has arrived; the last piece must have been the last of its chunk."""
        return self._arrived() == self._received

    async def next(self) -> bytes | None:
        """The next piece of the decompressed body, or None at its end."""
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
                self._connection.waiting_since = time.monotonic()
                data, _ = await self._read()
                self._connection.waiting_since = None
                if self.decoder is not None:
                    self._received += len(data)
                    if not data:
                        self.decoder.flush()
                        return None
                    self._pieces = iter(self.decoder.decode(data))
                    continue
                if not data:
                    return None
                self._received = self.size = self.size + len(data)
                if self.size <= self._call.settings.max_response_bytes:
                    return data
                problem: Exception = BodyTooLargeError()
                break
        except Exception as error:  # noqa: BLE001 - whatever aiohttp raises; the caller gets an error of ours
            problem = error.with_traceback(None)
        except BaseException as error:  # noqa: BLE001 - it goes on
            error.__context__ = error.__cause__ = None
            raise error.with_traceback(None)  # noqa: B904 - without the frames of aiohttp, whose locals hold the token
        raise AttemptFailedError(read_failure(self._call.context, problem, self.status, self.request_id))

    async def read(self) -> bytes:
        """The whole body. The response is closed then if it is known to have ended."""
        if self.status == 204:
            return b""  # which has no body, whatever follows
        first = second = None
        whole = bytearray()
        try:
            first = await self.next()
            if first is None:
                return b""
            if self.decoder is None and self._ended():
                self.close()
                return first
            second = await self.next()
            if second is None:
                return first
            whole += first
            while second is not None:
                whole += second
                second = await self.next()
        except BaseException:
            whole.clear()  # tracebacks show local variables, and the server may have sent the token
            first = second = None
            raise
        return bytes(whole)

    async def decoded(self, decode: Callable[[bytes], T]) -> T:
        """The whole body, decoded."""
        body = (await self.read()).removeprefix(BOM_UTF8)  # RFC 8259: it may be ignored
        try:
            return decode(body)
        except DECODE_ERRORS as error:
            problem = str(error)
        raise self.unreadable(problem, body=body, cut=is_cut_short(body))

    async def excerpt(self, most: int) -> bytes:
        """The first bytes of an error's body, which is read to its end or as far as it can be; closes the response.

        Raises:
            AttemptFailedError: the body is too large. Of any other failure, the status says enough.
        """
        kept = bytearray()
        piece: bytes | None = None
        try:
            while (piece := await self.next()) is not None:
                kept += piece[: most - len(kept)]
        except AttemptFailedError as failed:
            if isinstance(failed.failure.error, ResponseTooLargeError):
                raise
        except BaseException:
            kept.clear()  # tracebacks show local variables, and the server may have sent the token
            piece = None
            raise
        finally:
            self.close()
        return bytes(kept)

    def unreadable(self, problem: str, *, body: bytes = b"", cut: bool = False) -> AttemptFailedError:
        """The error to raise for a body that is not what was expected; `cut` if it only ends too early."""
        cut = cut and self.status != 204  # which says itself that there is none
        return AttemptFailedError(
            decode_failure(self._call.context, problem, self.status, self.request_id, body=body, cut=cut)
        )

    def close(self) -> None:
        """Release the connection, which is closed if the body was not read to its end."""
        self.closed = True
        self._drop()
