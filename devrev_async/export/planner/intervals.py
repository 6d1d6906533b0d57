"""Where a work stands in the export: keys, whole seconds, and the stretches of time that are still open.

Everything is cut at whole seconds, since a server may trim its timestamps to them, in its answers or where it compares.
The works of one second are told apart by key: the timestamp as shown, then the identity.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from operator import eq, itemgetter
from typing import TYPE_CHECKING, Final, Generic, Literal, TypeAlias, TypeVar

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
_first: Final = itemgetter(0)
_EDGE: Final = timedelta(milliseconds=1)
_TOLERANCE: Final = timedelta(seconds=2)


def micros(moment: datetime) -> int:
    """Microseconds since 1970."""
    since = moment - _EPOCH
    return (since.days * 86400 + since.seconds) * SECOND + since.microseconds


def key_of(created: datetime | None, identity: str) -> Key:
    """The key of a work; `created` is aware, or None for a work that shows no timestamp."""
    if created is None:
        return (_UNDATED, identity)
    since = created - _EPOCH  # `micros`, without the call: a page has thousands of keys
    return ((since.days * 86400 + since.seconds) * SECOND + since.microseconds, identity)


def second_of(key: Key) -> int:
    """The whole second in which a key stands."""
    return key[0] // SECOND


def dated(keys: Sequence[Key]) -> list[int]:
    """The timestamps among keys, in their order."""
    return [shown for shown, _ in keys if shown != _UNDATED]


@dataclass(slots=True)
class Gap:
    """An open stretch: the seconds from `low` up to, not including, `high`.

    Attributes:
        past: keys up to and including this one are done already; it stands in the second `low`.
        below, above: works a second just outside either end, as far as known.
        seen_below, seen_above: the nearest second outside either end in which a work was seen; what lies between is
            proved. A page of a server that sorts reaches the end of the gap if it shows a work from there.
        listing: only `works.list` can settle it.
    """

    low: int
    high: int
    past: Key | None = None
    below: float | None = None
    above: float | None = None
    seen_below: int | None = None
    seen_above: int | None = None
    listing: bool = False

    def wants(self, key: Key) -> bool:
        return self.low <= key[0] // SECOND < self.high and (self.past is None or key > self.past)


@dataclass(frozen=True, slots=True)
class Batch(Generic[T]):
    """Works that are proved, in the order of their keys, and the stretch that is done once the last is handed over.

    `upto` is None, or a key short of the end of the stretch: only what stands up to it is done then.
    """

    low: int
    high: int
    keys: list[Key]
    items: list[T]
    upto: Key | None = None
    proof: Proof = "order"


class Domain:
    """What the user's own range of `created_date` leaves: everything, unless it was given.

    At its edges a request says the user's bounds, a millisecond wider in case the server excludes them; what then
    shows a timestamp outside of them is not admitted.
    """

    def __init__(self, after: datetime | None = None, before: datetime | None = None) -> None:
        self.after = after
        self.before = before
        self.limited = after is not None or before is not None
        self._least = None if after is None else micros(after)
        self._most = None if before is None else micros(before)
        self.low = EARLIEST if self._least is None else max(EARLIEST, self._least // SECOND - 1)
        self.high = LATEST if self._most is None else min(LATEST, self._most // SECOND + 2)

    def gaps(self) -> list[Gap]:
        """All that there is to do at first."""
        return [Gap(UNDATED, UNDATED + 1), Gap(self.low, self.high)]

    def whole(self, low: int, high: int) -> bool:
        """Whether a stretch is all of it, so that a request for it needs no range of its own."""
        return low <= self.low and high >= self.high

    def bounds(self, low: int, high: int) -> tuple[datetime | None, datetime | None]:
        """The range to ask for: wide enough for bounds that exclude and for comparisons trimmed to seconds.

        A timestamp is trimmed downwards, so the lower bound needs a second more and the upper none.
        """
        after = None if self.after is None else _shifted(self.after, -_EDGE)
        before = None if self.before is None else _shifted(self.before, _EDGE)
        if low > self.low:
            own = _moment(low - 1)
            after = own if after is None else max(after, own)
        if high < self.high:
            own = _moment(high)
            before = own if before is None else min(before, own)
        return after, before

    def admits(self, key: Key) -> bool:
        """Whether a work may match the user's range: not if it shows a timestamp that is surely outside."""
        shown = key[0]
        if shown == _UNDATED:
            return True
        if self._least is not None and shown < self._least:
            return shown % SECOND == 0 and shown // SECOND == self._least // SECOND
        return self._most is None or shown <= self._most


