"""Why a page without works proves nothing by itself: a glitch looks the same as a range that is empty.

It is checked like a short one. Where works must be in it, by what was seen or counted, it is asked for once more; so is
a short one that lacks a work which an earlier page, that proved nothing, showed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from devrev_async.export.planner.intervals import mark_of

if TYPE_CHECKING:
    from devrev_async.export.planner.messages import Page, Request
    from devrev_async.export.planner.state import State

T = TypeVar("T")


def contradicts_seen(state: State[T], request: Request, page: Page[T]) -> bool:
    """Returns whether works were seen in the range of a request that its page does not show."""
    intervals = state.coverage.open(request.low, request.high)
    if not page.keys and any(each.low > request.low or each.high < request.high for each in intervals):
        return True
    return any(each.shown.difference(map(mark_of, page.keys)) for each in intervals if each.shown)
