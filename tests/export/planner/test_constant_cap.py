"""Servers that neither count nor list: the one assumption that is left, where it is not needed, and where not made."""

from __future__ import annotations

import contextlib
import random
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, TypeAlias

import pytest

from devrev_async.export.checkpoint import Ledger
from devrev_async.export.planner import AtLeast, Domain, Interval, Proof, Request, Unprovable
from devrev_async.export.planner.intervals import EARLIEST, LATEST, UNDATED
from devrev_async.export.planner.pages import AwaitingCount
from devrev_async.export.planner.planner import Plan
from devrev_async.export.planner.proofs import constant_cap
from devrev_async.export.planner.server import ServerFindings
from devrev_async.export.planner.totals import Counted
from devrev_async.sandbox import Quirks
from devrev_async.sandbox.quirks import SortBy
from tests.export.test_planner import ORDERS, Model, Run, fill, without

from .pages import NOW, SECOND, START, export, interval, keys, left, names, page, plan, state

if TYPE_CHECKING:
    from collections.abc import Sequence


def run_of(how: Quirks, works: int) -> Run:
    rng = random.Random(1)
    model = Model(how, rng)
    fill(model, works=works, shape="in order")
    run = Run(model)
    run.finish(rng)
    run.check(list(model.items.values()))
    return run


@pytest.mark.parametrize("order", ["random", "ignored", "sorted_after_cap"])
def test_it_is_made_of_a_server_that_has_neither_and_does_not_sort(order: SortBy) -> None:
    run = run_of(without(Quirks(sort_by=order), "works.count", "works.list"), 300)
    assert run.plan.proofs["assumed_cap"] == 300


@pytest.mark.parametrize(
    ("how", "proof"),
    [
        (without(Quirks(), "works.count"), "order"),
        (without(Quirks(), "works.count", "works.list"), "order"),
        (without(Quirks(sort_by="random"), "works.count"), "list"),
        (without(Quirks(sort_by="random"), "works.list"), "count"),
    ],
)
def test_it_is_not_made_where_there_is_anything_else(how: Quirks, proof: Proof) -> None:
    run = run_of(how, 300)
    assert run.plan.proofs["assumed_cap"] == 0
    assert run.plan.proofs[proof] > 150


@pytest.mark.parametrize("order", ORDERS)
def test_it_is_not_made_where_everything_was_counted_and_was_more(order: SortBy) -> None:
    """The server refuses ranges, so that no page can be counted by itself, and its cap varies."""
    how = without(Quirks(sort_by=order, cap=20, cap_pattern="random", created_date_filter="refused"), "works.list")
    complete = 0
    for seed in range(200):
        rng = random.Random(seed)
        model = Model(how, rng)
        fill(model, works=rng.randrange(5, 24), shape="in order")
        run = Run(model, parallel=rng.choice((1, 2, 4)))
        with contextlib.suppress(Unprovable):
            run.finish(rng)
            run.check(list(model.items.values()))
            complete += 1
    assert 50 < complete < 150


Count: TypeAlias = int | AtLeast | None


def answered(
    planned: Plan[str],
    first: list[Count],
    later: dict[str, Count],
    pages: Sequence[Sequence[int]] = ((4, 3, 2, 1), (3, 2, 1)),
) -> None:
    """Runs a plan of a server that neither sorts nor lists; it shows these pages, and counts first so, then so."""
    first, left = [*first], [*pages]
    while (request := planned.take()) is not None:
        if request.kind == "list":
            planned.feed_refusal(request)
        elif request.kind == "count":
            what = "early" if request.before == NOW else "dated" if request.after else "all"
            planned.feed_count(request, first.pop(0) if first else later[what])
        else:
            old = request.before is not None and request.before < START
            shown: Sequence[int] = () if old else left.pop(0) if len(left) > 1 else left[0]
            planned.feed(request, page(keys(*(each for each in shown if request.low <= SECOND + each < request.high))))


@pytest.mark.parametrize(
    "later",
    [
        {"all": 3},  # some were deleted before the counts ceased
        {"all": 5, "dated": 5, "early": 3},  # some were created meanwhile
    ],
)
def test_what_was_deleted_or_created_meanwhile_is_not_missed(later: dict[str, Count]) -> None:
    planned = plan()
    answered(planned, [5, 5, None], later)
    assert planned.done
    assert planned.proofs["assumed_cap"] == 3


@pytest.mark.parametrize(
    ("later", "reason"),
    [
        ({"all": 4, "dated": 4, "early": 4}, "more works than could be shown"),
        ({"all": 4, "dated": 4, "early": None}, "more works than could be shown"),
        ({"all": 4, "dated": None}, "more works than could be shown"),
        ({"all": None}, "more works than could be shown"),
        ({"all": AtLeast(4)}, "more works than could be shown"),
        ({"all": 4, "dated": 3, "early": 3}, r"no works\.list"),
    ],
)
def test_what_is_counted_and_not_shown_is_missed(later: dict[str, Count], reason: str) -> None:
    planned = plan()
    with pytest.raises(Unprovable, match=reason):
        answered(planned, [5, 5, None], later)
    assert planned.proofs["assumed_cap"] == 3


