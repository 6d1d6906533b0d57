"""What a command's client does: requests, waits, seconds."""

from __future__ import annotations

import time
from math import ceil
from typing import Final

from devrev_async import ClientEvent

from .output import is_watched, json_line, say

__all__ = ["Activity"]


_LONG: Final = 1.0
"""Seconds; a longer wait is said."""


class Activity:
    """Counts a client's requests from now on, and remembers what it waits for; `on_event` takes `note`.

    Args:
        aloud: a long wait has a line of its own on stderr, where that is a terminal.
    """

    def __init__(self, *, aloud: bool = False) -> None:
        self.requests = 0
        self._aloud = aloud
        self._started = time.monotonic()
        self._until = 0.0
        self._why = ""

    @property
    def seconds(self) -> float:
        """How long the command has run."""
        return time.monotonic() - self._started

    def note(self, event: ClientEvent) -> None:
        """Takes in an event of the client."""
        if event.kind == "request":
            self.requests += 1
        elif event.kind in ("pause", "wait"):
            self._until = time.monotonic() + event.delay
            self._why = event.reason or event.kind
            if self._aloud and event.delay > _LONG and is_watched():
                say(self.wait())

    def wait(self) -> str:
        """How long the wait goes on, and what for; empty where there is none."""
        left = self._until - time.monotonic()
        return f"waits {ceil(left)} s: {self._why}" if left > 0 else ""

    def as_json(self, **values: object) -> str:
        """The last line of a command as JSON: its own values, and the requests and seconds."""
        return json_line({**values, "requests": self.requests, "seconds": round(self.seconds, 3)})
