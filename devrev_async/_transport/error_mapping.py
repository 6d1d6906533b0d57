"""What a failed attempt is to the caller: foreign errors and odd answers as errors of ours. Raises nothing."""

from __future__ import annotations

import asyncio
import os
from typing import NamedTuple

import aiohttp

from devrev_async import errors
from devrev_async._decoders.api_errors import KEPT_OF_ERRORS, printable
from devrev_async._limits.retry import leaves_open

from .connector import ConnectionState
from .content_decoder import BodyTooLargeError, ContentEncodingError
from .request import Request, Settings
from .session import SessionManager

__all__ = ["Failure", "Failures"]


class Failure(NamedTuple):
    """How an attempt failed, and what the retry policy asks for.

    Attributes:
        error: what is raised if there is no other attempt.
        status: the answer's status, None where no whole answer came.
        sent: a byte of the request may have reached the server.
        retry_after: seconds that the answer asks to wait.
        hopeless: another attempt would end alike.
        stale: a kept connection was found closed; another attempt costs nothing of the budget.
    """

    error: errors.DevRevError
    status: int | None = None
    sent: bool = True
    retry_after: float | None = None
    hopeless: bool = False
    stale: bool = False


class Failures:
    """Makes the failures of one call."""

    __slots__ = ("_pool", "_request", "_settings")

    def __init__(self, pool: SessionManager, settings: Settings, request: Request) -> None:
        self._pool = pool
        self._settings = settings
        self._request = request

    def of_sending(self, problem: Exception, attempt: ConnectionState) -> Failure:
        """The request was not sent, or no answer's head came."""
        if isinstance(problem, errors.DevRevError):  # the client or its session was closed meanwhile
            return Failure(problem, sent=False, hopeless=True)
        never = isinstance(
            problem, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError | aiohttp.ClientHttpProxyError
        )
        sent = not never and (attempt.connected or not self._pool.owned)
        lost = isinstance(problem, aiohttp.ServerDisconnectedError | aiohttp.ClientOSError | ConnectionError)
        return Failure(
            self._no_answer(problem, sent=sent),
            sent=sent,
            stale=lost and sent and attempt.reused and self._request.read,
            # what is no failure of the network (a mistaken session or proxy) or of trust fails again
            hopeless=self._pool.closed
            or isinstance(problem, aiohttp.ClientSSLError | aiohttp.InvalidURL)
            or not isinstance(problem, aiohttp.ClientError | OSError),
        )

    def of_reading(self, problem: Exception, status: int, request_id: str | None) -> Failure:
        """The body of an answer could not be read to its end."""
        if isinstance(problem, BodyTooLargeError):
            limit = self._settings.max_response_bytes
            error = errors.ResponseTooLargeError(
                f"{self._request.endpoint}: the answer exceeds max_response_bytes ({limit} bytes, decompressed)",
                limit=limit,
                status=status,
            )
            return Failure(error, status, hopeless=True)
        if isinstance(problem, ContentEncodingError):
            return self.of_decoding(str(problem), status, request_id, cut=problem.cut)
        return Failure(self._no_answer(problem, sent=True), hopeless=self._pool.closed)

    def of_decoding(
        self, problem: str, status: int, request_id: str | None, *, body: bytes = b"", cut: bool = False
    ) -> Failure:
        """The body of a success is not what was expected; one that is merely cut short is worth another attempt."""
        error = errors.ResponseDecodeError(
            f"{self._request.endpoint}: {status}, and the body is not what is documented: {self.shown(problem)[:300]}",
            status=status,
            body=self._pool.token.hide_bytes(body[:KEPT_OF_ERRORS]),
            request_id=request_id,
        )
        return Failure(error, None if cut else status, hopeless=not cut)

    def final(self, failure: Failure, attempts: int) -> errors.DevRevError:
        """The error to raise now that there is no other attempt."""
        error, read = failure.error, self._request.read
        if failure.status == 429 and (failure.retry_after or 0) > self._settings.max_rate_limit_wait:
            assert isinstance(error, errors.APIError)
            error = self._wait_too_long(failure.retry_after or 0.0, error)
        if isinstance(error, errors.ResponseDecodeError | errors.ResponseTooLargeError):
            if not read and (200 <= error.status < 300 or error.status >= 500):
                errors.with_unknown_outcome(error)
        elif leaves_open(read=read, status=failure.status, sent=failure.sent, retry_after=failure.retry_after):
            errors.with_unknown_outcome(error)
        return self.labelled(error, attempts)

    def timed_out(self, attempts: int, *, sent: bool) -> errors.DevRevError:
        """The error of a call that `Timeout.total` has ended."""
        timeout = self._request.timeout or self._settings.timeout
        text = f"{self._request.endpoint}: not done within {timeout.total} s (Timeout.total)"
        if sent and not self._request.read:
            error = errors.with_unknown_outcome(errors.APITimeoutError(f"{text}; the write had been sent"))
            return self.labelled(error, attempts)
        return self.labelled(errors.APITimeoutError(text), attempts)

    def wait_too_long(self, seconds: float, attempts: int) -> errors.DevRevError:
        """The error of a wait that is not begun, since it exceeds the bound."""
        return self.labelled(self._wait_too_long(seconds, None), attempts)

    def closed(self, attempts: int, *, sent: bool) -> errors.DevRevError:
        """The error of a call that `close` has ended."""
        return self.labelled(self._closed(sent=sent), attempts)

    def labelled(self, error: errors.DevRevError, attempts: int) -> errors.DevRevError:
        """The error with what call it is of."""
        error.endpoint = self._request.endpoint
        error.attempts = attempts
        return error

    def shown(self, text: str) -> str:
        """The text without the token and without control characters."""
        return printable(self._pool.token.hide(text))

    def described(self, problem: Exception) -> str:
        """A foreign error in a few words; only of such kinds as cannot hold a header."""
        timeout = self._request.timeout or self._settings.timeout
        if isinstance(problem, aiohttp.ConnectionTimeoutError):
            return f"no connection within {timeout.connect} s (Timeout.connect)"
        if isinstance(problem, asyncio.TimeoutError):
            return f"silence for {timeout.read} s (Timeout.read)"
        if isinstance(problem, aiohttp.ServerDisconnectedError):
            return "the server closed the connection without an answer"
        if isinstance(problem, aiohttp.ClientConnectorError) and not isinstance(problem, aiohttp.ClientSSLError):
            # aiohttp's own words speak of TLS where there is none
            error = problem.os_error
            code = error.errno or 0
            reason = os.strerror(code) if code > 0 else error.strerror or type(error).__name__
            return self.shown(f"cannot connect to {problem.host}:{problem.port}: {reason}")[:300]
        if isinstance(problem, aiohttp.ClientConnectorError | aiohttp.ClientPayloadError | OSError):
            return self.shown(str(problem))[:300]
        if isinstance(problem, aiohttp.ClientResponseError):
            return f"the answer is no valid HTTP ({type(problem).__name__})"
        return type(problem).__name__

    def _no_answer(self, problem: Exception, *, sent: bool) -> errors.DevRevError:
        endpoint, words = self._request.endpoint, self.described(problem)
        if self._pool.closed:
            return self._closed(sent=sent)
        lost = sent and not self._request.read
        text = f"{endpoint}: request sent, no response received, it may have been applied: {words}"
        if isinstance(problem, asyncio.TimeoutError):
            if lost:
                return errors.with_unknown_outcome(errors.APITimeoutError(text))
            return errors.APITimeoutError(f"{endpoint}: {words}")
        if lost:
            return errors.LostAnswerError(text)
        return errors.APIConnectionError(f"{endpoint}: {words}")

    def _closed(self, *, sent: bool) -> errors.ClientClosedError:
        unknown = sent and not self._request.read
        but = ", and the write had been sent" if unknown else ""
        error = errors.ClientClosedError(f"{self._request.endpoint}: the client was closed during the call{but}")
        return errors.with_unknown_outcome(error) if unknown else error

    def _wait_too_long(self, seconds: float, said: errors.APIError | None) -> errors.RateLimitWaitError:
        error = errors.RateLimitWaitError(
            f"{self._request.endpoint}: the server asks to wait {seconds:.1f} s, which is more than "
            f"max_rate_limit_wait ({self._settings.max_rate_limit_wait:g} s)",
            status=429,
            type=said.type if said else "too_many_requests",
            message=said.message if said else None,
            detail=said.detail if said else None,
            body=said.body if said else b"",
            request_id=said.request_id if said else None,
            hint="try again later, or raise max_rate_limit_wait",
        )
        error.retry_after = seconds
        return error
