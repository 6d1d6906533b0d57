"""What an answer means, rule by rule: proved, awaited, listed, cut, or asked for once more."""

from __future__ import annotations

from datetime import timedelta

import pytest

from devrev_async.export.planner import Batch, Domain, Interval, Key, Request, Unprovable, judge
from devrev_async.export.planner.intervals import EARLIEST, LATEST, UNDATED
from devrev_async.export.planner.pages import AwaitingCount, AwaitingOtherEnd
from devrev_async.export.planner.server import Order
from devrev_async.export.planner.state import State
from devrev_async.export.planner.totals import Counted

from .pages import NOW, SECOND, export, interval, keys, left, names, page, state

WHOLE = Request("export", 1, EARLIEST, LATEST, first=20)


def outcome(known: State[str], batches: list[Batch[str]]) -> str:
    """What became of the interval of a page, in a word."""
    if batches:
        return "proved"
    if any(each.needs_list for each in known.coverage.intervals):
        return "listed"
    if len(known.pages):
        return "awaits a count"
    if known.ends.first is not None:
        return "awaits the other end"
    dated = [each for each in known.coverage.intervals if each.low != UNDATED]
    return "cut" if len(dated) > 1 else "open"


def going_on(*intervals: Interval, order: Order = Order.UNKNOWN, lists: bool = True, counts: bool = True) -> State[str]:
    """A plan that is past its first page."""
    known = state(*intervals, lists=lists)
    known.awaits_first_page = False
    known.server.order, known.server.counts, known.server.longest_page = order, counts, 20
    return known


def awaiting(known: State[str], request: Request, *shown: Key) -> AwaitingCount[str]:
    waiting = AwaitingCount(request, page([*shown]), page([*shown]).ordered())
    known.pages.add(waiting)
    return waiting


@pytest.mark.parametrize(
    ("shown", "count", "word"),
    [
        (3, 3, "proved"), (0, 0, "proved"),
        (3, 2, "open"), (0, 4, "open"),  # it is asked for once more
        (3, 5, "listed"), (5, 10, "listed"),  # so few that a list is cheaper
        (3, 11, "cut"), (6, 7, "cut"), (6, 20, "cut"),
    ],
)  # fmt: skip
def test_a_count_of_a_pages_own_range(shown: int, count: int, word: str) -> None:
    known = going_on(interval(0, 100))
    waiting = awaiting(known, export(0, 100), *keys(*range(shown)))
    batches = judge.judge_count(known, waiting, count)
    assert outcome(known, batches) == word
    assert len(known.pages) == 0
    assert known.server.counts
    assert known.repeated == ({(SECOND, SECOND + 100)} if word == "open" else set())
    assert judge.judge_count(known, waiting, count) == []  # it awaits none any more


def test_what_was_created_since_the_run_began_is_not_counted() -> None:
    known = going_on(Interval(SECOND, LATEST))
    late = int((NOW - timedelta(seconds=SECOND)).timestamp()) + 1
    waiting = awaiting(known, export(0, LATEST - SECOND), *keys(1, 2, late))
    assert names(judge.judge_count(known, waiting, 2)) == ["w1", "w2", f"w{late}"]


def test_a_count_that_is_too_low_twice_ends_that_counts_are_used() -> None:
    known = going_on(interval(0, 100), lists=False)
    known.counts.last.note(Counted.ALL, 9)
    for number in (1, 2):
        waiting = awaiting(known, export(0, 100, number=number), *keys(1, 2, 3))
        batches = judge.judge_count(known, waiting, 2)
    assert not known.server.counts
    assert not known.counts.last.says_more(0)
    assert (names(batches), known.tally.proofs["assumed_cap"]) == (["w1", "w2", "w3"], 3)


def test_counts_that_are_not_borne_out_are_used_no_more() -> None:
    known = going_on(interval(0, 1024))
    for size in (1024, 512, 256, 128, 64, 32, 16, 8):
        waiting = awaiting(known, export(0, size, number=size), *keys(*range(size)))
        judge.judge_count(known, waiting, 5000)
    assert not known.server.counts


@pytest.mark.parametrize("lists", [True, False])
def test_works_outside_of_the_range_that_was_asked_for(lists: bool) -> None:
    known = going_on(interval(0, 100), interval(500, 600), order=Order.SORTED, lists=lists)
    awaiting(known, export(500, 600), *keys(510))
    known.ends.first = AwaitingOtherEnd(export(500, 600), page(keys(510)))
    if not lists:
        with pytest.raises(Unprovable, match="list"):
            judge.judge_page(known, export(0, 100), page(keys(5, 900)))
        return
    assert judge.judge_page(known, export(0, 100), page(keys(5, 900))) == []
    assert all(each.needs_list is True for each in known.coverage.intervals)
    assert (known.server.honours_range, known.server.order) == (False, Order.NONE)
    assert known.ends.works == 0
    assert len(known.pages) == 0


