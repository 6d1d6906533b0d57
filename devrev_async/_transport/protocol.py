"""aiohttp's protocol of a connection, made tolerant of what real servers and proxies send."""

from __future__ import annotations

import asyncio
import functools
import re
from typing import Any, Final

from aiohttp.client_proto import ResponseHandler

from .request import HEAD_BOUNDS

__all__ = ["FIRST_READ", "HeadReader", "Protocol", "StandIn"]

_BOUNDS: Final[dict[str, Any]] = HEAD_BOUNDS
_STATUS: Final = len(b"HTTP/1.1 ")
_STATUS_END: Final = len(b"HTTP/1.1 204")
_NO_CONTENT: Final = (b"204", b"304")
_OTHER: Final = re.compile(rb"(?!204|304|1(?!01)).{3}", re.DOTALL)
"""A status that is neither without content nor that of an interim answer, which another answer follows."""

FIRST_READ: Final = 120 << 10
"""Bytes of the first read of a response. asyncio allocates 256 KiB for each read of a socket without TLS, which the C
library gets from the operating system and returns each time: a tenth of the CPU time of a small response. glibc does so
from 128 KiB on. With 64 KiB the first page of a stream took 5 % more."""

_LATER_READ: Final = 256 << 10

_HEAD_END: Final = re.compile(rb"\r?\n\r?\n")
_BODY_HEADER: Final = re.compile(rb"\n(content-length:\s*0*[1-9]|transfer-encoding:)", re.IGNORECASE)


class HeadReader:
    """Reads a response as far as it may be one without content: RFC 9110 gives a 204 and a 304 no body.

    aiohttp takes the bytes of a body that is sent nevertheless for the next response, and loses this one over it.

    Attributes:
        other: it is another response.
        done: it is another response, or the head has ended.
        surplus: a body follows a head that has ended, or is announced by it.
    """

    __slots__ = ("_head", "done", "other", "surplus")

    def __init__(self) -> None:
        self._head = b""
        self.done = self.other = self.surplus = False

    def read(self, data: bytes) -> bytes:
        """Returns the data, of a response without content only what belongs to its head."""
        if self.done:
            self.surplus = bool(data) and not self.other
            return data if self.other else b""
        before, head, start = len(self._head), self._head + data, 0
        while True:
            status = head[start + _STATUS : start + _STATUS_END]
            if _OTHER.match(status):
                self.done = self.other = True
                return data
            end = _HEAD_END.search(head, start)
            if end is None:
                self._head = head[start:]
                return data
            if status in _NO_CONTENT:
                break
            start = end.end()  # of an interim answer
        self.done = True
        self.surplus = len(head) > end.end() or _BODY_HEADER.search(head, start, end.end()) is not None
        return head[before : end.end()]


class Protocol(ResponseHandler):
    """Ends a response without content with its head, and accepts the head of a proxy's answer as large as any other.

    Attributes:
        new: the response that is awaited has not begun; the connector says so before each request.
        socket: the transport, if it reads from the socket at most `max_size` bytes at once, which the connector sets to
            `FIRST_READ` before each request; None for others, such as that of TLS.
    """

    new = False
    socket: Any = None
    _head: HeadReader | None = None

    set_response_params: Any = functools.partialmethod(ResponseHandler.set_response_params, **_BOUNDS)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if hasattr(transport, "max_size"):
            self.socket = transport

    def data_received(self, data: bytes) -> None:
        if self.new:
            self.new = False
            self._head = None if _OTHER.match(data, _STATUS) else HeadReader()
        if len(data) == FIRST_READ and self.socket is not None:
            self.socket.max_size = _LATER_READ  # of a long body
        if (head := self._head) is not None:
            data = head.read(data)
            if head.surplus:
                self.force_close()  # the rest of the body would be taken for the next response
            if not data:
                return
            if head.other:
                self._head = None
        super().data_received(data)


class StandIn(asyncio.Protocol):
    """Reads the head of a response as `Protocol` does, in place of aiohttp's own protocol of a connection.

    Args:
        transport: of the connection, which reports to this until the head has been read.
        protocol: aiohttp's.
    """

    def __init__(self, transport: asyncio.Transport, protocol: ResponseHandler) -> None:
        self._transport = transport
        self._protocol = protocol
        self._head = HeadReader()
        transport.set_protocol(self)

    def data_received(self, data: bytes) -> None:
        head, protocol = self._head, self._protocol
        data = head.read(data)
        if head.surplus:
            protocol.force_close()
        elif head.done:
            self._transport.set_protocol(protocol)
        if data:
            protocol.data_received(data)

    def eof_received(self) -> None:
        self._protocol.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self._protocol.connection_lost(exc)

    def pause_writing(self) -> None:
        self._protocol.pause_writing()

    def resume_writing(self) -> None:
        self._protocol.resume_writing()
