"""RFC 3339 timestamps that msgspec refuses: leap seconds, and what rounds past the year 9999. Pure."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Final

import msgspec
from msgspec import inspect

from devrev_async.models.base import Timestamp, is_array, is_object

__all__ = ["parse_timestamp", "with_timestamps"]

_RFC3339: Final = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:[Zz]|([+-])([01]\d|2[0-3]):?([0-5]\d))", re.ASCII
)
_SECOND: Final = timedelta(seconds=1)
_LAST_MICROSECOND: Final = 999_999


def parse_timestamp(text: str) -> datetime | None:
    """The instant of an RFC 3339 timestamp, in its own offset; None for any other text.

    Digits past microseconds are rounded half up. A leap second, which stands at the end of a month of UTC, is the last
    microsecond before it; what rounds past the year 9999 is the last microsecond of that year.
    """
    match = _RFC3339.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second = map(int, match.groups()[:6])
    try:
        whole = datetime(year, month, day, hour, minute, min(second, 59), tzinfo=_zone(*match.groups()[7:]))
    except ValueError:
        return None
    if second == 60:
        return whole.replace(microsecond=_LAST_MICROSECOND) if _ends_a_month(whole) else None
    if second > 60:
        return None
    return _plus(whole, match[7] or "")


def _zone(sign: str | None, hours: str, minutes: str) -> timezone:
    if sign is None:
        return UTC
    offset = timedelta(hours=int(hours), minutes=int(minutes))
    return timezone(-offset if sign == "-" else offset)


def _ends_a_month(last_second: datetime) -> bool:
    """Whether a second is 23:59:59 on the last day of a month in UTC, which alone a leap second may follow."""
    try:
        utc = last_second.astimezone(UTC)
    except OverflowError:
        return False
    return (utc.hour, utc.minute) == (23, 59) and utc.day == monthrange(utc.year, utc.month)[1]


def _plus(whole: datetime, digits: str) -> datetime:
    microseconds = int(digits[:6].ljust(6, "0")) + (digits[6:7] >= "5")
    if microseconds <= _LAST_MICROSECOND:
        return whole.replace(microsecond=microseconds)
    try:
        return whole + _SECOND
    except OverflowError:
        return whole.replace(microsecond=_LAST_MICROSECOND)


def with_timestamps(value: Any, kind: inspect.Type) -> Any:
    """A JSON value with `datetime`s in the places where its type has timestamps and the text is one.

    Args:
        value: what `json.loads` makes of the text.
        kind: what `msgspec.inspect.type_info` says of the type.
    """
    match kind:
        case inspect.UnionType(types=members):
            for member in members:
                value = with_timestamps(value, member)
        case inspect.DateTimeType() if isinstance(value, str):
            return _timestamp(value)
        case inspect.StructType(fields=fields) if is_object(value):
            kinds = {field.encode_name: field.type for field in fields}
            return {key: with_timestamps(item, kinds[key]) if key in kinds else item for key, item in value.items()}
        case inspect.VarTupleType(item_type=item_type) if is_array(value):
            return [with_timestamps(item, item_type) for item in value]
        case _:
            pass
    return value


def _timestamp(text: str) -> datetime | str:
    try:
        return msgspec.convert(text, Timestamp)
    except msgspec.ValidationError:
        return parse_timestamp(text) or text


def kinds_of(model: type[msgspec.Struct]) -> Mapping[str, inspect.Type]:
    """The types of a Struct's fields, by name."""
    described = inspect.type_info(model)
    assert isinstance(described, inspect.StructType)
    return {field.name: field.type for field in described.fields}
