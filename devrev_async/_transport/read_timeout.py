"""The read timeout of every attempt, watched by one timer of the loop. Knows no HTTP.

A timer of its own for each attempt, set anew with each piece that arrives, would cost more than all else that the
client does for a small request.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from typing import Final, Protocol

__all__ = ["Listening", "ReadTimeoutWatchdog"]

_STEPS: Final = 8
"""A timeout may come late by one part in so many."""

_LONGEST_STEP: Final = 1.0
_SHORTEST_STEP: Final = 0.002


class Listening(Protocol):
    """What waits for the server."""

    @property
    def patience(self) -> float | None:
        """Seconds of silence that it bears; None: any."""
        ...

    def end_silence(self, now: float) -> None:
        """Give up if the server has been silent for too long; `now` is monotonic."""
        ...


class ReadTimeoutWatchdog:
    """Looks at all that listens, often enough for the least patient, and only while there is any."""

    __slots__ = ("_listening", "_loop", "_step", "_timer")

    def __init__(self, loop: asyncio.AbstractEventLoop, listening: Iterable[Listening]) -> None:
        self._loop = loop
        self._listening = listening
        self._timer: asyncio.TimerHandle | None = None
        self._step = _LONGEST_STEP

    def watch(self, patience: float) -> None:
        """Something with this patience listens from now on."""
        if self._timer is None:
            self._arm(_LONGEST_STEP)
        if patience < self._step * _STEPS and self._step > _SHORTEST_STEP:
            self._arm(patience / _STEPS)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self, step: float) -> None:
        self.stop()
        self._step = max(_SHORTEST_STEP, min(_LONGEST_STEP, step))
        self._timer = self._loop.call_later(self._step, self._look)

    def _look(self) -> None:
        self._timer = None
        now = time.monotonic()
        patience: list[float] = []
        for one in list(self._listening):
            one.end_silence(now)
            if one.patience is not None:
                patience.append(one.patience)
        if patience:
            self._arm(min(patience) / _STEPS)
