"""The columns of works, found by inspecting the Structs. Pure, and free of pyarrow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Final

from msgspec import inspect

from devrev_async.errors import InvalidArgumentError, did_you_mean, shown
from devrev_async.models import Issue, Opportunity, Task, Ticket

__all__ = ["RAW", "Field", "Kind", "column_names", "fields_of_works"]

RAW: Final = "raw"
"""The last column: a work's JSON where the other columns cannot say all of it."""

_WORK_TYPES: Final = (Issue, Ticket, Task, Opportunity)
_LEADING: Final = ("id", "type", "display_id", "title", "created_date", "modified_date", "state")
_NOT_ON_THE_WIRE: Final = frozenset({"invalid", RAW})


class Kind(Enum):
    """What the values of a field are."""

    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    FLAG = "flag"
    TIME = "time"
    JSON = "json"
    OBJECT = "object"


@dataclass(frozen=True, slots=True)
class Field:
    """A field of works or of an object in them.

    Attributes:
        name: as on the wire, and as the attribute.
        kind: of the value; where `repeated`, of each item of a list.
        members: the fields of an object; empty for other kinds.
        repeated: whether the value is a list.
    """

    name: str
    kind: Kind
    members: tuple[Field, ...] = ()
    repeated: bool = False

    def restricted_to(self, kinds: frozenset[Kind]) -> Field | None:
        """The field with the members of these kinds only, at any depth; None where none is left."""
        if self.kind is not Kind.OBJECT:
            return self if self.kind in kinds else None
        left = [kept for member in self.members if (kept := member.restricted_to(kinds)) is not None]
        return Field(self.name, self.kind, tuple(left), self.repeated) if left else None


@lru_cache(maxsize=16)
def fields_of_works(depth: int | None) -> tuple[Field, ...]:
    """The fields of all work types together, without `RAW`: the most used first, the others by the alphabet.

    Args:
        depth: levels of objects that are `Kind.OBJECT`; objects below them are `Kind.JSON`. None: all levels.

    Raises:
        TypeError: two work types disagree on a field.
    """
    found = {"type": Field("type", Kind.TEXT)}
    for work_type in _WORK_TYPES:
        for field in _members(inspect.type_info(work_type), depth):
            if found.setdefault(field.name, field) != field:
                raise TypeError(f"{field.name} of {work_type.__name__} has another type elsewhere")
    rest = sorted(found.keys() - set(_LEADING) - _NOT_ON_THE_WIRE)
    return tuple(found[name] for name in (*_LEADING, *rest))


def column_names(columns: Sequence[str] | None, depth: int | None) -> tuple[str, ...]:
    """The names of the columns that a caller asked for, checked without pyarrow; with None, all of them, `RAW` last.

    Raises:
        InvalidArgumentError, TypeError: as `works_schema` says.
    """
    if depth is not None and (isinstance(depth, bool) or not isinstance(depth, int) or depth < 1):
        raise InvalidArgumentError(f"depth takes an int of at least 1, or None for the whole depth, not {shown(depth)}")
    names = (*(field.name for field in fields_of_works(1)), RAW)
    return names if columns is None else _checked(columns, names)


def _checked(columns: Sequence[str], known: Sequence[str]) -> tuple[str, ...]:
    if isinstance(columns, str | bytes) or not isinstance(columns, Sequence):
        raise TypeError(f"columns takes a sequence of names, not {type(columns).__name__}")
    names: list[str] = []
    for name in columns:
        if not isinstance(name, str):
            raise TypeError(f"columns takes names, not {type(name).__name__}")
        if name not in known:
            advice = did_you_mean(name.lower(), known) or "; works_schema().names has all of them"
            raise InvalidArgumentError(f"columns: works have no column {shown(name)}{advice}")
        if name in names:
            raise InvalidArgumentError(f"columns: {name!r} is named twice")
        names.append(name)
    if not names:
        raise InvalidArgumentError("columns is empty: name at least 1, or leave it out for all of them")
    return tuple(names)


def _members(struct: inspect.Type, depth: int | None) -> Iterator[Field]:
    assert isinstance(struct, inspect.StructType)
    for field in struct.fields:
        yield _field(field.encode_name, _without_none(field.type), depth)


def _field(name: str, value: inspect.Type, depth: int | None) -> Field:
    if isinstance(value, inspect.VarTupleType):
        item = _without_none(value.item_type)
        whole = isinstance(item, inspect.StrType) or (isinstance(item, inspect.StructType) and depth != 0)
        return Field(name, *_kind(item, depth), repeated=True) if whole else Field(name, Kind.JSON)
    return Field(name, *_kind(value, depth))


def _kind(value: inspect.Type, depth: int | None) -> tuple[Kind, tuple[Field, ...]]:
    if isinstance(value, inspect.StructType) and depth != 0:
        return Kind.OBJECT, tuple(_members(value, None if depth is None else depth - 1))
    return _SCALARS.get(type(value), Kind.JSON), ()


_SCALARS: Final[dict[type[inspect.Type], Kind]] = {
    inspect.StrType: Kind.TEXT,
    inspect.IntType: Kind.INTEGER,
    inspect.FloatType: Kind.NUMBER,
    inspect.BoolType: Kind.FLAG,
    inspect.DateTimeType: Kind.TIME,
}


def _without_none(value: inspect.Type) -> inspect.Type:
    if not isinstance(value, inspect.UnionType):
        return value
    types = [one for one in value.types if not isinstance(one, inspect.NoneType)]
    return types[0] if len(types) == 1 else inspect.AnyType()
