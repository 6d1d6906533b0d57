"""Tracks the quota that the server reports, and the server's clock. Pure: the time is an argument."""

from __future__ import annotations

import math
from collections import deque
from typing import Final, NamedTuple

__all__ = ["Quota", "ServerClock", "Wait"]

MARGIN: Final = 0.02
"""Seconds after a quota's reset before the next request: the reset is to have happened when it arrives."""

FARTHEST_RESET: Final = 366 * 86400.0
"""A reset farther away than this (seconds) is ignored as garbage, as milliseconds for seconds would be."""

LATEST_TURN: Final = 1.0
"""Seconds by which a server's window may end later than it reports: X-Ratelimit-Reset has a resolution of 1 s."""

ROUNDING: Final = 1.0
"""Seconds by which the reported end of one and the same window may differ between responses, where it is rounded."""

FLOAT_ROUNDING: Final = 0.1
"""The same where the end is reported with a fraction."""

PROBE_TIMEOUT: Final = 5.0
"""Seconds after which another request probes a new window if the first one has no response yet."""

MOST_LOSSES: Final = 256
"""Lost responses that are remembered."""


class ServerClock:
    """Estimates the server's clock from the dates of its responses, which have a resolution of 1 s."""

    __slots__ = ("_high", "_low")

    def __init__(self) -> None:
        self._low: float | None = None
        self._high: float | None = None

    def observe(self, date: float, sent: float, received: float) -> None:
        """Notes a response with `date` (epoch), and when its request was sent and it was received on our clock."""
        low, high = date - received, date + 1 - sent
        if self._low is None or self._high is None or low > self._high or high < self._low:
            self._low, self._high = low, high  # the first, or one of the clocks was set
        else:
            self._low, self._high = max(self._low, low), min(self._high, high)

    def offset(self, wall: float) -> float:
        """Returns the seconds between our monotonic clock and the server's; `wall` is the offset of our own wall clock.

        The wall clock is trusted as long as the server's dates do not contradict it, since it has a finer resolution;
        else the result is the least offset that the dates allow, which makes every deadline of the server's the latest
        possible.
        """
        if self._low is None or self._high is None or self._low <= wall <= self._high:
            return wall
        return self._low


class Wait(NamedTuple):
    """How long a request must wait.

    Attributes:
        seconds: until `Quota.wait` is to be called again.
        firm: only time ends the wait; otherwise a response in flight may end it sooner.
    """

    seconds: float
    firm: bool


class Quota:
    """Derives from responses how many requests the server still accepts. All instants are monotonic seconds.

    The remaining quota is the lowest that was reported in this window, minus the requests in flight, which the report
    may or may not include. Once the window has passed, one request probes the next one.

    A request is identified by the instant of its admission (`sent`).
    """

    __slots__ = (
        "_key",
        "_late",
        "_losses",
        "_probe",
        "_received",
        "_reserve",
        "in_flight",
        "limit",
        "remaining",
        "reset",
    )

    def __init__(self, reserve: float = 0.0) -> None:
        self._reserve = reserve
        self.limit: int | None = None
        self.remaining: int | None = None
        self.reset = 0.0
        self._key = 0.0
        self._received = 0.0
        self._late = MARGIN
        self._losses: deque[float] = deque(maxlen=MOST_LOSSES)  # when each was noticed
        self._probe: float | None = None  # the request that probes the next window
        self.in_flight = 0

    def observe(
        self, *, limit: int | None, remaining: int, reset: float, key: float, sent: float, received: float
    ) -> None:
        """Notes a response's report: `reset` is the window's end, `key` the same as the server wrote it.

        Responses overtake each other, so that a report may be older than what is known. That of a request sent after
        the last report was received is not; of others of this window the least counts; those of earlier windows are
        ignored. A report may predate a lost response: losses newer than its request are subtracted.
        """
        if sent == self._probe:
            self._probe = None
        if reset - received > FARTHEST_RESET:
            return
        if self._losses:
            remaining = max(0, remaining - sum(loss > sent for loss in self._losses))
            if self.in_flight <= 1:
                self._losses.clear()  # requests from now on are sent after them
        flicker = ROUNDING if key.is_integer() else FLOAT_ROUNDING
        turned = key > self._key + flicker or (key > self._key and sent >= self.reset)
        if self.remaining is None or turned or (sent >= self._received and key < self._key - flicker):
            self._key, self.reset, self.remaining = key, reset, remaining
            self._probe = None
        elif key < self._key - flicker:
            return
        else:
            self.reset = max(self.reset, reset) if key != self._key else reset
            self.remaining = remaining if sent >= self._received else min(self.remaining, remaining)
        self.limit = limit if limit is not None else self.limit
        self._received = max(self._received, received)
        if sent >= reset + LATEST_TURN:
            self.remaining = None  # the window had long passed when the request was sent
        elif sent >= reset + self._late:
            self._late = LATEST_TURN  # the server rounds the end down, or begins its windows late

    def wait(self, now: float, leaves: int = 0) -> Wait | None:
        """Returns how long to wait; None if the request may be sent now. `leaves` requests are kept for others."""
        if self.remaining is None:
            return None
        end = self.reset + self._late
        leaves = leaves if self.limit is None else min(leaves, max(0, self.limit - 1))
        kept = max(leaves, math.ceil((self.limit or 0) * self._reserve - 1e-9))
        if now >= end:
            if self.limit and self.in_flight >= max(1, self.limit - kept) and now < end + PROBE_TIMEOUT:
                return Wait(end + PROBE_TIMEOUT - now, firm=False)  # the new window may count those in flight
            if self._probe is None or now >= self._probe + PROBE_TIMEOUT:
                self._probe = now
                return None
            return Wait(self._probe + PROBE_TIMEOUT - now, firm=False)
        free = self.remaining - kept
        if free > self.in_flight:
            return None
        return Wait(end - now, firm=free <= 0 or not self.in_flight)

    def answered(self, sent: float, now: float) -> None:
        """Notes a response without rate-limit headers; one with them goes to `observe`."""
        if sent == self._probe:
            self.remaining = None  # the window is over, and the server does not report the next one
        self.lost(sent, now)

    def lost(self, sent: float, now: float) -> None:
        """Notes that the response to a request is lost; the server may have counted the request."""
        self.in_flight -= 1
        self._losses.append(now)
        if sent == self._probe:
            self._probe = None
        elif self.remaining:
            self.remaining -= 1

    def withdrawn(self, sent: float) -> None:
        """Notes that an admitted request was not sent."""
        self.in_flight -= 1
        if sent == self._probe:
            self._probe = None
