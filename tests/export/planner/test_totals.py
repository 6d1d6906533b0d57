"""Servers that count oddly: what counts over everything say of works without a date, and when too much is missing."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import timedelta

import pytest

from devrev_async.export.planner import AtLeast, Domain, Page, Request, Unprovable, key_of
from devrev_async.export.planner.totals import Ahead, Counted, Totals
from devrev_async.export.planner.tuning import AHEAD, BLATANT, BLATANT_SHARE, TRIES
from devrev_async.sandbox import Quirks
from tests.export.test_planner import Item, Model, Run, fill

from .pages import NOW, START


def test_one_count_is_enough_if_it_says_no_more_than_was_found() -> None:
    totals = Totals(Domain(), NOW)
    assert totals.next(5) is Counted.ALL
    totals.answer(Counted.ALL, 5)
    assert totals.next(5) is None
    assert not totals.show_undated()


def test_more_without_a_range_than_with_one_are_works_without_a_date() -> None:
    totals = Totals(Domain(), NOW)
    totals.answer(Counted.ALL, 7)
    assert totals.next(5) is Counted.DATED
    totals.answer(Counted.DATED, 5)
    assert totals.show_undated()


def test_by_far_too_many() -> None:
    totals, found = Totals(Domain(), NOW), 1000
    few = int(found * BLATANT_SHARE)
    for kind in Counted:
        totals.answer(kind, few)
    assert not totals.too_many(found)
    assert not totals.too_many(few - BLATANT + 1)
    for kind in Counted:
        totals.answer(kind, few + 1)
    assert totals.too_many(found)


def test_what_was_created_since_the_run_began_does_not_matter() -> None:
    totals = Totals(Domain(START, None), NOW)
    assert totals.range_of(Counted.EARLY) == (START - timedelta(milliseconds=1), NOW)
    assert totals.early(NOW - timedelta(days=1)) == NOW - timedelta(days=1)


def test_counts_ahead_are_void_once_a_page_is_asked_for_and_bounded() -> None:
    ahead = Ahead()
    for number in range(AHEAD):
        assert ahead.wanted
        ahead.ask(number)
        assert not ahead.wanted
        ahead.void()
        assert ahead.answer(number, 5)
        assert ahead.take() is None
    assert not ahead.wanted


def test_of_a_server_that_sorts_the_first_count_will_do() -> None:
    rng = random.Random(1)
    model = Model(Quirks(), rng)
    fill(model, works=500, shape="in order")
    run = Run(model)
    run.finish(rng)
    assert sum(request.kind == "count" for request in model.requests) == 1
    assert run.plan.proofs["order"] == 500


@dataclass
class Changing(Model):
    """What changes makes each pass of `works.list` another one; and counts of everything say one more for a while.

    Attributes:
        wrong: how many of them do.
    """

    wrong: int = 1

    def count(self, request: Request) -> int | AtLeast | None:
        right = super().count(request)
        everything = request.after is None and request.before is None
        if not (everything and self.wrong and isinstance(right, int)):
            return right
        self.wrong -= 1
        return right + 1

    def answer(self, request: Request) -> Page[Item] | int | AtLeast | None:
        answer = super().answer(request)
        if request.kind == "list" and isinstance(answer, Page):
            passing = Item(f"passing-{len(self.requests)}", START, 0, throughout=False)
            return Page([*answer.keys, key_of(START, passing.id)], [*answer.items, passing], answer.cursor)
        return answer


@pytest.mark.parametrize("wrong", [2, TRIES + 1])
def test_what_counts_of_different_moments_say_of_works_without_a_date_is_asked_again(wrong: int) -> None:
    model = Changing(Quirks(), random.Random(1), wrong=wrong)
    fill(model, works=90, shape="in order")
    run = Run(model)
    run.finish(random.Random(2))
    run.check(list(model.items.values()))
    assert model.wrong == 0
    assert run.plan.proofs["list"] == 0


def test_counts_that_go_on_to_say_it_are_believed() -> None:
    model = Changing(Quirks(), random.Random(1), wrong=10**6)
    fill(model, works=90, shape="in order")
    with pytest.raises(Unprovable, match="change from pass to pass"):
        Run(model).finish(random.Random(2))
