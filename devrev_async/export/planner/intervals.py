"""Where a work stands in the export: keys, whole seconds, and the intervals of time that are still open.

Everything is cut at whole seconds, since a server may trim its timestamps to them, in its answers or where it compares.
The works of one second are told apart by key: the timestamp as shown, then the identity.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from operator import eq, itemgetter
from typing import TYPE_CHECKING, Any, Final, Generic, Literal, TypeAlias, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

T = TypeVar("T")

Proof: TypeAlias = Literal["count", "order", "list", "assumed_cap"]
"""On what ground an interval is complete; the modules of the proofs say what each stands on."""

Key: TypeAlias = tuple[int, str]
"""Microseconds since 1970 as the server shows them, then the work's identity; the order in which works are owned."""

SECOND: Final = 1_000_000
EARLIEST: Final = -62_135_596_800
LATEST: Final = 253_402_300_800
UNDATED: Final = EARLIEST - 2
"""The second in which works without a timestamp stand: below all others, and next to none."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_UNDATED: Final = UNDATED * SECOND
_LEAST: Final = EARLIEST * SECOND
_MOST: Final = LATEST * SECOND - 1
_BITS: Final = 32
_MASK: Final = (1 << _BITS) - 1
_first: Final = itemgetter(0)
_EDGE: Final = timedelta(milliseconds=1)
_LEAST_EDGE: Final = timedelta(microseconds=1)
_TOLERANCE: Final = timedelta(seconds=2)


def micros(moment: datetime) -> int:
    """Returns microseconds since 1970."""
    since = moment - _EPOCH
    return (since.days * 86400 + since.seconds) * SECOND + since.microseconds


def moment_of(second: int) -> datetime:
    """Returns the beginning of a second."""
    return _EPOCH + timedelta(seconds=min(max(second, EARLIEST), LATEST - 1))


def key_of(created: datetime | None, identity: str) -> Key:
    """Returns the key of a work; `created` is aware, or None for a work that shows no timestamp.

    A timestamp that its offset puts outside the years 1 to 9999 of UTC stands at the first or last instant of them.
    """
    if created is None:
        return (_UNDATED, identity)
    since = created - _EPOCH  # `micros`, without the call: a page has thousands of keys
    shown = (since.days * 86400 + since.seconds) * SECOND + since.microseconds
    if not _LEAST <= shown <= _MOST:
        shown = _LEAST if shown < _LEAST else _MOST
    return (shown, identity)


def second_of(key: Key) -> int:
    """Returns the whole second in which a key stands."""
    return key[0] // SECOND


def dated(keys: Sequence[Key]) -> list[int]:
    """Returns the timestamps among keys, in their order."""
    return [shown for shown, _ in keys if shown != _UNDATED]


def mark_of(key: Key) -> int:
    """Returns what stands for a key where many are kept: its timestamp, and 32 bits for its identity.

    It takes 0.6 of the memory. Two works of one timestamp are taken for one with a chance of 1 in 4 billion.
    """
    return key[0] << _BITS | hash(key[1]) & _MASK


@dataclass(frozen=True, slots=True)
class Interval:
    """An open interval: the seconds from `low` up to, not including, `high`. No page was asked for, or none proved it.

    Attributes:
        past: keys up to and including this one are done already; it stands in the second `low`.
        below, above: works a second just outside either end, as far as known.
        seen_below, seen_above: the nearest second outside either end in which a work was seen; what lies between is
            proved. A page of a server that sorts reaches the end of the interval if it shows a work from there.
        shown: the marks of works in it that were seen in a page which proved nothing.
        needs_list: only `works.list` can prove it.
    """

    low: int
    high: int
    past: Key | None = None
    below: float | None = None
    above: float | None = None
    seen_below: int | None = None
    seen_above: int | None = None
    shown: frozenset[int] = frozenset()
    needs_list: bool = False

    def wants(self, key: Key) -> bool:
        """Returns whether a work with this key is still to be yielded."""
        return self.low <= key[0] // SECOND < self.high and (self.past is None or key > self.past)


@dataclass(frozen=True, slots=True)
class Batch(Generic[T]):
    """Works that are proved, in the order of their keys, and the interval that is done once the last is yielded.

    Attributes:
        upto: None, or a key short of the end of the interval: only what stands up to it is done then.
        proof: on what ground.
    """

    low: int
    high: int
    keys: list[Key]
    items: list[T]
    upto: Key | None = None
    proof: Proof = "order"


class Domain:
    """What the user's own range of `created_date` leaves: everything, unless it was given.

    At its edges a request is as wide as the seconds in which the user's bounds stand, in case the server trims what it
    compares or excludes the bounds. What then shows a timestamp outside of them is not admitted.

    Attributes:
        exact: whether requests say the user's lower bound itself, a microsecond wider, and what shows only the second
            in which that stands is admitted: the server trims what it shows, and knows which works are within.
    """

    def __init__(self, after: datetime | None = None, before: datetime | None = None) -> None:
        self.after = after
        self.before = before
        self.limited = after is not None or before is not None
        self.exact = False
        self._least = None if after is None else micros(after)
        self._most = None if before is None else micros(before)
        self.low = EARLIEST if self._least is None else max(EARLIEST, self._least // SECOND - 1)
        self.high = LATEST if self._most is None else min(LATEST, self._most // SECOND + 2)

    @property
    def unclear(self) -> int | None:
        """The second of the user's lower bound, if a work that shows only that may be within; None: the bound is whole.

        None as well where the server was asked for what is within.
        """
        if self._least is None or self.exact or self._least % SECOND == 0:
            return None
        return self._least // SECOND

    def intervals(self) -> list[Interval]:
        """Returns all that there is to do at first."""
        return [Interval(UNDATED, UNDATED + 1), Interval(self.low, self.high)]

    def whole(self, low: int, high: int) -> bool:
        """Returns whether an interval is all of it, so that a request for it needs no range of its own."""
        return low <= self.low and high >= self.high

    def bounds(self, low: int, high: int) -> tuple[datetime | None, datetime | None]:
        """Returns the range to ask for: wide enough for bounds that exclude and for comparisons trimmed to seconds.

        Timestamps and bounds are trimmed downwards: the lower bound lies before its second, the upper one behind it.
        """
        after, before = self.after, self.before
        if after is not None:
            after = _shifted(after, -_LEAST_EDGE) if self.exact else _shifted(after.replace(microsecond=0), -_EDGE)
        if before is not None:
            before = _shifted(before.replace(microsecond=0), timedelta(seconds=1))
        if low > self.low:
            own = _shifted(moment_of(low), -_EDGE)
            after = own if after is None else max(after, own)
        if high < self.high:
            own = moment_of(high)
            before = own if before is None else min(before, own)
        if after is not None and before is not None and after > before:
            after = before  # the interval ends before the user's range begins
        return after, before

    def admits(self, key: Key) -> bool:
        """Returns whether a work may match the user's range: not if it shows a timestamp that is surely outside."""
        shown = key[0]
        if shown == _UNDATED:
            return True
        if self._least is not None and shown < self._least:
            return self.exact and shown % SECOND == 0 and shown // SECOND == self._least // SECOND
        return self._most is None or shown <= self._most


