"""Of a server that sorts: both ends of an interval are asked for, and an interval with many pages is cut by time."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeVar

from devrev_async.export.planner.intervals import LATEST, Interval, cut
from devrev_async.export.planner.tuning import BOTH_ENDS_AT, SPLIT_AT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from devrev_async.export.planner.messages import Request
    from devrev_async.export.planner.state import State

T = TypeVar("T")


class End(NamedTuple):
    """An end of an interval to ask for, or an interval to cut in two first."""

    interval: Interval
    descending: bool
    split: bool


def next_end(
    intervals: Sequence[Interval],
    in_flight: Iterable[Request],
    pages: Callable[[Interval], float],
    left: int | None = None,
) -> End | None:
    """Returns an interval that nobody asked for, else a free end of the longest one, else the longest one to be cut.

    Args:
        intervals: those to choose from.
        in_flight: requests of pages.
        pages: how many pages an interval may need.
        left: works that were counted and neither shown nor asked for yet; None if that is not known.
    """
    free: list[tuple[float, End]] = []
    longest: tuple[float, End] | None = None
    exports = list(in_flight)
    for interval in intervals:
        asked = [request for request in exports if _begins_in(request, intervals) is interval]
        upward = any(request.low == interval.low and not request.descending for request in asked)
        downward = any(request.high == interval.high and request.descending for request in asked)
        room = pages(interval) - len(asked)
        if not asked:
            free.append((room + LATEST, End(interval, descending=False, split=False)))
        elif left is not None and (left <= 0 or len(intervals) > 1 or (upward and downward)):
            continue  # a page more might bring works once more: how many are left of all says nothing of one interval
        elif upward and downward:
            if room >= SPLIT_AT and (longest is None or room > longest[0]):
                longest = room, End(interval, descending=False, split=True)
        elif left is not None or room >= BOTH_ENDS_AT - 1:
            free.append((room, End(interval, descending=upward, split=False)))
    if free:
        return max(free, key=lambda entry: entry[0])[1]
    return longest[1] if longest else None


def _begins_in(request: Request, intervals: Sequence[Interval]) -> Interval | None:
    """The interval that a page shows first; those behind it were one with it when it was asked for."""
    within = [each for each in intervals if request.low < each.high and request.high > each.low]
    if not within:
        return None
    return max(within, key=lambda each: each.low) if request.descending else min(within, key=lambda each: each.low)


def ask_next_end(state: State[T], intervals: list[Interval]) -> Request | None:
    """Returns a request for a free end of an interval, or for an end made by cutting the longest one in two."""
    left, longest = state.left, state.server.longest_page
    end = next_end(intervals, state.in_flight.exports, lambda each: state.coverage.pages(each, longest), left)
    if end is None:
        return None
    if not end.split:
        # of several intervals, how many works are left of all says nothing of one; its own range bounds the page
        bounded = len(intervals) > 1 and not any(
            _begins_in(request, intervals) is end.interval for request in state.in_flight.exports
        )
        size = state.sizes.first if bounded else state.page_size()
        return _ask_end(state, end.interval, descending=end.descending, first=size)
    start, stop = state.coverage.span(end.interval)
    pieces = cut(end.interval, [(start + stop) // 2])
    state.coverage.replace(end.interval, pieces)
    return _ask_end(state, pieces[-1], descending=False, first=state.sizes.first) if len(pieces) > 1 else None


def _ask_end(state: State[T], interval: Interval, *, descending: bool, first: int) -> Request:
    """A page from one end of an interval, as far as the nearest work that was seen behind the other one."""
    low, high = interval.low, interval.high
    if descending and interval.seen_below is not None:
        low = interval.seen_below
    elif not descending and interval.seen_above is not None:
        high = interval.seen_above + 1
    low, high, descending = state.coverage.detours.pop((interval.low, interval.high), (low, high, descending))
    return state.export(low, high, descending=descending, first=first)
