"""The clock of a sandbox, which tests can set."""

import threading
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

from . import times


class Clock:
    """A clock that follows the system clock until it is set, advanced or frozen.

    The dates that a sandbox writes, its `Date` header, its quota and its filters by relative dates follow it, so that
    tests of what changes over time need not sleep. Every method is safe to call from any thread.
    """

    def __init__(self, offset: timedelta = timedelta()) -> None:
        self._lock = threading.Lock()
        self._offset = times.micros_of(offset)
        self._frozen_at: int | None = None

    @property
    def frozen(self) -> bool:
        """Whether the clock stands still."""
        return self._frozen_at is not None

    def now(self) -> datetime:
        """Returns the time, in UTC."""
        return times.date_of(self.micros())

    def set(self, at: datetime) -> None:
        """Sets the clock. It runs from there, unless it is frozen.

        Raises:
            ValueError: `at` is naive.
        """
        self._set(_micros(at))

    def advance(self, by: timedelta | float) -> datetime:
        """Moves the clock forward, by a number of seconds or a timedelta (negative: back). Returns the new time."""
        micros = times.micros_of(by if isinstance(by, timedelta) else timedelta(seconds=by))
        with self._lock:
            if self._frozen_at is None:
                self._offset += micros
            else:
                self._frozen_at += micros
        return self.now()

    def freeze(self, at: datetime | None = None) -> datetime:
        """Stops the clock at `at` (None: at its present time), and returns that time.

        Until it runs again, writes bear exactly its time, in whole milliseconds.

        Raises:
            ValueError: `at` is naive.
        """
        micros = self.micros() if at is None else _micros(at)
        with self._lock:
            self._frozen_at = micros
        return self.now()

    def resume(self) -> None:
        """Lets a frozen clock run again, from its present time."""
        frozen_at = self._frozen_at
        if frozen_at is not None:
            self._frozen_at = None
            self._set(frozen_at)

    def micros(self) -> int:
        """Returns the time in microseconds since 1970."""
        frozen_at = self._frozen_at
        return frozen_at if frozen_at is not None else _machine() + self._offset

    def seconds(self) -> float:
        """Returns the time in seconds since 1970."""
        return self.micros() / 1_000_000

    def _set(self, micros: int) -> None:
        with self._lock:
            if self._frozen_at is not None:
                self._frozen_at = micros
            else:
                self._offset = micros - _machine()


class DateHeader:
    """Makes the `Date` header of answers."""

    def __init__(self, clock: Clock, *, offset: timedelta, frozen: bool) -> None:
        self._clock = clock
        self._offset = times.micros_of(offset)
        self._frozen = frozen
        self._second: int | None = None
        self._text = ""

    def value(self) -> str:
        """Returns the HTTP date of the current second."""
        if self._frozen and self._second is not None:
            return self._text
        second = (self._clock.micros() + self._offset) // 1_000_000
        if second != self._second:
            self._second = second
            self._text = format_datetime(datetime.fromtimestamp(second, UTC), usegmt=True)
        return self._text


def _machine() -> int:
    return time.time_ns() // 1_000


def _micros(at: datetime) -> int:
    if not isinstance(at, datetime):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"a sandbox's clock takes a datetime, not {at!r}")
    if at.tzinfo is None:
        raise ValueError("a sandbox's clock needs a datetime with a time zone")
    return times.micros_of(at - times.EPOCH)
