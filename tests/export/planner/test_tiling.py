"""Servers that sort, count, and answer slowly: where dates are even, pages are asked for by estimates."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import datetime, timedelta
from math import sin

import pytest

from devrev_async.export.planner import Domain, Request
from devrev_async.export.planner.halves import Halves
from devrev_async.export.planner.intervals import EARLIEST, LATEST
from devrev_async.export.planner.pages import AwaitingOtherEnd
from devrev_async.export.planner.planner import Plan
from devrev_async.export.planner.price import most_requests, most_works, parallel_for
from devrev_async.export.planner.state import State
from devrev_async.export.planner.strategies.tiling import ask_middle, cut_ahead, cut_at_middle
from devrev_async.export.planner.tuning import UNEVEN, WAITING
from devrev_async.sandbox import Quirks
from devrev_async.sandbox.quirks import SortBy
from tests.export.test_planner import NOW as MODEL_NOW
from tests.export.test_planner import Item, Model, exported, fill

from .pages import NOW, SECOND, START, SortedServer, export, interval, keys, left, opened, page, plan, state, take

SLOW = parallel_for(1.0)
DECODE = 45e-6


def evenly(works: int, apart: float = 100.0) -> list[datetime]:
    return [START + timedelta(seconds=apart * number) for number in range(works)]


def at_random(works: int, seed: int, burst: float = 0.0) -> list[datetime]:
    """Dates of a year, a share of them in one hour of it."""
    rng = random.Random(seed)
    days = [200 + rng.random() / 24 if rng.random() < burst else 365 * rng.random() for _ in range(works)]
    return [START + timedelta(days=day) for day in sorted(days)]


@pytest.mark.parametrize(("burst", "parallel", "most"), [(0.0, SLOW, 4.5), (0.0, WAITING, 5.0), (0.7, SLOW, 7.2)])
def test_seconds_for_ten_pages_at_one_second_an_answer(burst: float, parallel: int, most: float) -> None:
    """2.25 of them are spent on decoding, and one passes before there is anything to decode."""
    planned = plan(first=5000, limit=100, parallel=parallel)
    seconds, requests = SortedServer(at_random(50_000, 3, burst)).seconds(planned, wait=1.0, decode=DECODE)
    assert planned.done
    assert seconds <= most
    assert requests <= (12 if seconds < 5 else 13)
    assert planned.fetched <= most_works(50_000)


def beside_the_ends(planned: Plan[str], works: int) -> list[Request]:
    """What is asked for once the first page of 500 is there, beside the other end."""
    export, count = opened(planned)
    planned.feed_count(count, works)
    other = take(planned)
    planned.feed(export, page(keys(*range(0, 500 * 100, 100))))
    assert other.descending
    return list(iter(planned.take, None))


def test_pages_from_the_middle_come_beside_the_two_ends() -> None:
    behind, before_middle, after_middle = beside_the_ends(plan(first=500, parallel=SLOW), 5000)
    assert (behind.descending, before_middle.descending, after_middle.descending) == (False, True, False)
    assert before_middle.high == after_middle.low
    # four pages that overlap a little stand before the middle, in the order of time
    assert 450 + 4 * 400 < (after_middle.low - behind.low) / 100 + 450 < 500 + 4 * 480


@pytest.mark.parametrize(
    ("works", "parallel"),
    [
        (5000, WAITING - 1),  # answers are not slow
        (2000, SLOW),  # both ends bring most of what is left with the next pages
        (4000, SLOW),  # a page that brings nothing is not within the price
        (10**6, SLOW),  # at the rate of the first page they would not have been created before now
    ],
)
def test_there_are_none_where_they_gain_nothing_or_might_cost_too_much(works: int, parallel: int) -> None:
    asked = beside_the_ends(plan(first=500, limit=10, parallel=parallel), works)
    assert [request.kind for request in asked if request.descending] == []


def test_a_first_page_that_is_not_even_says_nothing_of_the_middle() -> None:
    planned = plan(first=500, limit=10, parallel=SLOW)
    export, count = opened(planned)
    planned.feed_count(count, 5000)
    take(planned)
    planned.feed(export, page(keys(*range(0, 25_000, 100), *range(25_000, 25_500, 2))))
    assert all(not request.descending for request in iter(planned.take, None))


@pytest.mark.parametrize("works", [4900, 5200, 5500, 10_000])
@pytest.mark.parametrize("seed", range(5))
def test_works_that_come_at_random_leave_hardly_a_gap(works: int, seed: int) -> None:
    planned = plan(first=500, limit=10, parallel=SLOW)
    cost = SortedServer(at_random(works, seed)).export(planned)
    assert cost.requests <= most_requests(works, 500)
    assert planned.fetched <= most_works(works)


@pytest.mark.parametrize("waves", [1, 3, 10])
def test_dates_that_are_not_quite_even_are_made_up_for(waves: int) -> None:
    """Their density goes up and down by `UNEVEN`."""
    width = 490_000.0
    off = UNEVEN * width / (2 * 3.14 * waves)
    days = [100.0 * number + off * sin(2 * 3.14 * waves * number / 4900) for number in range(4900)]
    planned = plan(first=500, limit=10, parallel=SLOW)
    cost = SortedServer([START + timedelta(seconds=day) for day in days]).export(planned)
    assert cost.requests <= 13
    assert cost.waits <= 5
    assert planned.fetched <= most_works(4900)


@pytest.mark.parametrize("order", ["sorted_after_cap", "sorted_after_random_cap", "ascending", "honoured"])
def test_what_comes_from_the_middle_proves_nothing_by_itself(order: SortBy) -> None:
    """A server that caps before it sorts shows pages that look the same."""
    model = Model(Quirks(sort_by=order, cap=100), random.Random(5), first=100)
    fill(model, works=1150, shape="in order")
    planned = Plan[Item](Domain(), now=MODEL_NOW, first=100, limit=5, parallel=SLOW)
    assert sorted(exported(planned, model)) == sorted(model.items)


def two_ends(works: int | None, first: list[float], *, sent: int = 3, parallel: int = WAITING) -> State[str]:
    """A plan that has its first page, and what stands behind it is under way."""
    known = state(first=500, parallel=parallel)
    known.counts.expected = works
    known.ends.first = AwaitingOtherEnd(Request("export", 1, EARLIEST, LATEST, first=500), page(keys(*first)))
    known.ends.behind = Request("export", 2, SECOND, LATEST, first=500)
    for _ in range(sent):
        known.in_flight.next_number()
    return known


EVEN = [100.0 * number for number in range(500)]


@pytest.mark.parametrize(
    ("works", "sent", "middle"),
    [
        # 498 works of a page are new, of which 450.66 are sure: behind the first page, 4 of 8 pages or 6 of 12
        (5000, 3, int((500 + 4 * 450.66) * 99.8)), (5932, 3, int((500 + 4 * 450.66) * 99.8)), (5933, 3, int((500 + 6 * 450.66) * 99.8)),
        # so many requests are within the price, and so are the works of a page that brings nothing
        (5932, 4, int((500 + 4 * 450.66) * 99.8)), (5933, 4, None), (4500, 3, int((500 + 4 * 450.66) * 99.8)), (4499, 3, None),
        (None, 3, None),
    ],
)  # fmt: skip
def test_where_the_middle_is(works: int | None, sent: int, middle: int | None) -> None:
    known = two_ends(works, EVEN, sent=sent)
    before, after = ask_middle(known), ask_middle(known)
    if middle is None:
        assert (before, after) == (None, None)
        return
    second = SECOND + middle
    assert before == Request(
        "export", sent + 1, EARLIEST, second, None, START + timedelta(seconds=middle), True, None, 500
    )
    assert after == Request("export", sent + 2, second, LATEST, known.domain.bounds(second, LATEST)[0], first=500)
    assert (known.ends.middle, known.ends.from_middle) == (second, [before, after])
    assert ask_middle(known) is None


@pytest.mark.parametrize(("works", "asked"), [(42, False), (43, True)])
def test_fewer_than_two_pairs_of_pages_have_no_middle(works: int, asked: bool) -> None:
    """Nine works of a page of twenty are sure; beside the two ends, three pages bring 27, of which 25 were seen."""
    known = state(first=20, parallel=WAITING)
    known.counts.expected = works
    request = Request("export", 1, EARLIEST, LATEST, first=20)
    known.ends.first = AwaitingOtherEnd(request, page(keys(*range(0, 2000, 100))))
    known.ends.behind = Request("export", 2, SECOND, LATEST, first=20)
    assert (ask_middle(known) is not None) is asked


@pytest.mark.parametrize(
    ("works", "apart", "asked"),
    [(5000, 2.0, True), (5001, 2.0, False), (5000, 2.01, False), (5000, 1.99, True)],
)  # fmt: skip
def test_works_come_to_an_end_before_now(works: int, apart: float, asked: bool) -> None:
    """At the rate of the first page, 5000 works take 9980 seconds, and so long ago it begins."""
    begun = (NOW - START).total_seconds() - 9980
    known = two_ends(works, [begun + apart * number for number in range(500)])
    assert (ask_middle(known) is not None) is asked


@pytest.mark.parametrize(("middle", "asked"), [(900, True), (901, False), (700, True), (699, False)])
def test_how_even_a_first_page_is(middle: int, asked: bool) -> None:
    """Of 1600 seconds, that of the middle work may be off by a sixteenth."""
    first = [middle * number / 250 for number in range(250)]
    first += [middle + (1600 - middle) * number / 249 for number in range(250)]
    assert (ask_middle(two_ends(5000, first)) is not None) is asked


def test_a_first_page_that_is_shorter_than_was_asked_for_says_nothing_of_the_middle() -> None:
    assert ask_middle(two_ends(5000, EVEN[:499])) is None


@pytest.mark.parametrize(("tied", "again"), [([2], 2), ([30], 30), ([30, 1], 1)])
def test_what_a_page_shows_again_is_not_new(tied: list[int], again: int) -> None:
    """That is what its last second has, and one at the bound. Of the rest, so many are sure."""
    first = EVEN[: 500 - sum(tied)]
    for works in tied:
        first = [*first, *(first[-1] + 100 + number / 100 for number in range(works))]
    known = two_ends(5000, first)
    assert ask_middle(known) is not None
    assert known.ends.middle is not None
    gain = 500 - 1 - again
    assert known.ends.middle == SECOND + int((500 + 4 * (gain - 1.5 * (2 * gain) ** 0.5)) * first[-1] / 500)


@pytest.mark.parametrize("why_not", ["resumed", "no room", "a count cuts", "nothing behind", "no first page"])
def test_when_no_middle_is_asked_for(why_not: str) -> None:
    known = two_ends(5000, EVEN, parallel=WAITING - (why_not == "no room"))
    if why_not == "resumed":
        known.fresh = False
    elif why_not == "a count cuts":
        known.counts.halves = Halves(SECOND, 480)
    elif why_not == "nothing behind":
        known.ends.behind = None
    elif why_not == "no first page":
        known.ends.first = None
    assert ask_middle(known) is None


@pytest.mark.parametrize(
    ("middle", "after"),
    [
        (None, [(0, 100)]), (50, [(0, 50), (50, 100)]), (1, [(0, 1), (1, 100)]), (99, [(0, 99), (99, 100)]),
        (0, [(0, 100)]), (100, [(0, 100)]), (150, [(0, 100)]),
    ],
)  # fmt: skip
def test_what_is_open_is_cut_at_the_middle(middle: int | None, after: list[tuple[int, int]]) -> None:
    known = state(interval(0, 100))
    known.ends.middle = None if middle is None else SECOND + middle
    cut_at_middle(known)
    assert left(known) == after


def evenly_left(
    *works: int, of: int = 5730, sent: int = 9, twice: int = 0, parallel: int = WAITING, seconds: int = 10_001
) -> State[str]:
    """A plan of a server that sorts; intervals of even dates have so many works left, and one page is under way."""
    spans = [(20_000 * number, 20_000 * number + seconds) for number in range(len(works))]
    known = state(*(interval(*each) for each in spans), before=of - sum(works), first=500, parallel=parallel)
    rates = [each / seconds for each in works]
    known.coverage.intervals = [
        replace(each, below=rate, above=rate) for each, rate in zip(known.coverage.intervals, rates, strict=True)
    ]
    known.fresh, known.counts.expected, known.tally.fetched = True, of, twice
    known.in_flight.add(export(0, 100, number=700, first=500))
    for _ in range(sent):
        known.in_flight.next_number()
    return known


@pytest.mark.parametrize(
    ("known", "after"),
    [
        # two pages bring as much; with 25 that are seen again, 450.66 of each page are sure
        (evenly_left(1000), [(0, 10_001)]), (evenly_left(1001), [(0, 6667), (6667, 10_001)]),
        (evenly_left(1326), [(0, 6667), (6667, 10_001)]), (evenly_left(1327), [(0, 5000), (5000, 10_001)]),
        # a page that finds a gap has to be within the price, and so are works that come twice
        (evenly_left(1327, sent=10), [(0, 5000), (5000, 10_001)]), (evenly_left(1327, sent=11), [(0, 5000), (5000, 10_001)]),
        (evenly_left(1327, sent=12), [(0, 10_001)]), (evenly_left(1327, twice=1), [(0, 10_001)]), (evenly_left(1327, of=5729), [(0, 10_001)]),
        # of several intervals, those that need more than two pages are cut
        (evenly_left(2600, 2600, of=9000, sent=0), [(0, 3333), (3333, 6667), (6667, 10_001), (20_000, 23_333), (23_333, 26_667), (26_667, 30_001)]),
        (evenly_left(1250, 1200, of=9000, sent=0), [(0, 6667), (6667, 10_001), (20_000, 26_667), (26_667, 30_001)]),
        (evenly_left(1327, parallel=WAITING - 1), [(0, 10_001)]),
    ],
)  # fmt: skip
def test_where_dates_are_even_what_needs_more_than_two_pages_is_cut(
    known: State[str], after: list[tuple[int, int]]
) -> None:
    assert cut_ahead(known, known.coverage.intervals[:]) == known.coverage.intervals
    assert left(known) == after
    assert all(type(edge) is int for each in left(known) for edge in each)


def test_nothing_is_cut_before_the_pages_from_the_middle_are_there() -> None:
    known = evenly_left(1327)
    known.ends.from_middle.append(export(0, 100, number=700, first=500))
    assert cut_ahead(known, known.coverage.intervals[:]) == known.coverage.intervals
    assert left(known) == [(0, 10_001)]
    known.in_flight.remove(known.ends.from_middle[0])
    assert len(cut_ahead(known, known.coverage.intervals[:])) == 2
