"""Whether counts that contradict pages are borne out by what is fetched because of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .intervals import second_of
from .tuning import BORNE_OUT, HAD_ROOM, LIES, SUSPECTS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .intervals import Key
    from .messages import Request


class Doubts:
    """The last pages that a count contradicted, and how often in a row that brought nothing.

    Args:
        now: when the run began, in microseconds since 1970.
    """

    def __init__(self, now: int) -> None:
        self._now = now
        self._suspects: list[tuple[int, int, set[Key]]] = []
        self._lies = 0

    def parent(self, request: Request) -> set[Key] | None:
        """Returns the works of the last page that a count contradicted and from whose range this one was cut."""
        for low, high, keys in reversed(self._suspects):
            if low <= request.low and request.high <= high:
                return keys
        return None

    def note_page(self, request: Request, keys: Iterable[Key]) -> None:
        """A page was answered: works that the one before it did not show bear the count out."""
        parent = self.parent(request)
        if parent is not None and any(
            request.low <= second_of(key) < request.high and key[0] <= self._now and key not in parent for key in keys
        ):
            self._lies = BORNE_OUT

    def trust(self, request: Request, shown: set[Key]) -> bool:
        """Returns whether a count that says more than `shown` can be trusted still; not after too many for nothing."""
        inside = {key for key in shown if request.low <= second_of(key) < request.high}
        parent = self.parent(request)
        if parent is not None and inside <= parent and len(inside) <= HAD_ROOM * len(parent):
            self._lies += 1
        if self._lies >= LIES:
            return False
        self._suspects = [*self._suspects[-SUSPECTS:], (request.low, request.high, inside)]
        return True
