"""Removes a token from what is shown, however the server has spelled it. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

__all__ = ["redact"]

_HIDDEN: Final = b"[token]"

_SHORTEST_PART: Final = 4
"""The shortest start of a token that is removed from the end of a body, which may be truncated; in characters."""

_SHORTEST_HIDDEN: Final = 8
"""The shortest token that is removed; a shorter one may be part of plain words."""

_ESCAPE: Final = re.compile(rb"\\u00([2-7][0-9a-fA-F])|%([2-7][0-9a-fA-F])|\\([\"/\\])")
"""A visible character of ASCII as JSON or a URL may have it."""

_BACKSLASHED: Final = b'"/\\'

_CUT_ESCAPE: Final = re.compile(rb"(?:\\(?:u[0-9a-fA-F]{0,3})?|%[0-9a-fA-F]?)\Z")
"""What is left of an escape at the end of a truncated body."""


def redact(data: bytes, tokens: Sequence[bytes], *, truncated: bool = False) -> bytes:
    r"""Returns the data with each token replaced by ``[token]``, however JSON or a URL escapes the characters of it.

    JSON may have any character as ``\uXXXX``, and ``/`` as ``\/``; a URL, any as ``%XX``. If the data may be truncated,
    the start of a token at their end is replaced as well.
    """
    escaped = b"\\" in data or b"%" in data
    plain = _unescaped(data) if escaped else data
    cut = _unescaped(_CUT_ESCAPE.sub(b"", data)) if escaped and truncated else data
    for token in tokens:
        if len(token) < _SHORTEST_HIDDEN:
            continue
        if not escaped:
            data = data.replace(token, _HIDDEN)
        elif token in data or token in plain or _unescaped(token) in plain:  # which may look like an escape itself
            data = re.sub(_spellings(token), _HIDDEN, data)
        if truncated and (part := _start_at_end(token, data) or _start_at_end(token, cut)):
            data = re.sub(_spellings(part) + b"(?:" + _CUT_ESCAPE.pattern + rb"|\Z)", _HIDDEN, data)
    return data


def _unescaped(data: bytes) -> bytes:
    return _ESCAPE.sub(lambda escape: escape[3] or bytes.fromhex((escape[1] or escape[2]).decode()), data)


def _start_at_end(token: bytes, data: bytes) -> bytes:
    """The longest start of the token, but for the whole of it, with which the data end."""
    for length in range(len(token) - 1, _SHORTEST_PART - 1, -1):
        if data.endswith(token[:length]):
            return token[:length]
    return b""


def _spellings(text: bytes) -> bytes:
    """A pattern of the text, each of its characters escaped or as it is."""
    return b"".join(
        rb"(?:(?:\\u00|%%)(?i:%02x)|%b%b)" % (code, rb"\\?" if code in _BACKSLASHED else b"", re.escape(bytes((code,))))
        for code in text
    )
