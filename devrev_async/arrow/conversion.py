"""From works, or their JSON, to record batches of `works_schema`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import compress, repeat
from typing import Final

from devrev_async._decoders.interning import InterningDecoder
from devrev_async._decoders.item_decoders import work_items
from devrev_async._decoders.json_scanner import Malformed
from devrev_async._decoders.page_parser import PageParser
from devrev_async._json.stack import with_whole_stack
from devrev_async.models import UnknownWork, Work

from ._pyarrow import pa
from .annotations import Array, RecordBatch, Schema
from .columns import Converted, converter
from .fields import Field, Kind
from .schema import arrow_type, select
from .turns import Turns
from .values import Values, columns_of

__all__ = ["INVALID", "WorksConverter"]

_PIECE: Final = 1000
"""Works converted at a time: a column of so many takes a millisecond or two."""

_DECODED: Final = 192 << 10
"""Bytes decoded at a time: a millisecond or two."""

INVALID: Final = "_invalid"
"""What a work has if `work.invalid` is not None, which takes longer to ask for."""

_MAY_NOT_FIT: Final = frozenset({Kind.INTEGER, Kind.TIME})
"""What a column may be unable to say although the work's own type can."""


class WorksConverter:
    """Converts lists of works into record batches of one schema; pure, and fit for any thread.

    Example:
        >>> converter = WorksConverter(columns=["id", "title"])
        >>> converter.convert([Task(id="TASK-1", title="write")]).to_pylist()
        [{'id': 'TASK-1', 'title': 'write'}]

    Args:
        columns, depth: as for `works_schema`.

    Attributes:
        schema: of every batch.

    Raises:
        InvalidArgumentError, TypeError: as `works_schema` says.
    """

    def __init__(self, columns: Sequence[str] | None = None, depth: int | None = 1) -> None:
        selection = select(columns, depth)
        self.schema: Schema = selection.schema
        self._items = work_items(InterningDecoder())
        self._turns = Turns()
        self._raw = selection.raw
        self._shown = len(selection.fields)
        # `raw` says the same whatever the other columns are, so all are looked at where it is wanted
        unseen = () if selection.raw is None else selection.others
        others = [kept for field in unseen if (kept := field.restricted_to(_MAY_NOT_FIT)) is not None]
        fields = (*selection.fields, *others)
        self._names = [field.name for field in fields]
        self._columns = [_Column(field) for field in fields]

    def convert(self, works: Sequence[Work]) -> RecordBatch:
        """The works as one batch, a row each, in their order."""
        return with_whole_stack(self._whole, works)

    def _whole(self, works: Sequence[Work]) -> RecordBatch:
        if len(works) <= _PIECE:
            return self._convert(works)
        pieces = [self._convert(works[at : at + _PIECE]) for at in range(0, len(works), _PIECE)]
        whole: RecordBatch
        whole, *more = pa.Table.from_batches(pieces).combine_chunks().to_batches()
        if more:
            raise OverflowError("a column of these works has more than 2 GiB of text: convert fewer works at once")
        return whole

    def _convert(self, works: Sequence[Work]) -> RecordBatch:
        columns = columns_of(works, self._names)
        self._turns.offer()
        arrays: list[Array] = []
        lossy: set[int] = set()
        for column, field in zip(columns, self._columns, strict=True):
            array, unsaid = field.convert(column, len(works))
            arrays.append(array)
            lossy.update(unsaid)
            self._turns.offer()
        if self._raw is not None:
            del arrays[self._shown :]
            arrays.insert(self._raw, _raw(works, lossy))
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema)

    def convert_json(self, works: Sequence[bytes]) -> RecordBatch:
        """The same from the JSON of each work, as `raw_batches` yields it.

        Raises:
            ValueError: one of them is not the JSON of one work.
        """
        return self.convert(self.decode(works))

    def decode(self, texts: Sequence[bytes]) -> Sequence[Work]:
        """The works of their JSON; equal parts of them are one shared object.

        Raises:
            ValueError: one of them is not the JSON of one work.
        """
        page = PageParser("works", self._items, batch=_DECODED)
        page.feed(b'{"works":[' + b",".join(texts) + b"]}")
        page.finish()
        works: list[Work] = []
        try:
            while (batch := page.take()) is not None:
                works += batch
                self._turns.offer()
        except Malformed as error:
            raise ValueError(f"one of the works is no JSON: {error}") from None
        if len(works) != len(texts):
            raise ValueError(f"{len(texts)} works are expected, and their JSON has {len(works)}")
        return works


class _Column:
    """One column of works."""

    __slots__ = ("_convert", "_kind")

    def __init__(self, field: Field) -> None:
        self._kind = arrow_type(field)
        self._convert = converter(field)

    def convert(self, values: Values, rows: int) -> Converted:
        """The column of so many works, which have these values in it."""
        return Converted(pa.nulls(rows, self._kind)) if values is None else self._convert(values)


def _raw(works: Sequence[Work], lossy: set[int]) -> Array:
    lossy.update(compress(range(len(works)), map(hasattr, works, repeat(INVALID))))
    lossy.update(compress(range(len(works)), map(isinstance, works, repeat(UnknownWork))))
    if not lossy:
        return pa.nulls(len(works), pa.string())
    return pa.array([_text(work) if at in lossy else None for at, work in enumerate(works)], pa.string())


def _text(work: Work) -> str:
    try:
        return str(work.to_json(), "utf-8", "replace")
    except ValueError:  # half a surrogate pair in a work that was built by hand
        return json.dumps(work.to_dict())
