"""Pages that are asked for before the server is shown to sort. Where answers are slow, each is one wait less.

The other end of everything, as soon as the count says that one page is not enough, even if the first page is still to
come; and what stands behind the first page, beside the other end. They prove nothing until the two ends are compared.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from devrev_async.export.planner.intervals import SECOND
from devrev_async.export.planner.tuning import BOTH

if TYPE_CHECKING:
    from devrev_async.export.planner.messages import Request
    from devrev_async.export.planner.pages import AwaitingOtherEnd
    from devrev_async.export.planner.state import State

T = TypeVar("T")


def ask(state: State[T]) -> Request | None:
    """Returns a request for the other end, if it is needed, or for what the first page left."""
    if state.ends.first is not None:
        return _ask_other_end(state, state.ends.first.request) or _ask_behind(state, state.ends.first)
    exports = state.in_flight.exports
    left = state.left
    if state.fresh and state.awaits_first_page and state.ends.other_end is None and len(exports) == 1:
        return _ask_end(state, exports[0]) if left is not None and left > 0 else None
    return None


def _ask_other_end(state: State[T], first: Request) -> Request | None:
    exports = [each for each in state.in_flight.exports if each != state.ends.behind]
    if any(each.low < first.high and each.high > first.low for each in exports):
        return None
    return _ask_end(state, first)


def _ask_end(state: State[T], first: Request) -> Request:
    request = state.export(first.low, first.high, descending=True, first=state.page_size(state.left))
    state.ends.other_end = request
    return request


def _ask_behind(state: State[T], first: AwaitingOtherEnd[T]) -> Request | None:
    """A page of what stands behind the first one, if the other end will not bring all of it."""
    left = state.left
    if not state.fresh or left is None or left <= 0:
        return None
    if state.ends.behind is not None or state.sizes.parallel <= BOTH:
        return None
    request = state.export(first.page.times[-1] // SECOND, first.request.high, first=state.page_size(left))
    state.ends.behind = request
    return request
