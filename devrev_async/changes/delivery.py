"""Works on their way to the consumer, and how far a checkpoint may go after each of them."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from itertools import chain, islice
from typing import TYPE_CHECKING, Generic, TypeVar

from .instants import UNDATED

if TYPE_CHECKING:
    from .memory import Memory
    from .selection import Entry

__all__ = ["Chunk", "Delivery"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Chunk(Generic[T]):
    """Entries, oldest change first.

    Attributes:
        after: once they are yielded, all works up to this stamp were.
    """

    entries: list[Entry[T]]
    after: int


class Delivery(Generic[T]):
    """Gives out the works of chunks, and knows after each one up to which stamp all were yielded.

    Args:
        position: the stamp up to which all works were yielded before.
        memory: is shown what is yielded.

    Attributes:
        waiting: works that were not yielded yet.
        repeated: works that were yielded although an earlier call may have yielded them.
        undated: works that were yielded and have no timestamp.
        reached: the stamp up to which this call has yielded all that it read.
    """

    def __init__(self, position: int, memory: Memory) -> None:
        self.waiting = 0
        self.repeated = 0
        self.undated = 0
        self.reached = UNDATED - 1
        self._position = position
        self._memory = memory
        self._chunks: deque[tuple[deque[Entry[T]], int]] = deque()

    @property
    def position(self) -> int:
        """All works up to this stamp, itself included, were yielded; others may have been."""
        if not self._chunks:
            return self._position
        return max(self._position, self._chunks[0][0][0].stamp - 1)

    def add(self, chunk: Chunk[T]) -> None:
        """Queue the entries of a chunk; one without any moves the position on once its turn comes."""
        self._chunks.append((deque(chunk.entries), chunk.after))
        self.waiting += len(chunk.entries)
        self._advance()

    def drop(self, stamp: int) -> None:
        """Drop what waits with this stamp: it is read again."""
        for entries, _ in self._chunks:
            kept = [entry for entry in entries if entry.stamp != stamp]
            self.waiting -= len(entries) - len(kept)
            entries.clear()
            entries.extend(kept)
        self._advance()

    def peek(self, n: int) -> list[T]:
        """The next works, at most `n`; they do not count as yielded yet."""
        return [entry.item for entry in islice(chain.from_iterable(entries for entries, _ in self._chunks), n)]

    def take(self, n: int) -> list[T]:
        """The next works, at most `n`; they count as yielded."""
        taken: list[T] = []
        while self._chunks and len(taken) < n:
            entry = self._chunks[0][0].popleft()
            self.repeated += self._memory.yielded(entry.key, entry.stamp)
            self.undated += entry.stamp == UNDATED
            taken.append(entry.item)
            self._advance()
        self.waiting -= len(taken)
        return taken

    def _advance(self) -> None:
        while self._chunks and not self._chunks[0][0]:
            self.reached = self._chunks.popleft()[1]
            self._position = max(self._position, self.reached)
