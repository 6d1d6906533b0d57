"""The rate limit: a number of requests a window, reported in the headers of every answer."""

import math
import time
from collections.abc import Callable


class Quota:
    """Counts requests in consecutive fixed windows, the first of which begins with the second of the first request.

    So X-Ratelimit-Reset, which the API writes in whole seconds, is exact where `window` is a whole number.
    """

    def __init__(self, limit: int, window: float, clock: Callable[[], float] = time.time) -> None:
        self._limit = limit
        self._window = window
        self._clock = clock
        self._start: float | None = None
        self._used = 0

    def spend(self) -> float | None:
        """Counts one request. Returns None, or the seconds until the window ends where the quota is exhausted."""
        now = self._turn()
        if self._used < self._limit:
            self._used += 1
            return None
        return max(self._end() - now, 0.0)

    def headers(self) -> dict[str, str]:
        self._turn()
        return {
            "X-Ratelimit-Limit": str(self._limit),
            "X-Ratelimit-Remaining": str(self._limit - self._used),
            "X-Ratelimit-Reset": str(math.ceil(self._end())),
        }

    def _turn(self) -> float:
        now = self._clock()
        if self._start is None:
            self._start = math.floor(now)
        if not self._start <= now < self._end():  # before its start if the clock was set back
            self._start += (now - self._start) // self._window * self._window
            self._used = 0
        return now

    def _end(self) -> float:
        return (self._start or 0.0) + self._window
