"""Servers whose answers are slow: pages are asked for before the order is proved, and prove nothing until it is."""

from __future__ import annotations

import random
from functools import partial

import pytest

from devrev_async.export.planner import Domain, Key, Request
from devrev_async.export.planner.pages import AwaitingOtherEnd
from devrev_async.export.planner.planner import Plan
from devrev_async.export.planner.strategies import early
from devrev_async.sandbox import Quirks
from devrev_async.sandbox.quirks import SortBy
from tests.export.test_planner import NOW as MODEL_NOW
from tests.export.test_planner import Item, Model, exported, fill

from .pages import SECOND, export, interval, keys, opened, page, plan, state, take


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


@pytest.mark.parametrize(("counted", "asked"), [(0, False), (1, False), (20, False), (21, True)])
def test_it_is_not_asked_for_before_that_if_a_page_may_be_enough(counted: int, asked: bool) -> None:
    planned = plan(first=20, parallel=3)
    _, count = opened(planned)
    planned.feed_count(count, counted)
    assert (planned.take() is not None) is asked


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


@pytest.mark.parametrize(
    ("works", "end", "behind"),
    [
        # as many as are left, 25 that were seen, and one in fifty for what is created meanwhile
        (501, 26, None), (551, 77, None), (1000, 500, None),
        (1001, 500, 26), (1101, 500, 128), (9000, 500, 500),
    ],
)  # fmt: skip
@pytest.mark.parametrize("parallel", [2, 3])
def test_no_more_is_asked_for_than_is_left(works: int, end: int, behind: int | None, parallel: int) -> None:
    planned = plan(first=500, parallel=parallel)
    export, count = opened(planned)
    planned.feed(export, page(keys(*(1.5 * number for number in range(500)))))
    planned.feed_count(count, works)
    other, *following = [request for request in iter(planned.take, None) if request.kind == "export"]
    assert (other.descending, other.low, other.high, other.first) == (True, export.low, export.high, end)
    if behind is None or parallel == 2:  # there is no room for a third page beside the two ends
        assert following == []
    else:
        (following_,) = following
        assert (following_.descending, following_.low, following_.high) == (False, SECOND + 748, export.high)
        assert following_.first == behind


def test_a_resumed_run_asks_for_no_other_end_before_its_first_page() -> None:
    known = state(interval(0, 100))
    known.counts.expected = 450
    known.in_flight.add(export(0, 100))
    assert early.ask(known) is None


def test_a_resumed_run_asks_for_nothing_behind_its_first_page() -> None:
    known = state(interval(0, 100))
    known.counts.expected = 450
    known.ends.first = AwaitingOtherEnd(export(0, 100), page(keys(*range(20))))
    other = early.ask(known)
    assert other is not None
    known.in_flight.add(other)
    assert early.ask(known) is None


@pytest.mark.parametrize(
    ("low", "high", "asked"),
    [(100, 200, True), (-50, 0, True), (99, 200, False), (-50, 1, False), (10, 90, False), (-50, 200, False)],
)
def test_the_other_end_waits_for_pages_of_the_same_interval(low: int, high: int, asked: bool) -> None:
    known = state(interval(-50, 0), interval(0, 100), interval(100, 200))
    known.ends.first = AwaitingOtherEnd(export(0, 100), page(keys(*range(20))))
    known.in_flight.add(export(low, high, number=7))
    other = early.ask(known)
    assert (other is not None) is asked
    assert other is None or (other.low, other.high, other.descending) == (SECOND, SECOND + 100, True)


def test_the_other_end_does_not_wait_for_what_stands_behind_the_first_page() -> None:
    known = state(interval(0, 100))
    known.ends.first = AwaitingOtherEnd(export(0, 100), page(keys(*range(20))))
    known.ends.behind = export(19, 100, number=7)
    known.in_flight.add(known.ends.behind)
    assert early.ask(known) is not None


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
