"""One call: its attempts, their waits, and its deadline.

Nothing of aiohttp passes through: an attempt ends in an `Incoming` or in a `Failure`, both plain values, and the error
is raised where no frame of aiohttp (whose locals hold the token) is in the traceback.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any, Literal, TypeVar

import aiohttp

from . import errors
from ._body import BadEncodingError, Body
from ._decode import KEPT_OF_ERRORS, Answer, api_error, retry_after_of
from ._failures import Failure, Failures
from ._headers import parse_count, parse_http_date, parse_seconds
from ._incoming import Incoming
from ._limiter import FARTHEST_RESET, WaitTooLongError
from ._redirect import moved_to
from ._retry import may_retry, own_waits
from ._session import Attempt, HeldBackError, Pool, Request, Settings
from ._telling import log, tell
from .models import DECODE_ERRORS
from .options import ClientEvent, Timeout

__all__ = ["Call", "Failure", "Incoming", "Pool", "Request", "Settings", "Transport"]

T = TypeVar("T")


class Call:
    """The attempts of one call: `open` until it gives an answer, `again` when reading that answer failed."""

    __slots__ = ("_attempt", "_deadline", "_redirected", "_renewed", "_retries", "_since", "_timeout", "_waits",
                 "attempts", "failures", "pool", "request", "settings")  # fmt: skip

    def __init__(self, pool: Pool, settings: Settings, request: Request) -> None:
        self.pool = pool
        self.settings = settings
        self.request = request
        self.attempts = 0
        self.failures = Failures(pool, settings, request)
        timeout = request.timeout or settings.timeout
        self._timeout = _client_timeout(timeout)
        self._deadline = None if timeout.total is None else time.monotonic() + timeout.total
        self._retries = settings.max_retries if request.max_retries is None else request.max_retries
        self._waits: Iterator[float] | None = None
        self._renewed = False
        self._redirected = False
        self._attempt: Attempt | None = None
        self._since = 0.0

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
        sent = self._attempt is not None and (self._attempt.connected or not self.pool.owned)
        raise self.failures.timed_out(self.attempts, sent=sent)

    async def open(self) -> Incoming:
        """The first answer that is a success; every other one is retried or raised."""
        self.pool.session()
        if not self.pool.token.known:
            await self.pool.renew_token(0)
        while True:
            version = self.pool.token.version
            outcome = await self._send()
            if isinstance(outcome, Incoming):
                return outcome
            if outcome.status == 401 and self.pool.token.renewable and not self._renewed:
                self._renewed = True
                await self.pool.renew_token(version)
            else:
                await self.again(outcome)

    async def again(self, failure: Failure) -> None:
        """Wait for the next attempt, or raise the failure's error."""
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
        target = moved_to(self.request.url, error.location)
        if target is None:
            return False
        self._redirected = True
        self.request = self.request._replace(url=target)
        return True

    async def _send(self) -> Incoming | Failure:
        """One attempt. Its slot stays with an `Incoming`, and is given back after a `Failure`."""
        limiter = self.pool.limiter
        outcome: Incoming | Failure | None = None
        while outcome is None:
            await self._take_turn()
            try:
                outcome = await self._exchange()
            finally:
                if not isinstance(outcome, Incoming):
                    limiter.release()
        return outcome

    async def _take_turn(self) -> None:
        try:
            self._since = await self.pool.limiter.acquire(self.settings.max_rate_limit_wait, self._on_wait)
            return
        except WaitTooLongError as error:
            seconds = error.seconds
        raise self.failures.wait_too_long(seconds, self.attempts)

    async def _exchange(self) -> Incoming | Failure | None:
        """One request and its answer's head, of an error its body too; None if a pause came before it was sent."""
        limiter = self.pool.limiter
        attempt = self._attempt = Attempt.begin(limiter)
        self.attempts += 1
        try:
            response = await self.pool.send(self.request, self.settings.headers, self._timeout)
        except HeldBackError:
            limiter.withdrawn()
            self.attempts -= 1
            return None
        except Exception as error:  # noqa: BLE001 - whatever aiohttp raises; the caller gets it as a Failure
            problem = error.with_traceback(None)
        except BaseException as error:
            limiter.answered()
            error.__context__ = error.__cause__ = None
            raise error.with_traceback(None)  # noqa: B904 - without the frames of aiohttp, whose locals hold the token
        else:
            attempt.connected = True
            return await self._answered(response)
        failure = self.failures.of_sending(problem, attempt)
        if failure.sent:
            limiter.answered()
        else:
            limiter.withdrawn()
        self._log(self.failures.described(problem), None)
        return failure

    async def _answered(self, response: Any) -> Incoming | Failure:
        status: int = response.status
        headers: Mapping[str, str] = response.headers
        request_id = headers.get("X-Request-Id")
        if request_id is not None:
            request_id = self.failures.shown(request_id)
        self._log(status, request_id)
        self._note_quota(headers)
        self.pool.limiter.answered()
        good = 200 <= status < 300
        try:
            body = Body(headers.get("Content-Encoding"), self.settings.max_response_bytes)
        except BadEncodingError as error:
            if good:
                response.close()
                return self.failures.of_decoding(str(error), status, request_id)
            body = None
        if body is None:
            response.close()
            return self._refusal(status, headers, b"", request_id)
        incoming = Incoming(response, body, self.pool.limiter, self.failures, request_id)
        return incoming if good else await self._refused(incoming, headers)

    async def _refused(self, incoming: Incoming, headers: Mapping[str, str]) -> Failure:
        """Read the body of an answer that is no success, as far as it is kept."""
        kept = bytearray()
        try:
            while (piece := await incoming.next()) is not None:
                if isinstance(piece, Failure):
                    if isinstance(piece.error, errors.ResponseTooLargeError):
                        return piece
                    break  # the status says enough
                kept += piece[: KEPT_OF_ERRORS - len(kept)]
        finally:
            incoming.drop()
        return self._refusal(incoming.status, headers, bytes(kept), incoming.request_id)

    def _refusal(self, status: int, headers: Mapping[str, str], body: bytes, request_id: str | None) -> Failure:
        """What an answer that is no success means, and for how long it stops the client."""
        token = self.pool.token
        names = ("location", "retry-after")
        shown = {name: token.hide(headers[name]) for name in names if name in headers}
        answer = Answer(status, shown, token.hide_bytes(body), request_id)
        now = parse_http_date(headers.get("Date")) or time.time()
        error = api_error(answer, self.request.endpoint, now=now, hide=token.hide)
        asked = retry_after_of(answer, now=now)
        if status == 429 and asked is None:
            reset = parse_seconds(headers.get("X-Ratelimit-Reset"))
            until = None if reset is None else self.pool.limiter.seconds_until(reset)
            asked = until if until is not None and 0 < until < FARTHEST_RESET else None
        if isinstance(error, errors.TooManyRequestsError):
            error.retry_after = asked
        if asked is not None and (status == 429 or (status == 503 and asked <= self.settings.max_rate_limit_wait)):
            self.pool.limiter.pause(asked)
            self._tell("pause", asked, status, "the server asks to wait")
        return Failure(error, status, retry_after=asked)

    def _note_quota(self, headers: Mapping[str, str]) -> None:
        remaining = parse_count(headers.get("X-Ratelimit-Remaining"))
        limit = parse_count(headers.get("X-Ratelimit-Limit"))
        if remaining is None and limit is None:
            return
        reset = parse_seconds(headers.get("X-Ratelimit-Reset"))
        self.pool.note_rate_limit(limit, remaining, reset)
        if remaining is not None and reset is not None:
            date = parse_http_date(headers.get("Date"))
            self.pool.limiter.report(limit=limit, remaining=remaining, reset=reset, date=date, sent=self._since)

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
        """A call whose answer is read piece by piece; each part of it is awaited through `guarded`."""
        return Call(self.pool, self.settings, request)

    async def fetch(self, request: Request, decode: Callable[[bytes], T], *, follow: bool = False) -> T:
        """Call, read the whole body, decode it; retries included."""

        async def consume(incoming: Incoming) -> T | Failure:
            body = await incoming.read()
            if isinstance(body, Failure):
                return body
            try:
                return decode(body)
            except DECODE_ERRORS as error:
                problem = str(error)
            return incoming.unreadable(problem, body=body, cut="truncated" in problem)

        return await self.run(request, consume, follow=follow)

    async def run(
        self, request: Request, consume: Callable[[Incoming], Awaitable[T | Failure]], *, follow: bool = False
    ) -> T:
        """Call until an answer is consumed without a failure; every attempt is consumed anew."""
        call = self.call(request)
        return await self.guarded(call, lambda: _attempts(call, consume, follow=follow))

    async def guarded(self, call: Call, work: Callable[[], Awaitable[T]]) -> T:
        """Await a part of a call under its deadline; `close` ends it with a `ClientClosedError`."""
        task = asyncio.current_task()
        assert task is not None
        calls = self.pool.calls
        calls.add(task)
        try:
            return await call.within_deadline(work)
        except asyncio.CancelledError:
            if not self.pool.closed or task.uncancel() > 0:
                raise
        finally:
            calls.discard(task)
        raise call.failures.closed(call.attempts)


async def _attempts(call: Call, consume: Callable[[Incoming], Awaitable[T | Failure]], *, follow: bool) -> T:
    while True:
        try:
            incoming = await call.open()
        except errors.APIError as error:
            if follow and call.follow(error):
                continue
            raise
        try:
            outcome = await consume(incoming)
        finally:
            incoming.close()
        if not isinstance(outcome, Failure):
            return outcome
        await call.again(outcome)
