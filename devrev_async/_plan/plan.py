"""The plan of a complete export: which request next, what its answer proves, what is left."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import TYPE_CHECKING, Final, Generic, Literal, TypeVar

from .evidence import dated, in_order, shows_undated_first, sorts_before_cap, split_points, strong
from .exchange import Page, Request
from .listing import Listing, Unprovable, spread
from .ranges import (
    EARLIEST,
    LATEST,
    SECOND,
    UNDATED,
    Batch,
    Domain,
    Gap,
    Key,
    chosen,
    cut,
    micros,
    outside,
    second_of,
    without,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

T = TypeVar("T")

_SPLIT_AT: Final = 4.0
"""Pages that must be left in a gap, beyond those under way, before it is worth cutting for an idle slot."""

_BOTH_ENDS_AT: Final = 2.0
_NO_LIST: Final = "ranges of created_date are not enough, and the server has no works.list"
_FIRST_DAY: Final = datetime(1900, 1, 1, tzinfo=UTC)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

_LIES: Final = 6
"""Pages in a row that a count contradicts, though they were asked for because of a count and brought nothing."""

_SUSPECTS: Final = 4
_BORNE_OUT: Final = -24
"""Where to begin to tell lies once a count was right to contradict a page."""

_HAD_ROOM: Final = 0.75
"""Of the length of the page before it: what is that much shorter was hardly cut short itself."""

_ROOM: Final = 3
"""How many times as long as what the end of a range shows again the page before it must have been."""

_BLATANT: Final = 10
_BLATANT_SHARE: Final = 1.1
"""How many works the server must count beyond those found, and how many times those, before the export is given up."""


class _Trust(Enum):
    UNKNOWN = 0
    SORTED = 1
    """The server sorts as asked before it caps: a full page proves all that it passes."""
    NONE = 2


class _Counted(Enum):
    """What a count is asked for, beside the range of one page."""

    ALL = 0
    DATED = 1
    EARLY = 2
    """With a timestamp, and not after the run's beginning."""


@dataclass(eq=False, slots=True)
class _Held(Generic[T]):
    """A page shorter than the longest seen: all that there is in its range, unless the cap varies."""

    request: Request
    page: Page[T]
    ordered: list[tuple[Key, T]]
    asked: bool = False


