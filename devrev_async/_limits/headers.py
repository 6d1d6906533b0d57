"""Parses the headers of rate limits, dates and waits. Pure; an invalid value is None, never an exception."""

from __future__ import annotations

import math
import re
import sys
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final, cast

__all__ = ["parse_count", "parse_http_date", "parse_quota", "parse_retry_after", "parse_seconds"]

_NUMBER: Final = re.compile(r"[+-]?[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?")
"""As servers write numbers; `float` takes underscores and the digits of every script, too."""


def parse_quota(
    limit: str | None, remaining: str | None, reset: str | None
) -> tuple[int | None, int | None, float | None]:
    """Parses X-Ratelimit-Limit, -Remaining and -Reset; None for each that is absent or invalid."""
    if limit and remaining and reset:
        digits = limit + remaining + reset
        # the usual form, at a fraction of the cost
        if len(limit) <= 18 and len(remaining) <= 18 and len(reset) <= 18 and digits.isascii() and digits.isdigit():
            return int(limit), int(remaining), float(reset)
    return parse_count(limit), parse_count(remaining), parse_seconds(reset)


def parse_http_date(value: str | None) -> float | None:
    """Parses an HTTP date, in any of its three forms (RFC 9110), to seconds since the epoch; None if it is invalid."""
    if not value:
        return None
    try:
        moment = parsedate_to_datetime(value)
        if moment.tzinfo is None:  # "-0000" and the asctime form name no zone and mean UTC
            moment = moment.replace(tzinfo=UTC)
        return moment.timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def parse_seconds(value: object) -> float | None:
    """Parses a number of seconds, raised to at least 0; None if it is invalid.

    One that no float can hold is the largest that can: it is longer than any bound, and no absence of a number.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    if isinstance(value, str) and not _NUMBER.fullmatch(value.strip()):
        return None
    try:
        seconds = float(value)
    except OverflowError:
        seconds = math.inf if cast("int", value) > 0 else 0.0
    return None if math.isnan(seconds) else min(max(0.0, seconds), sys.float_info.max)


def parse_retry_after(value: object, *, now: float) -> float | None:
    """Parses a wait, as seconds (fractions included) or as a date, to seconds after `now` (epoch), at least 0.

    A date is one of HTTP or, as the JSON of a body may have it, of RFC 3339. None if the value is invalid.
    """
    if not isinstance(value, str):
        return parse_seconds(value)
    value = value.strip()
    seconds = parse_seconds(value)
    if seconds is not None:
        return seconds
    moment = _parse_rfc3339(value)
    if moment is None:
        moment = parse_http_date(value)
    return None if moment is None else max(0.0, moment - now)


def _parse_rfc3339(value: str) -> float | None:
    try:
        moment = datetime.fromisoformat(value)
        return None if moment.tzinfo is None else moment.timestamp()
    except (ValueError, OverflowError):
        return None


def parse_count(value: str | None) -> int | None:
    """Parses an integer of at least 0 and at most 18 digits; None if it is invalid."""
    value = value.strip() if value else ""
    return int(value) if value.isascii() and value.isdigit() and len(value) <= 18 else None
