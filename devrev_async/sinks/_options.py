"""What the files of an export are to be like."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO, Final

import msgspec

from devrev_async.arrow.fields import column_names
from devrev_async.arrow.requirement import require_pyarrow
from devrev_async.errors import InvalidArgumentError
from devrev_async.options import check_flag

from ._conversion import Writer
from ._names import FileFormat, check_path, format_of
from .jsonl import JsonlWriter

__all__ = ["FileOptions"]

_CONVERTED: Final = ("csv", "parquet")
"""Formats whose files are made of works, and not of their JSON."""


@dataclass(frozen=True, kw_only=True)
class FileOptions:
    """What the files of an export are to be like; checked when it is built.

    Attributes:
        path: of the file, as the user wrote it.
        format: of the file; None takes it from the path.
        columns, depth: as for `devrev_async.arrow.works_schema`; CSV and Parquet only.
        rows_per_file: works in each of many numbered files; None makes one file.
        csv_safe: whether cells that begin like a formula get a ``'`` before them; CSV only.

    Raises:
        InvalidArgumentError: a value is out of its bounds, or has no meaning for the format.
        TypeError: a value is of another type.
        ModuleNotFoundError: the format needs pyarrow; it names the extra.
    """

    path: str
    format: FileFormat
    columns: tuple[str, ...] | None
    depth: int | None
    rows_per_file: int | None
    csv_safe: bool

    @classmethod
    def of(
        cls,
        path: str | os.PathLike[str],
        format: str | None,
        columns: Sequence[str] | None,
        depth: int | None,
        rows_per_file: int | None,
        csv_safe: bool,
    ) -> FileOptions:
        shown = check_path("path", path)
        kind = format_of(shown, format)
        if rows_per_file is not None:
            if isinstance(rows_per_file, bool) or not isinstance(rows_per_file, int):
                raise TypeError(f"rows_per_file takes an int, not {type(rows_per_file).__name__}")
            if rows_per_file < 1:
                raise InvalidArgumentError(f"rows_per_file takes at least 1, not {rows_per_file}")
        check_flag("csv_safe", csv_safe)
        if csv_safe and kind != "csv":
            raise InvalidArgumentError(f"csv_safe is for csv, not for {kind}")
        if kind in _CONVERTED:
            require_pyarrow()
        elif columns is not None:
            raise InvalidArgumentError(f"columns is for csv and parquet; {kind} has the works as the server sent them")
        column_names(columns, depth)
        return cls(
            path=shown,
            format=kind,
            columns=None if columns is None else tuple(columns),
            depth=depth,
            rows_per_file=rows_per_file,
            csv_safe=csv_safe,
        )

    @property
    def compressed(self) -> bool:
        """Whether the part is compressed, as the file will be."""
        return self.format == "jsonl.gz"

    @property
    def converted(self) -> bool:
        """Whether the files are made of works, and not of their JSON."""
        return self.format in _CONVERTED

    @property
    def is_part(self) -> bool:
        """Whether the part, once it is complete, is the file."""
        return self.format.startswith("jsonl") and self.rows_per_file is None

    @property
    def shape(self) -> str:
        """What distinguishes files of the same works and format."""
        return msgspec.json.encode([self.columns, self.depth, self.rows_per_file, self.csv_safe]).decode()

    def open_writer(self, file: BinaryIO) -> Writer:
        """Begins a file of the format; to be called in a thread, since it may import pyarrow, which takes 0.2 s."""
        if self.format == "csv":
            from .csv import CsvWriter  # noqa: PLC0415 - pyarrow is an extra

            return CsvWriter(file, columns=self.columns, safe=self.csv_safe)
        if self.format == "parquet":
            from .parquet import ParquetWriter  # noqa: PLC0415 - likewise

            return ParquetWriter(file, columns=self.columns, depth=self.depth)
        return JsonlWriter(file, compressed=self.compressed)
