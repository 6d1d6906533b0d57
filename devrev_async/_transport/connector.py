"""The pooled connector, which reports the connection that an attempt uses."""

from __future__ import annotations

import contextvars
import time
from collections.abc import Callable, Mapping
from typing import Any
from weakref import WeakSet

import aiohttp

from devrev_async._limits.limiter import Limiter

__all__ = ["ConnectionState", "Connector", "HeldBackError", "request_class"]


class HeldBackError(Exception):
    """A pause began while the connection was made; nothing was sent."""


class ConnectionState:
    """What the connector tells of the connection that an attempt uses.

    Attributes:
        connected: there is a connection, so that something may have been sent.
        reused: it was in use before, so that it may be stale.
        fail: end what waits for the server with an error; None before there is a connection.
        waiting: since when the server is waited for (monotonic); None: it is not.
    """

    __slots__ = ("connected", "fail", "limiter", "reused", "waiting")

    def __init__(self, limiter: Limiter) -> None:
        self.limiter = limiter
        self.connected = False
        self.reused = False
        self.fail: Callable[[Exception], None] | None = None
        self.waiting: float | None = None

    @classmethod
    def begin(cls, limiter: Limiter) -> ConnectionState:
        """An attempt that this task is about to make; the connector will find it."""
        attempt = cls(limiter)
        _attempt.set(attempt)
        return attempt


_attempt: contextvars.ContextVar[ConnectionState | None] = contextvars.ContextVar("devrev_async_attempt", default=None)


class Connector(aiohttp.TCPConnector):
    """Tells an attempt whether it has a connection, and whether that one has served before (and may be stale)."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)  # pyright: ignore[reportUnknownMemberType] - aiohttp's own gap
        self._served: WeakSet[object] = WeakSet()

    async def connect(self, req: Any, traces: Any, timeout: Any) -> Any:
        attempt = _attempt.get()
        if attempt is not None and attempt.connected:
            # aiohttp sends a GET again by itself; whether that may be is for the retry policy to say
            raise aiohttp.ServerDisconnectedError
        connection = await super().connect(req, traces, timeout)
        if attempt is not None:
            protocol = connection.protocol
            attempt.reused = protocol in self._served
            if not attempt.reused:
                self._served.add(protocol)
            if attempt.limiter.paused:
                connection.release()
                raise HeldBackError
            attempt.connected = True
            assert protocol is not None
            attempt.fail = protocol.set_exception
            attempt.waiting = time.monotonic()
        return connection


def request_class(headers: Mapping[str, str]) -> type[aiohttp.ClientRequest]:
    """Requests that say these headers unless they are given others: at a fifth of the cost of giving them each time."""
    return type("Request", (aiohttp.ClientRequest,), {"DEFAULT_HEADERS": headers})
