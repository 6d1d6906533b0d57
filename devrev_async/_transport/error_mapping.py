"""Maps aiohttp's exceptions and invalid responses to `DevRevError`s. Raises nothing."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from typing import NamedTuple

import aiohttp

from devrev_async import errors
from devrev_async._decoders.api_errors import KEPT_OF_ERRORS, printable
from devrev_async._limits.retry import LONGEST_WAIT, RetryPolicy, leaves_open, may_retry
from devrev_async.options import Timeout

from .connector import ConnectionState
from .content_decoder import BodyTooLargeError, ContentEncodingError
from .request import HEAD_BOUNDS

__all__ = [
    "AttemptFailedError",
    "CallContext",
    "Failure",
    "closed_error",
    "connection_failure",
    "decode_failure",
    "final_error",
    "interrupted_error",
    "labelled",
    "read_failure",
    "timeout_error",
    "wait_too_long_error",
]

_SHOWN = 300
"""Characters of a foreign text that an error's own text repeats, at most."""


class Failure(NamedTuple):
    """How an attempt failed, and what the retry policy needs to know of it.

    Attributes:
        error: what is raised if there is no other attempt.
        status: of the response; None where no whole response came.
        sent: a byte of the request may have reached the server.
        retry_after: seconds that the response asks to wait.
        permanent: retrying cannot succeed.
        free: the attempt does not count, and the next one is made at once: a kept connection turned out to be closed,
            or a pause of the client began before anything was sent.
    """

    error: errors.DevRevError
    status: int | None = None
    sent: bool = True
    retry_after: float | None = None
    permanent: bool = False
    free: bool = False


class AttemptFailedError(Exception):
    """An attempt failed; the call makes another one, or raises the failure's error.

    It is raised where no foreign exception is being handled, so that it has neither a context nor a foreign frame.
    """

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure)
        self.failure = failure


class CallContext(NamedTuple):
    """What the errors of one call are made with.

    Attributes:
        endpoint: the API method.
        idempotent: repeating the request changes nothing.
        timeout: of the call.
        attempts: made so far.
        policy: of the call's retries.
        max_response_bytes: of the client.
        owned: the session is the client's own.
        closed: the client was closed.
        proxy: that requests go through, as host and port; None for none.
        hide: replaces the token in a text; `hide_bytes` in bytes.
        hide_bytes: see `hide`.
    """

    endpoint: str
    idempotent: bool
    timeout: Timeout
    attempts: int
    policy: RetryPolicy
    max_response_bytes: int
    owned: bool
    closed: bool
    proxy: str | None
    hide: Callable[[str], str]
    hide_bytes: Callable[[bytes], bytes]

    def shown(self, text: str) -> str:
        """The text without the token and without control characters."""
        return printable(self.hide(text))


def connection_failure(context: CallContext, problem: Exception, connection: ConnectionState) -> Failure:
    """The request was not sent, or the head of its response did not arrive."""
    if isinstance(problem, errors.DevRevError):  # the client or its session was closed meanwhile
        return Failure(problem, sent=False, permanent=True)
    never = isinstance(
        problem, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError | aiohttp.ClientHttpProxyError
    )
    sent = not never and connection.sent
    lost = isinstance(problem, aiohttp.ServerDisconnectedError | aiohttp.ClientOSError | ConnectionError)
    named = isinstance(problem, aiohttp.ClientHttpProxyError)  # the proxy is, by its own words
    through = ""
    if context.proxy is not None and not (sent or named):
        through = f"through the proxy {context.proxy}: "
    return Failure(
        _no_response(context, problem, sent=sent, through=through, failures=connection.failures),
        sent=sent,
        free=lost and sent and connection.reused and context.idempotent,
        permanent=context.closed or _is_permanent(problem),
    )


def _is_permanent(problem: Exception) -> bool:
    if isinstance(problem, aiohttp.ClientHttpProxyError):  # a proxy that refuses
        return 400 <= problem.status < 500 and problem.status not in (408, 429)
    # what is no failure of the network (a mistaken session or proxy) or of trust fails again
    return isinstance(problem, aiohttp.ClientSSLError | aiohttp.InvalidURL) or not isinstance(
        problem, aiohttp.ClientError | OSError
    )


