"""Where values of a JSON document end whose end may not have come yet. Pure.

msgspec names the byte at which a value ends when more follows. That gives exact ends, one value at a time, at a seventh
of the cost of a typed decode.
"""

from __future__ import annotations

import json
import re
from typing import Final

import msgspec
from msgspec import Raw

from .buffer import ByteBuffer

__all__ = ["Malformed", "NeedMore", "Truncated", "after_gap", "ends_early", "next_is_whole", "value_end"]

_skip: Final = msgspec.json.Decoder(Raw).decode
_as_text: Final = json.JSONDecoder(parse_int=str, parse_float=str).raw_decode
_WHERE: Final = re.compile(r"\(byte (\d+)\)\Z")
_GAP: Final = re.compile(rb"[ \t\n\r]*")


class Malformed(Exception):  # noqa: N818 - a finding; callers make an error of it
    """The body is no JSON, or not of the documented shape."""


class Truncated(Malformed):
    """The body ends before its JSON does."""


class NeedMore(Exception):  # noqa: N818 - a turn of control flow, and no error
    """What has come does not tell yet."""


def after_gap(window: ByteBuffer, at: int) -> int:
    """The first place from `at` on that is no white space."""
    return window.past(_GAP, at)


def value_end(window: ByteBuffer, at: int, *, final: bool) -> int:
    """Where the value that starts at `at` ends, white space after it included.

    Args:
        window: the document, as far as it has come.
        at: a place in it.
        final: no more will come.

    Raises:
        NeedMore: it may go on in the bytes to come.
        Malformed: this is the start of no value.
    """
    try:
        # no variable for the view: it would keep the old buffer when the window grows
        _skip(memoryview(window.buffer)[at : window.end])
    except msgspec.DecodeError as error:
        said = str(error)
    except RecursionError:
        raise Malformed("nested too deeply") from None
    else:
        raise NeedMore
    where = _WHERE.search(said)
    if where is not None and "trailing characters" in said:
        return at + int(where[1]) - 1
    if "surrogate" in said or "hex escape" in said:
        return _value_end_by_text(window, at, final=final)
    if ends_early(said, window.end - at):
        if (
            final and window.buffer.find(b"\\u", at, window.end) >= 0
        ):  # so it says of half a surrogate pair near the end
            return _value_end_by_text(window, at, final=final)
        raise NeedMore
    raise Malformed(said)


def _value_end_by_text(window: ByteBuffer, at: int, *, final: bool) -> int:
    # A string with half a surrogate pair is JSON, though not to msgspec.
    try:
        text = window.copy(at).decode("utf-8", "strict" if final else "ignore")
    except UnicodeDecodeError as error:
        raise Malformed(str(error)) from None
    try:
        _, end = _as_text(text)
    except RecursionError:
        raise Malformed("nested too deeply") from None
    except json.JSONDecodeError as error:
        if final and error.pos + len("\\u0000") < len(text) and not error.msg.startswith("Unterminated"):
            raise Malformed(str(error)) from None
        raise NeedMore from None
    return after_gap(window, at + len(text[:end].encode()))


def next_is_whole(window: ByteBuffer, at: int) -> bool:
    """Whether all that has come from `at` on is one value, and nothing behind it."""
    try:
        _skip(window.copy(at))
    except (msgspec.DecodeError, RecursionError):
        return False
    return True


def ends_early(said: str, size: int) -> bool:
    """Whether msgspec complains that a document of this size ends too early; in a number it calls that malformed."""
    where = _WHERE.search(said)
    if where is None or "trailing characters" in said:
        return "truncated" in said
    return int(where[1]) >= size