def outside(times: Sequence[int], after: datetime | None, before: datetime | None) -> bool:
    """Whether a timestamp shown is one that the asked range excludes, trimming and rounding allowed for."""
    slack = micros(_EPOCH + _TOLERANCE)
    return bool(times) and (
        (after is not None and min(times) < micros(after) - slack)
        or (before is not None and max(times) > micros(before) + slack)
    )


def without(
    gaps: Iterable[Gap],
    low: int,
    high: int,
    upto: Key | None = None,
    *,
    rate: float | None = None,
    seen: tuple[int, int] | None = None,
) -> list[Gap]:
    """Returns the gaps less the interval from `low` to `high`, or less its keys up to `upto`.

    Args:
        gaps: what is open.
        low: where the interval begins, in seconds.
        high: where it ends, not included.
        upto: the last key that is done; None: all of the interval.
        rate: the density of works in the interval, if known.
        seen: the first and the last second of the interval in which a work was seen, if there is one.
    """
    left: list[Gap] = []
    for gap in gaps:
        start, end = max(gap.low, low), min(gap.high, high)
        if start >= end or (upto is not None and start > second_of(upto)):
            left.append(_beside(gap, low, high, seen) if upto is None and seen else gap)
            continue
        if gap.low < start:
            beyond = seen[0] if seen else gap.seen_above if end == gap.high else None
            left.append(replace(gap, high=start, above=rate if rate is not None else gap.above, seen_above=beyond))
        if upto is not None and second_of(upto) < end:
            past = upto if gap.past is None else max(upto, gap.past)
            left.append(replace(gap, low=second_of(upto), past=past))
        elif end < gap.high:
            beyond = seen[1] if seen else gap.seen_below if start == gap.low else None
            rate_below = rate if rate is not None else gap.below
            left.append(replace(gap, low=end, past=None, below=rate_below, seen_below=beyond))
    return left


def _beside(gap: Gap, low: int, high: int, seen: tuple[int, int]) -> Gap:
    if gap.high == low and gap.seen_above is None:
        return replace(gap, seen_above=seen[0])
    if gap.low == high and gap.seen_below is None:
        return replace(gap, seen_below=seen[1])
    return gap


def cut(gap: Gap, points: Sequence[int]) -> list[Gap]:
    """The gap in pieces, cut at the given seconds; those not inside it are ignored."""
    edges = [gap.low, *sorted({point for point in points if gap.low < point < gap.high}), gap.high]
    middle = _mean(gap.below, gap.above)
    return [
        replace(
            gap,
            low=low,
            high=high,
            past=gap.past if low == gap.low else None,
            below=gap.below if low == gap.low else middle,
            above=gap.above if high == gap.high else middle,
            seen_below=gap.seen_below if low == gap.low else None,
            seen_above=gap.seen_above if high == gap.high else None,
        )
        for low, high in pairwise(edges)
    ]


def chosen(gap: Gap, low: int, high: int, ordered: list[tuple[Key, T]]) -> list[tuple[Key, T]]:
    """Of works in the order of their keys: those that the gap wants between two seconds, each key once."""
    start = bisect_left(ordered, (max(low, gap.low) * SECOND,), key=lambda pair: pair[0][:1])
    end = bisect_left(ordered, (min(high, gap.high) * SECOND,), key=lambda pair: pair[0][:1])
    if gap.past is not None:
        start = max(start, bisect_right(ordered, gap.past, key=lambda pair: pair[0]))
    pairs = ordered[start:end]
    keys = list(map(_first, pairs))
    if not any(map(eq, keys, keys[1:])):
        return pairs
    return [pair for pair, key, before in zip(pairs, keys, [None, *keys[:-1]], strict=True) if key != before]


def _mean(one: float | None, other: float | None) -> float | None:
    if one is None or other is None:
        return one if other is None else other
    return (one + other) / 2


def _moment(second: int) -> datetime:
    return _EPOCH + timedelta(seconds=min(max(second, EARLIEST), LATEST - 1))


def _shifted(moment: datetime, by: timedelta) -> datetime:
    try:
        return moment + by
    except OverflowError:
        return moment
