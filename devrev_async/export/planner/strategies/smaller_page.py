"""What to do where works are deleted all the time, and the first page and the count beside it never agree.

Less than everything is asked for, from both ends: on a server that sorts, the order proves it, as it does where there
is more than a page, and what is deleted meanwhile does not end that proof.

A server that picks its candidates before it sorts, more of them than it is asked for, would show two such ends as well,
and hide what it did not pick. If it picks as many each time, another work takes the place of one that is deleted. So
this is done only where the page was longer before: then nothing but the deletions made it shorter.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from devrev_async.export.planner.tuning import ENOUGH, PART

from .listing import is_cheap

if TYPE_CHECKING:
    from devrev_async.export.planner.state import State

T = TypeVar("T")


def ask(state: State[T], shown: int) -> bool:
    """Returns whether the first page, which showed so many works, is asked for once more as a smaller one."""
    size = int(shown * PART)
    if shown >= state.server.longest_page or size < ENOUGH or is_cheap(state, size, shown):
        return False
    state.sizes = replace(state.sizes, first=size)
    state.counts.ask_anew()
    return True
