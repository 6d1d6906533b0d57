"""The pooled aiohttp session, and one call over it. The only module that knows aiohttp's client.

Nothing of aiohttp leaves it: an attempt ends in an `Incoming` or in a `Failure`, both plain values, and the error is
raised where no frame of aiohttp (whose locals hold the token) is in the traceback.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar
from weakref import WeakSet

import aiohttp
from yarl import URL

from . import errors
from ._body import BadEncodingError, Body, TooLargeError
from ._decode import KEPT_OF_ERRORS, Answer, api_error, printable, retry_after_of
from ._headers import parse_count, parse_http_date, parse_seconds
from ._limiter import Limiter, WaitTooLongError
from ._redirect import moved_to
from ._retry import leaves_open, may_retry, own_waits
from .models import DECODE_ERRORS
from .options import ClientEvent, RateLimit, Timeout

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator

    from ._token import TokenSource

__all__ = ["Call", "Failure", "Incoming", "Pool", "Request", "Settings", "Transport"]

log: Final = logging.getLogger("devrev_async")

T = TypeVar("T")


class Settings(NamedTuple):
    """What of a client's options concerns each call; a copy of the client may have others."""

    headers: Mapping[str, str]
    timeout: Timeout
    max_retries: int
    max_rate_limit_wait: float
    max_response_bytes: int
    on_event: Callable[[ClientEvent], object] | None


class Request(NamedTuple):
    """One call of the API. `read` says that repeating it changes nothing."""

    endpoint: str
    url: URL
    body: bytes | None = None
    read: bool = False
    timeout: Timeout | None = None
    max_retries: int | None = None


class Failure(NamedTuple):
    """How an attempt failed, and what the retry policy asks for."""

    error: errors.DevRevError
    status: int | None = None
    sent: bool = True
    retry_after: float | None = None
    hopeless: bool = False
    stale: bool = False


class _HeldBackError(Exception):
    """A pause began while the connection was made; nothing was sent."""


class _Attempt:
    """What the connector tells of the connection that an attempt uses."""

    __slots__ = ("connected", "limiter", "reused")

    def __init__(self, limiter: Limiter) -> None:
        self.limiter = limiter
        self.connected = False
        self.reused = False


_attempt: contextvars.ContextVar[_Attempt | None] = contextvars.ContextVar("devrev_async_attempt", default=None)


class _Connector(aiohttp.TCPConnector):
    """Tells an attempt whether it has a connection, and whether that one has served before (and may be stale)."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._served: WeakSet[object] = WeakSet()

    async def connect(self, req: Any, traces: Any, timeout: Any) -> Any:
        connection = await super().connect(req, traces, timeout)
        attempt = _attempt.get()
        if attempt is not None:
            if attempt.limiter.paused:
                connection.release()
                raise _HeldBackError
            protocol = connection.protocol
            attempt.connected = True
            attempt.reused = protocol in self._served
            self._served.add(protocol)
        return connection


class Pool:
    """What a client and its copies share: the session, the limiter, the calls in flight. Closed once, for all."""

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
    ) -> None:
        self.token = token
        self.closed = False
        self.rate_limit: RateLimit | None = None
        self.limiter: Limiter
        self.calls: set[asyncio.Task[Any]] = set()
        self._session = session
        self._owned = session is None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._limits = (max_concurrency, max_connections, quota_reserve)
        self._options: dict[str, Any] = {"allow_redirects": False, "auto_decompress": False}
        if proxy is not None:
            self._options["proxy"] = proxy
        if ssl is not None:
            self._options["ssl"] = ssl
        self._trace_configs = trace_configs

    def session(self) -> aiohttp.ClientSession:
        """The session, opened on first use in the loop that runs; a loop that was closed leaves the place to the next."""
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
        concurrency, connections, reserve = self._limits
        self._loop = loop
        self.calls = set()
        self.limiter = Limiter(concurrency, reserve=reserve)
        if self._owned:
            self._session = aiohttp.ClientSession(
                connector=_Connector(limit=connections),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None),
                trace_configs=list(self._trace_configs) or None,
            )

    def note_rate_limit(self, limit: int | None, remaining: int | None, reset: float | None) -> None:
        """Keep what an answer said of the quota, for `DevRevClient.rate_limit`."""
        try:
            reset_at = None if reset is None else datetime.fromtimestamp(reset, UTC)
        except (ValueError, OverflowError, OSError):
            reset_at = None
        self.rate_limit = RateLimit(limit, remaining, reset_at)

    async def send(self, request: Request, headers: Mapping[str, str], timeout: aiohttp.ClientTimeout) -> Any:
        """Send, and return the response with its body unread. Locals of this frame hold no token."""
        return await self.session().request(
            "GET" if request.body is None else "POST",
            request.url,
            data=request.body,
            headers=self.token.headers(headers, json=request.body is not None),
            timeout=timeout,
            **self._options,
        )

    async def close(self) -> None:
        """End every call in flight with a `ClientClosedError`, then the session, unless it is the user's."""
        if self.closed:
            return
        self.closed = True
        if self._loop is None or self._loop is not asyncio.get_running_loop():
            return
        for task in self.calls:
            task.cancel("the client was closed")
        if self._owned and self._session is not None:
            await self._session.close()


