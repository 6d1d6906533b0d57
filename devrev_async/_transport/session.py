"""The pooled aiohttp session that a client and its copies share, and what is asked of it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import aiohttp

from devrev_async import errors
from devrev_async._limits.limiter import Limiter
from devrev_async.options import RateLimit

from .connector import Connector, request_class
from .read_timeout import Listening, ReadTimeoutWatchdog
from .request import Request

if TYPE_CHECKING:
    import ssl

    from .auth import TokenSource

__all__ = ["SessionManager"]


class SessionManager:
    """What a client and its copies share: the session, the limiter, the calls in flight. Closed once, for all.

    Attributes:
        owned: whether the session is ours, so that its connector tells of its connections.
        calls: what each task waits for.
    """

    def __init__(
        self,
        *,
        token: TokenSource,
        max_concurrency: int,
        max_connections: int,
        quota_reserve: float,
        session: aiohttp.ClientSession | None,
        proxy: str | None,
        ssl: ssl.SSLContext | None,
        trace_configs: tuple[aiohttp.TraceConfig, ...],
        headers: Mapping[str, str],
    ) -> None:
        self.token = token
        # The semaphore bounds the connections of our own session too: the connector would count those of streams whose
        # consumers are busy, and let such a consumer's own call wait for its stream for ever.
        self.max_concurrency = min(max_concurrency, max_connections) if session is None else max_concurrency
        self.closed = False
        self.rate_limit: RateLimit | None = None
        self.limiter: Limiter
        self.calls: dict[asyncio.Task[Any], Listening] = {}
        self._silence: ReadTimeoutWatchdog
        self._session = session
        self.owned = session is None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._quota_reserve = quota_reserve
        self._ended: set[asyncio.Task[Any]] = set()
        self._closer: AsyncGenerator[None, None] | None = None
        self._options: dict[str, Any] = {"allow_redirects": False}
        if not self.owned:  # it may say otherwise
            self._options |= {"auto_decompress": False, "raise_for_status": False}
        if proxy is not None:
            self._options["proxy"] = proxy
        if ssl is not None:
            self._options["ssl"] = ssl
        self._trace_configs = trace_configs
        self._headers = headers
        self._renewing: asyncio.Lock

    def session(self) -> aiohttp.ClientSession:
        """The session, opened on first use in the loop that runs; a closed loop leaves the place to the next."""
        if self.closed:
            raise errors.ClientClosedError("the client is closed")
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._enter(loop)
        session = self._session
        assert session is not None
        if session.closed:
            raise errors.ClientClosedError("the session that the client was given is closed")
        return session

    def _enter(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._loop is not None and not self._loop.is_closed():
            raise errors.ConfigurationError("the client is in use in another event loop; give each loop its own client")
        self._loop = loop
        self.calls = {}
        self._silence = ReadTimeoutWatchdog(loop, self.calls.values())
        self.limiter = Limiter(self.max_concurrency, reserve=self._quota_reserve)
        self._renewing = asyncio.Lock()
        if self.owned:
            self._session = aiohttp.ClientSession(
                connector=Connector(limit=0),
                cookie_jar=aiohttp.DummyCookieJar(),
                request_class=request_class(self._headers),
                auto_decompress=False,
                timeout=aiohttp.ClientTimeout(total=None),
                trace_configs=list(self._trace_configs) or None,
            )
            self._closer = _closed_with_its_loop(self._session)

    def begin(self, task: asyncio.Task[Any], call: Listening) -> None:
        """Note that a task waits in a call: `close` ends it, and its silence is watched."""
        self.session()  # opened before the call is noted: the calls are those of the session's loop
        self.calls[task] = call
        if self.owned and call.patience is not None:
            self._silence.watch(call.patience)

    def note_rate_limit(self, limit: int | None, remaining: int | None, reset: float | None) -> None:
        """Keep what an answer said of the quota, for `DevRevClient.rate_limit`."""
        try:
            reset_at = None if reset is None else datetime.fromtimestamp(reset, UTC)
        except (ValueError, OverflowError, OSError):
            reset_at = None
        self.rate_limit = RateLimit(limit, remaining, reset_at)

    def send(
        self, request: Request, headers: Mapping[str, str], timeout: aiohttp.ClientTimeout
    ) -> Awaitable[aiohttp.ClientResponse]:
        """Send; the answer comes with its body unread. Locals of this frame hold no token."""
        session = self._session
        if self.closed or session is None or session.closed:
            session = self.session()
        return session.request(
            "GET" if request.body is None else "POST",
            request.url,
            data=request.body,
            headers=self.token.headers(headers, json=request.body is not None),
            timeout=timeout,
            **self._options,
        )

    async def renew_token(self, version: int) -> str | None:
        """Ask the token's callable, unless another task has done so since `version`; the answer is what went wrong."""
        async with self._renewing:
            if self.token.version == version:
                return await self.token.renew()
        return None

    async def close(self) -> None:
        """End every call in flight with a `ClientClosedError`, then the session, unless it is the user's."""
        if self.closed:
            return
        self.closed = True
        if self._loop is None or self._loop is not asyncio.get_running_loop():
            return
        self._silence.stop()
        for task in self.calls:
            self._ended.add(task)
            task.cancel("the client was closed")
        if self._closer is not None:
            await self._closer.aclose()

    def settle(self, task: asyncio.Task[Any], cancelled: int) -> bool:
        """Whether nothing but `close` cancelled a task since it had been cancelled so often; that is undone."""
        if task not in self._ended:
            return False
        self._ended.discard(task)
        return task.uncancel() <= cancelled


def _closed_with_its_loop(session: aiohttp.ClientSession) -> AsyncGenerator[None, None]:
    """A started generator whose end closes the session.

    `asyncio.run` ends all asynchronous generators before it closes its loop. So a client that was built at import time
    and is never closed leaves no connection behind, and works again in the next loop.
    """

    async def until_closed() -> AsyncGenerator[None, None]:
        try:
            yield
        finally:
            await session.close()

    closer = until_closed()
    with contextlib.suppress(StopIteration):  # it yields without waiting for anything
        closer.__anext__().send(None)
    return closer
