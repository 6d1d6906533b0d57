"""Of a server that sorts: both ends of an interval are asked for, and an interval with many pages is cut by time."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeVar

from devrev_async.export.planner.in_flight import begins_in
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
    left: Callable[[Interval], int | None] | None = None,
) -> End | None:
    """Returns an interval that nobody asked for, else a free end of the longest one, else the longest one to be cut.

    Args:
        intervals: those to choose from.
        in_flight: requests of pages.
        pages: how many pages an interval may need.
        left: how many works of an interval were counted and neither shown nor asked for yet, None where that is not
            known: a page more might bring works once more. None instead of it: the server does not count.
    """
    free: list[tuple[float, End]] = []
    long: list[tuple[float, End]] = []
    exports = list(in_flight)
    for interval in intervals:
        asked = [request for request in exports if begins_in(request, intervals) is interval]
        upward = any(not request.descending for request in asked)
        downward = any(request.descending for request in asked)
        room = pages(interval) - len(asked)
        if not asked:
            free.append((room + LATEST, End(interval, descending=False, split=False)))
        elif interval.high - interval.low == 1:
            continue  # only a page that shows all of a second proves it
        elif left is not None:
            if (left(interval) or 0) > 0 and not (upward and downward):
                free.append((room, End(interval, descending=upward, split=False)))
        elif upward and downward:
            if room >= SPLIT_AT:
                long.append((room, End(interval, descending=False, split=True)))
        elif room >= BOTH_ENDS_AT - 1:
            free.append((room, End(interval, descending=upward, split=False)))
    ends = free or long
    return max(ends, key=lambda entry: entry[0])[1] if ends else None


def ask_next_end(state: State[T], intervals: list[Interval]) -> Request | None:
    """Returns a request for a free end of an interval, or for an end made by cutting the longest one in two."""
    exports, longest = state.in_flight.exports, state.server.longest_page

    def left(interval: Interval) -> int | None:
        return state.left_in(interval, intervals)

    counted = left if state.server.counts else None
    end = next_end(intervals, exports, lambda each: state.coverage.pages(each, longest), counted)
    if end is None:
        return None
    interval = end.interval
    if end.split:
        start, stop = state.coverage.span(interval)
        pieces = cut(interval, [(start + stop) // 2])
        state.coverage.replace(interval, pieces)
        return _ask_end(state, pieces, pieces[1], descending=False) if len(pieces) > 1 else None
    return _ask_end(state, intervals, interval, descending=end.descending or _open_above(state, interval))


def _open_above(state: State[T], interval: Interval) -> bool:
    """Returns whether only a page from above can show that it reaches what was seen on the other side."""
    unseen = interval.seen_above is None and interval.seen_below is not None
    asked = any(each.high > interval.low for each in state.in_flight.exports)
    return unseen and not asked and interval.high >= state.domain.high


def _ask_end(state: State[T], intervals: list[Interval], interval: Interval, *, descending: bool) -> Request:
    """A page from one end of an interval, as far as the nearest work that was seen behind the other one.

    Where none was seen there, the interval was cut: the page may go on beyond, so that it shows one. A page is asked
    for no more works than are left, if it would show others instead: where the range does not end with them, or a page
    from the other end is under way.
    """
    low, high = interval.low, interval.high
    seen = interval.seen_below if descending else interval.seen_above
    left = state.left_in(interval, intervals)
    if descending:
        low = seen if seen is not None else intervals[0].low if left else low
    else:
        high = seen + 1 if seen is not None else intervals[-1].high if left else high
    alone = not any(begins_in(request, intervals) is interval for request in state.in_flight.exports)
    bounded = interval.high - interval.low == 1 or (seen is not None and alone)
    first = state.sizes.first if bounded else state.page_size(left, interval.above if descending else interval.below)
    low, high, descending = state.coverage.detours.pop((interval.low, interval.high), (low, high, descending))
    return state.export(low, high, descending=descending, first=first)