class Incoming:
    """A successful answer whose body is still to be read. It holds a slot of the limiter until it is closed."""

    __slots__ = ("_body", "_call", "_pieces", "_response", "_slot", "read_bytes", "request_id", "status")

    def __init__(self, call: Call, response: Any, body: Body, request_id: str | None) -> None:
        self.status: int = response.status
        self.request_id = request_id
        self.read_bytes = 0
        self._call = call
        self._response = response
        self._body = body
        self._pieces: Iterator[bytes] | None = None
        self._slot = True

    async def next(self) -> bytes | None | Failure:
        """The next piece of the decompressed body, None at its end, or how reading failed."""
        try:
            while True:
                if self._pieces is not None:
                    for piece in self._pieces:
                        self.read_bytes += len(piece)
                        return piece
                    self._pieces = None
                data = await self._response.content.readany()
                if not data:
                    self._body.finish()
                    return None
                self._pieces = self._body.feed(data)
        except (BadEncodingError, TooLargeError) as error:
            problem: Exception = error
        except (aiohttp.ClientError, OSError, asyncio.TimeoutError, ValueError) as error:
            problem = error.with_traceback(None)
        except BaseException as error:
            error.__context__ = error.__cause__ = None
            raise error.with_traceback(None)
        return self._call.reading_failed(problem, self)

    async def read(self) -> bytes | Failure:
        """The whole body, or how reading failed."""
        first = await self.next()
        if first is None:
            return b""
        if isinstance(first, Failure):
            return first
        second = await self.next()
        if second is None:
            return first
        whole = bytearray(first)
        while second is not None:
            if isinstance(second, Failure):
                return second
            whole += second
            second = await self.next()
        return bytes(whole)

    def pause(self) -> None:
        """Give the slot back while a consumer is busy, so that it may call the client itself."""
        if self._slot:
            self._slot = False
            self._call.pool.limiter.release()

    async def resume(self) -> None:
        """Take a slot again."""
        if not self._slot:
            await self._call.pool.limiter.retake()
            self._slot = True

    def close(self) -> None:
        """Give everything back. A body that was not read to its end takes its connection with it."""
        self.pause()
        response = self._response
        if response.content.is_eof():
            response.release()
        else:
            response.close()


