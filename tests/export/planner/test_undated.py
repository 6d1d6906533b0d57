"""Works without a date: what is asked for to know whether there are some, and when an export is given up for them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from devrev_async.export.planner import Domain, Interval, Request, Unprovable
from devrev_async.export.planner.intervals import EARLIEST, UNDATED
from devrev_async.export.planner.state import State
from devrev_async.export.planner.strategies.undated import ask_for_undated
from devrev_async.export.planner.totals import FIRST_DAY, Counted

from .pages import NOW, START, state

RANGE = Domain(START, START + timedelta(days=900))
FOUND = 5
LOST, UNLISTED = "the server counts more works than it shows", "works without created_date cannot be had"
ASSUMED = "there are more works than could be shown to be all"


def all_else_proved(domain: Domain | None = None, *, lists: bool = True, fresh: bool = False) -> State[str]:
    """A plan that has found five works, and has only those without a date left."""
    known = state(Interval(UNDATED, UNDATED + 1), domain=domain, lists=lists, before=FOUND)
    known.fresh = fresh
    return known


def course(known: State[str], **counts: int) -> list[str]:
    """What is asked for in turn, where the server counts so many works of all, of those dated, of those before now."""
    steps: list[str] = []
    try:
        while (request := ask_for_undated(known)) is not None and request.kind != "list" and len(steps) < 9:
            assert request.number == known.in_flight.sent
            steps.append(answered(known, request, counts))
    except Unprovable as reason:
        return [*steps, str(reason)]
    assert request is not None or known.coverage.intervals == []
    return [*steps, "done" if request is None else request.kind]


def answered(known: State[str], request: Request, counts: dict[str, int]) -> str:
    if request.kind != "count":
        return "probe"
    limited = known.domain.limited
    kind = "early" if request.before == NOW else "all" if limited or request.after is None else "dated"
    known.counts.totals.answer(Counted[kind.upper()], counts[kind])
    known.counts.last.note(Counted[kind.upper()], counts[kind])
    return kind


@pytest.mark.parametrize(
    ("counts", "steps"),
    [
        ({"all": 5}, ["all", "done"]), ({"all": 4}, ["all", "done"]),
        ({"all": 6, "dated": 5}, ["all", "dated", "list"]),
        # a server that counts such works in every range shows them in one in which no others are
        ({"all": 6, "dated": 6}, ["all", "dated", "probe", "done"]),
        ({"all": 20, "dated": 20, "early": 5}, ["all", "dated", "early", "probe", "done"]),
        ({"all": 20, "dated": 20, "early": 20}, ["all", "dated", "early", "probe", LOST]),
    ],
)  # fmt: skip
def test_what_the_counts_say(counts: dict[str, int], steps: list[str]) -> None:
    assert course(all_else_proved(), **counts) == steps


def test_a_server_that_contradicted_itself_is_not_asked_what_is_missing() -> None:
    known = all_else_proved()
    known.server.counts = False
    assert course(known, all=20, dated=20) == ["all", "dated", "probe", "done"]
    known = all_else_proved()
    known.server.counts = False
    for kind in Counted:
        known.counts.totals.answer(kind, 20)
    assert course(known) == ["probe", "done"]


@pytest.mark.parametrize(("fresh", "end"), [(True, LOST), (False, "done")])
def test_what_earlier_runs_were_shown_outside_of_the_range_is_not_missed(fresh: bool, end: str) -> None:
    assert course(all_else_proved(RANGE, fresh=fresh), all=20, early=20) == ["all", "early", end]


@pytest.mark.parametrize(
    ("expected", "before", "steps"),
    [(5, None, ["done"]), (6, None, ["all", "done"]), (None, None, ["all", "done"]), (5, 6, ["dated", "list"])],
)
def test_the_first_count_is_enough_if_it_says_what_was_found(
    expected: int | None, before: int | None, steps: list[str]
) -> None:
    known = all_else_proved()
    known.counts.expected = expected
    if before is not None:
        known.counts.totals.answer(Counted.ALL, before)
    assert course(known, all=5, dated=5) == steps


def test_the_range_before_any_work_is_asked_for_once() -> None:
    known = all_else_proved()
    known.counts.totals.answer(Counted.ALL, 6)
    known.counts.totals.answer(Counted.DATED, 6)
    probe = ask_for_undated(known)
    assert probe is not None
    assert (probe.kind, probe.low, probe.after, probe.before) == ("export", EARLIEST, None, FIRST_DAY)
    assert probe.high == int(FIRST_DAY.timestamp())
    assert course(known) == ["done"]


@pytest.mark.parametrize(("lists", "end"), [(True, "list"), (False, UNLISTED)])
def test_works_that_were_seen_are_listed_at_once(lists: bool, end: str) -> None:
    past = UNDATED * 10**6, "w5"
    known = all_else_proved(lists=lists)
    known.coverage.intervals = [Interval(UNDATED, UNDATED + 1, past)]
    known.server.shows_undated = True
    (step,) = course(known)
    assert step.startswith(end)
    assert known.coverage.intervals == [Interval(UNDATED, UNDATED + 1, past, needs_list=lists)]


@pytest.mark.parametrize("counts", [True, False])
@pytest.mark.parametrize(
    ("late", "steps"),
    [
        ({"all": 5}, ["all", "done"]), ({"all": 6, "dated": 6, "early": 5}, ["all", "dated", "early", "probe", "done"]),
        ({"all": 6, "dated": 6, "early": 6}, ["all", "dated", "early", ASSUMED]),
        ({"all": 6, "dated": 5}, ["all", "dated", "list"]),
    ],
)  # fmt: skip
def test_where_pages_were_taken_for_all_there_is_everything_is_counted_anew(
    late: dict[str, int], steps: list[str], counts: bool
) -> None:
    known = all_else_proved()
    known.server.assumed_cap, known.server.counts = True, counts
    known.counts.last.note(Counted.ALL, 5)
    known.counts.totals.answer(Counted.ALL, 5)
    assert course(known, **late) == steps


@pytest.mark.parametrize(
    ("assumed", "most_shown", "end"), [(True, 6, ASSUMED), (True, 5, "done"), (False, 6, "done"), (False, 5, "done")]
)
def test_without_counts_no_page_may_have_shown_more(assumed: bool, most_shown: int, end: str) -> None:
    known = all_else_proved()
    known.server.assumed_cap, known.server.most_shown = assumed, most_shown
    known.counts.totals.end()
    assert course(known) == [end]


def test_counts_stand_where_nothing_was_assumed() -> None:
    known = all_else_proved()
    known.counts.last.note(Counted.ALL, 5)
    known.counts.totals.answer(Counted.ALL, 5)
    assert course(known) == ["done"]
