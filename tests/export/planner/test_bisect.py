"""Servers whose order proves nothing: where an interval is cut."""

from __future__ import annotations

from dataclasses import replace

import pytest

from devrev_async.export.planner import Key, Request, Unprovable, key_of
from devrev_async.export.planner.cutting import split_points
from devrev_async.export.planner.intervals import EARLIEST, LATEST, UNDATED, Interval, cut
from devrev_async.export.planner.strategies.bisect import bisect

from .pages import SECOND, export, interval, keys, left, state

WHOLE = Interval(SECOND - 1000, SECOND + 1000)


@pytest.mark.parametrize(
    ("seconds", "points"),
    [
        ([], []),
        ([0, 1, 2, 3, 4], [2]),
        ([5, 5, 5, 1, 9], [5, 6]),  # half of the works: on both sides
        ([5] * 19 + [9], [5, 7]),  # nearly all: the next second stays with them
        ([5] * 9, [5, 7]),
    ],
)
def test_the_median_second(seconds: list[int], points: list[int]) -> None:
    assert split_points(WHOLE, keys(*seconds)) == [SECOND + point for point in points]


def test_works_without_a_timestamp_give_no_point() -> None:
    assert split_points(WHOLE, [key_of(None, "a")] * 9) == []
    assert split_points(Interval(UNDATED, UNDATED + 1), [key_of(None, "a")]) == []


def test_an_interval_of_one_second_is_not_cut() -> None:
    short = Interval(SECOND, SECOND + 1)
    assert cut(short, split_points(short, keys(0, 0, 0))) == [short]


def test_pieces_tile_the_interval_and_keep_what_was_seen_at_its_ends() -> None:
    whole = Interval(SECOND, SECOND + 100, seen_below=SECOND - 3, seen_above=SECOND + 104, below=1.0, above=3.0)
    low, middle, high = cut(whole, [SECOND + 40, SECOND + 60])
    assert [(each.low, each.high) for each in (low, middle, high)] == [
        (SECOND, SECOND + 40),
        (SECOND + 40, SECOND + 60),
        (SECOND + 60, SECOND + 100),
    ]
    assert (low.seen_below, low.seen_above, high.seen_below, high.seen_above) == (SECOND - 3, None, None, SECOND + 104)
    assert (low.below, low.above, middle.below, high.above) == (1.0, 2.0, 2.0, 3.0)


EVERYTHING = Request("export", 1, EARLIEST, LATEST)


def undated(works: int) -> list[Key]:
    return [key_of(None, f"undated {number}") for number in range(works)]


@pytest.mark.parametrize(
    ("open_", "shown", "after"),
    [
        ([(0, 100)], [10, 20, 30], [(0, 20), (20, 100)]),
        # what the page shows works of is cut, and the rest stays as it is
        ([(0, 40), (40, 100)], [10, 20, 30], [(0, 20), (20, 40), (40, 100)]),
        ([(0, 10), (10, 100)], [10, 20, 30], [(0, 10), (10, 20), (20, 100)]),
        ([(0, 15), (15, 100)], [10, 20, 30], [(0, 14), (14, 15), (15, 20), (20, 100)]),
        ([(0, 10), (30, 99)], [10, 29, 99], [(0, 9), (9, 10), (30, 31), (31, 99)]),
        ([(0, 5), (40, 100)], [10, 20, 30], [(0, 4), (4, 5), (40, 42), (42, 100)]),
        # what the request did not ask for as well
        ([(-50, 0), (0, 100), (100, 150)], [10, 20, 30], [(-50, 0), (0, 20), (20, 100), (100, 150)]),
    ],
)
def test_a_page_that_proved_nothing_cuts_what_it_was_asked_for(
    open_: list[tuple[int, int]], shown: list[float], after: list[tuple[int, int]]
) -> None:
    known = state(*(interval(*each) for each in open_), lists=False)
    bisect(known, export(0, 100), keys(*shown))
    assert left(known) == after
    assert not any(each.needs_list for each in known.coverage.intervals)


@pytest.mark.parametrize(
    ("request_", "dated", "without", "listed"),
    [
        # half of the page has no timestamp, although a range was asked for: the server shows such works in every range
        (export(0, 100), (10, 20), 2, True), (export(0, 100), (10, 20, 30), 2, False), (export(0, 100), (), 3, True),
        (EVERYTHING, (10, 20), 2, False), (EVERYTHING, (10, 20), 9, False),
        # what came without a range and shows no timestamp at all cannot be cut
        (EVERYTHING, (), 3, True),
    ],
)  # fmt: skip
def test_works_without_a_timestamp_in_every_range_are_listed(
    request_: Request, dated: tuple[float, ...], without: int, listed: bool
) -> None:
    known = state(interval(0, 100))
    bisect(known, request_, keys(*dated) + undated(without))
    assert {each.needs_list for each in known.coverage.intervals} == {listed}
    assert (len(known.coverage.intervals) == 1) is listed


@pytest.mark.parametrize("half", ["after", "before"])
def test_one_bound_is_a_range(half: str) -> None:
    known = state(interval(0, 100))
    asked = export(0, 100)
    bisect(
        known, replace(asked, before=None) if half == "after" else replace(asked, after=None), keys(10, 20) + undated(2)
    )
    assert [each.needs_list for each in known.coverage.intervals] == [True]


@pytest.mark.parametrize(
    ("shown", "works_left", "listed"),
    [
        # one second has more works than a page, and two pages at most are left: 40
        ((10, 10, 10), 40, True), ((10, 10, 10), 41, False), ((10, 10, 10), None, False), ((10, 10, 11), 40, False),
        ((10.1, 10.5, 10.9), 40, True),
    ],
)  # fmt: skip
def test_a_second_with_nearly_all_that_is_left_is_listed(
    shown: tuple[float, ...], works_left: int | None, listed: bool
) -> None:
    known = state(interval(0, 100))
    known.counts.expected = works_left
    bisect(known, export(0, 100), keys(*shown))
    assert all(each.needs_list for each in known.coverage.intervals) is listed
    assert left(known) == (
        [(0, 100)] if listed else [(0, 10), (10, 11), (11, 100)] if shown[-1] == 11 else [(0, 10), (10, 12), (12, 100)]
    )


def test_an_interval_that_is_too_short_is_listed_or_cannot_be_proved() -> None:
    known = state(interval(0, 10), interval(10, 11))
    bisect(known, export(0, 100), keys(5, 10, 10))
    assert [(each.needs_list, each.high - each.low) for each in known.coverage.intervals] == [
        (False, 9),
        (False, 1),
        (True, 1),
    ]
    known = state(interval(10, 11), lists=False)
    with pytest.raises(
        Unprovable, match=r"^it cannot be split further by created_date, and the server has no works\.list$"
    ):
        bisect(known, export(0, 100), keys(10, 10))
    assert left(known) == [(10, 11)]
