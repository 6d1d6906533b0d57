"""The file of a run that was cut off before its state moved: how it is known, and how its repeat keeps all it has.

Blocks; made for a thread.
"""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

from devrev_async._decoders.fallback import decode_one
from devrev_async.errors import SyncStateError
from devrev_async.sinks._conversion import Writer, read_batches
from devrev_async.sinks._files import sync_folder
from devrev_async.sinks._names import FileFormat

from .compare import ids_of_file, long_cells
from .pending import Pending

__all__ = ["CutRun", "content_of", "find_cut_run"]

_CHUNK: Final = 1 << 20


def content_of(path: Path) -> str:
    """What tells a file's content from any other: its size, and its CRC-32.

    Should another file have both by chance, its repeat would still have all of its works.
    """
    size = check = 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            size += len(chunk)
            check = zlib.crc32(chunk, check)
    return f"{size}:{check:08x}"


def find_cut_run(pending: Pending, path: Path) -> CutRun | None:
    """The file that a run announced, where it stands under its name; None where there is none, or another one."""
    if not path.is_file():
        return None
    try:
        content = content_of(path)
        if content in pending.contents:
            sync_folder(path.parent)  # its name may not be on the disk yet, and the state moves if nothing is new
            return CutRun(path, pending.run, pending.format, content)
    except (OSError, SyncStateError):  # what cannot be read is left alone, as are the files of others
        pass
    return None


class CutRun:
    """The works of a run that was cut off once its file stood, and which of them its repeat has not written.

    A work may be gone since, or not match any more, or a smaller overlap does not look back so far. Whoever has read
    the file has it, and whoever has not may find it nowhere else: the repeat takes its record over.

    Args:
        path: the file.
        run: its number.
        format: of the file.
        content: as `content_of` has it.
    """

    def __init__(self, path: Path, run: int, format: FileFormat, content: str) -> None:
        self.path = path
        self.run = run
        self.format: FileFormat = format
        self.content = content
        self._left = ids_of_file(path, format) - {""}

    @property
    def left(self) -> int:
        """How many of its works the repeat has not written."""
        return len(self._left)

    def fits(self, format: FileFormat) -> bool:
        """Whether a file of that format takes its records as they are."""
        if format != self.format:
            return False
        if format == "parquet":
            return bool(_schema_of(self.path).equals(_schema()))
        return format != "csv" or _header_of(self.path) == _schema().names

    def passed(self, works: Sequence[bytes]) -> None:
        """The repeat has written these."""
        if self._left:
            self._left -= {work.id for text in works if (work := decode_one(text)[0]).id}

    def copy(self, writer: Writer, file: BinaryIO) -> None:
        """Writes what is left into the repeat's file, which `writer` writes."""
        if not self._left:
            return
        if self.format == "parquet":
            self._copy_parquet(writer)
        elif self.format == "csv":
            file.writelines(text.encode() for text in self._texts_of_csv())
        else:
            for lines in self._lines():
                writer.write(lines)

    def _lines(self) -> Generator[list[bytes]]:
        with gzip.open(self.path) if self.format == "jsonl.gz" else self.path.open("rb") as file:
            for lines in read_batches(cast("BinaryIO", file)):
                yield [line for line in lines if decode_one(line)[0].id in self._left]

    def _texts_of_csv(self) -> Generator[str]:
        """Rows as they stand, since cells that were read do not say whether an empty one was a null."""
        with long_cells, self.path.open(encoding="utf-8", newline="") as file:
            lines: list[str] = []

            def noted() -> Generator[str]:
                for line in file:
                    lines.append(line)
                    yield line

            reader = csv.reader(noted())
            id_at = next(reader).index("id")
            lines.clear()
            for cells in reader:
                if cells[id_at] in self._left:
                    yield "".join(lines)
                lines.clear()

    def _copy_parquet(self, writer: Writer) -> None:
        import pyarrow as pa  # noqa: PLC0415 - pyarrow is an extra
        import pyarrow.parquet as pq  # noqa: PLC0415 - likewise

        from devrev_async.sinks.parquet import ParquetWriter  # noqa: PLC0415 - likewise

        assert isinstance(writer, ParquetWriter)
        reader: Any = pq
        with reader.ParquetFile(self.path) as file:
            for batch in file.iter_batches(1024):
                wanted = [id in self._left for id in batch.column("id").to_pylist()]
                writer.add(batch.filter(pa.array(wanted, pa.bool_())))


def _header_of(path: Path) -> list[str]:
    with path.open(encoding="utf-8", newline="") as file:
        return next(csv.reader(file))


def _schema_of(path: Path) -> Any:
    import pyarrow.parquet as pq  # noqa: PLC0415 - pyarrow is an extra

    reader: Any = pq
    return reader.read_schema(path)


def _schema() -> Any:
    from devrev_async.arrow.schema import works_schema  # noqa: PLC0415 - pyarrow is an extra

    return works_schema()
