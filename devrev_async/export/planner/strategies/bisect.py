"""Bisecting: an interval whose page proved nothing is cut where its works stand, or listed where it cannot be."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from devrev_async.export.planner.errors import NO_LIST, Unprovable
from devrev_async.export.planner.intervals import dated, second_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from devrev_async.export.planner.intervals import Key
    from devrev_async.export.planner.messages import Request
    from devrev_async.export.planner.state import State

T = TypeVar("T")


def bisect(state: State[T], request: Request, keys: Sequence[Key]) -> None:
    """Cuts the open intervals of a request.

    Raises:
        Unprovable: one is too short for that, and the server has no `works.list`.
    """
    limited = request.after is not None or request.before is not None
    if state.server.lists and (
        # the server shows what has no timestamp in every range: the shorter ones would be full of it as well
        (limited and 2 * len(dated(keys)) <= len(keys))
        # or one second has more works than a page, and hardly others are left
        or (len({second_of(key) for key in keys}) == 1 and state.left is not None and state.left <= state.sizes.kept)
    ):
        state.coverage.list_instead(request.low, request.high)
        return
    seconds = {second_of(key) for key in keys}
    intervals = state.coverage.open(request.low, request.high)
    for interval in [
        each for each in intervals if any(each.low <= second < each.high for second in seconds)
    ] or intervals:
        if not state.coverage.cut(interval, keys):
            if not state.server.lists:
                raise Unprovable(NO_LIST)
            state.coverage.list_instead(interval.low, interval.high)
