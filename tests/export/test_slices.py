"""Plans of slices: pure. They tile, they are even, whatever was counted."""

from __future__ import annotations

import itertools
import pickle
from bisect import bisect_left, bisect_right
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devrev_async import DateRange, WorkSlice
from devrev_async.export.slices import SlicePlan, slices_of
from tests.effort import examples

START = datetime(2024, 3, 1, tzinfo=UTC)
TICK = timedelta(microseconds=1)
ALWAYS = DateRange()

moments = st.one_of(
    st.integers(0, 40).map(lambda second: second * 1_000_000),  # a burst, and ties
    st.integers(0, 10**9),
    st.integers(0, 4 * 365 * 86_400 * 10**6),
)


def planned(created: list[datetime], shares: int, whole: DateRange = ALWAYS) -> tuple[SlicePlan, int]:
    """A plan that was counted to its end, and the number of counts."""
    plan = SlicePlan(shares, len(created), created[0], created[-1], whole)
    counts = 0
    while ranges := plan.ranges:
        counts += len(ranges)
        plan.feed([count(created, each) for each in ranges])
    return plan, counts


def count(created: list[datetime], each: DateRange) -> int:
    low = 0 if each.after is None else bisect_left(created, each.after)
    high = len(created) if each.before is None else bisect_right(created, each.before)
    return max(0, high - low)


@settings(max_examples=examples(300))
@given(offsets=st.lists(moments, min_size=1, max_size=300), shares=st.integers(1, 12))
def test_shares_tile_all_of_time_and_are_even(offsets: list[int], shares: int) -> None:
    created = sorted(START + timedelta(microseconds=offset) for offset in offsets)
    plan, counts = planned(created, shares)
    assert plan.consistent
    got = plan.shares()
    assert 1 <= len(got) <= shares
    assert got[0][0].after is None
    assert got[-1][0].before is None
    for (one, _), (other, _) in itertools.pairwise(got):
        assert one.before is not None
        assert other.after == one.before + TICK
        assert (one.before + TICK).microsecond == 0
    assert [count(created, each) for each, _ in got] == [works for _, works in got]
    assert all(works for _, works in got)
    assert sum(works for _, works in got) == len(created)
    seconds = Counter(moment.replace(microsecond=0) for moment in created)
    average = len(created) / shares
    for each, works in got:
        inside = [number for second, number in seconds.items() if count([second], each)]
        assert works <= 1.5 * average or works - max(inside) <= 1.5 * average
    assert counts <= 2 * shares * 28  # four years are 2 to the 27th seconds


@given(
    offsets=st.lists(st.integers(0, 5000), min_size=1, max_size=200),
    start=st.integers(0, 2000),
    length=st.integers(0, 4000),
)
def test_shares_tile_the_range_asked_for(offsets: list[int], start: int, length: int) -> None:
    after = START + timedelta(milliseconds=start * 1001)
    before = after + timedelta(milliseconds=length * 1003)
    created = sorted(START + timedelta(seconds=offset) for offset in offsets)
    inside = [moment for moment in created if after <= moment <= before]
    if inside:
        plan, _ = planned(inside, 4, DateRange(after=after, before=before))
        got = [each for each, _ in plan.shares()]
        assert got[0].after == after
        assert got[-1].before == before
        for one, other in itertools.pairwise(got):
            assert one.after is not None
            assert one.before is not None
            assert one.after <= one.before
            assert other.after == one.before + TICK
        assert sum(count(created, each) for each in got) == len(inside)


@pytest.mark.parametrize(
    ("burst", "shares", "most"), [(0, 1, 0), (0, 4, 4), (0, 16, 16), (14_000, 1, 0), (14_000, 4, 25), (14_000, 16, 39)]
)
def test_works_of_four_years_of_which_some_are_of_one_hour(burst: int, shares: int, most: int) -> None:
    """An export of 200,000 works takes 42 requests or more; the plan has 3 beside these counts."""
    hour = [START + timedelta(days=700, milliseconds=250 * n) for n in range(burst)]
    others = [START + timedelta(seconds=n * 4 * 365 * 86_400 / (20_000 - burst)) for n in range(20_000 - burst)]
    plan, counts = planned(sorted(hour + others), shares)
    got = [works for _, works in plan.shares()]
    assert len(got) == shares
    assert max(got) <= 1.5 * 20_000 / shares
    assert counts <= most


def test_works_that_become_more_take_few_counts_more() -> None:
    created = [START + timedelta(days=1400 * (n / 20_000) ** 0.5) for n in range(20_000)]
    plan, counts = planned(created, 8)
    assert max(works for _, works in plan.shares()) <= 1.5 * 20_000 / 8
    assert counts <= 12


def test_works_of_one_second_are_one_share() -> None:
    created = [START] * 900 + [START + timedelta(days=n) for n in range(1, 101)]
    plan, _ = planned(created, 4)
    sizes = [works for _, works in plan.shares()]
    assert len(sizes) <= 4
    assert sum(sizes) == 1000
    assert max(sizes) < 900 + 1.5 * 250


@pytest.mark.parametrize(
    "rounds", [[[50, 49]], [[51, 50]], [[100, 100]], [[None, 100]], [[50, 50], [25, 51]], [[50, 50], [25, None]]]
)
def test_counts_that_do_not_add_up_are_noticed(rounds: list[list[int | None]]) -> None:
    plan = SlicePlan(4, 100, START, START + timedelta(days=1), ALWAYS)
    for counts in rounds:
        assert plan.consistent
        assert len(plan.ranges) == len(counts)
        plan.feed(counts)
    assert not plan.consistent
    assert plan.ranges == []


def test_the_first_counts_are_of_both_sides_between_the_oldest_and_the_newest_work() -> None:
    end = START + timedelta(days=1)
    lower, upper = SlicePlan(4, 100, START, end, ALWAYS).ranges
    assert lower.after is not None
    assert upper.before is not None
    assert lower.after < START < end < upper.before
    assert lower.before == upper.after - TICK  # type: ignore[operator]
    narrow = DateRange(after=START + TICK, before=end - TICK)
    lower, upper = SlicePlan(4, 100, START, end, narrow).ranges
    assert (lower.after, upper.before) == (narrow.after, narrow.before)
    wide = DateRange(after=START - timedelta(days=9), before=end + timedelta(days=9))
    lower, upper = SlicePlan(4, 100, START, end, wide).ranges
    assert lower.after == START - timedelta(seconds=1)
    assert upper.before == end + timedelta(seconds=2)


@pytest.mark.parametrize("moment", [datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)])
def test_works_at_the_ends_of_time(moment: datetime) -> None:
    plan, _ = planned([moment] * 3, 2)
    assert [each for each, _ in plan.shares()] == [ALWAYS]


def test_a_slice_is_small_and_pickles() -> None:
    query = {"type": ["ticket"], "custom_fields": {"tnt__region": ["eu"]}}
    slices = slices_of(query, [(DateRange(after=None, before=START - TICK), 5), (DateRange(after=START), 6)])
    assert [each.index for each in slices] == [0, 1]
    for each in slices:
        text = pickle.dumps(each)
        assert len(text) < 500
        copy = pickle.loads(text)
        assert copy == each
        assert isinstance(copy, WorkSlice)
        assert copy.body()["type"] == ["ticket"]
    assert slices[0].body()["created_date"] == DateRange(before=START - TICK)
