"""Where a count cut what is left in two, and how many works stand on either side."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .intervals import SECOND
from .tuning import BOTH

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .intervals import Batch, Interval


@dataclass(slots=True)
class Halves:
    """Two sides of a second, each counted.

    Attributes:
        second: where the later side begins.
        gain: works that a page brings at least, beside those that it shows once more.
        counted: works in the later side; None until the count is answered.
        proved: those of them that are proved.
        cut: whether the open interval was cut there.
    """

    second: int
    gain: int
    counted: int | None = None
    proved: int = 0
    cut: bool = False

    def note(self, batch: Batch[Any]) -> None:
        """Takes in a batch that is proved."""
        self.proved += len(batch.keys) - bisect_left(batch.keys, (self.second * SECOND,))

    def divides(self, intervals: Sequence[Interval]) -> bool:
        """Returns whether it was cut there, and the open intervals are what is left of the two sides."""
        return self.cut and len(intervals) == BOTH and intervals[0].high <= self.second <= intervals[1].low

    def share(self, interval: Interval, left: int) -> int:
        """Returns how many works that are not proved stand on the side of an interval, `left` on both sides."""
        later = (self.counted or 0) - self.proved
        return later if interval.low >= self.second else left - later
