"""Direct access to the works of a sandbox, past its API."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from . import defaults, garbage, times, wire
from .arguments import check_names
from .clock import Clock
from .organisation import Organisation
from .row import Row, Work
from .store import Store


class WorksControl:
    """Reads and changes the store of a sandbox, without requests, checks and quirks except `visible_after`.

    Every method is safe to call from any thread.
    """

    def __init__(self, organisation: Organisation, store: Store, clock: Clock) -> None:
        self._organisation = organisation
        self._store = store
        self._clock = clock

    def add(
        self, work: Mapping[str, Any], *, complete: bool = True, hidden_fields: Mapping[str, Any] | None = None
    ) -> str:
        """Adds a work in its wire form and returns its id.

        Whatever you give stays as it is, right or wrong, so that odd answers can be played: nulls, values of a wrong
        type, half surrogate pairs, dates in the future.

        Args:
            work: As the API would answer it; copied. Timestamps may be datetimes.
            complete: Add what is missing and an answer cannot be without: ids, type, dates, owner, part, stage, title.
                False adds nothing, for works without dates or ids.
            hidden_fields: What filters know and no answer shows: lists under "vista", "accounts", "rev_orgs" and
                "brand", a str under "group" (of issues), a bool under "is_staged".

        Returns:
            The id, or "" of a work without one, which only lists and exports can show.

        Raises:
            ValueError: the id is taken, or a datetime is naive.
            TypeError: not a mapping, or a value that JSON has no form for.
        """
        copied = wire.copy(work)
        with self._store.lock:
            self._organisation.remember(copied)
            finished = self._completed(copied) if complete else copied
            self._store.add(finished, dict(hidden_fields or {}))
        return str(finished.get("id", ""))

    def get(self, id: str) -> dict[str, Any]:
        """Returns a copy of the work with that display id or DON, in its wire form and with its exact dates.

        Raises:
            KeyError: there is none.
        """
        return wire.copy(self._work(self._row(id)))

    def update(
        self, id: str, changes: Mapping[str, Any] | None = None, *, drop: Sequence[str] = (), touch: bool = True
    ) -> None:
        """Replaces fields of a work's wire form, without any check. Its ids stay.

        Args:
            id: A display id or DON.
            changes: The new values. Timestamps may be datetimes; None is null.
            drop: Fields to remove.
            touch: Set modified_date to the time of `clock`, unless `changes` or `drop` name it. False leaves it, as
                changes by the system may.

        Raises:
            KeyError: there is no such work.
            ValueError: `changes` or `drop` name an id, or a datetime is naive.
            TypeError: a value that JSON has no form for.
        """
        self.update_many([id], changes, drop=drop, touch=touch)

    def update_many(
        self,
        ids: Iterable[str] | None,
        changes: Mapping[str, Any] | None = None,
        *,
        drop: Sequence[str] = (),
        touch: bool = True,
    ) -> None:
        """Updates many works (None: all) with one modified_date, as a bulk edit does; otherwise like `update`."""
        check_names("drop", drop)
        if isinstance(ids, str):
            raise TypeError(f"ids takes a list of ids, not {ids!r}")
        new = wire.copy({} if changes is None else changes)
        if {"id", "display_id"} & {*new, *drop}:
            raise ValueError("the ids of a work cannot be changed")
        if touch and "modified_date" not in drop:
            new.setdefault("modified_date", times.render(self._clock.micros() // times.MILLISECOND * times.MILLISECOND))
        with self._store.lock, garbage.suspended():
            rows = self._store.rows() if ids is None else [self._row(id) for id in ids]
            self._store.replace_many(
                [(row, _changed(self._work(row), new, drop), row.hidden_fields) for row in dict.fromkeys(rows)]
            )

    def delete(self, id: str) -> None:
        """Deletes a work.

        Raises:
            KeyError: there is none.
        """
        with self._store.lock:
            self._store.delete(self._row(id))

    def ids(self) -> list[str]:
        """Returns the ids of all works that have one, oldest first."""
        ids = [row.value("id") for row in self._store.rows()]
        return [str(id) for id in ids if id is not None]

    def __len__(self) -> int:
        return len(self._store)

    def _load_own(self, works: list[Work]) -> None:
        self._store.reserve_numbers(works)  # of those with an id, before the others are given one
        for work in works:
            self._organisation.remember(work)
        self._store.load((self._completed(work), {}) for work in works)

    def _completed(self, work: Work) -> Work:
        return defaults.complete(work, self._organisation, self._store, self._clock)

    def _row(self, ref: str) -> Row:
        row = self._store.find(ref)
        if row is None:
            raise KeyError(ref)
        return row

    def _work(self, row: Row) -> Work:
        work = row.work
        if work is None:  # another thread has just deleted it
            raise KeyError(row.seq)
        return work


def _changed(work: Work, changes: Mapping[str, Any], drop: Sequence[str]) -> Work:
    changed = {**work, **changes}
    for key in drop:
        changed.pop(key, None)
    return changed
