"""The works of one sandbox, by id and in the order of their dates."""

import heapq
import itertools
import threading
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, cast

from . import times, wire
from .clock import Clock
from .index import WorkIndex
from .registry import DuplicateIdError, Registry
from .row import Row, Work, WorkMaker

_CACHE_BYTES = 64 * 1024 * 1024
_CACHE_ROWS = 100_000
_NO_HIDDEN_FIELDS: Mapping[str, Any] = {}
_MANY = 100  # above it, sorting the index anew costs less than moving rows one by one


class Store:
    """Keeps works. Every public method is safe to call from any thread: a test and its fixture's server run in two.

    Args:
        clock: The sandbox's.
        delay: How long after its date a write becomes visible to searches.
        trims: Whether dates are shown in whole seconds.
    """

    def __init__(self, clock: Clock, *, delay: timedelta = timedelta(), trims: bool = False) -> None:
        self.lock = threading.RLock()
        self._clock = clock
        self._delay = times.micros_of(delay)
        self._trims = trims
        self._rows = WorkIndex()
        self._searched = WorkIndex() if self._delay else self._rows
        self._changes = PendingChanges(self._searched)
        self._registry = Registry()
        self._seq = itertools.count(1)
        self._cache = EncodedCache()

    def __len__(self) -> int:
        return len(self._rows)

    def load(self, works: Iterable[tuple[Work, Mapping[str, Any]]]) -> None:
        """Adds many works, each with its hidden fields. Searches find them at once, whatever the delay.

        Raises:
            DuplicateIdError: an id or display id is taken.
        """
        with self.lock:
            rows: list[Row] = []
            for work, hidden_fields in works:
                try:
                    rows.append(self._register(work, hidden_fields))
                except DuplicateIdError as error:
                    error.position = len(rows)
                    raise
            self._add_all(rows)

    def load_made(self, maker: WorkMaker, hidden_fields: Callable[[int], Mapping[str, Any]]) -> None:
        """Adds the works of `maker`, each made when it is asked for, to an empty store; otherwise like `load`.

        Args:
            maker: Has no two works with one id.
            hidden_fields: Returns those of a work by its number.
        """
        with self.lock:
            rows = [Row(next(self._seq), maker, hidden_fields(number)) for number in range(len(maker))]
            self._registry.add_made(maker, rows)
            self._add_all(rows)

    def _add_all(self, rows: Sequence[Row]) -> None:
        self._rows.load(rows)
        if self._searched is not self._rows:
            self._searched.load(rows)

    def add(self, work: Work, hidden_fields: Mapping[str, Any] = _NO_HIDDEN_FIELDS) -> Row:
        """Adds a work; `hidden_fields` are those that filters know and no answer shows: `vista`, `brand`, ...

        Raises:
            DuplicateIdError: its id or display id is taken.
        """
        with self.lock:
            row = self._register(work, hidden_fields)
            self._rows.add(row)
            self._show(None, row)
            return row

    def find(self, ref: str) -> Row | None:
        """Returns the work with that display id or DON, or None."""
        return self._registry.find(ref)

    def find_external(self, work_type: str, external_ref: str) -> Row | None:
        with self.lock:
            return self._registry.find_external(work_type, external_ref)

    def artifact_parent(self, artifact_id: str) -> str | None:
        """Returns the id of the one work that the artifact was ever attached to, or None."""
        with self.lock:
            return self._registry.artifact_parent(artifact_id)

    def replace(self, row: Row, work: Work, hidden_fields: Mapping[str, Any]) -> Row:
        """Replaces the work of a row, whose ids stay. Returns the row that has the new one."""
        return self.replace_many([(row, work, hidden_fields)])[0]

    def replace_many(self, changes: Collection[tuple[Row, Work, Mapping[str, Any]]]) -> list[Row]:
        """Replaces many works at once, in about linear time."""
        with self.lock:
            for _, work, _ in changes:
                self._registry.attach_artifacts(work)
            if self._delay:
                return [self._replace_later(*change) for change in changes]
            many = len(changes) > _MANY
            for row, work, hidden_fields in changes:
                if not many:
                    self._rows.remove(row)
                self._cache.forget(row)
                row.set(work, hidden_fields)
                if not many:
                    self._rows.add(row)
            if many:
                self._rows.sort()
            return [row for row, _, _ in changes]

    def delete(self, row: Row) -> None:
        with self.lock:
            work = row.work
            if work is None or not self._registry.is_current(row, work):
                return
            self._rows.remove(row)
            self._registry.remove(work)
            if self._delay:
                self._show(row, None)
            else:
                self._cache.forget(row)
                row.source = None

    def next_number(self, work_type: str) -> int:
        """Returns a number for a new work of this type; none is returned twice."""
        with self.lock:
            return self._registry.next_number(work_type)

    def reserve_numbers(self, works: Iterable[Work]) -> None:
        """Takes the numbers of works that are to be added, so that `next_number` returns none of them."""
        with self.lock:
            self._registry.reserve_numbers(works)

    def rows(self) -> list[Row]:
        """Returns all works as they are now, oldest first."""
        with self.lock:
            return self._rows.created_between()

    def created_between(self, low: int, high: int, *, undated: bool = False) -> list[Row]:
        """Returns what searches find by date of creation, as `WorkIndex.created_between` does."""
        with self.lock:
            self._changes.apply(self._clock.micros())
            return self._searched.created_between(low, high, undated=undated)

    def modified_between(self, low: int, high: int, *, undated: bool = False) -> list[Row]:
        """Returns what searches find by date of modification, as `WorkIndex.modified_between` does."""
        with self.lock:
            self._changes.apply(self._clock.micros())
            return self._searched.modified_between(low, high, undated=undated)

    def encode(self, row: Row) -> bytes | None:
        """Returns the JSON of a work as answers show it; None if it was deleted.

        The last 64 MiB or so are cached, unless works are made when they are asked for.
        """
        source, encoded = row.source, row.encoded
        if source is None or encoded is not None:
            return encoded
        work = row.work
        if work is None:  # another thread has just deleted it
            return None
        encoded = wire.encode(wire.with_whole_seconds(work) if self._trims else work)
        if isinstance(source, dict):
            with self.lock:
                if row.source is source and row.encoded is None:
                    self._cache.add(row, encoded)
        return encoded

    def _replace_later(self, row: Row, work: Work, hidden_fields: Mapping[str, Any]) -> Row:
        # Each version has a row of its own: searches find the old one until the new one is due.
        changed = Row(row.seq, work, hidden_fields)
        self._rows.remove(row)
        self._rows.add(changed)
        self._registry.replace(changed, work)
        self._show(row, changed)
        return changed

    def _show(self, old: Row | None, new: Row | None) -> None:
        if self._delay:
            now = self._clock.micros()
            date = min(new.modified, now) if new is not None else now
            self._changes.add(date + self._delay, old, new)

    def _register(self, work: Work, hidden_fields: Mapping[str, Any]) -> Row:
        row = Row(next(self._seq), work, hidden_fields)
        self._registry.add(row, work)
        return row


