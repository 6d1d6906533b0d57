"""Rows in order of creation and of modification."""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable
from typing import Any

from .row import UNDATED, Row

FOREVER = 1 << 62


class WorkIndex:
    """A set of rows, sorted by both dates. Its lists are snapshots."""

    def __init__(self) -> None:
        self._by_created: list[Row] = []
        self._by_modified: list[Row] = []

    def __len__(self) -> int:
        return len(self._by_created)

    def load(self, rows: Iterable[Row]) -> None:
        """Adds many rows at once."""
        added = list(rows)
        self._by_created += added
        self._by_modified += added
        self.sort()

    def add(self, row: Row) -> None:
        insort(self._by_created, row, key=_by_created)
        insort(self._by_modified, row, key=_by_modified)

    def remove(self, row: Row) -> None:
        """Removes a row, whose dates must be those that it had when it was added."""
        del self._by_created[bisect_left(self._by_created, _by_created(row), key=_by_created)]
        del self._by_modified[bisect_left(self._by_modified, _by_modified(row), key=_by_modified)]

    def sort(self) -> None:
        """Restores the order after dates of rows were changed in place."""
        self._by_created.sort(key=_by_created)
        self._by_modified.sort(key=_by_modified)

    def created_between(self, low: int = -FOREVER, high: int = FOREVER, *, undated: bool = False) -> list[Row]:
        """Returns the rows between two dates, both included, oldest first; if `undated`, those without a date first."""
        return _between(self._by_created, low, high, _created, undated=undated)

    def modified_between(self, low: int = -FOREVER, high: int = FOREVER, *, undated: bool = False) -> list[Row]:
        """Returns the rows between two dates of modification, as `created_between` does."""
        return _between(self._by_modified, low, high, _modified, undated=undated)


def _by_created(row: Row) -> tuple[int, int]:
    return row.created, row.seq


def _by_modified(row: Row) -> tuple[int, int]:
    return row.modified, row.seq


def _created(row: Row) -> int:
    return row.created


def _modified(row: Row) -> int:
    return row.modified


def _between(rows: list[Row], low: int, high: int, key: Any, *, undated: bool) -> list[Row]:
    start = 0 if low <= -FOREVER else bisect_left(rows, low, key=key)
    stop = len(rows) if high >= FOREVER else bisect_right(rows, high, key=key)
    if undated and start:
        return rows[: bisect_right(rows, UNDATED, 0, start, key=key)] + rows[start:stop]
    return rows[start:stop]
