"""One call of `changes` as decisions: what to ask, what of the answers to yield, where a checkpoint stands."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

from .delivery import Chunk, Delivery
from .instants import EARLIEST, LATEST, UNDATED, UNREADABLE, outside
from .memory import MOST_REMEMBERED, Memory, Remembered, key_of
from .selection import Entry, Selection
from .windows import ROOM, Count, Read, Windows

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

__all__ = ["NoClockError", "Run", "Start"]

T = TypeVar("T")


class NoClockError(Exception):
    """The server's answers bear no `Date`."""


@dataclass(frozen=True, slots=True)
class Start:
    """Where a call begins; stamps are microseconds since 1970.

    Attributes:
        position: all works up to this stamp were yielded before.
        begin: no work with an earlier stamp is wanted.
        remembered: what was yielded lately.
    """

    position: int = UNDATED - 1
    begin: int = UNDATED
    remembered: Remembered = field(default_factory=Remembered)

    @classmethod
    def at(cls, stamp: int) -> Start:
        """All works modified at or after this stamp, and none before."""
        return cls(stamp - 1, stamp, Remembered(upto=stamp - 1, floor=stamp))

    @property
    def everything(self) -> bool:
        """Whether works without a timestamp are wanted, and those dated in the future."""
        return self.position < UNDATED


