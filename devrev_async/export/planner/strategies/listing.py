"""`works.list`, where ranges of time do not help: one interval after the other, pass after pass."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from devrev_async.export.planner.errors import Unprovable
from devrev_async.export.planner.intervals import LATEST, UNDATED
from devrev_async.export.planner.messages import Request
from devrev_async.export.planner.proofs.stable_listing import Listing, spread
from devrev_async.export.planner.tuning import BOTH, TRIES

if TYPE_CHECKING:
    from devrev_async.export.planner.intervals import Batch, Interval
    from devrev_async.export.planner.messages import Page
    from devrev_async.export.planner.state import State

T = TypeVar("T")


def is_cheap(state: State[T], shown: int, count: int) -> bool:
    """Returns whether a list costs no more than ranges would.

    Args:
        state: of the plan.
        shown: works of a page behind which there may be more.
        count: as many in all, if that is known.
    """
    limit, server = state.sizes.limit, state.server
    # pages of a server that sorts show each work once, two passes of `works.list` twice
    few = shown <= (limit // BOTH if server.sorts else limit)
    return server.lists and not server.list_failed and few and count <= 2 * limit


def ask_next_page(state: State[T]) -> Request | None:
    """Returns a request for the next page of the listing under way, or for the first one of an interval."""
    listing, intervals = state.listing, state.coverage.intervals
    if listing is not None and not any(each.low < listing.high and each.high > listing.low for each in intervals):
        listing = state.listing = None
    if any(request.kind == "list" for request in state.in_flight):
        return None
    if listing is None:
        interval = next((each for each in intervals if each.needs_list), None)
        if interval is None:
            return None
        listing = state.listing = _listing_of(state, interval)
    state.counts.ahead.void()
    low, high = (UNDATED, LATEST) if listing.whole else (listing.low, listing.high)
    after, before = state.domain.bounds(low, high)
    number = state.in_flight.next_number()
    return Request("list", number, listing.low, listing.high, after, before, cursor=listing.cursor)


def feed_page(state: State[T], page: Page[T]) -> list[Batch[T]]:
    """Takes in a page of the listing under way, and emits what its passes prove."""
    listing, coverage = state.listing, state.coverage
    if listing is None:
        return []
    try:
        complete = listing.feed(
            list(zip(page.keys, page.items, strict=True)),
            page.cursor,
            lambda key: any(each.wants(key) for each in coverage.intervals),
        )
    except Unprovable:
        if not (_try_ranges(state, listing) or _count_again(state)):
            raise
        return []
    if state.server.honours_range and listing.crowded and spread(listing.held):
        keys, intervals = [key for key, _ in listing.held], coverage.open(listing.low, listing.high)
        if any([coverage.cut(each, keys) for each in intervals]):  # noqa: C419 - all of them are to be cut
            state.listing = None
            return []
    if not complete:
        return []
    works, upto = listing.chunk()
    if upto is None:
        state.listing = None
    return state.emit(listing.low, listing.high, works, "list", upto)


def _try_ranges(state: State[T], listing: Listing[T]) -> bool:
    """Returns whether ranges may prove what passes did not: once, for works change less within the time of one page."""
    server, coverage = state.server, state.coverage
    usable = server.honours_range and (server.counts or server.sorts) and not server.list_failed
    intervals = coverage.open(listing.low, listing.high)
    if not usable or not any(each.high - each.low > 1 for each in intervals):
        return False
    server.list_failed = True
    state.listing = None
    coverage.mark_all(needs_list=False)
    return True


def _count_again(state: State[T]) -> bool:
    """Returns whether counts are to say once more that there are works without a date, of which no pass showed one.

    They are not of one moment: what was created or deleted in between looks the same.
    """
    counts, server = state.counts, state.server
    if server.shows_undated or not server.counts or any(each.low != UNDATED for each in state.coverage.intervals):
        return False
    if counts.undated_recounts >= TRIES:
        return False
    counts.undated_recounts += 1
    counts.totals.ask_again()
    state.listing = None
    state.coverage.mark_all(needs_list=False)
    return True


def _listing_of(state: State[T], interval: Interval) -> Listing[T]:
    low, high = interval.low, interval.high
    if not state.server.honours_range or state.domain.whole(low, high):
        low, high = UNDATED, LATEST
    return Listing(low, high, whole=low == UNDATED, hold=state.sizes.kept, now=state.now)
