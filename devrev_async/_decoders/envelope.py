"""The object around the array of a page: finding the array, and reading the other keys. Pure."""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import Final

import msgspec

from devrev_async._json import text as json_text

from .buffer import ByteBuffer
from .fallback import DECODE_ERRORS, members
from .json_scanner import Malformed, NeedMore, Truncated, after_whitespace, value_end

__all__ = ["Cursors", "find_array", "read_cursors"]

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


def read_cursors(document: bytes, key: str, next_key: str = "next_cursor") -> Cursors:
    """The cursors of an envelope, whose array was taken out and replaced by null; `next_key` has that of the next page.

    Raises:
        Truncated: the document ends early.
        Malformed: it is no JSON, or not an object with exactly one array, or null, under the key.
    """
    try:
        given = members(document)
        if given is None or given.get(key) != b"null":
            raise ValueError(f'the body has no array "{key}"')
        if document.count(key.encode()) > 1 or b"\\u" in document:
            _check_once(document, key)
        return Cursors(*(_decode_cursor(given.get(name, b"null")) for name in (next_key, "prev_cursor")))
    except DECODE_ERRORS as error:
        problem = str(error)
    if json_text.is_cut_short(document):
        raise Truncated("the body ends before its JSON does")
    raise Malformed(problem)


_decode_cursor: Final = msgspec.json.Decoder(str | None).decode


def _check_once(document: bytes, key: str) -> None:
    """Raises ValueError if the key is given twice: which of two arrays counts is undefined."""
    keys = [token for token in json_text.tokens(document) if token.is_key and token.depth == 1]
    if sum(_is_key(document[token.start : token.end], key) for token in keys) > 1:
        raise ValueError(f'the body has two arrays "{key}"')
