"""What two ends leave of a server that sorts is cut in two, and its later half is counted.

From two intervals, four pages come side by side. How many works each has is known, so that no page is asked for in
vain; the count itself is asked for where the price allows one more request, beside the pages that show the order.
"""

from __future__ import annotations

from math import ceil, expm1, log1p
from typing import TYPE_CHECKING, TypeVar

from devrev_async.export.planner.halves import Halves
from devrev_async.export.planner.intervals import SECOND, cut
from devrev_async.export.planner.price import most_requests
from devrev_async.export.planner.tuning import BOTH, MARGIN, SHOWN_AGAIN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from devrev_async.export.planner.intervals import Interval
    from devrev_async.export.planner.messages import Request
    from devrev_async.export.planner.state import State

T = TypeVar("T")


def ask_beside_ends(state: State[T]) -> Request | None:
    """Returns a count of the later half of what the pages under way will leave, if it is worth cutting."""
    first, sizes = state.ends.first, state.sizes
    works, left = state.counts.expected or 0, state.left or 0
    if state.ends.middle is not None or state.counts.halves is not None or not state.fresh or sizes.parallel <= BOTH:
        return None
    if first is None or left <= BOTH * sizes.first:
        return None
    times = first.page.times
    gain = len(times) - max(_shown_again(times), sizes.first // SHOWN_AGAIN)
    if gain <= 0:
        return None
    pages = min(_affordable(state) - 1, _pages(left, gain) + 1)
    if pages < _pages(left, gain):
        return None
    # whole pages on either side, and what the last ones have to spare on both
    earlier = pages // 2 * gain - (pages * gain - left) // 2
    second = guess(times, works - sizes.first - left + earlier, works, state.now)
    if second is None:
        return None
    state.counts.halves = Halves(second, gain)
    return state.counts.of_half(state.in_flight.next_number(), second)


def take_in(state: State[T], count: int | None) -> None:
    """The later half was counted; None if the server does not say it exactly."""
    if state.counts.halves is not None:
        state.counts.halves.counted = count


def cut_in_half(state: State[T], intervals: list[Interval]) -> list[Interval]:
    """Returns the open intervals, the only one cut where its later half was counted, if the price allows that."""
    halves = state.counts.halves
    if halves is None or halves.cut or halves.counted is None or len(intervals) != 1:
        return intervals
    pieces = cut(intervals[0], [halves.second])
    halves.cut = True
    shares = [state.left_in(piece, pieces) or 0 for piece in pieces]
    needed = sum(_pages(each, halves.gain) for each in shares)
    if len(pieces) < BOTH or min(shares) <= 0 or needed > _affordable(state):
        state.counts.halves = None
        return intervals
    state.coverage.replace(intervals[0], pieces)
    return pieces


def guess(times: Sequence[int], rank: int, works: int, now: int) -> int | None:
    """Returns the second in which the work of a rank may have been created, by the first page and the count.

    It is taken for granted that works go on to be created at the rate of that page; where the last of them would be
    created after `now`, at one that grows by the same factor in equal times. The least such growth is none.

    Args:
        times: what the first page shows, oldest first, in microseconds.
        rank: of the work, the oldest being 0.
        works: how many there are.
        now: when the run began, in microseconds.
    """
    shown, span = len(times), times[-1] - times[0]
    whole = now - times[0]
    if not 0 < span < whole:
        return None
    low, high = 0.0, 500.0
    for _ in range(60):
        growth = (low + high) / 2
        if expm1(growth) * shown < expm1(growth * span / whole) * works:
            low = growth
        else:
            high = growth
    return (times[0] + int(whole * log1p(rank / shown * expm1(high * span / whole)) / high)) // SECOND


def _shown_again(times: Sequence[int]) -> int:
    """Returns how many works of a page the next one begins with: those of its last second, and one at the bound."""
    return 1 + sum(time // SECOND == times[-1] // SECOND for time in times)


def _pages(works: int, gain: int) -> int:
    return ceil((works + MARGIN) / gain)


def _affordable(state: State[T]) -> int:
    """Returns how many requests more are within the price."""
    return most_requests(state.counts.expected or 0, state.sizes.first) - state.in_flight.sent
