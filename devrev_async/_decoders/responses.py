"""Bodies of successful responses to values. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Final, TypeVar

import msgspec
from msgspec import Raw, Struct

from devrev_async.models import Issue, Opportunity, Task, Ticket, Work, WorksCount

from .fallback import DECODE_ERRORS, check_json_text, decode_one

__all__ = ["decode_count", "decode_nothing", "decode_typed", "decode_work"]

T = TypeVar("T")


class _UsualWork(Struct):
    work: Issue | Ticket | Task | Opportunity


class _AnyWork(Struct):
    work: Raw = Raw(b"null")


_usual_work: Final = msgspec.json.Decoder(_UsualWork).decode
_any_work: Final = msgspec.json.Decoder(_AnyWork).decode
_object: Final = msgspec.json.Decoder(dict[str, Raw]).decode
_value: Final = json.JSONDecoder(parse_int=str, parse_float=str).raw_decode
_KEY: Final = re.compile(r'\s*[{,]\s*("(?:[^"\\]|\\.)*")\s*:\s*', re.DOTALL)
_count: Final = msgspec.json.Decoder(WorksCount).decode


def decode_work(body: bytes) -> tuple[Work, str | None]:
    """The work of a get, create or update, and the reason where it is an `UnknownWork`.

    Raises:
        ValueError and others of `DECODE_ERRORS`: no JSON, or not of the documented shape.
    """
    try:
        return _usual_work(body).work, None
    except DECODE_ERRORS:
        pass
    try:
        raw = bytes(_any_work(body).work)
    except DECODE_ERRORS:
        raw = _work_in_text(body)
    if raw == b"null":
        raise ValueError("the answer has no work")
    return decode_one(raw)


def _work_in_text(body: bytes) -> bytes:
    """What `_any_work` finds, in a body with half a surrogate pair: JSON to the grammar, though not to msgspec."""
    check_json_text(body)
    text = body.decode()
    key = _KEY.match(text)
    while key is not None:
        _, end = _value(text, key.end())
        if json.loads(key[1]) == "work":
            return text[key.end() : end].encode()
        key = _KEY.match(text, end)
    return b"null"


def decode_count(body: bytes) -> WorksCount:
    """The answer of `works.count`."""
    return _count(body)


def decode_nothing(body: bytes) -> None:
    """The answer of `works.delete`: an object or empty. Anything else was not the API that answered."""
    if body.strip():
        _object(body)
        body.decode()  # msgspec leaves what is raw unread


def decode_typed(decoder: msgspec.json.Decoder[T]) -> Callable[[bytes], T]:
    """Decodes into the type that a caller of `request` asks for; an empty body counts as null."""
    return lambda body: decoder.decode(body or b"null")