def outside(times: Sequence[int], after: datetime | None, before: datetime | None) -> bool:
    """Returns whether a timestamp shown is one that the asked range excludes, trimming and rounding allowed for."""
    slack = micros(_EPOCH + _TOLERANCE)
    return bool(times) and (
        (after is not None and min(times) < micros(after) - slack)
        or (before is not None and max(times) > micros(before) + slack)
    )


def without(
    intervals: Iterable[Interval],
    low: int,
    high: int,
    upto: Key | None = None,
    *,
    rate: float | None = None,
    seen: tuple[int, int] | None = None,
) -> list[Interval]:
    """Returns the open intervals less what lies from `low` to `high`, or less its keys up to `upto`.

    Args:
        intervals: what is open.
        low: where that begins, in seconds.
        high: where it ends, not included.
        upto: the last key that is done; None: all that lies there.
        rate: the density of works there, if known.
        seen: the first and the last second there in which a work was seen, if there is one.
    """
    left: list[Interval] = []
    for interval in intervals:
        start, end = max(interval.low, low), min(interval.high, high)
        if start >= end or (upto is not None and start > second_of(upto)):
            left.append(_beside(interval, low, high, seen) if upto is None and seen else interval)
            continue
        if interval.low < start:
            beyond = seen[0] if seen else interval.seen_above if end == interval.high else None
            rate_above = rate if rate is not None else interval.above
            left.append(_part(interval, high=start, above=rate_above, seen_above=beyond))
        if upto is not None and second_of(upto) < end:
            past = upto if interval.past is None else max(upto, interval.past)
            below = seen[1] if seen and seen[1] < second_of(upto) else None
            left.append(_part(interval, low=second_of(upto), past=past, seen_below=below))
        elif end < interval.high:
            beyond = seen[1] if seen else interval.seen_below if start == interval.low else None
            rate_below = rate if rate is not None else interval.below
            left.append(_part(interval, low=end, past=None, below=rate_below, seen_below=beyond))
    return left


