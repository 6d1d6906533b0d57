"""Servers that count oddly: what counts over everything say of works without a date, and when too much is missing."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest

from devrev_async.export.planner import AtLeast, Domain, Page, Request, Unprovable, key_of
from devrev_async.export.planner.totals import FIRST_DAY, Ahead, Counted, LastCount, Totals
from devrev_async.export.planner.tuning import AHEAD, BLATANT, BLATANT_SHARE, TRIES
from devrev_async.sandbox import Quirks
from tests.export.test_planner import Item, Model, Run, fill

from .pages import NOW, SECOND, START


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


MILLI, ONE = timedelta(milliseconds=1), timedelta(seconds=1)
LATER = NOW + timedelta(days=1)


@pytest.mark.parametrize(
    ("domain", "all_", "dated", "early"),
    [
        (Domain(), (None, None), (FIRST_DAY, None), (FIRST_DAY, NOW)),
        (Domain(START, None), (START - MILLI, None), (START - MILLI, None), (START - MILLI, NOW)),
        (Domain(None, START), (None, START + ONE), (FIRST_DAY, START + ONE), (FIRST_DAY, START + ONE)),
        (Domain(None, LATER), (None, LATER + ONE), (FIRST_DAY, LATER + ONE), (FIRST_DAY, NOW)),
    ],
)
def test_what_is_counted_over_everything(
    domain: Domain, all_: tuple[object, object], dated: tuple[object, object], early: tuple[object, object]
) -> None:
    totals = Totals(domain, NOW)
    assert [totals.range_of(kind) for kind in Counted] == [all_, dated, early]


@pytest.mark.parametrize(("before", "upto"), [(None, None), (LATER, LATER + ONE)])
def test_what_is_counted_from_a_second_on(before: datetime | None, upto: datetime | None) -> None:
    assert Totals(Domain(None, before), NOW).range_from(SECOND) == (START, upto)


FOUND, BY_FAR = 1000, int(1000 * BLATANT_SHARE) + 1


RANGE = Domain(START, None)


@pytest.mark.parametrize(
    ("domain", "found", "counts", "following", "too_many"),
    [
        # each is asked for while the one before says that works are missing: of all, one; of the others, by far too many
        (Domain(), FOUND, [], Counted.ALL, False), (Domain(), FOUND, [FOUND], None, False), (Domain(), FOUND, [None], None, False),
        (Domain(), FOUND, [FOUND + 1], Counted.DATED, False), (Domain(), FOUND, [BY_FAR, BY_FAR - 1], None, False),
        (Domain(), FOUND, [BY_FAR, None], None, False), (Domain(), FOUND, [BY_FAR, BY_FAR], Counted.EARLY, False),
        (Domain(), FOUND, [BY_FAR, BY_FAR, BY_FAR - 1], None, False), (Domain(), FOUND, [BY_FAR, BY_FAR, BY_FAR], None, True),
        # where few were found, by ten at least
        (Domain(), 0, [BLATANT, BLATANT, BLATANT], None, True), (Domain(), 0, [BLATANT, BLATANT - 1], None, False),
        (Domain(), 5, [BLATANT + 5] * 3, None, True), (Domain(), 5, [BLATANT + 5, BLATANT + 4], None, False),
        # within a range of the user's all works have a date
        (RANGE, FOUND, [], Counted.ALL, False), (RANGE, FOUND, [BY_FAR - 1], None, False), (RANGE, FOUND, [BY_FAR], Counted.EARLY, False),
        (RANGE, FOUND, [BY_FAR, BY_FAR - 1], None, False), (RANGE, FOUND, [BY_FAR, None], None, False), (RANGE, FOUND, [BY_FAR] * 2, None, True),
    ],
)  # fmt: skip
def test_which_count_is_next(
    domain: Domain, found: int, counts: list[int | None], following: Counted | None, too_many: bool
) -> None:
    totals = Totals(domain, NOW)
    for count in counts:
        kind = totals.next(found)
        assert kind is not None
        assert kind not in totals
        totals.answer(kind, count)
        assert kind in totals
    assert totals.next(found) is following
    assert totals.too_many(found) is too_many


@pytest.mark.parametrize(("limited", "count", "following"), [(False, 6, True), (False, 5, False), (True, 6, False)])
def test_of_everything_one_work_more_than_was_found_is_enough(limited: bool, count: int, following: bool) -> None:
    totals = Totals(Domain(START, None) if limited else Domain(), NOW)
    totals.answer(Counted.ALL, count)
    assert (totals.next(5) is not None) is following
    assert totals.unexplained(5) is following


def test_asked_anew_every_count_is_exact() -> None:
    totals = Totals(Domain(START, None), NOW)
    totals.answer(Counted.ALL, 6)
    totals.ask_anew()
    assert totals.next(5) is Counted.ALL
    totals.answer(Counted.ALL, 6)
    assert totals.next(5) is Counted.EARLY
    totals.answer(Counted.EARLY, 6)
    assert totals.next(5) is None
    assert totals.too_many(5)
    totals.ask_again()
    assert totals.next(5) is Counted.ALL
    assert not totals.too_many(5)


def test_a_server_that_counts_nothing_is_asked_no_more() -> None:
    totals = Totals(Domain(), NOW)
    totals.answer(Counted.ALL, 7)
    totals.end()
    assert all(kind in totals for kind in Counted)
    assert totals.next(5) is None
    assert not totals.show_undated()
    assert totals.unexplained(5)  # what it said before stands
    assert not Totals(Domain(), NOW).unexplained(5)


@pytest.mark.parametrize(
    ("all_", "dated", "undated"), [(7, 6, True), (7, 7, False), (6, 7, False), (7, None, False), (None, 6, False)]
)
def test_when_counts_show_works_without_a_date(all_: int | None, dated: int | None, undated: bool) -> None:
    totals = Totals(Domain(), NOW)
    totals.answer(Counted.ALL, all_)
    assert not totals.show_undated()
    totals.answer(Counted.DATED, dated)
    assert totals.show_undated() is undated


def test_a_count_ahead_is_taken_once_if_it_is_the_last_one() -> None:
    ahead = Ahead()
    assert ahead.take() is None
    ahead.ask(3)
    assert ahead.answer(3, 50)
    assert not ahead.answer(4, 60)
    assert (ahead.take(), ahead.take()) == (50, None)
    ahead.void()
    ahead.ask(5)
    assert ahead.answer(3, 70)
    assert ahead.take() is None
    assert ahead.answer(5, 80)
    ahead.void()
    assert ahead.take() is None


def test_what_the_last_count_over_everything_says() -> None:
    last = LastCount()
    assert (last.known, last.exact, last.checked, last.says_more(0)) == (False, False, False, False)
    last.note(Counted.DATED, 9)
    assert not last.known
    last.note(Counted.ALL, 9)
    assert (last.known, last.exact, last.says_more(8), last.says_more(9)) == (True, True, True, False)
    last.note(Counted.EARLY, 7, exact=False)
    assert (last.known, last.exact, last.says_more(6), last.says_more(7)) == (True, False, True, False)
    last.note(Counted.ALL, 0)
    assert (last.known, last.says_more(0)) == (True, False)


def test_a_count_that_pages_contradicted_says_nothing_any_more() -> None:
    last = LastCount()
    last.note(Counted.ALL, 9)
    last.contradict()
    assert (last.known, last.exact, last.says_more(0)) == (False, False, False)
    last.note(Counted.ALL, 9)
    assert (last.known, last.exact) == (False, False)


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
