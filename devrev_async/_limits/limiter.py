"""How many requests are in flight, how fast they may follow each other, and when all must stop. Knows no HTTP.

Three gates stand one behind the other: the semaphore, the pause that a refusal imposes on every task, and the quota
as the server reports it. `Quota` and `ServerClock` are pure (the time is an argument); `Limiter` waits.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from typing import Final

from .quota import MARGIN, Quota, ServerClock, Wait

LONGEST_SPREAD: Final = 2.0
"""Seconds over which the tasks that waited for a pause are let out, at most."""

__all__ = ["Limiter", "WaitTooLongError"]


class WaitTooLongError(Exception):
    """The wait would exceed the bound.

    Attributes:
        seconds: the wait.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds


class Limiter:
    """The gate that every request of a client passes.

    Args:
        max_concurrency: requests in flight.
        reserve: share of the quota (0 to 1) that is left to others.
    """

    def __init__(self, max_concurrency: int, *, reserve: float = 0.0) -> None:
        self.quota = Quota(reserve)
        self.clock = ServerClock()
        self._slots = asyncio.BoundedSemaphore(max_concurrency)
        self._paused_until = 0.0
        self._spread = 0.0
        self._waiting = 0
        self._changed = asyncio.Event()

    async def acquire(self, max_wait: float, on_wait: Callable[[float], None]) -> float:
        """Wait for a turn and a slot; `answered`, `lost` or `withdrawn`, and `release` must follow.

        `on_wait` is told of a wait that is about to begin, once.

        Returns:
            The instant (monotonic seconds) at which the turn came.

        Raises:
            WaitTooLongError: the server asks for a wait of more than `max_wait`.
        """
        await self._slots.acquire()
        try:
            now = time.monotonic()
            if now < self._paused_until or self.quota.remaining is not None:
                now = await self._pass(now, max_wait, on_wait)
        except BaseException:
            self._slots.release()
            raise
        self.quota.sent()
        return now

    def answered(self, turn: float, *, reported: bool) -> None:
        """The request that had its turn then was answered; `reported` says whether `report` was called."""
        if reported:
            self.quota.in_flight -= 1
        else:
            self.quota.answered(turn, time.monotonic())
        self._wake()

    def lost(self, turn: float) -> None:
        """The request that had its turn then was sent, and its answer is lost."""
        self.quota.lost(turn, time.monotonic())
        self._wake()

    def withdrawn(self, turn: float) -> None:
        """The request that had its turn then was not sent."""
        self.quota.withdrawn(turn)
        self._wake()

    def _wake(self) -> None:
        if self._waiting:
            self._changed.set()
            self._changed = asyncio.Event()

    def release(self) -> None:
        """Give the slot back."""
        self._slots.release()

    async def retake(self) -> None:
        """Take a slot again to go on with a request that was sent before."""
        await self._slots.acquire()

    @property
    def paused(self) -> bool:
        """Whether nothing may be sent now."""
        return time.monotonic() < self._paused_until

    def pause(self, seconds: float) -> None:
        """Stop every task for so long. One pause never shortens another."""
        until = time.monotonic() + seconds
        if until > self._paused_until:
            self._paused_until = until
            self._spread = min(LONGEST_SPREAD, max(0.05, seconds / 10))

    def report(self, *, limit: int | None, remaining: int, reset: float, date: float | None, sent: float) -> None:
        """What an answer says of the quota: `reset` and `date` are epoch seconds of the server's clock."""
        received = time.monotonic()
        if date is not None:
            self.clock.observe(date, sent, received)
        at = self._on_our_clock(reset, received)
        self.quota.observe(limit=limit, remaining=remaining, reset=at, key=reset, sent=sent, received=received)

    def seconds_until(self, reset: float) -> float:
        """How long it is until an instant of the server's clock (epoch); negative if it has passed."""
        now = time.monotonic()
        return self._on_our_clock(reset, now) + MARGIN - now

    def _on_our_clock(self, epoch: float, now: float) -> float:
        return epoch - self.clock.offset(time.time() - now)

    async def _pass(self, now: float, max_wait: float, on_wait: Callable[[float], None]) -> float:
        told = False
        while True:
            pause = self._paused_until - now
            wait = Wait(pause, firm=True) if pause > 0 else self.quota.wait(now)
            if wait is None:
                return now
            if wait.firm and wait.seconds > max_wait:
                raise WaitTooLongError(wait.seconds)
            if wait.firm and not told:
                told = True
                on_wait(wait.seconds)
            if pause > 0:
                await asyncio.sleep(pause + random.uniform(0, self._spread))  # noqa: S311 - it spreads load, and guards nothing
            else:
                await self._until_changed(wait.seconds)
            now = time.monotonic()

    async def _until_changed(self, longest: float) -> None:
        self._waiting += 1
        try:
            async with asyncio.timeout(longest):
                await self._changed.wait()
        except TimeoutError:
            pass
        finally:
            self._waiting -= 1
