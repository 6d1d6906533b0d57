"""From a part's JSON Lines to files in their format. Blocks; made for a thread."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, Protocol, cast

from ._files import sync

if TYPE_CHECKING:
    from ._atomic import PartFile

__all__ = ["Abandoned", "OpenWriter", "Writer", "read_batches", "write_outputs"]

BATCH_ROWS: Final = 500
"""Works that are converted at once: more take more memory, fewer more time for each."""

BATCH_BYTES: Final = 8 << 20
"""Bytes of JSON that are converted at once, unless one work has more."""


class Abandoned(Exception):  # noqa: N818 - no failure: it is how a thread learns that nobody waits for it any more
    """The conversion was stopped by its caller."""


class Writer(Protocol):
    """Writes works in one format into one open file.

    Attributes:
        invalid: works written that have a field which does not fit its type; 0 where fields are not looked at.
    """

    invalid: int

    def write(self, lines: Sequence[bytes]) -> None:
        """Adds works, each the JSON of one."""
        ...

    def close(self) -> None:
        """Writes whatever ends the format; the file stays open."""
        ...

    def abandon(self) -> None:
        """Frees what it holds; the file is not to be used."""
        ...


OpenWriter = Callable[[BinaryIO], Writer]


def write_outputs(
    part: PartFile,
    open_writer: OpenWriter,
    targets: Callable[[int], Path],
    rows_per_file: int | None,
    *,
    compressed: bool,
    stop: threading.Event,
) -> tuple[int, int]:
    """Writes the part's works into outputs, each synced; returns the number of files, at least 1, and of invalid works.

    Args:
        part: its `create_output` makes the files.
        open_writer: begins a file.
        targets: the name that each output is to have, by its number.
        rows_per_file: works in each file but the last; None for all of them in one.
        compressed: whether the part is.
        stop: ends the conversion at its next batch.

    Raises:
        Abandoned: `stop` was set.
        OSError: a file cannot be written.
    """
    files = invalid = 0
    with part.read() as file:
        source = cast("BinaryIO", gzip.GzipFile(fileobj=file)) if compressed else file
        batches = _sliced(read_batches(source), rows_per_file, stop)
        last = False
        while not last:
            last, found = _write_one(part.create_output(files, targets(files)), open_writer, batches)
            files += 1
            invalid += found
    return files, invalid


def _write_one(file: BinaryIO, open_writer: OpenWriter, batches: Generator[list[bytes] | None]) -> tuple[bool, int]:
    """Writes one file, up to the None that ends it; True if no works are left for another one, and the invalid ones."""
    with closing(file):
        writer = open_writer(file)
        try:
            while (batch := next(batches, _END)) is not None and batch is not _END:
                writer.write(batch)
            writer.close()
        except BaseException:
            writer.abandon()
            raise
        file.flush()
        sync(file.fileno())
    return batch is _END, writer.invalid


_END: Final[list[bytes]] = []


def read_batches(file: BinaryIO) -> Generator[list[bytes]]:
    """The lines of a file in lists of bounded number and size."""
    batch: list[bytes] = []
    size = 0
    for line in file:
        if batch and (len(batch) == BATCH_ROWS or size + len(line) > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(line[:-1])
        size += len(line)
    if batch:
        yield batch


def _sliced(batches: Generator[list[bytes]], rows: int | None, stop: threading.Event) -> Generator[list[bytes] | None]:
    """The batches, with None wherever so many rows are full and more follow; raises `Abandoned` after `stop`."""
    room = rows
    for whole in batches:
        if stop.is_set():
            raise Abandoned
        batch = whole
        while batch:
            if room == 0:
                yield None
                room = rows
            piece = batch[:room]
            batch = batch[len(piece) :]
            if room is not None:
                room -= len(piece)
            yield piece
