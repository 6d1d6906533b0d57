"""Guesses where items of an array part, from how the first ones look. Pure."""

from __future__ import annotations

import re
from typing import Final

from .buffer import ByteBuffer

__all__ = ["CutGuesser", "Span"]

_ELEMENT_START: Final = re.compile(rb'\{[ \t\n\r]*("[^"\\]*")[ \t\n\r]*:[ \t\n\r]*(?:("[^"\\]*")[ \t\n\r]*,)?')
_TRIES: Final = 3
"""Failed guesses in a row after which the rest of a body is cut at exact ends."""

_SIGNATURES: Final = 16
"""Ways for an item to start that are kept; works have one for each type."""

_LOOKALIKES: Final = 64
"""Nested objects that start like an item and are passed over in one search."""

Span = tuple[int, int]
"""Where an item starts, and the position of the comma or bracket that follows it."""


class CutGuesser:
    """Finds commas between items by the bytes around them; the decode of the batch proves a guess right or wrong."""

    __slots__ = ("_separator", "_signatures", "_tries")

    def __init__(self) -> None:
        self._separator: bytes | None = None  # from the brace that ends an item to the first key of the next
        self._signatures: set[bytes] = set()
        self._tries = _TRIES

    @property
    def ready(self) -> bool:
        """Whether a guess is worth its cost."""
        return self._separator is not None and self._tries > 0

    def note(self, *, right: bool) -> None:
        """Records whether a guess was right."""
        self._tries = _TRIES if right else self._tries - 1

    def learn(self, buffer: ByteBuffer, spans: list[Span]) -> None:
        """Remembers how items start, and what separates two of them."""
        for start, _ in spans:
            match = buffer.match(_ELEMENT_START, start)
            if match is not None and len(self._signatures) < _SIGNATURES:
                self._signatures.add(_element_signature(match))
        if self._separator is None and len(spans) > 1:
            (_, end), (start, _) = spans[-2:]
            match = buffer.match(_ELEMENT_START, start)
            brace = buffer.buffer.rfind(b"}", buffer.at, end)
            if match is not None and brace >= 0:
                self._separator = buffer.copy(brace, match.end(1))

    def cut(self, buffer: ByteBuffer, size: int, most: int) -> int | None:
        """The comma behind the last item that seems to end within `size` bytes, of about `most` items; or None."""
        comma = self._comma_before(buffer, buffer.at + size)
        before = None if comma is None else self._comma_before(buffer, comma)
        if comma is None or before is None:
            return comma
        last = comma - before
        if comma - buffer.at > 4 * most * last:  # items have become tiny: so many must not make one batch
            return self._comma_before(buffer, buffer.at + most * last) or comma
        return comma

    def _comma_before(self, buffer: ByteBuffer, end: int) -> int | None:
        separator = self._separator or b""
        for _ in range(_LOOKALIKES):
            at = buffer.buffer.rfind(separator, buffer.at, end)
            if at < 0:
                return None
            start = buffer.match(_ELEMENT_START, buffer.buffer.index(b"{", at))
            if start is not None and _element_signature(start) in self._signatures:
                return buffer.buffer.index(b",", at)
            end = at + len(separator) - 1
        return None


def _element_signature(start: re.Match[bytes]) -> bytes:
    """The first key of an item, with its value where the key is ``"type"``: nested objects mostly differ in it."""
    key, value = start[1], start[2]
    return key + (value or b"") if key == b'"type"' else key
