"""Plans the slices of a complete export: counts over the transport, side by side."""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Protocol

from devrev_async import errors
from devrev_async.models import DateRange

from .planner.totals import FIRST_DAY
from .runner import NO_COUNT
from .slices import SlicePlan, WorkSlice, slices_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping, Sequence

    from .planner import AtLeast
    from .query import ExportQuery

__all__ = ["SliceSource", "plan_slices"]

_ALL_OF_TIME: Final = (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))
"""Servers show a missing date as that of year 1, too."""

log: Final = logging.getLogger("devrev_async.export")


class SliceSource(Protocol):
    """Answers what a plan asks; every failure is a `DevRevError`."""

    async def count(self, body: Mapping[str, Any]) -> int | AtLeast | None:
        """Returns the number of works, or at least so many; None if the server does not say that."""
        ...

    async def first_created(self, body: Mapping[str, Any]) -> datetime | None:
        """Returns `created_date` of the first work of `works.export`, or None without any."""
        ...


async def plan_slices(source: SliceSource, query: ExportQuery, shares: int) -> list[WorkSlice]:
    """Returns at most so many slices that tile the query; one where counts do not add up.

    The first count is sent alone, so that a token that is refused costs one request.

    Raises:
        DevRevError: a request failed for good.
    """
    whole = DateRange(after=query.domain.after, before=query.domain.before)
    works = await _count(source, query, whole)
    if works and shares > 1:
        plan = await _count_rounds(source, query, SlicePlan(shares, works, *await _ends(source, query), whole))
        if not plan.consistent:
            # works may have changed meanwhile, or the order be none of the server's: once more, and between wider ends
            works = await _count(source, query, whole) or works
            plan = await _count_rounds(source, query, SlicePlan(shares, works, *_ALL_OF_TIME, whole))
        if plan.consistent:
            return slices_of(query.body, plan.shares())
        log.warning("plan_slices: works without created_date, or counts that do not add up; the plan is one slice")
    return slices_of(query.body, [(whole, works or 0)])


async def _count_rounds(source: SliceSource, query: ExportQuery, plan: SlicePlan) -> SlicePlan:
    """Counts until the plan is fine enough, or inconsistent."""
    while ranges := plan.ranges:
        plan.feed(await _counts(source, query, ranges))
    return plan


async def _counts(source: SliceSource, query: ExportQuery, ranges: Sequence[DateRange]) -> list[int | None]:
    async with _tasks() as group:
        tasks = [group.create_task(_count(source, query, each)) for each in ranges]
    return [task.result() for task in tasks]


@asynccontextmanager
async def _tasks() -> AsyncGenerator[asyncio.TaskGroup, None]:
    """A task group that raises the first error as it is, once the other requests have ended."""
    error: BaseException | None = None
    try:
        async with asyncio.TaskGroup() as group:
            yield group
    except BaseExceptionGroup as raised:
        error = raised.exceptions[0]
    if error is not None:
        raise error


async def _count(source: SliceSource, query: ExportQuery, range_: DateRange) -> int | None:
    """The number of works in a range; None from a server that does not count, or not exactly, or no ranges."""
    after, before = range_.after, range_.before
    body = query.body if after is before is None else {**query.body, "created_date": range_}
    try:
        count = await source.count(body)
    except errors.ResponseDecodeError:
        return None
    except errors.BadRequestError:
        if (after, before) == (query.domain.after, query.domain.before):
            raise
        return None
    except errors.APIError as error:
        if error.status not in NO_COUNT:
            raise
        return None
    return count if isinstance(count, int) else None


async def _ends(source: SliceSource, query: ExportQuery) -> tuple[datetime, datetime]:
    """`created_date` of the oldest and of the newest work, if the server sorts."""
    async with _tasks() as group:
        tasks = [group.create_task(_end(source, query, order)) for order in ("asc", "desc")]
    oldest, newest = (task.result() for task in tasks)
    return oldest or query.domain.after or FIRST_DAY, newest or query.domain.before or datetime.now(UTC)


async def _end(source: SliceSource, query: ExportQuery, order: str) -> datetime | None:
    body: dict[str, Any] = {**query.body, "first": 1, "sort_by": [f"created_date:{order}"]}
    # a lower bound, so that works without a date are not in the way
    body["created_date"] = DateRange(after=query.domain.after or _ALL_OF_TIME[0], before=query.domain.before)
    try:
        return await source.first_created(body)
    except errors.BadRequestError:  # the server does not sort, or knows no ranges
        return None
