"""What an answer means, rule by rule: proved, awaited, listed, cut, or asked for once more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from devrev_async.export.planner import Batch, Domain, Interval, Key, Request, Unprovable, judge
from devrev_async.export.planner.intervals import EARLIEST, LATEST, mark_of
from devrev_async.export.planner.pages import AwaitingCount, AwaitingOtherEnd
from devrev_async.export.planner.server import Order
from devrev_async.export.planner.state import State
from devrev_async.export.planner.totals import Counted
from devrev_async.export.planner.tuning import LIES

from .pages import NOW, SECOND, export, interval, keys, left, names, page, state

WHOLE = Request("export", 1, EARLIEST, LATEST, first=20)


def outcome(known: State[str], batches: list[Batch[str]]) -> str:
    """What became of the interval of a page, in a word."""
    if batches:
        return "proved"
    if any(each.needs_list for each in known.coverage.intervals):
        return "listed"
    if len(known.pages):
        return "awaits a count"
    if len(left(known)) > 1:
        return "cut"
    return "open" if known.ends.first is None else "awaits the other end"


def going_on(*intervals: Interval, order: Order = Order.UNKNOWN, lists: bool = True, counts: bool = True) -> State[str]:
    """A plan that is past its first page."""
    known = state(*intervals, lists=lists)
    known.awaits_first_page = False
    known.server.order, known.server.counts, known.server.longest_page = order, counts, 20
    return known


def awaiting(known: State[str], request: Request, *shown: Key) -> AwaitingCount[str]:
    waiting = AwaitingCount(request, page([*shown]), page([*shown]).ordered())
    known.pages.add(waiting)
    return waiting


@pytest.mark.parametrize(
    ("shown", "count", "word"),
    [
        (3, 3, "proved"), (0, 0, "proved"),
        (3, 2, "open"), (0, 4, "open"),  # it is asked for once more
        (3, 5, "listed"), (5, 10, "listed"),  # so few that a list is cheaper
        (3, 11, "cut"), (6, 7, "cut"), (6, 20, "cut"),
    ],
)  # fmt: skip
def test_a_count_of_a_pages_own_range(shown: int, count: int, word: str) -> None:
    known = going_on(interval(0, 100))
    waiting = awaiting(known, export(0, 100), *keys(*range(shown)))
    batches = judge.judge_count(known, waiting, count)
    assert outcome(known, batches) == word
    assert len(known.pages) == 0
    assert known.server.counts
    assert known.repeated == ({(SECOND, SECOND + 100)} if word == "open" else set())
    if word == "open":  # what was shown has to be shown again
        assert known.coverage.intervals == [interval(0, 100, *range(shown))]
    assert judge.judge_count(known, waiting, count) == []  # it awaits none any more


def test_what_was_created_since_the_run_began_is_not_counted() -> None:
    known = going_on(Interval(SECOND, LATEST))
    late = int((NOW - timedelta(seconds=SECOND)).timestamp()) + 1
    waiting = awaiting(known, export(0, LATEST - SECOND), *keys(1, 2, late))
    assert names(judge.judge_count(known, waiting, 2)) == ["w1", "w2", f"w{late}"]


def test_a_count_that_is_too_low_twice_ends_that_counts_are_used() -> None:
    known = going_on(interval(0, 100), lists=False)
    known.counts.last.note(Counted.ALL, 9)
    for number in (1, 2):
        waiting = awaiting(known, export(0, 100, number=number), *keys(1, 2, 3))
        batches = judge.judge_count(known, waiting, 2)
    assert not known.server.counts
    assert not known.counts.last.says_more(0)
    assert (names(batches), known.tally.proofs["assumed_cap"]) == (["w1", "w2", "w3"], 3)


def test_counts_that_are_not_borne_out_are_used_no_more() -> None:
    known = going_on(interval(0, 1024))
    for size in (1024, 512, 256, 128, 64, 32, 16, 8):
        waiting = awaiting(known, export(0, size, number=size), *keys(*range(size)))
        judge.judge_count(known, waiting, 5000)
    assert not known.server.counts


@pytest.mark.parametrize("beyond", [900, -900])
@pytest.mark.parametrize("lists", [True, False])
def test_works_outside_of_the_range_that_was_asked_for(lists: bool, beyond: int) -> None:
    known = going_on(interval(0, 100), interval(500, 600), order=Order.SORTED, lists=lists)
    awaiting(known, export(500, 600), *keys(510))
    known.ends.first = AwaitingOtherEnd(export(500, 600), page(keys(510)))
    if not lists:
        with pytest.raises(Unprovable, match="list"):
            judge.judge_page(known, export(0, 100), page(keys(5, beyond)))
        return
    assert judge.judge_page(known, export(0, 100), page(keys(5, beyond))) == []
    assert all(each.needs_list is True for each in known.coverage.intervals)
    assert (known.server.honours_range, known.server.order) == (False, Order.NONE)
    assert known.ends.works == 0
    assert len(known.pages) == 0


@pytest.mark.parametrize(
    ("shown", "order", "counts", "lists", "word"),
    [
        # shorter than the longest page, it may be all there is
        (range(7), Order.UNKNOWN, True, True, "awaits a count"), ([], Order.UNKNOWN, True, True, "awaits a count"),
        (range(7), Order.NONE, False, True, "listed"), (range(7), Order.NONE, False, False, "proved"),
        (range(7), Order.SORTED, True, True, "awaits a count"), (range(7), Order.SORTED, False, True, "proved"),
        ([1, 2, 3, 101], Order.SORTED, True, True, "proved"), ([101], Order.SORTED, True, True, "proved"),
        ([], Order.SORTED, True, True, "awaits a count"),
        # a full one may be cut short: proved by order, compared with the other end, or cut
        (range(20), Order.SORTED, True, True, "proved"), (range(20), Order.UNKNOWN, True, True, "awaits the other end"),
        (range(20), Order.NONE, True, True, "cut"), (range(19, -1, -1), Order.UNKNOWN, True, True, "cut"),
        (range(19, -1, -1), Order.SORTED, True, True, "cut"),
    ],
)  # fmt: skip
def test_a_page_of_an_interval(shown: list[float], order: Order, counts: bool, lists: bool, word: str) -> None:
    known = going_on(interval(0, 100), order=order, counts=counts, lists=lists)
    batches = judge.judge_page(known, export(0, 100), page(keys(*shown)))
    assert outcome(known, batches) == word
    assert known.server.counts is counts


@pytest.mark.parametrize("longest", [0, 20])
def test_an_empty_page_is_never_a_full_one(longest: int) -> None:
    known = going_on(interval(0, 100))
    known.server.longest_page = longest
    assert outcome(known, judge.judge_page(known, export(0, 100), page([]))) == "awaits a count"


def test_a_page_of_the_future_is_passed_over() -> None:
    future = SECOND + 500 * 86400
    known = going_on(Interval(future, LATEST))
    after, _ = Domain().bounds(future, LATEST)
    batches = judge.judge_page(known, Request("export", 1, future, LATEST, after, first=20), page([]))
    assert (left(known), known.tally.proofs["assumed_cap"], len(batches)) == ([], 0, 1)


@pytest.mark.parametrize(
    ("high", "counted", "fresh", "word"),
    [
        (range(39, 19, -1), None, True, "proved"),  # apart: the server sorts
        (range(19, -1, -1), 20, True, "awaits a count"),  # together they show all
        (range(19, -1, -1), 21, True, "cut"), (range(19, -1, -1), 20, False, "cut"), (range(19, -1, -1), None, True, "cut"),
        (range(18, -1, -1), None, True, "awaits a count"),  # shorter than the longest page
    ],
)  # fmt: skip
def test_the_two_ends_of_an_interval(high: list[float], counted: int | None, fresh: bool, word: str) -> None:
    known = going_on(interval(0, 100))
    known.fresh, known.counts.expected = fresh, counted
    known.ends.first = AwaitingOtherEnd(export(0, 100), page(keys(*range(20))))
    known.ends.other_end = export(0, 100, descending=True, number=2)
    batches = judge.judge_page(known, known.ends.other_end, page(keys(*high)))
    assert outcome(known, batches) == word
    assert known.ends.first is None
    assert known.server.order is (Order.SORTED if word == "proved" else Order.NONE)
    if word == "awaits a count" and counted:
        (waiting,) = known.pages
        assert (waiting.request.number, len(waiting.page.keys)) == (1, 40)


def test_a_page_below_what_was_asked_for_is_cut_once_to_see_whether_there_is_a_cap() -> None:
    known = going_on(interval(0, 100))
    known.server.longest_page = 16
    assert outcome(known, judge.judge_page(known, export(0, 100), page(keys(*range(16))))) == "cut"
    assert known.server.tried_to_split
    again = going_on(interval(0, 100))
    again.server.longest_page, again.server.tried_to_split = 16, True
    assert outcome(again, judge.judge_page(again, export(0, 100), page(keys(*range(16))))) == "awaits the other end"


def test_a_first_page_that_is_empty_twice_awaits_a_count_of_its_own() -> None:
    known = state()
    known.awaits_first_page, known.counts.expected = False, 7
    known.first_page = awaiting(known, WHOLE)
    known.repeated.add((EARLIEST, LATEST))
    assert judge.judge_first_page(known) == []
    (waiting,) = known.pages
    assert (waiting.request, waiting.page.keys) == (WHOLE, [])


def test_only_two_ends_are_compared_at_a_time() -> None:
    known = going_on(interval(0, 100), interval(200, 300))
    known.ends.first = first = AwaitingOtherEnd(export(0, 100), page(keys(*range(20))))
    assert judge.judge_page(known, export(200, 300, number=2), page(keys(*range(200, 220)))) == []
    assert known.ends.first is first
    assert left(known) == [(0, 100), (200, 210), (210, 300)]


def test_a_count_over_everything_is_kept() -> None:
    known = going_on(interval(0, 100))
    assert judge.judge_total(known, Counted.ALL, 9) == []
    assert known.counts.totals.unexplained(8)
    assert not known.counts.totals.unexplained(9)


def test_what_a_page_says_of_the_server() -> None:
    known = going_on(Interval(EARLIEST, LATEST))
    known.server.longest_page, known.server.most_shown = 2, 1
    judge.judge_page(known, WHOLE, page(keys(7, 5, 5)))
    assert (known.server.longest_page, known.server.most_shown) == (3, 2)
    assert known.coverage.span(known.coverage.intervals[0])[0] == SECOND + 5
    judge.judge_page(known, WHOLE, page(keys(9)))
    assert (known.server.longest_page, known.server.most_shown) == (3, 2)


def test_works_that_the_page_before_did_not_show_bear_its_count_out() -> None:
    known = going_on(interval(0, 100))
    for _ in range(LIES):
        known.counts.doubts.trust(export(0, 100), set(keys(1)))
    judge.judge_page(known, export(0, 50), page(keys(2)))
    assert known.counts.doubts.trust(export(0, 50), set(keys(1)))


@pytest.mark.parametrize(
    ("shown", "order", "word"),
    [
        # there is no longer page to compare it with, and a page below what was asked for may be all there is
        (16, Order.UNKNOWN, "awaits a count"), (19, Order.UNKNOWN, "awaits a count"), (20, Order.UNKNOWN, "awaits the other end"),
        # of a server that an earlier run showed to sort, what it passes is proved
        (16, Order.SORTED, "proved"),
    ],
)  # fmt: skip
def test_the_first_page_of_a_resumed_run(shown: int, order: Order, word: str) -> None:
    known = state(interval(0, 100))
    known.server.order = order
    assert outcome(known, judge.judge_page(known, export(0, 100), page(keys(*range(shown))))) == word
    assert not known.awaits_first_page
    assert known.first_page is None


@pytest.mark.parametrize(
    ("shown", "limit_of_all", "order", "lists", "failed", "word"),
    [
        # a page of a server that sorts shows each work once, and two passes of a list twice
        (2, 2, Order.SORTED, True, False, "listed"), (3, 3, Order.SORTED, True, False, "cut"),
        (5, 5, Order.NONE, True, False, "listed"), (6, 6, Order.NONE, True, False, "cut"),
        (2, 2, Order.SORTED, True, True, "cut"), (5, 5, Order.NONE, True, True, "cut"), (5, 5, Order.NONE, False, False, "cut"),
    ],
)  # fmt: skip
def test_what_is_cheaper_is_listed(
    shown: int, limit_of_all: int, order: Order, lists: bool, failed: bool, word: str
) -> None:
    known = going_on(interval(0, 100), order=order, lists=lists)
    known.server.longest_page, known.server.list_failed = limit_of_all, failed
    known.server.tried_to_split = True
    known.counts.misjudged = 9
    assert outcome(known, judge.judge_page(known, export(0, 100), page(keys(*range(shown))))) == word


def test_a_second_with_more_works_than_were_thought_to_be_left_is_asked_for_with_a_whole_page() -> None:
    known = going_on(interval(0, 100), order=Order.SORTED)
    tied = keys(*(3 + number / 100 for number in range(10)))
    assert judge.judge_page(known, export(0, 100, first=10), page(tied)) == []
    assert (known.counts.sized, left(known)) == (False, [(0, 100)])
    assert known.coverage.intervals[0].shown == set(map(mark_of, tied))
    again = going_on(interval(0, 100), order=Order.SORTED)
    again.sizes = replace(again.sizes, first=10)
    judge.judge_page(again, export(0, 100, first=10), page(tied))
    assert (again.counts.sized, left(again)) == (True, [(0, 3), (3, 5), (5, 100)])


@pytest.mark.parametrize("tied", [True, False])
def test_another_end_that_comes_when_the_first_page_was_judged_without_it(tied: bool) -> None:
    known = going_on(interval(0, 100))
    known.ends.other_end = request = export(0, 100, descending=True, number=2)
    shown = keys(*([60] * 10 if tied else []), *range(59, 49 if tied else 39, -1))
    shown = [(time, f"{number}") for number, (time, _) in enumerate(shown)]
    if not tied:
        shown.reverse()  # out of order, it proves nothing, and has to be shown again
    assert judge.judge_page(known, request, page(shown)) == []
    assert [waiting.passed for waiting in known.pages] == [True] * tied
    assert left(known) == ([(0, 51), (51, 100)] if tied else [(0, 100)])
    if not tied:
        assert known.coverage.intervals[0].shown == set(map(mark_of, shown))


def test_what_becomes_of_pages_where_the_server_ceases_to_count() -> None:
    known = going_on(interval(0, 100), interval(200, 300), interval(400, 500), lists=False)
    known.counts.counted_before(9)
    known.pages.add(AwaitingCount(export(0, 50), page(keys(1)), page(keys(1)).ordered(), passed=True))
    awaiting(known, export(150, 180), *keys(160))  # that was closed by another page
    awaiting(known, export(200, 300), *keys(210, 220))
    awaiting(known, export(400, 500), *keys(410))
    assert names(judge.cease_to_count(known)) == ["w210", "w220", "w410"]
    assert left(known) == [(0, 100)]
    assert (known.server.counts, known.counts.expected, len(known.pages)) == (False, None, 0)


@pytest.mark.parametrize(
    ("high", "order"),
    [
        (range(39, 19, -1), Order.SORTED),
        # of few timestamps, it shows nothing of the order; so many in order of the same works do, or some out of order
        ([*[30] * 10, *[29] * 10], Order.UNKNOWN), (range(19, -1, -1), Order.NONE), ([*[29] * 10, *[30] * 10], Order.NONE),
    ],
)  # fmt: skip
def test_what_two_ends_show_of_the_order(high: Sequence[float], order: Order) -> None:
    known = going_on(interval(0, 100))
    known.ends.first = AwaitingOtherEnd(export(0, 100), page(keys(*range(20))))
    known.ends.other_end = export(0, 100, descending=True, number=2)
    judge.judge_page(known, known.ends.other_end, page(keys(*high)))
    assert known.server.order is order


def test_a_short_other_end_awaits_a_count_and_has_to_show_what_the_first_page_did() -> None:
    known = going_on(interval(0, 100))
    shown = keys(*range(20))
    known.ends.first = AwaitingOtherEnd(export(0, 100), page(shown))
    known.ends.other_end = export(0, 100, descending=True, number=2)
    assert judge.judge_page(known, known.ends.other_end, page(keys(*range(18, -1, -1)))) == []
    (waiting,) = known.pages
    assert (waiting.request, len(waiting.page.keys)) == (known.ends.other_end, 19)
    assert known.coverage.intervals[0].shown == set(map(mark_of, shown))


def test_a_short_other_end_of_few_timestamps_refutes_no_order_where_the_server_ceases_to_count() -> None:
    known = going_on(interval(0, 100))
    known.ends.first = AwaitingOtherEnd(export(0, 100), page(keys(*range(20))))
    known.ends.other_end = export(0, 100, descending=True, number=2)
    judge.judge_page(known, known.ends.other_end, page(tied(19, 18)[:19]))
    assert len(known.pages) == 1
    judge.cease_to_count(known)
    assert known.server.order is Order.UNKNOWN


@pytest.mark.parametrize("shown", [[], [5, 6], [*range(20)]])
def test_a_page_that_lacks_what_was_seen_is_asked_for_once_more_if_it_may_be_all_there_is(shown: list[int]) -> None:
    known = going_on(interval(0, 100, 50))
    request = export(0, 100)
    word = outcome(known, judge.judge_page(known, request, page(keys(*shown))))
    if len(shown) == 20:  # it is a full one, and those that it lacks may stand behind it
        assert (word, known.repeated) == ("awaits the other end", set())
        return
    assert (word, known.repeated) == ("open", {(SECOND, SECOND + 100)})
    assert known.coverage.intervals == [interval(0, 100, 50, *shown)]
    assert outcome(known, judge.judge_page(known, request, page(keys(*shown)))) == "awaits a count"


def test_an_interval_without_works_is_counted_where_the_server_sorts() -> None:
    known = going_on(interval(0, 100), order=Order.SORTED, counts=False)
    assert outcome(known, judge.judge_page(known, export(0, 100), page([]))) == "listed"


def test_a_page_of_one_work_may_be_cut_short_if_no_page_had_more() -> None:
    known = going_on(interval(0, 100))
    known.server.longest_page = 1
    assert outcome(known, judge.judge_page(known, export(0, 100), page(keys(3)))) == "listed"


def first_page(shown: int, counted: int | None, *, counts: bool = True, full: int = 500) -> tuple[State[str], str]:
    """A fresh run whose first page shows so many works, beside a count; and what becomes of it."""
    known = state(first=full)
    known.counts.expected, known.counts.opening, known.server.counts = counted, True, counts
    batches = judge.judge_page(known, replace(WHOLE, first=full), page(keys(*range(shown))))
    again = known.awaits_first_page and "asked for again"
    return known, again or ("awaits its count" if known.first_page is not None else outcome(known, batches))


@pytest.mark.parametrize(
    ("shown", "counted", "word"),
    [
        (7, 7, "proved"), (500, 500, "proved"), (7, None, "awaits its count"), (0, None, "awaits its count"),
        # works may have come or gone between the two: a few, where there is room for them
        (7, 6, "asked for again"), (7, 8, "asked for again"), (7, 9, "awaits a count"), (99, 100, "asked for again"), (99, 101, "awaits the other end"),
        (100, 102, "asked for again"), (100, 103, "awaits the other end"), (250, 253, "asked for again"), (250, 254, "awaits the other end"),
        (500, 501, "awaits the other end"), (500, 499, "asked for again"),
        (0, 1, "asked for again"), (0, 900, "asked for again"),
        # a list of so few is cheaper
        (3, 10, "listed"), (3, 11, "awaits a count"),
    ],
)  # fmt: skip
def test_the_first_page_of_a_fresh_run(shown: int, counted: int | None, word: str) -> None:
    known, became = first_page(shown, counted)
    assert became == word
    if word == "proved":
        assert (known.coverage.intervals, known.tally.proofs["count"]) == ([], shown)
        assert Counted.ALL in known.counts.totals
        assert not known.counts.totals.unexplained(shown)
        assert known.counts.totals.unexplained(shown - 1)
    if word == "asked for again":
        assert (len(known.pages), known.first_page) == (0, None)
        assert known.counts.expected == (counted if shown == 0 else None)


@pytest.mark.parametrize(
    ("shown", "word"), [(7, "cut"), (3, "listed"), (0, "asked for again"), (500, "awaits the other end")]
)
@pytest.mark.parametrize("late", [False, True])
def test_the_first_page_of_a_server_that_does_not_count(shown: int, word: str, late: bool) -> None:
    """Nor is a count used that comes when another one has ended that."""
    assert first_page(shown, shown if late else None, counts=False)[1] == word


@pytest.mark.parametrize(("counted", "word"), [(7, "proved"), (6, "awaits its count"), (8, "awaits its count")])
def test_the_first_page_where_works_were_counted_before_the_run(counted: int, word: str) -> None:
    known = state(first=500)
    known.counts.counted_before(counted)
    batches = judge.judge_page(known, replace(WHOLE, first=500), page(keys(*range(7))))
    assert (known.first_page is not None) is (word == "awaits its count")
    assert bool(batches) is (word == "proved")
    assert known.counts.opening is (word == "proved")


def test_a_count_that_goes_on_to_be_lower_than_the_first_page_ends_that_counts_are_used() -> None:
    known = state(first=500)
    for _ in range(2):
        known.awaits_first_page = True
        known.counts.counted_before(6)
        known.counts.made_before = False
        assert judge.judge_page(known, replace(WHOLE, first=500), page(keys(*range(7)))) == []
    assert (known.server.counts, known.counts.expected, known.counts.last.known) == (False, None, False)
    assert known.first_page is None
    assert left(known)  # it is judged without a count, and cut


@pytest.mark.parametrize(("count", "misjudged"), [(3, 0), (2, 1), (4, 1), (0, 1)])
def test_a_count_of_what_a_full_page_passes(count: int, misjudged: int) -> None:
    known = going_on(interval(0, 100))
    shown = page(keys(1, 2, 3))
    waiting = AwaitingCount(export(0, 100), shown, shown.ordered(), passed=True)
    known.pages.add(waiting)
    known.counts.misjudged = 1
    assert names(judge.judge_count(known, waiting, count)) == ([] if misjudged else ["w1", "w2", "w3"])
    assert (known.counts.misjudged, len(known.pages), known.server.counts) == (1 + misjudged, 0, True)
    assert left(known) == ([(0, 100)] if misjudged else [])
    assert known.tally.proofs["count"] == (0 if misjudged else 3)


@pytest.mark.parametrize(
    ("kind", "count", "proved"),
    [(Counted.ALL, 3, True), (Counted.ALL, 2, False), (Counted.ALL, 4, False), (Counted.DATED, 3, False)],
)
def test_a_count_over_everything_proves_all_pages_or_none(kind: Counted, count: int, proved: bool) -> None:
    known = going_on(interval(0, 100))
    known.fresh = True
    awaiting(known, export(0, 50), *keys(1, 2))
    awaiting(known, export(50, 100, number=2), *keys(60))
    assert names(judge.judge_total(known, kind, count)) == (["w1", "w2", "w60"] if proved else [])
    assert kind in known.counts.totals


def test_a_page_of_what_others_have_closed_awaits_nothing() -> None:
    known = going_on(interval(500, 600))
    assert judge.judge_page(known, export(0, 100), page(keys(1, 2))) == []
    assert len(known.pages) == 0
    assert left(known) == [(500, 600)]


@pytest.mark.parametrize(
    ("shown", "counts"), [((1, 2, 3), True), ((1, 2, 3), False), ((3, 2, 1), False)]
)  # a page that may be cut short, or is not to be counted
def test_only_what_was_asked_for_is_listed(shown: tuple[int, ...], counts: bool) -> None:
    known = going_on(interval(-100, 0), interval(0, 100), interval(100, 200), counts=counts)
    known.server.longest_page = 3 if counts else 20
    judge.judge_page(known, export(0, 100), page(keys(*shown)))
    assert [each.needs_list for each in known.coverage.intervals] == [False, True, False]
    assert known.server.order is (Order.NONE if shown[0] == 3 else Order.UNKNOWN)


@pytest.mark.parametrize(("shown", "sorts"), [((9, 5, 1), True), ((1, 5, 9), False)])
def test_without_a_count_a_short_page_has_to_be_in_the_order_that_was_asked_for(
    shown: tuple[int, ...], sorts: bool
) -> None:
    known = going_on(interval(0, 100), order=Order.SORTED, counts=False)
    got = names(judge.judge_page(known, export(0, 100, descending=True), page(keys(*shown))))
    assert (got, known.server.sorts) == ((["w5", "w9"], True) if sorts else ([], False))
    assert left(known) == ([(0, 2)] if sorts else [(0, 100)])


def test_full_pages_of_few_timestamps_from_both_ends_await_counts_of_what_they_pass() -> None:
    known = going_on(interval(0, 100))
    known.ends.first = AwaitingOtherEnd(export(0, 100), page(tied(3, 9)))
    known.ends.other_end = export(0, 100, descending=True, number=2)
    assert judge.judge_page(known, known.ends.other_end, page(tied(90, 60))) == []
    assert [(waiting.request.low - SECOND, waiting.request.high - SECOND) for waiting in known.pages] == [
        (0, 9),
        (61, 100),
    ]
    assert left(known) == [(0, 9), (9, 61), (61, 100)]


def test_one_of_them_that_passes_nothing_has_to_be_shown_again() -> None:
    known = going_on(interval(0, 100))
    known.ends.first = AwaitingOtherEnd(export(0, 100), page(tied(3, 3)))
    known.ends.other_end = export(0, 100, descending=True, number=2)
    assert judge.judge_page(known, known.ends.other_end, page(tied(90, 60))) == []
    (waiting,) = known.pages
    assert waiting.request.low == SECOND + 61
    assert known.coverage.intervals[0].shown >= set(map(mark_of, tied(3, 3)))


def tied(one: int, other: int) -> list[Key]:
    """A full page of works of two seconds."""
    return [(key[0], f"{key[1]}-{number}") for number, key in enumerate([*keys(one) * 10, *keys(other) * 10])]


def test_where_neither_passes_anything_the_interval_is_cut_by_what_both_show() -> None:
    known = going_on(interval(0, 100))
    known.server.counts = False
    known.ends.first = AwaitingOtherEnd(export(0, 100), page(tied(3, 9)))
    known.ends.other_end = export(0, 100, descending=True, number=2)
    assert judge.judge_page(known, known.ends.other_end, page(tied(90, 60))) == []
    assert (len(known.pages), left(known)) == (0, [(0, 60), (60, 100)])
    assert [len(each.shown) for each in known.coverage.intervals] == [20, 20]


@pytest.mark.parametrize(("then", "again"), [(12, True), (11, False)])
def test_the_first_page_is_asked_for_while_it_changes(then: int, again: bool) -> None:
    known = state(first=500)
    for shown in (11, then):
        known.awaits_first_page = True
        known.counts.counted_before(10)
        known.counts.made_before = False
        judge.judge_page(known, replace(WHOLE, first=500), page(keys(*range(shown))))
    assert known.awaits_first_page is again


def test_a_work_that_a_page_shows_twice_is_none_that_the_count_has_beyond_it() -> None:
    known = going_on(interval(0, 100))
    known.server.longest_page = 16
    waiting = awaiting(known, export(0, 100), *keys(0, *range(15)))
    assert outcome(known, judge.judge_count(known, waiting, 16)) == "cut"
    assert known.server.tried_to_split


def test_a_count_that_agrees_with_a_page_is_proof_whatever_was_doubted_before() -> None:
    known = going_on(interval(0, 100))
    known.repeated.add((SECOND, SECOND + 100))
    sizes = (1024, 512, 256, 128, 64, 32, 16)
    trusted = [known.counts.doubts.trust(export(0, size), set(keys(*range(size)))) for size in sizes]
    assert not trusted[-1]  # no count is trusted any more that says more
    waiting = awaiting(known, export(0, 100), *keys(1, 2, 3))
    assert names(judge.judge_count(known, waiting, 3)) == ["w1", "w2", "w3"]
    assert known.server.counts
