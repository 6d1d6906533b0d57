"""Which intervals are still open, and how many works may stand there."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from .cutting import split_points
from .intervals import (
    EARLIEST,
    LATEST,
    SECOND,
    UNDATED,
    Batch,
    Domain,
    Interval,
    Key,
    Proof,
    chosen,
    cut,
    mark_of,
    second_of,
    wanted,
    without,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

T = TypeVar("T")


class Coverage:
    """The open intervals, in the order of time, and the span in which works were seen.

    Args:
        domain: the user's own range of `created_date`.
        intervals: what is left to do.
        now: when the run began, in microseconds since 1970.

    Attributes:
        outside: works of what is closed that the user's range excludes; a count of the pages' ranges has them.
        detours: intervals to be asked for in another way than others of their kind: from and to, and whether downwards.
    """

    def __init__(self, domain: Domain, intervals: Iterable[Interval], now: int) -> None:
        self.intervals = list(intervals)
        self._domain = domain
        self._now = now
        self._span = (LATEST, EARLIEST)
        self._shows_fractions = False
        self.outside = 0
        self.detours: dict[tuple[int, int], tuple[int, int, bool]] = {}

    def note(self, times: Sequence[int]) -> None:
        """A page showed these timestamps."""
        if times:
            self._span = min(self._span[0], min(times) // SECOND), max(self._span[1], max(times) // SECOND)

    def open(self, low: int, high: int) -> list[Interval]:
        """Returns the open intervals of works with a timestamp that reach into this one."""
        return [
            interval
            for interval in self.intervals
            if interval.low != UNDATED and interval.low < high and interval.high > low
        ]

    def span(self, interval: Interval) -> tuple[int, int]:
        """Returns the part of an interval where works can be expected."""
        latest = max(self._span[1], self._now // SECOND) + 1
        start = self._span[0] if interval.low <= self._domain.low else interval.low
        return start, max(start, min(interval.high, latest))

    def pages(self, interval: Interval, size: int) -> float:
        """Returns how many pages of so many works an interval may need, by the density beside it; 0: unknown."""
        start, end = self.span(interval)
        rates = [rate for rate in (interval.below, interval.above) if rate is not None]
        return (end - start) * sum(rates) / len(rates) / size if rates and size else 0.0

    def close(
        self, low: int, high: int, ordered: list[tuple[Key, T]], upto: Key | None, proof: Proof
    ) -> list[Batch[T]]:
        """Returns the works of what is open between two seconds, and closes it there."""
        if low >= high:
            return []
        if upto is None and (unclear := self._unclear(low, high, ordered)) is not None:
            self._domain.exact = True
            before = self.close(low, self._domain.low, ordered, None, proof)
            return before + self.close(unclear + 1, high, ordered, None, proof)
        batches: list[Batch[T]] = []
        for interval in self.intervals:
            start, end = max(interval.low, low), min(interval.high, high)
            if start >= end or (upto is not None and second_of(upto) < start):
                continue
            shown = pairs = chosen(interval, start, end, ordered)
            if self._domain.limited:
                pairs = [pair for pair in pairs if self._domain.admits(pair[0])]
                self.outside += len(shown) - len(pairs)
            partly = upto if upto is not None and second_of(upto) < end else None
            batches.append(Batch(start, end, [key for key, _ in pairs], [item for _, item in pairs], partly, proof))
        start, end = max(low, self._span[0]), min(high, self._span[1] + 1)
        rate = len(ordered) / (end - start) if end > start else None
        self.intervals = without(self.intervals, low, high, upto, rate=rate, seen=_seen(ordered, low, high))
        return batches

    def _unclear(self, low: int, high: int, ordered: list[tuple[Key, T]]) -> int | None:
        """Returns a second of which works are shown that may be within the user's range or not; None: there is none.

        All that the server shows is whole seconds, so it may trim, and they show the one in which the range begins.
        That second stays open: it is asked for by the very bound.
        """
        second = self._domain.unclear
        if second is None or not low <= second < high or self._shows_fractions:
            return None
        if any(key[0] % SECOND for key, _ in ordered):
            self._shows_fractions = True
            return None
        return (
            second if any(chosen(each, second, second + 1, ordered) for each in self.open(second, second + 1)) else None
        )

    def cut(self, interval: Interval, keys: Sequence[Key]) -> bool:
        """Cuts an interval whose page proved nothing; returns False if it is too short for that."""
        pieces = self._pieces(interval, split_points(interval, keys), keys)
        if len(pieces) > 1:
            self.replace(interval, pieces)
        return len(pieces) > 1

    def cut_at(self, second: int, keys: Sequence[Key]) -> None:
        """Cuts an interval at a second, of which a page that proved nothing showed these works."""
        for interval in self.open(second - 1, second + 1):
            self.replace(interval, self._pieces(interval, [second], keys))

    def remember(self, low: int, high: int, keys: Sequence[Key]) -> None:
        """A page that proves nothing showed these works: what is taken for complete must show them too."""
        for interval in self.open(low, high):
            self.replace(interval, self._pieces(interval, [], keys))

    def _pieces(self, interval: Interval, points: Sequence[int], keys: Sequence[Key]) -> list[Interval]:
        pieces = cut(interval, points)
        return [replace(piece, shown=piece.shown.union(map(mark_of, wanted(piece, keys)))) for piece in pieces]

    def replace(self, interval: Interval, pieces: Iterable[Interval]) -> None:
        """Puts others in the place of an interval."""
        place = next(index for index, other in enumerate(self.intervals) if other is interval)
        self.intervals[place : place + 1] = pieces

    def list_instead(self, low: int, high: int) -> None:
        """Only `works.list` can prove what is open between two seconds."""
        for interval in self.open(low, high):
            self.replace(interval, [replace(interval, needs_list=True)])

    def mark_all(self, *, needs_list: bool) -> None:
        """Only `works.list` can prove what is open, or it is not to be used at all."""
        self.intervals = [replace(interval, needs_list=needs_list) for interval in self.intervals]


def _seen(ordered: list[tuple[Key, T]], low: int, high: int) -> tuple[int, int] | None:
    """Returns the first and the last second between `low` and `high` in which a work stands."""
    start = bisect_left(ordered, low, key=lambda pair: second_of(pair[0]))
    end = bisect_left(ordered, high, key=lambda pair: second_of(pair[0]))
    return (second_of(ordered[start][0]), second_of(ordered[end - 1][0])) if start < end else None
