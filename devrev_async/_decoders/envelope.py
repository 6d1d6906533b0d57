"""The object around the array of a page: finding the array, and reading the other keys. Pure."""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import Final, Literal, TypeAlias

import msgspec

from devrev_async._json import text as json_text

from .buffer import ByteBuffer
from .fallback import DECODE_ERRORS, members
from .json_scanner import Malformed, NeedMore, Truncated, after_whitespace, value_end

__all__ = ["Cursors", "Followed", "find_array", "read_cursors"]

Followed: TypeAlias = Literal["next", "prev"] | None
"""Which cursor of a page its reader follows."""

_SPACE: Final = rb"[ \t\n\r]*"
_BRACE: Final = re.compile(_SPACE + rb"\{")
_KEY: Final = re.compile(_SPACE + rb'("(?:[^"\\]|\\.)*")' + _SPACE + rb":" + _SPACE, re.DOTALL)
_PART_OF_KEY: Final = re.compile(_SPACE + rb'(?:"(?:[^"\\]|\\.)*(?:\\|"' + _SPACE + rb")?)?", re.DOTALL)


class Cursors(msgspec.Struct, frozen=True):
    """The cursors of a page, of the pages after and before it."""

    next_cursor: str | None = None
    prev_cursor: str | None = None


@lru_cache
def _usual_head(key: str) -> re.Pattern[bytes]:
    quoted = re.escape(json.dumps(key).encode())
    return re.compile(_SPACE + rb"\{" + _SPACE + quoted + _SPACE + rb":" + _SPACE + rb"(?=\[)")


def find_array(buffer: ByteBuffer, key: str, *, final: bool) -> int | None:
    """Where the array under a key of the outermost object starts.

    Returns:
        Its position; None if the body is no object or has no array there.

    Raises:
        NeedMore: more bytes decide it.
        Malformed: it is no JSON.
    """
    match = buffer.match(_usual_head(key), buffer.at)
    return match.end() if match else _search_array(buffer, key, final=final)


def _search_array(buffer: ByteBuffer, key: str, *, final: bool) -> int | None:
    brace = buffer.match(_BRACE, buffer.at)
    if brace is None:
        if after_whitespace(buffer, buffer.at) == buffer.end:
            raise NeedMore
        return None
    at = brace.end()
    while (found := buffer.match(_KEY, at)) is not None:
        at = found.end()
        if at >= buffer.end:
            raise NeedMore
        if _is_key(found[1], key):
            return at if buffer.buffer[at] == 0x5B else None
        at = value_end(buffer, at, final=final)
        if at >= buffer.end:
            raise NeedMore
        if buffer.buffer[at] != 0x2C:
            return None
        at += 1
    if _PART_OF_KEY.fullmatch(buffer.buffer, at, buffer.end):
        raise NeedMore
    return None


def _is_key(quoted: bytes, key: str) -> bool:
    try:
        return bool(json.loads(quoted) == key)
    except ValueError:
        return False


def read_cursors(document: bytes, key: str, next_key: str = "next_cursor", *, follow: Followed = "next") -> Cursors:
    """The cursors of an envelope, whose array was taken out and replaced by null; `next_key` has that of the next page.

    One that is no string is None, unless it is to be followed.

    Raises:
        Truncated: the document ends early.
        Malformed: it is no JSON, or not an object with exactly one array, or null, under the key, or the cursor to
            `follow` is no string: to end there would hide that there is more.
    """
    try:
        given = members(document)
        if given is None or given.get(key) != b"null":
            raise ValueError(f'the body has no array "{key}"')
        if document.count(key.encode()) > 1 or b"\\u" in document:
            _check_once(document, key)
        return Cursors(
            _cursor(given.get(next_key, b"null"), strict=follow == "next"),
            _cursor(given.get("prev_cursor", b"null"), strict=follow == "prev"),
        )
    except DECODE_ERRORS as error:
        problem = str(error)
    if json_text.is_cut_short(document):
        raise Truncated("the body ends before its JSON does")
    raise Malformed(problem)


_decode_cursor: Final = msgspec.json.Decoder(str | None).decode


def _cursor(value: bytes, *, strict: bool) -> str | None:
    try:
        return _decode_cursor(value)
    except DECODE_ERRORS:
        if strict:
            raise
        return None


def _check_once(document: bytes, key: str) -> None:
    """Raises ValueError if the key is given twice: which of two arrays counts is undefined."""
    keys = [token for token in json_text.tokens(document) if token.is_key and token.depth == 1]
    if sum(_is_key(document[token.start : token.end], key) for token in keys) > 1:
        raise ValueError(f'the body has two arrays "{key}"')
