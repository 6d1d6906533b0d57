"""One call: its attempts, their waits, and its deadline.

Nothing of aiohttp passes through: an attempt ends in an `Response` or in a `Failure`, both plain values, and the error
is raised where no frame of aiohttp (whose locals hold the token) is in the traceback.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from typing import Literal, TypeVar

import aiohttp

from devrev_async import errors
from devrev_async._decoders.api_errors import KEPT_OF_ERRORS, Answer, api_error, retry_after_of
from devrev_async._decoders.fallback import DECODE_ERRORS
from devrev_async._json.text import is_cut_short
from devrev_async._limits.headers import parse_count, parse_http_date, parse_seconds
from devrev_async._limits.limiter import WaitTooLongError
from devrev_async._limits.quota import FARTHEST_RESET
from devrev_async._limits.retry import RETRIED_STATUSES, may_retry, own_waits
from devrev_async.options import ClientEvent, Timeout

from .connector import ConnectionState, HeldBackError
from .content_decoder import ContentDecoder, ContentEncodingError
from .error_mapping import Failure, Failures
from .events import log, tell
from .redirects import redirect_target
from .request import Request, Settings
from .response import RawResponse, Response
from .session import SessionManager

__all__ = ["Call", "Transport"]

T = TypeVar("T")
U = TypeVar("U")


class Call:
    """The attempts of one call: `open` until it gives an answer, `again` when reading that answer failed."""

    attempts = 0
    _waits: Iterator[float] | None = None
    _renewed = False
    _redirected = False
    _attempt: ConnectionState | None = None
    _since = 0.0
    _version = 0

    def __init__(self, pool: SessionManager, settings: Settings, request: Request) -> None:
        self.pool = pool
        self.settings = settings
        self.request = request
        self.failures = Failures(pool, settings, request)
        timeout = request.timeout or settings.timeout
        self.patience = timeout.read
        self._timeout = _client_timeout(timeout, watched=pool.owned)
        self._deadline = None if timeout.total is None else time.monotonic() + timeout.total
        self._hide = pool.token.hide
        self._retries = settings.max_retries if request.max_retries is None else request.max_retries

    def end_silence(self, now: float) -> None:
        """End the attempt that the server has left waiting for longer than `Timeout.read`; `now` is monotonic."""
        attempt = self._attempt
        if attempt is None or attempt.waiting is None or attempt.fail is None or self.patience is None:
            return
        if now - attempt.waiting >= self.patience:
            attempt.waiting = None
            attempt.fail(aiohttp.SocketTimeoutError("the server is silent"))

    @property
    def endless(self) -> bool:
        """Whether the call has no deadline."""
        return self._deadline is None

    async def within_deadline(self, work: Callable[[], Awaitable[T]]) -> T:
        """Await, under the deadline of `Timeout.total`."""
        assert self._deadline is not None
        timer = asyncio.timeout(max(0.0, self._deadline - time.monotonic()))
        try:
            async with timer:
                return await work()
        except TimeoutError:
            if not timer.expired():
                raise
        raise self.failures.timed_out(self.attempts, sent=self.sent)

    @property
    def sent(self) -> bool:
        """Whether an attempt is under way of which the server may know."""
        return self._attempt is not None and (self._attempt.connected or not self.pool.owned)

    async def open(self) -> Response:
        """The first answer that is a success; every other one is retried or raised."""
        if not self.pool.token.known:
            await self._renew_token(0)
        while True:
            outcome = await self._send()
            if isinstance(outcome, Response):
                return outcome
            if outcome is None:
                continue
            if outcome.status == 401 and self.pool.token.renewable and not self._renewed:
                self._renewed = True
                await self._renew_token(self._version)
            else:
                await self.again(outcome)

    async def _renew_token(self, version: int) -> None:
        problem = await self.pool.renew_token(version)
        if problem is not None:
            raise self.failures.labelled(errors.ConfigurationError(problem), self.attempts)

    async def again(self, failure: Failure) -> None:
        """Wait for the next attempt, or raise the failure's error."""
        self._attempt = None
        if failure.stale:
            return
        asked = failure.retry_after
        allowed = not failure.hopeless and may_retry(
            read=self.request.read, status=failure.status, sent=failure.sent, retry_after=asked
        )
        if not allowed or self._retries <= 0 or (asked or 0.0) > self.settings.max_rate_limit_wait:
            raise self.failures.final(failure, self.attempts)
        if self._waits is None:
            self._waits = own_waits()
        own = next(self._waits)
        delay = max(own, asked or 0.0)
        if self._deadline is not None and time.monotonic() + delay >= self._deadline:
            raise self.failures.final(failure, self.attempts)
        self._retries -= 1
        self._tell("retry", delay, failure.status, str(failure.error))
        if asked is None or asked < own:
            await asyncio.sleep(own)  # else the limiter waits, for this call and all others

    def follow(self, error: errors.APIError) -> bool:
        """Turn the call to where its object has moved, once; False if that is no place to follow."""
        if self._redirected or error.status != 301 or error.location is None:
            return False
        target = redirect_target(self.request.url, error.location)
        if target is None:
            return False
        self._redirected = True
        self.request = self.request._replace(url=target)
        return True

    async def _send(self) -> Response | Failure | None:
        """One attempt, None if a pause came before it was sent. Its slot stays with an `Response` only."""
        limiter = self.pool.limiter
        too_long: float | None = None
        try:
            self._since = await limiter.acquire(self.settings.max_rate_limit_wait, self._on_wait)
        except WaitTooLongError as error:
            too_long = error.seconds
        if too_long is not None:
            raise self.failures.wait_too_long(too_long, self.attempts)
        outcome: Response | Failure | None = None
        try:
            outcome = await self._exchange()
        finally:
            if not isinstance(outcome, Response):
                limiter.release()
        return outcome

    async def _exchange(self) -> Response | Failure | None:
        """One request and its answer's head, of an error its body too; None if a pause came before it was sent."""
        limiter = self.pool.limiter
        attempt = self._attempt = ConnectionState.begin(limiter)
        self.attempts += 1
        self._version = self.pool.token.version
        try:
            # no name for aiohttp's response: tracebacks show local variables, and its attributes hold the token
            reply = RawResponse(await self.pool.send(self.request, self.settings.headers, self._timeout), self._hide)
        except HeldBackError:
            limiter.withdrawn(self._since)
            self.attempts -= 1
            self._attempt = None
            return None
        except Exception as error:  # noqa: BLE001 - whatever aiohttp raises; the caller gets it as a Failure
            problem = error.with_traceback(None)
        except BaseException as error:  # noqa: BLE001 - it goes on
            self._give_up(sent=attempt.connected or not self.pool.owned)
            error.__context__ = error.__cause__ = None
            raise error.with_traceback(None)  # noqa: B904 - without the frames of aiohttp, whose locals hold the token
        else:
            attempt.connected = True
            attempt.waiting, attempt.fail = None, reply.fail
            answer = self._answered(reply)
            if isinstance(answer, Response) and not 200 <= reply.status < 300:
                return await self._refused(answer, reply)
            return answer
        failure = self.failures.of_sending(problem, attempt)
        self._give_up(sent=failure.sent)
        self._log(self.failures.described(problem), None)
        return failure

    def _give_up(self, *, sent: bool) -> None:
        if sent:
            self.pool.limiter.lost(self._since)
        else:
            self.pool.limiter.withdrawn(self._since)

    def _answered(self, reply: RawResponse) -> Response | Failure:
        """The answer with its body unread; a failure if its body cannot be read."""
        status = reply.status
        request_id = reply.header("X-Request-Id")
        if request_id is not None:
            request_id = self.failures.shown(request_id)
        self._log(status, request_id)
        self.pool.limiter.answered(self._since, reported=self._note_quota(reply))
        try:
            body = ContentDecoder(reply.header("Content-Encoding"), self.settings.max_response_bytes)
        except ContentEncodingError as error:
            reply.drop()
            if 200 <= status < 300:
                return self.failures.of_decoding(str(error), status, request_id)
            return self._refusal(reply, b"", request_id)
        assert self._attempt is not None
        return Response(reply, body, self._attempt, self.failures, request_id)

    async def _refused(self, incoming: Response, reply: RawResponse) -> Failure:
        """Read the body of an answer that is no success, as far as it is kept."""
        kept = bytearray()
        piece: bytes | Failure | None = None
        try:
            while (piece := await incoming.next()) is not None:
                if isinstance(piece, Failure):
                    if isinstance(piece.error, errors.ResponseTooLargeError):
                        return piece
                    break  # the status says enough
                kept += piece[: KEPT_OF_ERRORS - len(kept)]
        except BaseException:
            kept.clear()  # tracebacks show local variables, and the server may have said the token
            piece = None
            raise
        finally:
            incoming.drop()
        return self._refusal(reply, bytes(kept), incoming.request_id)

    def _refusal(self, reply: RawResponse, body: bytes, request_id: str | None) -> Failure:
        """What an answer that is no success means, and for how long it stops the client."""
        token, status = self.pool.token, reply.status
        headers = {name: value for name in ("location", "retry-after") if (value := reply.header(name)) is not None}
        answer = Answer(status, headers, token.hide_bytes(body), request_id)
        now = parse_http_date(reply.header("Date")) or time.time()
        error = api_error(answer, self.request.endpoint, now=now, hide=token.hide)
        asked = retry_after_of(answer, now=now) if status in RETRIED_STATUSES else None
        if status == 429 and asked is None:
            reset, date = parse_seconds(reply.header("X-Ratelimit-Reset")), parse_http_date(reply.header("Date"))
            if date is not None:
                self.pool.limiter.clock.observe(date, self._since, time.monotonic())
            until = None if reset is None else self.pool.limiter.seconds_until(reset)
            asked = until if until is not None and 0 < until < FARTHEST_RESET else None
        if isinstance(error, errors.TooManyRequestsError):
            error.retry_after = asked
        if asked and (status == 429 or asked <= self.settings.max_rate_limit_wait):
            self.pool.limiter.pause(asked)
            self._tell("pause", asked, status, "the server asks to wait")
        return Failure(error, status, retry_after=asked)

    def _note_quota(self, reply: RawResponse) -> bool:
        """Whether the answer told of the quota what the limiter needs."""
        told = reply.header("X-Ratelimit-Remaining"), reply.header("X-Ratelimit-Limit")
        if told == (None, None):
            return False
        remaining, limit = map(parse_count, told)
        if remaining is None and limit is None:
            return False
        reset = parse_seconds(reply.header("X-Ratelimit-Reset"))
        self.pool.note_rate_limit(limit, remaining, reset)
        if remaining is None or reset is None:
            return False
        date = parse_http_date(reply.header("Date"))
        self.pool.limiter.report(limit=limit, remaining=remaining, reset=reset, date=date, sent=self._since)
        return True

    def _on_wait(self, delay: float) -> None:
        self._tell("wait", delay, None, "for the server's pause or quota")

    def _tell(self, kind: Literal["retry", "pause", "wait"], delay: float, status: int | None, reason: str) -> None:
        event = ClientEvent(kind, self.request.endpoint, delay, self.attempts, status, reason[:300])
        tell(event, self.settings.on_event, self.failures.shown)

    def _log(self, outcome: int | str, request_id: str | None) -> None:
        if log.isEnabledFor(logging.DEBUG):
            method = "GET" if self.request.body is None else "POST"
            took = (time.monotonic() - self._since) * 1000
            log.debug(
                "%s %s: %s in %.1f ms, attempt %d, request id %s",
                method, self.request.endpoint, outcome, took, self.attempts, request_id,
            )  # fmt: skip


