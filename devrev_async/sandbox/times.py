"""Timestamps as the API writes and reads them. Inside the sandbox a date is an int: microseconds since 1970, UTC."""

import re
from datetime import UTC, datetime, timedelta

DAY = 86_400_000_000
MILLISECOND = 1_000

_MICROSECOND = timedelta(microseconds=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_RFC3339 = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:[Zz]|([+-])(\d\d):(\d\d))", re.ASCII
)


def micros_of(duration: timedelta) -> int:
    """A duration in microseconds."""
    return duration // _MICROSECOND


def date_of(micros: int) -> datetime:
    return EPOCH + timedelta(microseconds=micros)


def parse(text: str) -> int:
    """An RFC 3339 timestamp with its offset; digits past microseconds are cut off.

    Raises:
        ValueError: anything else, a timestamp without offset included.
    """
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise ValueError(text)
    year, month, day, hour, minute, second = (int(part) for part in match.group(1, 2, 3, 4, 5, 6))
    leap = second == 60  # RFC 3339 allows it; datetime does not
    # Year 0000 is RFC 3339 too; nothing in the data is older than year 1, so its first day stands for it.
    start = datetime(max(year, 1), month, day, hour, minute, 59 if leap else second, tzinfo=UTC)
    offset = timedelta(hours=int(match[9] or 0), minutes=int(match[10] or 0)) // _MICROSECOND
    micros = (start - EPOCH) // _MICROSECOND + int((match[7] or "")[:6].ljust(6, "0"))
    return micros + leap * 1_000_000 + (offset if match[8] == "-" else -offset)


def parse_quickly(text: str) -> int:
    """`parse` for timestamps of our own, five times faster: it takes other ISO 8601 forms as well."""
    try:
        return (datetime.fromisoformat(text) - EPOCH) // _MICROSECOND
    except (TypeError, ValueError):  # TypeError: no offset, which `parse` refuses properly
        return parse(text)


def render(micros: int) -> str:
    """As Go prints it: ``...12.963Z``, ``...12.1Z``, ``...12Z``, trailing zeros dropped."""
    moment = EPOCH + timedelta(microseconds=micros)
    text = moment.replace(tzinfo=None).isoformat()
    return (text.rstrip("0") if moment.microsecond else text) + "Z"
