"""One call: its attempts, their waits, and its deadline.

Nothing of aiohttp passes through: what it raises becomes an `AttemptFailedError`, raised where no frame of aiohttp
(whose locals hold the token) is in the traceback.
"""

from __future__ import annotations

import asyncio
import io
import logging
import math
import time
from collections.abc import Awaitable, Callable
from typing import Literal, TypeVar

import aiohttp

from devrev_async import errors
from devrev_async._decoders.api_errors import KEPT_OF_ERRORS, ErrorResponse, api_error, retry_after_of
from devrev_async._limits.headers import parse_http_date, parse_seconds
from devrev_async._limits.limiter import WaitTooLongError
from devrev_async._limits.quota import FARTHEST_RESET
from devrev_async._limits.retry import LONGEST_WAIT, RETRIED_STATUSES
from devrev_async.options import ClientEvent

from .connector import ConnectionState, HeldBackError, current_connection
from .content_decoder import ContentDecoder, ContentEncodingError
from .error_mapping import (
    AttemptFailedError,
    CallContext,
    Failure,
    connection_failure,
    described,
    final_error,
    interrupted_error,
    labelled,
    wait_too_long_error,
)
from .events import dispatch, log
from .redirects import redirect_target
from .request import NO_TIMEOUT, Request, Settings, client_timeout
from .response import Response
from .session import SessionManager

__all__ = ["Call"]

T = TypeVar("T")

_LARGE = 1 << 20
"""Bytes; aiohttp warns of a longer body that is not a file."""

_PASSES = 3
"""Passes of the event loop until it has read the end of a connection: the socket, TLS above it, one to spare."""

_LONGEST_REASON = 300
"""Characters of the server's words in an event and in a line of the log."""

_HELD_BACK = Failure(errors.DevRevError("held back before it was sent"), sent=False, free=True)


