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

import anyio

__all__ = ["Limiter", "Quota", "ServerClock", "WaitTooLongError"]

MARGIN: Final = 0.02
"""Seconds after a quota's reset before the next request: the reset is to have happened when it arrives."""

FARTHEST_RESET: Final = 366 * 86400.0
"""A reset farther away than this (seconds) is taken for garbage, as milliseconds for seconds would be."""

LONGEST_SPREAD: Final = 2.0
"""Seconds over which the tasks that waited for a pause are let out, at most."""


class WaitTooLongError(Exception):
    """The wait would exceed the bound.

    Attributes:
        seconds: the wait.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds


class ServerClock:
    """What the server's clock says at an instant of ours, from the dates of its answers, which are whole seconds."""

    __slots__ = ("_high", "_low")

    def __init__(self) -> None:
        self._low: float | None = None
        self._high: float | None = None

    def observe(self, date: float, sent: float, received: float) -> None:
        """An answer stamped `date` (epoch) that was asked for and received at these instants of our clock."""
        low, high = date - received, date + 1 - sent
        if self._low is None or self._high is None or low > self._high or high < self._low:
            self._low, self._high = low, high  # the first, or one of the clocks was set
        else:
            self._low, self._high = max(self._low, low), min(self._high, high)

    def offset(self, wall: float) -> float:
        """Seconds to add to our clock to have the server's; `wall` is the offset of our machine's own wall clock.

        The wall clock is believed as long as the server's dates do not contradict it, since it has a finer scale;
        else the least offset that the dates allow, which makes every deadline of the server's the latest possible.
        """
        if self._low is None or self._high is None or self._low <= wall <= self._high:
            return wall
        return self._low


class Quota:
    """How many requests the server still takes, as far as its answers tell. All instants are of one clock of ours.

    What is left is the least that was reported in this window, less what is in flight, since those may or may not
    be counted already. Once the window has passed, one request goes ahead to learn what the next one holds.
    """

    __slots__ = ("_awaited", "_key", "_received", "_reserve", "in_flight", "limit", "remaining", "reset")

    def __init__(self, reserve: float = 0.0) -> None:
        self._reserve = reserve
        self.limit: int | None = None
        self.remaining: int | None = None
        self.reset = 0.0
        self._key = 0.0
        self._received = 0.0
        self.in_flight = 0
        self._awaited = 0  # answers that must come before the window after this one is known, or given up on

    def observe(
        self, *, limit: int | None, remaining: int, reset: float, key: float, sent: float, received: float
    ) -> None:
        """An answer's report: `reset` is the window's end, `key` the same as the server wrote it."""
        if reset - received > FARTHEST_RESET:
            return
        newer = self.remaining is None or sent >= self._received or key > self._key
        if newer:
            self.remaining = remaining
        elif key == self._key and self.remaining is not None:
            self.remaining = min(self.remaining, remaining)
        else:
            return  # of a window that has passed
        self.limit = limit if limit is not None else self.limit
        self._key, self.reset = key, reset
        self._received = max(self._received, received)
        if newer:
            self._awaited = 0
        if reset <= received and newer:
            self.remaining = None  # a window that was over when it was reported tells nothing

    def delay(self, now: float) -> float | None:
        """0 to go ahead, seconds to wait, or None: an answer in flight must come first."""
        if self.remaining is None:
            return 0.0
        if now >= self.reset + MARGIN:
            if self._awaited:
                return None
            self._awaited = self.in_flight + 1
            return 0.0
        if self.remaining - self.in_flight - int((self.limit or 0) * self._reserve) > 0:
            return 0.0
        if self.in_flight and self.remaining - int((self.limit or 0) * self._reserve) > 0:
            return None
        return self.reset + MARGIN - now

    def sent(self) -> None:
        """A request goes out."""
        self.in_flight += 1

    def answered(self) -> None:
        """A request was answered, or its answer is lost."""
        self.in_flight -= 1
        if self._awaited:
            self._awaited -= 1
            if not self._awaited:
                self.remaining = None  # the window is over, and no answer has told of the next one

    def withdrawn(self) -> None:
        """A request did not go out after all."""
        self.in_flight -= 1
        self._awaited = 0


class Limiter:
    """The gate that every request of a client passes.

    Args:
        max_concurrency: requests in flight.
        reserve: share of the quota (0 to 1) that is left to others.
    """

    def __init__(self, max_concurrency: int, *, reserve: float = 0.0) -> None:
        self.quota = Quota(reserve)
        self.clock = ServerClock()
        self._slots = anyio.Semaphore(max_concurrency, max_value=max_concurrency, fast_acquire=True)
        self._paused_until = 0.0
        self._spread = 0.0
        self._waiting = 0
        self._changed = asyncio.Event()

    async def acquire(self, max_wait: float, on_wait: Callable[[float], None]) -> float:
        """Wait for a turn and a slot; `answered` and `release` must follow. `on_wait` is told of a wait that is about to begin, once.

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

    def answered(self) -> None:
        """The request that had its turn was answered, or its answer is lost."""
        self.quota.answered()
        self._wake()

    def withdrawn(self) -> None:
        """The request that had its turn was not sent."""
        self.quota.withdrawn()
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

    def report(
        self, *, limit: int | None, remaining: int, reset: float, date: float | None, sent: float
    ) -> None:
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
            delay = self._delay(now, max_wait)
            if delay == 0.0:
                return now
            if delay is not None and delay > max_wait:
                raise WaitTooLongError(delay)
            if delay is not None and not told:
                told = True
                on_wait(delay)
            await self._sleep(delay)
            now = time.monotonic()

    def _delay(self, now: float, max_wait: float) -> float | None:
        if now < self._paused_until:
            left = self._paused_until - now
            return left if left > max_wait else left + random.uniform(0, self._spread)  # noqa: S311
        return self.quota.delay(now)

    async def _sleep(self, delay: float | None) -> None:
        if delay is not None:
            await asyncio.sleep(delay)
            return
        self._waiting += 1
        try:
            await self._changed.wait()
        finally:
            self._waiting -= 1
