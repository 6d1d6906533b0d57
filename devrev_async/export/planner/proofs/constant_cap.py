"""The assumption of last resort: a page shorter than the longest one is all there is, for the cap stays the same.

It is made only of a server that neither counts nor lists, and does not sort, and of ranges that lie in the future.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from devrev_async.export.planner.intervals import micros

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


def assume(state: State[T], waiting: AwaitingCount[T], *, undated: bool = True) -> list[Batch[T]]:
    """Emits a short page on the assumption."""
    return prove(state, waiting, "assumed_cap", undated=undated)
