"""The proof by count: pages show exactly as many works as `works.count` counts.

Assumes that a count with `has_more: false` does not share the cap of `works.export`, and does not agree by chance:
where counts and pages are not of the same moment, that as many works as the cap hid were not taken away in between.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from devrev_async.export.planner.intervals import UNDATED

from .empty_page import contradicts_seen
from .sorted_prefix import shows_undated_first

if TYPE_CHECKING:
    from devrev_async.export.planner.intervals import Batch, Proof
    from devrev_async.export.planner.pages import AwaitingCount
    from devrev_async.export.planner.state import State

T = TypeVar("T")


def whole_matches(state: State[T], count: int) -> bool:
    """Returns whether a count over everything says exactly what was found and what the pages would add.

    It must not be lower than what a single page showed, nor prove a page that lacks works which an earlier one showed:
    then it would agree by chance, as with a work that was found and is deleted since. A count of the page's own range
    says whether those are gone.
    """
    if any(contradicts_seen(state, waiting.request, waiting.page) for waiting in state.pages):
        return False
    would_be = state.shown + state.pages.would_show(state.coverage.intervals, state.domain)
    return state.fresh and count == would_be and count >= state.server.most_shown


def prove(state: State[T], waiting: AwaitingCount[T], proof: Proof, *, undated: bool = False) -> list[Batch[T]]:
    """Emits a page that is all there is.

    Args:
        state: of the plan.
        waiting: the page.
        proof: on what ground.
        undated: whether that covers works without a timestamp, which no range finds.
    """
    low, high = waiting.request.low, waiting.request.high
    whole = state.domain.whole(low, high)
    from_undated = whole and (undated or state.domain.limited or shows_undated_first(waiting.page.keys))
    return state.emit(UNDATED if from_undated else low, high, waiting.ordered, proof)


def settle_all(state: State[T]) -> list[Batch[T]]:
    """Emits all pages that await a count: one over everything matches them."""
    batches: list[Batch[T]] = []
    for waiting in list(state.pages):
        batches += prove(state, waiting, "count", undated=True)
    return batches
