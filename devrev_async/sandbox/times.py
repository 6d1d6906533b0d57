"""Timestamps as the API reads and writes them. Within the sandbox a date is an int: microseconds since 1970, UTC."""

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache

DAY = 86_400_000_000
MILLISECOND = 1_000

_MICROSECOND = timedelta(microseconds=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_RFC3339 = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:[Zz]|([+-])(\d\d):(\d\d))", re.ASCII
)


def micros_of(duration: timedelta) -> int:
    """Returns a duration in microseconds."""
    return duration // _MICROSECOND


def date_of(micros: int) -> datetime:
    return EPOCH + timedelta(microseconds=micros)


def parse(text: str) -> int:
    """Parses an RFC 3339 timestamp; digits past microseconds are cut off.

    Raises:
        ValueError: it is none, or has no offset.
    """
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise ValueError(text)
    year, month, day, hour, minute, second = (int(part) for part in match.group(1, 2, 3, 4, 5, 6))
    leap = second == 60  # RFC 3339 allows it, and datetime does not
    # RFC 3339 allows year 0000. No work is older than year 1, so its beginning stands for all of that year.
    start = datetime(max(year, 1), month, day, hour, minute, 59 if leap else second, tzinfo=UTC)
    offset = timedelta(hours=int(match[9] or 0), minutes=int(match[10] or 0)) // _MICROSECOND
    micros = (start - EPOCH) // _MICROSECOND + int((match[7] or "")[:6].ljust(6, "0"))
    return micros + leap * 1_000_000 + (offset if match[8] == "-" else -offset)


def parse_quickly(text: str) -> int:
    """Parses a timestamp of a work, five times faster than `parse`; it accepts other ISO 8601 forms as well."""
    try:
        return (datetime.fromisoformat(text) - EPOCH) // _MICROSECOND
    except (TypeError, ValueError):  # TypeError: without an offset, for which `parse` has the right error
        return parse(text)


def render(micros: int) -> str:
    """Formats a timestamp as Go does, without trailing zeros: ``...12.963Z``, ``...12.1Z``, ``...12Z``."""
    day, rest = divmod(micros, DAY)
    second, fraction = divmod(rest, 1_000_000)
    text = f"{_day(day)}T{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}"
    return f"{text}.{fraction:06}".rstrip("0") + "Z" if fraction else f"{text}Z"


@lru_cache(maxsize=4096)
def _day(number: int) -> str:
    return (EPOCH + timedelta(days=number)).date().isoformat()
