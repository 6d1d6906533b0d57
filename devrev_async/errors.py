"""The tree of errors: every failure of a call is one of these, and no error of the libraries below escapes.

Two roots matter: `TransportError` (no answer) and `APIError` (the server said no). Beside them stands
`OutcomeUnknownError`: every error after which a write may have been applied is an instance of it, whatever else it is.
All errors can be pickled, and none holds the token.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, TypeVar

from .reports import ChangesReport, ExportReport

__all__ = [
    "APIConnectionError",
    "APIError",
    "APITimeoutError",
    "BadRequestError",
    "ClientClosedError",
    "ConfigurationError",
    "ConflictError",
    "DevRevError",
    "ForbiddenError",
    "IncompleteExportError",
    "InternalServerError",
    "InvalidArgumentError",
    "LostAnswerError",
    "MissingTokenError",
    "NotFoundError",
    "OutcomeUnknownError",
    "RateLimitWaitError",
    "ResponseDecodeError",
    "ResponseTooLargeError",
    "ServerError",
    "ServiceUnavailableError",
    "SyncStateError",
    "TooManyRequestsError",
    "TransportError",
    "UnauthorizedError",
]

E = TypeVar("E", bound="DevRevError")

_SHOWN: Final = 100
"""Characters of a caller's value that an error's message repeats, at most."""


class InvalidArgumentError(ValueError):
    """An argument was refused before anything was sent; the message names the argument and its bound.

    It is no `DevRevError`: the call did not fail, it was never made.
    """


class DevRevError(Exception):
    """Base of all errors of this package.

    Attributes:
        endpoint: the API method, as in ``"works.get"``; None where no call was involved.
        attempts: requests that were sent for the call, the failed one included; 0 if none was.
        outcome_unknown: whether a write may have been applied although the call failed; the error is an
            `OutcomeUnknownError` then.
        retryable: whether the same call may succeed later, unchanged and without harm. It is False after a write that
            may have been applied.
    """

    endpoint: str | None = None
    attempts: int = 0
    outcome_unknown: bool = False
    retryable: bool = False


class ConfigurationError(DevRevError, ValueError):
    """The client cannot be built or used as configured: a base URL that is not https, a token with a line break, ..."""


class MissingTokenError(ConfigurationError):
    """There is no token, or what was given as one cannot be a token."""


class ClientClosedError(DevRevError, RuntimeError):
    """The client was closed before or during the call."""


class TransportError(DevRevError):
    """No (whole) answer arrived."""


class APIConnectionError(TransportError):
    """The connection could not be made, or broke before the answer was complete."""


class APITimeoutError(TransportError, TimeoutError):
    """A bound of `Timeout` was reached; the message says which."""


class OutcomeUnknownError(DevRevError):
    """A write may or may not have been applied, so it was not sent again.

    Every error with `outcome_unknown` is an instance of this class and of the class that says what happened: an
    `InternalServerError`, a `ResponseDecodeError`, a `LostAnswerError`, ...
    """

    outcome_unknown = True


class LostAnswerError(TransportError, OutcomeUnknownError):
    """A write was sent, and no whole answer arrived. It is an `APITimeoutError` as well where a timeout ended it."""


class APIError(DevRevError):
    """The server answered, and the answer is not a success.

    Attributes:
        status: the HTTP status.
        type: the API's own word for the error, as in ``"not_found"``; None where the body has none.
        message: the server's message, control characters escaped; None where the body has none.
        detail: the server's further explanation, or None.
        body: at most the first 64 KiB of the answer, decompressed.
        request_id: the server's name for the request, if it gave one.
        hint: what to do about it, in our words, or None.
        location: the target of a redirect (3xx), which is never followed for the caller.
    """

    def __init__(
        self,
        text: str,
        *,
        status: int = 0,
        type: str | None = None,
        message: str | None = None,
        detail: str | None = None,
        body: bytes = b"",
        request_id: str | None = None,
        hint: str | None = None,
        location: str | None = None,
    ) -> None:
        super().__init__(text)
        self.status = status
        self.type = type
        self.message = message
        self.detail = detail
        self.body = body
        self.request_id = request_id
        self.hint = hint
        self.location = location


class BadRequestError(APIError):
    """400: the server refuses the request as sent. The fields of its `type` are attributes, None where absent.

    The names are those of the API's error bodies; the ones that go with `type="missing_dependency"` are in
    `dependencies`, a list of dicts.
    """

    field_name: str | None = None
    allowed_values: list[str] | None = None
    value: str | None = None
    reason: str | None = None
    pattern: str | None = None
    expected: str | None = None
    actual: str | None = None
    subtype: str | None = None
    allowed_types: list[str] | None = None
    existing_parent: str | None = None
    is_same: bool | None = None
    dependencies: list[dict[str, Any]] | None = None


class UnauthorizedError(APIError):
    """401: no token, or one that is wrong, expired or revoked (`type` says which)."""


class ForbiddenError(APIError):
    """403: the token is known and lacks the right."""


class NotFoundError(APIError):
    """404: no such object for this token, or no such endpoint."""


class ConflictError(APIError):
    """409: a create with an `external_ref` that exists already for this work type."""


class TooManyRequestsError(APIError):
    """429 that outlived its retries.

    Attributes:
        retry_after: seconds (at least 0) after which the server is ready to be asked again, or None.
    """

    retry_after: float | None = None


class RateLimitWaitError(TooManyRequestsError):
    """The wait that the server asks for exceeds `max_rate_limit_wait`; raised instead of sleeping that long.

    Also raised without asking the server while such a wait is under way; `attempts` is 0 then.
    """


class ServerError(APIError):
    """5xx: the server failed. `outcome_unknown` says whether a write may have been applied all the same."""


class InternalServerError(ServerError):
    """500.

    Attributes:
        reference_id: what DevRev's support asks for, or None.
    """

    reference_id: str | None = None


class ServiceUnavailableError(ServerError):
    """503.

    Attributes:
        retry_after: seconds (at least 0) of its Retry-After, or None.
    """

    retry_after: float | None = None


class ResponseDecodeError(DevRevError):
    """The server answered with success and a body that is not what the endpoint documents, or no JSON at all.

    Attributes:
        status: the HTTP status.
        body: at most the first 64 KiB of the body, decompressed.
        request_id: the server's name for the request, if it gave one.
    """

    def __init__(self, text: str, *, status: int = 0, body: bytes = b"", request_id: str | None = None) -> None:
        super().__init__(text)
        self.status = status
        self.body = body
        self.request_id = request_id


class ResponseTooLargeError(DevRevError):
    """The decompressed body exceeds `max_response_bytes`.

    Attributes:
        limit: the bound in bytes.
        status: the HTTP status.
    """

    def __init__(self, text: str, *, limit: int = 0, status: int = 0) -> None:
        super().__init__(text)
        self.limit = limit
        self.status = status


class IncompleteExportError(DevRevError):
    """A complete export could not be proved complete; what was yielded is right, but may not be all.

    Attributes:
        report: the `ExportReport` (of `changes` the `ChangesReport`) up to here, with `complete=False`.
    """

    def __init__(self, text: str, *, report: ExportReport | ChangesReport | None = None) -> None:
        super().__init__(text)
        self.report: ExportReport | ChangesReport = ExportReport() if report is None else report


class SyncStateError(DevRevError):
    """The state file of `works.sync` cannot be used; nothing was written, and the file is as it was.

    Attributes:
        path: the state file.
        hint: what to do about it.
    """

    def __init__(self, text: str, *, path: str = "", hint: str = "") -> None:
        super().__init__(text)
        self.path = path
        self.hint = hint


def shown(value: object) -> str:
    """A caller's value for the message of an error: its repr, of which a hundred characters are enough."""
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001 - an int of many digits has no repr, and a caller's own may raise anything
        return f"a value of type {type(value).__name__}"
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The end of a message about a name that is not known: ``; did you mean 'title'?``, or nothing if none is close."""
    from difflib import get_close_matches  # noqa: PLC0415 - of no use to a program without mistakes

    close = get_close_matches(name, list(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def with_unknown_outcome(error: E) -> E:
    """Turn an error into its variant that is an `OutcomeUnknownError` too, in place."""
    if not error.outcome_unknown:
        object.__setattr__(error, "__class__", _VARIANTS[type(error)])  # type checkers know no such assignment
    return error


def _variant(kind: type[DevRevError], *bases: type[DevRevError]) -> type[DevRevError]:
    """A class of these bases under the name of the first, which is what a reader looks up; pickles by `kind`."""

    def reduce(error: DevRevError) -> tuple[Any, ...]:
        return _restored, (kind, error.args), vars(error)

    first = bases[0]
    members = {"__module__": first.__module__, "__qualname__": first.__qualname__, "__doc__": first.__doc__}
    return type(first.__name__, bases, {**members, "__reduce__": reduce})


def _restored(kind: type[DevRevError], args: tuple[Any, ...]) -> DevRevError:
    return _VARIANTS[kind](*args)


_VARIANTS: dict[type[DevRevError], type[DevRevError]] = {}
for _kind in (
    APIError,
    ClientClosedError,
    InternalServerError,
    ResponseDecodeError,
    ResponseTooLargeError,
    ServerError,
    ServiceUnavailableError,
):
    _VARIANTS[_kind] = _variant(_kind, _kind, OutcomeUnknownError)
_VARIANTS[APITimeoutError] = _variant(APITimeoutError, LostAnswerError, APITimeoutError)
