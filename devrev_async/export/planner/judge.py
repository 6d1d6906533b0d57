"""What an answer means: which proof it is, or what is to be done instead. One rule each; the modules below decide.

A page of `works.export` as long as was asked for, or as the longest seen, may be cut short. It proves something only
if the server was shown to sort before it caps. A shorter page is complete if the cap stays the same; one that goes by
bytes does not, so it awaits a count that agrees. Where the server counts nothing, or contradicts itself, no short page
is trusted: if it sorts, a page from the other end must reach as far as this one did; else `works.list` proves the
interval. Only where that endpoint is missing as well is the cap assumed to stay the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from .errors import NO_RANGE, Unprovable
from .intervals import outside
from .messages import Page
from .pages import AwaitingCount, AwaitingOtherEnd
from .proofs import constant_cap, empty_page, matching_count, opposite_ends, sorted_prefix
from .server import Order
from .strategies import listing, passed, smaller_page
from .strategies.bisect import bisect
from .strategies.tiling import cut_at_middle
from .totals import Counted
from .tuning import FEW

if TYPE_CHECKING:
    from .intervals import Batch
    from .messages import Request
    from .state import State

T = TypeVar("T")


def judge_page(state: State[T], request: Request, page: Page[T]) -> list[Batch[T]]:
    """Returns what a page of `works.export` proves.

    Raises:
        Unprovable: nothing that is left to ask for could prove its interval.
    """
    size, server = len(page.keys), state.server
    server.longest_page = max(server.longest_page, size)
    server.most_shown = max(server.most_shown, len(set(page.keys)))
    if outside(page.times, request.after, request.before):
        give_up_ranges(state)
        return []
    state.coverage.note(page.times)
    if request in (state.ends.other_end, *state.ends.unproved) and (
        state.first_pending or state.ends.first is not None
    ):
        state.ends.add(request, page)
        return _judge_early(state)
    if request == state.ends.other_end:  # the first page was judged without it
        _await_passed(state, request, page)
        return []
    is_first, state.awaits_first_page = state.awaits_first_page, False
    if is_first and state.fresh:
        state.first_page = AwaitingCount(request, page, page.ordered())
        state.pages.add(state.first_page)
        return judge_first_page(state)
    state.counts.doubts.note_page(request, page.keys)
    # of a resumed run there is none to compare it with yet; the count of a fresh run is for everything
    alone = is_first and size < request.first and server.order is Order.UNKNOWN
    full = size >= min(server.longest_page, request.first) > 0 and not alone
    if not full and empty_page.contradicts_seen(state, request, page) and state.repeats(request):
        state.coverage.remember(request.low, request.high, page.keys)
        return []
    if server.sorts and (not full or size == request.first):
        return _follow(state, request, page, full=full)
    return _incomplete(state, request, page) if full else _await_count(state, request, page)


def judge_first_page(state: State[T]) -> list[Batch[T]]:
    """Returns the first page, and what came before it, once the count beside it is there."""
    return _judge_first_page(state) + _judge_early(state)


def _judge_first_page(state: State[T]) -> list[Batch[T]]:
    """Returns the first page, if its count says exactly as many works.

    A count below what the page shows, or a little above, may be due to works that came or went in between: both are
    asked for again, while they change, and at last as a smaller page. An empty page that the count contradicts is asked
    for again, once.
    """
    first, counts = state.first_page, state.counts
    if first is None or (state.server.counts and counts.expected is None):
        return []
    if state.server.counts and counts.expected is not None:
        shown = state.pages.would_show(state.coverage.intervals, state.domain)
        if shown == counts.expected:
            state.first_page = None
            counts.totals.answer(Counted.ALL, shown)
            return matching_count.prove(state, first, "count", undated=True)
        if counts.made_before:
            counts.ask_anew()
            return []
        few = first.page.keys and shown < first.request.first and counts.expected - shown <= 1 + shown // FEW
        if (counts.expected < shown or few) and (counts.ask_again(shown) or smaller_page.ask(state, first.page.keys)):
            return _ask_again(state, first)
        if counts.expected < shown:
            counts.last.contradict()
            return cease_to_count(state)
    state.first_page = None
    state.pages.remove(first)
    if first.page.keys:
        return _incomplete(state, first.request, first.page, counts.expected or 0)
    if state.repeats(first.request):
        state.awaits_first_page = True
        return []
    return _await_count(state, first.request, first.page)


def judge_count(state: State[T], waiting: AwaitingCount[T], count: int) -> list[Batch[T]]:
    """Returns a page that awaited this count of its own range, if that says exactly as many works."""
    if waiting not in state.pages:
        return []
    request, page = waiting.request, waiting.page
    shown = waiting.shown(state.now)
    if waiting.passed:
        state.pages.remove(waiting)
        if count == len(shown):
            return matching_count.prove(state, waiting, "count")
        state.counts.misjudged += 1  # it is asked for by itself
        return []
    lower = count < len(shown)
    if lower and (request.low, request.high) in state.repeated:
        state.counts.last.contradict()
        return cease_to_count(state)
    if count > len(shown) and not state.counts.doubts.trust(request, shown):
        return cease_to_count(state)
    state.pages.remove(waiting)
    if count == len(shown):
        return matching_count.prove(state, waiting, "count")
    if (lower or not page.keys) and state.repeats(request):
        state.coverage.remember(request.low, request.high, page.keys)
        return []
    return _incomplete(state, request, page, count)


def judge_total(state: State[T], kind: Counted, count: int) -> list[Batch[T]]:
    """Returns all pages that await a count, if one over everything says exactly as many works as there are."""
    state.counts.totals.answer(kind, count)
    if kind is Counted.ALL and matching_count.whole_matches(state, count):
        return matching_count.settle_all(state)
    return []


def cease_to_count(state: State[T]) -> list[Batch[T]]:
    """The server does not count, or not what it shows: pages that await a count are judged without.

    A server that counts may still show whether there are works without a timestamp: its count of all is higher than its
    count of those that have one.
    """
    state.server.counts = False
    state.counts.expected = None
    batches = judge_first_page(state)
    for waiting in state.pages.clear():
        if not waiting.passed and state.coverage.open(waiting.request.low, waiting.request.high):
            batches += _judge_without_count(state, waiting)
    return batches


def _judge_early(state: State[T]) -> list[Batch[T]]:
    """Returns what pages prove that were asked for before the server was shown to sort, if both ends are there."""
    ends = state.ends
    if state.first_pending:
        return []
    batches: list[Batch[T]] = []
    page = ends.pop(ends.other_end)
    if ends.first is not None:
        if ends.other_end is None or page is None:
            return []
        if not page.keys and state.repeats(ends.other_end):
            ends.other_end = None  # it has works at least that the first page shows
            return []
        batches += _compare_ends(state, ends.first, ends.other_end, page)
    elif ends.other_end is not None and page is not None:
        _await_passed(state, ends.other_end, page)
    for request in ends.unproved:
        if (early := ends.pop(request)) is not None:
            batches += judge_page(state, request, early)
    return batches


def _ask_again(state: State[T], first: AwaitingCount[T]) -> list[Batch[T]]:
    state.pages.remove(first)
    state.first_page, state.awaits_first_page = None, True
    state.first_shown = state.first_shown or frozenset(first.page.keys)
    return []


def give_up_ranges(state: State[T]) -> None:
    """The server refuses ranges, or shows works outside of them: only `works.list` over everything is left.

    Raises:
        Unprovable: the server has no such endpoint.
    """
    state.server.honours_range = False
    state.server.order = Order.NONE
    state.ends.first = None
    state.pages.clear()
    if not state.server.lists:
        raise Unprovable(NO_RANGE)
    state.coverage.mark_all(needs_list=True)


def _await_count(state: State[T], request: Request, page: Page[T]) -> list[Batch[T]]:
    """A page that is all there is, if the cap stays the same."""
    waiting = AwaitingCount(request, page, page.ordered())
    if not state.server.counts:
        return _judge_without_count(state, waiting)
    if constant_cap.in_the_future(state, request):
        return constant_cap.pass_over(state, waiting)
    if state.coverage.open(request.low, request.high):
        state.pages.add(waiting)
    return []


def _await_passed(state: State[T], request: Request, page: Page[T]) -> bool:
    """Returns whether what a full page passes awaits a count now."""
    if passed.await_count(state, request, page):
        return True
    state.coverage.remember(request.low, request.high, page.keys)
    return False


def _judge_without_count(state: State[T], waiting: AwaitingCount[T]) -> list[Batch[T]]:
    request = waiting.request
    if not sorted_prefix.in_order(waiting.page.times, descending=request.descending):
        state.server.order = Order.NONE
    if state.server.sorts:
        return sorted_prefix.follow_short(state, waiting)
    if not state.server.lists:
        return constant_cap.assume(state, waiting)
    state.coverage.list_instead(request.low, request.high)
    return []


def _incomplete(state: State[T], request: Request, page: Page[T], count: int = 0) -> list[Batch[T]]:
    """A page behind which there may be more: as many as `count` in all, if that is known."""
    if listing.is_cheap(state, len(page.keys), count):
        state.coverage.list_instead(request.low, request.high)
        return []
    if state.server.sorts:
        return _follow(state, request, page, full=True)
    if state.server.order is Order.UNKNOWN and page.keys and _ask_other_end(state, request, page, count):
        return []
    if sorted_prefix.strong(page.times) or not passed.await_count(state, request, page):
        bisect(state, request, page.keys)
    return []


def _follow(state: State[T], request: Request, page: Page[T], *, full: bool) -> list[Batch[T]]:
    batches = sorted_prefix.follow(state, request, page, full=full)
    if batches is not None:
        return batches
    if not full:
        return _await_count(state, request, page)
    if passed.await_count(state, request, page):
        return []
    if request.first < state.sizes.first:
        state.counts.sized = False  # one second has more works than were thought to be left
        state.coverage.remember(request.low, request.high, page.keys)
    else:
        bisect(state, request, page.keys)
    return []


def _ask_other_end(state: State[T], request: Request, page: Page[T], count: int) -> bool:
    """Returns whether the other end of the interval is to be asked for, to learn if the server sorts."""
    server = state.server
    if len(page.keys) < state.sizes.first and not server.tried_to_split and count <= len(page.keys):
        server.tried_to_split = True
        return False
    if state.ends.first is not None:
        return False
    if not sorted_prefix.in_order(page.times, descending=False):
        server.order = Order.NONE
    if not (server.order is Order.UNKNOWN and sorted_prefix.strong(page.times)):
        return False
    state.ends.first = AwaitingOtherEnd(request, page)
    return True


def _compare_ends(state: State[T], first: AwaitingOtherEnd[T], answered: Request, high: Page[T]) -> list[Batch[T]]:
    """Two pages from both ends of an interval: proved by order, else by count if they show all, else bisected."""
    request, low, server = first.request, first.page, state.server
    state.ends.first = None
    if opposite_ends.sorts_before_cap(low.keys, high.keys, now=state.now):
        batches = opposite_ends.prove_ends(state, request, low, high)
        cut_at_middle(state)
        return batches
    if sorted_prefix.strong(high.times) or not sorted_prefix.in_order(high.times, descending=True):
        server.order = Order.NONE
    if len(high.keys) < min(server.longest_page, answered.first):
        state.coverage.remember(request.low, request.high, low.keys)
        return _await_count(state, answered, high)
    both = Page(low.keys + high.keys, low.items + high.items)
    if server.counts and state.fresh and len(set(both.keys)) == state.counts.expected:
        return _await_count(state, request, both)
    awaited = _await_passed(state, request, low), _await_passed(state, answered, high)
    if not any(awaited):
        bisect(state, request, both.keys)
    return []
