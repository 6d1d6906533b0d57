"""One work as the store keeps it."""

from collections.abc import Iterator, Mapping
from typing import Any, Protocol, cast

from . import times

Work = dict[str, Any]
UNDATED = -(1 << 61)  # the place of a work without a date: before every date


class WorkMaker(Protocol):
    """Works that are made when they are asked for, each by its number from 0 on."""

    def __len__(self) -> int: ...

    def work(self, number: int) -> Work:
        """Returns a work. What is made of one number is always equal."""
        ...

    def value(self, number: int, key: str) -> Any:
        """Returns one field of a work, or None; much faster than the whole."""
        ...

    def dates(self, number: int) -> tuple[int, int]:
        """Returns when a work was created and modified, in microseconds since 1970."""
        ...

    def find(self, ref: str) -> int | None:
        """Returns the number of the work with that display id or DON, or None."""
        ...

    def numbers(self) -> dict[str, int]:
        """Returns the highest number in the ids of each type of works."""
        ...

    def attachments(self) -> Iterator[tuple[int, Work]]:
        """Yields each work that has an external reference or artifacts, after its number."""
        ...


class Row:
    """A work, and what searches need of it.

    Attributes:
        source: The work itself, or what makes work ``seq - 1``; None once it is deleted. A change replaces it.
        created, modified: In microseconds since 1970, or UNDATED.
    """

    __slots__ = ("created", "encoded", "hidden_fields", "modified", "seq", "source")

    def __init__(self, seq: int, work: Work | WorkMaker, hidden_fields: Mapping[str, Any]) -> None:
        self.seq = seq
        self.encoded: bytes | None = None
        self.hidden_fields = hidden_fields
        self.source: Work | WorkMaker | None = work
        if isinstance(work, dict):
            self.set(work, hidden_fields)
        else:
            self.created, self.modified = work.dates(seq - 1)

    @property
    def work(self) -> Work | None:
        """The work, which is never modified; None once it is deleted."""
        source = self.source
        return source if source is None or isinstance(source, dict) else source.work(self.seq - 1)

    def value(self, key: str) -> Any:
        """Returns one field of the work, or None; faster than `work` where that is yet to be made."""
        source = self.source
        if isinstance(source, dict):
            return source.get(key)
        return None if source is None else source.value(self.seq - 1, key)

    def set(self, work: Work, hidden_fields: Mapping[str, Any]) -> None:
        """Replaces the work."""
        self.source = work
        self.hidden_fields = hidden_fields
        self.created = timestamp(work.get("created_date"))
        self.modified = timestamp(work.get("modified_date"))


def objects(value: object) -> list[dict[str, Any]]:
    """Returns the objects of an array, or the value itself if it is one; users' own works may have anything else."""
    items = cast("list[object]", value) if isinstance(value, list) else [value]
    return [cast("dict[str, Any]", item) for item in items if isinstance(item, dict)]


def timestamp(value: object) -> int:
    """Returns a date in microseconds since 1970, or UNDATED for what is no timestamp."""
    try:
        return times.parse_quickly(value) if isinstance(value, str) else UNDATED
    except ValueError:
        return UNDATED
