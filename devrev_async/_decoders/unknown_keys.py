"""What a work's JSON has and its type does not keep. Pure."""

from __future__ import annotations

import json
from typing import Any, Final

import msgspec

from devrev_async._json import text as json_text
from devrev_async.models.base import is_array, is_object

__all__ = ["unknown_keys"]

_decode: Final = msgspec.json.Decoder().decode
_sorted: Final = msgspec.json.Encoder(order="sorted").encode


def unknown_keys(text: bytes, known: bytes) -> bytes:
    """Returns what a JSON text has beyond another, as JSON with its keys in order; b"" if that is nothing but nulls.

    Args:
        text: of a work, as the server sent it.
        known: of the same work, as its type keeps it.
    """
    if text == known:
        return b""
    try:
        beyond = _beyond(_decode(text), _decode(known))
        return b"" if beyond is None else _sorted(beyond)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        pass
    try:  # half a surrogate pair, or a number beyond Python's
        beyond = _beyond(json_text.parse(text), json_text.parse(known))
        return b"" if beyond is None else json.dumps(beyond, sort_keys=True).encode()
    except RecursionError:  # too deep to be looked into: all of it
        return text


def _beyond(value: Any, known: Any) -> Any:
    if is_object(value) and is_object(known):
        found = {
            key: item if key not in known else _beyond(item, known[key])
            for key, item in value.items()
            if item is not None
        }
        return {key: item for key, item in found.items() if item is not None} or None
    if is_array(value) and is_array(known):
        items = [_beyond(item, other) for item, other in zip(value, known, strict=False)]
        return items if any(item is not None for item in items) else None
    return None
