"""Turns of other threads while works are converted in one."""

from __future__ import annotations

import threading
import time
from typing import Final

__all__ = ["Turns"]

EVERY: Final = 0.001
"""Seconds for which the thread keeps the interpreter at most, apart from single calls that take longer."""

PAUSE: Final = 10e-6
"""Seconds that it sleeps then; it takes some 60 us. A sleep of 0 would leave the interpreter to the same thread."""


class Turns:
    """Lets other threads have the interpreter every millisecond.

    The interpreter by itself switches threads every five milliseconds, and each time that an event loop waits for a
    socket or reads from one, it would wait so long for its next turn: ten such steps make it late by 50 ms.
    """

    def __init__(self) -> None:
        self._since = time.perf_counter()

    def offer(self) -> None:
        """Sleeps for a moment, if the last one is a millisecond ago and there are other threads."""
        if time.perf_counter() - self._since >= EVERY and threading.active_count() > 1:
            time.sleep(PAUSE)
            self._since = time.perf_counter()
