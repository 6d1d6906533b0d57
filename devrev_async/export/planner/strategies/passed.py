"""A full page in order that does not prove the order: a count of what it passes may prove that part.

It has too few timestamps for that, as where thousands of works were created at once. What it passes is complete if the
server sorts before it caps, and then a count of the same seconds agrees; the next page begins with the second at which
this one ends. Bisecting would bring all of them again and again.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final, TypeVar

from devrev_async.export.planner.intervals import SECOND, moment_of, second_of
from devrev_async.export.planner.messages import Page
from devrev_async.export.planner.pages import AwaitingCount
from devrev_async.export.planner.proofs.sorted_prefix import in_order
from devrev_async.export.planner.server import Order
from devrev_async.export.planner.tuning import MISJUDGED

if TYPE_CHECKING:
    from devrev_async.export.planner.messages import Request
    from devrev_async.export.planner.state import State

T = TypeVar("T")

_INSTANT: Final = timedelta(microseconds=1)


def await_count(state: State[T], request: Request, page: Page[T]) -> bool:
    """Returns whether what a full page passes awaits a count now.

    Its range ends a microsecond short of the second at which the page ends: of that one, a page shows only some, and
    a server that trims what it compares would count the others. One that trims bounds counts too few.
    """
    times, server, size = page.times, state.server, len(page.keys)
    if not server.counts or server.order is Order.NONE or state.counts.misjudged >= MISJUDGED:
        return False
    if not size or size < min(server.longest_page, request.first) or len(times) < size:
        return False
    if not in_order(times, descending=request.descending):
        return False
    last = times[-1] // SECOND
    part = _passed(request, last)
    passed = _without(page, last)
    if not passed.keys or not state.coverage.open(part.low, part.high):
        return False
    state.coverage.cut_at(part.low if request.descending else part.high, page.keys)
    for beside in state.pages.beside(part, state.sizes.kept - len(passed.keys)):  # one count does for both
        state.pages.remove(beside)
        part = _joined(part, beside.request)
        passed = Page(beside.page.keys + passed.keys, beside.page.items + passed.items)
    state.pages.add(AwaitingCount(part, passed, passed.ordered(), passed=True))
    return True


def _passed(request: Request, last: int) -> Request:
    """Returns a request for what a page passes that ends in the second `last`."""
    if request.descending:
        return replace(request, low=last + 1, after=moment_of(last + 1) - _INSTANT)
    return replace(request, high=last, before=moment_of(last) - _INSTANT)


def _without(page: Page[T], second: int) -> Page[T]:
    """Returns a page less the works of a second."""
    pairs = [pair for pair in zip(page.keys, page.items, strict=True) if second_of(pair[0]) != second]
    return Page([key for key, _ in pairs], [item for _, item in pairs])


def _joined(part: Request, other: Request) -> Request:
    """Returns a request for two parts, one of which begins where the other one ends."""
    lower, upper = (part, other) if part.low < other.low else (other, part)
    return replace(part, low=lower.low, after=lower.after, high=upper.high, before=upper.before)
