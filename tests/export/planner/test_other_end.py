"""Servers that sort: which end of which interval comes next."""

from __future__ import annotations

import pytest

from devrev_async.export.planner import Request
from devrev_async.export.planner.intervals import Interval
from devrev_async.export.planner.strategies.other_end import End, next_end
from devrev_async.export.planner.tuning import BOTH_ENDS_AT, SPLIT_AT

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
