"""The retry policy, pure: what is sent again, and after what wait."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import backoff

__all__ = ["RETRIED_STATUSES", "leaves_open", "may_retry", "own_waits"]

RETRIED_STATUSES: Final = frozenset({408, 429, 500, 502, 503, 504})
"""Answers to a read that are worth asking again for."""

FIRST_WAIT: Final = 0.5
LONGEST_WAIT: Final = 30.0


def may_retry(*, read: bool, status: int | None, sent: bool, retry_after: float | None) -> bool:
    """Whether a request that failed may be sent again.

    Args:
        read: repeating the request changes nothing.
        status: the answer's status, or None where no (whole) answer came.
        sent: a byte of the request may have reached the server.
        retry_after: seconds that the answer asks to wait, or None.
    """
    if read:
        return status is None or status in RETRIED_STATUSES
    if status is None:
        return not sent
    return status == 429 or (status == 503 and retry_after is not None)


def leaves_open(*, read: bool, status: int | None, sent: bool, retry_after: float | None) -> bool:
    """Whether a request that failed may have been applied all the same."""
    if read or not sent:
        return False
    if status is None or 200 <= status < 300 or status == 408:
        return True
    return status >= 500 and not (status == 503 and retry_after is not None)


def own_waits() -> Iterator[float]:
    """Seconds to wait before each retry: exponential bounds from half a second to thirty, full jitter below them."""
    bounds = backoff.expo(base=2, factor=FIRST_WAIT, max_value=LONGEST_WAIT)
    next(bounds)  # the generator's first value is None, by its protocol
    for bound in bounds:
        yield backoff.full_jitter(bound)
