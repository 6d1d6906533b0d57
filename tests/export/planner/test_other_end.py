"""Servers that sort: which end of which interval comes next."""

from __future__ import annotations

from dataclasses import replace

import pytest

from devrev_async.export.planner import Request
from devrev_async.export.planner.halves import Halves
from devrev_async.export.planner.intervals import LATEST, Interval, micros
from devrev_async.export.planner.server import Order
from devrev_async.export.planner.state import State
from devrev_async.export.planner.strategies.other_end import End, ask_next_end, next_end
from devrev_async.export.planner.tuning import BOTH_ENDS_AT, SPLIT_AT

from .pages import NOW, SECOND, export, interval, left, state

LONG, SHORT = Interval(1000, 2000), Interval(3000, 3500)
UP, DOWN = Request("export", 1, 1000, 2000), Request("export", 2, 1000, 2000, descending=True)


@pytest.mark.parametrize(
    ("in_flight", "pages", "left", "end"),
    [
        ([], 1.0, None, End(LONG, descending=False, split=False)),
        ([UP], BOTH_ENDS_AT, None, End(LONG, descending=True, split=False)),
        ([UP], BOTH_ENDS_AT - 0.01, None, None),
        ([UP], 0.0, 1, End(LONG, descending=True, split=False)),  # by the count, works are left
        ([UP], 9.0, 0, None),  # by the count, there are none
        ([UP, DOWN], SPLIT_AT + 2, None, End(LONG, descending=False, split=True)),
        ([UP, DOWN], SPLIT_AT + 1.99, None, None),
        ([DOWN], BOTH_ENDS_AT, None, End(LONG, descending=False, split=False)),
    ],
)
def test_one_interval(in_flight: list[Request], pages: float, left: int | None, end: End | None) -> None:
    def counted(_: Interval) -> int | None:
        return left

    assert next_end([LONG], in_flight, lambda _: pages, None if left is None else counted) == end


def test_an_interval_that_nobody_asked_for_comes_first() -> None:
    assert next_end([LONG, SHORT], [UP], lambda each: 9.0 if each is LONG else 0.5) == End(SHORT, False, False)


def test_of_several_intervals_one_end_each_is_asked_for() -> None:
    """How many works are left of all of them says nothing of one: both ends might bring the same works."""
    asked = [UP, Request("export", 3, 3000, 3500)]
    assert next_end([LONG, SHORT], asked, lambda _: 9.0, lambda _: None) is None
    assert next_end([LONG, SHORT], asked, lambda _: 9.0) is not None


def test_a_request_belongs_to_the_interval_that_it_shows_first() -> None:
    """It was sent for all of them when they were one."""
    low, high = Interval(1000, 1400), Interval(1600, 2000)
    end = next_end([low, high], [UP, DOWN], lambda _: BOTH_ENDS_AT)
    assert end is not None
    assert end.interval in (low, high)
    assert end.descending is (end.interval is low)
    asked = [UP, DOWN, Request("export", 3, 1000, 1400, descending=True), Request("export", 4, 1600, 2000)]
    assert next_end([low, high], asked, lambda _: BOTH_ENDS_AT) is None


UP_SHORT, DOWN_SHORT = Request("export", 3, 3000, 3500), Request("export", 4, 3000, 3500, descending=True)
FOUR = [UP, DOWN, UP_SHORT, DOWN_SHORT]


@pytest.mark.parametrize(
    ("in_flight", "pages", "end"),
    [
        ([], (3.0, 5.0), End(SHORT, False, False)), ([], (5.0, 3.0), End(LONG, False, False)),
        ([UP, UP_SHORT], (5.0, 3.0), End(LONG, True, False)), ([UP, UP_SHORT], (3.0, 5.0), End(SHORT, True, False)),
        (FOUR, (9.0, 7.0), End(LONG, False, True)), (FOUR, (7.0, 9.0), End(SHORT, False, True)),
        (FOUR, (5.9, 6.0), End(SHORT, False, True)), (FOUR, (5.9, 5.9), None),
        # a free end comes before an interval to be cut
        ([UP, DOWN, UP_SHORT], (99.0, 3.0), End(SHORT, True, False)),
    ],
)  # fmt: skip
def test_of_several_the_one_that_needs_most_pages(
    in_flight: list[Request], pages: tuple[float, float], end: End | None
) -> None:
    assert next_end([LONG, SHORT], in_flight, lambda each: pages[each is SHORT]) == end


