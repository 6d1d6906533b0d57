"""Servers that sort and count: what two ends leave is cut in two where its later half was counted."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from math import expm1, log1p

import pytest

from devrev_async.export.planner import Domain, Request
from devrev_async.export.planner.halves import Halves
from devrev_async.export.planner.intervals import EARLIEST, LATEST, micros, moment_of
from devrev_async.export.planner.pages import AwaitingOtherEnd
from devrev_async.export.planner.planner import Plan
from devrev_async.export.planner.price import parallel_for
from devrev_async.export.planner.state import State
from devrev_async.export.planner.strategies.halving import ask_beside_ends, cut_in_half, guess, take_in
from devrev_async.export.planner.tuning import SLOW_FROM

from .pages import NOW, SECOND, START, SortedServer, interval, keys, left, page, plan, state


def evenly(works: int, apart: float = 100.0) -> list[datetime]:
    return [START + timedelta(seconds=apart * number) for number in range(works)]


@pytest.mark.parametrize(
    ("waited", "parallel"), [(0.0, 2), (SLOW_FROM[0], 3), (0.4, 3), (SLOW_FROM[1], 4), (0.8, 5), (60.0, 6)]
)
def test_how_many_pages_come_side_by_side(waited: float, parallel: int) -> None:
    assert parallel_for(waited) == parallel


@pytest.mark.parametrize(("parallel", "waits"), [(1, 12), (2, 7), (3, 5), (4, 4)])
def test_waits_for_ten_pages(parallel: int, waits: int) -> None:
    planned = plan(first=500, limit=10, parallel=parallel)
    cost = SortedServer(evenly(5000)).export(planned)
    assert cost.waits == waits
    assert cost.requests <= 13
    assert planned.duplicates <= 100
    assert planned.proofs["order"] == 5000


@pytest.mark.parametrize("growth", [0.001, 1.0, 3.0, 8.0])
@pytest.mark.parametrize("rank", [1000, 5000, 9000])
def test_where_a_work_stands_if_ever_more_are_created(rank: int, growth: float) -> None:
    until = 10**8
    times = [int(until * log1p(number / 10_000 * expm1(growth)) / growth) * 10**6 for number in range(10_000)]
    found = guess(times[:1000], rank, 10_000, until * 10**6)
    assert found is not None
    assert abs(found - times[rank] // 10**6) <= until / 1000


@pytest.mark.parametrize("years", [1, 2, 50])
def test_where_a_work_stands_if_none_are_created_any_more(years: int) -> None:
    times = [100 * number * 10**6 for number in range(1000)]
    assert guess(times, 5000, 10_000, years * 365 * 86400 * 10**6) == pytest.approx(500_000, rel=0.01)


def test_of_works_of_one_time_nothing_is_guessed() -> None:
    assert guess([5_000_000] * 100, 500, 1000, 10**12) is None
    assert guess([0, 10_000_000], 5, 10, 9_000_000) is None  # created after now
    assert guess([0, 10_000_000], 5, 10, 10_000_000) is None


@pytest.mark.parametrize(
    ("times", "rank", "second"), [((3.5, 8.5, 13.5), 4, 16), ((3.9, 4.0, 9.9), 1, 5), ((3.5, 9.5), 9, 30)]
)
def test_works_go_on_to_be_created_as_the_first_page_shows(times: tuple[float, ...], rank: int, second: int) -> None:
    shown = [micros(START) + int(time * 10**6) for time in times]
    found = guess(shown, rank, 10, micros(NOW))
    assert (found, type(found)) == (SECOND + second, int)


@pytest.mark.parametrize(
    ("works", "apart", "parallel", "counts"),
    [
        (1000, 100.0, 3, 2),
        (1000, 100.0, 2, 1),  # there is no room for a third page
        (500, 100.0, 4, 1),  # both ends bring what is left with the next pages
        (1000, 0.05, 4, 1),  # so many stand in a second that the price leaves no room for a count
    ],
)
def test_the_count_is_asked_for_where_it_saves_waits(works: int, apart: float, parallel: int, counts: int) -> None:
    cost = SortedServer(evenly(works, apart)).export(plan(first=100, parallel=parallel))
    assert cost.counts == counts


def test_a_resumed_export_is_not_cut() -> None:
    planned = Plan[str](Domain(), now=NOW, intervals=Domain().intervals(), first=100, limit=5, parallel=4)
    assert SortedServer(evenly(1000)).export(planned).counts == 1


ODD_COUNTS: dict[str, Callable[[int], int | None]] = {
    "right": lambda right: right,
    "none": lambda _: None,
    "nothing": lambda _: 0,
    "more than all": lambda _: 10**6,
    "too low": lambda right: right // 2,
    "a few more": lambda right: right + 3,
}


@pytest.mark.parametrize("odd", ODD_COUNTS)
def test_a_wrong_count_of_the_later_half_costs_requests_not_works(odd: str) -> None:
    recount = ODD_COUNTS[odd]
    planned = plan(first=500, limit=10, parallel=3)
    cost = SortedServer(evenly(5000), recount).export(planned)
    assert cost.counts == 2
    assert cost.requests <= 15
    assert planned.fetched <= 1.1 * 5000 + 100


@pytest.mark.parametrize("rank", [0.02, 0.3, 0.5, 0.7, 0.98])
def test_works_that_stand_otherwise_than_guessed_cost_waits_not_requests(rank: float) -> None:
    """A gap of years, before which and behind which works are even."""
    times = [time + timedelta(days=300) * (number > 5000 * rank) for number, time in enumerate(evenly(5000, 10.0))]
    planned = plan(first=500, limit=10, parallel=4)
    cost = SortedServer(times).export(planned)
    assert cost.requests <= 13
    assert cost.waits <= 7
    assert planned.fetched <= 1.1 * 5000 + 100


WHOLE = Request("export", 1, EARLIEST, LATEST, first=500)


def two_ends(works: int, *, sent: int, first: list[float] | None = None, size: int = 500) -> State[str]:
    """A plan of so many works that has its first page, and so many requests sent; the other end is under way."""
    known = state(first=size, parallel=3)
    known.counts.expected = works
    seconds = first or [100.0 * number for number in range(size)]
    known.ends.first = AwaitingOtherEnd(WHOLE, page(keys(*seconds)))
    known.in_flight.add(Request("export", 2, EARLIEST, LATEST, descending=True, first=size))
    for _ in range(sent):
        known.in_flight.next_number()
    return known


@pytest.mark.parametrize(
    ("works", "sent", "earlier"),
    [
        # of 1436 works, a page brings 480: so many of them come with two of four pages, and what both halves may spare
        (2436, 3, 2 * 480 - 242), (2415, 4, 480 - 12), (2895, 4, 2 * 480 - 12), (2896, 3, 2 * 480 - 252), (3500, 3, 3 * 480 - 190),
        # a page more than is needed makes up for what is guessed wrongly, if the price allows for it
        (2436, 2, 2 * 480 - 482), (2436, 0, 2 * 480 - 482), (2895, 3, 2 * 480 - 252), (3500, 0, 3 * 480 - 430),
        # the price does not allow for a count beside the pages
        (2436, 4, None), (2415, 5, None), (2896, 4, None), (3500, 4, None),
        # what is left comes with two pages
        (2000, 0, None), (2001, 0, 2 * 480 - 459), (2001, 4, 480 - 219),
    ],
)  # fmt: skip
def test_what_is_counted_beside_the_ends(works: int, sent: int, earlier: int | None) -> None:
    known = two_ends(works, sent=sent)
    request = ask_beside_ends(known)
    if earlier is None:
        assert request is None
        assert known.counts.halves is None
        return
    assert known.ends.first is not None
    second = guess(known.ends.first.page.times, 500 + earlier, works, known.now)
    assert second is not None
    assert request == Request("count", sent + 1, second, LATEST, moment_of(second))
    assert known.counts.halves == Halves(second, 480)
    assert ask_beside_ends(known) is None


@pytest.mark.parametrize(
    ("size", "seconds", "gain"),
    [
        (500, [float(number) for number in range(500)], 480), (510, [float(number) for number in range(510)], 490),
        # the next page begins with the second in which this one ends, and one at the bound
        (500, [float(number) for number in range(470)] + [470 + number / 100 for number in range(30)], 469),
        (500, [float(number) for number in range(480)] + [480 + number / 100 for number in range(20)], 479),
        (500, [float(number) for number in range(469)] + [469 + number / 100 for number in range(30)] + [490.0], 480),
    ],
)  # fmt: skip
def test_what_a_page_brings_beside_what_it_shows_again(size: int, seconds: list[float], gain: int) -> None:
    known = two_ends(5000, sent=0, first=seconds, size=size)
    assert ask_beside_ends(known) is not None
    assert known.counts.halves is not None
    assert (known.counts.halves.gain, type(known.counts.halves.gain)) == (gain, int)


@pytest.mark.parametrize("tied", [499, 500])
def test_nothing_is_counted_where_a_page_brings_nothing(tied: int) -> None:
    seconds = [float(number) for number in range(500 - tied)] + [900 + number / 1000 for number in range(tied)]
    assert ask_beside_ends(two_ends(5000, sent=0, first=seconds)) is None


@pytest.mark.parametrize(
    "why_not", ["resumed", "no room", "pages come from the middle", "not counted", "no first page"]
)
def test_when_nothing_is_counted_beside_the_ends(why_not: str) -> None:
    known = two_ends(2500, sent=0)
    if why_not == "resumed":
        known.fresh = False
    elif why_not == "no room":
        known.sizes = state(first=500, parallel=2).sizes
    elif why_not == "pages come from the middle":
        known.ends.middle = SECOND + 900
    elif why_not == "not counted":
        known.counts.expected = None
    else:
        known.ends.first = None
    assert ask_beside_ends(known) is None


def test_a_first_page_of_which_nothing_is_guessed() -> None:
    late = (NOW - START).total_seconds()
    known = two_ends(2500, sent=0, first=[late + number for number in range(500)])
    assert ask_beside_ends(known) is None
    assert known.counts.halves is None


def sorted_and_counted(counted: int | None, *, sent: int = 0) -> State[str]:
    """A plan with 1500 works left, so many of which are in the later half."""
    known = state(interval(0, 1000), first=500, parallel=3)
    known.counts.expected, known.counts.halves = 1500, Halves(SECOND + 400, 480)
    take_in(known, counted)
    for _ in range(sent):
        known.in_flight.next_number()
    return known


@pytest.mark.parametrize(
    ("counted", "sent", "is_cut"),
    [
        (700, 0, True), (1, 0, True), (1499, 0, True), (0, 0, False), (1500, 0, False), (9000, 0, False),
        # six requests are within the price; a page brings 455 works, and 25 that are seen again
        (700, 2, True), (700, 3, False), (455, 2, True), (455, 3, False), (456, 1, True), (456, 2, False),
    ],
)  # fmt: skip
def test_what_is_left_is_cut_where_its_later_half_was_counted(counted: int, sent: int, is_cut: bool) -> None:
    known = sorted_and_counted(counted, sent=sent)
    pieces = cut_in_half(known, known.coverage.intervals)
    assert pieces == known.coverage.intervals
    assert left(known) == ([(0, 400), (400, 1000)] if is_cut else [(0, 1000)])
    if is_cut:
        assert [known.left_in(each, pieces) for each in pieces] == [1500 - counted, counted]
        assert cut_in_half(known, pieces) == pieces
    else:
        assert known.counts.halves is None


def test_it_waits_for_the_count_and_for_what_else_is_open() -> None:
    known = sorted_and_counted(None)
    (whole,) = known.coverage.intervals
    assert cut_in_half(known, [whole]) == [whole]
    take_in(known, 700)
    assert cut_in_half(known, [whole, interval(2000, 3000)]) == [whole, interval(2000, 3000)]
    assert left(known) == [(0, 1000)]
    assert len(cut_in_half(known, [whole])) == 2


def test_one_half_that_is_left_is_not_cut_again() -> None:
    known = sorted_and_counted(700)
    halves = cut_in_half(known, known.coverage.intervals)
    known.coverage.intervals = halves[1:]
    assert cut_in_half(known, halves[1:]) == halves[1:]
    assert known.counts.halves is not None


def test_a_second_outside_of_what_is_left_cuts_nothing() -> None:
    known = sorted_and_counted(700)
    known.coverage.intervals = [interval(500, 1000)]
    assert cut_in_half(known, known.coverage.intervals) == [interval(500, 1000)]
    assert known.counts.halves is None
