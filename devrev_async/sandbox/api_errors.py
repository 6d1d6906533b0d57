"""The errors that the API documents, as exceptions that carry the whole answer."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec


class ApiError(Exception):
    """An answer other than success: its status, its JSON body and headers of its own."""

    def __init__(self, status: int, body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status, body)
        self.status = status
        self.body = msgspec.json.encode(body)
        self.headers = dict(headers or {})


def bad_request(kind: str, message: str, **fields: object) -> ApiError:
    """Returns a 400 whose ``type`` is `kind`, with the fields that the API documents for it."""
    return ApiError(400, {"message": message, "type": kind, **fields})


def invalid_field(name: str) -> ApiError:
    return bad_request("invalid_field", f"Invalid field: {name}", field_name=name)


def missing_field(name: str) -> ApiError:
    return bad_request("missing_required_field", f"Missing required field: {name}", field_name=name)


def wrong_json_type(name: str, expected: str, value: object) -> ApiError:
    actual = json_type(value)
    message = f"Unexpected JSON type for {name or 'the body'}: expected {expected}, got {actual}"
    return bad_request("unexpected_json_type", message, field_name=name, expected=expected, actual=actual)


def wrong_enum_value(name: str, value: str, allowed: Sequence[str]) -> ApiError:
    return bad_request(
        "invalid_enum_value", f"Invalid value for {name}", field_name=name, value=value, allowed_values=list(allowed)
    )


def not_permitted(name: str, reason: str, allowed: Sequence[str] | None = None) -> ApiError:
    extra: dict[str, object] = {} if allowed is None else {"allowed_values": list(allowed)}
    return bad_request("value_not_permitted", f"Value not permitted: {name}", field_name=name, reason=reason, **extra)


def invalid_id(name: str) -> ApiError:
    return bad_request("invalid_id", f"Invalid id: {name}", field_name=name)


def wrong_id_type(name: str, value: str, allowed: Sequence[str]) -> ApiError:
    return bad_request(
        "unexpected_id_type", f"Unexpected id type: {name}", field_name=name, value=value, allowed_types=list(allowed)
    )


def not_found(name: str) -> ApiError:
    return ApiError(404, {"message": f"Object not found: {name}", "type": "not_found"})


_DEFAULTS: dict[int, dict[str, Any]] = {
    400: {"message": "Bad request", "type": "bad_request"},
    401: {"message": "Unauthorized", "type": "unauthenticated"},
    403: {"message": "Forbidden", "type": "forbidden"},
    404: {"message": "Object not found", "type": "not_found"},
    409: {"message": "Conflict", "type": "conflict"},
    413: {"message": "Request entity too large", "type": "request_entity_too_large"},
    429: {"message": "Too many requests", "type": "too_many_requests"},
    500: {"message": "Internal error", "type": "internal_error", "reference_id": "sandbox-reference"},
    503: {"message": "Service unavailable", "type": "service_unavailable"},
}


def documented_body(status: int, retry_after: float | None = None) -> dict[str, Any]:
    """Returns the body that the API documents for `status`; for other statuses, a message alone."""
    body = dict(_DEFAULTS.get(status, {"message": f"Status {status}"}))
    if status == 429 and retry_after is not None:
        body["retry_after"] = -int(
            -retry_after // 1
        )  # an int64 in the spec; rounded up, so that no one retries too early
    return body


def json_type(value: object) -> str:
    """Returns the API's name for the JSON type of `value`."""
    match value:
        case None:
            return "null"
        case bool():
            return "bool"
        case int() | float():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
        case _:
            return "object"