_timeouts: dict[tuple[float | None, float | None], aiohttp.ClientTimeout] = {}


def _client_timeout(timeout: Timeout, *, watched: bool) -> aiohttp.ClientTimeout:
    """As aiohttp takes it; the silence of our own sessions is watched by the pool."""
    key = (timeout.connect, None if watched else timeout.read)
    known = _timeouts.get(key)
    if known is None:
        if len(_timeouts) > 64:
            _timeouts.clear()
        known = _timeouts[key] = aiohttp.ClientTimeout(total=None, sock_connect=key[0], sock_read=key[1])
    return known


class Transport:
    """Calls over a pool, with the settings of one client."""

    def __init__(self, pool: SessionManager, settings: Settings) -> None:
        self.pool = pool
        self.settings = settings

    def call(self, request: Request) -> Call:
        """A call whose answer is read piece by piece; each part of it is awaited through `guarded`."""
        return Call(self.pool, self.settings, request)

    async def fetch(self, request: Request, decode: Callable[[bytes], T], *, follow: bool = False) -> T:
        """Call, read the whole body, decode it; retries included."""
        return await self.finish(self.call(request), decode, follow=follow)

    async def finish(self, call: Call, decode: Callable[[bytes], T], *, follow: bool = False) -> T:
        """As `fetch`, of a call whose state the caller can look at meanwhile."""
        return await self.guarded(
            call, lambda: _attempts(call, Response.read, partial(_decoded, decode), follow=follow)
        )

    async def run(self, call: Call, consume: Callable[[Response], Awaitable[T | Failure]]) -> T:
        """Call until an answer is consumed without a failure; every attempt is consumed anew."""
        return await self.guarded(call, lambda: _attempts(call, consume, _as_consumed, follow=False))

    async def guarded(self, call: Call, work: Callable[[], Awaitable[T]]) -> T:
        """Await a part of a call under its deadline; `close` ends it with a `ClientClosedError`."""
        task = asyncio.current_task()
        assert task is not None
        try:
            self.pool.begin(task, call)
        except errors.DevRevError as error:
            call.failures.labelled(error, call.attempts)
            raise
        calls, cancelled = self.pool.calls, task.cancelling()
        try:
            return await (work() if call.endless else call.within_deadline(work))
        except asyncio.CancelledError:
            if not self.pool.settle(task, cancelled):
                raise
        finally:
            calls.pop(task, None)
            self.pool.settle(task, cancelled)
        raise call.failures.closed(call.attempts, sent=call.sent)


async def _attempts(
    call: Call,
    read: Callable[[Response], Awaitable[U | Failure]],
    accept: Callable[[Response, U], T | Failure],
    *,
    follow: bool,
) -> T:
    while True:
        try:
            incoming = await call.open()
        except errors.APIError as error:
            if follow and call.follow(error):
                continue
            raise
        try:
            outcome = await read(incoming)
            result = outcome if isinstance(outcome, Failure) else accept(incoming, outcome)
        finally:
            incoming.close()
        if not isinstance(result, Failure):
            return result
        del outcome  # tracebacks show local variables, and the server may have said the token
        await call.again(result)


def _as_consumed(_: Response, result: T) -> T:
    return result


def _decoded(decode: Callable[[bytes], T], incoming: Response, body: bytes) -> T | Failure:
    try:
        return decode(body)
    except DECODE_ERRORS as error:
        problem = str(error)
    return incoming.unreadable(problem, body=body, cut=is_cut_short(body))
