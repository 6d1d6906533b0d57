"""Converts values of Structs into Arrow arrays, field by field; a value that repeats is converted once.

Works that were decoded together share their users, parts, stages and tags, and these are most of what there is to
convert. Values are therefore distinguished by their identity: the distinct ones become an array, and `take` spreads it
over the rows. Loops run in C where they can (`map`, `zip`, `chain`), which makes a third of the time.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime, timedelta
from itertools import accumulate, chain, pairwise, repeat
from operator import is_, sub
from typing import Any, Final, NamedTuple, cast

import msgspec

from ._pyarrow import compute, pa
from .annotations import Array, DataType
from .fields import Field, Kind
from .schema import arrow_type
from .values import distinct, values_of

__all__ = ["Convert", "Converted", "converter"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_EARLIEST: Final = -62_135_596_800_000_000
_LATEST: Final = 253_402_300_799_999_999
"""Microseconds since 1970 of the first and the last instant that a `datetime` in UTC, RFC 3339 and most engines have.

The offset of a timestamp may carry it past them by some hours."""

_UNFIT: Final = (OverflowError, ValueError, TypeError)
"""What pyarrow raises for a value that does not fit: `ArrowInvalid` and `UnicodeEncodeError` are ValueErrors."""

_since: Final = cast("Callable[[Any, datetime], timedelta]", sub)
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
    item = Field(field.name, field.kind, field.members)
    convert = (
        _of_objects(item) if field.kind is Kind.OBJECT else _SIMPLE.get(field.kind) or _of_scalars(arrow_type(item))
    )
    return _of_lists(convert, arrow_type(field)) if field.repeated else convert


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
    spans: list[timedelta | None]
    try:
        spans = list(map(_since, values, repeat(_EPOCH)))
    except TypeError:  # None
        spans = [None if value is None else value - _EPOCH for value in values]
    since = pa.array(spans, pa.duration("us"))
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
    found = distinct(values)
    lossy: Collection[int] = _NOTHING
    try:
        array = pa.array(list(map(_encode, found.objects)), pa.string())
    except _UNFIT:
        texts = list(map(_json_text, found.objects))
        array = pa.array(texts, pa.string())
        lossy = {at for at, text in enumerate(texts) if text is None}
    if found.places is not None:
        array = array.take(pa.array(found.places, pa.int32()))
    return Converted(array, found.spread(lossy))


def _json_text(value: Any) -> bytes | None:
    try:
        return _encode(value)
    except _UNFIT:
        return None


def _of_objects(field: Field) -> Convert:
    fields = [pa.field(member.name, arrow_type(member)) for member in field.members]
    members = [converter(member) for member in field.members]

    def convert(values: Sequence[Any]) -> Converted:
        found = distinct(values)
        places = missing = None
        if found.places is not None:
            places = pa.array(found.places, pa.int32())
            missing = places.is_null() if places.null_count else None
        arrays: list[Array] = []
        lossy: set[int] = set()
        for convert_member, kind in zip(members, fields, strict=True):
            column = values_of(found.objects, kind.name)
            if column is None:
                arrays.append(pa.nulls(len(values), kind.type))
                continue
            array, unsaid = convert_member(column)
            arrays.append(array if places is None else array.take(places))
            lossy.update(unsaid)
        array = pa.StructArray.from_arrays(arrays, fields=fields, mask=missing)
        return Converted(array, found.spread(lossy))

    return convert


def _of_lists(convert_items: Convert, kind: DataType) -> Convert:
    def convert(values: Sequence[Sequence[Any] | None]) -> Converted:
        lists = [value or () for value in values]
        offsets = [0, *accumulate(map(len, lists))]
        absent = list(map(is_, values, repeat(None)))
        missing = pa.array(absent, pa.bool_()) if True in absent else None
        items = convert_items(list(chain.from_iterable(lists)))
        array = pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), items.array, type=kind, mask=missing)
        if not items.lossy:
            return Converted(array)
        unsaid = set(items.lossy)
        spans = pairwise(offsets)
        return Converted(array, [at for at, span in enumerate(spans) if not unsaid.isdisjoint(range(*span))])

    return convert


_SIMPLE: Final[dict[Kind, Convert]] = {Kind.JSON: _json_texts, Kind.TIME: _timestamps}
