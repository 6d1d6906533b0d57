"""The requests that are not answered yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .intervals import Interval
    from .messages import Request


class InFlight:
    """Requests by number. Numbers go up from 1, one for each request of a run."""

    def __init__(self) -> None:
        self._requests: dict[int, Request] = {}
        self._number = 0

    def __len__(self) -> int:
        return len(self._requests)

    def __iter__(self) -> Iterator[Request]:
        return iter(self._requests.values())

    @property
    def begun(self) -> bool:
        """Whether anything was asked for in this run."""
        return self._number > 0

    @property
    def exports(self) -> list[Request]:
        """Those of `works.export`."""
        return [request for request in self if request.kind == "export"]

    @property
    def only_counts(self) -> bool:
        """Whether no page is under way."""
        return all(request.kind == "count" for request in self)

    @property
    def sent(self) -> int:
        """How many requests were made in this run, answered or not."""
        return self._number

    def next_number(self) -> int:
        """Returns the number of a new request."""
        self._number += 1
        return self._number

    def add(self, request: Request) -> None:
        """The request is sent."""
        self._requests[request.number] = request

    def remove(self, request: Request) -> None:
        """The request is answered."""
        del self._requests[request.number]

    def covers(self, low: int, high: int) -> bool:
        """Whether a page is under way for a part of this interval."""
        return any(each.kind != "count" and each.low < high and each.high > low for each in self)


def begins_in(request: Request, intervals: Sequence[Interval]) -> Interval | None:
    """Returns the interval whose works a page shows first; those behind it were one with it when it was asked for."""
    within = [each for each in intervals if request.low < each.high and request.high > each.low]
    if not within:
        return None
    return max(within, key=lambda each: each.low) if request.descending else min(within, key=lambda each: each.low)