def read_failure(context: CallContext, problem: Exception, status: int, request_id: str | None) -> Failure:
    """The body of a response could not be read to its end."""
    if isinstance(problem, BodyTooLargeError):
        limit = context.max_response_bytes
        error = errors.ResponseTooLargeError(
            f"{context.endpoint}: the response exceeds max_response_bytes ({limit} bytes, decompressed)",
            limit=limit,
            status=status,
        )
        return Failure(error, status, permanent=True)
    if isinstance(problem, ContentEncodingError):
        return decode_failure(context, str(problem), status, request_id, cut=problem.cut)
    return Failure(_no_response(context, problem, sent=True), permanent=context.closed)


def decode_failure(
    context: CallContext, problem: str, status: int, request_id: str | None, *, body: bytes = b"", cut: bool = False
) -> Failure:
    """The body of a success is invalid; one that is merely cut short is worth another attempt."""
    error = errors.ResponseDecodeError(
        f"{context.endpoint}: {status}, but the response body is invalid: {context.shown(problem)[:_SHOWN]}",
        status=status,
        body=context.hide_bytes(body[:KEPT_OF_ERRORS]),
        request_id=request_id,
    )
    return Failure(error, None if cut else status, permanent=not cut)


def final_error(context: CallContext, failure: Failure) -> errors.DevRevError:
    """The error to raise when there is no other attempt."""
    error, idempotent = failure.error, context.idempotent
    if failure.status == 429 and context.policy.is_too_long(failure.retry_after):
        assert isinstance(error, errors.APIError)
        error = _wait_too_long(context, failure.retry_after or 0.0, error)
    if isinstance(error, errors.ResponseDecodeError | errors.ResponseTooLargeError):
        unknown = not idempotent and (200 <= error.status < 300 or error.status >= 500)
    else:
        unknown = leaves_open(
            idempotent=idempotent, status=failure.status, sent=failure.sent, retry_after=failure.retry_after
        )
    if unknown and not error.outcome_unknown:
        error.args = (f"{error}; the write may have been applied",)
        errors.with_unknown_outcome(error)
    error.retryable = (
        not failure.permanent
        and not error.outcome_unknown
        and may_retry(idempotent=idempotent, status=failure.status, sent=failure.sent, retry_after=failure.retry_after)
    )
    return labelled(context, error)


def timeout_error(context: CallContext, *, sent: bool) -> errors.DevRevError:
    """The error of a call that `Timeout.total` has ended."""
    text = f"{context.endpoint}: not done within {context.timeout.total} s (Timeout.total)"
    if sent and not context.idempotent:
        error = errors.with_unknown_outcome(errors.APITimeoutError(f"{text}; the write had been sent"))
    else:
        error = errors.APITimeoutError(text)
        error.retryable = True
    return labelled(context, error)


def wait_too_long_error(context: CallContext, seconds: float) -> errors.DevRevError:
    """The error of a wait that is not begun, since it exceeds `max_rate_limit_wait`."""
    error = _wait_too_long(context, seconds, None)
    error.retryable = True
    return labelled(context, error)


def closed_error(context: CallContext, *, sent: bool) -> errors.DevRevError:
    """The error of a call that `close` has ended."""
    return labelled(context, _closed(context, sent=sent))


def interrupted_error(context: CallContext) -> errors.OutcomeUnknownError:
    """What is known of a write that was under way when its caller was cancelled."""
    error = errors.OutcomeUnknownError(f"{context.endpoint}: cancelled while the write was under way")
    labelled(context, error)
    return error


def labelled(context: CallContext, error: errors.DevRevError) -> errors.DevRevError:
    """The error with the endpoint and the attempts of its call."""
    error.endpoint = context.endpoint
    error.attempts = context.attempts
    return error


