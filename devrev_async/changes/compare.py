"""What run files hold that a complete export no longer does, or shows otherwise."""

from __future__ import annotations

import csv
import gzip
import io
import json
import threading
import zlib
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from devrev_async._decoders.fallback import decode_one
from devrev_async._decoders.unknown_keys import unknown_keys
from devrev_async._json.stack import with_whole_stack
from devrev_async._json.text import parse
from devrev_async.errors import SyncStateError
from devrev_async.models import UnknownWork, Work
from devrev_async.models.base import is_array, is_object
from devrev_async.sinks._conversion import read_batches
from devrev_async.sinks._names import FileFormat

__all__ = ["Comparison", "ids_of_file", "long_cells", "rows_of_file", "rows_of_works"]

_LONGEST_CELL: Final = 2**31 - 1
"""Characters of a CSV cell that are read; Python's own bound is 131,072, and custom fields can be longer."""


_DAMAGES: Final = (ValueError, EOFError, LookupError, csv.Error, gzip.BadGzipFile, zlib.error)
"""What readers say of a file that was cut or altered; pyarrow's errors are ValueErrors."""

_UNREAD: Final = (ValueError, RecursionError)
"""What msgspec says of what it does not read: no JSON, numbers beyond float, half a surrogate pair, deep nesting."""

_sorted: Final = msgspec.json.Encoder(order="sorted").encode


class Row(NamedTuple):
    """A work as far as it is compared.

    Attributes:
        id: of the work.
        modified: its `modified_date` in the form of the format.
        content: a digest of all that the format says of it; the order of an object's keys says nothing.
    """

    id: str
    modified: str
    content: bytes


def rows_of_file(path: Path, format: FileFormat) -> Iterator[Row]:
    """The works of a run file, in its order; those without an id are left out.

    Raises:
        SyncStateError: it is not whole.
        OSError: it cannot be read.
    """
    with _whole(path, format):
        yield from _rows_of_file(path, format)


def ids_of_file(path: Path, format: FileFormat) -> set[str]:
    """The ids of a run file's works; "" is among them if one has none. Nothing else of it is looked at.

    Raises:
        SyncStateError: it is not whole.
        OSError: it cannot be read.
    """
    with _whole(path, format):
        return {id or "" for id in _ids_of_file(path, format)}


@contextmanager
def _whole(path: Path, format: FileFormat) -> Generator[None]:
    try:
        if path.is_fifo():
            raise ValueError("it is a pipe, and reading it would wait for a writer")
        yield
    except _DAMAGES as error:
        raise SyncStateError(
            f"{path}: is no whole {format} file: {error}",
            path=str(path),
            hint="restore it from a backup, or start anew with full_refresh=True (--full-refresh)",
        ) from None


def _rows_of_file(path: Path, format: FileFormat) -> Iterator[Row]:
    if format == "parquet":
        for batch in _batches_of_parquet(path):
            yield from _rows_of_dicts(batch.to_pylist())
    elif format == "csv":
        _check_last_line(path)
        with path.open(encoding="utf-8", newline="") as file:
            yield from _rows_of_csv(file)
    else:
        with gzip.open(path) if format == "jsonl.gz" else path.open("rb") as file:
            for lines in read_batches(file):  # type: ignore[arg-type] # gzip's file is none of typing's BinaryIO
                yield from _rows_of_lines(lines)


def _ids_of_file(path: Path, format: FileFormat) -> Iterator[str | None]:
    if format == "parquet":
        for batch in _batches_of_parquet(path, ["id"]):
            yield from batch.column("id").to_pylist()
    elif format == "csv":
        _check_last_line(path)
        with path.open(encoding="utf-8", newline="") as file:
            yield from (id for id, _, _ in _cells_of_csv(file))
    else:
        with gzip.open(path) if format == "jsonl.gz" else path.open("rb") as file:
            for lines in read_batches(file):  # type: ignore[arg-type] # as above
                yield from (decode_one(line)[0].id for line in lines)


def rows_of_works(works: Sequence[bytes], format: FileFormat) -> Iterator[Row]:
    """Works as they came, as a run file of that format would show them."""
    if format == "parquet":
        from devrev_async.arrow.conversion import WorksConverter  # noqa: PLC0415 - pyarrow is an extra

        batch = WorksConverter(None, 1).convert_json(works)
        yield from _rows_of_dicts(batch.to_pylist())
    elif format == "csv":
        from devrev_async.sinks.csv import CsvWriter  # noqa: PLC0415 - likewise

        buffer = io.BytesIO()
        writer = CsvWriter(buffer, columns=None, safe=False)
        writer.write(works)
        writer.close()
        yield from _rows_of_csv(io.StringIO(buffer.getvalue().decode(), newline=""))
    else:
        yield from _rows_of_lines(works)


