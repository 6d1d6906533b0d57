"""CSV as RFC 4180 has it, a row a work, with the columns of `devrev_async.arrow.works_schema`."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import repeat
from typing import Any, BinaryIO, Final

import msgspec

from devrev_async.arrow.conversion import INVALID, WorksConverter
from devrev_async.arrow.fields import RAW, Field, Kind, fields_of_works
from devrev_async.arrow.schema import works_schema
from devrev_async.arrow.turns import Turns

__all__ = ["CsvWriter"]

_TO_QUOTE: Final = re.compile("[,\0\n\v\f\r\x1c-\x1e\x85\u2028\u2029]").search
"""Finds what needs quotes beside the quote itself: the delimiter, and all that some reader takes for a line break."""

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""What spreadsheets take for the beginning of a formula."""

_encode: Final = msgspec.json.Encoder().encode


class CsvWriter:
    """Writes works as CSV: UTF-8, CRLF, a header.

    A null is an empty cell, and the empty string is ``""``; only in a table of one column a null is ``""`` as well,
    since readers skip empty lines. Lists and objects are their JSON at its whole depth, timestamps are RFC 3339.

    Args:
        file: what is written to.
        columns: as for `works_schema`.
        safe: cells that a spreadsheet would run as a formula get a ``'`` before them.
    """

    def __init__(self, file: BinaryIO, columns: Sequence[str] | None, *, safe: bool) -> None:
        self._file = file
        self._safe = safe
        self.invalid = 0
        names = works_schema(columns).names
        self._raw = WorksConverter([RAW])
        self._turns = Turns()
        self._null = '""' if len(names) == 1 else ""
        self._columns = [(name, _as_text(_FIELDS[name])) if name != RAW else None for name in names]
        file.write(",".join(names).encode() + b"\r\n")

    def write(self, lines: Sequence[bytes]) -> None:
        """Adds works, each the JSON of one."""
        works = self._raw.decode(lines)
        self.invalid += sum(map(hasattr, works, repeat(INVALID)))
        columns: list[list[str]] = []
        for column in self._columns:
            if column is None:
                raw: list[str | None] = self._raw.convert(works).column(0).to_pylist()
                columns.append(self._cells(str, raw))
            else:
                name, as_text = column
                columns.append(self._cells(as_text, [getattr(work, name, None) for work in works]))
            self._turns.offer()
        for row in zip(*columns, strict=True):
            self._file.write(f"{','.join(row)}\r\n".encode("utf-8", "replace"))

    def _cells(self, as_text: Callable[[Any], str], values: Sequence[Any]) -> list[str]:
        # Works that are decoded together share their users, parts and stages: each of them is written once.
        cells = {id(value): self._cell(as_text, value) for value in {id(value): value for value in values}.values()}
        return [cells[id(value)] for value in values]

    def _cell(self, as_text: Callable[[Any], str], value: Any) -> str:
        if value is None:
            return self._null
        text = as_text(value)
        if self._safe and text.startswith(_FORMULA):
            text = f"'{text}"
        if '"' in text:
            return '"' + text.replace('"', '""') + '"'
        if not text or _TO_QUOTE(text) or text[0].isspace() or text[-1].isspace():  # some readers trim bare cells
            return f'"{text}"'
        return text

    def close(self) -> None:
        """Does nothing: there is no end to write."""

    def abandon(self) -> None:
        """Does nothing."""


def _as_text(field: Field) -> Callable[[Any], str]:
    if field.repeated:
        return _json
    return _TEXTS.get(field.kind, _json)


def _json(value: Any) -> str:
    return _encode(value).decode()


def _time(value: datetime) -> str:
    return _encode(value)[1:-1].decode()


def _flag(value: bool) -> str:
    return "true" if value else "false"


_TEXTS: Final[dict[Kind, Callable[[Any], str]]] = {
    Kind.TEXT: str,
    Kind.INTEGER: str,
    Kind.FLAG: _flag,
    Kind.TIME: _time,
}
_FIELDS: Final = {field.name: field for field in fields_of_works(1)}