def test_counts_that_pages_showed_to_be_too_low_say_nothing() -> None:
    planned = plan()
    answered(planned, [2, 2], {"all": 90, "dated": 90, "early": 90}, pages=[[3, 2, 1]])
    assert planned.done
    assert planned.proofs["assumed_cap"] == 3


@pytest.mark.parametrize("last", [[3, 2, 1], []])
def test_works_that_a_page_showed_are_missed_where_nothing_is_counted(last: list[int]) -> None:
    planned = plan()
    with pytest.raises(Unprovable, match="more works than could be shown"):
        answered(planned, [], {"all": None}, pages=[[4, 3, 2, 1], last, last, last])


@pytest.mark.parametrize(("everything", "missed"), [(10, False), (11, True)])
def test_a_resumed_export_knows_that_it_was_made_before(everything: int, missed: bool) -> None:
    ledger = Ledger("f", Domain())
    ledger.open = [Interval(UNDATED, UNDATED + 1), Interval(SECOND, LATEST)]
    ledger.works, ledger.found = 6, ServerFindings(longest_page=9, assumed_cap=True)
    ledger = Ledger.resumed(ledger.checkpoint(), "f")
    planned = Plan[str](
        ledger.domain, now=NOW, intervals=ledger.open, findings=ledger.found, before=ledger.works, first=20, limit=5
    )
    with pytest.raises(Unprovable) if missed else contextlib.nullcontext():
        answered(planned, [everything, 4], {"all": everything, "dated": everything, "early": everything})
    assert planned.proofs["count"] == 4


@pytest.mark.parametrize(("more", "missed"), [(AtLeast(2), False), (AtLeast(3), False), (AtLeast(4), True)])
def test_a_count_that_says_that_there_are_more_is_the_least_that_there_are(more: AtLeast, missed: bool) -> None:
    planned = plan()
    with pytest.raises(Unprovable, match="more works than could be shown") if missed else contextlib.nullcontext():
        answered(planned, [], {"all": more}, pages=[[3, 2, 1]])
    assert planned.proofs["assumed_cap"] == 3


@pytest.mark.parametrize(
    ("after", "future"),
    [(None, False), (NOW, False), (NOW + timedelta(microseconds=1), True), (NOW - timedelta(days=1), False)],
)
def test_a_range_behind_the_beginning_of_the_run_lies_in_the_future(after: datetime | None, future: bool) -> None:
    assert constant_cap.in_the_future(state(), Request("export", 1, SECOND, LATEST, after)) is future


@pytest.mark.parametrize(
    ("counted", "exact", "most_shown", "shown", "more"),
    [
        (None, True, 5, 5, False), (None, True, 5, 4, True),  # nothing was counted: one page showed more
        (6, True, 0, 5, True), (5, True, 0, 5, False),
        (5, True, 9, 5, False),  # an exact count is believed, and a page is not
        (5, False, 9, 8, True), (5, False, 5, 5, False), (6, False, 0, 5, True),
    ],
)  # fmt: skip
def test_there_seem_to_be_more_works(counted: int | None, exact: bool, most_shown: int, shown: int, more: bool) -> None:
    known = state()
    known.server.most_shown = most_shown
    if counted is not None:
        known.counts.last.note(Counted.ALL, counted, exact=exact)
    assert constant_cap.more_than(known, shown) is more


@pytest.mark.parametrize(
    ("span", "counted", "undated_left"),
    [((EARLIEST, LATEST), 3, False), ((EARLIEST, LATEST), 2, False), ((EARLIEST, LATEST), 4, True), ((0, LATEST), 3, True)],
)  # fmt: skip
def test_works_without_a_timestamp_are_left_where_there_seem_to_be_more(
    span: tuple[int, int], counted: int, undated_left: bool
) -> None:
    known, shown = state(), page(keys(1, 2))
    known.tally.before = 1
    known.counts.last.note(Counted.ALL, counted)
    waiting = AwaitingCount(Request("export", 1, *span), shown, shown.ordered())
    assert names(constant_cap.assume(known, waiting)) == ["w1", "w2"]
    assert known.server.assumed_cap
    assert known.tally.proofs["assumed_cap"] == 2
    assert any(each.low == UNDATED for each in known.coverage.intervals) is undated_left


def test_a_short_page_of_the_future_is_passed_over() -> None:
    known, shown = state(interval(0, 9), interval(20, 30)), page(keys(21))
    waiting = AwaitingCount(export(20, 30), shown, shown.ordered())
    assert names(constant_cap.pass_over(known, waiting)) == ["w21"]
    assert left(known) == [(0, 9)]
    assert (known.tally.proofs["assumed_cap"], known.server.assumed_cap) == (1, False)
