"""Which counts are asked for, when, and what the first ones settle."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest

from devrev_async.export.planner import Domain, Interval, Key, Request
from devrev_async.export.planner.counts import Counts, OfEverything, OfHalf, OfPage
from devrev_async.export.planner.intervals import EARLIEST, LATEST, UNDATED, moment_of
from devrev_async.export.planner.pages import AwaitingCount, AwaitingOtherEnd
from devrev_async.export.planner.server import Order
from devrev_async.export.planner.state import State
from devrev_async.export.planner.strategies import counting
from devrev_async.export.planner.totals import FIRST_DAY, Counted
from devrev_async.export.planner.tuning import AGAIN, AHEAD, LIES

from .pages import NOW, SECOND, START, export, interval, keys, page, state

EVERYTHING = Request("count", 1, UNDATED, LATEST)


def counts() -> Counts[str]:
    return Counts[str](Domain(), NOW)


def waiting(request: Request, found: Sequence[Key] = ()) -> AwaitingCount[str]:
    """A page that awaits a count of its range."""
    return AwaitingCount(request, page([*found]), page([*found]).ordered())


def test_a_count_over_everything_and_what_it_was_for() -> None:
    asked = counts()
    assert not asked.asked
    first = asked.of_everything(1, Counted.ALL, opening=True)
    dated = asked.of_everything(2, Counted.DATED)
    assert (first, dated) == (EVERYTHING, Request("count", 2, UNDATED, LATEST, FIRST_DAY))
    assert asked.opening
    assert asked.answered(dated) == OfEverything(Counted.DATED)
    assert asked.asked
    assert asked.answered(first) == OfEverything(Counted.ALL, opening=True)
    assert not asked.asked


@pytest.mark.parametrize(("kind", "everything"), [(Counted.ALL, True), (Counted.DATED, False), (Counted.EARLY, False)])
def test_whether_everything_is_being_counted(kind: Counted, everything: bool) -> None:
    asked = counts()
    asked.of_half(1, SECOND)
    assert (asked.asked, asked.asked_of_everything) == (True, False)
    request = asked.of_everything(2, kind)
    assert (asked.asked_of_everything, asked.opening) == (everything, False)
    asked.answered(request)
    assert (asked.asked, asked.asked_of_everything) == (True, False)


@pytest.mark.parametrize(
    ("low", "high"), [(0, 100), (0, LATEST - SECOND), (0, 500 * 86400)]
)  # what was created since the run began is not counted
def test_a_count_of_the_range_of_a_page(low: int, high: int) -> None:
    asked, of = counts(), waiting(export(low, high, number=7))
    request = asked.of_page(3, of)
    before = min(NOW, moment_of(SECOND + high))
    assert request == Request("count", 3, of.request.low, of.request.high, of.request.after, before)
    assert asked.answered(request) == OfPage(of)


def test_a_count_of_what_was_created_from_a_second_on() -> None:
    asked = counts()
    request = asked.of_half(3, SECOND)
    assert request == Request("count", 3, SECOND, LATEST, START)
    assert asked.answered(request) == OfHalf()


def test_nothing_is_held_against_a_server_at_first() -> None:
    known = counts()
    assert (known.recounted, known.misjudged, known.undated_recounts, known.halves) == (0, 0, 0, None)
    assert (known.probed, known.sized) == (False, True)


@pytest.mark.parametrize(("second", "trusted"), [(40, True), (500 * 86400, False)])
def test_works_created_since_the_run_began_do_not_bear_a_count_out(second: int, trusted: bool) -> None:
    known = counts()
    for _ in range(LIES):
        assert known.doubts.trust(export(0, LATEST - SECOND), set())
    known.doubts.note_page(export(0, LATEST - SECOND), keys(second))
    assert known.doubts.trust(export(0, LATEST - SECOND), set()) is trusted


def test_what_was_counted_before_the_run_stands_until_the_first_page_says_otherwise() -> None:
    known = counts()
    assert (known.expected, known.opening, known.made_before) == (None, False, False)
    known.counted_before(7)
    assert (known.expected, known.opening, known.made_before) == (7, True, True)
    assert (known.last.says_more(6), known.last.says_more(7)) == (True, False)
    known.ask_anew()
    assert (known.expected, known.opening, known.made_before) == (None, False, False)


@pytest.mark.parametrize(
    ("pairs", "again"),
    [
        # counted and shown: they are asked for again once, and then while either changes, four times at most
        ([(12, 11), (12, 11)], [True, False]), ([(12, 11), (12, 10)], [True, True]), ([(12, 11), (13, 11)], [True, True]),
        ([(12, 11), (11, 10), (12, 11), (12, 11)], [True, True, True, False]),
        ([(12, shown) for shown in range(AGAIN + 2)], [True] * AGAIN + [False] * 2),
    ],
)  # fmt: skip
def test_how_often_the_first_page_and_its_count_are_asked_for(pairs: list[tuple[int, int]], again: list[bool]) -> None:
    known, got = counts(), list[bool]()
    for expected, shown in pairs:
        known.expected, known.opening = expected, True
        got.append(known.ask_again(shown))
        assert (known.expected, known.opening) == ((None, False) if got[-1] else (expected, True))
    assert got == again


@pytest.mark.parametrize(("begun", "opening", "asked"), [(1, False, True), (0, False, False), (1, True, False)])
def test_a_count_is_asked_for_beside_the_first_page(begun: int, opening: bool, asked: bool) -> None:
    known = state()
    for _ in range(begun):
        known.in_flight.next_number()
    known.counts.opening = opening
    request = counting.beside_first_page(known)
    assert request == (Request("count", 2, UNDATED, LATEST) if asked else None)
    if request is not None:
        assert known.counts.answered(request) == OfEverything(Counted.ALL, opening=True)
        assert known.counts.opening


def nearly_done(*intervals: Interval, pages: int = 1) -> State[str]:
    """A fresh run of a server that sorts, which does not know how many works there are; the last pages are under way."""
    known = state(*(intervals or (interval(0, 100),)))
    known.fresh, known.server.order, known.server.longest_page = True, Order.SORTED, 20
    for number in range(pages):
        known.in_flight.add(export(0, 100, number=700 + number))
    return known


def counts_ahead(known: State[str]) -> bool:
    request = counting.beside_last_pages(known)
    if request is None:
        return False
    assert request == Request("count", 1, UNDATED, LATEST)
    assert known.counts.answered(request) == OfEverything(Counted.ALL)
    assert known.counts.ahead.answer(1, 9)
    return True


def test_everything_is_counted_beside_the_last_pages() -> None:
    assert counts_ahead(nearly_done())


@pytest.mark.parametrize(
    "why_not",
    [
        "resumed",
        "counts nothing",
        "shows works without a date",
        "counts already",
        "has counted",
        "has asked",
        "as often",
    ],
)
def test_but_not_where_that_proves_nothing_or_was_done(why_not: str) -> None:
    known = nearly_done()
    if why_not == "resumed":
        known.fresh = False
    elif why_not == "counts nothing":
        known.server.counts = False
    elif why_not == "shows works without a date":
        known.server.shows_undated = True
    elif why_not == "counts already":
        known.counts.of_half(500, SECOND)
    elif why_not == "has counted":
        known.counts.totals.answer(Counted.ALL, 9)
    else:
        for number in range(AHEAD if why_not == "as often" else 1):
            known.counts.ahead.ask(number)
        if why_not == "as often":
            known.counts.ahead.void()
    assert not counts_ahead(known)


@pytest.mark.parametrize(
    ("expected", "sorts", "first", "counted"),
    [
        (None, True, False, True), (None, False, False, False), (90, True, False, False),
        # the other end of so few works cannot show that the server sorts: 8 works beyond the first page do
        (27, False, True, True), (28, False, True, False),
    ],
)  # fmt: skip
def test_only_where_order_is_no_proof(expected: int | None, sorts: bool, first: bool, counted: bool) -> None:
    known = nearly_done()
    known.counts.expected = expected
    known.server.order = Order.SORTED if sorts else Order.UNKNOWN
    if first:
        known.ends.first = AwaitingOtherEnd(export(0, 100), page(keys(*range(20))))
    assert counts_ahead(known) is counted


@pytest.mark.parametrize(
    ("rate", "pages", "counted"),
    [(0.18, 1, True), (0.181, 1, False), (0.36, 2, True), (0.361, 2, False), (9.0, 0, False)],
)
def test_not_if_further_pages_may_be_needed(rate: float, pages: int, counted: bool) -> None:
    """100 seconds, so many works in each, and 20 in a page: nine tenths of those under way are sure."""
    known = nearly_done(Interval(SECOND, SECOND + 100, below=rate, above=rate), pages=pages)
    assert counts_ahead(known) is counted


@pytest.mark.parametrize(
    ("low", "high", "counted"), [(-50, 0, False), (100, 200, False), (-50, 1, True), (99, 200, True)]
)
@pytest.mark.parametrize("waits", [False, True])
def test_pages_of_other_intervals_are_none_of_this_one(low: int, high: int, counted: bool, waits: bool) -> None:
    known = nearly_done(Interval(UNDATED, UNDATED + 1, needs_list=True), interval(0, 100), pages=0)
    known.coverage.intervals[1:] = [Interval(SECOND, SECOND + 100, below=0.1, above=0.1)]
    if waits:  # a page that awaits a count is there
        known.pages.add(waiting(export(low, high)))
    else:
        known.in_flight.add(export(low, high, number=700))
    assert counts_ahead(known) is counted


def test_not_if_something_is_to_be_listed() -> None:
    known = nearly_done(Interval(SECOND, SECOND + 100, needs_list=True))
    assert not counts_ahead(known)
    known.pages.add(waiting(export(0, 100)))
    assert counts_ahead(known)


@pytest.mark.parametrize(
    ("fresh", "undated", "counted", "everything"),
    [(True, False, False, True), (False, False, False, False), (True, True, False, False), (True, False, True, False)],
)
def test_one_count_may_do_for_all_pages_that_await_one(
    fresh: bool, undated: bool, counted: bool, everything: bool
) -> None:
    known = state(interval(0, 100))
    known.fresh, known.server.shows_undated = fresh, undated
    if counted:
        known.counts.totals.answer(Counted.ALL, 9)
    known.pages.add(waiting(export(0, 50, number=7), keys(1, 2)))
    request = counting.for_all_pages(known)
    assert request is not None
    assert (request.kind, request.number, request.low) == ("count", 1, UNDATED if everything else SECOND)
    assert known.counts.asked_of_everything is everything


def test_of_pages_that_await_a_count_the_longest_is_counted_first() -> None:
    known = state(interval(0, 100))
    short, long = waiting(export(0, 50, number=7), keys(1)), waiting(export(50, 100, number=8), keys(60, 61))
    known.pages.add(short)
    known.pages.add(long)
    for number, of in enumerate((long, short), start=1):
        request = counting.for_one_page(known)
        assert request is not None
        assert (request.number, request.low, request.high) == (number, of.request.low, of.request.high)
        assert known.counts.answered(request) == OfPage(of)
    assert counting.for_one_page(known) is None


def test_but_before_it_one_that_can_show_whether_a_count_was_right() -> None:
    known = state(interval(0, 100))
    known.counts.doubts.trust(export(0, 60), set(keys(1, 2, 3)))
    for each in (export(0, 50, number=7), export(60, 100, number=8)):
        known.pages.add(waiting(each, keys(*range(each.number))))
    request = counting.for_one_page(known)
    assert request is not None
    assert request.low == SECOND


def test_no_page_is_counted_while_everything_is() -> None:
    known = state(interval(0, 100))
    known.pages.add(waiting(export(0, 50, number=7), keys(1)))
    known.counts.of_everything(500, Counted.ALL)
    assert counting.for_one_page(known) is None


def test_where_the_user_gave_a_range_that_is_counted() -> None:
    year = Domain(START, START + timedelta(days=365))
    after, before = year.bounds(EARLIEST, LATEST)
    known = Counts[str](year, NOW)
    assert known.of_everything(1, Counted.ALL) == Request("count", 1, UNDATED, LATEST, after, before)
    assert known.of_half(2, SECOND + 9) == Request("count", 2, SECOND + 9, LATEST, moment_of(SECOND + 9), before)
