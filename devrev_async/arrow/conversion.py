"""From works, or their JSON, to record batches of `works_schema`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from operator import attrgetter
from typing import Final

from devrev_async._decoders.interning import InterningDecoder
from devrev_async._decoders.item_decoders import work_items
from devrev_async._decoders.json_scanner import Malformed
from devrev_async._decoders.page_parser import PageParser
from devrev_async.models import UnknownWork, Work

from ._pyarrow import pa
from .annotations import Array, RecordBatch, Schema
from .columns import Converted, converter
from .fields import Field, Kind
from .schema import arrow_type, select
from .turns import Turns

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
        self._columns = [_Column(field) for field in selection.fields]
        # `raw` says the same whatever the other columns are, so all are looked at where it is wanted
        unseen = () if selection.raw is None else selection.others
        self._unseen = [_Column(kept) for field in unseen if (kept := field.restricted_to(_MAY_NOT_FIT)) is not None]

    def convert(self, works: Sequence[Work]) -> RecordBatch:
        """The works as one batch, a row each, in their order."""
        try:
            return self._whole(works)
        except RecursionError:
            # free-form JSON that was decoded nearer to the bottom of its stack: a thread's own stack is empty
            with ThreadPoolExecutor(max_workers=1) as thread:
                return thread.submit(self._whole, works).result()

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
        kinds = set(map(type, works))
        columns = list(self._converted(self._columns, works, kinds))
        arrays = [column.array for column in columns]
        if self._raw is not None:
            unseen = list(self._converted(self._unseen, works, kinds))
            lossy = set(chain.from_iterable(column.lossy for column in (*columns, *unseen)))
            arrays.insert(self._raw, _raw(works, lossy))
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema)

    def _converted(
        self, columns: Sequence[_Column], works: Sequence[Work], kinds: AbstractSet[type[Work]]
    ) -> Iterator[Converted]:
        for column in columns:
            yield column.convert(works, kinds)
            self._turns.offer()

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
    """One column of works, of which some types may lack the field."""

    __slots__ = ("_convert", "_get", "_kind", "_name")

    def __init__(self, field: Field) -> None:
        self._name = field.name
        self._get = attrgetter(field.name)
        self._kind = arrow_type(field)
        self._convert = converter(field)

    def convert(self, works: Sequence[Work], types: AbstractSet[type[Work]]) -> Converted:
        """The column of these works, all of which are of these types."""
        having = sum(hasattr(kind, self._name) for kind in types)
        if not having:
            return Converted(pa.nulls(len(works), self._kind))
        if having == len(types):
            return self._convert(list(map(self._get, works)))
        return self._convert([getattr(work, self._name, None) for work in works])


def _raw(works: Sequence[Work], lossy: AbstractSet[int]) -> Array:
    texts = [_text(work) if at in lossy or _is_odd(work) else None for at, work in enumerate(works)]
    return pa.array(texts, pa.string())


def _is_odd(work: Work) -> bool:
    return isinstance(work, UnknownWork) or hasattr(work, INVALID)


def _text(work: Work) -> str:
    try:
        return str(work.to_json(), "utf-8", "replace")
    except ValueError:  # half a surrogate pair in a work that was built by hand
        return json.dumps(work.to_dict())
