"""Limits requests by concurrency, by the pauses that a server asks for, and by its quota. Knows no HTTP.

A request passes the semaphore, then the pause that a 429 imposes on every task, then the quota that the server reports.
`Quota` and `ServerClock` are pure (the time is an argument); `Limiter` waits.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from typing import Final

from .headers import parse_http_date, parse_quota
from .quota import MARGIN, Quota, ServerClock, Wait

LONGEST_SPREAD: Final = 2.0
"""Seconds over which the tasks that waited for a pause resume, at most."""

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
    """Decides when a request of a client may be sent: free slots, the server's pauses, and its quota.

    Args:
        max_concurrency: requests in flight.
        reserve: share of the quota (0 to 1) that other clients keep.

    Attributes:
        slots: a semaphore with one slot for each request in flight.
        paused_until: monotonic seconds; nothing is sent before.
        reported: limit, remaining and reset (epoch seconds) as the last response with a quota had them, or None.
    """

    def __init__(self, max_concurrency: int, *, reserve: float = 0.0) -> None:
        self.quota = Quota(reserve)
        self.clock = ServerClock()
        self.reported: tuple[int | None, int | None, float | None] | None = None
        self.slots = asyncio.BoundedSemaphore(max_concurrency)
        self.paused_until = 0.0
        self._date: str | None = None
        self._epoch: float | None = None
        self._latest_sent = 0.0
        self._latest_received = 0.0
        self._reset = (-1.0, 0.0)
        self._spread = 0.0
        self._waiting = 0
        self._changed = asyncio.Event()

    async def acquire(self, max_wait: float, on_wait: Callable[[float], None], leaves: int = 0) -> float:
        """Waits until a request may be sent; `responded`, `lost` or `withdrawn` must follow, and a release of `slots`.

        `on_wait` is called with the seconds of a wait that is about to begin, once. `leaves` is how many requests of
        the reported quota are left to others.

        Returns:
            The instant (monotonic seconds) at which the request was admitted; it identifies the request.

        Raises:
            WaitTooLongError: the server asks for a wait of more than `max_wait`.
        """
        await self.slots.acquire()
        try:
            now = time.monotonic()
            if now < self.paused_until or self.quota.remaining is not None:
                now = await self._pass(now, max_wait, on_wait, leaves)
        except BaseException:
            self.slots.release()
            raise
        self.quota.in_flight += 1
        return now

    def responded(
        self, turn: float, *, limit: str | None, remaining: str | None, reset: str | None, date: str | None
    ) -> None:
        """Notes the response to the request admitted at `turn`, with these headers as the server sent them.

        `Date` is parsed when it changes, which is once a second, and not for each response.
        """
        now = time.monotonic()
        if remaining is not None or limit is not None:
            numbers = parse_quota(limit, remaining, reset)
            if numbers[0] is not None or numbers[1] is not None:
                self.reported = numbers
                most, left, end = numbers
                if left is not None and end is not None:
                    self._observe_date(date, turn, now)
                    if self._reset[0] != end:
                        self._reset = (end, self._on_our_clock(end, now))
                    at = self._reset[1]
                    self.quota.in_flight -= 1
                    self.quota.observe(limit=most, remaining=left, reset=at, key=end, sent=turn, received=now)
                    self._wake()
                    return
        self.quota.answered(turn, now)
        self._wake()

    def _observe_date(self, date: str | None, sent: float, received: float) -> None:
        """Notes a response's `Date`: the first and the last one of each second bound the server's clock best."""
        if date != self._date:
            if self._epoch is not None:
                self.clock.observe(self._epoch, self._latest_sent, self._latest_received)
            self._date, self._epoch, self._latest_sent = date, parse_http_date(date), sent
            if self._epoch is not None:
                self.clock.observe(self._epoch, sent, received)
            self._reset = (-1.0, 0.0)
        self._latest_sent = max(self._latest_sent, sent)
        self._latest_received = received

    def lost(self, turn: float) -> None:
        """Notes that the request admitted at `turn` was sent and its response is lost."""
        self.quota.lost(turn, time.monotonic())
        self._wake()

    def withdrawn(self, turn: float) -> None:
        """Notes that the request admitted at `turn` was not sent."""
        self.quota.withdrawn(turn)
        self._wake()

    def _wake(self) -> None:
        if self._waiting:
            self._changed.set()
            self._changed = asyncio.Event()

    @property
    def paused(self) -> bool:
        """Whether nothing may be sent now."""
        return time.monotonic() < self.paused_until

    def pause(self, seconds: float) -> None:
        """Pauses every task for so many seconds. A pause never shortens another."""
        until = time.monotonic() + seconds
        if until > self.paused_until:
            self.paused_until = until
            self._spread = min(LONGEST_SPREAD, max(0.05, seconds / 10))

    def seconds_until(self, reset: float) -> float:
        """Returns the seconds until an instant of the server's clock (epoch); negative if it has passed."""
        now = time.monotonic()
        return self._on_our_clock(reset, now) + MARGIN - now

    def _on_our_clock(self, epoch: float, now: float) -> float:
        return epoch - self.clock.offset(time.time() - now)

    async def _pass(self, now: float, max_wait: float, on_wait: Callable[[float], None], leaves: int) -> float:
        reported = False
        while True:
            pause = self.paused_until - now
            wait = Wait(pause, firm=True) if pause > 0 else self.quota.wait(now, leaves)
            if wait is None:
                return now
            if wait.firm and wait.seconds > max_wait:
                raise WaitTooLongError(wait.seconds)
            if wait.firm and not reported:
                reported = True
                on_wait(wait.seconds)
            if pause > 0:
                await asyncio.sleep(pause + random.uniform(0, self._spread))  # noqa: S311 - it spreads load, no secret
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
