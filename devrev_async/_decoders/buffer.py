"""A buffer that is fed at its end and used up at its front. Pure."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["ByteBuffer"]

_ROOM: Final = 64 << 10
"""Bytes of room beyond what is needed, at least, that a buffer gets when it grows."""


class ByteBuffer:
    """The bytes `buffer[at:end]`, and room behind them.

    Bytes move as seldom as possible: what is used up is only stepped over, and its place is used again once the room
    behind the end has become too small. There is always room for one byte behind the end.

    Attributes:
        buffer: also what was used up, and bytes without meaning behind the end; replaced when it must grow.
        at: where what is left begins; whoever uses bytes up moves it.
        end: where what is left ends.
    """

    __slots__ = ("at", "buffer", "end")

    def __init__(self) -> None:
        self.clear()

    def __len__(self) -> int:
        return self.end - self.at

    def clear(self) -> None:
        """Let go of all bytes, and of the memory."""
        self.buffer = bytearray(1)
        self.at = self.end = 0

    def append(self, data: bytes | bytearray | memoryview) -> None:
        """More bytes at the end."""
        end = self.end + len(data)
        if end >= len(self.buffer):
            self._make_room(len(data))
            end = self.end + len(data)
        # through a view: a bytearray would first make a bytearray of what is assigned to its slice
        memoryview(self.buffer)[self.end : end] = data
        self.end = end

    def _make_room(self, size: int) -> None:
        """Move what is left to the front: of this buffer if that gives half as much room, or else of a larger one."""
        left = len(self)
        needed = left + size + 1
        view = memoryview(self.buffer)
        if needed + left // 2 > len(self.buffer):
            self.buffer = bytearray(needed + max(left // 2, size, _ROOM))
        memoryview(self.buffer)[:left] = view[self.at : self.end]
        self.at, self.end = 0, left

    def copy(self, start: int, end: int | None = None) -> bytes:
        """A copy of `buffer[start:end]`, up to the end of what is left if no other is given."""
        return bytes(memoryview(self.buffer)[start : self.end if end is None else end])

    def match(self, pattern: re.Pattern[bytes], at: int) -> re.Match[bytes] | None:
        """What a pattern finds at a place; the match is good until the next `append`."""
        return pattern.match(self.buffer, at, self.end)

    def past(self, pattern: re.Pattern[bytes], at: int) -> int:
        """Where what a pattern finds at a place ends, or that place."""
        match = pattern.match(self.buffer, at, self.end)
        return at if match is None else match.end()
