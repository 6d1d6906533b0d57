"""The read timeout of every attempt, watched by one timer of the loop. Knows no HTTP.

A timer of its own for each attempt, set anew with each chunk that arrives, would cost more than all else that the
client does for a small request, and aiohttp's own begins only once the request's body has been sent.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Iterable
from typing import Final, Protocol

__all__ = ["ReadTimeoutWatchdog", "Watched"]

_STEPS: Final = 8
"""A timeout may come late by one part in so many."""

_LONGEST_STEP: Final = 1.0
_SHORTEST_STEP: Final = 0.002

_PASSES: Final = 3
"""Passes of the event loop that an overdue attempt is given to read what has arrived: one for the socket (which some
loops serve after their timers), one for the task, one to spare."""


class Watched(Protocol):
    """An attempt that waits for the server."""

    @property
    def read_timeout(self) -> float | None:
        """Seconds, or None for no limit."""
        ...

    def is_overdue(self, now: float) -> bool:
        """Whether the server has been silent for longer than the timeout; `now` is monotonic."""
        ...

    def end_attempt(self) -> None:
        """End the attempt with a timeout."""
        ...


class ReadTimeoutWatchdog:
    """Checks the calls in flight every 1/8 of the shortest read timeout, and stops when there are none.

    The event loop may have been blocked, or the process stopped, for longer than the timeout: silence is judged after
    what arrived meanwhile was read.

    Attributes:
        covers: the shortest read timeout (seconds) that it checks often enough for; infinite while it is stopped. A
            call with a shorter one needs `watch`.
    """

    __slots__ = ("_calls", "_loop", "_step", "_timer", "covers")

    def __init__(self, loop: asyncio.AbstractEventLoop, calls: Iterable[Watched]) -> None:
        self._loop = loop
        self._calls = calls
        self._timer: asyncio.TimerHandle | None = None
        self._step = _LONGEST_STEP
        self.covers = math.inf

    def watch(self, read_timeout: float) -> None:
        """A call with this timeout begins."""
        if self._timer is None:
            self._arm(_LONGEST_STEP)
        if read_timeout < self._step * _STEPS and self._step > _SHORTEST_STEP:
            self._arm(read_timeout / _STEPS)

    def stop(self) -> None:
        """Stop until the next call begins."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self.covers = math.inf

    def _arm(self, step: float) -> None:
        self.stop()
        self._step = max(_SHORTEST_STEP, min(_LONGEST_STEP, step))
        self._timer = self._loop.call_later(self._step, self._check)
        self.covers = self._step * _STEPS

    def _check(self) -> None:
        self._timer = None
        self.covers = math.inf
        now = time.monotonic()
        timeouts: list[float] = []
        for call in list(self._calls):
            if call.read_timeout is not None:
                timeouts.append(call.read_timeout)
                if call.is_overdue(now):
                    self._loop.call_soon(self._confirm, call, _PASSES)
        if timeouts:
            self._arm(min(timeouts) / _STEPS)

    def _confirm(self, call: Watched, passes: int) -> None:
        if passes:
            self._loop.call_soon(self._confirm, call, passes - 1)
        elif call.is_overdue(time.monotonic()):
            call.end_attempt()
