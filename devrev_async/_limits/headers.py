"""Reading the headers that speak of time. Pure; garbage is None, never an exception."""

from __future__ import annotations

import math
from datetime import UTC
from email.utils import parsedate_to_datetime

__all__ = ["parse_count", "parse_http_date", "parse_quota", "parse_retry_after", "parse_seconds"]


def parse_quota(
    limit: str | None, remaining: str | None, reset: str | None
) -> tuple[int | None, int | None, float | None]:
    """The headers X-Ratelimit-Limit, -Remaining and -Reset; None for each that is absent or garbage."""
    if limit and remaining and reset:
        digits = limit + remaining + reset
        if len(digits) <= 18 * 2 and digits.isascii() and digits.isdigit():  # the usual form, at a fraction of the cost
            return int(limit), int(remaining), float(reset)
    return parse_count(limit), parse_count(remaining), parse_seconds(reset)


def parse_http_date(value: str | None) -> float | None:
    """An HTTP date, in any of its three forms, as seconds since the epoch; None if it is none."""
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
    """A number of seconds, at least 0; None if it is none or not finite."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        seconds = float(value)
    except (ValueError, OverflowError):
        return None
    return max(0.0, seconds) if math.isfinite(seconds) else None


def parse_retry_after(value: str | None, *, now: float) -> float | None:
    """A Retry-After header, seconds (a fraction is taken too) or a date, as seconds from `now` (epoch), at least 0."""
    if value is None:
        return None
    seconds = parse_seconds(value.strip())
    if seconds is not None:
        return seconds
    moment = parse_http_date(value)
    return None if moment is None else max(0.0, moment - now)


def parse_count(value: str | None) -> int | None:
    """A whole number, at least 0, of at most 18 digits; None if it is none."""
    value = value.strip() if value else ""
    return int(value) if value.isascii() and value.isdigit() and len(value) <= 18 else None
