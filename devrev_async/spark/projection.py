"""The columns that a schema of Spark names."""

from __future__ import annotations

from typing import Any, Final

from pyspark.sql.pandas.types import from_arrow_schema
from pyspark.sql.types import StructType

from devrev_async.arrow.schema import works_schema
from devrev_async.errors import InvalidArgumentError
from devrev_async.models.base import is_array, is_object

__all__ = ["columns_of"]

_IGNORED: Final = frozenset({"nullable", "containsNull", "metadata"})


def columns_of(schema: StructType, depth: int | None) -> tuple[str, ...]:
    """The names of the columns, in their order, once they are seen to be of their types.

    Raises:
        InvalidArgumentError: there is no such column, or it is of another type.
    """
    names = tuple(schema.names)
    known = from_arrow_schema(works_schema(names, depth))
    for wanted, there in zip(schema.fields, known.fields, strict=True):
        # by their JSON, since a runtime may have these classes twice
        if _nullable(wanted.dataType.jsonValue()) != _nullable(there.dataType.jsonValue()):
            kinds = f"{there.dataType.simpleString()}, not {wanted.dataType.simpleString()}"
            raise InvalidArgumentError(f"schema: column {wanted.name!r} is {kinds}")
    return names


def _nullable(kind: Any) -> Any:
    """A type without what it says of nulls and comments: everything in works may be null."""
    if is_object(kind):
        return {key: _nullable(value) for key, value in kind.items() if key not in _IGNORED}
    if is_array(kind):
        return [_nullable(value) for value in kind]
    return kind
