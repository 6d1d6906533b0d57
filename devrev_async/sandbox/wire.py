"""Encodes and decodes works, odd ones too: the standard library takes what msgspec refuses."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from . import times

_DATES = (
    "actual_close_date",
    "actual_start_date",
    "created_date",
    "modified_date",
    "target_close_date",
    "target_start_date",
)


def encode(value: object) -> bytes:
    """Encodes a value as JSON; half surrogate pairs are escaped.

    Raises:
        TypeError: a value that JSON has no form for.
    """
    try:
        return msgspec.json.encode(value)
    except (UnicodeEncodeError, OverflowError):
        return json.dumps(value, separators=(",", ":")).encode()


def decode(text: bytes) -> Any:
    """Decodes a JSON text.

    Raises:
        ValueError: it is no JSON.
    """
    try:
        return msgspec.json.decode(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except (msgspec.MsgspecError, UnicodeError) as error:
        try:
            return json.loads(text, parse_constant=_refuse_constant)
        except ValueError:
            raise ValueError(str(error)) from None


def copy(work: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a deep copy of a work. A datetime among its fields becomes a timestamp as the API writes it.

    Raises:
        TypeError: not a mapping, or a value that JSON has no form for.
        ValueError: a naive datetime.
    """
    if not isinstance(work, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"works and changes of works are mappings, not {repr(work)[:80]}")
    dates = {key: _rendered(key, value) for key, value in work.items() if isinstance(value, datetime)}
    copied: dict[str, Any] = decode(encode({**work, **dates}))
    return copied


def with_whole_seconds(work: dict[str, Any]) -> dict[str, Any]:
    """Returns the work with its dates rounded down to seconds; what is no timestamp stays as it is."""
    return {key: _whole_second(value) if key in _DATES else value for key, value in work.items()}


def _whole_second(value: object) -> object:
    try:
        return times.render(times.parse(value) // 1_000_000 * 1_000_000) if isinstance(value, str) else value
    except ValueError:
        return value


def _rendered(key: str, date: datetime) -> str:
    if date.tzinfo is None:
        raise ValueError(f"{key} needs a datetime with a time zone")
    return times.render(times.micros_of(date - times.EPOCH))


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
