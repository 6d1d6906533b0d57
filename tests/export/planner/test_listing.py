"""What is asked of `works.list`, what becomes of its passes, and what is tried where they prove nothing."""

from __future__ import annotations

from datetime import timedelta

import pytest

from devrev_async.export.planner import Domain, Interval, Key, Page, Request, Unprovable
from devrev_async.export.planner.intervals import EARLIEST, LATEST, UNDATED
from devrev_async.export.planner.server import Order
from devrev_async.export.planner.state import State
from devrev_async.export.planner.strategies.listing import ask_next_page, feed_page, is_cheap
from devrev_async.export.planner.totals import Counted
from devrev_async.export.planner.tuning import TRIES

from .pages import SECOND, START, export, interval, keys, left, names, page, state

YEAR = Domain(START, START + timedelta(days=365))
NO_DATE = Interval(UNDATED, UNDATED + 1, needs_list=True)
EVERYTHING = Interval(EARLIEST, LATEST, needs_list=True)


@pytest.mark.parametrize(
    ("order", "shown", "count", "cheap"),
    [
        (Order.NONE, 5, 0, True),
        (Order.NONE, 6, 0, False),
        (Order.NONE, 5, 10, True),
        (Order.NONE, 5, 11, False),
        (Order.SORTED, 2, 0, True),
        (Order.SORTED, 3, 0, False),
        (Order.SORTED, 2, 10, True),
    ],
)
def test_a_list_is_cheap_where_its_pages_of_five_are_few(order: Order, shown: int, count: int, cheap: bool) -> None:
    known = state()
    known.server.order = order
    assert is_cheap(known, shown, count) is cheap
    known.server.list_failed = True
    assert not is_cheap(known, shown, count)
    assert not is_cheap(state(lists=False), shown, count)


def to_list(low: int, high: int, past: Key | None = None) -> Interval:
    return Interval(SECOND + low, SECOND + high, past, needs_list=True)


def asked(known: State[str]) -> Request:
    """The next request, which there must be, taken for answered."""
    request = ask_next_page(known)
    assert request is not None
    assert request.kind == "list"
    return request


def behind(found: list[Key], cursor: str | None) -> Page[str]:
    """A page with a cursor."""
    return Page(found, [name for _, name in found], cursor)


@pytest.mark.parametrize(
    ("domain", "open_", "ranges", "span", "own"),
    [
        (Domain(), to_list(0, 100), True, (SECOND, SECOND + 100), (SECOND, SECOND + 100)),
        # no range finds works without a timestamp, and one for all would be for nothing
        (Domain(), NO_DATE, True, (UNDATED, UNDATED + 1), (UNDATED, LATEST)), (Domain(), EVERYTHING, True, (UNDATED, LATEST), (UNDATED, LATEST)),
        (YEAR, Interval(YEAR.low, YEAR.high, needs_list=True), True, (UNDATED, LATEST), (UNDATED, LATEST)),
        (YEAR, Interval(YEAR.low, YEAR.high - 1, needs_list=True), True, (YEAR.low, YEAR.high - 1), (YEAR.low, YEAR.high - 1)),
        # of a server that heeds no ranges
        (Domain(), to_list(0, 100), False, (UNDATED, LATEST), (UNDATED, LATEST)), (YEAR, to_list(0, 100), False, (UNDATED, LATEST), (UNDATED, LATEST)),
        (Domain(), NO_DATE, False, (UNDATED, LATEST), (UNDATED, LATEST)),
    ],
)  # fmt: skip
def test_the_range_that_is_listed(
    domain: Domain, open_: Interval, ranges: bool, span: tuple[int, int], own: tuple[int, int]
) -> None:
    known = state(interval(-90, -80), open_, to_list(500, 600), domain=domain)
    known.server.honours_range = ranges
    assert asked(known) == Request("list", 1, *span, *domain.bounds(*own))
    assert feed_page(known, behind([], "a")) == []
    assert asked(known) == Request("list", 2, *span, *domain.bounds(*own), cursor="a")


def test_nothing_is_listed_where_nothing_needs_it() -> None:
    known = state(interval(0, 100), interval(100, 200))
    known.counts.ahead.ask(3)
    known.counts.ahead.answer(3, 50)
    assert ask_next_page(known) is None
    assert known.counts.ahead.take() == 50


def test_one_page_is_asked_for_at_a_time() -> None:
    known = state(to_list(0, 100))
    known.in_flight.add(export(0, 100, number=7))
    known.counts.ahead.ask(3)
    known.counts.ahead.answer(3, 50)
    request = asked(known)
    assert known.counts.ahead.take() is None  # what it brings was not shown when that count was asked for
    known.in_flight.add(request)
    assert ask_next_page(known) is None


@pytest.mark.parametrize(
    ("open_", "goes_on"),
    [((99, 200), True), ((-50, 1), True), ((10, 20), True), ((-50, 200), True), ((100, 200), False), ((-50, 0), False)],
)
def test_passes_go_on_while_something_is_open_there(open_: tuple[int, int], goes_on: bool) -> None:
    known = state(to_list(0, 100))
    asked(known)
    feed_page(known, behind(keys(1), "a"))
    known.coverage.intervals = [to_list(*open_)]
    following = asked(known)
    assert (following.cursor == "a") is goes_on
    assert ((following.low, following.high) == (SECOND, SECOND + 100)) is goes_on


