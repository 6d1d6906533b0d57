"""Shares of a complete export: intervals of `created_date` of about as many works each. Pure: it decides what to count.

The fullest intervals are halved by counts, all of a round side by side, until none has more than half of an average
share, or is one second long; neighbours are then put together. The first share has no lower bound and the last no upper
one, so that shares tile all of time, or the range that was asked for, whatever was counted: counts decide how even they
are, never what belongs to them. `created_date` of a work does not change, so no work is in two shares.
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

_UNEVEN: Final = 1.75
"""How many times the average a share may have, the works of one second apart."""

_TICK: Final = timedelta(microseconds=1)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


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
    """The seconds from `low` up to, not including, `high`, and how many works were counted there."""

    low: int
    high: int
    works: int

    @property
    def middle(self) -> int:
        return (self.low + self.high) // 2


class SlicePlan:
    """The rounds of counting: count all of `ranges`, pass the answers to `feed`, until there are no more ranges.

    Args:
        shares: of the export at most.
        works: in the whole range.
        oldest, newest: `created_date` of works near either end; what lies beyond them goes to the outer shares.
        after, before: the user's own range, included; None: no bound.
    """

    def __init__(
        self,
        shares: int,
        works: int,
        oldest: datetime,
        newest: datetime,
        *,
        after: datetime | None = None,
        before: datetime | None = None,
    ) -> None:
        self._shares = shares
        self._works = works
        self._after = after
        self._before = before
        low, high = sorted((_second(oldest), _second(newest)))
        low = low if after is None else max(low, _second(after))
        high = high if before is None else min(high, _second(before))
        self._low, self._high = low, max(low, high) + 1
        self._pieces = [_Piece(self._low, self._high, works)]
        self._consistent = True

    @property
    def ranges(self) -> list[DateRange]:
        """What to count next, side by side; empty once the shares are fine enough."""
        return [self._range(piece.low, piece.middle) for piece in self._pieces if self._splits(piece)]

    @property
    def consistent(self) -> bool:
        """Whether no part was counted to have more works than the whole."""
        return self._consistent

    def feed(self, counts: Sequence[int]) -> None:
        """Takes in the counts of `ranges`, in their order."""
        answers = iter(counts)
        pieces: list[_Piece] = []
        for piece in self._pieces:
            if not self._splits(piece):
                pieces.append(piece)
                continue
            lower = next(answers)
            self._consistent = self._consistent and lower <= piece.works
            pieces.append(_Piece(piece.low, piece.middle, min(lower, piece.works)))
            pieces.append(_Piece(piece.middle, piece.high, piece.works - min(lower, piece.works)))
        self._pieces = pieces

    def shares(self) -> list[tuple[DateRange, int]]:
        """Returns the shares in the order of time: their ranges, and the works counted in each."""
        groups = self._grouped()
        return [(self._range(group[0].low, group[-1].high), sum(piece.works for piece in group)) for group in groups]

    def _splits(self, piece: _Piece) -> bool:
        return self._consistent and piece.high - piece.low > 1 and 2 * self._shares * piece.works > self._works

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

    def _range(self, low: int, high: int) -> DateRange:
        after = self._after if low == self._low else _moment(low)
        before = self._before if high == self._high else _moment(high) - _TICK
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
    groups: list[list[_Piece]] = []
    room, crowded = -1, False
    for piece in pieces:
        large = piece.high - piece.low == 1 and piece.works > most
        needed = 0 if large else piece.works
        if needed > room or (large and (alone or crowded)):
            groups.append([])
            room, crowded = most, False
        groups[-1].append(piece)
        room -= needed
        if large:
            crowded = True
            room = -1 if alone else room
    return groups


def _second(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(seconds=1)


def _moment(second: int) -> datetime:
    return _EPOCH + timedelta(seconds=second)
