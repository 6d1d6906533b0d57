"""When to ask for a count: beside the first page, beside the last ones, for pages that await one."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from devrev_async.export.planner.intervals import UNDATED
from devrev_async.export.planner.proofs.opposite_ends import can_prove
from devrev_async.export.planner.totals import Counted
from devrev_async.export.planner.tuning import SURELY

if TYPE_CHECKING:
    from devrev_async.export.planner.messages import Request
    from devrev_async.export.planner.state import State

T = TypeVar("T")


def beside_first_page(state: State[T]) -> Request | None:
    """Returns the count that a run begins with, once its first page is asked for; None if it was asked for already."""
    if state.counts.opening or not state.in_flight.begun:
        return None
    return state.counts.of_everything(state.in_flight.next_number(), Counted.ALL, opening=True)


def beside_last_pages(state: State[T]) -> Request | None:
    """Returns a count over everything, if the pages in flight are likely to be the last, and need it as a proof."""
    counts, server = state.counts, state.server
    if counts.expected is None:
        useful = server.sorts
    else:  # what a server that sorts shows is proved by order, unless too little is left to show that it sorts
        other = state.ends.first
        useful = other is not None and not can_prove(counts.expected - len(other.page.keys), state.sizes.first)
    if not (useful and state.fresh and server.counts and counts.ahead.wanted):
        return None
    if server.shows_undated or counts.asked or Counted.ALL in counts.totals:
        return None
    exports = state.in_flight.exports
    for each in state.coverage.intervals:
        asked = sum(request.low < each.high and request.high > each.low for request in exports)
        shown = each.low == UNDATED or state.pages.cover(each.low, each.high)
        if not shown and (each.needs_list or state.coverage.pages(each, server.longest_page) > SURELY * asked):
            return None
    request = counts.of_everything(state.in_flight.next_number(), Counted.ALL)
    counts.ahead.ask(request.number)
    return request


def for_all_pages(state: State[T]) -> Request | None:
    """Returns a count that may prove all pages that await one, or one for a single page."""
    if state.fresh and not state.server.shows_undated and Counted.ALL not in state.counts.totals:
        return state.counts.of_everything(state.in_flight.next_number(), Counted.ALL)
    return for_one_page(state)


def for_one_page(state: State[T]) -> Request | None:
    """Returns a count over the range of a page that awaits one."""
    if state.counts.asked_of_everything:
        return None  # it may prove all of them
    doubts = state.counts.doubts
    page = state.pages.next_to_count(lambda request: doubts.parent(request) is not None)
    return None if page is None else state.counts.of_page(state.in_flight.next_number(), page)
