"""What is open after each step, against a model that looks at every key by itself."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta, timezone
from itertools import combinations, product

import pytest

from devrev_async.export.planner.intervals import (
    EARLIEST,
    LATEST,
    SECOND,
    UNDATED,
    Domain,
    Interval,
    Key,
    chosen,
    cut,
    dated,
    key_of,
    mark_of,
    moment_of,
    outside,
    second_of,
    wanted,
    without,
)

KEYS: list[Key] = [
    (second * SECOND + micros, identity) for second in range(6) for micros in (0, 999_999) for identity in ("a", "b")
]
RANGES = list(combinations(range(6), 2))


def open_keys(intervals: Iterable[Interval]) -> list[Key]:
    """Those that the intervals want; twice where two of them do."""
    return [key for interval in intervals for key in KEYS if interval.wants(key)]


def marks(*keys: Key) -> frozenset[int]:
    """What an interval keeps of works that were shown."""
    return frozenset(map(mark_of, keys))


def intervals_of(low: int, high: int) -> list[Interval]:
    """The interval as it begins, and begun at each key of its first second."""
    return [Interval(low, high), *(Interval(low, high, key) for key in KEYS if second_of(key) == low)]


@pytest.mark.parametrize(("low", "high"), RANGES)
def test_closing_takes_exactly_what_lies_there(low: int, high: int) -> None:
    for span in RANGES:
        for interval, upto in product(intervals_of(*span), [None, *KEYS]):
            before = open_keys([interval])
            left = without([interval], low, high, upto)
            gone = [key for key in before if low <= second_of(key) < high and (upto is None or key <= upto)]
            assert open_keys(left) == [key for key in before if key not in gone]
            assert all(each.past is None or second_of(each.past) == each.low for each in left)


def test_closing_leaves_other_intervals_as_they_are() -> None:
    far = Interval(10, 20, (10 * SECOND, "a"), 1.5, 2.5, 7, 30, shown=marks((11 * SECOND, "b")), needs_list=True)
    assert without([far], 0, 10) == without([far], 20, 30) == without([far], 5, 15, (9 * SECOND, "z")) == [far]


def test_what_is_left_knows_the_density_beside_it_and_what_was_shown_there() -> None:
    early, middle, late = (1, "a"), (50 * SECOND, "j"), (99 * SECOND, "z")
    whole = Interval(0, 100, None, 1.0, 2.0, shown=marks(early, middle, late), needs_list=True)
    assert without([whole], 40, 60, rate=5.0) == [
        Interval(0, 40, None, 1.0, 5.0, shown=marks(early), needs_list=True),
        Interval(60, 100, None, 5.0, 2.0, shown=marks(late), needs_list=True),
    ]
    below, above = without([whole], 40, 60)
    assert (below.above, above.below) == (2.0, 1.0)
    assert without([whole], 40, 60, (50 * SECOND, "k"), rate=5.0)[1] == Interval(
        50, 100, (50 * SECOND, "k"), 1.0, 2.0, shown=marks(late), needs_list=True
    )


@pytest.mark.parametrize("seed", range(200))
def test_what_was_seen_beside_an_interval_is_the_nearest_work_and_all_between_is_closed(seed: int) -> None:
    rng = random.Random(seed)
    works = sorted(rng.sample(range(30), rng.randrange(12)))
    intervals = [Interval(0, 30)]
    closed: set[int] = set()
    while intervals:
        low = rng.randrange(30)
        high = rng.randint(low + 1, 30)
        there = [second for second in works if low <= second < high]
        intervals = without(intervals, low, high, seen=(there[0], there[-1]) if there else None)
        closed |= set(range(low, high))
        assert set(range(30)) - closed == {second for each in intervals for second in range(each.low, each.high)}
        for each in intervals:
            if each.seen_above is not None:
                assert each.seen_above == min(second for second in works if second >= each.high)
                assert set(range(each.high, each.seen_above + 1)) <= closed
            if each.seen_below is not None:
                assert each.seen_below == max(second for second in works if second < each.low)
                assert set(range(each.seen_below, each.low)) <= closed


def test_what_was_seen_is_known_on_both_sides_of_what_was_closed() -> None:
    assert without([Interval(0, 30)], 10, 20, seen=(12, 17)) == [
        Interval(0, 10, seen_above=12), Interval(20, 30, seen_below=17)
    ]  # fmt: skip
    assert without([Interval(0, 10), Interval(20, 30)], 10, 20, seen=(12, 17)) == [
        Interval(0, 10, seen_above=12), Interval(20, 30, seen_below=17)
    ]  # fmt: skip
    nearer = [Interval(0, 10, seen_above=11), Interval(20, 30, seen_below=18)]
    assert without(nearer, 10, 20, seen=(12, 17)) == nearer
    upto = (15 * SECOND, "k")
    assert without([Interval(10, 30)], 10, 30, upto, seen=(12, 14)) == [Interval(15, 30, upto, seen_below=14)]
    assert without([Interval(10, 30)], 10, 30, upto, seen=(12, 15)) == [Interval(15, 30, upto)]
    assert without([Interval(0, 10)], 10, 20, upto, seen=(12, 14)) == [Interval(0, 10)]  # it is not closed up to there


def test_marks_tell_works_of_one_timestamp_apart_and_know_where_they_stand() -> None:
    for shown in (0, 1, -1, SECOND, -62_135_596_800 * SECOND, 253_402_300_799 * SECOND):
        assert len(marks(*((shown, f"w{number}") for number in range(100)))) == 100
        interval = Interval(shown // SECOND, shown // SECOND + 2, shown=marks((shown, "a")))
        first, second = cut(interval, [shown // SECOND + 1])
        assert (first.shown, second.shown) == (interval.shown, frozenset())


@pytest.mark.parametrize("points", [[], [0], [5], [3], [1, 4], [4, 1, 1, 9, -1], [1, 2, 3, 4]])
def test_pieces_are_the_interval_without_gap_or_overlap(points: Sequence[int]) -> None:
    for interval in intervals_of(0, 5):
        pieces = cut(interval, points)
        assert open_keys(pieces) == open_keys([interval])
        assert [piece.low for piece in pieces[1:]] == sorted({point for point in points if 0 < point < 5})


def test_pieces_keep_what_is_known_at_their_ends() -> None:
    shown = marks((20 * SECOND, "a"))
    interval = Interval(10, 40, (10 * SECOND, "k"), 1.0, 3.0, 8, 44, shown=shown, needs_list=True)
    assert cut(interval, [20, 30]) == [
        Interval(10, 20, (10 * SECOND, "k"), 1.0, 2.0, 8, None, needs_list=True),
        Interval(20, 30, None, 2.0, 2.0, None, None, shown=shown, needs_list=True),
        Interval(30, 40, None, 2.0, 3.0, None, 44, needs_list=True),
    ]
    for below, above, middle in ((1.0, None, 1.0), (None, 3.0, 3.0), (None, None, None)):
        first, last = cut(Interval(0, 4, None, below, above), [2])
        assert (first.below, first.above, last.below, last.above) == (below, middle, middle, above)


@pytest.mark.parametrize(("low", "high"), RANGES)
def test_works_are_chosen_once_each_and_in_order(low: int, high: int) -> None:
    ordered = sorted([(key, number) for number, key in enumerate([*KEYS, *KEYS[::3]])], key=lambda pair: pair[0])
    for span in RANGES:
        for interval in intervals_of(*span):
            keys = [key for key in KEYS if interval.wants(key) and low <= second_of(key) < high]
            got = chosen(interval, low, high, ordered)
            assert [key for key, _ in got] == keys
            assert wanted(interval, [key for key, _ in ordered]) == set(open_keys([interval]))


@pytest.mark.parametrize(
    ("created", "shown"),
    [
        (None, UNDATED * SECOND),
        (datetime(1970, 1, 1, tzinfo=UTC), 0),
        (datetime(1969, 12, 31, 23, 59, 59, 999_999, UTC), -1),
        (datetime(1970, 1, 2, 1, 0, 0, 5, timezone(timedelta(hours=1))), 86_400_000_005),
        (datetime.min.replace(tzinfo=UTC), EARLIEST * SECOND),
        (datetime.max.replace(tzinfo=UTC), LATEST * SECOND - 1),
        (datetime.min.replace(tzinfo=timezone(timedelta(hours=5))), EARLIEST * SECOND),
        (datetime.max.replace(tzinfo=timezone(-timedelta(hours=5))), LATEST * SECOND - 1),
    ],
)
def test_where_a_work_stands(created: datetime | None, shown: int) -> None:
    key = key_of(created, "a")
    assert key == (shown, "a")
    assert second_of(key) * SECOND <= shown < (second_of(key) + 1) * SECOND
    assert dated([key, (5, "b")]) == ([5] if created is None else [shown, 5])


def test_a_second_is_a_moment_within_the_years_that_there_are() -> None:
    assert moment_of(86_400) == datetime(1970, 1, 2, tzinfo=UTC)
    assert moment_of(EARLIEST) == moment_of(EARLIEST - 9) == datetime(1, 1, 1, tzinfo=UTC)
    assert moment_of(LATEST - 1) == moment_of(LATEST + 9) == datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)


NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
AT = int(NOON.timestamp()) * SECOND
TWO = 2 * SECOND


@pytest.mark.parametrize(
    ("times", "after", "before", "found"),
    [
        ([], NOON, NOON, False), ([0], None, None, False),
        ([AT - TWO], NOON, None, False), ([AT - TWO - 1], NOON, None, True), ([AT + 9 * TWO], NOON, None, False),
        ([AT + TWO], None, NOON, False), ([AT + TWO + 1], None, NOON, True), ([AT - 9 * TWO], None, NOON, False),
        ([AT, AT - TWO - 1, AT], NOON, None, True), ([AT, AT + TWO + 1, AT], None, NOON, True), ([AT], NOON, NOON, False),
    ],
)  # fmt: skip
def test_a_timestamp_beyond_the_range_and_two_seconds_is_outside(
    times: list[int], after: datetime | None, before: datetime | None, found: bool
) -> None:
    assert outside(times, after, before) is found


@pytest.mark.parametrize(
    ("shown", "admitted"),
    [
        (AT + 250_000, True), (AT + 249_999, False), (AT + 1, False),
        (AT, True),  # where the bound itself is asked for, a server that trims shows its second for a work that matches
        (AT - 1, False), (AT - SECOND, False), (AT + 5 * SECOND, True), (AT + 5 * SECOND + 1, False),
        (UNDATED * SECOND, True),
    ],
)  # fmt: skip
def test_a_range_of_the_users_admits_what_may_match(shown: int, admitted: bool) -> None:
    domain = Domain(NOON + timedelta(milliseconds=250), NOON + timedelta(seconds=5))
    assert domain.admits((shown, "a")) is (admitted and shown != AT)
    domain.exact = True
    assert domain.admits((shown, "a")) is admitted
    assert Domain().admits((shown, "a"))


def test_a_domain_begins_a_second_before_the_range_and_ends_two_after() -> None:
    domain, second = Domain(NOON, NOON + timedelta(seconds=5)), AT // SECOND
    assert domain.limited
    assert domain.intervals() == [Interval(UNDATED, UNDATED + 1), Interval(second - 1, second + 7)]
    assert domain.whole(second - 1, second + 7)
    assert not domain.whole(second, second + 7)
    assert not domain.whole(second - 1, second + 6)
    assert not Domain().limited
    assert Domain().intervals()[1] == Interval(EARLIEST, LATEST)
    ever = Domain(datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))
    assert ever.intervals()[1] == Interval(EARLIEST, LATEST)


BASE, MILLI, MICRO = AT // SECOND, timedelta(milliseconds=1), timedelta(microseconds=1)


def later(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("after", "before", "low", "high", "asked"),
    [
        # all that there is, and parts of it: from a millisecond before the first second to the second behind the last
        (None, None, EARLIEST, LATEST, (None, None)), (None, None, BASE, LATEST, (NOON - MILLI, None)),
        (None, None, EARLIEST, BASE, (None, NOON)), (None, None, BASE, BASE + 2, (NOON - MILLI, later(2))),
        # a range of the user's: from a millisecond before its first second to the end of its last one
        (later(0.25), later(5.5), BASE - 1, BASE + 7, (NOON - MILLI, later(6))),
        (later(0.25), None, BASE - 1, LATEST, (NOON - MILLI, None)), (None, later(5.5), EARLIEST, BASE + 7, (None, later(6))),
        # and parts of it, never beyond it
        (later(0.25), later(5.5), BASE + 1, BASE + 3, (later(1) - MILLI, later(3))),
        (later(0.25), later(5.5), BASE - 1, BASE + 3, (NOON - MILLI, later(3))),
        (later(0.25), later(5.5), BASE + 1, BASE + 7, (later(1) - MILLI, later(6))),
        (later(0.25), later(5.5), BASE, BASE + 7, (NOON - MILLI, later(6))),
        (later(0.25), later(5.5), BASE - 1, BASE + 6, (NOON - MILLI, later(6))),
        # no year before the first or after the last
        (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC), EARLIEST, LATEST,
         (datetime.min.replace(tzinfo=UTC), datetime.max.replace(microsecond=0, tzinfo=UTC))),
    ],
)  # fmt: skip
def test_the_range_to_ask_for(
    after: datetime | None,
    before: datetime | None,
    low: int,
    high: int,
    asked: tuple[datetime | None, datetime | None],
) -> None:
    domain = Domain(after, before)
    assert (domain.after, domain.before) == (after, before)
    assert domain.bounds(low, high) == asked


@pytest.mark.parametrize(
    ("low", "high", "asked"),
    [
        (BASE - 1, BASE + 7, (later(0.25) - MICRO, later(6))), (BASE + 1, BASE + 3, (later(1) - MILLI, later(3))),
        (BASE - 1, BASE, (NOON, NOON)),  # it ends before the user's range begins: no range is the other way round
        (BASE - 1, BASE + 1, (later(0.25) - MICRO, later(1))),
    ],
)  # fmt: skip
def test_the_range_to_ask_for_by_the_very_bound(
    low: int, high: int, asked: tuple[datetime | None, datetime | None]
) -> None:
    domain = Domain(later(0.25), later(5.5))
    domain.exact = True
    assert domain.bounds(low, high) == asked


@pytest.mark.parametrize(
    ("after", "unclear"), [(None, None), (NOON, None), (later(0.25), BASE), (NOON - MICRO, BASE - 1)]
)
def test_a_bound_within_a_second_leaves_that_second_unclear(after: datetime | None, unclear: int | None) -> None:
    domain = Domain(after, None)
    assert domain.unclear == unclear
    domain.exact = True
    assert domain.unclear is None
