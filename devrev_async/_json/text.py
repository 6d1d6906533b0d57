"""JSON texts that RFC 8259 allows and fast decoders refuse. Pure.

These are strings with half a surrogate pair, values nested deeper than a recursive parser goes, and numbers beyond
Python's int and float. Everything here reads bytes that are complete or end anywhere, without recursion.
"""

from __future__ import annotations

import codecs
import json
import re
import sys
from collections import deque
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final, NamedTuple

__all__ = ["ATOMIC", "Incomplete", "Token", "check", "is_cut_short", "members", "parse", "tokens", "value_end"]

ATOMIC: Final = b"+" if sys.version_info >= (3, 11, 5) else b""
"""After the quantifier of a group: it gives nothing back. Before Python 3.11.5 such a group matches too little."""

_STRING: Final = rb'"[^"\\\x00-\x1f]*+(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\x00-\x1f]*+)*' + ATOMIC
_NUMBER_OR_NAME: Final = rb"(?:-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][-+]?[0-9]++)?|true|false|null)"
_TOKEN: Final = re.compile(
    rb"[ \t\n\r]*+(?:"
    rb"([\[\]{},:])"
    rb"|(" + _STRING + rb'")'
    rb"|(" + _NUMBER_OR_NAME + rb")"
    rb")"
)
_START_OF_TOKEN: Final = re.compile(
    rb"[ \t\n\r]*+(?:" + _STRING + rb"(?:\\(?:u[0-9a-fA-F]{0,3})?)?"
    rb"|[-+.0-9eE]*+|t(?:ru?)?|f(?:a(?:ls?)?)?|n(?:ul?)?)?"
)
_WHITESPACE: Final = re.compile(rb"[ \t\n\r]*+")
_SCALAR: Final = rb"(?:" + _STRING + rb'"|' + _NUMBER_OR_NAME + rb")[ \t\n\r]*+,[ \t\n\r]*+"
_MEMBER: Final = _STRING + rb'"[ \t\n\r]*+:[ \t\n\r]*+'
_OPENINGS: Final = re.compile(
    rb"[ \t\n\r]*+(?:\[[ \t\n\r]*+(?:"
    + _SCALAR
    + rb")*"
    + ATOMIC
    + rb"|\{[ \t\n\r]*+"
    + _MEMBER
    + rb"(?:"
    + _SCALAR
    + _MEMBER
    + rb")*"
    + ATOMIC
    + rb")+"
    + ATOMIC
)
_CLOSINGS: Final = re.compile(rb"(?:[ \t\n\r]*+[\]}])+" + ATOMIC)
_STRINGS: Final = re.compile(_STRING + rb'"')
_NO_OPENING: Final = bytes(byte for byte in range(256) if byte not in b"[{")
_MIRROR: Final = bytes.maketrans(b"[{", b"]}")

_TEXT_WHITESPACE: Final = re.compile(r"[ \t\n\r]*+")


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


_scan: Final = json.JSONDecoder(parse_constant=_refuse_constant, parse_int=str, parse_float=str).raw_decode

_FIRST_LOOK: Final = 16 << 10
"""Bytes in which the end of a value is looked for first."""

_VALUE, _VALUE_OR_END, _KEY, _KEY_OR_END, _COLON, _COMMA_OR_END = range(6)
_OPENING: Final = b"[{"
_CLOSING: Final = {0x5D: (0x5B, _VALUE_OR_END), 0x7D: (0x7B, _KEY_OR_END)}


class Incomplete(ValueError):  # noqa: N818 - a finding: more bytes may complete the value
    """The bytes end inside a value."""


class Token(NamedTuple):
    """One token of a value.

    Attributes:
        kind: its first byte.
        start, end: where it stands.
        depth: the number of arrays and objects that are open after it.
        is_key: whether it is the key of an object.
    """

    kind: int
    start: int
    end: int
    depth: int
    is_key: bool


