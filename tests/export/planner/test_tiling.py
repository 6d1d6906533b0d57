"""Servers that sort, count, and answer slowly: where dates are even, pages are asked for by estimates."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from math import sin

import pytest

from devrev_async.export.planner import Domain, Request
from devrev_async.export.planner.planner import Plan
from devrev_async.export.planner.price import most_requests, most_works, parallel_for
from devrev_async.export.planner.tuning import UNEVEN, WAITING
from devrev_async.sandbox import Quirks
from devrev_async.sandbox.quirks import SortBy
from tests.export.test_planner import NOW as MODEL_NOW
from tests.export.test_planner import Item, Model, exported, fill

from .pages import START, SortedServer, keys, opened, page, plan, take

SLOW = parallel_for(1.0)
DECODE = 45e-6


def evenly(works: int, apart: float = 100.0) -> list[datetime]:
    return [START + timedelta(seconds=apart * number) for number in range(works)]


def at_random(works: int, seed: int, burst: float = 0.0) -> list[datetime]:
    """Dates of a year, a share of them in one hour of it."""
    rng = random.Random(seed)
    days = [200 + rng.random() / 24 if rng.random() < burst else 365 * rng.random() for _ in range(works)]
    return [START + timedelta(days=day) for day in sorted(days)]


@pytest.mark.parametrize(("burst", "parallel", "most"), [(0.0, SLOW, 4.5), (0.0, WAITING, 5.0), (0.7, SLOW, 7.2)])
def test_seconds_for_ten_pages_at_one_second_an_answer(burst: float, parallel: int, most: float) -> None:
    """2.25 of them are spent on decoding, and one passes before there is anything to decode."""
    planned = plan(first=5000, limit=100, parallel=parallel)
    seconds, requests = SortedServer(at_random(50_000, 3, burst)).seconds(planned, wait=1.0, decode=DECODE)
    assert planned.done
    assert seconds <= most
    assert requests <= (12 if seconds < 5 else 13)
    assert planned.fetched <= most_works(50_000)


def beside_the_ends(planned: Plan[str], works: int) -> list[Request]:
    """What is asked for once the first page of 500 is there, beside the other end."""
    export, count = opened(planned)
    planned.feed_count(count, works)
    other = take(planned)
    planned.feed(export, page(keys(*range(0, 500 * 100, 100))))
    assert other.descending
    return list(iter(planned.take, None))


def test_pages_from_the_middle_come_beside_the_two_ends() -> None:
    behind, before_middle, after_middle = beside_the_ends(plan(first=500, parallel=SLOW), 5000)
    assert (behind.descending, before_middle.descending, after_middle.descending) == (False, True, False)
    assert before_middle.high == after_middle.low
    # four pages that overlap a little stand before the middle, in the order of time
    assert 450 + 4 * 400 < (after_middle.low - behind.low) / 100 + 450 < 500 + 4 * 480


@pytest.mark.parametrize(
    ("works", "parallel"),
    [
        (5000, WAITING - 1),  # answers are not slow
        (2000, SLOW),  # both ends bring most of what is left with the next pages
        (4000, SLOW),  # a page that brings nothing is not within the price
        (10**6, SLOW),  # at the rate of the first page they would not have been created before now
    ],
)
def test_there_are_none_where_they_gain_nothing_or_might_cost_too_much(works: int, parallel: int) -> None:
    asked = beside_the_ends(plan(first=500, limit=10, parallel=parallel), works)
    assert [request.kind for request in asked if request.descending] == []


def test_a_first_page_that_is_not_even_says_nothing_of_the_middle() -> None:
    planned = plan(first=500, limit=10, parallel=SLOW)
    export, count = opened(planned)
    planned.feed_count(count, 5000)
    take(planned)
    planned.feed(export, page(keys(*range(0, 25_000, 100), *range(25_000, 25_500, 2))))
    assert all(not request.descending for request in iter(planned.take, None))


@pytest.mark.parametrize("works", [4900, 5200, 5500, 10_000])
@pytest.mark.parametrize("seed", range(5))
def test_works_that_come_at_random_leave_hardly_a_gap(works: int, seed: int) -> None:
    planned = plan(first=500, limit=10, parallel=SLOW)
    cost = SortedServer(at_random(works, seed)).export(planned)
    assert cost.requests <= most_requests(works, 500)
    assert planned.fetched <= most_works(works)


@pytest.mark.parametrize("waves", [1, 3, 10])
def test_dates_that_are_not_quite_even_are_made_up_for(waves: int) -> None:
    """Their density goes up and down by `UNEVEN`."""
    width = 490_000.0
    off = UNEVEN * width / (2 * 3.14 * waves)
    days = [100.0 * number + off * sin(2 * 3.14 * waves * number / 4900) for number in range(4900)]
    planned = plan(first=500, limit=10, parallel=SLOW)
    cost = SortedServer([START + timedelta(seconds=day) for day in days]).export(planned)
    assert cost.requests <= 13
    assert cost.waits <= 5
    assert planned.fetched <= most_works(4900)


@pytest.mark.parametrize("order", ["sorted_after_cap", "sorted_after_random_cap", "ascending", "honoured"])
def test_what_comes_from_the_middle_proves_nothing_by_itself(order: SortBy) -> None:
    """A server that caps before it sorts shows pages that look the same."""
    model = Model(Quirks(sort_by=order, cap=100), random.Random(5), first=100)
    fill(model, works=1150, shape="in order")
    planned = Plan[Item](Domain(), now=MODEL_NOW, first=100, limit=5, parallel=SLOW)
    assert sorted(exported(planned, model)) == sorted(model.items)
