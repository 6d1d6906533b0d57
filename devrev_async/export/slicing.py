"""Plans the slices of a complete export: counts over the transport, side by side."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Protocol

from devrev_async import errors
from devrev_async.models import DateRange

from .planner.totals import FIRST_DAY
from .runner import NO_ENDPOINT
from .slices import SlicePlan, WorkSlice, slices_of

if TYPE_CHECKING:
    from collections.abc import Mapping

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

    Raises:
        DevRevError: a request failed for good.
    """
    body, domain = query.body, query.domain
    whole = DateRange(after=domain.after, before=domain.before)
    works = await _total(source, query)
    if works and shares > 1:
        oldest, newest = await asyncio.gather(*(_end(source, query, order) for order in ("asc", "desc")))
        if oldest is not None and newest is not None:
            plan = SlicePlan(shares, works, oldest, newest, after=domain.after, before=domain.before)
            if await _count_rounds(source, body, plan):
                return slices_of(body, plan.shares())
    return slices_of(body, [(whole, works or 0)])


async def _total(source: SliceSource, query: ExportQuery) -> int | None:
    """The number of works; None if some of them have no date. Where something may have moved it is counted again."""
    domain = query.domain
    if domain.limited:
        return await _count(source, query.body, domain.after, domain.before)
    for _ in range(2):
        everything, dated = await asyncio.gather(
            _count(source, query.body, None, None), _count(source, query.body, FIRST_DAY, None)
        )
        if everything is None or everything == dated:
            return everything
    log.warning("plan_slices: works without created_date, or counts that do not add up; the plan is one slice")
    return None


async def _count_rounds(source: SliceSource, body: Mapping[str, Any], plan: SlicePlan) -> bool:
    """Counts until the plan is fine enough; returns whether the counts can be used."""
    while ranges := plan.ranges:
        counts = await asyncio.gather(*(_count(source, body, each.after, each.before) for each in ranges))
        exact = [count for count in counts if count is not None]
        if len(exact) == len(ranges):
            plan.feed(exact)
        if len(exact) < len(ranges) or not plan.consistent:
            log.warning("plan_slices: the counts do not add up; the plan is one slice")
            return False
    return True


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
