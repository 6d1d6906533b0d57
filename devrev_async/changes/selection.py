"""The oldest changes of a window, so many that memory bounds them, whatever order they arrive in."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from operator import attrgetter
from typing import Final, Generic, TypeVar

__all__ = ["Entry", "Selection"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Entry(Generic[T]):
    """A work and where it stands.

    Attributes:
        stamp: its `modified_date`, in microseconds since 1970.
        identity: its id, or what stands for one.
        key: eight bytes that stand for its identity and stamp together.
        item: the work, in whatever form.
    """

    stamp: int
    identity: str
    key: bytes
    item: T


_by_change: Final = attrgetter("stamp", "identity")


class Selection(Generic[T]):
    """Keeps the entries with the least stamps from `low` to `high`, at most `room`, and no timestamp in part.

    Attributes:
        bound: of the entries that were added, all with stamps up to this one were kept.
        crowd: how many were added that share the stamp right above the bound, 0 where nothing was left out.
    """

    def __init__(self, low: int, high: int, room: int) -> None:
        self.bound = high
        self.crowd = 0
        self._low = low
        self._high = high
        self._room = room
        self._heap: list[tuple[int, int, Entry[T]]] = []
        self._added = 0

    @property
    def overflowed(self) -> bool:
        """Whether something was left out."""
        return self.bound < self._high

    def add(self, entry: Entry[T]) -> None:
        """Keep an entry if it is among the least; what lies outside of the window is left out."""
        stamp = entry.stamp
        if not self._low <= stamp <= self.bound:
            self.crowd += self.overflowed and stamp == self.bound + 1
            return
        self._added += 1
        heap = self._heap
        heapq.heappush(heap, (-stamp, self._added, entry))
        if len(heap) <= self._room:
            return
        greatest = heap[0][0]
        self.crowd, self.bound = 0, -greatest - 1
        while heap and heap[0][0] == greatest:
            heapq.heappop(heap)
            self.crowd += 1

    def stamps(self) -> list[int]:
        """The stamps of what is kept, in ascending order, and the first one of what was left out."""
        return [*sorted(-negative for negative, _, _ in self._heap), self.bound + 1]

    def ordered(self) -> list[Entry[T]]:
        """What is kept, oldest change first; works of one stamp in the order of their ids."""
        return sorted((entry for _, _, entry in self._heap), key=_by_change)
