"""What is still open, and how many works may stand there."""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, TypeVar

from .evidence import split_points
from .intervals import (
    EARLIEST,
    LATEST,
    SECOND,
    UNDATED,
    Batch,
    Domain,
    Gap,
    Key,
    Proof,
    chosen,
    cut,
    second_of,
    without,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

T = TypeVar("T")


class Frontier:
    """The gaps, in the order of time, and the span in which works were seen.

    Args:
        domain: the user's own range of `created_date`.
        gaps: what is left to do.
        now: when the run began, in microseconds since 1970.
    """

    def __init__(self, domain: Domain, gaps: Iterable[Gap], now: int) -> None:
        self.gaps = list(gaps)
        self._domain = domain
        self._now = now
        self._span = (LATEST, EARLIEST)

    def note(self, times: Sequence[int]) -> None:
        """A page showed these timestamps."""
        if times:
            self._span = min(self._span[0], min(times) // SECOND), max(self._span[1], max(times) // SECOND)

    def open(self, low: int, high: int) -> list[Gap]:
        """The gaps of works with a timestamp that reach into a stretch."""
        return [gap for gap in self.gaps if gap.low != UNDATED and gap.low < high and gap.high > low]

    def stretch(self, gap: Gap) -> tuple[int, int]:
        """The part of a gap where works can be expected."""
        latest = max(self._span[1], self._now // SECOND) + 1
        start = self._span[0] if gap.low <= self._domain.low else gap.low
        return start, max(start, min(gap.high, latest))

    def pages(self, gap: Gap, size: int) -> float:
        """How many pages of so many works a gap may need, from the density beside it; 0 if nothing is known."""
        start, end = self.stretch(gap)
        rates = [rate for rate in (gap.below, gap.above) if rate is not None]
        return (end - start) * sum(rates) / len(rates) / size if rates and size else 0.0

    def close(
        self, low: int, high: int, ordered: list[tuple[Key, T]], upto: Key | None, proof: Proof
    ) -> list[Batch[T]]:
        """Hand over what is open between two seconds, and close it there."""
        if low >= high:
            return []
        batches: list[Batch[T]] = []
        for gap in self.gaps:
            start, end = max(gap.low, low), min(gap.high, high)
            if start >= end or (upto is not None and second_of(upto) < start):
                continue
            pairs = chosen(gap, start, end, ordered)
            if self._domain.limited:
                pairs = [pair for pair in pairs if self._domain.admits(pair[0])]
            partly = upto if upto is not None and second_of(upto) < end else None
            batches.append(Batch(start, end, [key for key, _ in pairs], [item for _, item in pairs], partly, proof))
        start, end = max(low, self._span[0]), min(high, self._span[1] + 1)
        rate = len(ordered) / (end - start) if end > start else None
        self.gaps = without(self.gaps, low, high, upto, rate=rate, seen=_seen(ordered, low, high))
        return batches

    def cut(self, gap: Gap, keys: Sequence[Key]) -> bool:
        """Cut a gap whose page proved nothing; False if it is too short for that."""
        pieces = cut(gap, split_points(gap, keys))
        if len(pieces) > 1:
            self.replace(gap, pieces)
        return len(pieces) > 1

    def replace(self, gap: Gap, pieces: Iterable[Gap]) -> None:
        place = next(index for index, other in enumerate(self.gaps) if other is gap)
        self.gaps[place : place + 1] = pieces

    def list_instead(self, low: int, high: int) -> None:
        """Only `works.list` can settle what is open between two seconds."""
        for gap in self.open(low, high):
            gap.listing = True


def _seen(ordered: list[tuple[Key, T]], low: int, high: int) -> tuple[int, int] | None:
    """The first and the last second between `low` and `high` in which a work stands."""
    start = bisect_left(ordered, low, key=lambda pair: second_of(pair[0]))
    end = bisect_left(ordered, high, key=lambda pair: second_of(pair[0]))
    return (second_of(ordered[start][0]), second_of(ordered[end - 1][0])) if start < end else None