class Comparison:
    """Compares run files with the works of a complete export.

    Args:
        files: number, format and path of each, by number.
    """

    def __init__(self, files: Iterable[tuple[int, FileFormat, Path]]) -> None:
        self._formats: dict[str, FileFormat] = {}
        self._written: dict[str, tuple[str, bytes]] = {}
        for _, format, path in files:
            for row in rows_of_file(path, format):
                self._written[row.id] = row.modified, row.content
                self._formats[row.id] = format
        self._present: set[str] = set()
        self._differing: list[str] = []

    def see(self, works: Sequence[bytes]) -> None:
        """Works of the export."""
        for format in sorted(set(self._formats.values())):
            for row in rows_of_works(works, format):
                self._present.add(row.id)
                modified, content = self._written.get(row.id, (None, b""))
                if self._formats.get(row.id) == format and modified == row.modified and content != row.content:
                    self._differing.append(row.id)

    def missing(self) -> list[str]:
        """Ids that a run wrote and the export does not have, sorted; to be asked once the export is complete."""
        return sorted(self._written.keys() - self._present)

    def differing(self) -> list[str]:
        """Ids of works whose content differs although their `modified_date` is the same, sorted."""
        return sorted(self._differing)


class _LongCells:
    """Has cells of any length be read while any thread is in it: Python's bound is one for all of them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._before = 0

    def __enter__(self) -> None:
        with self._lock:
            if not self._inside:
                self._before = csv.field_size_limit(_LONGEST_CELL)
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                csv.field_size_limit(self._before)


long_cells: Final = _LongCells()


def _check_last_line(path: Path) -> None:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 2))
        if file.read() != b"\r\n":
            raise ValueError("its last line has no end")


def _rows_of_lines(lines: Iterable[bytes]) -> Iterator[Row]:
    for line in lines:
        work = decode_one(line)[0]
        if work.id:
            content = _content_of(work) + unknown_keys(line, work.to_json())
            yield Row(work.id, str(work.modified_date), _digest(content))


def _rows_of_csv(file: Iterable[str]) -> Iterator[Row]:
    for id, modified, cells in _cells_of_csv(file):
        if id:
            yield Row(id, modified, _digest(json.dumps(list(map(_in_order, cells))).encode()))


def _cells_of_csv(file: Iterable[str]) -> Iterator[tuple[str, str, list[str]]]:
    """The id, the time and all cells of each row."""
    with long_cells:
        reader = csv.reader(file, strict=True)
        empty: list[str] = []
        names = next(reader, empty)
        id_at, modified_at = names.index("id"), names.index("modified_date")
        for cells in reader:
            yield cells[id_at], cells[modified_at], cells


def _batches_of_parquet(path: Path, columns: list[str] | None = None) -> Iterator[Any]:
    import pyarrow.parquet as pq  # noqa: PLC0415 - pyarrow is an extra

    reader: Any = pq
    with reader.ParquetFile(path) as file:
        yield from file.iter_batches(1024, columns=columns)


def _rows_of_dicts(rows: Iterable[dict[str, Any]]) -> Iterator[Row]:
    for row in rows:
        if row["id"]:
            content = json.dumps(_in_order(row), default=str, sort_keys=True).encode()
            yield Row(row["id"], str(row["modified_date"]), _digest(content))


def _content_of(work: Work) -> bytes:
    """What a work says, as JSON whose keys are in order."""
    if isinstance(work, UnknownWork) or work.invalid is not None:
        return _sorted_text(work.to_json())
    return with_whole_stack(_sorted, work)


def _in_order(value: Any) -> Any:
    """A value of a row in which every text that is a JSON array or object has its keys in order."""
    if value is None:
        return None
    if isinstance(value, str):
        return _sorted_text(value.encode()).decode() if value.startswith(("{", "[")) else value
    if is_object(value):
        return {name: _in_order(item) for name, item in value.items()}
    return list(map(_in_order, value)) if is_array(value) else value


def _sorted_text(text: bytes) -> bytes:
    """JSON with the keys of its objects in order; a text that is none, or is nested too deeply, as it is."""
    try:
        return _sorted(msgspec.json.decode(text))
    except _UNREAD:
        pass
    try:
        return json.dumps(parse(text), sort_keys=True).encode()
    except (ValueError, RecursionError):
        return text


def _digest(content: bytes) -> bytes:
    return blake2b(content, digest_size=16).digest()
