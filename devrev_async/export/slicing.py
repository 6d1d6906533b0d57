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
from .runner import NO_ENDPOINT
from .slices import SlicePlan, WorkSlice, slices_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping, Sequence

    from .query import ExportQuery

__all__ = ["SliceSource", "plan_slices"]

log: Final = logging.getLogger("devrev_async.export")


class SliceSource(Protocol):
    """Answers what a plan asks; every failure is a `DevRevError`."""

    async def count(self, body: Mapping[str, Any]) -> int | None:
        """Returns the number of works, or None if the server does not count them exactly."""
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
    domain = query.domain
    works = await _count(source, query.body, domain.after, domain.before)
    if works and shares > 1:
        async with _tasks() as group:
            counting = group.create_task(_all_dated(source, query, works))
            ends = [group.create_task(_end(source, query, order)) for order in ("asc", "desc")]
        dated, (oldest, newest) = counting.result(), (end.result() for end in ends)
        if dated is None:
            log.warning("plan_slices: works without created_date, or counts that do not add up; the plan is one slice")
        elif oldest is not None and newest is not None:
            plan = SlicePlan(shares, dated, oldest, newest, after=domain.after, before=domain.before)
            if await _count_rounds(source, query.body, plan):
                return slices_of(query.body, plan.shares())
    return slices_of(query.body, [(DateRange(after=domain.after, before=domain.before), works or 0)])


async def _all_dated(source: SliceSource, query: ExportQuery, works: int) -> int | None:
    """The number of works; None if some of them have no date. Where something may have changed it is counted again."""
    if query.domain.limited:
        return works
    if works == await _count(source, query.body, FIRST_DAY, None):
        return works
    everything, dated = await _counts(source, query.body, [DateRange(), DateRange(after=FIRST_DAY)])
    return everything if everything == dated else None


async def _count_rounds(source: SliceSource, body: Mapping[str, Any], plan: SlicePlan) -> bool:
    """Counts until the plan is fine enough; returns whether the counts can be used."""
    while ranges := plan.ranges:
        counts = await _counts(source, body, ranges)
        exact = [count for count in counts if count is not None]
        if len(exact) == len(ranges):
            plan.feed(exact)
        if len(exact) < len(ranges) or not plan.consistent:
            log.warning("plan_slices: the counts do not add up; the plan is one slice")
            return False
    return True


async def _counts(source: SliceSource, body: Mapping[str, Any], ranges: Sequence[DateRange]) -> list[int | None]:
    async with _tasks() as group:
        tasks = [group.create_task(_count(source, body, each.after, each.before)) for each in ranges]
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


async def _count(
    source: SliceSource, body: Mapping[str, Any], after: datetime | None, before: datetime | None
) -> int | None:
    if after is not None or before is not None:
        body = {**body, "created_date": DateRange(after=after, before=before)}
    try:
        return await source.count(body)
    except errors.ResponseDecodeError:
        return None
    except errors.APIError as error:
        if error.status not in NO_ENDPOINT:
            raise
        return None


async def _end(source: SliceSource, query: ExportQuery, order: str) -> datetime | None:
    """`created_date` near one end; a server that ignores the order makes the shares uneven, not wrong."""
    body: dict[str, Any] = {**query.body, "first": 1, "sort_by": [f"created_date:{order}"]}
    domain = query.domain
    after = FIRST_DAY if domain.after is None else domain.after  # so that works without a date are not in the way
    body["created_date"] = DateRange(after=after, before=domain.before)
    try:
        return await source.first_created(body)
    except errors.BadRequestError as error:
        # without `sort_by` there is no hint where works begin and end; to halve all of time takes some more counts
        if error.field_name != "sort_by":
            raise
        return after if order == "asc" else domain.before or datetime.now(UTC)