def test_a_page_of_passes_that_ended_is_not_looked_at() -> None:
    known = state(to_list(0, 100))
    assert feed_page(known, page(keys(1))) == []
    assert left(known) == [(0, 100)]


def test_what_passes_show_is_proved_and_only_what_is_open_is_kept() -> None:
    (done,) = keys(3)
    known = state(to_list(0, 100, done), to_list(200, 300))
    asked(known)
    assert feed_page(known, behind(keys(1, 3, 5), "a")) == []
    assert known.listing is not None
    assert [name for _, name in known.listing.held] == ["w5"]
    assert feed_page(known, page(keys(7, 150))) == []
    assert (asked(known).cursor, left(known)) == (None, [(0, 100), (200, 300)])
    (batch,) = feed_page(known, page(keys(1, 3, 5, 7, 150)))
    assert (batch.items, batch.low, batch.high, batch.upto, batch.proof) == (
        ["w5", "w7"], SECOND, SECOND + 100, None, "list"
    )  # fmt: skip
    assert left(known) == [(200, 300)]
    assert asked(known).low == SECOND + 200


@pytest.mark.parametrize(
    ("open_", "shown", "ranges", "after"),
    [
        ([(0, 100)], [1, 2, 3, 4, 5], True, [(0, 3), (3, 100)]),
        ([(0, 1), (4, 100)], [0, 5, 6, 7, 8], True, [(0, 1), (4, 6), (6, 100)]),
        ([(4, 100), (-9, 0)], [5, 6, 7, 8, 9], True, [(4, 7), (7, 100), (-9, -1), (-1, 0)]),
        ([(0, 100)], [1, 2, 3, 4], True, None),  # so many are kept
        ([(0, 100)], [1, 1.1, 1.2, 1.3, 1.4], True, None),  # of one second
        ([(0, 100)], [1, 2, 3, 4, 5], False, None),
        ([(1, 2), (4, 5)], [1, 1.1, 1.2, 4, 4.1], True, None),  # too short
    ],
)  # fmt: skip
def test_intervals_of_more_works_than_are_kept_are_cut(
    open_: list[tuple[int, int]], shown: list[float], ranges: bool, after: list[tuple[int, int]] | None
) -> None:
    known = state(to_list(-50, 100), first=2)
    known.server.honours_range = ranges
    asked(known)
    known.coverage.intervals = [to_list(*each) for each in open_]
    assert feed_page(known, behind(keys(*shown), "a")) == []
    assert left(known) == (after or open_)
    assert all(each.needs_list for each in known.coverage.intervals)
    assert asked(known).cursor == (None if after else "a")


def test_works_of_one_second_come_pass_by_pass() -> None:
    known = state(to_list(0, 100), first=2)
    shown = page(keys(1, 1.1, 1.2, 1.3, 1.4, 1.5))
    got: list[str] = []
    for _ in range(2):
        request = asked(known)
        got += names(feed_page(known, shown))
        assert (request.cursor, request.low) == (None, SECOND)
    assert got == [name for _, name in shown.keys]
    assert left(known) == []
    assert known.tally.proofs["list"] == 6


def fails(known: State[str]) -> None:
    """The cursor of `works.list` comes again."""
    asked(known)
    feed_page(known, behind([], "a"))
    feed_page(known, behind([], "a"))


@pytest.mark.parametrize(
    ("seconds", "ranges", "counts", "sorts", "tried"),
    [
        (2, True, True, True, True), (2, True, True, False, True), (2, True, False, True, True),
        (2, True, False, False, False), (2, False, True, True, False), (1, True, True, True, False),
    ],
)  # fmt: skip
def test_where_passes_prove_nothing_ranges_are_tried_once(
    seconds: int, ranges: bool, counts: bool, sorts: bool, tried: bool
) -> None:
    known = state(to_list(500, 501), to_list(10, 10 + seconds))
    known.coverage.intervals = known.coverage.intervals[::-1]
    known.server.honours_range, known.server.counts = ranges, counts
    known.server.order = Order.SORTED if sorts else Order.NONE
    if tried:
        fails(known)
        assert ask_next_page(known) is None  # nothing needs a list any more
        known.coverage.list_instead(SECOND + 10, SECOND + 12)
    with pytest.raises(Unprovable, match="in circles"):
        fails(known)
    assert known.server.list_failed is tried


def test_only_works_of_what_was_listed_are_asked_for_by_ranges() -> None:
    known = state(to_list(10, 11), to_list(500, 600))
    with pytest.raises(Unprovable, match="in circles"):
        fails(known)


@pytest.mark.parametrize(
    ("seen", "counts", "dated_left", "counted_again"),
    [(False, True, False, True), (True, True, False, False), (False, False, False, False), (False, True, True, False)],
)
def test_counts_that_say_that_works_have_no_date_are_asked_for_again_where_no_pass_shows_one(
    seen: bool, counts: bool, dated_left: bool, counted_again: bool
) -> None:
    known = state(NO_DATE, *([interval(500, 501)] if dated_left else []))
    known.server.shows_undated, known.server.counts = seen, counts
    for _ in range(TRIES if counted_again else 0):
        known.counts.totals.answer(Counted.ALL, 5)
        known.coverage.mark_all(needs_list=True)
        fails(known)
        assert Counted.ALL not in known.counts.totals
        assert ask_next_page(known) is None
    known.counts.totals.answer(Counted.ALL, 5)
    known.coverage.mark_all(needs_list=True)
    with pytest.raises(Unprovable, match="in circles"):
        fails(known)
    assert Counted.ALL in known.counts.totals
