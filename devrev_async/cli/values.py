"""From the text of an argument to a value: JSON, times, NAME=VALUE."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from .codes import UsageError

__all__ = ["NOT_JSON", "as_json", "as_time", "split"]

NOT_JSON: Final = object()
"""What `as_json` answers for text that is no JSON."""


def as_json(text: str) -> Any:
    """The JSON value that the text is, or `NOT_JSON`."""
    try:
        return msgspec.json.decode(text.encode())
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return NOT_JSON


def as_time(text: str, what: str) -> datetime:
    """A date or time in ISO 8601 as an aware datetime; without an offset it is UTC, one instant on all machines."""
    try:
        time = datetime.fromisoformat(text.strip())
    except ValueError:
        raise UsageError(
            f"{what} takes a date or a time as in 2025-01-31 or 2025-01-31T12:00:00Z, not {text!r}"
        ) from None
    return time.replace(tzinfo=UTC) if time.utcoffset() is None else time


def split(text: str, option: str) -> tuple[str, str]:
    """NAME and VALUE of a NAME=VALUE."""
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise UsageError(f"{option} takes NAME=VALUE, not {text!r}")
    return name.strip(), value
