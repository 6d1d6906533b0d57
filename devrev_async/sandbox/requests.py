"""The requests that arrived, for tests to look at."""

import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

ANY = "*"  # stands for every endpoint
_KEEP = 10_000
_KEEP_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class ReceivedRequest:
    """One request as it arrived. Its repr omits the headers, which contain the token."""

    method: str
    path: str
    endpoint: str
    """The path without its slash, such as "works.export"."""
    query: Mapping[str, str] = field(repr=False)
    """The decoded query string; ``query.getall(key)`` returns all values of a key that is repeated."""
    headers: Mapping[str, str] = field(repr=False)
    """The headers, whose names are case-insensitive."""
    body: bytes = field(repr=False)

    @property
    def json(self) -> Any:
        """The decoded body, or None where there is none."""
        return msgspec.json.decode(self.body) if self.body else None


class RequestLog:
    """Keeps the last 10,000 requests, or fewer where their bodies exceed 16 MiB together."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: deque[ReceivedRequest] = deque()
        self._bytes = 0
        self.total = 0

    def add(self, request: ReceivedRequest) -> None:
        with self._lock:
            self.total += 1
            self._kept.append(request)
            self._bytes += len(request.body)
            while len(self._kept) > _KEEP or (self._bytes > _KEEP_BYTES and len(self._kept) > 1):
                self._bytes -= len(self._kept.popleft().body)

    def snapshot(self) -> list[ReceivedRequest]:
        """Returns what is kept, oldest first."""
        with self._lock:
            return list(self._kept)
