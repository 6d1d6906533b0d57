"""Servers that answer an empty page now and then: it is checked like a short one, and asked for once more."""

from __future__ import annotations

import random

import pytest

from devrev_async.export.planner import Key, Unprovable
from devrev_async.export.planner.proofs.empty_page import contradicts_seen
from devrev_async.sandbox import Quirks
from tests.export.test_planner import ORDERS, Count, Model, Run, fill, with_count

from .pages import export, interval, keys, opened, page, plan, state, take


def test_nothing_at_all_is_complete_if_the_count_says_so() -> None:
    planned = plan()
    export, count = opened(planned)
    assert planned.feed(export, page([])) == []
    assert not planned.done
    assert [batch.items for batch in planned.feed_count(count, 0)] == [[], []]
    assert planned.done


def test_an_empty_page_that_the_count_contradicts_is_asked_for_again() -> None:
    planned = plan()
    export, count = opened(planned)
    planned.feed_count(count, 7)
    assert planned.feed(export, page([])) == []
    again = planned.take()
    assert again is not None
    assert (again.kind, again.low, again.high) == ("export", export.low, export.high)
    planned.feed(again, page(keys(*range(7))))
    assert planned.done
    assert planned.proofs["count"] == 7


@pytest.mark.parametrize("shown", [[], keys(5)])
def test_a_page_that_lacks_what_an_earlier_one_showed_is_asked_for_once_more(shown: list[Key]) -> None:
    planned = plan(first=20, parallel=2)
    export, count = opened(planned)
    planned.feed(export, page(keys(*range(20, 0, -1))))  # out of order: it proves nothing, and is bisected
    planned.feed_count(count, 45)
    half = take(planned)
    assert planned.feed(half, page(shown)) == []
    again = take(planned)
    assert (again.kind, again.low, again.high) == ("export", half.low, half.high)
    planned.feed(again, page(shown))  # what is missing may be gone
    following = take(planned)
    assert (following.kind, following.low) != ("export", half.low)


@pytest.mark.parametrize("count", ["exact", "missing"])
def test_no_work_is_lost_whatever_pages_are_empty(count: Count) -> None:
    for seed in range(60):
        rng = random.Random(seed)
        how = Quirks(sort_by=ORDERS[seed % len(ORDERS)], empty_every=(10, 2)[seed % 2])
        model = Model(with_count(how, count), rng)
        fill(model, works=(3, 18, 150)[seed % 3], shape="in order")
        run = Run(model)
        try:
            run.finish(rng)
        except Unprovable:
            continue
        run.check(list(model.items.values()))


@pytest.mark.parametrize(
    ("open_", "shown", "contradicts"),
    [
        # an empty page of a range of which a part is closed: works were seen there
        ([(0, 100)], [], False), ([(10, 100)], [], True), ([(0, 90)], [], True), ([(0, 40), (60, 100)], [], True),
        ([(-50, 200)], [], False),  # it is open beyond the range on both sides
        ([(10, 100)], [50], False),
        ([], [], False),
        # one that lacks a work which was seen in an interval, whether or not it shows others
        ([(0, 100, 1, 2)], [1, 2], False), ([(0, 100, 1, 2)], [1], True), ([(0, 100, 1, 2)], [1, 1], True),
        ([(0, 100, 1, 2)], [1, 150], True), ([(0, 100, 1, 2)], [1, 3], True), ([(0, 100, 1, 2)], [1, 2, 3], False),
        ([(0, 50, 1), (50, 100, 60)], [1, 2], True), ([(0, 50, 1), (50, 100, 60)], [1, 60], False),
        ([(0, 50), (50, 100, 60)], [60], False),
        ([(200, 300, 210)], [1], False),  # of another range
    ],
)  # fmt: skip
def test_what_was_seen_in_the_range_of_a_page_is_in_it(
    open_: list[tuple[int, ...]], shown: list[float], contradicts: bool
) -> None:
    known = state(interval(-900, -800), *(interval(*each) for each in open_))
    assert contradicts_seen(known, export(0, 100), page(keys(*shown))) is contradicts
