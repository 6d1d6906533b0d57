"""Servers that cap a page without a word: a page is all there is if a count says exactly as many works."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest

from devrev_async.export.planner import Domain, Interval, Key, Request, key_of
from devrev_async.export.planner.intervals import EARLIEST, LATEST, UNDATED
from devrev_async.export.planner.judge import judge_count
from devrev_async.export.planner.pages import AwaitingCount
from devrev_async.export.planner.planner import Plan
from devrev_async.export.planner.proofs import matching_count
from devrev_async.export.planner.state import State
from devrev_async.sandbox import Quirks
from devrev_async.sandbox.quirks import CountAccuracy
from tests.export.test_planner import CAPS, Cap, Model, Run, fill, with_cap

from .pages import START, export, interval, keys, left, names, opened, page, plan, state, take


@pytest.mark.parametrize("works", [1, 7, 20])
@pytest.mark.parametrize("count_first", [False, True])
def test_the_first_page_is_complete_if_the_count_beside_it_says_so(works: int, count_first: bool) -> None:
    planned = plan()
    export, count = opened(planned)
    shown = keys(*range(works))
    if count_first:
        assert planned.feed_count(count, works) == []
        batches = planned.feed(export, page(shown))
    else:
        assert planned.feed(export, page(shown)) == []
        assert planned.take() is None
        batches = planned.feed_count(count, works)
    assert [name for batch in batches for name in batch.items] == [name for _, name in shown]
    assert planned.done
    assert (planned.proofs["count"], planned.duplicates) == (works, 0)


@pytest.mark.parametrize("works", [0, 7, 20])
def test_a_count_that_was_made_before_the_run_proves_the_first_page_alone(works: int) -> None:
    planned = plan(counted=works)
    export = take(planned)
    assert planned.take() is None
    batches = planned.feed(export, page(keys(*range(works))))
    assert sum(len(batch.items) for batch in batches) == works
    assert planned.done
    assert planned.proofs["count"] == works


@pytest.mark.parametrize("counted", [6, 8])
def test_one_that_the_first_page_contradicts_is_made_anew(counted: int) -> None:
    planned = plan(counted=counted)
    assert planned.feed(take(planned), page(keys(*range(7)))) == []
    count = take(planned)
    assert count.kind == "count"
    planned.feed_count(count, 7)
    assert planned.done


def _beside(planned: Plan[str], count: int, found: list[Key]) -> list[str]:
    """Answers the first page and the count beside it, and returns what that proves."""
    export, counting = opened(planned)
    return names([*planned.feed_count(counting, count), *planned.feed(export, page(found))])


@pytest.mark.parametrize(
    "pairs",
    [
        [(12, 11), (11, 11)],
        [(12, 11), (11, 10), (9, 9)],
        [(11, 12), (10, 11), (9, 9)],
        [(12, 11), (11, 12), (12, 11), (11, 10), (10, 10)],
    ],
)
def test_they_are_asked_for_again_while_works_come_and_go(pairs: list[tuple[int, int]]) -> None:
    planned = plan()
    for count, works in pairs[:-1]:
        assert _beside(planned, count, keys(*range(works))) == []
    count, works = pairs[-1]
    assert len(_beside(planned, count, keys(*range(works)))) == works
    assert planned.done


@pytest.mark.parametrize(
    "pairs", [[(12, 11), (12, 11)], [(10, 11), (10, 11)], [(12, 11), (11, 10), (10, 9), (9, 8), (8, 7)]]
)
def test_but_not_where_nothing_changes_nor_for_ever(pairs: list[tuple[int, int]]) -> None:
    planned = plan()
    for count, works in pairs:
        assert _beside(planned, count, keys(*range(works))) == []
    following = take(planned)
    assert (following.kind, following.after, following.before) != ("export", None, None)


def test_nor_where_the_count_is_by_far_higher() -> None:
    planned = plan()
    assert _beside(planned, 13, keys(*range(11))) == []
    assert take(planned).kind != "count"


def test_a_count_that_says_more_proves_nothing() -> None:
    planned = plan()
    export, count = opened(planned)
    planned.feed_count(count, 12)
    assert planned.feed(export, page(keys(*range(11)))) == []
    assert not planned.done
    assert planned.take() is not None


def test_a_count_that_says_less_is_asked_for_again_with_the_page_and_then_not_used() -> None:
    planned = plan()
    export, count = opened(planned)
    planned.feed(export, page(keys(*range(11))))
    assert planned.feed_count(count, 10) == []
    export, count = opened(planned)
    assert planned.feed(export, page(keys(*range(11)))) == []
    assert planned.feed_count(count, 10) == []
    assert planned.expected is None
    assert take(planned).kind == "export"
    assert planned.proofs["count"] == 0


def test_a_work_that_was_deleted_between_page_and_count() -> None:
    planned = plan()
    export, count = opened(planned)
    planned.feed(export, page(keys(*range(11))))
    planned.feed_count(count, 10)
    export, count = opened(planned)
    planned.feed(export, page(keys(*range(10))))
    (_, batch) = planned.feed_count(count, 10)
    assert len(batch.items) == 10
    assert planned.done


@pytest.mark.parametrize("caps", CAPS[1:])
@pytest.mark.parametrize("count", ["low", "one_less"])
def test_counts_that_are_too_low_hide_nothing(caps: Cap, count: CountAccuracy) -> None:
    for seed in range(30):
        rng = random.Random(seed)
        model = Model(with_cap(Quirks(count=count, sort_by="random"), caps), rng)
        fill(model, works=90, shape="in order")
        run = Run(model)
        run.finish(rng)
        run.check(list(model.items.values()))


@pytest.mark.parametrize("gone", [True, False])
def test_a_count_over_everything_does_not_prove_a_page_that_lacks_works_shown_before(gone: bool) -> None:
    """One work that was found is deleted since, and one that is there is missing on a page: the sum is right."""
    planned = state(interval(0, 100, 1))
    planned.fresh, planned.tally.proved = True, 9
    request = export(0, 100)
    waiting = AwaitingCount(request, page([]), [])
    planned.pages.add(waiting)
    assert not matching_count.whole_matches(planned, 9)
    batches = judge_count(planned, waiting, 0 if gone else 1)
    assert [(batch.proof, batch.keys) for batch in batches] == ([("count", [])] if gone else [])
    assert bool(left(planned)) is not gone


def test_a_count_too_low_proves_no_pages_that_lack_a_work_of_the_same_second() -> None:
    """Half of all works are counted, and the pages that are left happen to hold so many; 28 were shown in all."""
    rng = random.Random(17)
    model = Model(Quirks(cap=12, cap_pattern="random", sort_by="random", count="low"), rng)
    fill(model, works=16, shape="dense", ties=30)
    run = Run(model, parallel=rng.choice((1, 2, 4)))
    run.finish(rng)
    run.check(list(model.items.values()))


def test_a_made_up_count_proves_no_pages_that_lack_what_the_other_end_showed() -> None:
    """That page came before the first one was judged, and proves nothing; 16 are counted, and two pages have 5 and 11."""
    rng = random.Random(19)
    model = Model(Quirks(cap=20, cap_bytes=200, count="random"), rng)
    fill(model, works=19, shape="lumps")
    run = Run(model, parallel=rng.choice((1, 2, 4)))
    run.finish(rng)
    run.check(list(model.items.values()))


def test_works_that_blank_pages_hide_twice_are_not_lost() -> None:
    rng = random.Random(699)
    model = Model(Quirks(cap=18, cap_bytes=180, empty_every=3, sort_by="ascending"), rng)
    fill(model, works=249, shape="in order", ties=30)
    initial = list(model.items.values())
    run = Run(model, parallel=rng.choice((1, 2, 4)))
    run.finish(rng, churn=0.05)
    run.check(initial)


def test_a_page_of_an_interval_is_proved_by_a_count_of_its_own_range() -> None:
    rng = random.Random(1)
    model = Model(Quirks(sort_by="random"), rng)
    fill(model, works=200, shape="in order")
    run = Run(model)
    run.finish(rng)
    assert any(request.kind == "count" and request.after is not None for request in model.requests)
    assert run.plan.proofs["count"] == 200


U = key_of(None, "u")
WHOLE = Request("export", 1, EARLIEST, LATEST, first=20)
YEAR = Domain(START, START + timedelta(days=365))


def awaiting(known: State[str], request: Request, *shown: Key) -> AwaitingCount[str]:
    """A page that awaits a count."""
    waiting = AwaitingCount(request, page([*shown]), page([*shown]).ordered())
    known.pages.add(waiting)
    return waiting


@pytest.mark.parametrize(
    ("closed", "most", "fresh", "count", "matches"),
    [
        (0, 3, True, 5, True), (0, 3, True, 4, False), (0, 3, True, 6, False),
        (7, 3, True, 12, True), (7, 3, True, 5, False),  # what was found before counts as well
        (0, 5, True, 5, True), (0, 6, True, 5, False),  # one page showed more: the count agrees by chance
        (0, 3, False, 5, False),  # what an earlier run found may be gone
    ],
)  # fmt: skip
def test_a_count_over_everything_has_to_say_what_was_found_and_what_all_pages_would_add(
    closed: int, most: int, fresh: bool, count: int, matches: bool
) -> None:
    known = state(before=closed)
    awaiting(known, export(0, 50), *keys(1, 2, 3))
    awaiting(known, export(50, 90, number=2), *keys(60, 70))
    known.fresh, known.server.most_shown = fresh, most
    assert matching_count.whole_matches(known, count) is matches


@pytest.mark.parametrize(
    ("domain", "request_", "shown", "undated", "proved"),
    [
        # a page of everything has the works without a timestamp if it shows them first, or if the count covers them
        (Domain(), WHOLE, keys(1, 2), False, False), (Domain(), WHOLE, keys(1, 2), True, True),
        (Domain(), WHOLE, [U, *keys(1, 2)], False, True), (Domain(), WHOLE, [*keys(1, 2), U], False, False),
        # of a range of the user's there are none
        (YEAR, Request("export", 1, YEAR.low, YEAR.high, first=20), keys(1, 2), False, True),
        # a page of a part never has them
        (Domain(), export(0, 9), keys(1, 2), True, False), (YEAR, export(0, 9), keys(1, 2), True, False),
        (Domain(), export(0, 9), [U, *keys(1, 2)], False, False),
    ],
)  # fmt: skip
def test_whether_a_page_that_is_proved_covers_works_without_a_timestamp(
    domain: Domain, request_: Request, shown: list[Key], undated: bool, proved: bool
) -> None:
    known = state(domain=domain)
    got = matching_count.prove(
        known, awaiting(known, request_, *shown), "count", **({"undated": True} if undated else {})
    )
    assert any(each.low == UNDATED for each in known.coverage.intervals) is not proved
    assert set(names(got)) == {name for _, name in shown} - (set() if proved else {"u"})
    assert known.tally.proofs["count"] == len(names(got))


def test_one_count_over_everything_settles_all_pages() -> None:
    known = state(Interval(UNDATED, UNDATED + 1), interval(0, 90))
    awaiting(known, export(0, 50), *keys(1, 2, 3))
    awaiting(known, export(50, 90, number=2), *keys(60, 70))
    assert names(matching_count.settle_all(known)) == ["w1", "w2", "w3", "w60", "w70"]
    assert left(known) == []
    assert any(each.low == UNDATED for each in known.coverage.intervals)  # they are asked for by themselves
    whole = state()
    awaiting(whole, WHOLE, *keys(1))
    assert names(matching_count.settle_all(whole)) == ["w1"]
    assert whole.coverage.intervals == []
