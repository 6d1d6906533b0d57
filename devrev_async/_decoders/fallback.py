"""One work by itself: as its type, with the fields that fit, or else as an `UnknownWork`. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final, NamedTuple, TypeAlias

import msgspec
from msgspec import Raw, inspect, structs

from devrev_async._json import text as json_text
from devrev_async._json.msgspec_errors import is_truncated, refuses_escape, refuses_timestamp
from devrev_async.models.works import Issue, Opportunity, Task, Ticket, UnknownWork, Work, set_invalid

from .misfits import Decoded, Misfit
from .timestamps import kinds_of, with_timestamps

__all__ = ["DECODE_ERRORS", "decode_one", "members"]

DECODE_ERRORS: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError)
"""What decoding may raise: msgspec's own errors, and those that pass through it."""

_decode_work: Final = msgspec.json.Decoder(Issue | Ticket | Task | Opportunity).decode
_decode_members: Final = msgspec.json.Decoder(dict[str, Raw]).decode
_decode_str: Final = msgspec.json.Decoder(str).decode
_decode_any: Final = msgspec.json.Decoder().decode
_skip: Final = msgspec.json.Decoder(Raw).decode

_ONE_LINE: Final = bytes.maketrans(b"\r\n", b"  ")
"""Line breaks stand between tokens only; without them `to_json` is one line, as JSON Lines need it."""

_KnownWork: TypeAlias = Issue | Ticket | Task | Opportunity
_MODELS: Final[Mapping[str, type[_KnownWork]]] = {
    "issue": Issue, "ticket": Ticket, "task": Task, "opportunity": Opportunity
}  # fmt: skip


def decode_one(text: bytes) -> Decoded[Work]:
    """The work of a JSON text, and why it does not fit its type, or None.

    Raises:
        ValueError: the bytes are no JSON (RFC 8259).
    """
    try:
        return _decode_work(text), None
    except RecursionError:
        json_text.check(text)
        return _unknown(text, "nested too deeply")
    except DECODE_ERRORS as error:
        reason = str(error)
    json_text.check(text)
    given = members(text)
    if given is None:
        return _unknown(text, "no object")
    model = _MODELS.get(_string(given.get("type")) or "")
    if model is None or _string(given.get("id")) is None:
        return _unknown(text, reason)
    try:
        fitting, invalid = _decode_fields(model, given)
    except RecursionError:
        return _unknown(text, "nested too deeply")
    work = model(**fitting)
    if not invalid:
        return work, None
    reason = "; ".join(f"{name}: {problem}" for name, problem in invalid.items())
    return set_invalid(work, {name: given[name].translate(_ONE_LINE) for name in invalid}), Misfit("invalid", reason)


def members(text: bytes) -> dict[str, bytes] | None:
    """The values of a JSON object by key, as their texts; None for any other value.

    Raises:
        ValueError: the bytes are no JSON.
    """
    try:
        return {name: bytes(value) for name, value in _decode_members(text).items()}
    except DECODE_ERRORS:
        return json_text.members(text)


def _unknown(text: bytes, reason: str) -> Decoded[Work]:
    given = members(text) or {}
    fitting, invalid = _decode_fields(UnknownWork, given, any_depth=True)
    work = UnknownWork(**fitting, raw=text)
    texts = {name: given[name] for name in invalid if name not in ("type", "id")}
    return set_invalid(work, texts or None), Misfit("unknown", reason)


def _string(text: bytes | None) -> str | None:
    try:
        return None if text is None else _decode_str(text)
    except DECODE_ERRORS:
        return None


class _Field(NamedTuple):
    decode: Callable[[bytes], Any]
    type: Any
    kind: inspect.Type


@cache
def _fields_of(model: type[Work]) -> dict[str, _Field]:
    kinds = kinds_of(model)
    return {
        field.name: _Field(msgspec.json.Decoder(field.type).decode, field.type, kinds[field.name])
        for field in structs.fields(model)
        if field.name != "raw"
    }


def _decode_fields(
    model: type[Work], given: Mapping[str, bytes], *, any_depth: bool = False
) -> tuple[dict[str, Any], dict[str, str]]:
    """The fields that fit, and what is wrong with the others.

    Raises:
        RecursionError: a value is nested too deeply to be decoded; with `any_depth` it is left out.
    """
    fields = _fields_of(model)
    fitting: dict[str, Any] = {}
    invalid: dict[str, str] = {}
    for name, text in given.items():
        try:
            if name in fields:
                fitting[name] = _decode_field(fields[name], text)
            else:
                _skip(text)
        except DECODE_ERRORS as error:
            if isinstance(error, RecursionError):
                if not any_depth:
                    raise
            elif name in fields:
                invalid[name] = _problem(error)
    return fitting, invalid


def _problem(error: Exception) -> str:
    problem = str(error)
    # the text is complete: so msgspec says of half a surrogate pair near its end
    half = refuses_escape(problem) or is_truncated(problem)
    return "a string with half a surrogate pair" if half else problem


def _decode_field(field: _Field, text: bytes) -> Any:
    try:
        return field.decode(text)
    except msgspec.ValidationError as error:
        if not refuses_timestamp(str(error)):
            _skip(text)  # what is nested too deeply to be skipped is no value that a work of a type can have
            raise
        return msgspec.convert(with_timestamps(_decode_any(text), field.kind), field.type)
