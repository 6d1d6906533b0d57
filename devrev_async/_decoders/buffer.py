"""A FIFO byte buffer: bytes are appended at its end and consumed from its front. Pure."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["ByteBuffer"]

_SPARE: Final = 64 << 10
"""The least number of bytes beyond what is needed that a buffer gets when it grows."""


class ByteBuffer:
    """The bytes `buffer[at:end]`, and spare capacity behind them.

    Bytes move as seldom as possible: consumed bytes are only stepped over, and their place is used again once the
    capacity behind the end is too small. There is always capacity for one byte behind the end.

    Attributes:
        buffer: the storage, with consumed bytes before `at` and bytes without meaning from `end` on; it is replaced
            when it must grow.
        at: where the unconsumed bytes begin; whoever consumes bytes moves it.
        end: where they end.
    """

    __slots__ = ("at", "buffer", "end")

    def __init__(self) -> None:
        self.clear()

    def __len__(self) -> int:
        return self.end - self.at

    def clear(self) -> None:
        """Drops all bytes and frees the memory."""
        self.buffer = bytearray(1)
        self.at = self.end = 0

    def append(self, data: bytes | bytearray | memoryview) -> None:
        """Adds bytes at the end."""
        end = self.end + len(data)
        if end >= len(self.buffer):
            self._reserve(len(data))
            end = self.end + len(data)
        # through a view: a bytearray would first make a bytearray of what is assigned to its slice
        memoryview(self.buffer)[self.end : end] = data
        self.end = end

    def _reserve(self, size: int) -> None:
        """Moves the bytes to the front, of this storage if that frees half as many bytes, or else of a larger one."""
        length = len(self)
        needed = length + size + 1
        view = memoryview(self.buffer)
        if needed + length // 2 > len(self.buffer):
            self.buffer = bytearray(needed + max(length // 2, size, _SPARE))
        memoryview(self.buffer)[:length] = view[self.at : self.end]
        self.at, self.end = 0, length

    def copy(self, start: int, end: int | None = None) -> bytes:
        """Returns a copy of `buffer[start:end]`; by default up to the last unconsumed byte."""
        return bytes(memoryview(self.buffer)[start : self.end if end is None else end])

    def match(self, pattern: re.Pattern[bytes], at: int) -> re.Match[bytes] | None:
        """Matches a pattern at a position; the match is good until the next `append`."""
        return pattern.match(self.buffer, at, self.end)

    def past(self, pattern: re.Pattern[bytes], at: int) -> int:
        """Where the match of a pattern at a position ends, or that position."""
        match = pattern.match(self.buffer, at, self.end)
        return at if match is None else match.end()
