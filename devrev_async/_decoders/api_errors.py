"""Turns the status, headers and body of an unsuccessful response into an `APIError`. Pure."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeVar

from devrev_async import errors
from devrev_async._json import text as json_text
from devrev_async._json.truncated import leading_members
from devrev_async._limits.headers import parse_retry_after
from devrev_async.models.base import is_array, is_object

__all__ = ["KEPT_OF_ERRORS", "ErrorResponse", "api_error", "printable", "retry_after_of"]

KEPT_OF_ERRORS: Final = 64 << 10
"""The most bytes of an error's body that are kept."""

T = TypeVar("T")

_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ud800-\udfff\ufeff]")
_SHOWN: Final = 500
"""The most characters of one text of the server in an error's message."""

_SHOWN_OF_FACT: Final = 200
"""The most characters of the other fields of a 400 there, each."""

_CLASSES: Final[dict[int, type[errors.APIError]]] = {
    400: errors.BadRequestError,
    401: errors.UnauthorizedError,
    403: errors.ForbiddenError,
    404: errors.NotFoundError,
    409: errors.ConflictError,
    429: errors.TooManyRequestsError,
    500: errors.InternalServerError,
    503: errors.ServiceUnavailableError,
}

_HINTS: Final[dict[str | int, str]] = {
    "token_expired": "the token has expired: create a new one in DevRev's settings",
    "token_revoked": "the token was revoked: create a new one in DevRev's settings",
    "dev_org_deactivated": "the Dev organisation of this token is deactivated",
    401: "check the token: it must be a DevRev PAT, application access token or session token",
    403: "the token lacks the right for this; deleting needs '<type>:all', reading '<type>:read'",
    409: "an object with this external_ref exists already; list(external_ref=[...]) finds it",
    413: "the request is too large: send less at once",
    429: "lower max_concurrency, or raise max_rate_limit_wait",
}

_TEXT_FIELDS: Final = (
    "field_name", "value", "reason", "pattern", "expected", "actual", "subtype", "existing_parent",
)  # fmt: skip
_FACTS: Final = ("value", "expected", "actual", "pattern", "reason")
_LIST_FIELDS: Final = ("allowed_values", "allowed_types")


