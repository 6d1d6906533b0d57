"""JSON Lines, plain and compressed: the server's bytes, one work a line."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from typing import BinaryIO, Final

__all__ = ["JsonlWriter", "as_gzip", "as_lines"]

_SPACES: Final = bytes.maketrans(b"\r\n", b"  ")


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


def as_gzip(data: bytes) -> bytes:
    """The data as one gzip member.

    Members in a row are one gzip file, which can be cut off after any of them and continued there. Python, gzip,
    DuckDB, Polars, pandas and PyArrow read all of them.
    """
    return gzip.compress(data, 6, mtime=0)


class JsonlWriter:
    """Writes the lines of JSON Lines, as gzip members if `compressed`."""

    def __init__(self, file: BinaryIO, *, compressed: bool) -> None:
        self._file = file
        self._compressed = compressed
        self.invalid = 0

    def write(self, lines: Sequence[bytes]) -> None:
        """Adds works, each the JSON of one."""
        data = as_lines(lines)
        self._file.write(as_gzip(data) if self._compressed else data)

    def close(self) -> None:
        """Makes a valid file of no works."""
        if self._compressed and not self._file.tell():
            self._file.write(as_gzip(b""))  # no bytes at all are no gzip file

    def abandon(self) -> None:
        """Does nothing."""