class Call:
    """The attempts of one call: `open` until it gives an answer, `again` when reading that answer failed."""

    __slots__ = ("_attempt", "_deadline", "_redirected", "_renewed", "_retries", "_since", "_timeout", "_waits",
                 "attempts", "pool", "request", "settings")  # fmt: skip

    def __init__(self, pool: Pool, settings: Settings, request: Request) -> None:
        self.pool = pool
        self.settings = settings
        self.request = request
        self.attempts = 0
        timeout = request.timeout or settings.timeout
        self._timeout = _client_timeout(timeout)
        self._deadline = None if timeout.total is None else time.monotonic() + timeout.total
        self._retries = settings.max_retries if request.max_retries is None else request.max_retries
        self._waits: Iterator[float] | None = None
        self._renewed = False
        self._redirected = False
        self._attempt: _Attempt | None = None
        self._since = 0.0

    @property
    def sent(self) -> bool:
        """Whether the last attempt may have reached the server."""
        return self._attempt is not None and self._attempt.connected

    async def within_deadline(self, work: Callable[[], Awaitable[T]]) -> T:
        """Await, under the deadline of `Timeout.total` if there is one."""
        if self._deadline is None:
            return await work()
        timer = asyncio.timeout(max(0.0, self._deadline - time.monotonic()))
        try:
            async with timer:
                return await work()
        except TimeoutError:
            if not timer.expired():
                raise
        raise self.timed_out()

    async def open(self) -> Incoming:
        """The first answer that is a success; every other one is retried or raised."""
        self.pool.session()
        if not self.pool.token.known:
            await self.pool.token.renew()
        while True:
            outcome = await self._send()
            if isinstance(outcome, Incoming):
                return outcome
            await self.again(outcome)

    async def again(self, failure: Failure) -> None:
        """Wait for the next attempt, or raise the failure's error."""
        if failure.stale:
            return
        if failure.status == 401 and self.pool.token.renewable and not self._renewed:
            self._renewed = True
            await self.pool.token.renew()
            return
        request, error = self.request, failure.error
        allowed = not failure.hopeless and may_retry(
            read=request.read, status=failure.status, sent=failure.sent, retry_after=failure.retry_after
        )
        if not allowed or self._retries <= 0:
            raise self.final(failure)
        if failure.retry_after is not None and failure.retry_after > self.settings.max_rate_limit_wait:
            raise self.final(failure)
        if self._waits is None:
            self._waits = own_waits()
        wait = next(self._waits) if failure.retry_after is None else 0.0
        delay = wait if failure.retry_after is None else failure.retry_after
        if self._deadline is not None and time.monotonic() + delay >= self._deadline:
            raise self.final(failure)
        self._retries -= 1
        self.tell("retry", delay, failure.status, str(error))
        if wait:
            await asyncio.sleep(wait)

    async def take_slot(self) -> None:
        """A turn of the limiter, or the error that says how long it would take."""
        try:
            self._since = await self.pool.limiter.acquire(self.settings.max_rate_limit_wait, self._on_wait)
            return
        except WaitTooLongError as error:
            seconds = error.seconds
        raise self._too_long(seconds, None)

    async def _send(self) -> Incoming | Failure:
        outcome: Incoming | Failure | None = None
        while outcome is None:
            await self.take_slot()
            try:
                outcome = await self._exchange()
            finally:
                if not isinstance(outcome, Incoming):
                    self.pool.limiter.release()
        return outcome

    async def _exchange(self) -> Incoming | Failure | None:
        """One request and its answer's head, of an error its body too; None if a pause came before it was sent."""
        attempt = self._attempt = _Attempt(self.pool.limiter)
        _attempt.set(attempt)
        self.attempts += 1
        response: Any = None
        problem: Exception | None = None
        try:
            response = await self.pool.send(self.request, self.settings.headers, self._timeout)
        except _HeldBackError:
            self.attempts -= 1
            return None
        except (aiohttp.ClientError, OSError, asyncio.TimeoutError, ValueError) as error:
            problem = error.with_traceback(None)
        except BaseException as error:
            error.__context__ = error.__cause__ = None
            raise error.with_traceback(None)
        finally:
            if response is None:
                self.pool.limiter.answered()
        if problem is not None:
            return self._sending_failed(problem, attempt)
        attempt.connected = True
        return await self._answered(response)

    async def _answered(self, response: Any) -> Incoming | Failure:
        status: int = response.status
        headers = response.headers
        request_id = headers.get("X-Request-Id")
        if log.isEnabledFor(logging.DEBUG):
            self._log(str(status), request_id)
        self._note_quota(headers)
        self.pool.limiter.answered()
        try:
            body = Body(headers.get("Content-Encoding"), self.settings.max_response_bytes)
        except BadEncodingError as error:
            response.close()
            return self._undecodable(str(error), status, b"", request_id)
        incoming = Incoming(self, response, body, None if request_id is None else self._shown(request_id))
        if 200 <= status < 300:
            return incoming
        incoming._slot = False  # noqa: SLF001 - the caller gives the slot back, as after every failure
        try:
            return await self._refused(incoming, headers)
        finally:
            incoming.close()

    async def _refused(self, incoming: Incoming, headers: Mapping[str, str]) -> Failure:
        """What an answer other than 2xx means."""
        kept = bytearray()
        while (piece := await incoming.next()) is not None:
            if isinstance(piece, Failure):
                if isinstance(piece.error, errors.ResponseTooLargeError):
                    return piece
                break  # the status says enough
            kept += piece[: KEPT_OF_ERRORS - len(kept)]
        names = ("location", "retry-after")
        shown = {name: self.pool.token.hide(headers[name]) for name in names if name in headers}
        answer = Answer(incoming.status, shown, self.pool.token.hide_bytes(bytes(kept)), incoming.request_id)
        now = parse_http_date(headers.get("Date")) or time.time()
        error = api_error(answer, self.request.endpoint, now=now, hide=self.pool.token.hide)
        retry_after = retry_after_of(answer, now=now)
        if answer.status == 429:
            retry_after = self._pause_for(retry_after, headers, now, answer.status)
            if isinstance(error, errors.TooManyRequestsError):
                error.retry_after = retry_after
        elif answer.status == 503 and retry_after is not None and retry_after <= self.settings.max_rate_limit_wait:
            self._pause_for(retry_after, headers, now, answer.status)
        return Failure(error, answer.status, retry_after=retry_after)

    def _pause_for(
        self, retry_after: float | None, headers: Mapping[str, str], now: float, status: int
    ) -> float | None:
        """Stop every task of the client for as long as the answer asks."""
        if retry_after is None:
            reset = parse_seconds(headers.get("X-Ratelimit-Reset"))
            retry_after = reset - now if reset is not None and 0 < reset - now < 366 * 86400 else None
        if retry_after is not None:
            self.pool.limiter.pause(retry_after)
            self.tell("pause", retry_after, status, "the server asks to wait")
        return retry_after

    def follow(self, failure: errors.APIError) -> bool:
        """Turn the call to where its object has moved, once; False if that is no place to follow."""
        if self._redirected or failure.status != 301 or failure.location is None:
            return False
        target = moved_to(self.request.url, failure.location)
        if target is None:
            return False
        self._redirected = True
        self.request = self.request._replace(url=target)
        return True

    # -- failures --------------------------------------------------------------------------------------------------

    def _sending_failed(self, problem: Exception, attempt: _Attempt) -> Failure:
        never_connected = isinstance(problem, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError)
        sent = attempt.connected or not (never_connected or isinstance(problem, aiohttp.ClientHttpProxyError))
        text = self._describe(problem)
        if log.isEnabledFor(logging.DEBUG):
            self._log(text, None)
        lost = isinstance(problem, aiohttp.ServerDisconnectedError | ConnectionError | aiohttp.ClientOSError)
        stale = lost and attempt.reused and self.request.read
        hopeless = isinstance(problem, aiohttp.ClientSSLError | aiohttp.InvalidURL)
        return Failure(self._no_answer(problem, text, sent=sent), sent=sent, stale=stale, hopeless=hopeless)

    def reading_failed(self, problem: Exception, incoming: Incoming) -> Failure:
        """What it means that a body could not be read."""
        status = incoming.status
        if isinstance(problem, TooLargeError):
            limit = self.settings.max_response_bytes
            error = errors.ResponseTooLargeError(
                f"{self.request.endpoint}: the answer exceeds max_response_bytes ({limit} bytes decompressed)",
                limit=limit,
                status=status,
            )
            return Failure(error, status, hopeless=True)
        if isinstance(problem, BadEncodingError):
            return self._undecodable(str(problem), status, b"", incoming.request_id, cut=problem.cut)
        return Failure(self._no_answer(problem, self._describe(problem), sent=True))

    def undecodable(self, problem: str, incoming: Incoming, body: bytes, *, cut: bool = False) -> Failure:
        """What it means that a body is not what was expected."""
        return self._undecodable(problem, incoming.status, body, incoming.request_id, cut=cut)

    def _undecodable(
        self, problem: str, status: int, body: bytes, request_id: str | None, *, cut: bool = False
    ) -> Failure:
        error = errors.ResponseDecodeError(
            f"{self.request.endpoint}: {status}, and the body is not what is documented: {self._shown(problem)[:300]}",
            status=status,
            body=self.pool.token.hide_bytes(body[:KEPT_OF_ERRORS]),
            request_id=request_id,
        )
        return Failure(error, None if cut else status, hopeless=not cut)

    def _no_answer(self, problem: Exception, text: str, *, sent: bool) -> errors.DevRevError:
        endpoint = self.request.endpoint
        if self.pool.closed:
            return errors.ClientClosedError(f"{endpoint}: the client was closed during the call")
        if sent and not self.request.read:
            return errors.OutcomeUnknownError(f"{endpoint}: sent, and the answer was lost: {text}")
        if isinstance(problem, asyncio.TimeoutError):
            return errors.APITimeoutError(f"{endpoint}: {text}")
        return errors.APIConnectionError(f"{endpoint}: {text}")

    def timed_out(self) -> errors.DevRevError:
        """The error of a call that `Timeout.total` has ended."""
        timeout = self.request.timeout or self.settings.timeout
        text = f"{self.request.endpoint}: not done within {timeout.total} s (Timeout.total)"
        error = errors.APITimeoutError(text)
        if self.sent and not self.request.read:
            return self._labelled(errors.OutcomeUnknownError(f"{text}; the write was sent"))
        return self._labelled(error)

    def final(self, failure: Failure) -> errors.DevRevError:
        error, request = failure.error, self.request
        if failure.status == 429 and (failure.retry_after or 0) > self.settings.max_rate_limit_wait:
            assert isinstance(error, errors.APIError)
            error = self._too_long(failure.retry_after or 0.0, error)
        error.outcome_unknown = error.outcome_unknown or leaves_open(
            read=request.read, status=failure.status, sent=failure.sent, retry_after=failure.retry_after
        )
        if isinstance(error, errors.ResponseDecodeError | errors.ResponseTooLargeError):
            error.outcome_unknown = not request.read and (200 <= error.status < 300 or error.status >= 500)
        return self._labelled(error)

    def _labelled(self, error: errors.DevRevError) -> errors.DevRevError:
        error.endpoint = self.request.endpoint
        error.attempts = self.attempts
        return error

    def _too_long(self, seconds: float, said: errors.APIError | None) -> errors.DevRevError:
        error = errors.RateLimitWaitError(
            f"{self.request.endpoint}: the server asks to wait {seconds:.1f} s, which is more than "
            f"max_rate_limit_wait ({self.settings.max_rate_limit_wait:g} s)",
            status=429,
            type=said.type if said else "too_many_requests",
            message=said.message if said else None,
            detail=said.detail if said else None,
            body=said.body if said else b"",
            request_id=said.request_id if said else None,
            hint="try again later, or raise max_rate_limit_wait",
        )
        error.retry_after = seconds
        return self._labelled(error)

    def _describe(self, problem: Exception) -> str:
        """A foreign error in a few words; only such as cannot hold a header."""
        timeout = self.request.timeout or self.settings.timeout
        if isinstance(problem, aiohttp.ConnectionTimeoutError):
            return f"no connection within {timeout.connect} s (Timeout.connect)"
        if isinstance(problem, asyncio.TimeoutError):
            return f"silence for {timeout.read} s (Timeout.read)"
        if isinstance(problem, aiohttp.ClientConnectorError | aiohttp.ClientPayloadError | OSError):
            words = str(problem)
        elif isinstance(problem, aiohttp.ClientResponseError):
            words = f"the answer is no valid HTTP ({type(problem).__name__})"
        elif isinstance(problem, aiohttp.ServerDisconnectedError):
            words = "the server closed the connection without an answer"
        else:
            words = type(problem).__name__
        return self._shown(words)[:300]

    # -- telling ---------------------------------------------------------------------------------------------------

    def _shown(self, text: str) -> str:
        return printable(self.pool.token.hide(text))

    def _on_wait(self, delay: float) -> None:
        self.tell("wait", delay, None, "the server's quota or pause")

    def tell(self, kind: Any, delay: float, status: int | None, reason: str) -> None:
        """Tell the log and `on_event`."""
        event = ClientEvent(
            kind=kind,
            endpoint=self.request.endpoint,
            delay=delay,
            attempt=self.attempts,
            status=status,
            reason=reason[:300],
        )
        log.debug("%s: %s of %.3f s after attempt %d: %s", event.endpoint, kind, delay, event.attempt, event.reason)
        hook = self.settings.on_event
        if hook is None:
            return
        try:
            hook(event)
        except Exception as error:  # noqa: BLE001 - a user's hook never ends a call
            log.error("on_event raised %s", self._shown(f"{type(error).__name__}: {error}"))  # noqa: TRY400

    def _log(self, outcome: str, request_id: str | None) -> None:
        log.debug(
            "%s %s: %s in %.1f ms, attempt %d, request id %s",
            "GET" if self.request.body is None else "POST",
            self.request.endpoint,
            outcome,
            (time.monotonic() - self._since) * 1000,
            self.attempts,
            None if request_id is None else self._shown(request_id),
        )

    def _note_quota(self, headers: Mapping[str, str]) -> None:
        remaining = parse_count(headers.get("X-Ratelimit-Remaining"))
        limit = parse_count(headers.get("X-Ratelimit-Limit"))
        reset = parse_seconds(headers.get("X-Ratelimit-Reset"))
        if remaining is None and limit is None:
            return
        self.pool.note_rate_limit(limit, remaining, reset)
        if remaining is not None and reset is not None:
            date = parse_http_date(headers.get("Date"))
            self.pool.limiter.report(limit=limit, remaining=remaining, reset=reset, date=date, sent=self._since)


