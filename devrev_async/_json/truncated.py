"""Reads what a JSON object says before the place where it is cut or broken. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from typing import Any, Final

from .text import ATOMIC, Incomplete, parse, tokens

__all__ = ["leading_members"]

_NUMBER: Final = b"-0123456789"
_ENDS: Final = (b",", b"}", b" ", b"\t", b"\n", b"\r")
"""What follows a number that is whole."""

_CUT_ESCAPE: Final = re.compile(
    rb"(?<!\\)((?:\\\\)*" + ATOMIC + rb")(?:\\u[dD][89abAB][0-9a-fA-F]{2})?(?:\\(?:u[0-9a-fA-F]{0,3})?)?\Z"
)
"""Half a surrogate pair and the beginning of an escape at the end of a string, after whole escapes of backslashes."""


def leading_members(text: bytes, prose: Collection[str] = ()) -> dict[str, Any]:
    """Returns the members of an object, which must be UTF-8, as far as they are whole; empty for any other value.

    Args:
        text: the object.
        prose: keys of strings whose beginning is their value where the end of the text cuts them.
    """
    found: dict[str, Any] = {}
    key, start = "", -1
    try:
        for token in tokens(text, each=False):
            if token.is_key and token.depth == 1:
                key = json.loads(text[token.start : token.end])
            elif token.kind == 0x3A and token.depth == 1:
                start = token.end
            elif token.depth == 1 and start >= 0:
                if token.kind in _NUMBER and text[token.end : token.end + 1] not in _ENDS:
                    break  # more of the number may have followed
                found[key] = parse(text[start : token.end])
                start = -1
    except Incomplete:
        beginning = text[start:].lstrip(b" \t\n\r") if start >= 0 else b""
        if key in prose and beginning.startswith(b'"'):
            found[key] = json.loads(_CUT_ESCAPE.sub(rb"\1", beginning) + b'"')
    except ValueError:
        pass
    return found
