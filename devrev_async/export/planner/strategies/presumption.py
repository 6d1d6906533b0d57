"""The page behind the first one, asked for before the server was shown to sort: beside the one from the other end.

It proves nothing until the two ends were compared. Where answers are slow, that is one wait less.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from devrev_async.export.planner.intervals import SECOND
from devrev_async.export.planner.tuning import BOTH

if TYPE_CHECKING:
    from devrev_async.export.planner.messages import Request
    from devrev_async.export.planner.state import State

T = TypeVar("T")


def ask_presumed_end(state: State[T]) -> Request | None:
    """Returns a request for the end of what the first page left, if the other end will not bring all of it."""
    first, left = state.other_end, state.left
    if first is None or not state.fresh or left is None or left <= 0:
        return None
    if first.presumed or state.sizes.parallel <= BOTH:
        return None
    request = state.export(first.page.times[-1] // SECOND, first.request.high, first=state.page_size(state.left))
    first.presumed.append(request.number)
    return request
