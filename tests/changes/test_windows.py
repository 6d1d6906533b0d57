"""Windows of `modified_date`: where they are cut, and how many requests they take."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from devrev_async.changes.cuts import Cuts
from devrev_async.changes.instants import EARLIEST, FIRST, LAST, LATEST, SECOND, UNDATED, asked, micros
from devrev_async.changes.windows import MANY, Count, Read, Windows
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


@pytest.mark.parametrize(("low", "high"), [(LAST - 9 * SECOND, LATEST), (EARLIEST, FIRST + 9 * SECOND)])
def test_no_window_lies_where_a_range_has_no_bounds(low: int, high: int) -> None:
    """Of the years before 1 and after 9999 each window would be everything, and be cut again and again."""
    windows = Windows(low, high, count=MANY, now=NOW, room=ROOM)
    before_all = micros(datetime(1900, 1, 1, tzinfo=UTC))
    for _ in range(100):
        step = windows.next()
        if step is None:
            return
        assert step.asked != (None, None)
        if isinstance(step, Count):
            windows.counted(0 if step.low == before_all else MANY)
        else:
            windows.done(step.high, 0, MANY)  # so that no count is doubted
    pytest.fail("it does not end")


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


BEFORE_ALL = micros(datetime(1900, 1, 1, tzinfo=UTC))
FIRST_YEAR = BEFORE_ALL, micros(datetime(1900, 12, 31, tzinfo=UTC))


@dataclass
class Counted:
    """A count of a window in seconds, the end not included, and its answer."""

    low: int
    high: int
    answer: int | None

    def play(self, windows: Windows, step: Count | Read | None) -> None:
        assert step == Count(self.low * SECOND, self.high * SECOND - 1)
        windows.counted(self.answer)


@dataclass
class Probed:
    """A count of another range: of a year without works, of all with a date, of all."""

    range: tuple[int, int]
    answer: int | None

    def play(self, windows: Windows, step: Count | Read | None) -> None:
        assert step == Count(*self.range)
        windows.counted(self.answer)


@dataclass
class Reads:
    """A window that is read, in seconds, and how it ends: up to where, works that share the next stamp, works shown."""

    low: int
    high: int
    count: int | None = None
    crowd: bool = False
    patient: bool = False
    everything: bool = False
    counted_to: int | None = None
    bound: int | None = None
    tie: int = 0
    shown: int | None = None

    def play(self, windows: Windows, step: Count | Read | None) -> None:
        low, high = self.low * SECOND, self.high * SECOND - 1
        upto = high if self.counted_to is None else self.counted_to * SECOND - 1
        range_ = (None, None) if self.everything else asked(low, upto)
        assert step == Read(low, high, low if self.crowd else None, self.patient, range_, self.count)
        windows.done(
            high if self.bound is None else self.bound * SECOND - 1,
            self.tie,
            (self.count or 0) if self.shown is None else self.shown,
        )


@dataclass
class Overflows(Reads):
    """A window that proves too full after these seconds were seen."""

    seen: tuple[float, ...] = ()

    def play(self, windows: Windows, step: Count | Read | None) -> None:
        assert isinstance(step, Read)
        assert (step.low, step.high) == (self.low * SECOND, self.high * SECOND - 1)
        windows.overflowed([int(second * SECOND) for second in self.seen])


@dataclass
class Unproved(Reads):
    """A window of which it was not proved that nothing is missing, and whether it is to be read again."""

    again: bool = True

    def play(self, windows: Windows, step: Count | Read | None) -> None:
        assert isinstance(step, Read)
        assert (step.low, step.high) == (self.low * SECOND, self.high * SECOND - 1)
        assert windows.unproved(ranged=step.asked != (None, None)) is self.again


Step = Counted | Probed | Reads


def windows_of(count: int | None, *, counted_to: int | None = None) -> Windows:
    """Of a thousand seconds, with room for 100 works: 95 are read at once, and fewer than 57 with their neighbours."""
    upto = None if counted_to is None else counted_to * SECOND - 1
    return Windows(0, 1000 * SECOND - 1, count=count, now=2000 * SECOND, room=100, counted_to=upto)


def play(windows: Windows, steps: list[Step]) -> None:
    """What is asked and read, step by step, until there is nothing left to do."""
    for step in steps:
        step.play(windows, windows.next())
    assert windows.next() is None


@pytest.mark.parametrize(
    ("count", "steps"),
    [
        (0, [Reads(0, 1000, 0)]), (95, [Reads(0, 1000, 95)]),
        # one that is too full is counted up to a cut; what lies above is the difference
        (96, [Probed(FIRST_YEAR, 0), Counted(0, 500, 60), Reads(0, 500, 60), Reads(500, 1000)]),
        (96, [Probed(FIRST_YEAR, 0), Counted(0, 500, 57), Reads(0, 500, 57), Reads(500, 1000)]),
        # a small one is read together with a part of its neighbour
        (96, [Probed(FIRST_YEAR, 0), Counted(0, 500, 40), Counted(0, 750, 70), Reads(0, 750, 70), Reads(750, 1000)]),
        # one that is too full still is cut again, and the density tells where
        (260, [Probed(FIRST_YEAR, 0), Counted(0, 500, 100), Counted(0, 250, 50), Counted(0, 375, 90), Reads(0, 375, 90),
               Counted(375, 824, 90), Reads(375, 824, 90), Reads(824, 1000)]),
        (300, [Probed(FIRST_YEAR, 0), Counted(0, 500, 60), Reads(0, 500, 60), Counted(500, 999, 200),
               Counted(500, 719, 90), Reads(500, 719, 90), Counted(719, 933, 90), Reads(719, 933, 90), Reads(933, 1000)]),
        # a difference is below zero where works were added meanwhile
        (96, [Probed(FIRST_YEAR, 0), Counted(0, 500, 99), Counted(0, 250, 60), Reads(0, 250, 60), Reads(250, 1000)]),
        # a window without works is read with the one before, which may fill the room but for a twentieth
        (190, [Probed(FIRST_YEAR, 0), Counted(0, 500, 190), Counted(0, 250, 95), Reads(0, 250, 95), Reads(250, 1000)]),
        # thrice far more works than there can be, which twice as many are not: counts are used no more
        (96, [Probed(FIRST_YEAR, 0), Counted(0, 500, 300), Counted(0, 250, 700), Counted(0, 125, 1500), Reads(0, 1000)]),
        (96, [Probed(FIRST_YEAR, 0), Counted(0, 500, 192), Counted(0, 250, 384), Counted(0, 125, 768), Counted(0, 62, 60),
              Reads(0, 62, 60), Counted(62, 124, 2), Reads(62, 124, 2), Reads(124, 125, patient=True), Reads(125, 1000)]),
        # no exact count: it is read, and cut where it proves too full
        (300, [Probed(FIRST_YEAR, 0), Counted(0, 500, None), Reads(0, 500), Counted(500, 1000, None), Reads(500, 1000)]),
        (MANY, [Probed(FIRST_YEAR, 0), Counted(0, 500, 50), Counted(500, 1000, 30), Reads(0, 1000)]),
        # only that they are many: it is cut without regard to their number
        (MANY, [Probed(FIRST_YEAR, 0), Counted(0, 500, 60), Counted(500, 1000, MANY), Reads(0, 500, 60),
                Counted(500, 999, MANY), Counted(500, 749, 90), Counted(749, 999, 90), Reads(500, 749, 90),
                Counted(999, 1000, 40), Reads(749, 999, 90), Reads(999, 1000, 40, patient=True)]),
        (MANY, [Probed(FIRST_YEAR, 0), Counted(0, 500, 40), Counted(500, 1000, MANY), Counted(0, 750, MANY),
                Counted(0, 625, 60), Counted(625, 750, 60), Reads(0, 625, 60), Counted(750, 1000, 90),
                Reads(625, 750, 60), Reads(750, 1000, 90)]),
        (None, [Overflows(0, 1000, seen=tuple(range(200))), Reads(0, 100), Reads(100, 1000)]),
        (None, [Overflows(0, 1000, seen=(0, 0, 0)), Reads(0, 1, patient=True), Reads(1, 1000)]),
        (None, [Overflows(0, 1000, seen=(0.5, 100.5, 101.5)), Reads(0, 100), Reads(100, 1000)]),
        (300, [Probed(FIRST_YEAR, 0), Counted(0, 500, None), Overflows(0, 500, seen=tuple(range(200))), Reads(0, 100),
               Reads(100, 500), Counted(500, 1000, 40), Reads(500, 1000, 40)]),
        # the server ignores the range: everything is read
        (300, [Probed(FIRST_YEAR, 270), Reads(0, 1000, patient=True, everything=True)]),
        (300, [Probed(FIRST_YEAR, 270), Reads(0, 1000, patient=True, everything=True, bound=500, tie=101),
               Reads(500, 1000, crowd=True, patient=True, everything=True)]),
        # it counts works in a year that has none, but not nearly all: it does not ignore the range
        (96, [Probed(FIRST_YEAR, 86), Counted(0, 500, 60), Reads(0, 500, 60), Reads(500, 1000)]),
        # neighbours that are read together are counted again, or read again, as one
        (MANY, [Probed(FIRST_YEAR, 0), Counted(0, 500, 50), Counted(500, 1000, 30), Reads(0, 1000, bound=400, tie=1),
                Counted(400, 1000, 40), Reads(400, 1000, 40)]),
        (MANY, [Probed(FIRST_YEAR, 0), Counted(0, 500, 50), Counted(500, 1000, 30), Unproved(0, 1000),
                Reads(0, 1000, patient=True, everything=True)]),
        (96, [Probed(FIRST_YEAR, None), Counted(0, 500, 60), Reads(0, 500, 60), Reads(500, 1000)]),
    ],
)  # fmt: skip
def test_what_is_counted_and_read(count: int | None, steps: list[Step]) -> None:
    play(windows_of(count), steps)


@pytest.mark.parametrize(
    ("count", "steps"),
    [
        (
            95,
            [Reads(0, 1000, 95, counted_to=1500)],
        ),  # all of the longer interval fits, and is asked for as it was counted
        (96, [Counted(0, 1000, 80), Reads(0, 1000, 80)]),
        (None, [Reads(0, 1000)]),
    ],
)
def test_an_interval_that_was_counted_further_than_it_reaches(count: int | None, steps: list[Step]) -> None:
    play(windows_of(count, counted_to=1500), steps)


@pytest.mark.parametrize(
    "steps",
    [
        # where memory had no room, the next window begins, and is counted first
        [Reads(0, 1000, 95, bound=500, tie=7), Counted(500, 1000, 40), Reads(500, 1000, 40)],
        [Reads(0, 1000, 95, bound=500, tie=100), Counted(500, 1000, 40), Reads(500, 1000, 40)],
        # more works than there is room for share its first stamp: they are passed on as they arrive
        [
            Reads(0, 1000, 95, bound=500, tie=101),
            Counted(500, 1000, 90),
            Reads(500, 1000, crowd=True, patient=True),
        ],
        [Reads(0, 1000, 95, bound=999, tie=1), Reads(999, 1000, patient=True)],
        # not proved: without a range, once; twice in a row, and all others are read so
        [Unproved(0, 1000), Unproved(0, 1000, again=False), Reads(0, 1000, patient=True, everything=True)],
        [
            Unproved(0, 1000),
            Reads(0, 1000, patient=True, everything=True, bound=500),
            Counted(500, 1000, 40),
            Unproved(500, 1000),
            Reads(500, 1000, patient=True, everything=True, bound=700),
            Counted(700, 1000, 40),
            Reads(700, 1000, patient=True, everything=True),
        ],
        [
            Unproved(0, 1000),
            Reads(0, 1000, patient=True, everything=True, bound=500),
            Counted(500, 1000, 40),
            Reads(500, 1000, 40),
        ],
        [
            Unproved(0, 1000),
            Reads(0, 1000, patient=True, everything=True, bound=300),
            Counted(300, 1000, 40),
            Reads(300, 1000, 40, bound=500),
            Counted(500, 1000, 40),
            Unproved(500, 1000),
            Reads(500, 1000, patient=True, everything=True, bound=700),
            Counted(700, 1000, 40),
            Reads(700, 1000, 40),
        ],
    ],
)
def test_where_a_window_does_not_end_as_planned(steps: list[Step]) -> None:
    play(windows_of(95), steps)


@pytest.mark.parametrize("tie", [1, 101])
def test_counts_that_prove_far_too_high_are_used_no_more(tie: int) -> None:
    windows = windows_of(95)
    steps: list[Step] = [Reads(0, 1000, 95, bound=100, tie=1, shown=9)]
    steps += [Counted(100, 1000, 90), Reads(100, 1000, 90, bound=200, tie=1, shown=9)]
    steps += [Counted(200, 1000, 90), Reads(200, 1000, 90, bound=300, tie=tie, shown=9)]
    play(windows, [*steps, Reads(300, 1000, crowd=tie > 100, patient=tie > 100)])


@pytest.mark.parametrize(
    ("shown", "doubted"),
    [(0, True), (40, True), (42, True), (43, False), (90, False)],  # 90 is more than 47 above, and more than twice
)
def test_a_count_is_far_too_high_by_half_a_window_and_by_twice_what_there_is(shown: int, doubted: bool) -> None:
    windows = windows_of(95)
    steps: list[Step] = [Reads(0, 1000, 95, bound=100, tie=1, shown=9), Counted(100, 1000, 90)]
    steps += [Reads(100, 1000, 90, bound=200, tie=1, shown=9), Counted(200, 1000, 90)]
    steps += [Reads(200, 1000, 90, bound=300, tie=1, shown=shown)]
    steps += [Reads(300, 1000)] if doubted else [Counted(300, 1000, 90), Reads(300, 1000, 90)]
    play(windows, steps)


@pytest.mark.parametrize(("above", "doubted"), [(0, False), (1, True), (20, True)])
def test_neighbours_that_are_read_together_are_judged_by_what_was_counted_of_both(above: int, doubted: bool) -> None:
    windows = windows_of(MANY)
    steps: list[Step] = [Probed(FIRST_YEAR, 0), Counted(0, 500, 47), Counted(500, 1000, above)]
    steps += [Reads(0, 1000, bound=100, tie=1, shown=0), Counted(100, 1000, 90)]
    steps += [Reads(100, 1000, 90, bound=200, tie=1, shown=9), Counted(200, 1000, 90)]
    steps += [Reads(200, 1000, 90, bound=300, tie=1, shown=9)]
    steps += [Reads(300, 1000)] if doubted else [Counted(300, 1000, 90), Reads(300, 1000, 90)]
    play(windows, steps)


def test_what_was_read_without_a_range_says_nothing_of_a_count() -> None:
    windows = windows_of(95)
    steps: list[Step] = [Unproved(0, 1000)]
    steps += [Reads(0, 1000, patient=True, everything=True, bound=100, tie=1, shown=9), Counted(100, 1000, 90)]
    steps += [Reads(100, 1000, 90, bound=200, tie=1, shown=9), Counted(200, 1000, 90)]
    steps += [Reads(200, 1000, 90, bound=300, tie=1, shown=9), Counted(300, 1000, 90), Reads(300, 1000, 90)]
    play(windows, steps)


def test_a_window_that_begins_within_a_second_is_cut_at_a_whole_one() -> None:
    low, high = SECOND // 4, 1000 * SECOND - 1
    windows = Windows(low, high, count=None, now=2000 * SECOND, room=100)
    assert windows.next() == Read(low, high, None, False, asked(low, high))
    windows.overflowed([low, low, low + 1])
    assert windows.next() == Read(low, SECOND - 1, None, True, asked(low, SECOND - 1))


@pytest.mark.parametrize(("room", "count", "read"), [(1, 1, True), (1, 2, False), (2, 1, True), (2, 2, False)])
def test_a_window_of_one_work_is_read_however_little_room_there_is(room: int, count: int, read: bool) -> None:
    windows = Windows(0, 1000 * SECOND - 1, count=count, now=2000 * SECOND, room=room)
    assert isinstance(windows.next(), Read) is read
    assert windows.filtered_here is False


@pytest.mark.parametrize("bound", [UNDATED, 500 * SECOND - 1])
def test_works_without_a_date_are_thought_of_no_more_once_they_were_read(bound: int) -> None:
    windows = Windows(UNDATED, 1000 * SECOND - 1, count=95, now=2000 * SECOND, room=100)
    assert isinstance(windows.next(), Read)
    windows.done(bound, 1, 95)
    Probed((bound + 1, 1000 * SECOND - 1), 150).play(windows, windows.next())
    Probed(FIRST_YEAR, 0).play(windows, windows.next())
    step = windows.next()
    assert isinstance(step, Count)
    assert step.low == bound + 1  # the count of a part: how many works have a date is not asked


@pytest.mark.parametrize(
    ("all_", "dated", "again", "undated"), [(150, 150, 150, False), (150, 140, 150, True), (150, 150, 151, True), (150, None, 150, True)]
)  # fmt: skip
def test_works_without_a_date_are_in_no_range_unless_three_counts_say_that_there_are_none(
    all_: int, dated: int | None, again: int, undated: bool
) -> None:
    windows = Windows(UNDATED, 1000 * SECOND - 1, count=all_, now=2000 * SECOND, room=100)
    Probed(FIRST_YEAR, 0).play(windows, windows.next())
    Probed((BEFORE_ALL, LATEST), dated).play(windows, windows.next())
    Probed((UNDATED, LATEST), again).play(windows, windows.next())
    step = windows.next()
    assert step is not None
    assert isinstance(step, Read) is undated
    assert step.low == (UNDATED if undated else EARLIEST)
    if isinstance(step, Read):
        assert (step.crowd, step.patient, step.asked) == (UNDATED, True, (None, None))
        assert windows.unproved(ranged=False)
        assert windows.next() == step


def test_what_was_read_without_a_range_is_read_once_more() -> None:
    windows = Windows(UNDATED, 1000 * SECOND - 1, count=95, now=2000 * SECOND, room=100)
    for again in (True, False):
        assert windows.next() == Read(UNDATED, 1000 * SECOND - 1, None, True, (None, None), None if not again else 95)
        assert windows.unproved(ranged=False) is again


def test_an_interval_without_an_instant_is_not_read() -> None:
    assert Windows(5, 4, count=9, now=9).next() is None
    assert Windows(5, 5, count=9, now=9).next() == Read(5, 5, None, True, asked(5, 5), 9)
