"""Record batches of one slice, or of what was modified in a range, for a worker's own thread."""

from __future__ import annotations

from contextlib import aclosing
from functools import partial
from typing import TYPE_CHECKING, Final

from devrev_async.arrow.blocking import BlockingIterator
from devrev_async.arrow.conversion import WorksConverter

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterator, Sequence

    from devrev_async.arrow.annotations import RecordBatch
    from devrev_async.export.slices import WorkSlice
    from devrev_async.models import Work

    from .access import Access

__all__ = ["ROWS", "batches_of", "slice_batches"]

ROWS: Final = 1000
"""Works of a record batch at most."""


def slice_batches(
    access: Access, part: WorkSlice, columns: Sequence[str] | None, depth: int | None
) -> Iterator[RecordBatch]:
    """A complete export of a slice, with one request at a time; none of the batches is empty.

    Raises:
        DevRevError: as `works.export_slice`.
    """
    return batches_of(partial(_slice, access, part), columns, depth)


def batches_of(
    works: Callable[[], AsyncGenerator[Sequence[Work], None]], columns: Sequence[str] | None, depth: int | None
) -> Iterator[RecordBatch]:
    """Record batches of the lists of works that a generator yields in a thread; closing them closes the generator."""
    converter = WorksConverter(columns, depth)
    lists = BlockingIterator(works)
    try:
        for batch in lists:
            yield converter.convert(batch)
    finally:
        lists.close()


async def _slice(access: Access, part: WorkSlice) -> AsyncGenerator[Sequence[Work], None]:
    async with (
        access.client(max_concurrency=1) as devrev,
        devrev.works.export_slice(part) as export,
        aclosing(export.batches(ROWS)) as batches,
    ):
        async for works in batches:
            yield works