class Plan(Generic[T]):
    """Take requests, send them, feed the answers in any order; what comes out is proved and comes out once.

    A page of `works.export` as long as the longest seen may be cut short by the server's cap. It proves something
    only if the server was shown to sort before it caps (`sorts_before_cap`); else its stretch is cut and asked for
    again. What cannot be cut is settled by `works.list`.

    A shorter page is complete if the cap stays the same; one that goes by bytes does not. So it is held until
    `works.count` agrees: one count over everything at the end, and one over a page's own range where that one differs
    or too much is held. Where it counts more than the page shows, the page is taken as one cut short.

    Where the server counts nothing, or counts works that no page shows, two rules remain. If it sorts, the end of a
    range must be shown twice, the second time by a page that has room for more. If it does not, `works.list` settles
    what wrong counts left open; but where nothing is counted, a short page is believed: this assumes that the cap
    stays the same. Counts and pages that are not of the same moment also assume
    that as many works as the cap hid in a range were not taken from it in between.

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
        self._gaps = domain.gaps() if gaps is None else list(gaps)
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
        self._held: list[_Held[T]] = []
        self._believes = True
        self._questions: dict[int, _Held[T] | _Counted] = {}
        self._counts: dict[_Counted, int | None] = {}
        self._suspects: list[tuple[int, int, set[Key]]] = []
        self._lies = 0
        self._lied = False
        self._tails: dict[tuple[int, int], tuple[set[Key], int]] = {}
        self._span = (LATEST, EARLIEST)

    @property
    def duplicates(self) -> int:
        """Works that came more often than they are handed over, or not at all; those kept for a proof aside."""
        kept = (len(self._pair[1].keys) if self._pair else 0) + sum(len(held.ordered) for held in self._held)
        return self.fetched - self.proved - kept - (len(self._listing.held) if self._listing else 0)

    @property
    def done(self) -> bool:
        """Whether everything is proved and nothing is under way."""
        return not self._gaps and not self._flying

    def take(self, waiting: int = 0) -> Request | None:
        """The next request to send now; None if an answer must come first, or all is done.

        Args:
            waiting: pages' worth of works that wait to be handed over; there is room for so many fewer.

        Raises:
            Unprovable: nothing is under way, and nothing that could be asked would prove the rest.
        """
        if not self._gaps or len(self._flying) >= self._parallel:
            return None
        held = self._pages_held()
        if len(self._flying) + held + waiting < self._parallel:
            request = self._next_export() or self._next_list() or self._last_word()
        elif self._held and all(gap.low == UNDATED or self._holds(gap.low, gap.high) for gap in self._gaps):
            request = self._last_word()
        elif held >= max(1, self._parallel // 2):
            request = self._verify()
        else:
            return None
        if request is not None:
            self._flying[request.number] = request
        elif self._gaps and not self._flying and not waiting:
            raise Unprovable("nothing is left to ask")
        return request

    def feed(self, request: Request, page: Page[T]) -> list[Batch[T]]:
        """What an answer proves, to be handed over in this order.

        Raises:
            Unprovable: as `take`.
        """
        del self._flying[request.number]
        self.fetched += len(page.keys)
        if any(key[0] == UNDATED * SECOND for key in page.keys):
            self.undated = True
        batches = self._feed_list(page) if request.kind == "list" else self._feed_export(request, page)
        return self._noted(batches)

    def _noted(self, batches: list[Batch[T]]) -> list[Batch[T]]:
        self.proved += sum(len(batch.items) for batch in batches)
        self.ranges += len(batches)
        return batches

    def feed_refusal(self, request: Request) -> None:
        """The server has no `works.list`: what is left must be settled by ranges.

        Raises:
            Unprovable: it cannot be.
        """
        del self._flying[request.number]
        self._lists = False
        self._listing = None
        for gap in self._gaps:
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
        if isinstance(question, _Counted):
            self._counts[question] = count
            if count is not None:
                exact = question is _Counted.ALL and self._fresh and count == self._found() + self._works_held()
                return self._noted(self._believe_held() if exact else [])
        elif count is not None:
            return self._noted(self._weigh(question, count) if question in self._held else [])
        for each in _Counted:
            self._counts.setdefault(each, None)
        return self._noted(self._cease_to_count())

    # --- what to ask ---

    def _request(self, kind: Literal["export", "list"], low: int, high: int, *, descending: bool = False) -> Request:
        self._number += 1
        after, before = self._domain.bounds(low, high)
        return Request(kind, self._number, low, high, after, before, descending)

    def _next_export(self) -> Request | None:
        if self._pair is not None:
            asked, _ = self._pair
            if not self._under_way(asked.low, asked.high):
                return self._request("export", asked.low, asked.high, descending=True)
        gaps = [gap for gap in self._gaps if gap.low != UNDATED and not gap.listing]
        if self._held:
            gaps = [gap for gap in gaps if not self._holds(gap.low, gap.high)]
        if self._trust is _Trust.SORTED:
            return self._next_end(gaps)
        for gap in gaps:
            if not self._under_way(gap.low, gap.high):
                return self._request("export", gap.low, gap.high)
        return None

    def _holds(self, low: int, high: int) -> bool:
        return any(held.request.low < high and held.request.high > low for held in self._held)

    def _next_end(self, gaps: list[Gap]) -> Request | None:
        """A free end of a gap, or an end made by cutting the largest gap in two."""
        waiting: list[tuple[float, Gap, bool]] = []
        largest: tuple[float, Gap] | None = None
        for gap in gaps:
            asked = [r for r in self._flying.values() if r.kind == "export" and r.low < gap.high and r.high > gap.low]
            upward = any(r.low == gap.low and not r.descending for r in asked)
            downward = any(r.high == gap.high and r.descending for r in asked)
            pages = self._pages(gap) - len(asked)
            if not asked:
                waiting.append((pages + LATEST, gap, False))
            elif upward and downward:
                if pages >= _SPLIT_AT and (largest is None or pages > largest[0]):
                    largest = pages, gap
            elif pages >= _BOTH_ENDS_AT - 1:
                waiting.append((pages, gap, upward))
        if waiting:
            _, gap, descending = max(waiting, key=lambda entry: entry[0])
            return self._request("export", gap.low, gap.high, descending=descending)
        if largest is None:
            return None
        gap = largest[1]
        start, end = self._stretch(gap)
        pieces = cut(gap, [(start + end) // 2])
        self._replace(gap, pieces)
        return self._request("export", pieces[-1].low, pieces[-1].high) if len(pieces) > 1 else None

    def _next_list(self) -> Request | None:
        listing = self._listing
        if listing is not None and not any(gap.low < listing.high and gap.high > listing.low for gap in self._gaps):
            listing = self._listing = None
        if any(request.kind == "list" for request in self._flying.values()):
            return None
        if listing is None:
            gap = next((gap for gap in self._gaps if gap.listing), None)
            if gap is None:
                return None
            listing = self._listing = self._listing_of(gap)
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
            return self._verify() if all(request.kind == "count" for request in self._flying.values()) else None
        if self._held:
            # one count over everything may settle all of them
            whole = self._fresh and not self.undated and _Counted.ALL not in self._counts
            return self._count(_Counted.ALL) if whole else self._verify()
        if any(gap.low != UNDATED for gap in self._gaps):
            return None
        if (request := self._total()) is not None:
            return request
        if not self.undated:
            everything, with_date = self._counts.get(_Counted.ALL), self._counts.get(_Counted.DATED)
            if everything is None or with_date is None or everything <= with_date:
                self._gaps = []
                return None
        if not self._lists:
            raise Unprovable(_NO_LIST)
        self._replace(self._gaps[0], [Gap(UNDATED, UNDATED + 1, self._gaps[0].past, listing=True)])
        return self._next_list()

    def _total(self) -> Request | None:
        """The next count over the whole, None once enough is known.

        Raises:
            Unprovable: there are by far more works than were found.
        """
        if self.undated:
            return None  # ranges may count those too; that there are some is known, and works.list will settle it
        steps = [_Counted.ALL, _Counted.DATED, _Counted.EARLY]
        if self._domain.limited:
            steps.remove(_Counted.DATED)
        for step in steps:
            if step not in self._counts:
                return self._count(step) if self._believes or step is not _Counted.EARLY else None
            count = self._counts[step]
            least = self._found() if step is _Counted.ALL and not self._domain.limited else self._plausible()
            if count is None or count <= least:
                return None
        if self._believes:
            raise Unprovable("the server counts more works than it shows")
        return None

    def _plausible(self) -> int:
        found = self._found()
        return max(found + _BLATANT - 1, int(found * _BLATANT_SHARE))

    def _count(self, question: _Counted) -> Request:
        self._number += 1
        self._questions[self._number] = question
        after, before = self._domain.after, self._domain.before
        if question is not _Counted.ALL:
            after = after or _FIRST_DAY
        if question is _Counted.EARLY:
            before = self._early(before)
        return Request("count", self._number, UNDATED, LATEST, after, before)

    def _verify(self) -> Request | None:
        """A count over the range of a page held: one that can tell whether a count was right, else the longest."""
        if any(question is _Counted.ALL for question in self._questions.values()):
            return None  # it may settle all of them
        held = max(
            (held for held in self._held if not held.asked),
            key=lambda held: (self._suspect(held.request) is not None, len(held.ordered)),
            default=None,
        )
        if held is None:
            return None
        held.asked = True
        self._number += 1
        self._questions[self._number] = held
        request = held.request
        return Request("count", self._number, request.low, request.high, request.after, self._early(request.before))

    def _suspect(self, request: Request) -> set[Key] | None:
        """The works of the last page that a count contradicted and that the range of this request was cut from."""
        for low, high, keys in reversed(self._suspects):
            if low <= request.low and request.high <= high:
                return keys
        return None

    def _early(self, before: datetime | None) -> datetime:
        """What was created since the run's beginning does not matter, and would make no count match."""
        begun = _EPOCH + timedelta(microseconds=self._now)
        return begun if before is None else min(before, begun)

    def _found(self) -> int:
        return self._handed + self.proved

    def _pages_held(self) -> int:
        return sum(len(held.ordered) for held in self._held) // self._cap if self._held else 0

    def _works_held(self) -> int:
        """The works that the pages held would bring."""
        works: set[Key] = set()
        for held in self._held:
            low, high = held.request.low, held.request.high
            if self._domain.whole(low, high):
                low = UNDATED
            for gap in self._gaps:
                keys = (key for key, _ in chosen(gap, low, high, held.ordered))
                works.update(key for key in keys if self._domain.admits(key))
        return len(works)

    def _under_way(self, low: int, high: int) -> bool:
        return any(r.kind != "count" and r.low < high and r.high > low for r in self._flying.values())

    def _stretch(self, gap: Gap) -> tuple[int, int]:
        """The part of a gap where works can be expected."""
        latest = max(self._span[1], self._now // SECOND) + 1
        start = self._span[0] if gap.low <= self._domain.low else gap.low
        return start, max(start, min(gap.high, latest))

    def _pages(self, gap: Gap) -> float:
        """How many pages a gap may need, from the density beside it."""
        start, end = self._stretch(gap)
        rates = [rate for rate in (gap.below, gap.above) if rate is not None]
        return (end - start) * sum(rates) / len(rates) / self._cap if rates and self._cap else 0.0

    # --- what an answer proves ---

    def _feed_export(self, request: Request, page: Page[T]) -> list[Batch[T]]:
        size = len(page.keys)
        self._cap = max(self._cap, size)
        whole = self._domain.whole(request.low, request.high)
        if outside(page.keys, request.after, request.before):
            self._ranged = False
            self._trust = _Trust.NONE
            self._pair = None
            self._held = []
            if not self._lists:
                raise Unprovable(_NO_LIST)
            for gap in self._gaps:
                gap.listing = True
            return []
        times = dated(page.keys)
        if times:
            self._span = min(self._span[0], min(times) // SECOND), max(self._span[1], max(times) // SECOND)
        parent = self._suspect(request)
        if parent is not None and any(
            request.low <= second_of(key) < request.high and key[0] <= self._now and key not in parent
            for key in page.keys
        ):
            self._lies = _BORNE_OUT
        if request.descending and self._pair is not None and request.low == self._pair[0].low:
            return self._compare(*self._pair, page)
        if size == 0:
            return self._prove(UNDATED if whole else request.low, request.high, page)
        return self._hold_back(request, page) if size < self._cap else self._cut_short(request, page)

    def _hold_back(self, request: Request, page: Page[T]) -> list[Batch[T]]:
        """A page that is all there is, if the cap stays the same."""
        held = _Held(request, page, page.ordered())
        if not self._believes:
            return self._without_count(held)
        if request.after is not None and micros(request.after) > self._now:
            return self._settle(held)
        if self._open(request.low, request.high):
            self._held.append(held)
        return []

    def _weigh(self, held: _Held[T], count: int) -> list[Batch[T]]:
        request, page = held.request, held.page
        everything = request.after is None and request.before is None
        shown = {key for key in page.keys if key[0] <= self._now and not (everything and key[0] == UNDATED * SECOND)}
        self._held.remove(held)
        if count <= len(shown):
            return self._settle(held)
        low, high = request.low, request.high
        inside = {key for key in shown if low <= second_of(key) < high}
        parent = self._suspect(request)
        if parent is not None and inside <= parent and len(inside) <= _HAD_ROOM * len(parent):
            self._lies += 1
        if self._lies >= _LIES:
            self._held.append(held)
            self._lied = True
            return self._cease_to_count()
        self._suspects = [*self._suspects[-_SUSPECTS:], (low, high, inside)]
        return self._cut_short(request, page, count)

    def _believe_held(self) -> list[Batch[T]]:
        batches: list[Batch[T]] = []
        for held in list(self._held):
            batches += self._settle(held, undated=True)
        return batches

    def _settle(self, held: _Held[T], *, undated: bool = False) -> list[Batch[T]]:
        """A page is all there is, works without a timestamp included if `undated`."""
        low, high = held.request.low, held.request.high
        whole = self._domain.whole(low, high)
        first = whole and (undated or self._domain.limited or shows_undated_first(held.page.keys))
        return self._emit(UNDATED if first else low, high, held.ordered, None)

    def _cease_to_count(self) -> list[Batch[T]]:
        """The server does not count, or not what it shows: judge what is held without."""
        self._believes = False
        waiting, self._held = self._held, []
        batches: list[Batch[T]] = []
        for held in waiting:
            if self._open(held.request.low, held.request.high):
                batches += self._without_count(held)
        return batches

    def _without_count(self, held: _Held[T]) -> list[Batch[T]]:
        request, page = held.request, held.page
        low, high = request.low, request.high
        inside = [key for key in page.keys if low <= second_of(key) < high]
        if not in_order(page.keys, descending=request.descending):
            self._trust = _Trust.NONE
        times = dated(page.keys)
        passed = bool(times) and (times[-1] // SECOND < low if request.descending else times[-1] // SECOND >= high)
        tail, size = self._tails.pop((low, high), (set[Key](), 0))
        again = tail == set(inside) and _ROOM * len(page.keys) <= size
        if self._trust is not _Trust.SORTED and self._lied and self._lists:
            self._list_instead(low, high)
            return []
        if self._trust is not _Trust.SORTED or passed or again:
            return self._settle(held, undated=True)
        if inside:
            edge = second_of(inside[-1])
            start, end = (low, edge + 1) if request.descending else (edge, high)
            tail = {key for key in inside if start <= second_of(key) < end}
            if (start, end) != (low, high) and _ROOM * len(tail) <= len(page.keys):
                self._tails[start, end] = tail, len(page.keys)
                return self._emit(*((end, high) if request.descending else (low, start)), held.ordered, None)
        if not self._lists:
            return self._settle(held, undated=True)
        if len(page.keys) <= self._limit:
            self._list_instead(low, high)
        else:
            self._cut(request, page.keys)
        return []

    def _cut_short(self, request: Request, page: Page[T], count: int = 0) -> list[Batch[T]]:
        """A page behind which there may be more: as many as `count` if that is known."""
        if len(page.keys) <= self._limit and count <= 2 * self._limit and self._lists:
            self._list_instead(request.low, request.high)
            return []
        if self._trust is _Trust.SORTED:
            return self._follow(request, page)
        if self._trust is _Trust.UNKNOWN and self._calibrates(request, page):
            return []
        self._cut(request, page.keys)
        return []

    def _calibrates(self, request: Request, page: Page[T]) -> bool:
        """Whether to ask for the same stretch from its other end, to learn if the server's order can be relied on."""
        if len(page.keys) < self._first and not self._halved:
            self._halved = True
            return False
        if self._pair is not None:
            return False
        if not (in_order(page.keys, descending=False) and strong(page.keys)):
            self._trust = _Trust.NONE
            return False
        self._pair = request, page
        return True

    def _compare(self, request: Request, low: Page[T], high: Page[T]) -> list[Batch[T]]:
        self._pair = None
        whole = self._domain.whole(request.low, request.high)
        if not sorts_before_cap(low.keys, high.keys, now=self._now):
            if len(high.keys) < self._cap:
                return self._hold_back(request, high)
            self._trust = _Trust.NONE
            self._cut(request, low.keys + high.keys)
            return []
        self._trust = _Trust.SORTED
        batches: list[Batch[T]] = []
        for page in (low, high):
            # none at either end proves nothing: a server may put them last in both orders
            if whole and shows_undated_first(page.keys):
                batches += self._prove(UNDATED, UNDATED + 1, page)
        batches += self._prove(request.low, max(dated(low.keys)) // SECOND, low)
        return batches + self._prove(min(dated(high.keys)) // SECOND + 1, request.high, high)

    def _follow(self, request: Request, page: Page[T]) -> list[Batch[T]]:
        """A full page of a server that sorts: all seconds that it passes are proved."""
        if not in_order(page.keys, descending=request.descending):
            self._trust = _Trust.NONE
        elif strong(page.keys):
            times = dated(page.keys)
            low, high = request.low, request.high
            if request.descending:
                low = max(low, times[-1] // SECOND + 1)
            else:
                high = min(high, times[-1] // SECOND)
            if low < high:
                return self._prove(low, high, page)
        self._cut(request, page.keys)
        return []

    def _prove(self, low: int, high: int, page: Page[T]) -> list[Batch[T]]:
        return self._emit(low, high, page.ordered(), None)

    def _emit(self, low: int, high: int, ordered: list[tuple[Key, T]], upto: Key | None) -> list[Batch[T]]:
        """Hand over what is open between two seconds, and close it there."""
        if low >= high:
            return []
        batches: list[Batch[T]] = []
        for gap in self._gaps:
            start, end = max(gap.low, low), min(gap.high, high)
            if start >= end or (upto is not None and second_of(upto) < start):
                continue
            pairs = [pair for pair in chosen(gap, start, end, ordered) if self._domain.admits(pair[0])]
            partly = upto if upto is not None and second_of(upto) < end else None
            batches.append(Batch(start, end, [key for key, _ in pairs], [item for _, item in pairs], partly))
        start, end = max(low, self._span[0]), min(high, self._span[1] + 1)
        rate = len(ordered) / (end - start) if end > start else None
        self._gaps = without(self._gaps, low, high, upto, rate)
        self._held = [held for held in self._held if self._open(held.request.low, held.request.high)]
        return batches

    def _cut(self, request: Request, keys: Sequence[Key]) -> None:
        gaps = self._open(request.low, request.high)
        seconds = {second_of(key) for key in keys}
        for gap in [gap for gap in gaps if any(gap.low <= second < gap.high for second in seconds)] or gaps:
            pieces = cut(gap, split_points(gap, keys))
            if len(pieces) > 1:
                self._replace(gap, pieces)
                continue
            if not self._lists:
                raise Unprovable(_NO_LIST)
            gap.listing = True

    def _list_instead(self, low: int, high: int) -> None:
        for gap in self._open(low, high):
            gap.listing = True

    def _open(self, low: int, high: int) -> list[Gap]:
        return [gap for gap in self._gaps if gap.low != UNDATED and gap.low < high and gap.high > low]

    def _replace(self, gap: Gap, pieces: Iterable[Gap]) -> None:
        place = next(index for index, other in enumerate(self._gaps) if other is gap)
        self._gaps[place : place + 1] = pieces

    def _feed_list(self, page: Page[T]) -> list[Batch[T]]:
        listing = self._listing
        if listing is None:
            return []
        complete = listing.feed(
            list(zip(page.keys, page.items, strict=True)),
            page.cursor,
            lambda key: any(gap.wants(key) for gap in self._gaps),
        )
        gaps = [gap for gap in self._open(listing.low, listing.high) if gap.high - gap.low > 1]
        if gaps and self._ranged and listing.crowded and spread(listing.held):
            self._listing = None
            for gap in gaps:
                self._replace(gap, cut(gap, split_points(gap, [key for key, _ in listing.held])))
            return []
        if not complete:
            return []
        works, upto = listing.chunk()
        if upto is None:
            self._listing = None
        return self._emit(listing.low, listing.high, works, upto)
