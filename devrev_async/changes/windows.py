"""Which window of `modified_date` to count or to read next, so that few requests read it all, each window in memory."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal

from .instants import EARLIEST, LATEST, SECOND, UNDATED, asked, micros

__all__ = ["MANY", "ROOM", "Count", "Read", "Windows"]

ROOM: Final = 5000
"""Works of a window that are in memory at most."""

MANY: Final = 2**40
"""What a count stands for that says only that there are more works than fit."""

_FILLED: Final = 0.9
"""The share of the room that a count may fill: works may be added between the count and the reading."""

_BEFORE_ALL: Final = (micros(datetime(1900, 1, 1, tzinfo=UTC)), micros(datetime(1900, 12, 31, tzinfo=UTC)))
"""A window in which no work was modified: a server that counts works there ignores the range."""

_MOST_FAILURES: Final = 2
"""Windows in a row of which it could not be proved that nothing is missing, before all others are read without a range:
works that change meanwhile leave a window, and no change takes a work out of everything."""

_LONGEST: Final = 16 * 366 * 86400 * SECOND
"""How far back from the present the first cut of a window without a lower bound lies, twice."""


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
    """

    low: int
    high: int
    crowd: int | None
    patient: bool
    asked: tuple[datetime | None, datetime | None]


@dataclass(slots=True, eq=False)
class _Span:
    """What is left to read: a window, and how many works the server counts there.

    Attributes:
        count: None where it is not known.
        tried: whether it need not be asked for again.
        crowded: whether more works share its first stamp than there is room for.
    """

    low: int
    high: int
    count: int | None = None
    tried: bool = False
    crowded: bool = False

    @property
    def divisible(self) -> bool:
        """Whether it can be cut at a whole second. What lies at its last microsecond alone is not cut off."""
        return self.low > UNDATED and self.low // SECOND < (self.high - 1) // SECOND


class Windows:
    """Cuts an interval of `modified_date` into windows, oldest first.

    A window is counted before it is read, and halved while the server counts more works there than there is room for;
    small neighbours are read together. Without counts a window is read, and cut where it proves too full. All cuts are
    at whole seconds, since a server may trim to them what it compares: a second that is too full is read more than
    once, its oldest changes first.

    Where the server ignores or refuses the range, everything is read for each window.

    Args:
        low, high: the interval, both ends inclusive.
        count: how many works the server counted there, `MANY` if only that they are many; None if it did not count.
        now: the server's clock.
        room: works in memory at most.

    Attributes:
        filtered_here: whether the server ignores or refuses the range.
    """

    def __init__(self, low: int, high: int, *, count: int | None, now: int, room: int = ROOM) -> None:
        self.filtered_here = False
        self._now = now
        self._room = room
        self._target = max(1, int(room * _FILLED))
        self._spans = [_Span(low, high, count, tried=True)] if low <= high else []
        self._purpose: _Span | Literal["probe", "dates"] | None = None
        self._upper: _Span | None = None
        self._probe: int | None = None
        self._totals: list[int | None] = []
        self._dates_checked = low > UNDATED
        self._failures = 0
        self._unproved = False

    def next(self) -> Count | Read | None:
        """What to do next; None once everything was read."""
        if not self._spans:
            return None
        if self.filtered_here:
            self._spans = [_Span(self._spans[0].low, self._spans[-1].high, tried=True, crowded=self._spans[0].crowded)]
            return self._read(1)
        fitting, total = 0, 0
        for span in self._spans:
            if not span.tried:
                self._purpose = span
                return Count(span.low, span.high)
            if span.count is None or span.crowded:
                break
            if total + span.count > self._target:
                if 2 * total < self._target and (span.divisible or span.low <= UNDATED):
                    return self._divide(span)
                break
            fitting, total = fitting + 1, total + span.count
        return self._read(fitting)

    def counted(self, count: int | None) -> None:
        """The answer to a `Count`; `MANY` if it says only that there are many, None if the server did not count."""
        purpose, self._purpose = self._purpose, None
        if purpose == "probe":
            self._probe = count or 0
            self.filtered_here = self._probe > 0 and self._probe >= _FILLED * max(
                span.count or 0 for span in self._spans
            )
        elif purpose == "dates":
            self._totals.append(count)
        elif purpose is not None:
            upper, self._upper = self._upper, None
            if upper is not None and purpose.count is not None and count is not None and count < MANY:
                upper.count, upper.tried = max(0, purpose.count - count), True
            purpose.count, purpose.tried = count, True

    def overflowed(self, stamps: list[int]) -> None:
        """The window just read holds more works than there is room for; `stamps` are those seen, in ascending order."""
        span = self._spans[0]
        middle = max(stamps[len(stamps) // 2] // SECOND, span.low // SECOND + 1) * SECOND
        self._spans[:1] = [_Span(span.low, middle - 1, tried=True), _Span(middle, span.high, tried=True)]

    def unproved(self) -> bool:
        """It could not be proved that the window just read is complete; the answer is whether to read it otherwise."""
        if self.filtered_here or self._unproved:
            return False
        self._failures += 1
        self._unproved = True
        return True

    def done(self, bound: int, crowd: int) -> None:
        """All works up to `bound` were read; `crowd` works share the next stamp, where some were left out."""
        span = self._spans[0]
        if not self._unproved:
            self._failures = 0
        self._unproved = self._failures >= _MOST_FAILURES
        self._dates_checked = self._dates_checked or bound >= UNDATED
        if bound >= span.high:
            del self._spans[0]
        else:
            span.low, span.crowded = bound + 1, crowd > self._room
            span.tried = span.count is None or not span.divisible

    def _read(self, fitting: int) -> Read:
        """Read the first windows together, as many as fit."""
        span = self._spans[0]
        if fitting > 1:
            span.high = self._spans[fitting - 1].high
            del self._spans[1:fitting]
        crowded = span.crowded or (span.low <= UNDATED and not fitting)
        everything = self.filtered_here or self._unproved
        patient = everything or crowded or not span.divisible
        bounds = (None, None) if everything else asked(span.low, span.high)
        return Read(span.low, span.high, span.low if crowded else None, patient, bounds)

    def _divide(self, span: _Span) -> Count | Read | None:
        if self._probe is None:
            self._purpose = "probe"
            return Count(*_BEFORE_ALL)
        if not self._dates_checked:
            return self._check_dates(span)
        middle = self._middle(span.low, span.high)
        self._upper = _Span(middle, span.high)
        self._purpose = span
        span.high = middle - 1
        self._spans.insert(self._spans.index(span) + 1, self._upper)
        return Count(span.low, span.high)

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

    def _middle(self, low: int, high: int) -> int:
        """Where to halve a window: a whole second; a window without bounds first at the present, then in the past."""
        if low <= self._now and high - self._now > _LONGEST:
            return self._now // SECOND * SECOND + SECOND
        floor = max(low, min(high, self._now) - _LONGEST)
        middle = (floor + high + 1) // 2 // SECOND * SECOND
        return middle if low < middle else (low // SECOND + 1) * SECOND
