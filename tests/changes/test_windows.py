"""Windows of `modified_date`: where they are cut, and how many requests they take."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from devrev_async.changes.cuts import Cuts
from devrev_async.changes.instants import EARLIEST, LATEST, SECOND
from devrev_async.sandbox import Quirks

from .model import NOW, Model, call

ROOM = 300
DAY = 86400 * SECOND
YEAR = 365 * DAY


def spread(rng: random.Random) -> int:
    return NOW - rng.randrange(3 * YEAR)


def growing(rng: random.Random) -> int:
    return NOW - int(rng.expovariate(1 / (YEAR / 2)))


def in_office_hours(rng: random.Random) -> int:
    return NOW - rng.randrange(700) * DAY - rng.randrange(8 * 3600) * SECOND


def with_a_bulk_edit(rng: random.Random) -> int:
    return NOW - 100 * DAY - 1 if rng.random() < 0.2 else spread(rng)


def requests_of(model: Model) -> int:
    """The requests of a call that yields all works; one of a server whose counts are right."""
    current = call(model, None, room=ROOM)
    current.drive(ROOM)
    assert len(current.yielded) == len(model.works)
    return model.requests


@pytest.mark.parametrize("stamp", [spread, growing, in_office_hours])
def test_a_window_takes_one_count_and_one_page(stamp: Callable[[random.Random], int]) -> None:
    rng = random.Random(1)
    model = Model(rng, page=ROOM)
    for _ in range(15 * ROOM):
        model.create(stamp(rng))
    assert requests_of(model) <= 56  # 15 windows at least, two requests each, and those that find the first of them
    assert model.fetched <= 1.02 * len(model.works)


def test_works_that_fit_one_window_take_one_count_and_one_page() -> None:
    rng = random.Random(1)
    model = Model(rng, page=ROOM)
    for _ in range(ROOM * 9 // 10):
        model.create(spread(rng))
    assert requests_of(model) == 2


@pytest.mark.parametrize(
    ("quirks", "most"),
    [
        (Quirks(count="high"), 110),
        (Quirks(count="random"), 150),  # each window that it seems to disprove is read once more
        (Quirks(count="unsure"), 110),
        (Quirks(count_cap=ROOM + 1), 110),
        (Quirks(count_cap=ROOM // 10, count="high"), 110),
    ],
    ids=["high", "random", "unsure", "capped", "capped far below"],
)
def test_counts_that_are_wrong_are_soon_used_no_more(quirks: Quirks, most: int) -> None:
    rng = random.Random(2)
    model = Model(rng, quirks, page=ROOM, fitting=ROOM)
    for _ in range(7 * ROOM):
        model.create(with_a_bulk_edit(rng))
    assert requests_of(model) < most


@pytest.mark.parametrize("works", [0, 3 * ROOM])
def test_works_without_a_date_that_match_every_range_do_not_divide_it_forever(works: int) -> None:
    rng = random.Random(3)
    model = Model(rng, Quirks(undated_in_ranges=True), page=ROOM)
    for _ in range(2 * ROOM):
        model.create(None)
    for _ in range(works):
        model.create(spread(rng))
    assert requests_of(model) < 70


def test_the_future_is_cut_off_first() -> None:
    assert Cuts(NOW).cut(EARLIEST, LATEST, 5000, 100) == NOW + SECOND


def test_a_window_is_cut_by_the_density_before_then_by_its_own_then_halved() -> None:
    cuts, low, high = Cuts(NOW), NOW - 1000 * SECOND, NOW
    assert cuts.cut(low, high, 900, 90) == NOW - 500 * SECOND  # nothing is known
    cuts.note(low - 100 * SECOND, low, 100)
    assert cuts.cut(low, high, 900, 90) == low + 90 * SECOND
    assert cuts.cut(low, high, 900, 90) == low + 100 * SECOND
    assert cuts.cut(low, high, 900, 90) == NOW - 500 * SECOND
    cuts.note(low - 100 * SECOND, low, 0)
    assert cuts.cut(low, high, None, 90) == NOW - 500 * SECOND


@pytest.mark.parametrize("wanted", [1, 10**9])
@pytest.mark.parametrize(("low", "high"), [(0, SECOND + 1), (1, SECOND + 1), (5, 3 * SECOND)])
def test_a_cut_lies_inside_of_its_window_at_a_whole_second(low: int, high: int, wanted: int) -> None:
    cuts = Cuts(NOW)
    cuts.note(low, high, 7)
    cut = cuts.cut(low, high, 9, wanted)
    assert low < cut < high
    assert cut % SECOND == 0
