"""Works that show no timestamp, which no range finds: the last thing to prove.

There are some if one was seen, or if the server counts more works without a range than with one; then `works.list` is
needed. The first count is enough if it says no more than was found. Where pages were taken for all there is by their
length, everything is counted anew, and no count may say more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from devrev_async.export.planner.errors import NO_UNDATED, Unprovable
from devrev_async.export.planner.intervals import EARLIEST, SECOND, micros
from devrev_async.export.planner.proofs.constant_cap import more_than
from devrev_async.export.planner.totals import FIRST_DAY, Counted

from .listing import ask_next_page

if TYPE_CHECKING:
    from devrev_async.export.planner.messages import Request
    from devrev_async.export.planner.state import State

T = TypeVar("T")

_FIRST_SECOND: Final = micros(FIRST_DAY) // SECOND


def ask_for_undated(state: State[T]) -> Request | None:
    """Returns a request that shows whether there are such works, or one for them; None if there are none.

    Raises:
        Unprovable: they cannot be had, or the server counts by far more works than it shows.
    """
    counts, coverage = state.counts, state.coverage
    assumed, found = state.server.assumed_cap, state.shown
    if assumed and counts.last.known and not counts.last.checked:
        counts.last.checked = True
        counts.totals.ask_anew()
    if counts.expected == found and Counted.ALL not in counts.totals:
        counts.totals.answer(Counted.ALL, counts.expected)
    if not state.server.shows_undated:  # else ranges may count those without a timestamp too
        kind = counts.totals.next(found)
        if kind is not None and (state.server.counts or counts.last.checked or kind is not Counted.EARLY):
            return counts.of_everything(state.in_flight.next_number(), kind)
        if not counts.totals.show_undated():
            if assumed and more_than(state, found):
                raise Unprovable("there are more works than could be shown to be all")
            if counts.totals.unexplained(found) and not counts.probed:
                counts.probed = True  # a server that counts those without a timestamp in every range shows them here
                return state.export(EARLIEST, _FIRST_SECOND)
            # what earlier runs were shown outside of the user's range is not known
            known = state.fresh or not state.domain.limited
            if known and state.server.counts and counts.totals.too_many(found):
                raise Unprovable("the server counts more works than it shows")
            coverage.intervals = []
            return None
    if not state.server.lists:
        raise Unprovable(NO_UNDATED)
    coverage.mark_all(needs_list=True)
    return ask_next_page(state)
