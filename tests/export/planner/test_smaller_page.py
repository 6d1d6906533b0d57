"""Servers whose works are deleted all the time: where page and count never agree, two ends show the order."""

from __future__ import annotations

import random

import pytest

from devrev_async.export.planner import Key, Request, Unprovable
from devrev_async.export.planner.intervals import LATEST, UNDATED
from devrev_async.export.planner.planner import Plan
from devrev_async.export.planner.tuning import AGAIN, PART
from devrev_async.sandbox import Quirks
from devrev_async.sandbox.quirks import SortBy
from tests.export.test_planner import CapsFirst, Item, Model, Run, fill

from .pages import keys, names, opened, page, plan, take


def _never_agree(planned: Plan[str], shown: list[list[Key]]) -> Request:
    """Answers the first page with these, one after the other, and each count with one more; returns the next page."""
    for found in shown:
        export, count = opened(planned)
        assert [*planned.feed_count(count, len(found) + 1), *planned.feed(export, page(found))] == []
    return next(request for request in iter(planned.take, None) if request.kind != "count")


def _ever_fewer(works: int) -> list[list[Key]]:
    """Pages of which the last one shows so many works."""
    return [keys(*range(works + AGAIN - gone)) for gone in range(AGAIN + 1)]


def test_a_smaller_page_is_asked_for_and_both_ends_prove_the_order() -> None:
    planned = plan(first=200)
    low = _never_agree(planned, _ever_fewer(100))
    assert (low.after, low.before, low.descending, low.first) == (None, None, False, 60)
    assert planned.feed(low, page(keys(*range(60)))) == []
    assert planned.feed_count(Request("count", low.number - 1, UNDATED, LATEST), 100) == []
    high = take(planned)
    assert (high.after, high.before, high.descending, high.first) == (None, None, True, 60)
    batches = planned.feed(high, page(keys(*range(99, 39, -1))))
    assert sorted(names(batches)) == sorted(f"w{second}" for second in range(100))
    assert planned.proofs["order"] == 100


def test_all_works_come_by_order_though_one_is_deleted_before_each_answer() -> None:
    run, initial = _deleting(Model(Quirks(), random.Random(3), first=200, limit=20), works=150)
    run.finish(random.Random(3), churn=1.0)
    run.check(initial)
    assert run.plan.proofs["order"] == len(run.handed) > 100
    assert run.all_requests < 2 * (AGAIN + 1) + 8


def test_not_where_the_page_was_never_longer() -> None:
    """A page that stays as long while works are deleted is capped: others took their places."""
    planned = plan(first=200)
    following = _never_agree(planned, [keys(*range(gone, 100 + gone)) for gone in range(2)])
    assert following.first != 60


def test_not_where_the_page_shows_a_work_that_it_did_not_show_at_first() -> None:
    """Then it is capped, as by bytes, and another work took the place of two that were deleted."""
    *before, last = _ever_fewer(100)
    assert _never_agree(plan(first=200), [*before, [*last[:-1], *keys(150)]]).first != int(100 * PART)


def test_not_where_too_few_works_could_show_the_order() -> None:
    assert _never_agree(plan(first=200), _ever_fewer(24)).first != int(24 * PART)
    assert _never_agree(plan(first=200), _ever_fewer(25)).first == int(25 * PART)


def test_not_where_a_list_costs_less() -> None:
    assert _never_agree(plan(first=200, limit=48), _ever_fewer(80)).first != int(80 * PART)
    assert _never_agree(plan(first=200, limit=47), _ever_fewer(80)).first == int(80 * PART)


@pytest.mark.parametrize("order", ["ignored", "random", "sorted_after_cap", "sorted_after_random_cap", "descending"])
@pytest.mark.parametrize("shape", ["spread", "in order", "backdated"])
def test_a_server_that_does_not_sort_before_it_caps_is_not_believed(order: SortBy, shape: str) -> None:
    for seed in range(6):
        model = Model(Quirks(sort_by=order), random.Random(seed), first=200, limit=20)
        run, initial = _deleting(model, works=150, shape=shape)
        try:
            run.finish(random.Random(seed), churn=0.9)
        except Unprovable:
            assert run.plan.proofs["order"] == 0
        else:
            run.check(initial)


@pytest.mark.parametrize("order", ["oldest", "newest", "by id"])
def test_candidates_that_are_picked_before_they_are_sorted_hide_nothing(order: str) -> None:
    """It picks a few works less than there are, but more than a smaller page asks for."""
    for seed in range(3):
        rng = random.Random(seed)
        model = CapsFirst(Quirks(cap=2480), rng, first=5000, limit=100, order=order)
        run, initial = _deleting(model, works=2500, shape="spread")
        try:
            run.finish(rng, churn=0.3)
        except Unprovable:
            continue
        run.check(initial)


def _deleting(model: Model, *, works: int, shape: str = "in order") -> tuple[Run, list[Item]]:
    """An export of works of which one is deleted whenever something changes, and what there is before it."""
    fill(model, works=works, shape=shape)

    def delete() -> None:
        if model.items:
            item = model.items.pop(model.rng.choice(list(model.items)))
            item.matches = item.throughout = False

    model.churn = delete  # type: ignore[method-assign] # this one only deletes
    return Run(model, parallel=2), list(model.items.values())
