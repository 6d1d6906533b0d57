"""Servers whose order proves nothing: where an interval is cut."""

from __future__ import annotations

import pytest

from devrev_async.export.planner import key_of
from devrev_async.export.planner.cutting import split_points
from devrev_async.export.planner.intervals import UNDATED, Interval, cut

from .pages import SECOND, keys

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
