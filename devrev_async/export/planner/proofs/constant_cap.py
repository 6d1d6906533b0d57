"""The assumption of last resort: a page shorter than the longest one is all there is, for the cap stays the same.

It is made only of a server that neither counts nor lists, and does not sort, and of ranges that lie in the future. If
everything was counted before the counts ceased, and pages did not show that to be too low, it must not be more than is
shown in the end. If nothing was counted, no single page may have shown more than that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from devrev_async.export.planner.intervals import UNDATED, micros

from .matching_count import prove

if TYPE_CHECKING:
    from devrev_async.export.planner.intervals import Batch
    from devrev_async.export.planner.messages import Request
    from devrev_async.export.planner.pages import AwaitingCount
    from devrev_async.export.planner.state import State

T = TypeVar("T")


def in_the_future(state: State[T], request: Request) -> bool:
    """Returns whether a range begins after the run did: no work that was there throughout can be in it."""
    return request.after is not None and micros(request.after) > state.now


def pass_over(state: State[T], waiting: AwaitingCount[T]) -> list[Batch[T]]:
    """Emits a short page of a range that lies in the future."""
    return prove(state, waiting, "assumed_cap")


def assume(state: State[T], waiting: AwaitingCount[T]) -> list[Batch[T]]:
    """Emits a short page on the assumption.

    Works without a timestamp are left to be asked for at the end, and the export is not complete before that, if there
    seem to be more works.
    """
    state.server.assumed_cap = True
    low, high = waiting.request.low, waiting.request.high
    shown = state.shown + len(waiting.closes(state.coverage.intervals, state.domain))
    if state.domain.whole(low, high) and not more_than(state, shown):
        low = UNDATED
    return state.emit(low, high, waiting.ordered, "assumed_cap")


def more_than(state: State[T], shown: int) -> bool:
    """Returns whether there seem to be more works than those: by the last count, else since one page showed them."""
    last = state.counts.last
    return last.says_more(shown) or (not last.exact and state.server.most_shown > shown)
