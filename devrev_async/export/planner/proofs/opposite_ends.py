"""The proof that a server sorts before it caps: two full pages, asked for from the two ends of one interval.

Assumes that a server which caps before it sorts picks the same works for both, or works between each other's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from devrev_async.export.planner.intervals import SECOND, UNDATED, dated
from devrev_async.export.planner.server import Order
from devrev_async.export.planner.tuning import APART, APART_SHARE, STRAYS

from .sorted_prefix import in_order, shows_undated_first, strong

if TYPE_CHECKING:
    from collections.abc import Sequence

    from devrev_async.export.planner.intervals import Batch, Key
    from devrev_async.export.planner.messages import Page, Request
    from devrev_async.export.planner.state import State

T = TypeVar("T")


def sorts_before_cap(low: Sequence[Key], high: Sequence[Key], *, now: int) -> bool:
    """Returns whether two pages, asked for from the two ends of one range, prove that the server sorts, then caps.

    One that ignores `sort_by` answers one of them out of order; one that caps first answers both from the same works,
    or from works that stand between each other's: a few do where both show the same ones but for what was created or
    deleted in between. What was created since `now` (microseconds) proves nothing.
    """
    upward, downward = dated(low), dated(high)
    if not (in_order(upward, descending=False) and in_order(downward, descending=True)):
        return False
    if not (strong(upward) and strong(downward)):
        return False
    lows = {key for key in low if key[0] != UNDATED * SECOND and key[0] < now}
    highs = {key for key in high if key[0] != UNDATED * SECOND and key[0] < now}
    apart = _least_apart(len(low))
    only_low, only_high = lows - highs, highs - lows
    if len(only_low) < apart or len(only_high) < apart:
        return False
    lowest, highest = min(downward), max(upward)
    strays = sum(time > lowest for time, _ in only_low) + sum(time < highest for time, _ in only_high)
    return strays <= apart // STRAYS


def can_prove(works: int, page: int) -> bool:
    """Returns whether so many works beyond a page of `page` are enough for the other end to show the order."""
    return works >= _least_apart(page)


def prove_ends(state: State[T], request: Request, low: Page[T], high: Page[T]) -> list[Batch[T]]:
    """Proves what two pages that show the order have passed, from either end of their interval."""
    state.server.order = Order.SORTED
    batches: list[Batch[T]] = []
    for page in (low, high):
        # none at either end proves nothing: a server may put them last in both orders
        if state.domain.whole(request.low, request.high) and shows_undated_first(page.keys):
            batches += state.prove_by_order(UNDATED, UNDATED + 1, page)
    batches += state.prove_by_order(request.low, max(low.times) // SECOND, low)
    return batches + state.prove_by_order(min(high.times) // SECOND + 1, request.high, high)


def _least_apart(size: int) -> int:
    return max(APART, size // APART_SHARE)
