"""Servers whose answers are slow: pages are asked for before the order is proved, and prove nothing until it is."""

from __future__ import annotations

import random

from devrev_async.export.planner import Domain, Page, Plan
from devrev_async.sandbox import Quirks
from devrev_async.sandbox.quirks import SortBy
from tests.export.test_planner import NOW as MODEL_NOW
from tests.export.test_planner import Item, Model, fill

from .pages import keys, opened, page, plan, take


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
        got: list[str] = []
        while (request := planned.take()) is not None:
            answer = model.answer(request)
            batches = planned.feed(request, answer) if isinstance(answer, Page) else planned.feed_count(request, answer)
            got += [item.id for batch in batches for item in batch.items]
        assert sorted(got) == sorted(model.items)
