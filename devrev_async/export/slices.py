"""Shares of a complete export: intervals of `created_date` of about as many works each. Pure: it decides what to count.

A count divides an interval in two, all intervals of a round side by side, until there is a division near each border of
even shares, or the interval is one second long; neighbours are then put together. Where works are spread evenly a count
is placed by interpolation, which takes one for each border. Elsewhere it halves the time, which takes 15 to find an
hour in four years.

The first share has no lower bound and the last no upper one, so that shares tile all of time, or the range that was
asked for, whatever was counted: counts decide how even they are, never what belongs to them. `created_date` of a work
does not change, so no work is in two shares.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import msgspec

from devrev_async.models import DateRange

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["SlicePlan", "WorkSlice", "slices_of"]

_NEAR: Final = 4
"""A division this part of an average share from a border is near enough; two of them make a share of 1.5 at most."""

_UNEVEN: Final = 1 + 2 / _NEAR
"""How many times the average a share may have, the works of one second apart."""

_EXPECTED: Final = 4
"""A count that misses the expected one by this part of the smaller side at most shows works to be spread evenly."""

_TICK: Final = timedelta(microseconds=1)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_END_OF_TIME: Final = datetime.max.replace(tzinfo=UTC)
_FIRST: Final = (datetime.min.replace(tzinfo=UTC) - _EPOCH) // timedelta(seconds=1)
_LAST: Final = (_END_OF_TIME - _EPOCH) // timedelta(seconds=1)


class WorkSlice(msgspec.Struct, frozen=True, kw_only=True):
    """A share of a complete export, for `works.export_slice`. It pickles, in some hundred bytes, and has no secrets.

    Attributes:
        index: of this share in its plan, from 0.
        total: shares of the plan.
        works: counted when it was planned; an estimate of what is there when it is exported.
        after: the first moment of `created_date` that belongs to it; None: no bound.
        before: the last one, included; None: no bound.
        query: the other filters, as JSON.
    """

    index: int
    total: int
    works: int
    after: datetime | None = None
    before: datetime | None = None
    query: bytes = b"{}"

    def body(self) -> dict[str, Any]:
        """Returns the query of this share, as `works.export` takes it."""
        body: dict[str, Any] = msgspec.json.decode(self.query)
        if self.after is not None or self.before is not None:
            body["created_date"] = DateRange(after=self.after, before=self.before)
        return body


@dataclass(frozen=True, slots=True)
class _Piece:
    """The seconds from `low` up to, not including, `high`, and how many works were counted there.

    Attributes:
        even: whether works are presumed to be spread evenly; a count that says otherwise makes the next one halve.
    """

    low: int
    high: int
    works: int
    even: bool = True

    def middle(self, works: float) -> int:
        """Where to divide so that about so many works are below; within the piece."""
        if not self.even:
            return (self.low + self.high) // 2
        position = self.low + int((self.high - self.low) * works / self.works)
        return min(max(position, self.low + 1), self.high - 1)

    def divided(self, at: int, lower: int) -> tuple[_Piece, _Piece]:
        """Both parts, once `lower` works were counted below `at`."""
        expected = self.works * (at - self.low) / (self.high - self.low)
        even = _EXPECTED * abs(lower - expected) <= min(expected, self.works - expected)
        return _Piece(self.low, at, lower, even), _Piece(at, self.high, self.works - lower, even)


class SlicePlan:
    """The rounds of counting: count all of `ranges`, pass the answers to `feed`, until there are no more ranges.

    The first two counts are those of both sides of one division, between the oldest and the newest work. That they add
    up shows that each work has a date between these, and that none is in two ranges.

    Args:
        shares: of the export at most.
        works: in the whole range; at least one.
        oldest, newest: `created_date` of the works at either end.
        whole: the user's own range, included.
    """

    def __init__(self, shares: int, works: int, oldest: datetime, newest: datetime, whole: DateRange) -> None:
        self._shares = min(shares, works)
        self._works = works
        self._whole = whole
        low, high = sorted((_second(oldest), _second(newest)))
        # a second more, for servers that exclude the bounds of a range, or round them
        low, high = max(low - 1, _FIRST), min(high + 2, _LAST)
        low = low if whole.after is None else max(low, _second(whole.after))
        high = high if whole.before is None else min(high, _second(whole.before) + 1)
        self._low, self._high = low, max(low + 1, high)
        self._pieces = [_Piece(self._low, self._high, works)]
        self._begun = False
        self._consistent = True

    @property
    def ranges(self) -> list[DateRange]:
        """What to count next, side by side; empty once the shares are fine enough."""
        divided = [(piece, at) for piece, at in self._divisions() if at is not None]
        if self._begun:
            return [self._range(piece.low, at) for piece, at in divided]
        return [side for _, at in divided for side in self._both_sides(at)]

    @property
    def consistent(self) -> bool:
        """Whether the first counts added up, and no part was counted to have more works than the whole."""
        return self._consistent

    def feed(self, counts: Sequence[int | None]) -> None:
        """Takes in the counts of `ranges`, in their order; None where the server did not count."""
        exact = [count for count in counts if count is not None]
        self._consistent = len(exact) == len(counts) and (self._begun or sum(exact) == self._works)
        if not self._consistent:
            return
        self._begun = True
        answers = iter(exact)
        pieces: list[_Piece] = []
        for piece, at in self._divisions():
            if at is None:
                pieces.append(piece)
                continue
            lower = next(answers)
            self._consistent = self._consistent and lower <= piece.works
            pieces += piece.divided(at, min(lower, piece.works))
        self._pieces = pieces

    def shares(self) -> list[tuple[DateRange, int]]:
        """Returns the shares in the order of time: their ranges, and the works counted in each."""
        groups = self._grouped()
        return [(self._range(group[0].low, group[-1].high), sum(piece.works for piece in group)) for group in groups]

    def _divisions(self) -> list[tuple[_Piece, int | None]]:
        """The pieces, and where to divide those that have borders of even shares inside which nothing is near to."""
        found: list[tuple[_Piece, int | None]] = []
        start = 0
        for piece in self._pieces:
            borders = self._borders(start, start + piece.works)
            if self._consistent and borders and piece.works > 1 and piece.high - piece.low > 1:
                border = borders[len(borders) // 2] * self._works / self._shares
                found.append((piece, piece.middle(border - start)))
            else:
                found.append((piece, None))
            start += piece.works
        return found

    def _borders(self, start: int, end: int) -> range:
        """The numbers of the shares that end between the works `start` and `end`, and not near either."""
        first = (_NEAR * self._shares * start + self._works) // (_NEAR * self._works) + 1
        last = -(-(_NEAR * self._shares * end - self._works) // (_NEAR * self._works)) - 1
        return range(first, last + 1)

    def _grouped(self) -> list[list[_Piece]]:
        """The pieces in at most as many groups as shares are wanted, the largest one as small as can be.

        A second that has more works than fit is a group of its own, unless that takes too many groups.
        """
        average = -(-self._works // self._shares)
        for alone in (True, False):
            low, high = average, max(self._works, 1)
            while low < high:
                middle = (low + high) // 2
                if len(_packed(self._pieces, middle, alone=alone)) <= self._shares:
                    high = middle
                else:
                    low = middle + 1
            if high == average or high * self._shares <= _UNEVEN * self._works:
                break
        return _packed(self._pieces, high, alone=alone)

    def _both_sides(self, at: int) -> tuple[DateRange, DateRange]:
        """The ranges below and above, with bounds at their outer ends too."""
        after, before = _moment(self._low), _END_OF_TIME if self._high == _LAST else _moment(self._high)
        after = after if self._whole.after is None else max(after, self._whole.after)
        before = before if self._whole.before is None else min(before, self._whole.before)
        middle = _moment(at)
        return DateRange(after=after, before=middle - _TICK), DateRange(after=middle, before=before)

    def _range(self, low: int, high: int) -> DateRange:
        after = self._whole.after if low == self._low else _moment(low)
        before = self._whole.before if high == self._high else _moment(high) - _TICK
        return DateRange(after=after, before=before)


def slices_of(query: Mapping[str, Any], shares: Sequence[tuple[DateRange, int]]) -> list[WorkSlice]:
    """Returns the slices of a query without `created_date`, one for each share."""
    text = msgspec.json.encode(query)
    return [
        WorkSlice(index=index, total=len(shares), works=works, after=each.after, before=each.before, query=text)
        for index, (each, works) in enumerate(shares)
    ]


def _packed(pieces: Sequence[_Piece], most: int, *, alone: bool) -> list[list[_Piece]]:
    """Puts neighbours together up to `most` works; beside a second that has more there may be none, or so many."""
    groups: list[list[_Piece]] = [[]]
    works, room, crowded = 0, most, False
    for piece in pieces:
        large = piece.high - piece.low == 1 and piece.works > most
        needed = 0 if large else piece.works
        if works and piece.works and (needed > room or (large and (alone or crowded))):
            groups.append([])
            works, room, crowded = 0, most, False
        groups[-1].append(piece)
        works += piece.works
        room -= needed
        if large:
            crowded = True
            room = -1 if alone else room
    return groups


def _second(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(seconds=1)


def _moment(second: int) -> datetime:
    return _EPOCH + timedelta(seconds=second)