def described(context: CallContext, problem: Exception, failures: Sequence[aiohttp.ClientConnectorError] = ()) -> str:
    """A foreign error in a few words; of kinds that cannot hold a header its own.

    Args:
        context: of the call.
        problem: the error.
        failures: of connecting to the addresses of the host, if more is known of them than the error says.
    """
    timeout = context.timeout
    if isinstance(problem, aiohttp.ConnectionTimeoutError):
        busy = "" if context.owned else "; waiting for session= counts (see its connector's limit)"
        return f"no connection within {timeout.connect} s (Timeout.connect){busy}"
    if isinstance(problem, asyncio.TimeoutError):
        return f"no data received for {timeout.read} s (Timeout.read)"
    if isinstance(problem, aiohttp.ServerDisconnectedError):
        return "the server closed the connection without a response"
    if isinstance(problem, aiohttp.ClientHttpProxyError):
        proxy = problem.request_info.real_url.origin()
        return context.shown(f"the proxy {proxy.host}:{proxy.port} refused the connection: {problem.status}")[:_SHOWN]
    if isinstance(problem, aiohttp.ClientConnectorError):
        reasons = _reasons(failures or (problem,))
        if len(reasons) > 1 or not isinstance(problem, aiohttp.ClientSSLError):
            # aiohttp's own words speak of TLS where there is none
            return context.shown(f"cannot connect to {problem.host}:{problem.port}: {'; '.join(reasons)}")[:_SHOWN]
    if isinstance(problem, aiohttp.ClientConnectorError | aiohttp.ClientPayloadError | OSError):
        return context.shown(str(problem))[:_SHOWN]
    if isinstance(problem, aiohttp.ClientResponseError):
        if problem.message.startswith(("Got more than", "Too many headers")):  # aiohttp's words quote the header
            lines, size = HEAD_BOUNDS["max_headers"], HEAD_BOUNDS["max_line_size"]
            return f"the head of the response has a line of more than {size} bytes, or more than {lines} lines"
        return f"the response is not valid HTTP ({type(problem).__name__})"
    if isinstance(problem, aiohttp.ClientError):
        return type(problem).__name__
    name = "" if isinstance(problem, ValueError | TypeError | RuntimeError) else f"{type(problem).__name__}: "
    what = "the request cannot be sent" if context.owned else "session= cannot send the request"
    netrc = "; with trust_env=True, those of a netrc file count" if "AUTHORIZATION" in str(problem) else ""
    return context.shown(f"{what}: {name}{problem}{netrc}")[:_SHOWN]


def _reasons(failures: Sequence[aiohttp.ClientConnectorError]) -> list[str]:
    """The reasons, each once: a later failure may be of an address that an earlier one was of, too."""
    reasons: list[str] = []
    for failure in failures:
        if isinstance(failure, aiohttp.ClientConnectorCertificateError):
            code, reason = 0, str(failure.certificate_error)
        else:
            code, reason = failure.os_error.errno or 0, _reason(failure.os_error)
        if not any(reason in earlier or f"[Errno {code}]" in earlier for earlier in reasons):
            reasons.append(reason)
    return reasons


def _reason(error: OSError) -> str:
    code = error.errno or 0
    words = os.strerror(code) if code > 0 else error.strerror or str(error) or type(error).__name__
    return words.removeprefix("Multiple exceptions: ")


def _no_response(
    context: CallContext,
    problem: Exception,
    *,
    sent: bool,
    through: str = "",
    failures: Sequence[aiohttp.ClientConnectorError] = (),
) -> errors.DevRevError:
    if context.closed:
        return _closed(context, sent=sent)
    words = through + described(context, problem, failures)
    lost = sent and not context.idempotent
    if lost:
        words = f"request sent, no response received, it may have been applied: {words}"
    text = f"{context.endpoint}: {words}"
    if isinstance(problem, asyncio.TimeoutError):
        error = errors.APITimeoutError(text)
        return errors.with_unknown_outcome(error) if lost else error
    return errors.LostAnswerError(text) if lost else errors.APIConnectionError(text)


def _closed(context: CallContext, *, sent: bool) -> errors.ClientClosedError:
    unknown = sent and not context.idempotent
    but = "; the write had been sent" if unknown else ""
    error = errors.ClientClosedError(f"{context.endpoint}: the client was closed during the call{but}")
    return errors.with_unknown_outcome(error) if unknown else error


def _wait_too_long(context: CallContext, seconds: float, response: errors.APIError | None) -> errors.RateLimitWaitError:
    most = context.policy.max_rate_limit_wait
    bound = "a year" if most > LONGEST_WAIT else f"max_rate_limit_wait ({most:g} s)"
    error = errors.RateLimitWaitError(
        f"{context.endpoint}: the server asks to wait {_duration(seconds)}, which is more than {bound}",
        status=429,
        type=response.type if response else "too_many_requests",
        message=response.message if response else None,
        detail=response.detail if response else None,
        body=response.body if response else b"",
        request_id=response.request_id if response else None,
        hint="try again later, or raise max_rate_limit_wait",
    )
    error.retry_after = seconds
    return error


def _duration(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 1e12 else f"{seconds:.3g} s"
