"""aiohttp's protocol of a connection, made tolerant of what real servers and proxies send."""

from __future__ import annotations

import functools
import re
from typing import Any, Final

from aiohttp.client_proto import ResponseHandler

from .request import HEAD_BOUNDS

__all__ = ["Protocol"]

_BOUNDS: Final[dict[str, Any]] = HEAD_BOUNDS
_STATUS_LINE: Final = len(b"HTTP/1.1 204")
_HEAD_END: Final = re.compile(rb"\r?\n\r?\n")
_BODY_HEADER: Final = re.compile(rb"\n(content-length:\s*0*[1-9]|transfer-encoding:)", re.IGNORECASE)


class Protocol(ResponseHandler):
    """Ends a 204 with its head, and accepts the head of a proxy's answer as large as any other.

    RFC 9110 gives a 204 no body; aiohttp takes the bytes of one that is sent nevertheless for the next response, and
    loses the 204 over it.
    """

    head: bytes | None = None
    """What has arrived of the head of a response that may be a 204; set to ``b""`` before each request, None once
    nothing needs to be looked at."""

    no_content = False
    """The head of a 204 has ended: what follows is no part of any response."""

    set_response_params: Any = functools.partialmethod(ResponseHandler.set_response_params, **_BOUNDS)

    def data_received(self, data: bytes) -> None:
        if self.no_content:
            self.force_close()
            return
        if self.head is not None:
            data = self._checked(self.head, data)
        super().data_received(data)

    def _checked(self, before: bytes, data: bytes) -> bytes:
        """The data, of a 204 only what belongs to its head."""
        head = before + data
        if len(head) >= _STATUS_LINE and head[9:_STATUS_LINE] != b"204":
            self.head = None
            return data
        self.head = head
        end = _HEAD_END.search(head)
        if end is None:
            return data
        self.head, self.no_content = None, True
        if len(head) > end.end() or _BODY_HEADER.search(head, 0, end.end()):
            self.force_close()  # the rest of the body would be taken for the next response
        return data[: end.end() - len(before)]