def tokens(text: bytes | bytearray, at: int = 0, end: int | None = None, *, each: bool = True) -> Iterator[Token]:
    """Yields the tokens of the value that starts at `at`, checked against the grammar.

    Without `each`, a run of brackets inside of the outermost ones is one token, with the depth behind it: what is
    nested a million deep would hold the event loop for seconds otherwise.

    Raises:
        Incomplete: the bytes end inside the value.
        ValueError: it is no JSON.
    """
    end = len(text) if end is None else end
    opened = bytearray()
    state = _VALUE
    while True:
        if not each and opened and (run := _run(text, at, end, state, opened)) is not None:
            token, state = run
            at = token.end
            yield token
        match = _TOKEN.match(text, at, end)
        if match is None:
            if _START_OF_TOKEN.fullmatch(text, at, end):
                raise Incomplete("the JSON text ends inside a value")
            raise _refused(at)
        start, at = match.start(match.lastindex or 0), match.end()
        kind = text[start]
        is_key = state in (_KEY, _KEY_OR_END) and kind == 0x22
        if kind in _CLOSING:
            opening, empty = _CLOSING[kind]
            if not opened or opened[-1] != opening or state not in (_COMMA_OR_END, empty):
                raise _refused(start)
            del opened[-1]
            state = _COMMA_OR_END
        elif is_key:
            state = _COLON
        else:
            state = _state_after(kind, state, opened, start)
        yield Token(kind, start, at, len(opened), is_key)
        if not opened and state == _COMMA_OR_END:
            return


def _run(text: bytes | bytearray, at: int, end: int, state: int, opened: bytearray) -> tuple[Token, int] | None:
    """Takes a run of brackets in one step, with the scalars between those that open.

    Returns:
        The run as one token, with its last bracket, and what may follow it; None where there is none, or where it may
        be malformed. At least one bracket stays open.
    """
    if state in (_VALUE, _VALUE_OR_END):
        match = _OPENINGS.match(text, at, end)
        if match is None:
            return None
        opened += _STRINGS.sub(b"", match[0]).translate(None, _NO_OPENING)
        state = _VALUE_OR_END if match[0].rstrip()[-1] == 0x5B else _VALUE
        return Token(opened[-1], at, match.end(), len(opened), is_key=False), state
    match = _CLOSINGS.match(text, at, end) if len(opened) > 1 and state == _COMMA_OR_END else None
    if match is None:
        return None
    stop, closings = match.end(), match[0].translate(None, b" \t\n\r")
    fitting = _common(opened[:0:-1].translate(_MIRROR), closings)
    if not fitting:
        return None
    if fitting < len(closings) and (shorter := _closings(fitting).match(text, at, end)) is not None:
        stop = shorter.end()
    del opened[-fitting:]
    return Token(closings[fitting - 1], at, stop, len(opened), is_key=False), _COMMA_OR_END


def _closings(count: int) -> re.Pattern[bytes]:
    return re.compile(rb"(?:[ \t\n\r]*+[\]}]){%d}" % count)


