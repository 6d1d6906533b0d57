"""Parquet: one schema in every file, row groups of a bounded size."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from itertools import repeat
from typing import BinaryIO, Final

from devrev_async.arrow.conversion import INVALID, WorksConverter  # before pyarrow: it says which extra is missing

import pyarrow as pa  # isort: skip
from pyarrow import parquet  # isort: skip

__all__ = ["GROUP_BYTES", "GROUP_ROWS", "ParquetWriter"]

GROUP_ROWS: Final = 16_384
"""Rows of a row group, at most."""

GROUP_BYTES: Final = 32 << 20
"""Bytes that a row group has in memory, at most, unless one batch is larger: some 7000 works of 5 kB each. In the file,
before compression, it has less."""


class ParquetWriter:
    """Writes works as Parquet, compressed by zstd, with the schema of `works_schema`.

    pyarrow's writer ends a file with a valid footer however it is left, so its file must have no name that a reader
    would look for until `close` has returned.

    Args:
        file: what is written to.
        columns, depth: as for `works_schema`.
    """

    def __init__(self, file: BinaryIO, columns: Sequence[str] | None, depth: int | None) -> None:
        self._converter = WorksConverter(columns, depth)
        self._writer = parquet.ParquetWriter(file, self._converter.schema, compression="zstd", compression_level=3)
        self._group: list[pa.RecordBatch] = []
        self._rows = 0
        self._bytes = 0
        self.invalid = 0

    def write(self, lines: Sequence[bytes]) -> None:
        """Adds works, each the JSON of one."""
        works = self._converter.decode(lines)
        self.invalid += sum(map(hasattr, works, repeat(INVALID)))
        self.add(self._converter.convert(works))

    def add(self, batch: pa.RecordBatch) -> None:
        """Adds rows of the file's schema."""
        while batch.num_rows:
            if self._bytes and self._bytes + batch.nbytes > GROUP_BYTES:
                self._end_group()
            piece = batch.slice(0, GROUP_ROWS - self._rows)
            batch = batch.slice(piece.num_rows)
            self._group.append(piece)
            self._rows += piece.num_rows
            self._bytes += piece.nbytes
            if self._rows == GROUP_ROWS:
                self._end_group()

    def _end_group(self) -> None:
        table = pa.Table.from_batches(self._group, self._converter.schema)
        self._group, self._rows, self._bytes = [], 0, 0
        self._writer.write_table(table, row_group_size=GROUP_ROWS)

    def close(self) -> None:
        """Writes what is left and the footer."""
        if self._group:
            self._end_group()
        self._writer.close()

    def abandon(self) -> None:
        """Frees what pyarrow holds, after a failure."""
        self._group = []
        with contextlib.suppress(Exception):
            self._writer.close()
