"""Which work has an id, an external reference or an artifact, and which numbers are taken."""

from collections.abc import Iterable, Sequence

from . import ids
from .row import Row, Work, WorkMaker, objects


class DuplicateIdError(ValueError):
    """A work has an id or display id that another one has."""

    position = 0
    """How many works came before it, where many were added at once."""


class Registry:
    """Finds rows by what their works are called. Works that are made when they are asked for take no room in it."""

    def __init__(self) -> None:
        self._refs: dict[str, Row | None] = {}  # None: of a work of `_maker` that was deleted
        self._external: dict[tuple[str, str], Row] = {}
        self._artifacts: dict[str, str] = {}
        self._numbers: dict[str, int] = {}
        self._maker: WorkMaker | None = None
        self._made: Sequence[Row] = ()
        self._attachments_are_read = True

    def find(self, ref: str) -> Row | None:
        """Returns the row with that display id or DON, or None."""
        if self._maker is None or ref in self._refs:
            return self._refs.get(ref)
        number = self._maker.find(ref)
        return None if number is None else self._made[number]

    def find_external(self, work_type: str, external_ref: str) -> Row | None:
        self._read_attachments()
        return self._external.get((work_type, external_ref))

    def artifact_parent(self, artifact_id: str) -> str | None:
        """Returns the id of the one work that the artifact was ever attached to, or None."""
        self._read_attachments()
        return self._artifacts.get(artifact_id)

    def add(self, row: Row, work: Work) -> None:
        """Adds a row with a new work.

        Raises:
            DuplicateIdError: an id is taken.
        """
        refs = _refs(work)
        for ref in refs:
            if self.find(ref) is not None:
                raise DuplicateIdError(f"the sandbox already has a work {ref!r}")
        self._refs |= dict.fromkeys(refs, row)
        self.reserve_numbers([work])
        self._add_attachments(row, work)

    def add_made(self, maker: WorkMaker, rows: Sequence[Row]) -> None:
        """Adds the rows of all works of `maker`, before any other row."""
        self._maker, self._made, self._attachments_are_read = maker, rows, False
        self._numbers = maker.numbers()

    def replace(self, row: Row, work: Work) -> None:
        """Makes `row` the row of a work that has another one."""
        self._refs |= dict.fromkeys(_refs(work), row)

    def is_current(self, row: Row, work: Work) -> bool:
        """Whether `row` is the one that is found by the ids of its work, if it has any."""
        refs = _refs(work)
        return not refs or self.find(refs[0]) is row

    def remove(self, work: Work) -> None:
        for ref in _refs(work):
            if self._maker is not None and self._maker.find(ref) is not None:
                self._refs[ref] = None
            else:
                self._refs.pop(ref, None)
        if "external_ref" in work:
            self._read_attachments()
            self._external.pop((str(work.get("type")), str(work["external_ref"])), None)

    def attach_artifacts(self, work: Work) -> None:
        """Makes a work the parent of those of its artifacts that have none."""
        for artifact in objects(work.get("artifacts")):
            self._read_attachments()
            self._artifacts.setdefault(str(artifact.get("id")), str(work.get("id")))

    def next_number(self, work_type: str) -> int:
        """Returns a number for a new work of this type; none is returned twice."""
        self._numbers[work_type] = number = self._numbers.get(work_type, 0) + 1
        return number

    def reserve_numbers(self, works: Iterable[Work]) -> None:
        """Takes the numbers of works, so that `next_number` returns none of them."""
        for work in works:
            for ref in _refs(work):
                kind, number = ids.recognise(ref) or (None, "")
                if kind is not None and number.isdecimal():
                    self._numbers[kind.type] = max(self._numbers.get(kind.type, 0), int(number))

    def _add_attachments(self, row: Row, work: Work) -> None:
        if isinstance(work.get("external_ref"), str):
            self._read_attachments()
            self._external.setdefault((str(work.get("type")), work["external_ref"]), row)
        self.attach_artifacts(work)

    def _read_attachments(self) -> None:
        if self._attachments_are_read or self._maker is None:
            return
        self._attachments_are_read = True
        for number, work in self._maker.attachments():
            self._add_attachments(self._made[number], work)


def _refs(work: Work) -> list[str]:
    return [work[key] for key in ("id", "display_id") if isinstance(work.get(key), str)]
