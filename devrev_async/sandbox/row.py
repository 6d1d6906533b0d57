"""One work as the store keeps it."""

from collections.abc import Mapping
from typing import Any, cast

from . import times

Work = dict[str, Any]
UNDATED = -(1 << 61)  # the place of a work without a date: before every date


class Row:
    """A work, and what searches need of it. The dict in `work` is replaced and never modified; None once deleted."""

    __slots__ = ("created", "encoded", "hidden_fields", "modified", "seq", "work")

    def __init__(self, seq: int, work: Work, hidden_fields: Mapping[str, Any]) -> None:
        self.seq = seq
        self.encoded: bytes | None = None
        self.set(work, hidden_fields)

    def set(self, work: Work, hidden_fields: Mapping[str, Any]) -> None:
        """Replaces the work."""
        self.work: Work | None = work
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
