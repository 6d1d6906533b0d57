"""What arrived, as tests want to look at it."""

import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

ANY = "*"  # every endpoint, where one is asked for
_KEEP = 10_000
_KEEP_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class ReceivedRequest:
    """One request as it arrived. The headers hold the token, so its repr leaves them out."""

    method: str
    path: str
    endpoint: str
    """The path without its slash, such as "works.export"."""
    query: Mapping[str, str] = field(repr=False)
    """Decoded; of a key given more than once, ``query.getall(key)`` has all."""
    headers: Mapping[str, str] = field(repr=False)
    """Case does not matter in the keys."""
    body: bytes = field(repr=False)

    @property
    def json(self) -> Any:
        """The body decoded, None where there is none."""
        return msgspec.json.decode(self.body) if self.body else None


class RequestLog:
    """The last 10,000 requests, fewer where their bodies pass 16 MiB together; the oldest are forgotten first."""

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
        """Oldest first."""
        with self._lock:
            return list(self._kept)