@pytest.mark.parametrize(
    ("shown", "order", "counts", "lists", "word"),
    [
        # shorter than the longest page, it may be all there is
        (range(7), Order.UNKNOWN, True, True, "awaits a count"), ([], Order.UNKNOWN, True, True, "awaits a count"),
        (range(7), Order.NONE, False, True, "listed"), (range(7), Order.NONE, False, False, "proved"),
        (range(7), Order.SORTED, True, True, "awaits a count"), (range(7), Order.SORTED, False, True, "proved"),
        ([1, 2, 3, 101], Order.SORTED, True, True, "proved"), ([101], Order.SORTED, True, True, "proved"),
        ([], Order.SORTED, True, True, "awaits a count"),
        # a full one may be cut short: proved by order, compared with the other end, or cut
        (range(20), Order.SORTED, True, True, "proved"), (range(20), Order.UNKNOWN, True, True, "awaits the other end"),
        (range(20), Order.NONE, True, True, "cut"), (range(19, -1, -1), Order.UNKNOWN, True, True, "cut"),
        (range(19, -1, -1), Order.SORTED, True, True, "cut"),
    ],
)  # fmt: skip
def test_a_page_of_an_interval(shown: list[float], order: Order, counts: bool, lists: bool, word: str) -> None:
    known = going_on(interval(0, 100), order=order, counts=counts, lists=lists)
    batches = judge.judge_page(known, export(0, 100), page(keys(*shown)))
    assert outcome(known, batches) == word
    assert known.server.counts is counts


@pytest.mark.parametrize("longest", [0, 20])
def test_an_empty_page_is_never_a_full_one(longest: int) -> None:
    known = going_on(interval(0, 100))
    known.server.longest_page = longest
    assert outcome(known, judge.judge_page(known, export(0, 100), page([]))) == "awaits a count"


def test_a_page_of_the_future_is_passed_over() -> None:
    future = SECOND + 500 * 86400
    known = going_on(Interval(future, LATEST))
    after, _ = Domain().bounds(future, LATEST)
    batches = judge.judge_page(known, Request("export", 1, future, LATEST, after, first=20), page([]))
    assert (left(known), known.tally.proofs["assumed_cap"], len(batches)) == ([], 0, 1)


@pytest.mark.parametrize(
    ("high", "counted", "fresh", "word"),
    [
        (range(39, 19, -1), None, True, "proved"),  # apart: the server sorts
        (range(19, -1, -1), 20, True, "awaits a count"),  # together they show all
        (range(19, -1, -1), 21, True, "cut"), (range(19, -1, -1), 20, False, "cut"), (range(19, -1, -1), None, True, "cut"),
        (range(18, -1, -1), None, True, "awaits a count"),  # shorter than the longest page
    ],
)  # fmt: skip
def test_the_two_ends_of_an_interval(high: list[float], counted: int | None, fresh: bool, word: str) -> None:
    known = going_on(interval(0, 100))
    known.fresh, known.counts.expected = fresh, counted
    known.ends.first = AwaitingOtherEnd(export(0, 100), page(keys(*range(20))))
    known.ends.other_end = export(0, 100, descending=True, number=2)
    batches = judge.judge_page(known, known.ends.other_end, page(keys(*high)))
    assert outcome(known, batches) == word
    assert known.ends.first is None
    assert known.server.order is (Order.SORTED if word == "proved" else Order.NONE)
    if word == "awaits a count" and counted:
        (waiting,) = known.pages
        assert (waiting.request.number, len(waiting.page.keys)) == (1, 40)


def test_a_page_below_what_was_asked_for_is_cut_once_to_see_whether_there_is_a_cap() -> None:
    known = going_on(interval(0, 100))
    known.server.longest_page = 16
    assert outcome(known, judge.judge_page(known, export(0, 100), page(keys(*range(16))))) == "cut"
    assert known.server.tried_to_split
    again = going_on(interval(0, 100))
    again.server.longest_page, again.server.tried_to_split = 16, True
    assert outcome(again, judge.judge_page(again, export(0, 100), page(keys(*range(16))))) == "awaits the other end"


def test_a_first_page_that_is_empty_twice_awaits_a_count_of_its_own() -> None:
    known = state()
    known.awaits_first_page, known.counts.expected = False, 7
    known.first_page = awaiting(known, WHOLE)
    known.repeated.add((EARLIEST, LATEST))
    assert judge.judge_first_page(known) == []
    (waiting,) = known.pages
    assert (waiting.request, waiting.page.keys) == (WHOLE, [])


def test_only_two_ends_are_compared_at_a_time() -> None:
    known = going_on(interval(0, 100), interval(200, 300))
    known.ends.first = first = AwaitingOtherEnd(export(0, 100), page(keys(*range(20))))
    assert judge.judge_page(known, export(200, 300, number=2), page(keys(*range(200, 220)))) == []
    assert known.ends.first is first
    assert left(known) == [(0, 100), (200, 210), (210, 300)]


def test_a_count_over_everything_is_kept() -> None:
    known = going_on(interval(0, 100))
    assert judge.judge_total(known, Counted.ALL, 9) == []
    assert known.counts.totals.unexplained(8)
    assert not known.counts.totals.unexplained(9)
