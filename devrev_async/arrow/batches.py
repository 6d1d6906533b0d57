"""Record batches while works arrive: converted in a thread, so that the event loop goes on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing

from devrev_async.models import Work

from .annotations import RecordBatch
from .fields import column_names
from .requirement import require_pyarrow

__all__ = ["ConvertInThread", "arrow_batches", "convert_in_thread"]

ConvertInThread = Callable[[Sequence[Work]], Awaitable[RecordBatch]]
"""Converts works into a record batch in a thread; to be awaited, one call at a time."""


def convert_in_thread(columns: Sequence[str] | None, depth: int | None) -> ConvertInThread:
    """The conversion of works into record batches of `works_schema(columns, depth)`.

    A thousand works take 20 to 30 ms, during which the event loop gets the interpreter every few milliseconds.

    pyarrow is imported in the thread as well: that takes 0.2 s.

    Raises:
        InvalidArgumentError, TypeError: as `works_schema` says.
        ModuleNotFoundError: pyarrow is not installed.
    """
    require_pyarrow()
    column_names(columns, depth)
    convert: Callable[[Sequence[Work]], RecordBatch] | None = None

    def convert_now(works: Sequence[Work]) -> RecordBatch:
        nonlocal convert
        if convert is None:
            from .conversion import WorksConverter  # noqa: PLC0415 - not in the event loop

            convert = WorksConverter(columns, depth).convert
        return convert(works)

    def converted(works: Sequence[Work]) -> Awaitable[RecordBatch]:
        return asyncio.to_thread(convert_now, works)

    return converted


async def arrow_batches(
    lists: AsyncGenerator[list[Work], None], convert: ConvertInThread
) -> AsyncGenerator[RecordBatch, None]:
    """A record batch of each list; none of them is empty."""
    async with aclosing(lists):
        async for works in lists:
            yield await convert(works)
