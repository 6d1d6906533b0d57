"""Servers that ignore `sort_by`, or cap before they sort: what two ends of an interval and a full page prove."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from devrev_async.export.planner import Interval, Key, Request, key_of
from devrev_async.export.planner.intervals import EARLIEST, LATEST, UNDATED
from devrev_async.export.planner.pages import AwaitingCount
from devrev_async.export.planner.proofs import opposite_ends, sorted_prefix
from devrev_async.export.planner.proofs.opposite_ends import can_prove, sorts_before_cap
from devrev_async.export.planner.proofs.sorted_prefix import in_order, shows_undated_first, strong
from devrev_async.export.planner.server import Order
from devrev_async.export.planner.tuning import APART, APART_SHARE, ENOUGH
from devrev_async.sandbox import Quirks
from devrev_async.sandbox.quirks import SortBy
from tests.export.test_planner import Model, Run, fill

from .pages import SECOND, export, interval, keys, left, names, page, state

NEVER = 10**18


def test_an_order_that_chance_explains_is_no_proof() -> None:
    assert strong([time for time, _ in keys(*range(ENOUGH))])
    assert not strong([time for time, _ in keys(*range(ENOUGH - 1), 0, 1, 2)])


def test_equal_timestamps_are_in_either_order() -> None:
    assert in_order([1, 1, 2], descending=False)
    assert in_order([2, 1, 1], descending=True)
    assert not in_order([1, 2], descending=True)


@pytest.mark.parametrize("size", [20, 200])
def test_pages_of_hardly_more_than_one_set_are_no_proof(size: int) -> None:
    apart = max(APART, size // APART_SHARE)
    low = keys(*range(size))
    for more, proof in ((apart, True), (apart - 1, False)):
        high = keys(*range(more, size + more))[::-1]
        assert sorts_before_cap(low, high, now=NEVER) is proof
        assert can_prove(more, size) is proof


def test_a_tenth_of_a_page_is_whole_works() -> None:
    assert can_prove(20, 209)
    assert not can_prove(19, 209)


@pytest.mark.parametrize(
    ("order", "proof"),
    [
        ("honoured", "order"),
        ("random", "count"),
        ("ignored", "count"),
        ("sorted_after_cap", "count"),
        ("ascending", "count"),
    ],
)
def test_what_a_server_proves_by(order: SortBy, proof: str) -> None:
    rng = random.Random(1)
    model = Model(Quirks(sort_by=order), rng)
    fill(model, works=300, shape="in order")
    run = Run(model)
    run.finish(rng)
    assert len(run.handed) == 300
    assert sum(run.plan.proofs.values()) == 300
    assert max(run.plan.proofs.items(), key=lambda each: each[1])[0] == proof


UNDATED_KEYS = [key_of(None, "u1"), key_of(None, "u2")]


@pytest.mark.parametrize(
    ("shown", "first"),
    [
        ([], False),
        (UNDATED_KEYS, False),  # there may be more of them
        ([*UNDATED_KEYS, *keys(1, 2)], True),
        ([*UNDATED_KEYS, *keys(1), *UNDATED_KEYS], False),
        ([*keys(1), *UNDATED_KEYS, *keys(2)], False),
        (keys(1, 2), False),
    ],
)
def test_works_without_a_timestamp_stand_first_or_not(shown: list[Key], first: bool) -> None:
    assert shows_undated_first(shown) is first


LOWS, HIGHS = keys(*range(20)), keys(*range(59, 39, -1))


def _without(*seconds: int) -> list[Key]:
    """A page from the higher end that reaches down to 10, less these."""
    return keys(*(second for second in range(39, 9, -1) if second not in seconds))


@pytest.mark.parametrize(
    ("low", "high", "now", "proof"),
    [
        (LOWS, HIGHS, NEVER, True),
        (LOWS[::-1], HIGHS, NEVER, False), (LOWS, HIGHS[::-1], NEVER, False),  # either one out of order
        (keys(*[0] * 6, *range(14)), HIGHS, NEVER, False), (LOWS, keys(*range(53, 40, -1), *[40] * 7), NEVER, False),
        ([*UNDATED_KEYS, *LOWS], [*HIGHS, *UNDATED_KEYS], NEVER, True),  # which may stand anywhere
        # what was created since the run began proves nothing: 7 of the higher page are older, then 8
        (LOWS, HIGHS, keys(47)[0][0], False), (LOWS, HIGHS, keys(48)[0][0], True),
        (LOWS, HIGHS, keys(7)[0][0], False),
        ([*UNDATED_KEYS, *LOWS], keys(*range(27, 6, -1)), NEVER, False),  # nor what bears no date: 7 are apart
        # a work of the lower page alone stands above the lowest of the higher one, and the other way round
        (keys(*range(19), 43.5), HIGHS, NEVER, False), ([*LOWS, (HIGHS[-1][0], "x")], HIGHS, NEVER, True),
        (LOWS, keys(*range(58, 39, -1), 16.5), NEVER, False), (LOWS, [*HIGHS, (LOWS[-1][0], "x")], NEVER, True),
        # works that both should show: two were deleted in between, or created; or three, of eight that must be apart
        (LOWS, _without(12, 15), NEVER, True),
        (LOWS, _without(12, 15, 17), NEVER, False), (keys(*range(12), 13, *range(15, 20)), keys(*range(39, 9, -1)), NEVER, True),
        (keys(*range(12), 13, 15, *range(17, 22)), keys(*range(39, 9, -1)), NEVER, False),
        (LOWS, keys(*range(39, 19, -1), 10), NEVER, False), (keys(*range(20), 30), keys(*range(39, 19, -1)), NEVER, False),
    ],
)  # fmt: skip
def test_two_ends_that_show_the_order(low: list[Key], high: list[Key], now: int, proof: bool) -> None:
    assert sorts_before_cap(low, high, now=now) is proof


@pytest.mark.parametrize(
    ("seconds", "descending", "full", "proved", "remaining"),
    [
        # a full page has all up to the second that it ends in, from the end that it was asked from
        (range(20), False, True, range(19), [(19, 100)]),
        (range(99, 79, -1), True, True, range(81, 100), [(0, 81)]),
        ([*range(19), 19.5], False, True, range(19), [(19, 100)]),
        ([*range(99, 80, -1), 80.5], True, True, range(81, 100), [(0, 81)]),
        (range(14), False, True, None, [(0, 100)]),  # an order that chance explains
        (range(20, 0, -1), False, True, None, [(0, 100)]), (range(20), True, True, None, [(0, 100)]),
        # one that is not full has to reach what was seen behind the interval
        (range(4), False, False, None, [(0, 100)]), ([0, 1, 99], False, False, None, [(0, 100)]),
        ([0, 1, 100], False, False, [0, 1], []), ([0, 1, 130], False, False, [0, 1], []),
        ([130, 50, 0], True, False, None, [(0, 100)]), ([99, 50, -1], True, False, [50, 99], []),
        ([99, 50, -7], True, False, [50, 99], []),
        ([], False, True, None, [(0, 100)]), ([], False, False, None, [(0, 100)]),
        (range(-20, 0), False, True, None, [(0, 100)]), (range(-19, 1), False, True, None, [(0, 100)]),  # nothing of the interval was passed
    ],
)  # fmt: skip
def test_what_a_page_of_a_server_that_sorts_passes(
    seconds: Sequence[float],
    descending: bool,
    full: bool,
    proved: Sequence[int] | None,
    remaining: list[tuple[int, int]],
) -> None:
    known, shown = state(interval(0, 100)), keys(*seconds)
    known.server.order = Order.SORTED
    got = sorted_prefix.follow(known, export(0, 100, descending=descending), page(shown), full=full)
    assert (None if got is None else names(got)) == (None if proved is None else [f"w{second}" for second in proved])
    assert left(known) == remaining
    in_that_order = in_order([time for time, _ in shown], descending=descending)
    assert known.server.order is (Order.SORTED if in_that_order else Order.NONE)
    assert known.tally.proofs["order"] == len(proved or ())


@pytest.mark.parametrize(
    ("span", "seconds", "descending", "proved", "remaining", "detours"),
    [
        # what it passed is proved, and the rest is asked for from the other end, back to a work that was seen
        ((0, 100), range(10), False, range(9), [(9, 100)], {(9, 100): (8, 100, True)}),
        ((0, 100), [5], False, [], [(5, 100)], {(5, 100): (5, 100, True)}),
        ((0, 100), [9, 5, 1], True, [5, 9], [(0, 2)], {(0, 2): (0, 6, False)}),
        ((0, 100), [9, 2, 1], True, [2, 9], [(0, 2)], {(0, 2): (0, 3, False)}),
        ((0, 100), [50], True, [], [(0, 51)], {(0, 51): (0, 51, False)}),
        # of which it passed nothing: it is cut
        ((0, 100), [0], False, [], [(0, 2), (2, 100)], {}),
        ((0, 100), [99], True, [], [(0, 99), (99, 100)], {}),
    ],
)
def test_what_a_short_page_passes_where_nothing_is_counted(
    span: tuple[int, int],
    seconds: Sequence[int],
    descending: bool,
    proved: Sequence[int],
    remaining: list[tuple[int, int]],
    detours: dict[tuple[int, int], tuple[int, int, bool]],
) -> None:
    known, shown = state(interval(*span)), page(keys(*seconds))
    waiting = AwaitingCount(export(*span, descending=descending), shown, shown.ordered())
    assert names(sorted_prefix.follow_short(known, waiting)) == [f"w{second}" for second in proved]
    assert left(known) == remaining
    assert known.coverage.detours == {
        (SECOND + low, SECOND + high): (SECOND + start, SECOND + end, downwards)
        for (low, high), (start, end, downwards) in detours.items()
    }


@pytest.mark.parametrize(
    ("asked", "seconds", "descending", "lists", "outcome"),
    [
        ((7, 8), [7.1, 7.2], False, True, "listed"),
        ((7, 8), [7.1, 7.2], False, False, "proved"),  # it shows works of that second, as a page from the other end would
        ((7, 8), [], False, False, "from the other end"), ((7, 8), [6.5], False, False, "from the other end"),
        ((7, 8), [], True, False, "proved"), ((7, 8), [7.1], True, False, "proved"),
        ((7, 9), [], False, False, "open"), ((6, 8), [], True, False, "open"),  # it was asked for with another one
    ],
)  # fmt: skip
def test_one_second_where_nothing_is_counted(
    asked: tuple[int, int], seconds: list[float], descending: bool, lists: bool, outcome: str
) -> None:
    known, shown = state(interval(7, 8), lists=lists), page(keys(*seconds))
    waiting = AwaitingCount(export(*asked, descending=descending), shown, shown.ordered())
    got = names(sorted_prefix.follow_short(known, waiting))
    assert got == ([f"w{second}" for second in seconds] if outcome == "proved" else [])
    assert left(known) == ([] if outcome == "proved" else [(7, 8)])
    assert any(each.needs_list for each in known.coverage.intervals) is (outcome == "listed")
    span = SECOND + 7, SECOND + 8
    assert known.coverage.detours == ({span: (*span, True)} if outcome == "from the other end" else {})


@pytest.mark.parametrize(
    ("low", "high", "proved", "remaining"),
    [
        (range(20), range(99, 79, -1), [*range(19), *range(81, 100)], [(19, 81)]),
        (range(20), range(39, 19, -1), [*range(19), *range(21, 40)], [(19, 21)]),
        # of the second in which either ends there may be more
        ([*range(19), 19.2, 19.5], [*range(99, 80, -1), 80.5, 80.2], [*range(19), *range(81, 100)], [(19, 81)]),
    ],
)
def test_what_two_ends_prove(
    low: Sequence[float], high: Sequence[float], proved: list[int], remaining: list[tuple[int, int]]
) -> None:
    known = state(interval(0, 100))
    got = opposite_ends.prove_ends(known, export(0, 100), page(keys(*low)), page(keys(*high)))
    assert names(got) == [f"w{second}" for second in proved]
    assert left(known) == remaining
    assert known.server.sorts


@pytest.mark.parametrize(
    ("undated_low", "undated_high", "proved"),
    [(True, False, True), (False, True, True), (True, True, True), (False, False, False)],
)
def test_works_without_a_timestamp_are_proved_where_either_end_shows_them_first(
    undated_low: bool, undated_high: bool, proved: bool
) -> None:
    known = state()
    low = [*UNDATED_KEYS, *LOWS] if undated_low else LOWS
    high = [*UNDATED_KEYS, *HIGHS] if undated_high else HIGHS
    request = Request("export", 1, EARLIEST, LATEST, first=20)
    got = names(opposite_ends.prove_ends(known, request, page(low), page(high)))
    assert [name for name in got if name.startswith("u")] == (["u1", "u2"] if proved else [])
    assert any(each.low == UNDATED for each in known.coverage.intervals) is not proved
    part = state(Interval(UNDATED, UNDATED + 1), interval(0, 100))
    assert "u1" not in names(opposite_ends.prove_ends(part, export(0, 100), page(low), page(high)))
