"""Pages asked for before the server was shown to sort: beside the other end of its first page, if many are left.

Nothing is proved by them until the two ends were compared. Where answers are slow, that is one wait less.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from devrev_async.export.planner.intervals import SECOND
from devrev_async.export.planner.tuning import SPLIT_AT

if TYPE_CHECKING:
    from devrev_async.export.planner.messages import Request
    from devrev_async.export.planner.pages import AwaitingOtherEnd
    from devrev_async.export.planner.state import State

T = TypeVar("T")


def ask_presumed_end(state: State[T]) -> Request | None:
    """Returns a request for the end of what the first page left, or for an end where half of the rest may begin."""
    first, left = state.other_end, state.left
    if first is None or not state.fresh or left is None or left <= 0:
        return None
    low, high = first.page.times[-1] // SECOND, first.request.high
    middle = _middle(state, first)
    if low >= middle or middle >= high or left + len(first.presumed) * state.sizes.first < SPLIT_AT * state.sizes.first:
        ends = [(low, high, False)]
    else:
        ends = [(low, middle, False), (middle, high, False), (low, middle, True)]
    number = len(first.presumed)
    if number >= len(ends):
        return None
    state.coverage.cuts = max(state.coverage.cuts, min(number, 1))
    begin, end, descending = ends[number]
    request = state.export(begin, end, descending=descending, first=state.page_size())
    first.presumed.append(request.number)
    return request


def _middle(state: State[T], first: AwaitingOtherEnd[T]) -> int:
    """The second at which half of the works that are left may be older, if as many come in a second as on the page."""
    begin, end = first.page.times[0], first.page.times[-1]
    last = begin + (end - begin) * (state.counts.expected or 0) // len(first.page.keys)
    return (end + min(last, state.now, state.domain.high * SECOND)) // 2 // SECOND
