"""Which window of `modified_date` to count or to read next, so that few requests read it all, each window in memory."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal

from .cuts import Cuts
from .instants import EARLIEST, FIRST, LAST, LATEST, SECOND, UNDATED, asked, micros

__all__ = ["MANY", "ROOM", "Count", "Read", "Windows"]

ROOM: Final = 5000
"""Works of a window that are in memory at most."""

MANY: Final = 2**40
"""What a count stands for that says only that there are more works than fit."""

_FILLED: Final = 0.95
"""The share of the room that a count may fill: works may be added between the count and the reading."""

_AIMED: Final = 0.88
"""The share of the room that a cut aims at, so that works which are denser than expected still fit."""

_ENOUGH: Final = 0.6
"""The share of what fits that is read as it is: to add more would take a count, which costs a request as well."""

_ALIKE: Final = 0.9
"""A window in which no work was modified, and of which the server counts this share of all: it ignores the range."""

_MOST_DOUBTS: Final = 3
"""Counts that prove far too high before no count is used any more."""

_BEFORE_ALL: Final = (micros(datetime(1900, 1, 1, tzinfo=UTC)), micros(datetime(1900, 12, 31, tzinfo=UTC)))
"""A window in which no work was modified: a server that counts works there ignores the range."""

_MOST_FAILURES: Final = 2
"""Windows in a row of which it could not be proved that nothing is missing, before all others are read without a range:
works that change meanwhile leave a window, and no change takes a work out of everything."""


@dataclass(frozen=True, slots=True)
class Count:
    """Ask `works.count` for a window, both ends inclusive."""

    low: int
    high: int

    @property
    def asked(self) -> tuple[datetime | None, datetime | None]:
        """The range of `modified_date` to ask for; None: no bound."""
        return asked(self.low, self.high)


@dataclass(frozen=True, slots=True)
class Read:
    """Read a window, both ends inclusive.

    Attributes:
        crowd: a stamp that more works share than memory has room for; they are passed on as they arrive.
        patient: read to the end, even if the window holds more works than there is room for: it cannot be cut.
        asked: the range of `modified_date` to ask for; None: no bound.
        count: how many works the server counted in just that range; None if it did not.
    """

    low: int
    high: int
    crowd: int | None
    patient: bool
    asked: tuple[datetime | None, datetime | None]
    count: int | None = None


@dataclass(slots=True, eq=False)
class _Span:
    """What is left to read: a window, and how many works the server counts there.

    Attributes:
        count: None where it is not known.
        tried: whether it need not be asked for again.
        crowded: whether more works share its first stamp than there is room for.
        counted_to: where the window ended that the server counted; None if the count is a difference of two.
    """

    low: int
    high: int
    count: int | None = None
    tried: bool = False
    crowded: bool = False
    counted_to: int | None = None

    @property
    def divisible(self) -> bool:
        """Whether it can be cut at a whole second that a range can begin with.

        What lies at its last microsecond alone is not cut off.
        """
        return self.low > UNDATED and max(self.low, FIRST) // SECOND < (min(self.high, LAST) - 1) // SECOND


@dataclass(frozen=True, slots=True)
class _Division:
    """A count under way of the first spans up to a cut.

    Attributes:
        fitting: spans before the one that was cut, and how many works they have.
        whole: works of the span that was cut; None where that is not known.
    """

    fitting: int
    total: int
    whole: int | None


class Windows:
    """Cuts an interval of `modified_date` into windows, oldest first.

    A window is counted before it is read, and cut while the server counts more works there than there is room for;
    small neighbours are read together. Without counts a window is read, and cut where it proves too full. All cuts are
    at whole seconds, since a server may trim to them what it compares: a second that is too full is read more than
    once, its oldest changes first.

    Where the server ignores or refuses the range, everything is read for each window. Counts that contradict each other
    or what was read are used no more.

    Args:
        low, high: the interval, both ends inclusive.
        count: how many works the server counted there, `MANY` if only that they are many; None if it did not count.
        now: the server's clock.
        room: works in memory at most.
        counted_to: where the interval ended that the server counted, if not at `high`.

    Attributes:
        filtered_here: whether the server ignores or refuses the range.
    """

    def __init__(
        self, low: int, high: int, *, count: int | None, now: int, room: int = ROOM, counted_to: int | None = None
    ) -> None:
        self.filtered_here = False
        self._room = room
        self._target = max(1, int(room * _FILLED))
        self._cuts = Cuts(now)
        counted_to = high if counted_to is None else counted_to
        tried = counted_to == high or count is None or count <= self._target
        self._spans = [_Span(low, high, count, tried, counted_to=counted_to)] if low <= high else []
        self._purpose: _Span | _Division | Literal["probe", "dates"] | None = None
        self._probe: int | None = None
        self._totals: list[int | None] = []
        self._dates_checked = low > UNDATED
        self._doubts = 0
        self._failures = 0
        self._unproved = False
        self._fitting = 0
        self._again: int | None = None

    def next(self) -> Count | Read | None:
        """What to do next; None once everything was read."""
        if not self._spans:
            return None
        if self.filtered_here:
            self._spans = [_Span(self._spans[0].low, self._spans[-1].high, tried=True, crowded=self._spans[0].crowded)]
            return self._read(1)
        if self._again is not None:
            again, self._again = self._again, None
            return self._read(again)
        fitting, total = 0, 0
        for span in self._spans:
            if not span.tried:
                self._purpose = span
                return Count(span.low, span.high)
            if span.count is None or span.crowded:
                break
            if total + span.count > self._target:
                if total < _ENOUGH * self._target and (span.divisible or span.low <= UNDATED):
                    return self._divide(span, fitting, total)
                break
            fitting, total = fitting + 1, total + span.count
        return self._read(fitting)

    def counted(self, count: int | None) -> None:
        """The answer to a `Count`; `MANY` if it says only that there are many, None if the server did not count."""
        purpose, self._purpose = self._purpose, None
        if purpose == "probe":
            self._probe = count or 0
            self.filtered_here = self._probe > 0 and self._probe >= _ALIKE * max(
                span.count or 0 for span in self._spans
            )
        elif purpose == "dates":
            self._totals.append(count)
        elif isinstance(purpose, _Division):
            self._divided(purpose, count)
        elif purpose is not None:
            purpose.count, purpose.tried, purpose.counted_to = count, True, purpose.high

    def overflowed(self, stamps: list[int]) -> None:
        """The window just read holds more works than there is room for; `stamps` are those seen, in ascending order."""
        span = self._spans[0]
        middle = max(stamps[len(stamps) // 2] // SECOND, span.low // SECOND + 1) * SECOND
        self._spans[:1] = [_Span(span.low, middle - 1, tried=True), _Span(middle, span.high, tried=True)]

    def unproved(self, *, ranged: bool) -> bool:
        """It could not be proved that the window just read is complete; the answer is whether to read it otherwise.

        What was read without a range is read once more only if it was not known that windows are read so.
        """
        if not ranged and (self.filtered_here or self._unproved):
            return False
        self._failures += 1
        self._unproved = True
        self._again = self._fitting
        return True

    def done(self, bound: int, crowd: int, shown: int) -> None:
        """All works up to `bound` were read; `crowd` works share the next stamp, where some were left out.

        As many works as `shown` says belong into the range that was asked for.
        """
        span = self._spans[0]
        count = None if self._unproved else span.count
        if not self._unproved:
            self._failures = 0
        self._unproved = self._failures >= _MOST_FAILURES
        self._dates_checked = self._dates_checked or bound >= UNDATED
        if bound >= span.high:
            self._cuts.note(span.low, span.high, shown)
            del self._spans[0]
        else:
            span.low, span.crowded = bound + 1, crowd > self._room
            span.tried = span.count is None or not span.divisible
            span.count, span.counted_to = None, None
        self._compare(count, shown)

    def _read(self, fitting: int) -> Read:
        """Read the first windows together, as many as fit."""
        span = self._spans[0]
        if fitting > 1:
            span.high, span.counted_to = self._spans[fitting - 1].high, None
            span.count = sum(each.count or 0 for each in self._spans[:fitting])
            del self._spans[1:fitting]
        self._fitting = min(fitting, 1)
        crowded = span.crowded or (span.low <= UNDATED and not fitting)
        everything = self.filtered_here or self._unproved
        patient = everything or crowded or not span.divisible
        crowd = span.low if crowded else None
        if everything:
            return Read(span.low, span.high, crowd, patient, (None, None))
        if fitting and span.counted_to is not None:
            return Read(span.low, span.high, crowd, patient, asked(span.low, span.counted_to), span.count)
        return Read(span.low, span.high, crowd, patient, asked(span.low, span.high))

    def _divide(self, span: _Span, fitting: int, total: int) -> Count | Read | None:
        if self._probe is None:
            self._purpose = "probe"
            return Count(*_BEFORE_ALL)
        if not self._dates_checked:
            return self._check_dates(span)
        aimed = max(1, int(self._room * _AIMED)) - total
        cut = self._cuts.cut(span.low, span.high, None if span.count == MANY else span.count, aimed)
        self._purpose = _Division(fitting, total, span.count)
        self._spans.insert(fitting + 1, _Span(cut, span.high))
        span.high, span.counted_to = cut - 1, None
        return Count(self._spans[0].low, span.high)

    def _divided(self, division: _Division, count: int | None) -> None:
        """The works of all spans up to the cut are counted; how many lie above it is a difference."""
        lower, upper = self._spans[division.fitting : division.fitting + 2]
        lower.tried = True
        if count is None or count == MANY or division.whole is None:
            lower.count = count
            return
        lower.count = max(0, count - division.total)
        if division.whole < MANY:
            upper.count, upper.tried = max(0, division.whole - lower.count), True
        if count <= self._target:
            first = self._spans[0]
            first.high, first.count, first.counted_to = lower.high, count, lower.high
            del self._spans[1 : division.fitting + 1]
        self._compare(lower.count, division.whole)

    def _compare(self, count: int | None, most: int) -> None:
        """A count that is far above the most that there can be is wrong; once several were, none is used any more."""
        if count is None or count - most <= self._target // 2 or count <= 2 * most:
            return
        self._doubts += 1
        if self._doubts >= _MOST_DOUBTS and self._spans:
            first, last = self._spans[0], self._spans[-1]
            self._spans = [_Span(first.low, last.high, tried=True, crowded=first.crowded)]

    def _check_dates(self, span: _Span) -> Count | Read | None:
        """Whether all works have a timestamp, so that ranges show them all: three counts that agree say so.

        They are of all works, of those in a range, of all again: works that come and go meanwhile cannot make all
        three agree, unless as many come as go, twice.
        """
        if self._probe == 0 and len(self._totals) < 2:
            self._purpose = "dates"
            return Count(UNDATED if self._totals else _BEFORE_ALL[0], LATEST)
        self._dates_checked = True
        if self._totals == [span.count, span.count] and span.count != MANY:
            span.low = EARLIEST
            return self.next()
        return self._read(0)
