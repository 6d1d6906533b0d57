"""The planner of a complete export: which request next, and what its answer proves."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Generic, TypeVar, assert_never

from . import judge
from .counts import OfEverything, OfHalf, OfPage
from .errors import NO_RANGE, NO_UNDATED, Unprovable
from .intervals import UNDATED
from .messages import AtLeast
from .state import Sizes, State
from .strategies import counting, early, halving, listing, other_end, tiling
from .strategies.undated import ask_for_undated
from .totals import Counted

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from .intervals import Batch, Domain, Interval, Proof
    from .messages import Page, Request
    from .server import ServerFindings

T = TypeVar("T")


class Plan(Generic[T]):
    """Take requests, send them, feed the answers in any order; what comes out is proved, and comes out once.

    Args:
        domain: the user's own range of `created_date`.
        now: when the run began.
        intervals: what is left to do, from a checkpoint; None: everything.
        findings: what was found of the server before that checkpoint.
        before: works that were yielded before it.
        first, limit: works to ask for in one `works.export`, in one `works.list`.
        parallel: requests in flight at most.
        counted: what the server counted over everything just before; None: it is asked for beside the first page.
    """

    def __init__(
        self,
        domain: Domain,
        *,
        now: datetime,
        intervals: Sequence[Interval] | None = None,
        findings: ServerFindings | None = None,
        before: int = 0,
        first: int = 5000,
        limit: int = 100,
        parallel: int = 4,
        counted: int | None = None,
    ) -> None:
        self._state = State[T](domain, now, intervals, before=before, sizes=Sizes(first, limit, parallel))
        if findings is not None:
            self._state.server.take_over(findings)
        if counted is not None:
            self._state.counts.counted_before(counted)

    @property
    def expected(self) -> int | None:
        """Works to be yielded in all, as the server counted when the run began; None if that is not known."""
        state = self._state
        if state.counts.expected is None:
            return None
        return max(0, state.counts.expected - state.coverage.outside - state.tally.before)

    @property
    def parallel(self) -> int:
        """Requests in flight at most."""
        return self._state.sizes.parallel

    @parallel.setter
    def parallel(self, value: int) -> None:
        self._state.sizes = replace(self._state.sizes, parallel=value)

    @property
    def server_findings(self) -> ServerFindings:
        """What was found of the server, for the checkpoint."""
        return self._state.server.findings

    @property
    def fetched(self) -> int:
        """Works in all answers."""
        return self._state.tally.fetched

    @property
    def ranges(self) -> int:
        """Intervals that were proved."""
        return self._state.tally.intervals

    @property
    def proofs(self) -> dict[Proof, int]:
        """Works that each kind of proof covers."""
        return self._state.tally.proofs

    @property
    def duplicates(self) -> int:
        """Works that came more often than they are emitted, or not at all; those kept for a proof aside."""
        return self._state.duplicates

    @property
    def done(self) -> bool:
        """Whether everything is proved and nothing is in flight."""
        return not self._state.coverage.intervals and not self._state.in_flight

    def take(self, waiting: int = 0) -> Request | None:
        """Returns the next request to send now; None if an answer must come first, or all is done.

        Args:
            waiting: pages' worth of works that wait to be consumed; there is room for so many fewer.

        Raises:
            Unprovable: nothing is in flight, and nothing that could be asked would prove the rest.
        """
        state = self._state
        if not state.coverage.intervals or len(state.in_flight) >= state.sizes.parallel:
            return None
        request = counting.beside_first_page(state) or self._next(waiting)
        if request is not None:
            state.in_flight.add(request)
        elif state.coverage.intervals and not state.in_flight and not waiting:
            raise Unprovable("no further request can prove the rest")
        return request

    def feed(self, request: Request, page: Page[T]) -> list[Batch[T]]:
        """Returns what a page proves, to be consumed in this order.

        Raises:
            Unprovable: as `take`.
        """
        state = self._state
        state.in_flight.remove(request)
        state.tally.fetched += len(page.keys)
        if len(page.times) < len(page.keys):
            state.server.shows_undated = True
        listed = request.kind == "list"
        batches = listing.feed_page(state, page) if listed else judge.judge_page(state, request, page)
        return batches + self._judge_ahead()

    def feed_refusal(self, request: Request) -> None:
        """The server has no `works.list`: what is left must be proved by ranges.

        Raises:
            Unprovable: it cannot be.
        """
        state = self._state
        state.in_flight.remove(request)
        state.server.lists = False
        state.listing = None
        for each in state.coverage.intervals:
            if each.needs_list and (each.low == UNDATED or not state.server.honours_range):
                raise Unprovable(NO_UNDATED if state.server.honours_range else NO_RANGE)
        state.coverage.mark_all(needs_list=False)

    def feed_refused_range(self, request: Request) -> None:
        """The server refuses the range of a page, which is not the user's own: only a list of everything is left.

        Raises:
            Unprovable: the server has no `works.list`.
        """
        state = self._state
        state.in_flight.remove(request)
        state.listing = None
        judge.give_up_ranges(state)

    def is_own_range(self, request: Request) -> bool:
        """Returns whether a request has a range that the user did not give."""
        limited = request.after is not None or request.before is not None
        return limited and not self._state.domain.whole(request.low, request.high)

    def feed_count(self, request: Request, count: int | AtLeast | None) -> list[Batch[T]]:
        """Returns what a count proves; `AtLeast` if it is not exact, None if the server has no such endpoint.

        Raises:
            Unprovable: as `take`.
        """
        state = self._state
        state.in_flight.remove(request)
        question = state.counts.answered(request)
        exact = count if isinstance(count, int) else None
        if isinstance(question, OfHalf):
            halving.take_in(state, exact)
            return []
        if isinstance(question, OfEverything) and count is not None:
            works = count.works if isinstance(count, AtLeast) else count
            state.counts.last.note(question.kind, works, exact=exact is not None)
        if exact is None:
            state.counts.totals.end()
            return judge.cease_to_count(state)
        match question:
            case OfEverything(opening=True):
                state.counts.expected = exact
                return judge.judge_first_page(state)
            case OfEverything():
                if state.counts.ahead.answer(request.number, exact):
                    return self._judge_ahead()
                return judge.judge_total(state, question.kind, exact)
            case OfPage():
                return judge.judge_count(state, question.page, exact)
            case _:
                assert_never(question)

    def _next(self, waiting: int) -> Request | None:
        """A page while there is room for one, else a count that frees some."""
        state = self._state
        kept = state.kept_pages
        if len(state.in_flight) + kept + waiting < state.sizes.parallel:
            return self._next_page() or listing.ask_next_page(state) or self._next_check()
        if state.pages and state.only_counts_left:
            return self._next_check()
        if kept >= max(1, state.sizes.parallel // 2) and state.first_page is None:
            return counting.for_one_page(state)
        return None

    def _next_page(self) -> Request | None:
        state = self._state
        if (request := early.ask(state) or tiling.ask_middle(state) or halving.ask_beside_ends(state)) is not None:
            return request
        intervals = [each for each in state.coverage.intervals if each.low != UNDATED and not each.needs_list]
        if state.pages:
            intervals = [each for each in intervals if not state.pages.cover(each.low, each.high)]
        if state.server.sorts:
            return other_end.ask_next_end(state, tiling.cut_ahead(state, halving.cut_in_half(state, intervals)))
        for each in intervals:
            if not state.in_flight.covers(each.low, each.high):
                return state.export(each.low, each.high)
        return None

    def _next_check(self) -> Request | None:
        """What is left when no page is to be asked for: a count for pages that await one, then works without a date."""
        state = self._state
        if state.in_flight:
            only_counts = state.in_flight.only_counts
            return counting.for_one_page(state) if only_counts else counting.beside_last_pages(state)
        if state.pages:
            return counting.for_all_pages(state)
        if any(each.low != UNDATED for each in state.coverage.intervals):
            return None
        return ask_for_undated(state)

    def _judge_ahead(self) -> list[Batch[T]]:
        """A count that was asked for beside the last pages is judged once they are there."""
        state = self._state
        if state.in_flight or not state.only_counts_left:
            return []
        count = state.counts.ahead.take()
        return [] if count is None else judge.judge_total(state, Counted.ALL, count)