class ErrorResponse(NamedTuple):
    """An unsuccessful response: `body` is decompressed and cut to `KEPT_OF_ERRORS`; header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    request_id: str | None = None


def printable(text: str) -> str:
    """Escapes control characters, bidirectional marks, half surrogates and the like, so that a text can be logged."""
    return _CONTROL.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def api_error(
    response: ErrorResponse, endpoint: str, *, now: float, hide: Callable[[str], str] = str
) -> errors.APIError:
    """The error of a response other than 2xx.

    Args:
        response: the response.
        endpoint: the API method, as in ``"works.get"``.
        now: epoch seconds on the server's clock, for a Retry-After that is a date.
        hide: removes from a string what must not be shown.
    """

    def text(value: object) -> str | None:
        return printable(hide(value)) if isinstance(value, str) else None

    status, fields = response.status, _fields(response.body)
    type_, message, detail = text(fields.get("type")), text(fields.get("message")), text(fields.get("detail"))
    location = text(response.headers.get("location")) if 300 <= status < 400 else None
    kind = _CLASSES.get(status) or (errors.ServerError if status >= 500 else errors.APIError)
    hint = _HINTS.get(type_ or "") or _HINTS.get(status)
    field_name = text(fields.get("field_name"))
    if status == 409 and not endpoint.endswith(".create"):
        hint = None
    if status == 404 and type_ is None:  # a work that is missing has a type
        hint = "there is no such endpoint: check its name, and base_url"
    if status == 400 and type_ == "invalid_field" and field_name:
        hint = f"{field_name[:_SHOWN]} is no field of this request; in an update, a field of one work type needs type="
    error = kind(
        _sentence(
            endpoint,
            status,
            type_=type_,
            message=message,
            detail=detail,
            field_name=field_name,
            facts=_facts(fields, text) if status == 400 else (),
            location=location,
            hint=hint,
        ),
        status=status,
        type=type_,
        message=message,
        detail=detail,
        body=response.body,
        request_id=response.request_id,
        hint=hint,
        location=location,
    )
    error.endpoint = endpoint
    if isinstance(error, errors.BadRequestError):
        _fill_bad_request(error, fields, text)
    elif isinstance(error, errors.TooManyRequestsError | errors.ServiceUnavailableError):
        error.retry_after = retry_after_of(response, now=now)
    elif isinstance(error, errors.InternalServerError):
        error.reference_id = text(fields.get("reference_id"))
    return error


def retry_after_of(response: ErrorResponse, *, now: float) -> float | None:
    """Seconds that the response asks to wait, by its header, else by its body, else None."""
    seconds = parse_retry_after(response.headers.get("retry-after"), now=now)
    if seconds is None and response.status in (429, 503):
        seconds = parse_retry_after(_fields(response.body).get("retry_after"), now=now)
    return seconds


def _fields(body: bytes) -> Mapping[str, Any]:
    """The fields of an error's body, those at its beginning if it is cut; of a body that is plain text, its message.

    What is no UTF-8 in it, as a character that was cut, is a replacement character.
    """
    body = body.removeprefix(codecs.BOM_UTF8).decode(errors="replace").encode()
    try:
        value = json_text.parse(body)
    except ValueError:
        if body.lstrip()[:1] == b"{":
            return leading_members(body, _PROSE)
        return {} if body.lstrip()[:1] in _MARKUP or b"\0" in body else _plain_text(body)  # with a null it is UTF-16
    return value if is_object(value) else {}


_PROSE: Final = ("message", "detail", "reason")
"""Fields for people to read, whose beginning says something."""

_MARKUP: Final = (b"", b"<", b"{", b"[", b'"')
"""How a body begins that is HTML or broken JSON, which is no message for people."""

_LEAST_READABLE: Final = 8
"""A text of which more than one character in so many is unreadable is no text."""


def _plain_text(body: bytes) -> Mapping[str, Any]:
    text = body.decode().strip()
    return {"message": text} if text.count("\ufffd") * _LEAST_READABLE <= len(text) else {}


def _sentence(
    endpoint: str,
    status: int,
    *,
    type_: str | None,
    message: str | None,
    detail: str | None,
    field_name: str | None,
    facts: Sequence[str],
    location: str | None,
    hint: str | None,
) -> str:
    parts = [f"{endpoint}: {status}" + (f" {type_[:_SHOWN]}" if type_ else "")]
    texts = ": ".join(part[:_SHOWN] for part in (message, detail) if part)
    parts += [texts] if texts else []
    of_field = [f"field {field_name[:_SHOWN]}"] if field_name else []
    of_field += [fact for fact in facts if fact not in texts]
    parts += [", ".join(of_field)] if of_field else []
    parts += [f"redirect to {location[:_SHOWN]} is not followed"] if location else []
    return " - ".join(parts) + (f" ({hint})" if hint else "")


def _facts(fields: Mapping[str, Any], text: Callable[[object], str | None]) -> list[str]:
    """What a 400 says of the value that it refuses, for people."""
    facts = [f"{name} {shown}" for name in _FACTS if (shown := text(fields.get(name)))]
    for name in _LIST_FIELDS:
        values = fields.get(name)
        allowed = [shown for value in values if (shown := text(value))] if is_array(values) else []
        facts += [f"allowed: {', '.join(allowed)}"] if allowed else []
    return [fact if len(fact) <= _SHOWN_OF_FACT else f"{fact[:_SHOWN_OF_FACT]}..." for fact in facts]


def _fill_bad_request(
    error: errors.BadRequestError, fields: Mapping[str, Any], text: Callable[[object], str | None]
) -> None:
    for name in _TEXT_FIELDS:
        setattr(error, name, text(fields.get(name)))
    for name in _LIST_FIELDS:
        values = fields.get(name)
        if is_array(values):
            setattr(error, name, [shown for value in values if (shown := text(value)) is not None])
    same = fields.get("is_same")
    error.is_same = same if isinstance(same, bool) else None
    dependencies = fields.get("dependencies")
    if is_array(dependencies):
        error.dependencies = [
            {key: text(value) if isinstance(value, str) else value for key, value in entry.items()}
            for entry in dependencies
            if is_object(entry)
        ]
