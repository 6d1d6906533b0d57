"""Finds the ends of JSON values in a document that has arrived in part. Pure.

msgspec names the byte at which a value ends when more follows. That gives exact ends, one value at a time, at a seventh
of the cost of a typed decode.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec
from msgspec import Raw

from devrev_async._json import text as json_text
from devrev_async._json.msgspec_errors import ends_early, refuses_escape, value_size

from .buffer import ByteBuffer

__all__ = ["Malformed", "NeedMore", "Truncated", "after_whitespace", "next_is_whole", "value_end"]

_skip: Final = msgspec.json.Decoder(Raw).decode
_WHITESPACE: Final = re.compile(rb"[ \t\n\r]*")


class Malformed(Exception):  # noqa: N818 - a finding; callers make an error of it
    """The body is no JSON, or not of the documented shape."""


class Truncated(Malformed):
    """The body ends before its JSON does."""


class NeedMore(Exception):  # noqa: N818 - control flow, not an error
    """The bytes received so far do not decide it."""


def after_whitespace(buffer: ByteBuffer, at: int) -> int:
    """The first position from `at` on that is no white space."""
    return buffer.past(_WHITESPACE, at)


def value_end(buffer: ByteBuffer, at: int, *, final: bool) -> int:
    """Where the value that starts at `at` ends, white space after it included.

    Args:
        buffer: the document, as far as it has arrived.
        at: a position in it.
        final: the document has arrived whole.

    Raises:
        NeedMore: the value may continue in bytes that have not arrived.
        Malformed: no value starts here.
    """
    try:
        # no variable for the view: it would keep the old buffer alive when the buffer grows
        _skip(memoryview(buffer.buffer)[at : buffer.end])
    except msgspec.DecodeError as error:
        problem = str(error)
    except RecursionError:
        return _value_end_by_text(buffer, at)
    else:
        raise NeedMore
    size = value_size(problem)
    if size is not None:
        return at + size
    # of half a surrogate pair near the end msgspec says that the document is truncated
    if refuses_escape(problem) or (final and buffer.buffer.find(b"\\u", at, buffer.end) >= 0):
        return _value_end_by_text(buffer, at)
    if ends_early(problem, buffer.end - at):
        raise NeedMore
    raise Malformed(problem)


def _value_end_by_text(buffer: ByteBuffer, at: int) -> int:
    try:
        end = json_text.value_end(buffer.buffer, at, buffer.end)
    except json_text.Incomplete:
        raise NeedMore from None
    except ValueError as error:
        raise Malformed(str(error)) from None
    return after_whitespace(buffer, end)


def next_is_whole(buffer: ByteBuffer, at: int) -> bool:
    """Whether the bytes received from `at` on are exactly one value."""
    try:
        _skip(buffer.copy(at))
    except (msgspec.DecodeError, RecursionError):
        return False
    return True