def _common(one: bytes | bytearray, other: bytes | bytearray) -> int:
    """The length of what two texts begin with alike; by halves, since Python would compare them byte by byte."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if one[low:middle] == other[low:middle] else (low, middle - 1)
    return low


def _state_after(kind: int, state: int, opened: bytearray, start: int) -> int:
    """What may follow a comma, a colon, an opening bracket or a scalar, which a key or a closing bracket is not."""
    if kind == 0x2C and state == _COMMA_OR_END:
        return _KEY if opened[-1] == 0x7B else _VALUE
    if kind == 0x3A and state == _COLON:
        return _VALUE
    if state not in (_VALUE, _VALUE_OR_END) or kind in b",:":
        raise _refused(start)
    if kind in _OPENING:
        opened.append(kind)
        return _VALUE_OR_END if kind == 0x5B else _KEY_OR_END
    return _COMMA_OR_END


def _refused(at: int) -> ValueError:
    return ValueError(f"JSON is malformed (byte {at})")


def value_end(text: bytes | bytearray, at: int, end: int) -> int:
    """Where the value that starts at `at` ends.

    Raises:
        Incomplete: the bytes end inside the value.
        ValueError: it is no JSON.
    """
    size = _FIRST_LOOK
    while True:
        look = min(at + size, end)
        decoded, _ = codecs.utf_8_decode(memoryview(text)[at:look], "strict", False)
        try:
            _, stop = _scan(decoded)
        except RecursionError:
            break
        except ValueError:
            stop = len(decoded)
        if stop < len(decoded):
            return at + len(decoded[:stop].encode())
        if look == end:
            break
        size *= 4
    return max(token.end for token in tokens(text, at, end, each=False))


def check(text: bytes) -> None:
    """Raises ValueError unless the bytes are one JSON value in UTF-8."""
    decoded = text.decode()
    try:
        json.loads(decoded, parse_constant=_refuse_constant, parse_int=str, parse_float=str)
    except RecursionError:
        _check_end(text, _last(tokens(text, each=False)))


def is_cut_short(text: bytes) -> bool:
    """Whether the bytes are the beginning of a JSON value, and no whole one."""
    try:
        _last(tokens(text, each=False))
    except Incomplete:
        return True
    except ValueError:
        pass
    return False


def members(text: bytes) -> dict[str, bytes] | None:
    """The values of an object by key, each as its JSON text; of equal keys the last one. None for another value.

    Raises:
        ValueError: it is no JSON.
    """
    decoded = text.decode()
    try:
        return _shallow_members(decoded)
    except RecursionError:
        return _deep_members(text)


def _shallow_members(text: str) -> dict[str, bytes] | None:
    at = _past_whitespace(text, 0)
    mark = text[at : at + 1]
    if mark != "{":
        return None
    found: dict[str, bytes] = {}
    while mark in ("{", ","):
        at = _past_whitespace(text, at + 1)
        if mark == "{" and text[at : at + 1] == "}":
            break
        if text[at : at + 1] != '"':
            raise _refused(at)
        key, at = _scan(text, at)
        at = _past_whitespace(text, at)
        if text[at : at + 1] != ":":
            raise _refused(at)
        start = _past_whitespace(text, at + 1)
        _, end = _scan(text, start)
        found[key] = text[start:end].encode()
        at = _past_whitespace(text, end)
        mark = text[at : at + 1]
        if mark not in (",", "}"):
            raise _refused(at)
    if _past_whitespace(text, at + 1) != len(text):
        raise _refused(at + 1)
    return found


def _past_whitespace(text: str, at: int) -> int:
    match = _TEXT_WHITESPACE.match(text, at)
    return at if match is None else match.end()


def _deep_members(text: bytes) -> dict[str, bytes] | None:
    found: dict[str, bytes] = {}
    key, start = "", -1
    last = None
    for token in tokens(text, each=False):
        if last is None and token.kind != 0x7B:
            return None
        last = token
        if token.depth != 1 or token.kind == 0x2C:
            continue
        if token.is_key:
            key = json.loads(text[token.start : token.end])
        elif token.kind == 0x3A:
            start = token.end
        elif start >= 0:
            found[key] = text[start : token.end].lstrip(b" \t\n\r")
            start = -1
    _check_end(text, last)
    return found


def parse(text: bytes) -> Any:
    """The value of a JSON text, in Python's types, whatever its depth.

    A number that float cannot hold is an int where it is a whole one of at most 4300 digits, else its text.

    Raises:
        ValueError: it is no JSON.
    """
    decoded = text.decode()
    try:
        return json.loads(decoded, parse_constant=_refuse_constant, parse_int=_whole, parse_float=_decimal)
    except RecursionError:
        return _parse_deep(text)


def _parse_deep(text: bytes) -> Any:
    root: list[Any] = []
    opened: list[Any] = [root]
    keys: list[str] = []
    last = None
    for last in tokens(text):
        if last.is_key:
            keys.append(json.loads(text[last.start : last.end]))
        elif last.kind in _CLOSING:
            opened.pop()
        elif last.kind not in b",:":
            value: Any = [] if last.kind == 0x5B else {} if last.kind == 0x7B else parse(text[last.start : last.end])
            into: Any = opened[-1]
            if into.__class__ is list:
                into.append(value)
            else:
                into[keys.pop()] = value
            if last.kind in _OPENING:
                opened.append(value)
    _check_end(text, last)
    return root[0]


def _last(found: Iterator[Token]) -> Token | None:
    ended = deque(found, maxlen=1)
    return ended[0] if ended else None


def _check_end(text: bytes, last: Token | None) -> None:
    end = 0 if last is None else last.end
    if not _WHITESPACE.fullmatch(text, end):
        raise _refused(end)


def _whole(number: str) -> int | str:
    try:
        return int(number)
    except ValueError:  # more digits than Python converts
        return number


def _decimal(number: str) -> float | int | str:
    value = float(number)
    if value not in (float("inf"), float("-inf")):
        return value
    exact = Decimal(number)
    if exact.adjusted() >= 4300:
        return number
    whole = int(exact)
    return whole if whole == exact else number
