"""`schema`: the columns of works, in the words of a reader of JSON Lines.

Readers that infer a schema from the first lines drop keys which they see later, without an error; works leave out what
is null, so that such keys are common.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import Final

from devrev_async.arrow.fields import Field, fields_of_works

from .codes import Code, UsageError
from .output import say

__all__ = ["Reader", "print_schema"]


class Reader(StrEnum):
    """Who is to read JSON Lines of works."""

    DUCKDB = "duckdb"
    POLARS = "polars"
    ARROW = "arrow"


def print_schema(reader: Reader, depth: int | None) -> int:
    """Prints the schema on stdout, and how to use it on stderr; returns the exit code.

    Args:
        reader: whose words to use.
        depth: levels of objects that are columns of their own; None for all. For Arrow it is always all: its reader
            cannot read an object as text.

    Raises:
        UsageError: the depth is below 1.
    """
    if depth is not None and depth < 1:
        raise UsageError("--depth takes at least 1")
    render, use = _READERS[reader]
    fields = fields_of_works(None if reader is Reader.ARROW else depth)
    sys.stdout.write(f"{render(fields)}\n")
    sys.stdout.flush()
    say(f"use it as: {use}")
    return Code.DONE


# Each scalar has the name of its kind in `devrev_async.arrow.fields.Kind`.
_DUCKDB: Final = {
    "text": "VARCHAR",
    "integer": "BIGINT",
    "number": "DOUBLE",
    "flag": "BOOLEAN",
    "time": "TIMESTAMPTZ",
    "json": "JSON",
}
_POLARS: Final = {
    "text": "pl.String",
    "integer": "pl.Int64",
    "number": "pl.Float64",
    "flag": "pl.Boolean",
    "time": 'pl.Datetime("us", "UTC")',
    "json": "pl.String",
}
_ARROW: Final = {
    "text": "pa.string()",
    "integer": "pa.int64()",
    "number": "pa.float64()",
    "flag": "pa.bool_()",
    "time": 'pa.timestamp("us", "UTC")',
}


def _duckdb(fields: Iterable[Field]) -> str:
    lines = [f"    '{field.name}': '{_duckdb_type(field)}'," for field in fields]
    return "\n".join(["{", *lines[:-1], lines[-1].removesuffix(","), "}"])


def _duckdb_type(field: Field) -> str:
    if field.members:
        members = ", ".join(f'"{member.name}" {_duckdb_type(member)}' for member in field.members)
        item = f"STRUCT({members})"
    else:
        item = _DUCKDB[field.kind.value]
    return f"{item}[]" if field.repeated else item


def _polars(fields: Iterable[Field]) -> str:
    return "\n".join(["{", *(f'    "{field.name}": {_polars_type(field)},' for field in fields), "}"])


def _polars_type(field: Field) -> str:
    if field.members:
        members = ", ".join(f'"{member.name}": {_polars_type(member)}' for member in field.members)
        item = f"pl.Struct({{{members}}})"
    else:
        item = _POLARS[field.kind.value]
    return f"pl.List({item})" if field.repeated else item


def _arrow(fields: Iterable[Field]) -> str:
    lines = [f'    ("{field.name}", {kind}),' for field in fields if (kind := _arrow_type(field)) is not None]
    return "\n".join(["pa.schema([", *lines, "])"])


def _arrow_type(field: Field) -> str | None:
    """The type of a field; None for free-form JSON, which pyarrow.json has no type for."""
    if field.members:
        members = [f'("{member.name}", {kind})' for member in field.members if (kind := _arrow_type(member))]
        item = f"pa.struct([{', '.join(members)}])" if members else None
    else:
        item = _ARROW.get(field.kind.value)
    return f"pa.list_({item})" if field.repeated and item is not None else item


_READERS: Final[dict[Reader, tuple[Callable[[Iterable[Field]], str], str]]] = {
    Reader.DUCKDB: (_duckdb, "from read_json('works.jsonl', columns = {...})"),
    Reader.POLARS: (_polars, 'import polars as pl; pl.scan_ndjson("works.jsonl", schema={...})'),
    Reader.ARROW: (
        _arrow,
        (
            'import pyarrow as pa; pyarrow.json.read_json("works.jsonl", parse_options=pyarrow.json.ParseOptions('
            'explicit_schema=pa.schema(...), unexpected_field_behavior="ignore"))'
        ),
    ),
}