class Run(Generic[T]):
    """The state of a call. Do what `next` says, report the outcome, and take what is ready from `delivery`.

    Args:
        start: where it begins.
        overlap: microseconds to look back before the position of an earlier call.
        until: a bound of the user's, where it comes before the server's clock.
        room: works of a window in memory at most.
        most: works to remember at most.

    Attributes:
        until: the server's clock when the call began, or the user's bound; None before the first answer.
        ahead: whether the checkpoint is later than the server's clock, by more than is looked back.
        windows: how many were read.
        delivery: what is ready to be yielded.
    """

    def __init__(
        self,
        start: Start,
        *,
        overlap: int,
        until: int | None = None,
        room: int = ROOM,
        most: int = MOST_REMEMBERED,
    ) -> None:
        self.until: int | None = None
        self.ahead = False
        self.windows = 0
        self._start = start
        self._overlap = overlap
        self._limit = until
        self._room = room
        self._memory = Memory(start.remembered, most)
        self.delivery: Delivery[T] = Delivery(start.position, self._memory)
        self._plan: Windows | None = None
        self._read: Read | None = None
        self._shown = 0
        self._unreadable: set[bytes] = set()
        self._most_unreadable = most
        self._selection: Selection[T]

    @property
    def filtered_here(self) -> bool:
        """Whether the server ignores or refuses the range of `modified_date`, so that everything is read."""
        return self._plan is not None and self._plan.filtered_here

    # --- what to do ---

    def next(self) -> Count | Read | None:
        """What to do next; None once everything was read."""
        if self._plan is None:
            return Count(self._low(self._limit), LATEST if self._limit is None else self._limit)
        step = self._plan.next()
        if isinstance(step, Read):
            self._read = step
            self._selection = Selection(step.low, step.high, self._room)
            self._shown = 0
        return step

    def counted(self, count: int | None, date: int | None) -> None:
        """The answer to a `Count`, and the server's clock (in microseconds), rounded down.

        Raises:
            NoClockError: there is neither a clock nor a bound of the user's.
        """
        if self._plan is not None:
            self._plan.counted(count)
            return
        known = [stamp for stamp in (date, self._limit) if stamp is not None]
        if not known:
            raise NoClockError
        self.until = until = min(known)
        self.ahead = date is not None and not self._is_first and self._start.position - date > self._overlap
        low, asked_low = self._low(until), self._low(self._limit)
        high = LATEST if self._start.everything and self._limit is None else until
        now = until if date is None else date
        counted_to = LATEST if self._limit is None else self._limit
        self._plan = Windows(
            low, high, count=count if low == asked_low else None, now=now, room=self._room, counted_to=counted_to
        )
        if low > high:
            self.delivery.add(Chunk([], until))

    def refused(self) -> None:
        """The server refuses the range of `modified_date`."""
        assert self._plan is not None
        self._plan.filtered_here = True

    # --- what was read ---

    def feed(self, works: Iterable[tuple[datetime | None, int, str, T]]) -> bool:
        """Works of the window that is read: `modified_date`, the same as a stamp, the id, the work.

        Returns:
            Whether to go on. If not, the window is too full, and `next` says what to do instead.
        """
        read, selection, plan = self._read, self._selection, self._plan
        assert read is not None
        assert plan is not None
        assert self.until is not None
        (after, before), until = read.asked, self.until
        crowd: list[Entry[T]] = []
        unreadable: list[Entry[T]] = []
        for instant, stamp, identity, work in works:
            self._shown += instant is not None or stamp == UNREADABLE or read.asked == (None, None)
            if instant is not None and stamp <= until and (after or before) and outside(instant, after, before):
                plan.filtered_here = True  # later stamps may be of works that were changed while they were read
            if stamp == UNREADABLE:
                unreadable += self._unreadable_entry(identity, work)
            elif read.low <= stamp <= selection.bound + 1:
                key = key_of(identity, stamp)
                if self._memory.knows(key):
                    continue
                entry = Entry(stamp, identity, key, work)
                if stamp == read.crowd:
                    crowd.append(entry)
                else:
                    selection.add(entry)
        for entries in (unreadable, crowd):
            if entries:
                self.delivery.add(Chunk(entries, read.low - 1))
        if selection.overflowed and not read.patient:
            plan.overflowed(selection.stamps())
            self._read = None
            return False
        return True

    def _unreadable_entry(self, identity: str, work: T) -> list[Entry[T]]:
        """A work whose timestamp cannot be read, unless this call has it already.

        The server's filter may have let it through for a change that is wanted: it comes, rather than be lost. It is
        in no window of its own, so that it may be shown in several.
        """
        key = key_of(identity, UNDATED)
        if key in self._unreadable:
            return []
        if len(self._unreadable) < self._most_unreadable:
            self._unreadable.add(key)
        return [Entry(UNDATED, identity, key, work)]

    def finished(self) -> None:
        """The window was read, and it was proved that nothing is missing."""
        read, selection = self._read, self._selection
        assert read is not None
        assert self._plan is not None
        assert self.until is not None
        self.windows += 1
        self._memory.rereads = False
        self._plan.done(selection.bound, selection.crowd, self._shown)
        self.delivery.add(Chunk(selection.ordered(), min(selection.bound, self.until)))
        self._read = None

    # --- where a checkpoint stands ---

    def checkpoint(self) -> Start:
        """Where the next call goes on: what was yielded lately is remembered, as far as there is room."""
        position, start = self.delivery.position, self._start
        if self.until is not None:
            position = min(position, self.until)
        caught_up = self.delivery.reached >= start.position
        bound = max(UNDATED, position - self._overlap)
        remembered = self._memory.snapshot(position, bound, caught_up=caught_up)
        return Start(position, start.begin, remembered)

    def unproved(self) -> bool:
        """It could not be proved that nothing is missing from what was read; the answer is whether to try again."""
        read, self._read = self._read, None
        assert read is not None
        assert self._plan is not None
        if read.crowd is not None:
            self.delivery.drop(read.crowd)
        self._memory.rereads = True
        return self._plan.unproved(ranged=read.asked != (None, None))

    @property
    def _is_first(self) -> bool:
        """Whether nothing was yielded before: the user has given a time to begin at, or none."""
        return self._start.everything or self._start.position == self._start.begin - 1

    def _low(self, until: int | None) -> int:
        """Where to begin to read: before the position, but not before what the user wants."""
        start = self._start
        if self._is_first:
            return max(start.begin, start.position + 1)
        latest = start.position if until is None else min(start.position, until)
        return max(start.begin, latest - self._overlap, EARLIEST)
