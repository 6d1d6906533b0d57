"""The retry policy: which requests are retried, and after what delay. Pure."""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import backoff

__all__ = ["LONGEST_WAIT", "RETRIED_STATUSES", "RetryPolicy", "leaves_open", "may_retry", "own_wait"]

RETRIED_STATUSES: Final = frozenset({408, 429, 500, 502, 503, 504})
"""Statuses after which an idempotent request is retried."""

LONGEST_WAIT: Final = 366 * 86400.0
"""Seconds that a call waits or a client pauses, at most: a server that asks for more is mistaken."""

_MOST_DOUBLINGS: Final = 64


class RetryPolicy(NamedTuple):
    """The options of a client that decide whether there is another attempt.

    Attributes:
        max_retries: attempts after the first.
        retry_wait: the upper bounds of the first and of the longest exponential backoff (seconds).
        max_rate_limit_wait: the longest wait that a server may ask for (seconds); a longer one is an error at once.
    """

    max_retries: int = 4
    retry_wait: tuple[float, float] = (0.5, 30.0)
    max_rate_limit_wait: float = 330.0

    def decide(
        self,
        *,
        idempotent: bool,
        status: int | None,
        sent: bool,
        retry_after: float | None,
        retries: int,
        time_left: float,
    ) -> float | None:
        """Returns the seconds until the next attempt, or None if there is none.

        Args:
            idempotent: repeating the request changes nothing.
            status: of the response, or None where no (whole) response came.
            sent: a byte of the request may have reached the server.
            retry_after: seconds that the response asks to wait, or None; a floor for the wait.
            retries: made so far.
            time_left: seconds until the deadline of the call.
        """
        allowed = may_retry(idempotent=idempotent, status=status, sent=sent, retry_after=retry_after)
        if not allowed or retries >= self.max_retries or self.is_too_long(retry_after):
            return None
        own = own_wait(retries, self.retry_wait, at_least_bound=status == 429 and retry_after is None)
        delay = max(own, retry_after or 0.0)
        return delay if delay < time_left else None

    @property
    def longest_wait(self) -> float:
        """The longest wait that a server may ask for, in seconds."""
        return min(self.max_rate_limit_wait, LONGEST_WAIT)

    def is_too_long(self, seconds: float | None) -> bool:
        """Returns whether a server asks for a longer wait than `longest_wait`."""
        return seconds is not None and seconds > self.longest_wait


def may_retry(*, idempotent: bool, status: int | None, sent: bool, retry_after: float | None) -> bool:
    """Returns whether a failed request may be retried; arguments as of `RetryPolicy.decide`."""
    if idempotent:
        return status is None or status in RETRIED_STATUSES
    if status is None:
        return not sent
    return status == 429 or (status == 503 and retry_after is not None)


def leaves_open(*, idempotent: bool, status: int | None, sent: bool, retry_after: float | None) -> bool:
    """Returns whether a failed request may have been applied; arguments as of `RetryPolicy.decide`."""
    if idempotent or not sent:
        return False
    if status is None or 200 <= status < 300 or status == 408:
        return True
    return status >= 500 and not (status == 503 and retry_after is not None)


def own_wait(retries: int, bounds: tuple[float, float], *, at_least_bound: bool = False) -> float:
    """Returns the seconds of exponential backoff: full jitter below a bound that doubles with each retry.

    Args:
        retries: made so far.
        bounds: the bound of the first wait, and of the longest.
        at_least_bound: add the jitter to the bound instead: a 429 without Retry-After is not to be retried at once.
    """
    first, longest = bounds
    bound = min(longest, math.ldexp(first, min(retries, _MOST_DOUBLINGS)))
    jitter = backoff.full_jitter(bound)
    return min(longest, bound + jitter) if at_least_bound else jitter
