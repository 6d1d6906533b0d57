"""Where an export can be resumed: what is left to do, as a short string, exact at every work."""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from bisect import bisect_left
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final
from zlib import crc32

import msgspec

from devrev_async.errors import InvalidArgumentError
from devrev_async.export.planner.intervals import (
    LATEST,
    SECOND,
    UNDATED,
    Batch,
    Domain,
    Interval,
    Key,
    second_of,
    without,
)
from devrev_async.export.planner.server import ServerFindings

if TYPE_CHECKING:
    from collections.abc import Sequence

_VERSION: Final = 2


class _SavedInterval(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """As `Interval` has them, what was seen beside it in seconds away from its ends."""

    low: int
    high: int
    shown: int | None
    identity: str
    below: int | None
    above: int | None

    @classmethod
    def of(cls, interval: Interval) -> _SavedInterval:
        shown, identity = interval.past or (None, "")
        below = None if interval.seen_below is None else interval.low - interval.seen_below
        above = None if interval.seen_above is None else interval.seen_above - interval.high
        return cls(interval.low, interval.high, shown, identity, below, above)

    def restored(self) -> Interval:
        return Interval(
            self.low,
            self.high,
            None if self.shown is None else (self.shown, self.identity),
            seen_below=None if self.below is None else self.low - self.below,
            seen_above=None if self.above is None else self.high + self.above,
        )


class _Saved(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    version: int
    filters: str
    after: datetime | None
    before: datetime | None
    works: int
    undated: bool
    sorts: bool
    longest: int
    open: list[_SavedInterval]
    assumed_cap: bool = False


class Ledger:
    """Records what was yielded, on the consumer's side; it lags behind the plan by the batches that are still queued.

    Args:
        filters: a fingerprint of the query; a checkpoint of another query is refused.
        domain: the user's own range of `created_date`.

    Attributes:
        open: the intervals that are left to yield.
        works: how many were yielded in whole batches.
        found: what was found of the server; for the runner to set.
    """

    def __init__(self, filters: str, domain: Domain) -> None:
        self.filters = filters
        self.domain = domain
        self.open = domain.intervals()
        self.works = 0
        self.found = ServerFindings()

    @classmethod
    def resumed(cls, checkpoint: str, filters: str) -> Ledger:
        """Restores one from a checkpoint, with the range that it was taken with, so that relative ranges stay fixed.

        Raises:
            InvalidArgumentError: it is no checkpoint, or that of an export with other filters.
        """
        saved = _decoded(checkpoint)
        if saved.filters != filters:
            raise InvalidArgumentError("resume= is the checkpoint of an export with other filters")
        ledger = cls(filters, Domain(saved.after, saved.before))
        ledger.open = [interval.restored() for interval in saved.open]
        ledger.works = saved.works
        ledger.found = ServerFindings(saved.undated, saved.sorts, saved.longest, saved.assumed_cap)
        return ledger

    def finish(self, batch: Batch[Any]) -> None:
        """Records that all works of the batch were yielded."""
        self.open = without(self.open, batch.low, batch.high, batch.upto, seen=_seen(batch.keys))
        self.works += len(batch.keys)

    def complete(self) -> None:
        """Records that the plan is done and all its batches were yielded."""
        self.open = []

    def checkpoint(self, batch: Batch[Any] | None = None, yielded: int = 0) -> str:
        """Returns the state after the first `yielded` works of the batch that is being yielded."""
        left = self.open
        if batch is not None and yielded:
            upto = batch.keys[yielded - 1]
            earlier = batch.keys[: bisect_left(batch.keys, (second_of(upto) * SECOND,))]
            left = without(left, batch.low, batch.high, upto, seen=_seen(earlier))
        intervals = [_SavedInterval.of(interval) for interval in _joined(left)]
        domain, works = self.domain, self.works + yielded
        undated, sorts, longest, assumed_cap = self.found
        saved = _Saved(
            _VERSION,
            self.filters,
            domain.after,
            domain.before,
            works,
            undated,
            sorts,
            longest,
            intervals,
            assumed_cap,
        )
        plain = msgspec.json.encode(saved)
        return urlsafe_b64encode(crc32(plain).to_bytes(4, "big") + plain).decode().rstrip("=")


def _seen(keys: Sequence[Key]) -> tuple[int, int] | None:
    return (second_of(keys[0]), second_of(keys[-1])) if keys else None


def _joined(intervals: list[Interval]) -> list[Interval]:
    joined: list[Interval] = []
    for interval in intervals:
        if joined and interval.past is None and joined[-1].high == interval.low:
            joined[-1] = replace(joined[-1], high=interval.high, seen_above=interval.seen_above)
        else:
            joined.append(interval)
    return joined


def _decoded(checkpoint: str) -> _Saved:
    if not isinstance(checkpoint, str):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"resume= takes the str that export.checkpoint gave, not {type(checkpoint).__name__}")
    try:
        data = urlsafe_b64decode(checkpoint.encode("ascii") + b"=" * (-len(checkpoint) % 4))
        saved = msgspec.json.decode(data[4:], type=_Saved)
    except (UnicodeEncodeError, binascii.Error, msgspec.DecodeError):
        raise InvalidArgumentError("resume= is no checkpoint of an export") from None
    whole = data[:4] == crc32(data[4:]).to_bytes(4, "big") and saved.version == _VERSION and saved.works >= 0
    ends = [UNDATED] + [end for each in saved.open for end in (each.low, each.high)] + [LATEST]
    placed = all(each.shown is None or second_of((each.shown, "")) == each.low for each in saved.open)
    aware = all(bound is None or bound.tzinfo is not None for bound in (saved.after, saved.before))
    if not (whole and placed and aware and ends == sorted(ends)):
        raise InvalidArgumentError("resume= is no checkpoint of an export, or it was altered")
    return saved


__all__ = ["Key", "Ledger"]
