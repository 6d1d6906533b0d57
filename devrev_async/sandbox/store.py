"""The works of one sandbox: by id, and in order of creation and of modification."""

import itertools
import threading
from bisect import bisect_left, bisect_right, insort
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any, cast

import msgspec

from . import times

Work = dict[str, Any]
_CACHE_BYTES = 64 * 1024 * 1024
_CACHE_ROWS = 100_000
_NO_HIDDEN_FIELDS: Mapping[str, Any] = {}
FOREVER = 1 << 62


class Row:
    """One work and what is asked of it often. The dict in `work` is replaced, never changed; None once deleted."""

    __slots__ = ("created", "encoded", "hidden_fields", "modified", "seq", "work")

    def __init__(self, seq: int, work: Work, hidden_fields: Mapping[str, Any]) -> None:
        self.seq = seq
        self.work: Work | None = work
        self.hidden_fields = hidden_fields
        self.created = timestamp(work.get("created_date"))
        self.modified = timestamp(work.get("modified_date"))
        self.encoded: bytes | None = None


class Store:
    """Every public method is safe to call from any thread: a fixture's tests and its server live in two."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self._refs: dict[str, Row] = {}
        self._external: dict[tuple[str, str], Row] = {}
        self._artifacts: dict[str, str] = {}
        self._by_created: list[Row] = []
        self._by_modified: list[Row] = []
        self._seq = itertools.count(1)
        self._numbers: dict[str, int] = {}
        self._cached: deque[Row] = deque()
        self._cached_bytes = 0

    def __len__(self) -> int:
        return len(self._by_created)

    def load(self, works: Iterable[tuple[Work, Mapping[str, Any]]]) -> None:
        """Adds many at once, each with its hidden_fields facts."""
        with self.lock:
            rows = [self._register(work, hidden_fields) for work, hidden_fields in works]
            self._by_created = sorted([*self._by_created, *rows], key=created_key)
            self._by_modified = sorted([*self._by_modified, *rows], key=modified_key)

    def add(self, work: Work, hidden_fields: Mapping[str, Any] = _NO_HIDDEN_FIELDS) -> Row:
        """Adds one; `hidden_fields` is what filters can ask and no answer shows: `vista`, `brand`, `is_staged`, ...

        Raises:
            ValueError: its id or display id is taken.
        """
        with self.lock:
            row = self._register(work, hidden_fields)
            insort(self._by_created, row, key=created_key)
            insort(self._by_modified, row, key=modified_key)
            return row

    def find(self, ref: str) -> Row | None:
        """By display id or DON."""
        return self._refs.get(ref)

    def find_external(self, work_type: str, external_ref: str) -> Row | None:
        return self._external.get((work_type, external_ref))

    def artifact_parent(self, artifact_id: str) -> str | None:
        """The id of the one work that the artifact was ever attached to."""
        return self._artifacts.get(artifact_id)

    def replace(self, row: Row, work: Work, hidden_fields: Mapping[str, Any]) -> None:
        """Puts `work` in the place of the row's; the ids and created_date stay."""
        with self.lock:
            del self._by_modified[bisect_left(self._by_modified, modified_key(row), key=modified_key)]
            self._forget_bytes(row)
            row.work, row.hidden_fields, row.modified = work, hidden_fields, timestamp(work.get("modified_date"))
            insort(self._by_modified, row, key=modified_key)
            self._attach_artifacts(work)

    def delete(self, row: Row) -> None:
        with self.lock:
            work = row.work
            if work is None:
                return
            self._forget_bytes(row)
            row.work = None
            del self._by_created[bisect_left(self._by_created, created_key(row), key=created_key)]
            del self._by_modified[bisect_left(self._by_modified, modified_key(row), key=modified_key)]
            for key in ("id", "display_id"):
                self._refs.pop(str(work.get(key)), None)
            self._external.pop((str(work.get("type")), str(work.get("external_ref"))), None)

    def next_number(self, work_type: str) -> int:
        """The number that the next work of this type will have."""
        with self.lock:
            self._numbers[work_type] = number = self._numbers.get(work_type, 0) + 1
            return number

    def created_between(self, low: int = -FOREVER, high: int = FOREVER) -> list[Row]:
        """Oldest first, both ends included; a snapshot."""
        with self.lock:
            return _between(self._by_created, low, high, _created)

    def modified_between(self, low: int = -FOREVER, high: int = FOREVER) -> list[Row]:
        """Longest untouched first, both ends included; a snapshot."""
        with self.lock:
            return _between(self._by_modified, low, high, _modified)

    def encode(self, row: Row) -> bytes | None:
        """The work as JSON, None if it was deleted meanwhile. The bytes of the last 64 MiB or so are kept."""
        work, encoded = row.work, row.encoded
        if work is None or encoded is not None:
            return encoded
        encoded = msgspec.json.encode(work)
        with self.lock:
            if row.work is work and row.encoded is None:
                row.encoded = encoded
                self._cached.append(row)
                self._cached_bytes += len(encoded)
            while self._cached_bytes > _CACHE_BYTES or len(self._cached) > _CACHE_ROWS:
                self._forget_bytes(self._cached.popleft())
        return encoded

    def _forget_bytes(self, row: Row) -> None:
        # A row changed since stays queued without bytes until its turn comes.
        if row.encoded is not None:
            self._cached_bytes -= len(row.encoded)
            row.encoded = None

    def _register(self, work: Work, hidden_fields: Mapping[str, Any]) -> Row:
        row = Row(next(self._seq), work, hidden_fields)
        refs = [work[key] for key in ("id", "display_id") if isinstance(work.get(key), str)]
        for ref in refs:
            if ref in self._refs:
                raise ValueError(f"the sandbox already has a work {ref!r}")
        self._refs |= dict.fromkeys(refs, row)
        work_type = str(work.get("type"))
        digits = str(work.get("display_id", "")).rpartition("-")[2]
        if digits.isdecimal():
            self._numbers[work_type] = max(self._numbers.get(work_type, 0), int(digits))
        if isinstance(work.get("external_ref"), str):
            self._external.setdefault((work_type, work["external_ref"]), row)
        self._attach_artifacts(work)
        return row

    def _attach_artifacts(self, work: Work) -> None:
        for artifact in _objects(work.get("artifacts")):
            self._artifacts.setdefault(str(artifact.get("id")), str(work.get("id")))


def _objects(value: object) -> list[dict[str, object]]:
    """The objects of an array; users' own works may hold anything instead."""
    items = cast("list[object]", value) if isinstance(value, list) else []
    return [cast("dict[str, object]", item) for item in items if isinstance(item, dict)]


def timestamp(value: object) -> int:
    """Where a timestamp stands in the order; what is no timestamp stands at 1970."""
    try:
        return times.parse_quickly(value) if isinstance(value, str) else 0
    except ValueError:
        return 0


def created_key(row: Row) -> tuple[int, int]:
    return row.created, row.seq


def modified_key(row: Row) -> tuple[int, int]:
    return row.modified, row.seq


def _created(row: Row) -> int:
    return row.created


def _modified(row: Row) -> int:
    return row.modified


def _between(rows: list[Row], low: int, high: int, key: Any) -> list[Row]:
    start = 0 if low <= -FOREVER else bisect_left(rows, low, key=key)
    stop = len(rows) if high >= FOREVER else bisect_right(rows, high, key=key)
    return rows[start:stop]
