"""What a user may set, checked in one place, and what the client reports in return."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from inspect import iscoroutinefunction
from typing import Final, Literal

from msgspec import Struct
from msgspec.structs import force_setattr

from .errors import InvalidArgumentError, shown

__all__ = ["ClientEvent", "RateLimit", "Timeout"]

OVERLAP: Final = timedelta(minutes=5)
"""How late a change may become visible. DevRev publishes no bound: this is what other services were seen to need."""


class Timeout(Struct, frozen=True):
    """Bounds of one call, in seconds; None or infinity means no bound.

    Attributes:
        total: the whole call, its retries and waits included; of calls that iterate, each page. What a consumer of
            `export_stream` does between two works is not part of it.
        connect: all that comes before a request can be sent: name lookup, connecting, a proxy's answer, TLS. The wait
            for a free connection of the client's own pool is not part of it.
        read: the silence before the first and between any two chunks of a response.

    Raises:
        InvalidArgumentError: a bound is not above 0.
        TypeError: a bound is no number, or too large for a float.
    """

    total: float | None = None
    connect: float | None = 10.0
    read: float | None = 60.0

    def __post_init__(self) -> None:
        for name in ("total", "connect", "read"):
            value = getattr(self, name)
            if value is None:
                continue
            seconds = as_seconds(f"Timeout.{name}", value)
            if not seconds > 0:
                raise InvalidArgumentError(f"Timeout.{name} must be above 0 seconds, not {shown(value)}")
            if math.isinf(seconds):
                force_setattr(self, name, None)


class RateLimit(Struct, frozen=True):
    """The quota as the server last reported it (headers X-Ratelimit-Limit, -Remaining, -Reset).

    Attributes:
        limit: requests per window, or None if not reported.
        remaining: what was left of them, or None if not reported.
        reset_at: when the window ends, as an aware datetime in UTC, or None if not reported or not readable.
    """

    limit: int | None
    remaining: int | None
    reset_at: datetime | None


class ClientEvent(Struct, frozen=True):
    """What `on_event` is given: one record per start and end of a request, per retry, pause and wait.

    Attributes:
        kind: ``"request"``: a request is about to be sent; ``"response"``: that request has ended, after the body of
            its response was read, or without one; every request has one such end. ``"retry"``: a request will be sent
            again after `delay`; ``"pause"``: a response stopped every task of the client for `delay`; ``"wait"``: one
            call waits `delay` for such a pause or for the quota.
        endpoint: the API method, as in ``"works.get"``.
        delay: seconds; 0 of a request and its response.
        attempt: the number of the attempt that it is of, or that led to it, from 1; 0 before the first.
        status: the HTTP status of the response, or None where there was none.
        reason: a short phrase for a log: what went wrong, or what the wait is for.
        duration: seconds, of a ``"response"``: since its ``"request"``.
    """

    kind: Literal["request", "response", "retry", "pause", "wait"]
    endpoint: str
    delay: float
    attempt: int = 0
    status: int | None = None
    reason: str = ""
    duration: float = 0.0


def as_timeout(value: Timeout | float | None, default: Timeout) -> Timeout:
    """A user's `timeout=` as a `Timeout`: a plain number is the total, None keeps the default."""
    if value is None:
        return default
    if isinstance(value, Timeout):
        return value
    return Timeout(total=value, connect=default.connect, read=default.read)


def check_max_retries(value: int | None) -> int | None:
    """A user's `max_retries=` of one call; None keeps the client's."""
    if value is not None:
        problem = count_problem("max_retries", value, 0)
        if problem:
            raise InvalidArgumentError(problem)
    return value


def check_batch_size(n: int) -> int:
    """Returns the number of works of a batch, as given; TypeError or InvalidArgumentError for what is none."""
    if isinstance(n, bool) or not isinstance(n, int):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"n takes an int, not {type(n).__name__}")
    if n < 1:
        raise InvalidArgumentError(f"n takes at least 1, not {n}")
    return n


def count_problem(name: str, value: object, least: int) -> str | None:
    """What is wrong with a whole number, or None."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        return f"{name} takes an int of at least {least}, not {shown(value)}"
    return None


def check_flag(name: str, flag: object) -> None:
    """Checks an argument that is on or off.

    Raises:
        TypeError: it is no bool; ``"false"`` would be taken for True.
    """
    if not isinstance(flag, bool):
        raise TypeError(f"{name} takes a bool, not {type(flag).__name__}")


def check_callback(name: str, value: object) -> None:
    """Refuses a callback that cannot be called, or that nobody would await; TypeError, before anything is sent."""
    if value is not None and not callable(value):
        raise TypeError(f"{name} takes a callable, not {type(value).__name__}")
    if iscoroutinefunction(value) or iscoroutinefunction(getattr(value, "__call__", None)):  # noqa: B004 - its kind
        raise TypeError(f"{name} takes a plain function, and not a coroutine function, which it would have to wait for")


def as_seconds(name: str, value: object) -> float:
    """A user's number of seconds as a float, which may be infinite; TypeError for what is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{name} takes a number, not {type(value).__name__}")
    try:
        return float(value)
    except OverflowError:
        raise TypeError(f"{name} takes a number that a float can hold") from None
