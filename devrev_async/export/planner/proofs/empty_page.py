"""Why a page without works proves nothing by itself: a glitch looks the same as a range that is empty.

It is checked like a short one. Where works must be in it, by what was seen or counted, it is asked for once more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from devrev_async.export.planner.messages import Request
    from devrev_async.export.planner.state import State

T = TypeVar("T")


def contradicts_seen(state: State[T], request: Request) -> bool:
    """Returns whether the range of a request reaches a work that was seen, so that a page without works is wrong."""
    intervals = state.coverage.open(request.low, request.high)
    return any(each.low > request.low or each.high < request.high for each in intervals)
