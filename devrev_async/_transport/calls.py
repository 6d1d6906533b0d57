"""The calls in flight of a client: `close` ends them, and the read timeouts of them all are watched by one timer."""

from __future__ import annotations

import asyncio
from typing import Any

from .read_timeout import ReadTimeoutWatchdog, Watched

__all__ = ["CallRegistry"]


class CallRegistry:
    """Which task waits in which call.

    Attributes:
        calls: by task; a task that waits in two calls, one inside of the other, stands for the inner one.
        ended: tasks that `end_all` cancelled and that have not noticed yet.
        watchdog: of the calls' read timeouts.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.calls: dict[asyncio.Task[Any], Watched] = {}
        self.ended: set[asyncio.Task[Any]] = set()
        self.watchdog = ReadTimeoutWatchdog(loop, self.calls.values())

    def end_all(self) -> None:
        """Cancel the tasks of all calls; `absolve` distinguishes that from a cancellation by others."""
        self.watchdog.stop()
        for task in self.calls:
            self.ended.add(task)
            task.cancel("the client was closed")

    def absolve(self, task: asyncio.Task[Any], cancelled: int) -> bool:
        """Undo the cancellation by `end_all`.

        Args:
            task: the task of a call.
            cancelled: the value of its `cancelling()` when the call began.

        Returns:
            Whether nothing else has cancelled it since.
        """
        if task not in self.ended:
            return False
        self.ended.discard(task)
        return task.uncancel() <= cancelled
