"""Servers that sort and count: what two ends leave is cut in two where its later half was counted."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from math import expm1, log1p

import pytest

from devrev_async.export.planner import Domain
from devrev_async.export.planner.planner import Plan
from devrev_async.export.planner.price import parallel_for
from devrev_async.export.planner.strategies.halving import guess
from devrev_async.export.planner.tuning import SLOW_FROM

from .pages import NOW, START, SortedServer, plan


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
    assert abs(found - times[rank] // 10**6) <= until / 100


@pytest.mark.parametrize("years", [1, 2, 50])
def test_where_a_work_stands_if_none_are_created_any_more(years: int) -> None:
    times = [100 * number * 10**6 for number in range(1000)]
    assert guess(times, 5000, 10_000, years * 365 * 86400 * 10**6) == pytest.approx(500_000, rel=0.01)


def test_of_works_of_one_time_nothing_is_guessed() -> None:
    assert guess([5_000_000] * 100, 500, 1000, 10**12) is None
    assert guess([0, 10_000_000], 5, 10, 9_000_000) is None  # created after now


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
