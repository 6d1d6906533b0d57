"""One work by itself: as its type if it fits, else as an `UnknownWork` with what fits and the reason why."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final

import msgspec
from msgspec import Raw, structs

from devrev_async.models.base import is_object
from devrev_async.models.works import Issue, Opportunity, Task, Ticket, UnknownWork, Work

DECODE_ERRORS: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError)
"""What decoding may raise: msgspec's own errors, and those that pass through it."""

_decode_work: Final = msgspec.json.Decoder(Issue | Ticket | Task | Opportunity).decode
_decode_keys: Final = msgspec.json.Decoder(dict[str, Raw]).decode


def decode_one(work: bytes) -> tuple[Work, str | None]:
    """The work of these bytes, and None or the reason why it is an `UnknownWork`.

    Raises:
        ValueError: the bytes are no JSON (RFC 8259), or JSON nested too deeply.
    """
    try:
        return _decode_work(work), None
    except DECODE_ERRORS as error:
        reason = str(error)
    check_json_text(work)
    return UnknownWork(**_fields_that_fit(work), raw=work), reason


def check_json_text(text: bytes) -> None:
    """Raise ValueError unless the bytes are JSON. Python's own parser is the judge: it takes lone surrogates."""
    try:
        json.loads(text.decode(), parse_constant=_refuse_constant, parse_int=_as_written, parse_float=_as_written)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _as_written(number: str) -> str:
    return number  # only the syntax is asked for; converting could fail on the size


@cache
def _shared_fields() -> dict[str, Callable[[bytes], Any]]:
    fields = [field for field in structs.fields(UnknownWork) if field.name != "raw"]
    return {field.name: msgspec.json.Decoder(field.type).decode for field in fields}


def _fields_that_fit(work: bytes) -> dict[str, Any]:
    keys = _keys(work)
    fitting: dict[str, Any] = {}
    for name, decode in _shared_fields().items():
        if name in keys:
            try:
                fitting[name] = decode(bytes(keys[name]))
            except DECODE_ERRORS:
                continue
    return fitting


def _keys(work: bytes) -> Mapping[str, bytes | Raw]:
    try:
        return _decode_keys(work)
    except DECODE_ERRORS:
        pass
    try:
        value: Any = json.loads(work)  # takes half a surrogate pair, which spoils only the field that it is in
    except DECODE_ERRORS:
        return {}
    return {name: json.dumps(item).encode() for name, item in value.items()} if is_object(value) else {}
