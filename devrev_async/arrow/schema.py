"""The Arrow schema of works, generated from their fields."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from ._pyarrow import pa
from .annotations import DataType, Schema
from .fields import RAW, Field, Kind, column_names, fields_of_works

__all__ = ["SCHEMA_VERSION", "VERSION_KEY", "Selection", "arrow_type", "select", "works_schema"]

VERSION_KEY: Final = "devrev_async.schema_version"
"""The key of the schema's metadata under which its version stands."""

SCHEMA_VERSION: Final = "1"
"""Changes when a column is renamed, removed, or changes its type; new columns leave it as it is."""

_SCALARS: Final = {
    Kind.TEXT: pa.string(),
    Kind.INTEGER: pa.int64(),
    Kind.NUMBER: pa.float64(),
    Kind.FLAG: pa.bool_(),
    Kind.TIME: pa.timestamp("us", tz="UTC"),
    Kind.JSON: pa.string(),
}


class Selection:
    """The columns that a caller asked for.

    Attributes:
        fields: those of them that are fields of works, in the order asked for.
        others: the remaining fields of works.
        schema: of all columns asked for, in their order.
        raw: the position of the column `raw`, or None if it was not asked for.
    """

    __slots__ = ("fields", "others", "raw", "schema")

    def __init__(self, names: Sequence[str], depth: int | None) -> None:
        known = {field.name: field for field in fields_of_works(depth)}
        self.fields = tuple(known[name] for name in names if name != RAW)
        self.others = tuple(field for name, field in known.items() if name not in names)
        self.raw = names.index(RAW) if RAW in names else None
        types = {name: arrow_type(known[name]) for name in names if name != RAW}
        types[RAW] = pa.string()
        self.schema = pa.schema([(name, types[name]) for name in names], metadata={VERSION_KEY: SCHEMA_VERSION})


def select(columns: Sequence[str] | None, depth: int | None) -> Selection:
    """The columns that `works_schema` describes, with what their conversion needs.

    Raises:
        InvalidArgumentError, TypeError: as `works_schema` says.
    """
    return _selection(column_names(columns, depth), depth)


@lru_cache(maxsize=64)
def _selection(names: tuple[str, ...], depth: int | None) -> Selection:
    return Selection(names, depth)


def works_schema(columns: Sequence[str] | None = None, depth: int | None = 1) -> Schema:
    """The schema of all batches of works, whatever their types: every field of the four types, all nullable.

    Names are those of the wire. Timestamps are ``timestamp[us, UTC]``, integers 64 bits wide. What is free-form or open
    (`custom_fields`, the `value` of an enum, ...) is JSON as text. The last column, `raw`, is the JSON of a work whose
    other columns cannot say all of it: an `UnknownWork`, a work with `invalid` fields, an integer beyond 64 bits, a
    timestamp that is not within the years 1 to 9999 in UTC; null for all others. The metadata has the version of the
    schema (`SCHEMA_VERSION`) under `VERSION_KEY`.

    Example:
        >>> works_schema(columns=["id", "modified_date"]).names
        ['id', 'modified_date']

    Args:
        columns: names of columns, in the order wanted; `raw` is left out unless it is named. None: all columns.
        depth: levels of nested objects, at least 1; objects below them are JSON as text. None: all levels. A list of
            strings stays a list at any depth.

    Raises:
        InvalidArgumentError: `depth` is no int of at least 1; a column is unknown or named twice; no columns.
        TypeError: `columns` is no sequence of str.
    """
    return select(columns, depth).schema


def arrow_type(field: Field) -> DataType:
    """The Arrow type of a field; everything in it may be null."""
    item: DataType
    if field.kind is Kind.OBJECT:
        item = pa.struct([pa.field(member.name, arrow_type(member)) for member in field.members])
    else:
        item = _SCALARS[field.kind]
    return pa.list_(pa.field("element", item)) if field.repeated else item
