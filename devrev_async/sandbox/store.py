"""The works of one sandbox, by id and in the order of their dates."""

import heapq
import itertools
import threading
from collections import deque
from collections.abc import Collection, Iterable, Mapping
from datetime import timedelta
from typing import Any, cast

from . import ids, times, wire
from .clock import Clock
from .index import WorkIndex
from .row import Row, Work, objects

_CACHE_BYTES = 64 * 1024 * 1024
_CACHE_ROWS = 100_000
_NO_HIDDEN_FIELDS: Mapping[str, Any] = {}
_MANY = 100  # above it, sorting the index anew costs less than moving rows one by one


class DuplicateIdError(ValueError):
    """A work has an id or display id that another one has."""

    position = 0
    """How many works came before it, where many were added at once."""


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
        self._refs: dict[str, Row] = {}
        self._external: dict[tuple[str, str], Row] = {}
        self._artifacts: dict[str, str] = {}
        self._seq = itertools.count(1)
        self._numbers: dict[str, int] = {}
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
        return self._refs.get(ref)

    def find_external(self, work_type: str, external_ref: str) -> Row | None:
        return self._external.get((work_type, external_ref))

    def artifact_parent(self, artifact_id: str) -> str | None:
        """Returns the id of the one work that the artifact was ever attached to, or None."""
        return self._artifacts.get(artifact_id)

    def replace(self, row: Row, work: Work, hidden_fields: Mapping[str, Any]) -> Row:
        """Replaces the work of a row, whose ids stay. Returns the row that has the new one."""
        return self.replace_many([(row, work, hidden_fields)])[0]

    def replace_many(self, changes: Collection[tuple[Row, Work, Mapping[str, Any]]]) -> list[Row]:
        """Replaces many works at once, in about linear time."""
        with self.lock:
            for _, work, _ in changes:
                self._attach_artifacts(work)
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
            if work is None or not self._is_current(row, work):
                return
            self._rows.remove(row)
            for key in ("id", "display_id"):
                self._refs.pop(str(work.get(key)), None)
            self._external.pop((str(work.get("type")), str(work.get("external_ref"))), None)
            if self._delay:
                self._show(row, None)
            else:
                self._cache.forget(row)
                row.work = None

    def next_number(self, work_type: str) -> int:
        """Returns a number for a new work of this type; none is returned twice."""
        with self.lock:
            self._numbers[work_type] = number = self._numbers.get(work_type, 0) + 1
            return number

    def reserve_numbers(self, works: Iterable[Work]) -> None:
        """Takes the numbers of works that are to be added, so that `next_number` returns none of them."""
        with self.lock:
            for work in works:
                self._note_number(work)

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
        """Returns the JSON of a work as answers show it; None if it was deleted. The last 64 MiB or so are cached."""
        work, encoded = row.work, row.encoded
        if work is None or encoded is not None:
            return encoded
        encoded = wire.encode(wire.with_whole_seconds(work) if self._trims else work)
        with self.lock:
            if row.work is work and row.encoded is None:
                self._cache.add(row, encoded)
        return encoded

    def _replace_later(self, row: Row, work: Work, hidden_fields: Mapping[str, Any]) -> Row:
        # Each version has a row of its own: searches find the old one until the new one is due.
        changed = Row(row.seq, work, hidden_fields)
        self._rows.remove(row)
        self._rows.add(changed)
        self._refs |= dict.fromkeys(_refs(work), changed)
        self._show(row, changed)
        return changed

    def _show(self, old: Row | None, new: Row | None) -> None:
        if self._delay:
            now = self._clock.micros()
            date = min(new.modified, now) if new is not None else now
            self._changes.add(date + self._delay, old, new)

    def _is_current(self, row: Row, work: Work) -> bool:
        refs = _refs(work)
        return not refs or self._refs.get(refs[0]) is row

    def _register(self, work: Work, hidden_fields: Mapping[str, Any]) -> Row:
        row = Row(next(self._seq), work, hidden_fields)
        refs = _refs(work)
        for ref in refs:
            if ref in self._refs:
                raise DuplicateIdError(f"the sandbox already has a work {ref!r}")
        self._refs |= dict.fromkeys(refs, row)
        self._note_number(work)
        work_type = str(work.get("type"))
        if isinstance(work.get("external_ref"), str):
            self._external.setdefault((work_type, work["external_ref"]), row)
        self._attach_artifacts(work)
        return row

    def _note_number(self, work: Work) -> None:
        for ref in _refs(work):
            kind, number = ids.recognise(ref) or (None, "")
            if kind is not None and number.isdecimal():
                self._numbers[kind.type] = max(self._numbers.get(kind.type, 0), int(number))

    def _attach_artifacts(self, work: Work) -> None:
        for artifact in objects(work.get("artifacts")):
            self._artifacts.setdefault(str(artifact.get("id")), str(work.get("id")))


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


def _refs(work: Work) -> list[str]:
    return [work[key] for key in ("id", "display_id") if isinstance(work.get(key), str)]