def test_a_further_end_is_asked_for_where_works_are_left() -> None:
    left = {LONG: 0, SHORT: 3}
    assert next_end([LONG, SHORT], [UP, UP_SHORT], lambda _: 9.0, left.__getitem__) == End(SHORT, True, False)


@pytest.mark.parametrize("counts", [True, False])
@pytest.mark.parametrize(("seconds", "asked"), [(1, False), (2, True)])
def test_of_one_second_no_second_page_is_asked_for(seconds: int, asked: bool, counts: bool) -> None:
    def counted(_: Interval) -> int:
        return 5

    second = Interval(10, 10 + seconds)
    under_way = [Request("export", 1, 10, 10 + seconds), UP]
    pages = {second: 9.0, LONG: 3.0}
    end = next_end([second, LONG], under_way, pages.__getitem__, counted if counts else None)
    assert end == (End(second, True, False) if asked else End(LONG, True, False))


def going_on(*intervals: Interval, counted: int | None = None) -> State[str]:
    """A plan of a server that sorts, and has pages of 500."""
    known = state(*intervals, first=500)
    known.server.order, known.server.longest_page = Order.SORTED, 500
    known.counts.expected = counted
    return known


def after(second: int) -> int:
    return SECOND + second


ALONE = interval(0, 100)


@pytest.mark.parametrize(
    ("open_", "counted", "low", "high", "descending", "first"),
    [
        (ALONE, None, 0, 100, False, 500),
        # no more than are left, those that were seen, what is created meanwhile, and two seconds of what stands before
        (ALONE, 60, 0, 100, False, 60 + 25 + 1), (replace(ALONE, below=10.0, above=1.0), 60, 0, 100, False, 106),
        # as far as the nearest work that was seen, and then no others follow in the range
        (replace(ALONE, seen_above=after(130)), 60, 0, 131, False, 500), (replace(ALONE, seen_below=after(-9)), 60, 0, 100, False, 86),
        (interval(0, 1), 60, 0, 1, False, 500), (interval(0, 2), 60, 0, 2, False, 86),
    ],
)  # fmt: skip
def test_a_page_of_an_interval_that_nobody_asked_for(
    open_: Interval, counted: int | None, low: int, high: int, descending: bool, first: int
) -> None:
    known = going_on(open_, counted=counted)
    assert ask_next_end(known, [open_]) == export(low, high, descending=descending, first=first)


@pytest.mark.parametrize(
    ("open_", "low", "first"),
    [
        (ALONE, 0, 100 + 25 + 2), (replace(ALONE, below=1.0, above=10.0), 0, 147),
        # a page from the other end is under way, so that others follow
        (replace(ALONE, seen_below=after(-9), seen_above=after(130)), -9, 127),
    ],
)  # fmt: skip
def test_a_page_from_its_other_end(open_: Interval, low: int, first: int) -> None:
    known = going_on(open_, counted=600)
    known.in_flight.add(export(0, 100, first=500, number=7))
    assert ask_next_end(known, [open_]) == export(low, 100, descending=True, first=first)


@pytest.mark.parametrize("counts", [True, False])
def test_where_works_are_counted_both_ends_are_asked_for_by_the_count(counts: bool) -> None:
    """Else by the density beside the interval: here it would need ten pages."""
    open_ = replace(ALONE, below=50.0, above=50.0)
    known = going_on(open_)
    known.server.counts = counts
    known.in_flight.add(export(0, 100, first=500, number=7))
    assert ask_next_end(known, [open_]) == (None if counts else export(0, 100, descending=True, first=500))


