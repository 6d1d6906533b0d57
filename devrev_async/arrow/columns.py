"""Converts values of Structs into Arrow arrays, field by field; a value that repeats is converted once.

Works that were decoded together share their users, parts, stages and tags, and these are most of what there is to
convert. Values are therefore distinguished by their identity: the distinct ones become an array, and `take` spreads it
over the rows. Loops run in C where they can (`map`, `zip`, `chain`), which makes a third of the time.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime
from itertools import accumulate, chain, compress, pairwise
from operator import attrgetter
from typing import Any, Final, NamedTuple

import msgspec

from ._pyarrow import compute, pa
from .annotations import Array, DataType
from .fields import Field, Kind
from .schema import arrow_type

__all__ = ["Convert", "Converted", "converter"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_EARLIEST: Final = -62_135_596_800_000_000
_LATEST: Final = 253_402_300_799_999_999
"""Microseconds since 1970 of the first and the last instant that a `datetime` in UTC, RFC 3339 and most engines have.

The offset of a timestamp may carry it past them by some hours."""

_NONE: Final = id(None)
_UNFIT: Final = (OverflowError, ValueError, TypeError)
"""What pyarrow raises for a value that does not fit: `ArrowInvalid` and `UnicodeEncodeError` are ValueErrors."""

_encode: Final = msgspec.json.Encoder().encode
_NOTHING: Final[Collection[int]] = ()


class Converted(NamedTuple):
    """An array, and the positions of the values that it cannot say all of; what it cannot say is null in it."""

    array: Array
    lossy: Collection[int] = _NOTHING


Convert = Callable[[Sequence[Any]], Converted]
"""Converts the values of one field, as many as there are rows; None becomes null."""


def converter(field: Field) -> Convert:
    """The function that converts the values of a field into an array of `arrow_type(field)`."""
    if not field.repeated:
        return _of_items(field)
    return _distinctly(_of_lists(_of_items(field), arrow_type(field)), arrow_type(field))


def _of_items(field: Field) -> Convert:
    item = Field(field.name, field.kind, field.members)
    kind = arrow_type(item)
    if field.kind is Kind.OBJECT:
        return _distinctly(_of_objects(item), kind)
    if field.kind is Kind.JSON:
        return _distinctly(_json_texts, kind)
    return _timestamps if field.kind is Kind.TIME else _of_scalars(kind)


def _of_scalars(kind: DataType) -> Convert:
    def convert(values: Sequence[Any]) -> Converted:
        try:
            return Converted(pa.array(values, kind))
        except _UNFIT:
            return _one_by_one(values, kind)

    return convert


def _one_by_one(values: Sequence[Any], kind: DataType) -> Converted:
    fitting = list(values)
    lossy: list[int] = []
    for position, value in enumerate(values):
        try:
            pa.scalar(value, kind)
        except _UNFIT:
            fitting[position] = None
            lossy.append(position)
    return Converted(pa.array(fitting, kind), lossy)


def _timestamps(values: Sequence[datetime | None]) -> Converted:
    # by way of the time since 1970: pyarrow takes four times as long to convert an aware datetime
    since = pa.array([None if value is None else value - _EPOCH for value in values], pa.duration("us"))
    bounds = compute.min_max(since.view(pa.int64()))
    lossy: list[int] = []
    if bounds["min"].is_valid and not _EARLIEST <= bounds["min"].as_py() <= bounds["max"].as_py() <= _LATEST:
        instants = since.view(pa.int64()).to_pylist()
        lossy = [at for at, value in enumerate(instants) if value is not None and not _EARLIEST <= value <= _LATEST]
        for at in lossy:
            instants[at] = None
        since = pa.array(instants, pa.int64())
    return Converted(since.view(pa.timestamp("us", tz="UTC")), lossy)


def _json_texts(values: Sequence[Any]) -> Converted:
    try:
        return Converted(pa.array(list(map(_encode, values)), pa.string()))
    except _UNFIT:
        texts: list[bytes | None] = list(map(_json_text, values))
        return Converted(pa.array(texts, pa.string()), [at for at, text in enumerate(texts) if text is None])


def _json_text(value: Any) -> bytes | None:
    try:
        return _encode(value)
    except _UNFIT:
        return None


def _of_objects(field: Field) -> Convert:
    members = [(attrgetter(member.name), converter(member)) for member in field.members]
    fields = [pa.field(member.name, arrow_type(member)) for member in field.members]

    def convert(values: Sequence[Any]) -> Converted:
        columns = [convert_member(list(map(get, values))) for get, convert_member in members]
        lossy = set(chain.from_iterable(column.lossy for column in columns))
        return Converted(pa.StructArray.from_arrays([column.array for column in columns], fields=fields), lossy)

    return convert


def _of_lists(convert_items: Convert, kind: DataType) -> Convert:
    def convert(values: Sequence[Sequence[Any]]) -> Converted:
        offsets = [0, *accumulate(map(len, values))]
        items = convert_items(list(chain.from_iterable(values)))
        array = pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), items.array, type=kind)
        if not items.lossy:
            return Converted(array)
        unsaid = set(items.lossy)
        spans = pairwise(offsets)
        return Converted(array, [at for at, span in enumerate(spans) if not unsaid.isdisjoint(range(*span))])

    return convert


def _distinctly(convert_distinct: Convert, kind: DataType) -> Convert:
    """Converts each distinct object of the values once; `convert_distinct` is given no None."""

    def convert(values: Sequence[Any]) -> Converted:
        identities = list(map(id, values))
        objects = dict(zip(identities, values, strict=True))
        objects.pop(_NONE, None)
        if not objects:
            return Converted(pa.nulls(len(values), kind))
        array, lossy = convert_distinct(list(objects.values()))
        if len(objects) == len(values):
            return Converted(array, lossy)
        places: dict[int, int | None] = dict(zip(objects, range(len(objects)), strict=True))
        places[_NONE] = None
        indices = list(map(places.__getitem__, identities))
        array = array.take(pa.array(indices, pa.int32()))
        if not lossy:
            return Converted(array)
        unsaid = set(lossy)
        return Converted(array, list(compress(range(len(indices)), map(unsaid.__contains__, indices))))

    return convert
