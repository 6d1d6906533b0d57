"""The proof by list: passes over `works.list` until nothing can have slipped through its cursor.

Assumes that a work which is there throughout is in every pass in which no other one vanishes, and that two passes do
not lose it alike: one work vanishes in the first and is back in the second, in which another one vanishes in its place.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, Generic, TypeVar

from devrev_async.export.planner.errors import Unprovable
from devrev_async.export.planner.intervals import second_of
from devrev_async.export.planner.tuning import BARREN, TRIES

if TYPE_CHECKING:
    from collections.abc import Callable

    from devrev_async.export.planner.intervals import Key

T = TypeVar("T")


class Listing(Generic[T]):
    """The passes over one interval.

    A pass that needs one page only is proof. One that follows a cursor is not: where a work vanishes that it has
    shown, those behind may slip past it. So the next pass must show all of them again, and no others but those created
    since `now`; then nothing had vanished. Works outside the interval count as well, for they move the cursor too.
    Works are kept until then, at most twice `hold` of them, those with the lowest keys; more come with the next passes.

    Args:
        low, high: the interval in seconds.
        whole: to ask without a range of its own, as for what has no timestamp.
        hold: works to emit after one pass.
        now: microseconds since 1970.
    """

    def __init__(self, low: int, high: int, *, whole: bool, hold: int, now: int) -> None:
        self.low = low
        self.high = high
        self.whole = whole
        self.cursor: str | None = None
        self.held: list[tuple[Key, T]] = []
        self._hold = hold
        self._now = now
        self._mark: tuple[int, int] | None = None
        self._late: set[int] = set()
        self._tries = 0
        self._seen: set[int]
        self._cursors: set[int]
        self._count: int
        self._sum: int
        self._barren: int
        self._start()

    @property
    def crowded(self) -> bool:
        """Whether one pass is not enough to emit everything."""
        return self._more or len(self.held) > self._hold

    def feed(self, pairs: list[tuple[Key, T]], cursor: str | None, wants: Callable[[Key], bool]) -> bool:
        """Takes in a page; returns True once `chunk` can be emitted.

        Raises:
            Unprovable: the cursor goes in circles, or the works keep changing from pass to pass.
        """
        self._barren += 1
        for key, item in pairs:
            mark = _mark(key)
            if mark in self._seen:
                continue
            self._seen.add(mark)
            if key[0] < self._now:
                self._count += 1
                self._sum += mark
            else:
                self._late_now.add(mark)
            if self.low <= second_of(key) < self.high:
                self._barren = 0
                if wants(key):
                    self.held.append((key, item))
        if len(self.held) > 2 * self._hold:
            self._trim()
        if cursor:
            follow = hash(cursor)
            if follow in self._cursors or self._barren > BARREN:
                raise Unprovable("works.list returned the same cursor twice: it goes in circles")
            self._cursors.add(follow)
            self.cursor = cursor
            self._single = False
            return False
        return self._end()

    def chunk(self) -> tuple[list[tuple[Key, T]], Key | None]:
        """Returns the works to emit, in order, and the key up to which that is all; None: all of the interval."""
        self._trim()
        works, more = self.held, self._more
        self._start()
        return works, works[-1][0] if more else None

    def _end(self) -> bool:
        mark = (self._count, self._sum)
        proved = self._single or (mark == self._mark and self._late <= self._late_now)
        self._mark, self._late = mark, self._late_now
        if proved:
            self._tries = 0
            return True
        self._tries += 1
        if self._tries > TRIES:
            raise Unprovable("the works that works.list shows change from pass to pass")
        self._start()
        return False

    def _start(self) -> None:
        self.cursor = None
        self.held = []
        self._seen = set()
        self._cursors = set()
        self._late_now: set[int] = set()
        self._count = self._sum = self._barren = 0
        self._single = True
        self._more = False

    def _trim(self) -> None:
        self.held.sort(key=lambda pair: pair[0])
        if len(self.held) > self._hold:
            self._more = True
            del self.held[self._hold :]


def _mark(key: Key) -> int:
    # 60 bits: a set of them stays below 100 bytes a work, and two works share one with a chance of 1 in 10 to the 18
    return int.from_bytes(blake2b(f"{key[0]} {key[1]}".encode(), digest_size=8).digest(), "big") >> 4


def spread(pairs: list[tuple[Key, T]]) -> bool:
    """Returns whether works stand in more than one second, so that their interval can still be cut."""
    return len({second_of(key) for key, _ in pairs}) > 1