_timeouts: dict[tuple[float | None, float | None], aiohttp.ClientTimeout] = {}


def _client_timeout(timeout: Timeout) -> aiohttp.ClientTimeout:
    key = (timeout.connect, timeout.read)
    known = _timeouts.get(key)
    if known is None:
        if len(_timeouts) > 64:
            _timeouts.clear()
        known = _timeouts[key] = aiohttp.ClientTimeout(total=None, sock_connect=timeout.connect, sock_read=timeout.read)
    return known


class Transport:
    """Calls over a pool, with the settings of one client."""

    def __init__(self, pool: Pool, settings: Settings) -> None:
        self.pool = pool
        self.settings = settings

    def call(self, request: Request) -> Call:
        """A call whose answer the caller reads piece by piece; it must be driven inside `guarded`."""
        return Call(self.pool, self.settings, request)

    async def fetch(self, request: Request, decode: Callable[[bytes], T], *, follow: bool = False) -> T:
        """Call, read the whole body, decode it; retries included."""

        async def consume(call: Call, incoming: Incoming) -> T | Failure:
            body = await incoming.read()
            if isinstance(body, Failure):
                return body
            try:
                return decode(body)
            except DECODE_ERRORS as error:
                problem = str(error)
            return call.undecodable(problem, incoming, body, cut="truncated" in problem)

        return await self.run(request, consume, follow=follow)

    async def run(
        self,
        request: Request,
        consume: Callable[[Call, Incoming], Awaitable[T | Failure]],
        *,
        follow: bool = False,
    ) -> T:
        """Call until an answer is consumed without a failure; every attempt is consumed anew."""
        call = Call(self.pool, self.settings, request)
        return await self.guarded(call, lambda: _attempts(call, consume, follow=follow))

    async def guarded(self, call: Call, work: Callable[[], Awaitable[T]]) -> T:
        """Await a part of a call under its deadline; `close` ends it with a `ClientClosedError`."""
        task = asyncio.current_task()
        assert task is not None
        self.pool.calls.add(task)
        try:
            return await call.within_deadline(work)
        except asyncio.CancelledError:
            if not self.pool.closed or task.uncancel() > 0:
                raise
        finally:
            self.pool.calls.discard(task)
        raise errors.ClientClosedError(f"{call.request.endpoint}: the client was closed during the call")


async def _attempts(
    call: Call, consume: Callable[[Call, Incoming], Awaitable[T | Failure]], *, follow: bool
) -> T:
    while True:
        try:
            incoming = await call.open()
        except errors.APIError as error:
            if follow and call.follow(error):
                continue
            raise
        try:
            outcome = await consume(call, incoming)
        finally:
            incoming.close()
        if not isinstance(outcome, Failure):
            return outcome
        await call.again(outcome)
