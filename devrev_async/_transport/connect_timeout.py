"""The time to connect, without the time in which the event loop was blocked."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Final, Self

__all__ = ["ConnectTimeout"]

_STEPS: Final = 8


class ConnectTimeout:
    """As `asyncio.timeout`, counted in steps; the event loop calls it late by one step in eight at most.

    A step during which the loop was blocked, or the process stopped, is not counted: what has arrived meanwhile lies in
    the sockets, and a handshake takes several turns of the loop. As many steps as there are may be late, no more.

    Args:
        seconds: until the task is cancelled and a `TimeoutError` is raised.
    """

    def __init__(self, seconds: float) -> None:
        self._step = seconds / _STEPS
        self._left = self._late = _STEPS
        self._timeout = asyncio.timeout(None)

    async def __aenter__(self) -> Self:
        await self._timeout.__aenter__()
        self._loop = asyncio.get_running_loop()
        self._begin_step()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        await self._timeout.__aexit__(kind, error, trace)

    def _begin_step(self) -> None:
        self._due = self._loop.time() + self._step
        self._timer = self._loop.call_at(self._due, self._end_step)

    def _end_step(self) -> None:
        if self._loop.time() - self._due > self._step and self._late:
            self._late -= 1
        else:
            self._left -= 1
        if self._left:
            self._begin_step()
        else:
            self._timeout.reschedule(self._loop.time())
