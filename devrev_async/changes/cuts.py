"""Where to cut a window of `modified_date` that has more works than memory has room for. Pure."""

from __future__ import annotations

from typing import Final

from .instants import FIRST, LAST, SECOND

__all__ = ["Cuts"]

_LONGEST: Final = 16 * 366 * 86400 * SECOND
"""How far back from the present the first cut of a window without a lower bound lies, twice."""

_GUESSES: Final = 2
"""Cuts that are placed by density before windows are halved: of works in lumps, densities say little."""


class Cuts:
    """Places cuts at whole seconds: by the density of the window before, then of the window itself, then in the middle.

    Works are modified at much the same rate from one window to the next, so that the first of these mostly fits, and a
    window takes one count. Halving bounds what it takes where that is not so.

    Args:
        now: the server's clock, in microseconds since 1970.
    """

    def __init__(self, now: int) -> None:
        self._now = now
        self._density: float | None = None
        self._made = 0

    def note(self, low: int, high: int, works: int) -> None:
        """A window was read, and had so many works; what follows is cut by its density."""
        length = min(high, self._now) - self._floor(low, high)
        self._density = works / length if works and length > 0 else None
        self._made = 0

    def cut(self, low: int, high: int, count: int | None, wanted: int) -> int:
        """The first stamp of the upper part, a whole second.

        Args:
            low: where the window begins.
            high: where it ends, inclusive; a whole second lies between the two.
            count: how many works it has; None if that is not known.
            wanted: how many of them should lie in the lower part.
        """
        self._made += 1
        if low <= self._now and high - self._now > _LONGEST:
            return self._now // SECOND * SECOND + SECOND
        floor = self._floor(low, high)
        first, last = (max(low, FIRST) // SECOND + 1) * SECOND, (min(high, LAST) - 1) // SECOND * SECOND
        return max(first, min(last, (floor + self._length(floor, high, count, wanted)) // SECOND * SECOND))

    def _length(self, low: int, high: int, count: int | None, wanted: int) -> int:
        if self._density is not None and self._made <= _GUESSES:
            density = self._density if self._made == 1 else (count or 0) / (high - low)
            if density > 0:
                return min(high - low, int(wanted / density))
        return (high - low + 1) // 2

    def _floor(self, low: int, high: int) -> int:
        return max(low, min(high, self._now) - _LONGEST)
