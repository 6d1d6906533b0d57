"""JSON Lines, plain and compressed: the server's bytes, one work a line."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Sequence
from typing import BinaryIO, Final

__all__ = ["JsonlWriter", "as_gzip", "as_lines", "in_pieces"]

_SPACES: Final = bytes.maketrans(b"\r\n", b"  ")

PIECE: Final = 100
"""Works whose lines are joined at once: half a megabyte, which is copied in a fraction of a millisecond."""


def as_lines(works: Sequence[bytes]) -> bytes:
    """JSON Lines: one work a line, its bytes unchanged.

    Only a server that indents its JSON has line breaks in a work. They stand between tokens then (inside of strings
    they are escaped), so a space says the same.
    """
    if not works:
        return b""
    joined = b"\n".join(works)
    if joined.count(b"\n") >= len(works) or b"\r" in joined:
        joined = b"\n".join(work.translate(_SPACES) for work in works)
    return joined + b"\n"


def in_pieces(works: Sequence[bytes]) -> Iterator[bytes]:
    """The same lines in pieces of bounded size."""
    return (as_lines(works[at : at + PIECE]) for at in range(0, len(works), PIECE))


def as_gzip(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The pieces as one gzip member, also in pieces.

    Members in a row are one gzip file, which can be cut off after any of them and continued there. Python, gzip,
    DuckDB, Polars, pandas and PyArrow read all of them.
    """
    member = zlib.compressobj(6, wbits=31)
    for piece in pieces:
        yield member.compress(piece)
    yield member.flush()


class JsonlWriter:
    """Writes the lines of JSON Lines, as gzip members if `compressed`."""

    def __init__(self, file: BinaryIO, *, compressed: bool) -> None:
        self._file = file
        self._compressed = compressed
        self.invalid = 0

    def write(self, lines: Sequence[bytes]) -> None:
        """Adds works, each the JSON of one."""
        pieces = in_pieces(lines)
        self._file.writelines(as_gzip(pieces) if self._compressed else pieces)

    def close(self) -> None:
        """Makes a valid file of no works."""
        if self._compressed and not self._file.tell():
            self._file.writelines(as_gzip([]))  # no bytes at all are no gzip file

    def abandon(self) -> None:
        """Does nothing."""
