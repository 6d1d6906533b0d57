"""Descriptions of the JSON values that requests may have, and the check of a value against its description."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from . import api_errors, ids, times

INT32 = 2**31
INT64 = 2**63


@dataclass(frozen=True, slots=True)
class Text:
    """A string whose length in characters is bounded."""

    low: int = 0
    high: int | None = None


@dataclass(frozen=True, slots=True)
class Id:
    """A display id or DON."""


@dataclass(frozen=True, slots=True)
class Integer:
    low: int = -INT64
    high: int = INT64 - 1


@dataclass(frozen=True, slots=True)
class Number:
    pass


@dataclass(frozen=True, slots=True)
class Boolean:
    pass


@dataclass(frozen=True, slots=True)
class Timestamp:
    """An RFC 3339 timestamp."""


@dataclass(frozen=True, slots=True)
class FreeForm:
    """An object with any keys."""


@dataclass(frozen=True, slots=True)
class DateFilter:
    """A date filter: a range, or a preset such as the last days."""


@dataclass(frozen=True, slots=True)
class Enum:
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ListOf:
    item: "Shape"
    low: int = 0
    high: int | None = None


@dataclass(frozen=True, slots=True)
class Record:
    fields: "Mapping[str, Shape]"
    required: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Nullable:
    shape: "Shape"


Shape = Text | Id | Integer | Number | Boolean | Timestamp | FreeForm | DateFilter | Enum | ListOf | Record | Nullable

_RANGE = Record({"type": Enum(("range",)), "after": Timestamp(), "before": Timestamp()})
_PRESET = Record(
    {
        "type": Enum(("preset",)),
        "preset_type": Enum(("last_n_days", "next_n_days")),
        "days": Integer(0, 2**32 - 1),
    },
    required=("preset_type", "days"),
)
_JSON_TYPES: dict[type, tuple[str, type | tuple[type, ...]]] = {
    Text: ("string", str),
    Id: ("string", str),
    Timestamp: ("string", str),
    Enum: ("string", str),
    Integer: ("number", (int, float)),
    Number: ("number", (int, float)),
    Boolean: ("bool", bool),
    FreeForm: ("object", dict),
    DateFilter: ("object", dict),
    Record: ("object", dict),
    ListOf: ("array", list),
}


def check(shape: Shape, value: object, name: str = "") -> None:
    """Checks `value`; `name` is its dotted path, "" for the body itself.

    Raises:
        ApiError: 400, with the type and fields that the API documents for the reason.
    """
    if isinstance(shape, Nullable):
        if value is None:
            return
        shape = shape.shape
    expected, json_type = _JSON_TYPES[type(shape)]
    if not isinstance(value, json_type) or (isinstance(value, bool) and expected != "bool"):
        raise api_errors.wrong_json_type(name, expected, value)
    _check_value(shape, value, name)


def _check_value(shape: Shape, value: Any, name: str) -> None:
    match shape:
        case Record():
            _check_record(shape, value, name)
        case ListOf():
            _check_list(shape, value, name)
        case Text(low, high):
            _check_bounds(len(value), low, high, "characters", name)
        case Id() if not ids.well_formed(value):
            raise api_errors.invalid_id(name)
        case Integer(low, high):
            if value != value // 1:
                raise api_errors.not_permitted(name, "must be a whole number")
            _check_bounds(value, low, high, "", name)
        case Enum(values) if value not in values:
            raise api_errors.wrong_enum_value(name, value, values)
        case Timestamp():
            _check_timestamp(value, name)
        case DateFilter():
            kind = value.get("type")
            if "type" not in value:
                raise api_errors.missing_field(f"{name}.type")
            check(Enum(("range", "preset")), kind, f"{name}.type")
            _check_record(_RANGE if kind == "range" else _PRESET, value, name)
        case _:
            pass


def _check_record(shape: Record, value: Mapping[str, object], name: str) -> None:
    prefix = f"{name}." if name else ""
    for key, item in value.items():
        inner = shape.fields.get(key)
        if inner is None:
            raise api_errors.invalid_field(prefix + key)
        check(inner, item, prefix + key)
    for key in shape.required:
        if key not in value:
            raise api_errors.missing_field(prefix + key)


def _check_list(shape: ListOf, value: Sequence[object], name: str) -> None:
    _check_bounds(len(value), shape.low, shape.high, "items", name)
    for item in value:
        check(shape.item, item, name)


def _check_bounds(size: float, low: int, high: int | None, unit: str, name: str) -> None:
    if size < low or (high is not None and size > high):
        limits = f"{low} to {high}" if high is not None else f"at least {low}"
        raise api_errors.not_permitted(name, f"must be {limits} {unit}".rstrip())


def _check_timestamp(value: str, name: str) -> None:
    try:
        times.parse(value)
    except ValueError:
        raise api_errors.not_permitted(name, "must be an RFC 3339 timestamp with an offset") from None


def leaves(shape: Record, prefix: str = "") -> dict[str, Shape]:
    """Returns the fields of a request by the dotted names that they have in a query string.

    Date filters and objects without fields have no such name: the API's GET variants lack them. Of an array of objects,
    they can name one object.
    """
    found: dict[str, Shape] = {}
    for key, inner in shape.fields.items():
        record = inner.item if isinstance(inner, ListOf) else inner
        if isinstance(record, Record):
            found |= leaves(record, f"{prefix}{key}.")
        elif not isinstance(inner, DateFilter):
            found[prefix + key] = inner
    return found