@pytest.mark.parametrize(
    ("open_", "descending"),
    [
        (Interval(SECOND, LATEST, seen_below=after(-9)), True), (Interval(SECOND, LATEST), False),
        (Interval(SECOND, LATEST, seen_below=after(-9), seen_above=LATEST), False),
        (Interval(SECOND, LATEST - 1, seen_below=after(-9)), False),
    ],
)  # fmt: skip
def test_what_reaches_to_the_end_of_time_is_asked_for_from_there(open_: Interval, descending: bool) -> None:
    """Only that page can show what was seen at the other side."""
    before = interval(-50, 0)
    known = going_on(before, open_)
    known.in_flight.add(export(-50, 0, number=7))
    request = ask_next_end(known, [before, open_])
    assert request is not None
    assert request.descending is descending
    assert request.low == (after(-9) if descending else SECOND)


def test_but_not_if_a_page_under_way_goes_on_to_it() -> None:
    before, open_ = interval(-50, 0), Interval(SECOND, LATEST, seen_below=after(-9))
    known = going_on(before, open_)
    known.in_flight.add(export(-50, 1, number=7))
    request = ask_next_end(known, [before, open_])
    assert request is not None
    assert (request.low, request.descending) == (SECOND, False)


@pytest.mark.parametrize(
    ("number", "low", "high", "descending", "first"), [(1, 0, 300, False, 60), (2, 0, 300, True, 50)]
)
def test_a_page_of_one_of_two_halves_goes_on_beyond(
    number: int, low: int, high: int, descending: bool, first: int
) -> None:
    """Nothing was seen between them yet, and it has to show a work from there. How many are left is known of each."""
    halves = [interval(0, 100), interval(200, 300)]
    known = going_on(*halves, counted=560)
    known.counts.halves = Halves(after(150), gain=480, counted=525, cut=True)
    under_way = [export(200, 300, first=500, number=7)]
    if number == 2:
        under_way += [export(0, 100, first=20, number=8), export(0, 100, first=20, number=9, descending=True)]
    for each in under_way:
        known.in_flight.add(each)
    assert ask_next_end(known, halves) == export(low, high, descending=descending, first=first)


def test_of_several_intervals_that_were_not_counted_each_is_asked_for_as_far_as_it_goes() -> None:
    several = [interval(0, 100), interval(200, 300)]
    known = going_on(*several, counted=560)
    for number, each in enumerate(several, start=1):
        request = export(each.low - SECOND, each.high - SECOND, number=number, first=500)
        assert ask_next_end(known, several) == request
        known.in_flight.add(request)
    assert ask_next_end(known, several) is None
    known.server.counts = False
    dense = [replace(each, below=rate, above=rate) for each, rate in zip(several, (50.0, 90.0), strict=True)]
    assert ask_next_end(known, dense) == export(200, 300, descending=True, first=500, number=3)


def test_another_way_that_was_noted_for_an_interval_is_taken_once() -> None:
    known = going_on(ALONE)
    known.coverage.detours[ALONE.low, ALONE.high] = after(-5), after(90), True
    assert ask_next_end(known, [ALONE]) == export(-5, 90, descending=True, first=500)
    assert known.coverage.detours == {}


@pytest.mark.parametrize(("seen_above", "high"), [(None, 1000), (1010, 1011)])
def test_the_longest_interval_is_cut_in_the_middle_if_pages_are_under_way_from_both_its_ends(
    seen_above: int | None, high: int
) -> None:
    open_ = replace(interval(0, 1000), below=20.0, above=20.0, seen_above=seen_above and after(seen_above))
    known = going_on(open_)
    known.server.counts = False
    for number, descending in ((7, False), (8, True)):
        known.in_flight.add(export(0, 1000, descending=descending, number=number))
    assert ask_next_end(known, [open_]) == export(500, high, first=500)
    assert left(known) == [(0, 500), (500, 1000)]


def test_what_cannot_be_cut_in_the_middle_is_left_to_the_pages_under_way() -> None:
    """Works stand in its first second only: the one in which the run began."""
    now = micros(NOW) // 10**6
    open_ = Interval(now, LATEST, below=9000.0, above=9000.0)
    known = going_on(open_)
    known.server.counts = False
    for number, descending in ((7, False), (8, True)):
        known.in_flight.add(export(now - SECOND, LATEST - SECOND, descending=descending, number=number))
    assert ask_next_end(known, [open_]) is None
    assert known.coverage.intervals == [open_]