def _part(interval: Interval, **changes: Any) -> Interval:
    """Returns a part of an interval; what was shown there is still to be shown again."""
    part = replace(interval, **changes)
    if not interval.shown:
        return part
    return replace(part, shown=frozenset(mark for mark in interval.shown if part.wants((mark >> _BITS, ""))))


def _beside(interval: Interval, low: int, high: int, seen: tuple[int, int]) -> Interval:
    if interval.high == low and interval.seen_above is None:
        return replace(interval, seen_above=seen[0])
    if interval.low == high and interval.seen_below is None:
        return replace(interval, seen_below=seen[1])
    return interval


def cut(interval: Interval, points: Sequence[int]) -> list[Interval]:
    """Returns the interval in pieces, cut at the given seconds; those not inside it are ignored."""
    edges = [interval.low, *sorted({point for point in points if interval.low < point < interval.high}), interval.high]
    middle = _mean(interval.below, interval.above)
    return [
        _part(
            interval,
            low=low,
            high=high,
            past=interval.past if low == interval.low else None,
            below=interval.below if low == interval.low else middle,
            above=interval.above if high == interval.high else middle,
            seen_below=interval.seen_below if low == interval.low else None,
            seen_above=interval.seen_above if high == interval.high else None,
        )
        for low, high in pairwise(edges)
    ]


def wanted(interval: Interval, keys: Iterable[Key]) -> set[Key]:
    """Returns the keys of works that the interval wants, each once."""
    return {key for key in keys if interval.wants(key)}


def chosen(interval: Interval, low: int, high: int, ordered: list[tuple[Key, T]]) -> list[tuple[Key, T]]:
    """Returns, of works in the order of their keys, those that the interval wants between two seconds, each once."""
    start = bisect_left(ordered, (max(low, interval.low) * SECOND,), key=lambda pair: pair[0][:1])
    end = bisect_left(ordered, (min(high, interval.high) * SECOND,), key=lambda pair: pair[0][:1])
    if interval.past is not None:
        start = max(start, bisect_right(ordered, interval.past, key=lambda pair: pair[0]))
    pairs = ordered[start:end]
    keys = list(map(_first, pairs))
    if not any(map(eq, keys, keys[1:])):
        return pairs
    return [pair for pair, key, before in zip(pairs, keys, [None, *keys[:-1]], strict=True) if key != before]


def _mean(one: float | None, other: float | None) -> float | None:
    if one is None or other is None:
        return one if other is None else other
    return (one + other) / 2


def _shifted(moment: datetime, by: timedelta) -> datetime:
    try:
        return moment + by
    except OverflowError:
        return moment