class PendingChanges:
    """Changes of an index that take effect later."""

    def __init__(self, index: WorkIndex) -> None:
        self._index = index
        self._heap: list[tuple[int, int, Row | None, Row | None]] = []
        self._numbers = itertools.count()
        self._last_due: dict[int, int] = {}

    def add(self, due: int, old: Row | None, new: Row | None) -> None:
        """Schedules the replacement of `old` by `new`; None stands for no row."""
        seq = (new or cast("Row", old)).seq
        due = max(due, self._last_due.get(seq, due))  # changes of one work take effect in their own order
        self._last_due[seq] = due
        heapq.heappush(self._heap, (due, next(self._numbers), old, new))

    def apply(self, now: int) -> None:
        """Makes the changes that are due."""
        while self._heap and self._heap[0][0] <= now:
            due, _, old, new = heapq.heappop(self._heap)
            if old is not None:
                self._index.remove(old)
            if new is not None:
                self._index.add(new)
            seq = (new or cast("Row", old)).seq
            if self._last_due.get(seq) == due:
                del self._last_due[seq]


class EncodedCache:
    """Bounds the memory of encoded works that rows keep; the oldest are dropped first."""

    def __init__(self) -> None:
        self._rows: deque[Row] = deque()
        self._bytes = 0

    def add(self, row: Row, encoded: bytes) -> None:
        row.encoded = encoded
        self._rows.append(row)
        self._bytes += len(encoded)
        while self._bytes > _CACHE_BYTES or len(self._rows) > _CACHE_ROWS:
            self.forget(self._rows.popleft())

    def forget(self, row: Row) -> None:
        # The row stays in the queue, without its bytes, until its turn comes.
        if row.encoded is not None:
            self._bytes -= len(row.encoded)
            row.encoded = None
