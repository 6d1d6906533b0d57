"""What `export_all` and `changes` hope of a server, tried out: they cope where it does not hold, at a price."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from datetime import datetime, timedelta
from typing import Final

from devrev_async import BadRequestError, DateRange, DevRevClient, DevRevError, NotFoundError, Work

from .findings import Finding

__all__ = ["try_assumptions"]

SAMPLE: Final = 50
"""Works of a trial."""

_SLOWER: Final = "exports are complete all the same, and take more requests"


async def try_assumptions(client: DevRevClient) -> AsyncGenerator[Finding, None]:
    """One finding for each; about ten requests of up to 50 works, and two of up to 5000."""
    yield await _sort_order(client)
    works = await client.works.export(first=SAMPLE)
    dated = sorted(work.created_date for work in works if work.created_date is not None)
    if not dated:
        yield Finding("filters", "ok", "no works to try them with")
        return
    middle = dated[len(dated) // 2]
    yield await _created_filter(client, middle)
    yield await _modified_filter(client, [work.modified_date for work in works if work.modified_date is not None])
    yield await _count(client, DateRange(after=dated[len(dated) // 4], before=dated[3 * len(dated) // 4]))
    yield await _cap(client)


async def _sort_order(client: DevRevClient) -> Finding:
    try:
        ends = [
            [work.created_date for work in await client.works.export(first=SAMPLE, sort_by=[f"created_date:{order}"])]
            for order in ("asc", "desc")
        ]
    except BadRequestError as error:
        return Finding("sort_by", "warn", f"refused: {error.message or error}", _SLOWER)
    rising, falling = ([date for date in dates if date is not None] for dates in ends)
    if rising == sorted(rising) and falling == sorted(falling, reverse=True):
        return Finding("sort_by", "ok", "honoured, both ways")
    return Finding("sort_by", "warn", "ignored: works come in another order", _SLOWER)


async def _created_filter(client: DevRevClient, at: datetime) -> Finding:
    """Whether a range of one instant finds the work of that instant, and nothing else."""
    found = await client.works.export(first=SAMPLE, created_date=DateRange(after=at, before=at))
    if any(work.created_date != at for work in found):
        return Finding("created_date", "warn", "the filter is ignored, or has coarser bounds than its works", _SLOWER)
    if not found:
        return Finding("created_date", "warn", "bounds are exclusive, or trimmed to whole seconds", _SLOWER)
    return Finding("created_date", "ok", "filtered with inclusive, exact bounds")


async def _modified_filter(client: DevRevClient, dates: Sequence[datetime]) -> Finding:
    if not dates:
        return Finding("modified_date", "warn", "works have none: works.changes cannot see them")
    at = max(dates)
    advice = "works.changes reads everything, or raises IncompleteExportError"
    try:
        found = await client.works.export(first=SAMPLE, modified_date=DateRange(after=at - timedelta(seconds=1)))
    except BadRequestError as error:
        return Finding("modified_date", "warn", f"the filter is refused: {error.message or error}", advice)
    if any(_modified_before(work, at - timedelta(seconds=2)) for work in found):
        return Finding("modified_date", "warn", "the filter is ignored", advice)
    exact = await client.works.export(first=SAMPLE, modified_date=DateRange(after=at, before=at))
    if not any(work.modified_date == at for work in exact):
        return Finding(
            "modified_date", "ok", "filtered; bounds are exclusive, or trimmed to seconds, which is allowed for"
        )
    return Finding("modified_date", "ok", "filtered with inclusive bounds")


def _modified_before(work: Work, time: datetime) -> bool:
    return work.modified_date is not None and work.modified_date < time


async def _count(client: DevRevClient, range: DateRange) -> Finding:
    """Whether a count says what an export of the same range shows."""
    try:
        everything = await client.works.count()
        counted = await client.works.count(created_date=range)
    except NotFoundError:
        return Finding("works.count", "warn", "there is none", _SLOWER)
    except DevRevError as error:
        return Finding("works.count", "warn", f"{error}", _SLOWER)
    if everything.has_more or counted.has_more:
        return Finding("works.count", "warn", "counts say only that there are more works (has_more)", _SLOWER)
    shown = len(await client.works.export(created_date=range))
    if shown != counted.count:
        text = f"{counted.count} works in a range of created_date in which works.export shows {shown}"
        return Finding("works.count", "warn", text, f"{_SLOWER}; if works were changed just now, run it again")
    return Finding("works.count", "ok", f"{everything.count} works; in a range, as many as works.export shows")


async def _cap(client: DevRevClient) -> Finding:
    works = 0
    async with client.works.export_stream() as stream:
        async for batch in stream.raw_batches():
            works += len(batch)
    return Finding("page size", "ok", f"works.export answered {works} works to first=5000")
