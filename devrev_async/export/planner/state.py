"""What a plan knows: the intervals, the server, what is in flight, what awaits a proof. It decides nothing."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Generic, TypeVar

from .counts import Counts
from .coverage import Coverage
from .in_flight import InFlight, begins_in
from .intervals import UNDATED, micros
from .messages import Request
from .pages import AwaitingCounts, Ends
from .server import ServerProfile
from .tally import Tally
from .tuning import BOTH, MARGIN, MARGIN_SHARE, UNEVEN, WAITING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from .intervals import Batch, Domain, Interval, Key, Proof
    from .messages import Page
    from .pages import AwaitingCount
    from .proofs.stable_listing import Listing

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much to ask for.

    Attributes:
        first: works in one page of `works.export`.
        limit: works in one page of `works.list`.
        parallel: requests in flight.
    """

    first: int
    limit: int
    parallel: int

    @property
    def kept(self) -> int:
        """Works that may be kept for a proof."""
        return 2 * self.first


class State(Generic[T]):
    """One record that the rules share.

    Args:
        domain: the user's own range of `created_date`.
        now: when the run began.
        intervals: what is left to do, from a checkpoint; None: everything.
        before: works that were yielded before that checkpoint.
        sizes: how much to ask for.

    Attributes:
        fresh: whether the run began with nothing done.
        first_page: the first page of a fresh run, until the count beside it is there.
        awaits_first_page: whether the first page of the run is still to come.
        first_shown: what the first page showed before it was asked for again; None if it was not.
        ends: pages of a server that is not shown to sort yet.
        listing: the passes of `works.list` that are under way.
        repeated: intervals whose answer was doubted and asked for once more.
    """

    def __init__(
        self, domain: Domain, now: datetime, intervals: Sequence[Interval] | None, *, before: int, sizes: Sizes
    ) -> None:
        self.domain = domain
        self.now = micros(now)
        self.sizes = sizes
        self.fresh = intervals is None
        self.server = ServerProfile()
        self.coverage = Coverage(domain, domain.intervals() if intervals is None else intervals, self.now)
        self.tally = Tally(before)
        self.in_flight = InFlight()
        self.pages = AwaitingCounts[T]()
        self.counts = Counts[T](domain, now)
        self.first_page: AwaitingCount[T] | None = None
        self.awaits_first_page = True
        self.first_shown: frozenset[Key] | None = None
        self.ends = Ends[T]()
        self.listing: Listing[T] | None = None
        self.repeated: set[tuple[int, int]] = set()

    @property
    def shown(self) -> int:
        """Works of what is closed: those that were found, and those that the user's range excludes."""
        return self.tally.found + self.coverage.outside

    @property
    def first_pending(self) -> bool:
        """Whether the first page of a fresh run is still to come, or awaits the count beside it."""
        return self.fresh and (self.awaits_first_page or self.first_page is not None)

    @property
    def kept(self) -> int:
        """Works of pages that await a proof."""
        return self.pages.works + self.ends.works

    @property
    def left(self) -> int | None:
        """Works that were counted and neither shown nor asked for yet; None if that is not known."""
        if self.counts.expected is None:
            return None
        asked = sum(request.first for request in self.in_flight.exports)
        return self.counts.expected - self.shown - self.kept - asked

    def left_in(self, interval: Interval, intervals: Sequence[Interval]) -> int | None:
        """Returns the same for one of the open intervals: of several, only their halves may have been counted."""
        if len(intervals) == 1:
            return self.left
        expected, halves = self.counts.expected, self.counts.halves
        if expected is None or self.pages:
            return None
        asked = sum(each.first for each in self.in_flight.exports if begins_in(each, intervals) is interval)
        if halves is not None and halves.divides(intervals):
            return halves.share(interval, expected - self.shown) - asked
        shares = self.shares(intervals)
        if shares is None:
            return None
        share = next(share for each, share in zip(intervals, shares, strict=True) if each is interval)
        return int(share + share * UNEVEN) - asked

    def shares(self, intervals: Sequence[Interval]) -> list[float] | None:
        """Returns how many works each of the open intervals has if dates are even; None: they are not, or not known.

        They are where the densities beside the intervals are alike, and account for what was counted.
        """
        if self.counts.expected is None or not self.fresh or self.sizes.parallel < WAITING:
            return None
        works = self.counts.expected - self.shown
        if works <= 0 or self.ends.first is not None:
            return None
        rates = [rate for each in intervals for rate in (each.below, each.above)]
        known = [rate for rate in rates if rate]
        if len(known) < len(rates) or not known or max(known) > (1 + BOTH * UNEVEN) * min(known):
            return None
        shares = [self.coverage.pages(each, 1) for each in intervals]
        if not abs(sum(shares) - works) <= works * UNEVEN:
            return None
        return [share * works / sum(shares) for share in shares]

    @property
    def duplicates(self) -> int:
        """Works that came more often than they are emitted, or not at all; those kept for a proof aside."""
        held = len(self.listing.held) if self.listing else 0
        return self.tally.fetched - self.tally.proved - self.kept - held

    @property
    def kept_pages(self) -> int:
        """Pages' worth of works that await a count."""
        return self.pages.works // self.server.longest_page if self.server.longest_page else 0

    @property
    def only_counts_left(self) -> bool:
        """Whether pages are there for all intervals that have dates."""
        return all(each.low == UNDATED or self.pages.cover(each.low, each.high) for each in self.coverage.intervals)

    def page_size(self, left: int | None, rate: float | None = None) -> int:
        """Returns the works to ask for: no more than are left, and some that were seen already.

        Args:
            left: works that are left there; None: not known.
            rate: works a second where the page begins, of which it shows some once more.
        """
        if left is None or left <= 0 or not self.counts.sized:
            return self.sizes.first
        return min(self.sizes.first, left + MARGIN + left // MARGIN_SHARE + ceil(2 * (rate or 0)))

    def export(self, low: int, high: int, *, descending: bool = False, first: int | None = None) -> Request:
        """Returns a request of `works.export` for an interval."""
        self.counts.ahead.void()
        after, before = self.domain.bounds(low, high)
        number = self.in_flight.next_number()
        return Request("export", number, low, high, after, before, descending, first=first or self.sizes.first)

    def repeats(self, request: Request) -> bool:
        """Returns whether a doubtful answer is to be asked for once more; it is only once."""
        interval = request.low, request.high
        first_time = interval not in self.repeated
        self.repeated.add(interval)
        return first_time

    def emit(
        self, low: int, high: int, ordered: list[tuple[Key, T]], proof: Proof, upto: Key | None = None
    ) -> list[Batch[T]]:
        """Closes what is open between two seconds, and returns the works that stand there."""
        unclear = self.domain.unclear
        batches = self.coverage.close(low, high, ordered, upto, proof)
        self.pages.drop_unless(self.coverage.open)
        if unclear is not None and self.domain.exact:
            self.pages.drop_unless(lambda low, high: not low <= unclear < high)
        for batch in batches:
            self.tally.add(batch)
            if self.counts.halves is not None:
                self.counts.halves.note(batch)
        return batches

    def prove_by_order(self, low: int, high: int, page: Page[T]) -> list[Batch[T]]:
        """Emits what a page of a server that sorts has passed."""
        return self.emit(low, high, page.ordered(), "order")
