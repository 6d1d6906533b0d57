"""The proof by order: a page of a server that sorts, then caps, has all works of the seconds that it passes.

Assumes that the server, once shown to sort (`opposite_ends`), goes on doing so, in a resumed run too; a page out of
order ends that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from devrev_async.export.planner.intervals import SECOND, UNDATED
from devrev_async.export.planner.server import Order
from devrev_async.export.planner.tuning import ENOUGH

if TYPE_CHECKING:
    from collections.abc import Sequence

    from devrev_async.export.planner.intervals import Batch, Interval, Key
    from devrev_async.export.planner.messages import Page, Request
    from devrev_async.export.planner.pages import AwaitingCount
    from devrev_async.export.planner.state import State

T = TypeVar("T")


def in_order(times: Sequence[int], *, descending: bool) -> bool:
    """Returns whether timestamps stand in the order asked for."""
    return times == sorted(times, reverse=descending)


def strong(times: Sequence[int]) -> bool:
    """Returns whether a page in order has enough distinct timestamps for its order to be the server's doing."""
    return len(set(times)) >= ENOUGH


def shows_undated_first(keys: Sequence[Key]) -> bool:
    """Returns whether works without a timestamp stand at the head of a page, all of them, before others."""
    flags = [key[0] == UNDATED * SECOND for key in keys]
    return flags[:1] == [True] and False in flags and not any(flags[flags.index(False) :])


def follow(state: State[T], request: Request, page: Page[T], *, full: bool) -> list[Batch[T]] | None:
    """Proves what a page passes; None if it proves nothing.

    Args:
        state: of the plan.
        request: what was asked for.
        page: the answer.
        full: whether there may be more; a page that is not has to reach what was seen behind its interval.
    """
    times = page.times
    if not in_order(times, descending=request.descending):
        state.server.order = Order.NONE
        return None
    if not times:
        return None
    low, high = request.low, request.high
    if request.descending:
        low = max(low, times[-1] // SECOND + 1)
    else:
        high = min(high, times[-1] // SECOND)
    reaches = all(low <= each.low and each.high <= high for each in state.coverage.open(request.low, request.high))
    if low < high and (strong(times) if full else reaches):
        return state.prove_by_order(low, high, page)
    return None


def follow_short(state: State[T], waiting: AwaitingCount[T]) -> list[Batch[T]]:
    """Without a count: proves the seconds that a short page passes; the rest is asked for from the other end."""
    request, ordered = waiting.request, waiting.ordered
    low, high = request.low, request.high
    seconds = [time // SECOND for time in waiting.page.times]
    start, end = low, high
    if seconds and request.descending:
        start = max(low, seconds[-1] + 1)
    elif seconds:
        end = min(high, seconds[-1])
    passes = bool(seconds) and bool(state.coverage.open(start, end))
    batches = state.emit(start, end, ordered, "order") if passes else []
    for interval in state.coverage.open(low, high):
        if not passes:
            batches += _ends_meet(state, waiting, interval)
        elif request.descending:
            back = min((second for second in seconds if second >= interval.high), default=interval.high - 1)
            state.coverage.detours[interval.low, interval.high] = interval.low, back + 1, False
        else:
            back = max((second for second in seconds if second < interval.low), default=interval.low)
            state.coverage.detours[interval.low, interval.high] = back, interval.high, True
    return batches


def _ends_meet(state: State[T], waiting: AwaitingCount[T], interval: Interval) -> list[Batch[T]]:
    """An interval of which a short page passed nothing: cut, listed, or proved by a page from its other end."""
    request = waiting.request
    if state.coverage.cut(interval, waiting.page.keys):
        return []
    if state.server.lists:
        state.coverage.list_instead(interval.low, interval.high)
    elif (request.low, request.high) == (interval.low, interval.high):
        if request.descending or any(interval.low <= key[0] // SECOND for key in waiting.page.keys):
            return state.emit(interval.low, interval.high, waiting.ordered, "order")
        state.coverage.detours[interval.low, interval.high] = interval.low, interval.high, True
    return []
