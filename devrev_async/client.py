"""The client: options in, one session and one limiter, closed once."""

from __future__ import annotations

import ssl as ssl_module
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar, overload

import msgspec
from yarl import URL

from ._decoders.responses import decode_typed
from ._requests.bodies import encode_any
from ._transport.auth import Authenticator, TokenProvider, find_token
from ._transport.checks import (
    check_base_url,
    check_count,
    check_hook,
    check_policy,
    check_session,
    check_timeout,
    check_trace_configs,
    find_headers,
    headers_of,
    proxy_of,
)
from ._transport.request import DEFAULT_HEADERS, Request, Settings
from ._transport.session import SessionManager
from ._transport.transport import Transport
from .errors import ConfigurationError, MissingTokenError, shown
from .options import ClientEvent, RateLimit, Timeout, as_seconds, as_timeout, check_flag, check_max_retries
from .resources._base import check_endpoint
from .resources.lists import open_pager
from .resources.pagers import ItemPager
from .resources.works import Works

if TYPE_CHECKING:
    from types import TracebackType

    import aiohttp

__all__ = ["DevRevClient"]

T = TypeVar("T")

MIB: Final = 1 << 20
"""Bytes."""


class DevRevClient:
    """An asynchronous client of the DevRev API; `works` has the calls.

    Use it as an asynchronous context manager, or `close` it. It may be built anywhere, at import time too: the
    session is opened on first use, in the loop that runs then.

    Args:
        token: the token, or a callable (plain or async) that returns one; it is asked once, and once more after a
            401. None: ``$DEVREV_TOKEN``, else ``$DEVREV_API_TOKEN``, else ``$DEVREV_API_KEY``.
        base_url: None: ``$DEVREV_BASE_URL``, else ``https://api.devrev.ai``. Plain http for loopback only.
        beta: send ``X-Devrev-Scope: beta``, which `sort_by` of exports and `custom_fields` filters belong to.
        timeout: seconds in all, or a `Timeout`.
        max_retries: attempts after the first; 0 for none.
        max_concurrency: requests in flight, over all tasks.
        max_connections: connections in use, over all tasks; an `export_stream` whose consumer is busy keeps its
            connection beside them, so that the consumer may call the client.
        max_rate_limit_wait: seconds; a longer wait that the server asks for is a `RateLimitWaitError` at once.
        retry_wait: seconds; the bounds of the first and of the longest wait of the client's own before a retry. They
            double with each retry, with full jitter below them. ``(0, 0)`` for tests.
        quota_reserve: share of the server's quota, 0 to 1, that is left to others with the same token.
        max_response_bytes: bound of the decompressed body of one answer.
        session: your own session, which is used and never closed.
        proxy: URL of an HTTP proxy; not together with plain http.
        trust_env: use the proxy of the environment (``HTTPS_PROXY``, else ``ALL_PROXY``), unless ``NO_PROXY`` names
            the host; it is read when the client is built. Not together with plain http.
        ssl: a context for TLS, for instance with a private authority. No other option changes how certificates are
            verified.
        trace_configs: aiohttp's, for instrumentation. What they are called with has the headers, and so the token.
        headers: sent with every request.
        on_event: called with a `ClientEvent` per request, response, retry, pause and wait. What it raises is
            logged, and the call goes on.

    Raises:
        ConfigurationError: no token (`MissingTokenError`), a base URL that is not https, ...
        TypeError: an argument is of a wrong type.
    """

    def __init__(
        self,
        token: str | TokenProvider | None = None,
        *,
        base_url: str | URL | None = None,
        beta: bool = True,
        timeout: Timeout | float = Timeout(),  # noqa: B008 - frozen
        max_retries: int = 4,
        max_concurrency: int = 32,
        max_connections: int = 64,
        max_rate_limit_wait: float = 330.0,
        retry_wait: tuple[float, float] = (0.5, 30.0),
        quota_reserve: float = 0.0,
        max_response_bytes: int = 512 * MIB,
        session: aiohttp.ClientSession | None = None,
        proxy: str | URL | None = None,
        trust_env: bool = False,
        ssl: ssl_module.SSLContext | None = None,
        trace_configs: Sequence[aiohttp.TraceConfig] = (),
        headers: Mapping[str, str] | None = None,
        on_event: Callable[[ClientEvent], object] | None = None,
    ) -> None:
        source, problem = find_token(token)
        own_headers, mistake = find_headers(headers)
        del token, headers  # tracebacks show local variables
        if source is None:
            raise MissingTokenError(problem)
        if mistake is not None:
            raise mistake
        for name, flag in (("beta", beta), ("trust_env", trust_env)):
            check_flag(name, flag)
        for name, count in (("max_concurrency", max_concurrency), ("max_connections", max_connections)):
            check_count(name, count, 1)
        if not 0 <= as_seconds("quota_reserve", quota_reserve) <= 1:
            raise ConfigurationError(f"quota_reserve takes a share from 0 to 1, not {shown(quota_reserve)}")
        if ssl is not None and not isinstance(ssl, ssl_module.SSLContext):
            raise ConfigurationError("ssl takes an ssl.SSLContext; certificates are always verified")
        if session is not None and trace_configs:
            raise ConfigurationError("trace_configs cannot be combined with session=; set them on your session")
        if session is not None and trust_env:
            raise ConfigurationError("trust_env cannot be combined with session=; set it on your session")
        self._base_url = check_base_url(base_url)
        if session is not None:
            check_session(session, self._base_url)
        self._beta = beta
        self._own_headers = own_headers
        manager = SessionManager(
            auth=Authenticator(source),
            max_concurrency=max_concurrency,
            max_connections=max_connections,
            quota_reserve=quota_reserve,
            session=session,
            proxy=proxy_of(proxy, self._base_url, trust_env=trust_env),
            ssl=ssl,
            trace_configs=check_trace_configs(trace_configs),
            headers=DEFAULT_HEADERS,
        )
        settings = Settings(
            headers=headers_of(self._own_headers, beta=beta, manager=manager),
            timeout=check_timeout(timeout, Timeout()),
            retries=check_policy(max_retries, retry_wait, max_rate_limit_wait),
            max_response_bytes=check_count("max_response_bytes", max_response_bytes, 1),
            on_event=check_hook(on_event),
        )
        self._use(Transport(manager, settings))

    def _use(self, transport: Transport) -> None:
        self._transport = transport
        self.works = Works(transport, self._base_url)
        """The works: issues, tickets, tasks, opportunities."""

    def with_options(
        self,
        *,
        timeout: Timeout | float | None = None,
        max_retries: int | None = None,
        max_rate_limit_wait: float | None = None,
        retry_wait: tuple[float, float] | None = None,
        max_response_bytes: int | None = None,
        beta: bool | None = None,
        headers: Mapping[str, str] | None = None,
        on_event: Callable[[ClientEvent], object] | None = None,
    ) -> Self:
        """A copy with other options, those not given unchanged; `headers` are added to those of this client.

        It shares the session and the limiter, and closing either closes both.
        """
        own_headers, mistake = find_headers(headers)
        del headers  # tracebacks show local variables
        if mistake is not None:
            raise mistake
        old = self._transport.settings
        check_flag("beta", self._beta if beta is None else beta)
        size = old.max_response_bytes if max_response_bytes is None else max_response_bytes
        copy = object.__new__(type(self))
        vars(copy).update(vars(self))  # of a subclass, its own attributes as well
        copy._beta = self._beta if beta is None else beta
        copy._own_headers = {**self._own_headers, **own_headers}
        settings = Settings(
            headers=headers_of(copy._own_headers, beta=copy._beta, manager=self._transport.manager),
            timeout=check_timeout(timeout, old.timeout),
            retries=check_policy(
                old.retries.max_retries if max_retries is None else max_retries,
                old.retries.retry_wait if retry_wait is None else retry_wait,
                old.retries.max_rate_limit_wait if max_rate_limit_wait is None else max_rate_limit_wait,
            ),
            max_response_bytes=check_count("max_response_bytes", size, 1),
            on_event=old.on_event if on_event is None else check_hook(on_event),
        )
        copy._use(Transport(self._transport.manager, settings))
        return copy

    @property
    def rate_limit(self) -> RateLimit | None:
        """The quota as the server last reported it, or None if it never did."""
        return self._transport.manager.rate_limit

    @property
    def base_url(self) -> str:
        """Where requests go, without a trailing slash."""
        return self._base_url

    @overload
    async def request(
        self,
        endpoint: str,
        body: Mapping[str, Any] | msgspec.Struct | None = None,
        *,
        response_type: type[T],
        idempotent: bool = False,
        timeout: Timeout | float | None = None,
        max_retries: int | None = None,
    ) -> T: ...

    @overload
    async def request(
        self,
        endpoint: str,
        body: Mapping[str, Any] | msgspec.Struct | None = None,
        *,
        response_type: None = None,
        idempotent: bool = False,
        timeout: Timeout | float | None = None,
        max_retries: int | None = None,
    ) -> Any: ...

    async def request(
        self,
        endpoint: str,
        body: Mapping[str, Any] | msgspec.Struct | None = None,
        *,
        response_type: Any = None,
        idempotent: bool = False,
        timeout: Timeout | float | None = None,
        max_retries: int | None = None,
    ) -> Any:
        """`POST` to any endpoint of the API, as in ``"accounts.list"``, with all that `works` has.

        Args:
            endpoint: the API method.
            body: what is sent as JSON; None sends ``{}``, as the API wants.
            response_type: the type that msgspec decodes the answer into; None gives plain dicts and lists.
            idempotent: repeating the request changes nothing, so it may be retried like a read.
            timeout: of this call.
            max_retries: of this call.

        Raises:
            DevRevError: and its subclasses, as everywhere.
        """
        check_flag("idempotent", idempotent)
        endpoint = check_endpoint(endpoint)
        request = Request(
            endpoint=endpoint,
            url=URL(f"{self._base_url}/{endpoint}", encoded=True),
            body=encode_any(body),
            idempotent=idempotent,
            timeout=None if timeout is None else as_timeout(timeout, self._transport.settings.timeout),
            max_retries=check_max_retries(max_retries),
        )
        return await self._transport.fetch(request, decode_typed(response_type))

    @overload
    def paginate(
        self,
        endpoint: str,
        body: Mapping[str, Any] | msgspec.Struct | None = None,
        *,
        item_type: type[T],
        items: str | None = None,
        max_items: int | None = None,
        timeout: Timeout | float | None = None,
        max_retries: int | None = None,
    ) -> ItemPager[T]: ...

    @overload
    def paginate(
        self,
        endpoint: str,
        body: Mapping[str, Any] | msgspec.Struct | None = None,
        *,
        item_type: None = None,
        items: str | None = None,
        max_items: int | None = None,
        timeout: Timeout | float | None = None,
        max_retries: int | None = None,
    ) -> ItemPager[dict[str, Any]]: ...

    def paginate(
        self,
        endpoint: str,
        body: Mapping[str, Any] | msgspec.Struct | None = None,
        *,
        item_type: Any = None,
        items: str | None = None,
        max_items: int | None = None,
        timeout: Timeout | float | None = None,
        max_retries: int | None = None,
    ) -> ItemPager[Any]:
        """The items of all pages of any ``*.list`` endpoint, as in ``"accounts.list"``, decoded as they arrive.

        Args:
            endpoint: the API method.
            body: of each request, as the API takes it; ``{"limit": 100}`` asks for pages of 100 items.
            item_type: the type that msgspec decodes each item into; None gives plain dicts.
            items: the key of the items in a page. None: that of the API's spec, else the endpoint's own name, as
                ``dev_users`` of ``"dev-users.list"``.
            max_items: so many items at most, in no more requests than they need; 0 sends none.
            timeout: of each page.
            max_retries: of each page.

        Returns:
            What to iterate over: items, or `pages()`, or `raw_batches()` for their JSON bytes.
        """
        endpoint = check_endpoint(endpoint)
        request = Request(
            endpoint=endpoint,
            url=URL(f"{self._base_url}/{endpoint}", encoded=True),
            idempotent=True,
            timeout=None if timeout is None else as_timeout(timeout, self._transport.settings.timeout),
            max_retries=check_max_retries(max_retries),
        )
        return open_pager(self._transport, request, body, item_type, items, max_items)

    async def close(self) -> None:
        """Close, once for all copies; calls in flight end with a `ClientClosedError`. Closing again does nothing."""
        await self._transport.manager.close()

    async def __aenter__(self) -> Self:
        self._transport.manager.session()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        # of one that could not be built, too: it is a local variable of the traceback
        transport = getattr(self, "_transport", None)
        closed = " closed" if transport is not None and transport.manager.closed else ""
        return f"<{type(self).__name__} {getattr(self, '_base_url', '')}{closed}>"

    def __reduce__(self) -> str:
        raise TypeError("a client holds a token and connections, and is not to be pickled")
