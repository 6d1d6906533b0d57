"""The values of each field of many Structs at once, and which of them are one object. Pure, and free of pyarrow.

Most fields of most works are absent. A field that no object has is None, not a column of nulls, and is not converted.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import repeat
from operator import attrgetter
from typing import Any, Final, NamedTuple, TypeAlias

__all__ = ["Distinct", "Values", "columns_of", "distinct", "values_of"]

Values: TypeAlias = Sequence[Any] | None
"""The values of one field, one for each object; None where no object has any."""

_NONE: Final = id(None)


def columns_of(objects: Sequence[Any], names: Sequence[str]) -> list[Values]:
    """The values of each of these fields; of an object whose class lacks a field it is None."""
    kinds = set(map(type, objects))
    columns: list[Values] = []
    for name in names:
        having = sum(hasattr(kind, name) for kind in kinds)
        if having in (0, len(kinds)):
            columns.append(values_of(objects, name) if having else None)
        else:
            column = list(map(getattr, objects, repeat(name), repeat(None)))
            columns.append(None if _is_empty(column) else column)
    return columns


def values_of(objects: Sequence[Any], name: str) -> Values:
    """The values of a field that all of the objects have."""
    column = list(map(attrgetter(name), objects))
    return None if _is_empty(column) else column


def _is_empty(column: Sequence[Any]) -> bool:
    return not column or (column[0] is None and column[-1] is None and column.count(None) == len(column))


class Distinct(NamedTuple):
    """The distinct objects among values.

    Attributes:
        objects: each once, in the order of their first places; None is none of them.
        places: for each value, which object it is, None for None; None in all if the values are the objects.
    """

    objects: Sequence[Any]
    places: list[int | None] | None

    def spread(self, marked: Collection[int]) -> Collection[int]:
        """The positions of the values which are one of the marked objects."""
        if self.places is None or not marked:
            return marked
        return [at for at, place in enumerate(self.places) if place in marked]


def distinct(values: Sequence[Any]) -> Distinct:
    """Tells values apart by their identity."""
    identities = list(map(id, values))
    objects = dict(zip(identities, values, strict=True))
    if objects.pop(_NONE, None) is None and len(objects) == len(values):
        return Distinct(values, None)
    places: dict[int, int | None] = dict(zip(objects, range(len(objects)), strict=True))
    places[_NONE] = None
    return Distinct(list(objects.values()), list(map(places.__getitem__, identities)))
