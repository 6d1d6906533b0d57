"""The state that a client and its copies share: the aiohttp session, the limiter, and the calls in flight."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncGenerator, Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import aiohttp

from devrev_async import errors
from devrev_async._limits.limiter import Limiter
from devrev_async.options import RateLimit

from .calls import CallRegistry
from .connector import Connector, request_class
from .middleware import middlewares_of
from .proxies import authorisation
from .request import HEAD_BOUNDS

if TYPE_CHECKING:
    import ssl

    from yarl import URL

    from .auth import Authenticator

__all__ = ["SessionManager"]


class SessionManager:
    """Opens the session on first use, binds it to the running loop, and closes it once, for all copies of a client.

    Attributes:
        auth: renews the token.
        limiter: decides when a request may be sent; it is bound to `loop`.
        registry: the calls in flight; it is bound to `loop`.
        on_close: called by `close`, for what waits for something else than a call.
        current: the session; None before it is opened.
        loop: the event loop that the session was opened in.
        owned: whether the client made the session, with a connector that reports the state of connections.
        proxy: that `proxy=` or the environment names, as host and port, or None.
        request_options: keyword arguments of every request.
    """

    def __init__(
        self,
        *,
        auth: Authenticator,
        max_concurrency: int,
        max_connections: int,
        quota_reserve: float,
        session: aiohttp.ClientSession | None,
        proxy: URL | None,
        ssl: ssl.SSLContext | None,
        trace_configs: tuple[aiohttp.TraceConfig, ...],
        headers: Mapping[str, str],
    ) -> None:
        self.auth = auth
        # The semaphore also bounds the connections of our own session. A limit of the connector would count those of
        # streams whose consumers are busy, and a call by such a consumer would wait for its own stream: a deadlock.
        self.max_concurrency = min(max_concurrency, max_connections if session is None else _connections_of(session))
        self.closed = False
        self.on_close: set[Callable[[], object]] = set()
        self.limiter: Limiter
        self.registry: CallRegistry
        self.owned = session is None
        self.request_options: dict[str, Any] = {"allow_redirects": False, **HEAD_BOUNDS}
        if session is not None:
            self.request_options |= {"auto_decompress": False, "raise_for_status": False}  # it may have other defaults
            self.request_options["middlewares"] = middlewares_of(session)
        self.proxy = None if proxy is None else f"{proxy.host}:{proxy.port}"
        if proxy is not None:
            self.request_options["proxy"] = proxy.with_user(None)
            if (header := authorisation(proxy)) is not None:
                self.request_options["proxy_headers"] = {"Proxy-Authorization": header}
        if ssl is not None:
            self.request_options["ssl"] = ssl
        self.current: aiohttp.ClientSession | None = session
        self.loop: asyncio.AbstractEventLoop | None = None
        self._closer: AsyncGenerator[None, None] | None = None
        self._open_options = (headers, trace_configs, quota_reserve)
        self._rate_limit: tuple[object, RateLimit | None] = (None, None)

    def session(self) -> aiohttp.ClientSession:
        """Returns the session, opened on first use in the running loop; after that loop was closed, a new one."""
        if self.closed:
            raise errors.ClientClosedError("the client is closed")
        loop = asyncio.get_running_loop()
        if loop is not self.loop:
            self._enter(loop)
        session = self.current
        assert session is not None
        if session.closed:
            raise errors.ClientClosedError("the session that the client was given is closed")
        return session

    def _enter(self, loop: asyncio.AbstractEventLoop) -> None:
        if self.loop is not None and not self.loop.is_closed():
            raise errors.ConfigurationError("the client is in use in another event loop; give each loop its own client")
        if self.current is not None and not self.owned and getattr(self.current, "_loop", loop) is not loop:
            raise errors.ConfigurationError(
                "session= belongs to another event loop; open it in the loop that uses the client"
            )
        headers, trace_configs, quota_reserve = self._open_options
        reported = None if self.loop is None else self.limiter.reported
        self.loop = loop
        self.registry = CallRegistry(loop)
        self.limiter = Limiter(self.max_concurrency, reserve=quota_reserve)
        self.limiter.reported = reported
        self.auth.reset()
        if self.owned:
            self.current = aiohttp.ClientSession(
                connector=Connector(limit=0),
                cookie_jar=aiohttp.DummyCookieJar(),
                request_class=request_class(headers),
                auto_decompress=False,
                timeout=aiohttp.ClientTimeout(total=None),
                trace_configs=list(trace_configs) or None,
            )
            self._closer = _closed_with_its_loop(self.current)

    @property
    def rate_limit(self) -> RateLimit | None:
        """The quota that the last response with rate-limit headers reported, or None."""
        reported = None if self.loop is None else self.limiter.reported
        if reported is not self._rate_limit[0]:
            assert reported is not None
            limit, remaining, reset = reported
            try:
                reset_at = None if reset is None else datetime.fromtimestamp(reset, UTC)
            except (ValueError, OverflowError, OSError):
                reset_at = None
            self._rate_limit = (reported, RateLimit(limit, remaining, reset_at))
        return self._rate_limit[1]

    async def close(self) -> None:
        """Ends every call in flight with a `ClientClosedError`, then closes the session unless it is the user's."""
        if self.closed:
            return
        self.closed = True
        if self.loop is None or self.loop is not asyncio.get_running_loop():
            return
        self.registry.end_all()
        for end in tuple(self.on_close):
            end()
        if self._closer is not None:
            await self._closer.aclose()


def _connections_of(session: aiohttp.ClientSession) -> int:
    """The connections to one host that the user's session may have: a call that waits for one is not connecting."""
    connector = session.connector
    limits = () if connector is None else (connector.limit, connector.limit_per_host)
    return min((limit for limit in limits if limit), default=sys.maxsize)


def _closed_with_its_loop(session: aiohttp.ClientSession) -> AsyncGenerator[None, None]:
    """Returns a started generator whose finalisation closes the session.

    `asyncio.run` finalises all asynchronous generators before it closes its loop. So a client that was built at import
    time and is never closed leaves no connection open, and works again in the next loop.
    """

    async def until_closed() -> AsyncGenerator[None, None]:
        try:
            yield
        finally:
            await session.close()

    closer = until_closed()
    with contextlib.suppress(StopIteration):  # the first step ends at the yield
        closer.__anext__().send(None)
    return closer
