"""Servers whose answers are slow: pages are asked for before the order is proved, and prove nothing until it is."""

from __future__ import annotations

import random
from functools import partial

import pytest

from devrev_async.export.planner import Domain, Key, Request
from devrev_async.export.planner.planner import Plan
from devrev_async.sandbox import Quirks
from devrev_async.sandbox.quirks import SortBy
from tests.export.test_planner import NOW as MODEL_NOW
from tests.export.test_planner import Item, Model, exported, fill

from .pages import SECOND, keys, opened, page, plan, take


def test_the_other_end_is_asked_for_as_soon_as_the_count_says_that_a_page_is_not_enough() -> None:
    planned = plan(first=20, parallel=3)
    export, count = opened(planned)
    assert planned.take() is None
    planned.feed_count(count, 45)
    other = take(planned)
    assert (other.descending, other.low, other.high) == (True, export.low, export.high)
    assert planned.take() is None
    assert planned.feed(other, page(keys(*range(44, 24, -1)))) == []
    assert planned.duplicates == 0
    batches = planned.feed(export, page(keys(*range(20))))
    assert {name for batch in batches for name in batch.items} == {
        f"w{second}" for second in (*range(19), *range(26, 45))
    }
    assert planned.proofs["order"] == 38


@pytest.mark.parametrize("counted", [0, 1, 20])
def test_it_is_not_asked_for_before_that_if_a_page_may_be_enough(counted: int) -> None:
    planned = plan(first=20, parallel=3)
    _, count = opened(planned)
    planned.feed_count(count, counted)
    assert planned.take() is None


def both_ends(planned: Plan[str], first: list[Key], *, end_first: bool) -> Request:
    """Feeds the two ends in either order, and returns the request for the first page."""
    export, count = opened(planned)
    planned.feed_count(count, 45)
    answers = [
        partial(planned.feed, take(planned), page(keys(*range(44, 24, -1)))),
        partial(planned.feed, export, page(first)),
    ]
    for answer in answers if end_first else answers[::-1]:
        assert answer() == []
    return export


@pytest.mark.parametrize("end_first", [True, False])
def test_it_is_not_used_if_the_first_page_is_out_of_order(end_first: bool) -> None:
    planned = plan(first=20, parallel=3)
    export = both_ends(planned, keys(*range(20, 0, -1)), end_first=end_first)
    assert planned.duplicates == 40
    assert take(planned).high < export.high  # it is bisected


@pytest.mark.parametrize("end_first", [True, False])
def test_both_await_counts_if_the_first_page_has_few_timestamps(end_first: bool) -> None:
    planned = plan(first=20, parallel=3)
    both_ends(planned, keys(*[5.0] * 10, *[6.0] * 10), end_first=end_first)
    assert planned.duplicates == 40 - 10 - 19
    between = take(planned)
    assert (between.low, between.high) == (SECOND + 6, SECOND + 26)


def test_it_waits_for_a_first_page_that_is_asked_for_once_more() -> None:
    planned = plan(first=20, parallel=3)
    export, count = opened(planned)
    planned.feed_count(count, 45)
    other = take(planned)
    assert planned.feed(export, page([])) == []
    assert planned.feed(other, page(keys(*range(44, 24, -1)))) == []
    again = take(planned)
    assert (again.descending, again.low, again.high) == (False, export.low, export.high)
    planned.feed(again, page(keys(*range(20))))
    assert planned.proofs["order"] == 38


def test_another_end_without_works_is_asked_for_once_more() -> None:
    planned = plan(first=20, parallel=2)
    export, count = opened(planned)
    planned.feed(export, page(keys(*range(20))))
    planned.feed_count(count, 45)
    other = take(planned)
    assert planned.feed(other, page([])) == []
    again = take(planned)
    assert (again.descending, again.low, again.high) == (True, other.low, other.high)
    planned.feed(again, page(keys(*range(44, 24, -1))))
    assert planned.proofs["order"] == 38


def test_beside_the_other_end_the_next_page_is_asked_for() -> None:
    planned = plan(first=20, parallel=5)
    export, count = opened(planned)
    planned.feed(export, page(keys(*range(20))))
    planned.feed_count(count, 400)
    other, behind = take(planned), take(planned)
    assert (other.descending, behind.descending) == (True, False)
    assert (other.low, other.high, behind.high) == (export.low, export.high, export.high)
    assert planned.take() is None


def test_not_if_few_works_are_left() -> None:
    planned = plan(first=20, parallel=5)
    export, count = opened(planned)
    planned.feed(export, page(keys(*range(20))))
    planned.feed_count(count, 38)
    assert take(planned).descending
    assert planned.take() is None


def test_what_comes_early_is_proved_once_the_ends_are_compared() -> None:
    planned = plan(first=20, parallel=3)
    export, count = opened(planned)
    planned.feed(export, page(keys(*range(20))))
    planned.feed_count(count, 60)
    other, early = take(planned), take(planned)
    assert planned.feed(early, page(keys(*range(18, 38)))) == []
    assert planned.duplicates == 0
    batches = planned.feed(other, page(keys(*range(59, 39, -1))))
    proved = {name for batch in batches for name in batch.items}
    assert {f"w{second}" for second in range(37)} <= proved
    assert planned.proofs["order"] == len(proved)


def test_a_server_that_does_not_sort_gains_nothing_by_it() -> None:
    orders: tuple[SortBy, ...] = ("random", "ignored", "sorted_after_cap", "ascending", "descending")
    for order in orders:
        rng = random.Random(5)
        model = Model(Quirks(sort_by=order), rng)
        fill(model, works=300, shape="in order")
        planned = Plan[Item](Domain(), now=MODEL_NOW, first=20, limit=5, parallel=5)
        assert sorted(exported(planned, model)) == sorted(model.items)
