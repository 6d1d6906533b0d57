"""The plan of a complete export: which request next, what its answer proves, what is left."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from .ends import next_end
from .evidence import in_order, proves_order, shows_undated_first, sorts_before_cap, strong
from .frontier import Frontier
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
    cut,
    dated,
    micros,
    outside,
    second_of,
)
from .listing import Listing, Unprovable, spread
from .messages import Page, Request
from .pending import Doubts, Held, HeldPages
from .totals import FIRST_DAY, Ahead, Counted, Totals

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

T = TypeVar("T")

_FIRST_SECOND: Final = micros(FIRST_DAY) // SECOND
_SURELY: Final = 0.9
"""Of the pages under way: what is estimated to need no more than that will hardly need a further one."""

_MARGIN: Final = 25
"""Works that the last page of an interval may repeat: enough to show that it reaches what was seen before."""

_CUT_EVERY: Final = 20
"""Pages that must be left for each further cut of an interval: each may cost one page that is not full."""

_NO_LIST: Final = "ranges of created_date are not enough, and the server has no works.list"


class _Trust(Enum):
    UNKNOWN = 0
    SORTED = 1
    """The server sorts as asked before it caps: a full page proves all that it passes."""
    NONE = 2


class Plan(Generic[T]):
    """Take requests, send them, feed the answers in any order; what comes out is proved and comes out once.

    A page of `works.export` as long as the longest seen may be cut short by the server's cap. It proves something
    only if the server was shown to sort before it caps (`sorts_before_cap`); else its stretch is cut and asked for
    again. What cannot be cut is settled by `works.list`.

    A shorter page is complete if the cap stays the same; one that goes by bytes does not. So it is held until
    `works.count` agrees: one count over everything at the end, and one over a page's own range where that one differs
    or too much is held. Where it counts more than the page shows, the page is taken as one cut short.

    Where the server counts nothing, or counts works that no page shows, no short page is believed. If it sorts, one
    from the other end must reach as far as this one did; else `works.list` settles the stretch. Only where that
    endpoint is missing as well is the cap assumed to stay the same. Counts and pages that are not of the same moment
    assume that as many works as the cap hid in a range were not taken from it in between.

    Args:
        domain: the user's own range of `created_date`.
        now: when the run began.
        gaps: what is left to do, from a `Ledger`; None: everything.
        undated: whether works that show no timestamp were seen, from a `Ledger`.
        handed: works that were handed over before, from a `Ledger`.
        first, limit: works to ask for in one `works.export`, in one `works.list`.
        parallel: requests under way at most.
    """

    def __init__(
        self,
        domain: Domain,
        *,
        now: datetime,
        gaps: Sequence[Gap] | None = None,
        undated: bool = False,
        handed: int = 0,
        first: int = 5000,
        limit: int = 100,
        parallel: int = 4,
    ) -> None:
        self.fetched = 0
        self.proved = 0
        self.ranges = 0
        self.undated = undated
        self._handed = handed
        self._domain = domain
        self._now = micros(now)
        self._front = Frontier(domain, domain.gaps() if gaps is None else gaps, self._now)
        self._first = first
        self._limit = limit
        self._parallel = parallel
        self._hold = 2 * first
        self._flying: dict[int, Request] = {}
        self._number = 0
        self._cap = 0
        self._trust = _Trust.UNKNOWN
        self._halved = False
        self._pair: tuple[Request, Page[T]] | None = None
        self._listing: Listing[T] | None = None
        self._ranged = True
        self._lists = True
        self._fresh = gaps is None
        self._held = HeldPages[T]()
        self._doubts = Doubts(self._now)
        self._believes = True
        self._questions: dict[int, Held[T] | Counted] = {}
        self._totals = Totals(domain, now)
        self._ahead = Ahead()
        self._probed = False
        self._ends: dict[tuple[int, int], tuple[int, int, bool]] = {}
        self._opening: Held[T] | None = None
        self._expects: int | None = None
        self._expecting: int | None = None
        self._opened = gaps is not None
        self._recounted = False
        self._cuts = 0
        self._most = 0
        self._blank: set[tuple[int, int]] = set()
        self.proofs: dict[Proof, int] = {"count": 0, "order": 0, "list": 0, "assumed_cap": 0}

    @property
    def expected(self) -> int | None:
        """Works that the server counted when the run began; None if that is not known."""
        return None if self._expects is None else max(0, self._expects - self._handed)

    @property
    def duplicates(self) -> int:
        """Works that came more often than they are handed over, or not at all; those kept for a proof aside."""
        kept = (len(self._pair[1].keys) if self._pair else 0) + self._held.items
        return self.fetched - self.proved - kept - (len(self._listing.held) if self._listing else 0)

    @property
    def done(self) -> bool:
        """Whether everything is proved and nothing is under way."""
        return not self._front.gaps and not self._flying

    def take(self, waiting: int = 0) -> Request | None:
        """The next request to send now; None if an answer must come first, or all is done.

        Args:
            waiting: pages' worth of works that wait to be handed over; there is room for so many fewer.

        Raises:
            Unprovable: nothing is under way, and nothing that could be asked would prove the rest.
        """
        if not self._front.gaps or len(self._flying) >= self._parallel:
            return None
        held = self._pages_held()
        request: Request | None
        if self._expecting is None and self._number:
            request = self._count_all()
        elif len(self._flying) + held + waiting < self._parallel:
            request = self._next_export() or self._next_list() or self._last_word()
        elif self._held and self._only_counts_left():
            request = self._last_word()
        elif held >= max(1, self._parallel // 2) and self._opening is None:
            request = self._verify()
        else:
            return None
        if request is not None:
            self._flying[request.number] = request
        elif self._front.gaps and not self._flying and not waiting:
            raise Unprovable("nothing is left to ask")
        return request

    def feed(self, request: Request, page: Page[T]) -> list[Batch[T]]:
        """What an answer proves, to be handed over in this order.

        Raises:
            Unprovable: as `take`.
        """
        del self._flying[request.number]
        self.fetched += len(page.keys)
        if len(page.times) < len(page.keys):
            self.undated = True
        batches = self._feed_list(page) if request.kind == "list" else self._feed_export(request, page)
        return self._noted(batches) + self._settle_ahead()

    def _noted(self, batches: list[Batch[T]]) -> list[Batch[T]]:
        self.proved += sum(len(batch.items) for batch in batches)
        self.ranges += len(batches)
        for batch in batches:
            self.proofs[batch.proof] += len(batch.items)
        return batches

    def feed_refusal(self, request: Request) -> None:
        """The server has no `works.list`: what is left must be settled by ranges.

        Raises:
            Unprovable: it cannot be.
        """
        del self._flying[request.number]
        self._lists = False
        self._listing = None
        for gap in self._front.gaps:
            if gap.listing and (gap.low == UNDATED or not self._ranged):
                raise Unprovable(_NO_LIST)
            gap.listing = False

    def feed_count(self, request: Request, count: int | None) -> list[Batch[T]]:
        """The answer to a request for a count; None if the server has no such endpoint or does not say it exactly.

        Raises:
            Unprovable: as `take`.
        """
        del self._flying[request.number]
        question = self._questions.pop(request.number)
        if request.number == self._expecting and count is not None:
            self._expects = count
            return self._noted(self._judge_opening())
        if isinstance(question, Counted):
            if count is not None:
                ahead = self._ahead.answer(request.number, count)
                return self._settle_ahead() if ahead else self._settle_all(question, count)
            self._totals.answer(question, count)
        elif count is not None:
            return self._noted(self._weigh(question, count) if question in self._held else [])
        self._totals.end()
        return self._noted(self._cease_to_count())

    def _settle_ahead(self) -> list[Batch[T]]:
        """What a count that was asked for ahead settles once all pages are there."""
        count = None if self._flying or not self._only_counts_left() else self._ahead.take()
        return [] if count is None else self._settle_all(Counted.ALL, count)

    def _settle_all(self, question: Counted, count: int) -> list[Batch[T]]:
        self._totals.answer(question, count)
        exact = question is Counted.ALL and self._fresh and count == self._found() + self._would_bring()
        exact = exact and count >= self._most  # else it counts less than a single page showed
        return self._noted(self._believe_held() if exact else [])

    # --- what to ask ---

    def _only_counts_left(self) -> bool:
        return all(gap.low == UNDATED or self._held.cover(gap.low, gap.high) for gap in self._front.gaps)

    def _request(self, low: int, high: int, *, descending: bool = False, first: int | None = None) -> Request:
        self._ahead.void()
        self._number += 1
        after, before = self._domain.bounds(low, high)
        return Request("export", self._number, low, high, after, before, descending, first=first or self._first)

    def _count_all(self) -> Request:
        """The count that the run begins with, side by side with its first page."""
        request = self._count(Counted.ALL)
        self._expecting = request.number
        return request

    def _left(self) -> int | None:
        """Works that were counted and neither shown nor asked for yet; None if that is not known."""
        if self._expects is None:
            return None
        kept = self._held.items + (len(self._pair[1].keys) if self._pair else 0)
        asked = sum(request.first for request in self._flying.values() if request.kind == "export")
        return self._expects - self._found() - kept - asked

    def _next_export(self) -> Request | None:
        if self._pair is not None:
            asked, _ = self._pair
            if not self._under_way(asked.low, asked.high):
                return self._request(asked.low, asked.high, descending=True, first=self._size())
        gaps = [gap for gap in self._front.gaps if gap.low != UNDATED and not gap.listing]
        if self._held:
            gaps = [gap for gap in gaps if not self._held.cover(gap.low, gap.high)]
        if self._trust is _Trust.SORTED:
            return self._next_end(gaps)
        for gap in gaps:
            if not self._under_way(gap.low, gap.high):
                return self._request(gap.low, gap.high)
        return None

    def _size(self) -> int:
        """Works to ask for in the next page: no more than are left, and some that were seen already."""
        left = self._left()
        return self._first if left is None or left <= 0 else min(self._first, left + _MARGIN + left // 50)

    def _next_end(self, gaps: list[Gap]) -> Request | None:
        """A free end of a gap, or an end made by cutting the longest gap in two."""
        left = self._left()
        end = next_end(gaps, self._flying.values(), lambda gap: self._front.pages(gap, self._cap), left)
        if end is None:
            return None
        gap = end.gap
        if not end.split:
            return self._ask_end(gap, descending=end.descending)
        if left is not None:
            if self._cuts > left // (_CUT_EVERY * self._first):
                return None
            self._cuts += 1
        start, stop = self._front.stretch(gap)
        pieces = cut(gap, [(start + stop) // 2])
        self._front.replace(gap, pieces)
        return self._ask_end(pieces[-1], descending=False) if len(pieces) > 1 else None

    def _ask_end(self, gap: Gap, *, descending: bool) -> Request:
        """A page from one end of a gap, as far as the nearest work that was seen behind the other one."""
        low, high = gap.low, gap.high
        if descending and gap.seen_below is not None:
            low = gap.seen_below
        elif not descending and gap.seen_above is not None:
            high = gap.seen_above + 1
        low, high, descending = self._ends.pop((gap.low, gap.high), (low, high, descending))
        return self._request(low, high, descending=descending, first=self._size())

    def _next_list(self) -> Request | None:
        listing, gaps = self._listing, self._front.gaps
        if listing is not None and not any(gap.low < listing.high and gap.high > listing.low for gap in gaps):
            listing = self._listing = None
        if any(request.kind == "list" for request in self._flying.values()):
            return None
        if listing is None:
            gap = next((gap for gap in gaps if gap.listing), None)
            if gap is None:
                return None
            listing = self._listing = self._listing_of(gap)
        self._ahead.void()
        self._number += 1
        after, before = self._domain.bounds(*self._asked(listing))
        return Request("list", self._number, listing.low, listing.high, after, before, cursor=listing.cursor)

    def _listing_of(self, gap: Gap) -> Listing[T]:
        whole = gap.low == UNDATED or not self._ranged or self._domain.whole(gap.low, gap.high)
        low, high = gap.low, gap.high
        if not self._ranged or (whole and gap.low != UNDATED):
            low, high = UNDATED, LATEST
        return Listing(low, high, whole=whole, hold=self._hold, now=self._now)

    def _asked(self, listing: Listing[T]) -> tuple[int, int]:
        return (UNDATED, LATEST) if listing.whole else (listing.low, listing.high)

    def _last_word(self) -> Request | None:
        """What is left when no page is to be asked for: the pages held, then what shows no timestamp.

        No range finds that: it is settled by list if there is any. There is if one was seen, and if the server counts
        more works without a range than with one; the first count is enough if it says no more than was found.
        """
        if self._flying:
            counts = all(request.kind == "count" for request in self._flying.values())
            return self._verify() if counts else self._count_ahead()
        if self._held:
            # one count over everything may settle all of them
            whole = self._fresh and not self.undated and Counted.ALL not in self._totals
            return self._count(Counted.ALL) if whole else self._verify()
        if any(gap.low != UNDATED for gap in self._front.gaps):
            return None
        if self._expects == self._found() and Counted.ALL not in self._totals:
            self._totals.answer(Counted.ALL, self._expects)
        if not self.undated:  # else works.list is needed anyway, and ranges may count those without a timestamp too
            question = self._totals.next(self._found())
            if question is not None and (self._believes or question is not Counted.EARLY):
                return self._count(question)
            if not self._totals.show_undated():
                if self._totals.unexplained(self._found()) and not self._probed:
                    self._probed = True  # a server that counts those without a timestamp in every range shows them here
                    return self._request(EARLIEST, _FIRST_SECOND)
                if self._believes and self._totals.too_many(self._found()):
                    raise Unprovable("the server counts more works than it shows")
                self._front.gaps = []
                return None
        if not self._lists:
            raise Unprovable(_NO_LIST)
        self._front.replace(self._front.gaps[0], [Gap(UNDATED, UNDATED + 1, self._front.gaps[0].past, listing=True)])
        return self._next_list()

    def _count_ahead(self) -> Request | None:
        """The count over everything, if the pages under way are likely to be the last."""
        if self._trust is _Trust.SORTED and self._expects is not None:
            return None  # the first count will do
        small = (
            self._pair is not None
            and self._expects is not None
            and not proves_order(self._expects - len(self._pair[1].keys), self._first)
        )
        if not (self._fresh and self._believes and self._ahead.wanted and (small or self._trust is _Trust.SORTED)):
            return None
        if self.undated or self._questions or Counted.ALL in self._totals:
            return None
        exports = [request for request in self._flying.values() if request.kind == "export"]
        for gap in self._front.gaps:
            asked = sum(request.low < gap.high and request.high > gap.low for request in exports)
            settled = gap.low == UNDATED or self._held.cover(gap.low, gap.high)
            if not settled and (gap.listing or self._front.pages(gap, self._cap) > _SURELY * asked):
                return None
        request = self._count(Counted.ALL)
        self._ahead.ask(request.number)
        return request

    def _count(self, question: Counted) -> Request:
        self._number += 1
        self._questions[self._number] = question
        after, before = self._totals.range_of(question)
        return Request("count", self._number, UNDATED, LATEST, after, before)

    def _verify(self) -> Request | None:
        """A count over the range of a page that waits."""
        if Counted.ALL in self._questions.values():
            return None  # it may settle all of them
        held = self._held.next_to_ask(self._doubts)
        if held is None:
            return None
        self._number += 1
        self._questions[self._number] = held
        low, high, before = held.request.low, held.request.high, self._totals.early(held.request.before)
        return Request("count", self._number, low, high, held.request.after, before)

    def _found(self) -> int:
        return self._handed + self.proved

    def _would_bring(self) -> int:
        return self._held.would_bring(self._front.gaps, self._domain)

    def _pages_held(self) -> int:
        return self._held.items // self._cap if self._cap else 0

    def _under_way(self, low: int, high: int) -> bool:
        return any(r.kind != "count" and r.low < high and r.high > low for r in self._flying.values())

    # --- what an answer proves ---

    def _feed_export(self, request: Request, page: Page[T]) -> list[Batch[T]]:
        size = len(page.keys)
        self._cap = max(self._cap, size)
        self._most = max(self._most, len({key for key in page.keys if self._domain.admits(key)}))
        if outside(page.times, request.after, request.before):
            self._ranged = False
            self._trust = _Trust.NONE
            self._pair = None
            self._held.take_all()
            if not self._lists:
                raise Unprovable(_NO_LIST)
            for gap in self._front.gaps:
                gap.listing = True
            return []
        self._front.note(page.times)
        if not self._opened:
            self._opened = True
            self._opening = Held(request, page, page.ordered(), asked=True)
            self._held.add(self._opening)
            return self._judge_opening()
        self._doubts.look(request, page.keys)
        if request.descending and self._pair is not None and request.low == self._pair[0].low:
            return self._compare(*self._pair, request, page)
        if size == 0:
            return self._feed_blank(request, page)
        full = size >= min(self._cap, request.first)
        if self._trust is _Trust.SORTED and (not full or size == request.first):
            return self._follow(request, page, full=full)
        return self._cut_short(request, page) if full else self._hold_back(request, page)

    def _judge_opening(self) -> list[Batch[T]]:
        """The first page, once the count beside it is there: all there is if it shows exactly as many works."""
        opening = self._opening
        if opening is None or (self._believes and self._expects is None):
            return []
        if self._believes:
            shown = self._would_bring()
            if shown == self._expects:
                self._opening = None
                self._totals.answer(Counted.ALL, shown)
                return self._settle(opening, "count", undated=True)
            if self._expects is not None and self._expects < shown:
                if self._recounted:
                    self._totals.end()
                    return self._cease_to_count()
                # a work may have been deleted in between: both are asked for again, once
                self._held.remove(opening)
                self._opening, self._opened, self._recounted = None, False, True
                self._expects, self._expecting = None, None
                return []
        self._opening = None
        self._held.remove(opening)
        request, page = opening.request, opening.page
        if page.keys:
            return self._cut_short(request, page, self._expects or 0)
        if self._asks_again(request):
            self._opened = False
            return []
        return self._hold_back(request, page)

    def _asks_again(self, request: Request) -> bool:
        """Whether a page without works is asked for once more: it may be a glitch."""
        again = (request.low, request.high) not in self._blank
        self._blank.add((request.low, request.high))
        return again

    def _feed_blank(self, request: Request, page: Page[T]) -> list[Batch[T]]:
        """No work at all: like a page that is shorter than the others, unless it had to show one that was seen."""
        gaps = self._front.open(request.low, request.high)
        if any(gap.low > request.low or gap.high < request.high for gap in gaps) and self._asks_again(request):
            return []
        return self._hold_back(request, page)

    def _hold_back(self, request: Request, page: Page[T]) -> list[Batch[T]]:
        """A page that is all there is, if the cap stays the same."""
        held = Held(request, page, page.ordered())
        if not self._believes:
            return self._without_count(held)
        if request.after is not None and micros(request.after) > self._now:
            return self._settle(held, "assumed_cap")
        if self._front.open(request.low, request.high):
            self._held.add(held)
        return []

    def _weigh(self, held: Held[T], count: int) -> list[Batch[T]]:
        shown = held.shown(self._now)
        if count > len(shown) and not self._doubts.contradicted(held.request, shown):
            return self._cease_to_count()
        if count < len(shown) and (held.request.low, held.request.high) in self._blank:
            return self._cease_to_count()
        self._held.remove(held)
        if count == len(shown):
            return self._settle(held, "count")
        if (count < len(shown) or not held.page.keys) and self._asks_again(held.request):
            return []
        return self._cut_short(held.request, held.page, count)

    def _believe_held(self) -> list[Batch[T]]:
        batches: list[Batch[T]] = []
        for held in list(self._held):
            batches += self._settle(held, "count", undated=True)
        return batches

    def _settle(self, held: Held[T], proof: Proof, *, undated: bool = False) -> list[Batch[T]]:
        """A page is all there is, works without a timestamp included if `undated`."""
        low, high = held.request.low, held.request.high
        whole = self._domain.whole(low, high)
        first = whole and (undated or self._domain.limited or shows_undated_first(held.page.keys))
        return self._emit(UNDATED if first else low, high, held.ordered, None, proof)

    def _cease_to_count(self) -> list[Batch[T]]:
        """The server does not count, or not what it shows: judge what is held without."""
        self._believes = False
        self._expects = None
        batches: list[Batch[T]] = self._judge_opening()
        for held in self._held.take_all():
            if self._front.open(held.request.low, held.request.high):
                batches += self._without_count(held)
        return batches

    def _without_count(self, held: Held[T]) -> list[Batch[T]]:
        request, page = held.request, held.page
        if not in_order(page.times, descending=request.descending):
            self._trust = _Trust.NONE
        if self._trust is _Trust.SORTED:
            return self._follow_short(held)
        if not self._lists:
            return self._settle(held, "assumed_cap", undated=True)
        self._front.list_instead(request.low, request.high)
        return []

    def _follow_short(self, held: Held[T]) -> list[Batch[T]]:
        """A server that sorts: every second that the page passes, then the rest from the other end, up to there."""
        request, ordered = held.request, held.ordered
        low, high = request.low, request.high
        seconds = [time // SECOND for time in held.page.times]
        start, end = low, high
        if seconds and request.descending:
            start = max(low, seconds[-1] + 1)
        elif seconds:
            end = min(high, seconds[-1])
        proved = bool(seconds) and bool(self._front.open(start, end))
        batches = self._emit(start, end, ordered, None, "order") if proved else []
        for gap in self._front.open(low, high):
            if not proved:
                batches += self._settle_or_cut(held, gap)
            elif request.descending:
                back = min((second for second in seconds if second >= gap.high), default=gap.high - 1)
                self._ends[gap.low, gap.high] = gap.low, back + 1, False
            else:
                back = max((second for second in seconds if second < gap.low), default=gap.low)
                self._ends[gap.low, gap.high] = back, gap.high, True
        return batches

    def _settle_or_cut(self, held: Held[T], gap: Gap) -> list[Batch[T]]:
        """A gap of which a short page of a server that sorts passed nothing."""
        request = held.request
        if self._front.cut(gap, held.page.keys):
            return []
        if self._lists:
            self._front.list_instead(gap.low, gap.high)
        elif (request.low, request.high) == (gap.low, gap.high):
            if request.descending or any(gap.low <= second_of(key) for key in held.page.keys):
                return self._emit(gap.low, gap.high, held.ordered, None, "order")
            self._ends[gap.low, gap.high] = gap.low, gap.high, True
        return []

    def _cut_short(self, request: Request, page: Page[T], count: int = 0) -> list[Batch[T]]:
        """A page behind which there may be more: as many as `count` if that is known."""
        if len(page.keys) <= self._limit and count <= 2 * self._limit and self._lists:
            self._front.list_instead(request.low, request.high)
            return []
        if self._trust is _Trust.SORTED:
            return self._follow(request, page, full=True)
        if self._trust is _Trust.UNKNOWN and page.keys and self._calibrates(request, page, count):
            return []
        self._cut(request, page.keys)
        return []

    def _calibrates(self, request: Request, page: Page[T], count: int) -> bool:
        """Whether to ask for the same stretch from its other end, to learn if the server's order can be relied on."""
        if len(page.keys) < self._first and not self._halved and count <= len(page.keys):
            self._halved = True
            return False
        if self._pair is not None:
            return False
        if not (in_order(page.times, descending=False) and strong(page.times)):
            self._trust = _Trust.NONE
            return False
        self._pair = request, page
        return True

    def _compare(self, request: Request, low: Page[T], answered: Request, high: Page[T]) -> list[Batch[T]]:
        self._pair = None
        whole = self._domain.whole(request.low, request.high)
        if not sorts_before_cap(low.keys, high.keys, now=self._now):
            if len(high.keys) < min(self._cap, answered.first):
                return self._hold_back(request, high)
            self._trust = _Trust.NONE
            both = Page(low.keys + high.keys, low.items + high.items)
            if self._believes and self._fresh and len(set(both.keys)) == self._expects:
                return self._hold_back(request, both)
            self._cut(request, both.keys)
            return []
        self._trust = _Trust.SORTED
        batches: list[Batch[T]] = []
        for page in (low, high):
            # none at either end proves nothing: a server may put them last in both orders
            if whole and shows_undated_first(page.keys):
                batches += self._prove(UNDATED, UNDATED + 1, page)
        batches += self._prove(request.low, max(low.times) // SECOND, low)
        return batches + self._prove(min(high.times) // SECOND + 1, request.high, high)

    def _follow(self, request: Request, page: Page[T], *, full: bool) -> list[Batch[T]]:
        """A page of a server that sorts: all seconds that it passes are proved."""
        times = page.times
        if not in_order(times, descending=request.descending):
            self._trust = _Trust.NONE
        elif times:
            low, high = request.low, request.high
            if request.descending:
                low = max(low, times[-1] // SECOND + 1)
            else:
                high = min(high, times[-1] // SECOND)
            reaches = all(low <= gap.low and gap.high <= high for gap in self._front.open(request.low, request.high))
            if low < high and (strong(times) if full else reaches):
                return self._prove(low, high, page)
        if not full:
            return self._hold_back(request, page)
        self._cut(request, page.keys)
        return []

    def _prove(self, low: int, high: int, page: Page[T]) -> list[Batch[T]]:
        return self._emit(low, high, page.ordered(), None, "order")

    def _emit(
        self, low: int, high: int, ordered: list[tuple[Key, T]], upto: Key | None, proof: Proof
    ) -> list[Batch[T]]:
        batches = self._front.close(low, high, ordered, upto, proof)
        self._held.drop_unless(self._front.open)
        return batches

    def _cut(self, request: Request, keys: Sequence[Key]) -> None:
        gaps = self._front.open(request.low, request.high)
        limited = request.after is not None or request.before is not None
        if limited and self._lists and 2 * len(dated(keys)) <= len(keys):
            # the server shows what has no timestamp in every range: the shorter ones would be full of it as well
            self._front.list_instead(request.low, request.high)
            return
        seconds = {second_of(key) for key in keys}
        left = self._left()
        if self._lists and len(seconds) == 1 and left is not None and left <= self._hold:
            # one second has more works than a page, and hardly others are left: ranges would show them once more
            self._front.list_instead(request.low, request.high)
            return
        for gap in [gap for gap in gaps if any(gap.low <= second < gap.high for second in seconds)] or gaps:
            if not self._front.cut(gap, keys):
                if not self._lists:
                    raise Unprovable(_NO_LIST)
                gap.listing = True

    def _feed_list(self, page: Page[T]) -> list[Batch[T]]:
        listing = self._listing
        if listing is None:
            return []
        complete = listing.feed(
            list(zip(page.keys, page.items, strict=True)),
            page.cursor,
            lambda key: any(gap.wants(key) for gap in self._front.gaps),
        )
        gaps = [gap for gap in self._front.open(listing.low, listing.high) if gap.high - gap.low > 1]
        if gaps and self._ranged and listing.crowded and spread(listing.held):
            keys = [key for key, _ in listing.held]
            if any([self._front.cut(gap, keys) for gap in gaps]):  # noqa: C419 - all of them are to be cut
                self._listing = None
                return []
        if not complete:
            return []
        works, upto = listing.chunk()
        if upto is None:
            self._listing = None
        return self._emit(listing.low, listing.high, works, upto, "list")
