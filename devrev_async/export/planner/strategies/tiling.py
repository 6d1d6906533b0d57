"""Where dates are even, pages are asked for side by side, each from where by the count another one will end.

Of a server that sorts and counts, and whose answers are slow. Each two pages meet in the middle of a piece that is
shorter than both, so that what dates are off by costs works that come twice, and no request. Where dates are not even,
`halving` asks for a count first.
"""

from __future__ import annotations

from math import ceil, sqrt
from typing import TYPE_CHECKING, TypeVar

from devrev_async.export.planner.intervals import SECOND, cut
from devrev_async.export.planner.price import most_requests, most_works
from devrev_async.export.planner.tuning import BOTH, DEVIATIONS, MARGIN, UNEVEN, WAITING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from devrev_async.export.planner.intervals import Interval
    from devrev_async.export.planner.messages import Request
    from devrev_async.export.planner.state import State

T = TypeVar("T")


def ask_middle(state: State[T]) -> Request | None:
    """Returns a page from the middle of what the two ends leave, either way: before the server is shown to sort.

    Only if works come to an end before now where they go on as the first page shows; and if the price allows that one
    of the two brings nothing, which it does if the middle is not where it seems to be.
    """
    ends = state.ends
    if ends.first is None or not state.fresh or state.sizes.parallel < WAITING or state.counts.halves is not None:
        return None
    if ends.middle is None and ends.behind is not None:
        ends.middle = _middle(state, ends.first.page.times)
    if ends.middle is None or len(ends.from_middle) == BOTH:
        return None
    whole, descending = ends.first.request, not ends.from_middle
    low, high = (whole.low, ends.middle) if descending else (ends.middle, whole.high)
    request = state.export(low, high, descending=descending)
    ends.from_middle.append(request)
    return request


def _middle(state: State[T], times: Sequence[int]) -> int | None:
    """Returns the second up to which a whole number of pairs of pages will come, if dates go on as they begin."""
    works, size = state.counts.expected, state.sizes.first
    gain, span = len(times) - 1 - sum(time // SECOND == times[-1] // SECOND for time in times), times[-1] - times[0]
    if works is None or len(times) < size:
        return None
    off = abs(times[len(times) // 2] - times[0] - span / BOTH)
    if off > UNEVEN * span or works * span > len(times) * (state.now - times[0]):
        return None
    pages = ceil((works - BOTH * size + MARGIN) / _sure(gain))
    pairs = pages // (BOTH * BOTH)
    if not pairs or pages > most_requests(works, size) - state.in_flight.sent:
        return None
    if works + size + BOTH * MARGIN > most_works(works):
        return None
    rank = size + pairs * BOTH * _sure(gain)
    return (times[0] + int(rank * span / len(times))) // SECOND


def cut_at_middle(state: State[T]) -> None:
    """The two pages from the middle are for two intervals, once the server is shown to sort."""
    middle = state.ends.middle
    if middle is not None:
        for interval in state.coverage.open(middle, middle):
            state.coverage.replace(interval, cut(interval, [middle]))


def cut_ahead(state: State[T], intervals: list[Interval]) -> list[Interval]:
    """Returns the open intervals, cut where they need more than two pages if dates are even and the price allows it."""
    works, size = state.counts.expected or 0, state.sizes.first
    shares = state.shares(intervals)
    gain = _sure(size - BOTH)
    if shares is None or max(shares) <= BOTH * size:
        return intervals
    if any(request in state.ends.from_middle for request in state.in_flight):
        return intervals
    needed = [ceil((share + MARGIN) / gain) for share in shares]
    if sum(needed) - len(state.in_flight.exports) >= most_requests(works, size) - state.in_flight.sent:
        return intervals  # one is left for a gap
    if size * sum(needed) - sum(shares) > most_works(works) - works - state.duplicates:
        return intervals
    pieces: list[Interval] = []
    for interval, pages in zip(intervals, needed, strict=True):
        start, end = state.coverage.span(interval)
        parts = cut(interval, [start + (end - start) * page // pages for page in range(BOTH, pages, BOTH)])
        state.coverage.replace(interval, parts)
        pieces += parts
    return pieces


def _sure(gain: int) -> float:
    """Returns what a page brings of works that come at random, so that hardly two of them leave a gap."""
    return max(1.0, gain - DEVIATIONS * sqrt(BOTH * max(0, gain)) / BOTH)
