"""Instants of `modified_date` as whole microseconds since 1970, and the range that a request asks for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

__all__ = [
    "EARLIEST",
    "FIRST",
    "LAST",
    "LATEST",
    "SECOND",
    "UNDATED",
    "UNREADABLE",
    "asked",
    "micros",
    "moment",
    "outside",
]

SECOND: Final = 1_000_000
UNDATED: Final = -(2**61)
"""Where works without a timestamp stand: before all others."""
UNREADABLE: Final = UNDATED - 1
"""The stamp of works whose timestamp cannot be read: when they were modified, only the server can say."""
EARLIEST: Final = UNDATED + 1
LATEST: Final = 2**61

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_EDGE: Final = timedelta(milliseconds=1)
_TOLERANCE: Final = timedelta(seconds=2)


def micros(instant: datetime | None) -> int:
    """Microseconds since 1970 of an aware datetime; `UNDATED` for None."""
    if instant is None:
        return UNDATED
    since = instant - _EPOCH
    return (since.days * 86400 + since.seconds) * SECOND + since.microseconds


FIRST: Final = micros(datetime.min.replace(tzinfo=UTC))
LAST: Final = micros(datetime.max.replace(tzinfo=UTC))
"""Between these two, a range has the bounds that are asked for; beyond them it has none."""


def moment(stamp: int) -> datetime | None:
    """The datetime of a stamp, None where it lies outside of the years 1 to 9999."""
    try:
        return _EPOCH + timedelta(microseconds=stamp)
    except OverflowError:
        return None


def asked(low: int, high: int) -> tuple[datetime | None, datetime | None]:
    """The range to ask for to have all works from `low` to `high`, both inclusive; None: no bound.

    It is a little wider, since a server may trim to seconds what it compares, or exclude the bounds that it documents
    as inclusive. A range that begins with the works without a timestamp is no range: they are in none.
    """
    if low <= UNDATED:
        return None, None
    after, before = moment(low // SECOND * SECOND), moment((high // SECOND + 1) * SECOND)
    try:
        return None if after is None else after - _EDGE, before
    except OverflowError:
        return None, before


def outside(instant: datetime, after: datetime | None, before: datetime | None) -> bool:
    """Whether an instant lies so far outside of the range asked for that the server cannot have applied it."""
    if after is not None and instant < after and after - instant > _TOLERANCE:
        return True
    return before is not None and instant > before and instant - before > _TOLERANCE