class Call:
    """The attempts of one call. `perform` is its whole life; a stream, which yields meanwhile, takes the same steps.

    What each call starts with is on the class: setting it for each one would cost more.

    Attributes:
        attempts: made so far.
        date: the `Date` header of the last response.
        read_timeout: seconds of silence that an attempt bears; None for no limit.
        follows: whether a 301 is followed, once.
        deadline: of `Timeout.total` (monotonic); None for no limit.
    """

    attempts = 0
    date: str | None = None
    follows = False
    _retries = 0
    _renewed = False
    _redirected = False
    _connection: ConnectionState | None = None
    _since = 0.0
    _slot = False
    _answered = False
    _version = 0

    def __init__(self, manager: SessionManager, settings: Settings, request: Request) -> None:
        self.manager = manager
        self.settings = settings
        self.request = request
        timeout = request.timeout or settings.timeout
        self.read_timeout = timeout.read
        self._connect_timeout = timeout.connect
        self._client_timeout = NO_TIMEOUT if manager.owned else client_timeout(timeout)
        self.deadline = None if timeout.total is None else time.monotonic() + timeout.total

    # -- what the watchdog and the response ask

    @property
    def context(self) -> CallContext:
        """What errors are made with, as of now."""
        request, settings, manager = self.request, self.settings, self.manager
        policy, source = settings.retries, manager.auth.source
        return CallContext(
            endpoint=request.endpoint,
            idempotent=request.idempotent,
            timeout=request.timeout or settings.timeout,
            attempts=self.attempts,
            policy=policy if request.max_retries is None else policy._replace(max_retries=request.max_retries),
            max_response_bytes=settings.max_response_bytes,
            owned=manager.owned,
            closed=manager.closed,
            proxy=manager.proxy,
            hide=source.hide,
            hide_bytes=source.hide_bytes,
        )

    def is_overdue(self, now: float) -> bool:
        """Whether the server has been silent for longer than `Timeout.read`; `now` is monotonic."""
        connection = self._connection
        if connection is None or connection.waiting_since is None or self.read_timeout is None:
            return False
        return connection.fail is not None and now - connection.waiting_since >= self.read_timeout

    def end_attempt(self) -> None:
        """End the attempt with a read timeout."""
        connection = self._connection
        if connection is not None and connection.fail is not None:
            connection.waiting_since = None
            connection.fail(aiohttp.SocketTimeoutError("no data received"))

    # -- the life of a call

    def postpone(self, since: float) -> None:
        """Exclude the time since then (monotonic) from `Timeout.total`: a consumer was busy."""
        if self.deadline is not None:
            self.deadline += time.monotonic() - since

    @property
    def sent(self) -> bool:
        """Whether an attempt is under way of which the server may know."""
        return self._connection is not None and self._connection.sent

    def interrupted(self) -> errors.OutcomeUnknownError | None:
        """The error of a cancellation now; None where the server knows of no write."""
        return None if self.request.idempotent or not self.sent else interrupted_error(self.context)

    async def perform(self, consume: Callable[[Response], Awaitable[T]]) -> T:
        """Attempt until a response is consumed; every attempt is consumed anew."""
        while True:
            await self.admit()
            response: Response | None = None
            failure: Failure | None = None
            try:
                response = await self.exchange()
                return await consume(response)
            except AttemptFailedError as failed:
                failure = failed.failure
            finally:
                self.end(response, failure)
            assert failure is not None
            await self.again(failure)

    async def authenticate(self) -> None:
        """Have a token: a callable that has not returned one yet is called."""
        if not self.manager.auth.source.known:
            await self._renew_token(0)

    async def admit(self) -> None:
        """Begin an attempt once the limiter allows it; `end` must follow."""
        manager, settings = self.manager, self.settings
        await self.authenticate()
        too_long = 0.0
        try:
            self._since = await manager.limiter.acquire(
                settings.retries.max_rate_limit_wait, self._on_wait, self.request.leaves
            )
        except WaitTooLongError as error:
            too_long = error.seconds
        if too_long:
            raise wait_too_long_error(self.context, too_long)
        self._slot = True
        self.attempts += 1
        if settings.on_event is not None:
            self._emit("request", 0.0, None, "")

    def end(self, response: Response | None, failure: Failure | None) -> None:
        """Release what an attempt holds. `failure` is how it failed; None if it did not, or was cancelled."""
        limiter = self.manager.limiter
        if self._answered:
            self._answered = False
        elif self.sent if failure is None else failure.sent:
            limiter.lost(self._since)
        else:
            limiter.withdrawn(self._since)
        if self._slot:
            self._slot = False
            limiter.slots.release()
        if response is not None and not response.closed:
            response.close()
        if self.settings.on_event is not None:
            self._emit_end(response, failure)

    def pause(self) -> None:
        """Release the slot while a consumer is busy, so that it may call the client itself."""
        if self._slot:
            self._slot = False
            self.manager.limiter.slots.release()

    async def resume(self) -> None:
        """Acquire a slot again."""
        await self.manager.limiter.slots.acquire()
        self._slot = True

    async def again(self, failure: Failure) -> None:
        """Return when the next attempt may be made, or raise the failure's error."""
        self._connection = None
        if failure.free:
            if failure is _HELD_BACK:
                self.attempts -= 1
            return
        if failure.status == 401 and not self._renewed and self.manager.auth.source.renewable:
            self._renewed = True
            await self._renew_token(self._version)
            return
        if failure.status == 301 and self.follows and self._redirect(failure.error):
            return
        context = self.context
        delay = None if failure.permanent else context.policy.decide(
            idempotent=context.idempotent,
            status=failure.status,
            sent=failure.sent,
            retry_after=failure.retry_after,
            retries=self._retries,
            time_left=math.inf if self.deadline is None else self.deadline - time.monotonic(),
        )  # fmt: skip
        if delay is None:
            raise final_error(context, failure)
        self._retries += 1
        self._emit("retry", delay, failure.status, str(failure.error))
        if failure.retry_after is None or failure.retry_after < delay:
            await asyncio.sleep(delay)  # else the limiter waits, for this call and all others

    async def _renew_token(self, version: int) -> None:
        problem = await self.manager.auth.renew(version)
        if problem is not None:
            raise labelled(self.context, errors.ConfigurationError(problem))

    def _redirect(self, error: errors.DevRevError) -> bool:
        """Follow a 301 once, on the same origin only; returns whether it was followed."""
        if self._redirected or not isinstance(error, errors.APIError) or error.location is None:
            return False
        target = redirect_target(self.request.url, error.location)
        if target is None:
            return False
        self._redirected = True
        self.request = self.request._replace(url=target)
        return True

    # -- one attempt

    async def exchange(self) -> Response:
        """Send the request; the response is a success, with its body unread.

        Raises:
            AttemptFailedError: there is no response, or another one.
        """
        manager, request = self.manager, self.request
        if not (request.idempotent or manager.owned):  # the client's own connector looks at each connection
            await _read_what_arrived()
        limiter, source, session = manager.limiter, manager.auth.source, manager.current
        connection = self._connection = ConnectionState()
        connection.limiter, connection.reported = limiter, manager.owned
        connection.connect_timeout = self._connect_timeout
        current_connection.set(connection)
        self._version = source.version
        try:
            if session is None or session.closed or manager.closed:
                session = manager.session()
            # no name for aiohttp's response: tracebacks show local variables, and its attributes hold the token
            response = Response(
                await session.request(
                    "GET" if request.body is None else "POST",
                    request.url,
                    data=request.body if len(request.body or b"") <= _LARGE else io.BytesIO(request.body or b""),
                    headers=source.headers(self.settings.headers, json=request.body is not None),
                    timeout=self._client_timeout,
                    **manager.request_options,
                ),
                self,
                connection,
            )
        except Exception as error:  # noqa: BLE001 - whatever aiohttp raises; the caller gets an error of ours
            problem = error.with_traceback(None)
        except BaseException as error:  # noqa: BLE001 - it goes on
            error.__context__ = error.__cause__ = None
            raise error.with_traceback(None)  # noqa: B904 - without the frames of aiohttp, whose locals hold the token
        else:
            connection.connected = True
            connection.waiting_since, connection.fail = None, response.fail
            header = response.header
            self.date = header("Date")
            self._answered = True
            limiter.responded(
                self._since,
                limit=header("X-Ratelimit-Limit"),
                remaining=header("X-Ratelimit-Remaining"),
                reset=header("X-Ratelimit-Reset"),
                date=self.date,
            )
            unreadable = self._accept(response)
            if not 200 <= response.status < 300:
                raise AttemptFailedError(await self._refusal(response, readable=unreadable is None))
            if unreadable is not None:
                raise response.unreadable(unreadable)
            return response
        raise AttemptFailedError(self._unanswered(problem, connection))

    def _unanswered(self, problem: Exception, connection: ConnectionState) -> Failure:
        if isinstance(problem, HeldBackError):
            return _HELD_BACK
        context = self.context
        self._log(described(context, problem, connection.failures), None)
        return connection_failure(context, problem, connection)

    def _accept(self, response: Response) -> str | None:
        """Prepare to read the body; where it is in an unknown encoding, close the response and return what is wrong."""
        status = response.status
        if log.isEnabledFor(logging.DEBUG):
            self._log(status, response.request_id)
        if (encoding := response.header("Content-Encoding")) is None or status == 204:
            return None
        try:
            decoder = ContentDecoder(encoding, self.settings.max_response_bytes)
        except ContentEncodingError as error:
            response.close()
            return str(error)
        response.decoder = None if decoder.plain else decoder
        return None

    async def _refusal(self, response: Response, *, readable: bool) -> Failure:
        """The failure that a response other than 2xx is; where it asks to wait, that pauses the whole client."""
        status, source = response.status, self.manager.auth.source
        headers = {
            name: source.hide(value)
            for name in ("location", "retry-after")
            if (value := response.header(name)) is not None
        }
        answer = ErrorResponse(status, headers, b"", response.request_id)
        date = parse_http_date(response.header("Date"))
        now = time.time() if date is None else date
        asked = self._pause_if_asked(answer, now)  # a body may take long to arrive, and other tasks would go on sending
        if readable:
            answer = answer._replace(body=source.hide_bytes(await response.excerpt(KEPT_OF_ERRORS)))
        if asked is None:
            asked = self._pause_if_asked(answer, now, self._until_reset(response, date))
        error = api_error(answer, self.request.endpoint, now=now, hide=source.hide)
        if isinstance(error, errors.TooManyRequestsError):
            error.retry_after = asked
        return Failure(error, status, retry_after=asked)

    def _until_reset(self, response: Response, date: float | None) -> float | None:
        """Seconds until the quota of a 429 is whole again; None if it does not say so."""
        limiter = self.manager.limiter
        reset = parse_seconds(response.header("X-Ratelimit-Reset"))
        if response.status != 429 or reset is None:
            return None
        if date is not None:
            limiter.clock.observe(date, self._since, time.monotonic())
        seconds = limiter.seconds_until(reset)
        return seconds if 0 < seconds < FARTHEST_RESET else None

    def _pause_if_asked(self, answer: ErrorResponse, now: float, otherwise: float | None = None) -> float | None:
        """Pause the whole client for as long as a response asks to, or `otherwise`; returns these seconds."""
        if answer.status not in RETRIED_STATUSES:
            return None
        asked = retry_after_of(answer, now=now)
        asked = otherwise if asked is None else asked
        if asked and asked <= (LONGEST_WAIT if answer.status == 429 else self.settings.retries.longest_wait):
            self.manager.limiter.pause(asked)
            self._emit("pause", asked, answer.status, "the server asks to wait")
        return asked

    # -- what a user sees of it

    def _on_wait(self, delay: float) -> None:
        self._emit("wait", delay, None, "for the server's pause or quota")

    def _emit_end(self, response: Response | None, failure: Failure | None) -> None:
        if failure is not None:
            self._emit("response", 0.0, failure.status if response is None else response.status, str(failure.error))
        elif response is not None:
            self._emit("response", 0.0, response.status, "")
        else:
            self._emit("response", 0.0, None, "cancelled")

    def _emit(
        self,
        kind: Literal["request", "response", "retry", "pause", "wait"],
        delay: float,
        status: int | None,
        reason: str,
    ) -> None:
        endpoint, attempt, hook = self.request.endpoint, self.attempts, self.settings.on_event
        reason = reason[:_LONGEST_REASON]
        if kind not in ("request", "response"):  # those have a line of their own
            log.debug("%s: %s of %.3f s after attempt %d: %s", endpoint, kind, delay, attempt, reason)
        if hook is not None:
            duration = time.monotonic() - self._since if kind == "response" else 0.0
            event = ClientEvent(kind, endpoint, delay, attempt, status, reason, duration)
            dispatch(event, hook, self.context.shown)

    def _log(self, outcome: int | str, request_id: str | None) -> None:
        method = "GET" if self.request.body is None else "POST"
        took = (time.monotonic() - self._since) * 1000
        log.debug(
            "%s %s: %s in %.1f ms, attempt %d, request id %s",
            method, self.request.endpoint, outcome, took, self.attempts, request_id,
        )  # fmt: skip


async def _read_what_arrived() -> None:
    """Let the event loop read its sockets: the server may have closed kept connections meanwhile.

    It may close each one right after its response, or while the program held the event loop. A write would be sent over
    one of those, and nobody could say whether it was applied. Reads are sent again.
    """
    for _ in range(_PASSES):
        await asyncio.sleep(0)
