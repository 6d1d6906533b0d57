"""What is open, where works can be expected, and what closing a part of it yields."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from devrev_async.export.planner.coverage import Coverage
from devrev_async.export.planner.cutting import split_points
from devrev_async.export.planner.halves import Halves
from devrev_async.export.planner.intervals import (
    EARLIEST,
    LATEST,
    SECOND,
    UNDATED,
    Batch,
    Domain,
    Interval,
    Key,
    mark_of,
)

NOW = 1000
"""The second in which the run began."""

UNDATED_WORKS = Interval(UNDATED, UNDATED + 1)


def at(*seconds: float) -> list[Key]:
    """Keys of works in these seconds."""
    return [(int(second * SECOND), f"{second}") for second in seconds]


def marks(*seconds: float) -> frozenset[int]:
    """What is remembered of works that were shown in these seconds."""
    return frozenset(map(mark_of, at(*seconds)))


def page(*seconds: float) -> list[tuple[Key, str]]:
    """Works in these seconds, each its own identity."""
    return [(key, key[1]) for key in at(*seconds)]


def coverage(*intervals: Interval, seen: Sequence[float] = (), domain: Domain | None = None) -> Coverage:
    made = Coverage(domain or Domain(), intervals, NOW * SECOND + 250_000)
    made.note([shown for shown, _ in at(*seen)])
    return made


def range_of(after: float | None, before: float | None = None) -> Domain:
    def moment(second: float | None) -> datetime | None:
        return None if second is None else datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=second)

    return Domain(moment(after), moment(before))


@pytest.mark.parametrize(
    ("low", "high", "found"),
    [
        (0, 100, [Interval(10, 20), Interval(30, 40)]), (10, 40, [Interval(10, 20), Interval(30, 40)]),
        (0, 10, []), (0, 11, [Interval(10, 20)]), (19, 30, [Interval(10, 20)]), (20, 30, []), (39, 99, [Interval(30, 40)]),
        (40, 99, []), (UNDATED, 10, []),  # works without a timestamp stand beside all others
    ],
)  # fmt: skip
def test_what_is_open_between_two_seconds(low: int, high: int, found: list[Interval]) -> None:
    assert coverage(UNDATED_WORKS, Interval(10, 20), Interval(30, 40)).open(low, high) == found


@pytest.mark.parametrize(
    ("seen", "interval", "span"),
    [
        ([], Interval(10, 20), (10, 20)), ([15], Interval(10, 20), (10, 20)),
        # none before the first work that was seen, in the interval that begins with time; none after the present
        ([15.9], Interval(EARLIEST, 100), (15, 100)), ([5, 15], Interval(EARLIEST, 100), (5, 100)),
        ([15], Interval(500, LATEST), (500, NOW + 1)), ([500], Interval(EARLIEST, 100), (500, 500)),
        ([], Interval(NOW + 1, LATEST), (NOW + 1, NOW + 1)), ([], Interval(NOW + 5, LATEST), (NOW + 5, NOW + 5)),
        # but that some works bear a timestamp in the future
        ([15, NOW + 50.5, 30], Interval(500, LATEST), (500, NOW + 51)),
    ],
)  # fmt: skip
def test_where_works_can_be_expected(seen: list[float], interval: Interval, span: tuple[int, int]) -> None:
    known = coverage(interval, seen=seen)
    assert known.span(interval) == span
    known.note([])
    assert known.span(interval) == span


def test_pages_one_after_the_other_widen_the_span_in_which_works_were_seen() -> None:
    known = coverage(seen=[20, 30])
    known.note([shown for shown, _ in at(10, NOW + 7)])
    known.note([shown for shown, _ in at(15, 25)])
    assert known.span(Interval(EARLIEST, LATEST)) == (10, NOW + 8)


def test_in_a_range_of_the_users_the_first_interval_begins_with_the_first_work_seen() -> None:
    domain = range_of(100)
    assert domain.low == 99
    known = coverage(seen=[120], domain=domain)
    assert known.span(Interval(99, 200)) == (120, 200)
    assert known.span(Interval(100, 200)) == (100, 200)


@pytest.mark.parametrize(
    ("below", "above", "size", "pages"),
    [
        (2.0, None, 10, 20.0), (None, 2.0, 10, 20.0), (2.0, 4.0, 10, 30.0), (2.0, 4.0, 20, 15.0), (0.0, None, 10, 0.0),
        (None, None, 10, 0.0), (2.0, 4.0, 0, 0.0),
    ],
)  # fmt: skip
def test_pages_that_an_interval_may_need(below: float | None, above: float | None, size: int, pages: float) -> None:
    assert coverage().pages(Interval(100, 200, None, below, above), size) == pages


def test_closing_yields_what_each_open_interval_wants_of_a_page() -> None:
    known = coverage(Interval(0, 10), Interval(20, 30), Interval(40, 50), seen=range(60))
    ordered = page(5, 8, 15, 20, 25, 29, 30, 41, 45)
    assert known.close(8, 45, ordered, None, "count") == [
        Batch(8, 10, at(8), ["8"], None, "count"), Batch(20, 30, at(20, 25, 29), ["20", "25", "29"], None, "count"),
        Batch(40, 45, at(41), ["41"], None, "count"),
    ]  # fmt: skip
    rate = 9 / 37
    assert known.intervals == [Interval(0, 8, above=rate, seen_above=8), Interval(45, 50, below=rate, seen_below=41)]
    assert known.outside == 0
    assert known.detours == {}


@pytest.mark.parametrize(
    ("upto", "batches", "left"),
    [
        ((25 * SECOND, "25"), [(0, 10, 2, False), (20, 30, 1, True)], [(25, 30), (40, 50)]),
        ((20 * SECOND, ""), [(0, 10, 2, False), (20, 30, 1, True)], [(20, 30), (40, 50)]),
        ((19 * SECOND, ""), [(0, 10, 2, False)], [(20, 30), (40, 50)]),
        ((9 * SECOND, ""), [(0, 10, 2, True)], [(9, 10), (20, 30), (40, 50)]),
        ((10 * SECOND, ""), [(0, 10, 2, False)], [(20, 30), (40, 50)]),
    ],
)
def test_closing_up_to_a_key_leaves_what_stands_behind_it(
    upto: Key, batches: list[tuple[int, int, int, bool]], left: list[tuple[int, int]]
) -> None:
    known = coverage(Interval(0, 10), Interval(20, 30), Interval(40, 50), seen=range(60))
    got = known.close(0, 50, page(5, 8, 25), upto, "order")
    assert [(each.low, each.high, len(each.items), each.upto == upto) for each in got] == batches
    assert all(each.upto in (None, upto) for each in got)
    assert [(each.low, each.high) for each in known.intervals] == left


@pytest.mark.parametrize(("low", "high"), [(5, 5), (6, 5)])
def test_nothing_lies_between_a_second_and_itself(low: int, high: int) -> None:
    known = coverage(Interval(0, 10))
    assert known.close(low, high, page(5), None, "order") == []
    assert known.intervals == [Interval(0, 10)]


@pytest.mark.parametrize(
    ("seen", "rate"),
    [
        (range(5, 100), 0.2),
        ([12, 19], 0.25),
        ([15, 16], 1.0),
        ([30, 40], None),
        ([0, 3], None),
        ([19], 2.0),
        ([20], None),
    ],
)
def test_the_density_of_what_is_closed_is_by_the_seconds_in_which_works_were_seen(
    seen: Sequence[float], rate: float | None
) -> None:
    known = coverage(Interval(0, 100), seen=seen)
    known.close(10, 20, page(14, 16), None, "order")
    below, above = known.intervals
    assert (below.above, above.below) == (rate, rate)
    assert (below.seen_above, above.seen_below) == (14, 16)


@pytest.mark.parametrize(
    ("works", "below", "above"),
    [
        ((), None, None),
        ((9, 20), None, None),
        ((9, 10, 19, 20), 10, 19),
        ((15,), 15, 15),
        ((3, 12, 13.5, 14.9, 77), 12, 14),
    ],
)
def test_the_works_seen_beside_what_is_left_are_the_first_and_the_last_of_what_was_closed(
    works: Sequence[float], below: int | None, above: int | None
) -> None:
    known = coverage(Interval(0, 100), seen=works)
    known.close(10, 20, page(*works), None, "order")
    assert [(each.seen_below, each.seen_above) for each in known.intervals] == [(None, below), (above, None)]


def test_works_outside_of_the_users_range_are_counted_and_not_yielded() -> None:
    known = coverage(Interval(99, 202), domain=range_of(100, 200))
    first, second = (
        known.close(99, 150, page(99, 100, 120), None, "order"),
        known.close(150, 202, page(200.0, 200.5, 201), None, "order"),
    )
    assert [each.items for each in (*first, *second)] == [["100", "120"], ["200.0"]]
    assert known.outside == 3


@pytest.mark.parametrize(
    ("works", "open_", "exact"),
    [
        # the server shows whole seconds, and one in which the range begins: it may trim, and this one is asked for anew
        ((100, 120), [(99, 101)], True),
        ((99, 100, 120), [(99, 101)], True),
        # fractions are shown: it does not trim
        ((100, 120.5), [], False),
        # no work in that second
        ((101, 120), [], False),
    ],
)
def test_the_second_in_which_the_users_range_begins_stays_open_if_the_server_may_trim(
    works: Sequence[float], open_: list[tuple[int, int]], exact: bool
) -> None:
    domain = range_of(100.25)
    known = coverage(Interval(99, 200), domain=domain)
    batches = known.close(99, 200, page(*works), None, "count")
    assert [(each.low, each.high) for each in known.intervals] == open_
    assert domain.exact is exact
    assert [item for each in batches for item in each.items] == [f"{second}" for second in works if second > 100]
    assert {each.proof for each in batches} == {"count"}


def test_works_without_a_date_are_closed_though_a_second_stays_open() -> None:
    known = coverage(UNDATED_WORKS, Interval(99, 200), domain=range_of(100.25))
    ordered = [((UNDATED * SECOND, "undated"), "undated"), *page(100, 120)]
    assert [(each.items, each.proof) for each in known.close(UNDATED, 200, ordered, None, "count")] == [
        (["undated"], "count"), (["120"], "count")
    ]  # fmt: skip
    assert [(each.low, each.high) for each in known.intervals] == [(99, 101)]


@pytest.mark.parametrize(("low", "high"), [(99, 100), (101, 200)])
def test_where_the_users_range_does_not_begin_no_second_stays_open(low: int, high: int) -> None:
    domain = range_of(100.25)
    known = coverage(Interval(99, 200), domain=domain)
    known.close(low, high, page(100), None, "order")
    assert not domain.exact


def test_a_server_that_once_showed_a_fraction_does_not_trim() -> None:
    domain = range_of(100.25)
    known = coverage(Interval(99, 200), domain=domain)
    known.close(99, 102, page(101.5), None, "order")
    known.intervals.append(Interval(99, 102))
    known.close(99, 102, page(100, 101), None, "order")
    assert not domain.exact


@pytest.mark.parametrize(
    ("seconds", "points"),
    [
        ([], []), ([3, 5, 8], [5]), ([3, 5, 8, 9], [8]), ([8, 3, 5], [5]), ([3.9, 5.5, 8.1], [5]),
        # half of the works in one second: on either side of it
        ([3, 5, 5, 8], [5, 6]), ([5, 5, 5, 8, 3], [5, 6]), ([5, 5, 3, 8, 9], [5]),
        # nearly all: the second behind it stays with it
        ([5] * 20, [5, 7]), ([5] * 19 + [9], [5, 7]), ([5] * 9 + [9], [5, 7]), ([5] * 8 + [9, 9], [5, 6]),
        # what the page shows beyond the interval counts at its ends; a cut at its beginning would cut nothing
        ([0, 0, 6, 7, 8], [6]), ([2, 2, 6, 7, 8], [6]), ([2, 3, 4], [3]), ([1, 2, 4, 6, 7], [4]), ([50, 60, 4, 5, 6], [6]),
        ([99, 99, 99], [9, 11]), ([0, 1, 1, 9, 9, 8, 7, 6], [7]), ([2, 2, 3, 4, 5], [3]),
        ([UNDATED], []), ([UNDATED, UNDATED, 5], [5, 7]),
    ],
)  # fmt: skip
def test_where_a_page_that_proved_nothing_cuts_its_interval(seconds: list[float], points: list[int]) -> None:
    assert split_points(Interval(2, 10), at(*seconds)) == points


def test_an_interval_is_cut_and_remembers_which_works_were_shown_where() -> None:
    first, second = Interval(2, 10, shown=marks(4, 9)), Interval(20, 30)
    known = coverage(first, second)
    assert known.cut(first, at(3, 5, 8))
    assert known.intervals == [
        Interval(2, 5, shown=marks(3, 4)),
        Interval(5, 10, shown=marks(5, 8, 9)),
        second,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("second", "left"),
    [
        (5, [Interval(2, 5, shown=marks(3)), Interval(5, 10, shown=marks(5, 9)), Interval(10, 20)]),
        (2, [Interval(2, 10, shown=marks(3, 5, 9)), Interval(10, 20)]),
        (9, [Interval(2, 9, shown=marks(3, 5)), Interval(9, 10, shown=marks(9)), Interval(10, 20)]),
        # a second that two intervals share the edge of: what was shown is known of both
        (10, [Interval(2, 10, shown=marks(3, 5, 9)), Interval(10, 20, shown=marks(12))]),
        (11, [Interval(2, 10, shown=marks(9)), Interval(10, 11), Interval(11, 20, shown=marks(12))]),
        (21, [Interval(2, 10, shown=marks(9)), Interval(10, 20)]),
    ],
)
def test_an_interval_is_cut_at_a_second(second: int, left: list[Interval]) -> None:
    known = coverage(Interval(2, 10, shown=marks(9)), Interval(10, 20))
    known.cut_at(second, at(3, 5, 12, 25))
    assert known.intervals == left


def test_an_interval_of_one_second_is_not_cut() -> None:
    short = Interval(5, 6)
    known = coverage(short)
    assert not known.cut(short, at(5, 5, 5))
    assert known.intervals == [short]
    assert known.intervals[0] is short


def test_equal_intervals_are_replaced_by_identity() -> None:
    one, other = Interval(5, 6), Interval(5, 6)
    known = coverage(one, other)
    known.replace(other, [Interval(7, 8), Interval(8, 9)])
    assert known.intervals == [one, Interval(7, 8), Interval(8, 9)]


def test_which_intervals_only_a_listing_can_prove() -> None:
    known = coverage(UNDATED_WORKS, Interval(10, 20), Interval(20, 30), Interval(30, 40))
    known.list_instead(15, 30)
    assert [each.needs_list for each in known.intervals] == [False, True, True, False]
    known.mark_all(needs_list=True)
    assert [each.needs_list for each in known.intervals] == [True] * 4
    known.mark_all(needs_list=False)
    assert known.intervals == [UNDATED_WORKS, Interval(10, 20), Interval(20, 30), Interval(30, 40)]


def batch(*seconds: float) -> Batch[str]:
    return Batch(0, 100, at(*seconds), [""] * len(seconds))


@pytest.mark.parametrize(
    ("counted", "batches", "earlier", "later"),
    [
        (None, [], 20, 0), (7, [], 13, 7), (7, [batch(3, 49.9)], 13, 7), (7, [batch(3, 49.9, 50, 60)], 15, 5),
        (7, [batch(50), batch(51, 52)], 16, 4),
    ],
)  # fmt: skip
def test_works_left_on_either_side_of_a_second(
    counted: int | None, batches: list[Batch[str]], earlier: int, later: int
) -> None:
    halves = Halves(50, 5, counted)
    for each in batches:
        halves.note(each)
    assert halves.share(Interval(0, 50), 20) == earlier
    assert halves.share(Interval(50, 99), 20) == halves.share(Interval(60, 99), 20) == later


@pytest.mark.parametrize(
    ("intervals", "divides"),
    [
        ([Interval(0, 50), Interval(50, 99)], True), ([Interval(0, 40), Interval(60, 99)], True),
        ([Interval(0, 51), Interval(51, 99)], False), ([Interval(0, 49), Interval(49, 99)], False),
        ([Interval(0, 50)], False), ([Interval(0, 20), Interval(20, 50), Interval(50, 99)], False), ([], False),
    ],
)  # fmt: skip
def test_two_intervals_are_what_is_left_of_two_sides(intervals: list[Interval], divides: bool) -> None:
    assert Halves(50, 5, cut=True).divides(intervals) is divides
    assert Halves(50, 5).divides(intervals) is False
