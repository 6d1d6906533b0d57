"""What to do where works are deleted all the time, and the first page and the count beside it never agree.

Less than everything is asked for, from both ends: on a server that sorts, the order proves it, as it does where there
is more than a page, and what is deleted meanwhile does not end that proof.

A server that picks its candidates before it sorts, more of them than it is asked for, would show two such ends as well,
and hide what it did not pick. It picks another work in the place of one that is deleted. So this is done only where the
page shows nothing that it did not show at first, and less: then nothing but the deletions made it shorter.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from devrev_async.export.planner.tuning import ENOUGH, PART

from .listing import is_cheap

if TYPE_CHECKING:
    from collections.abc import Sequence

    from devrev_async.export.planner.intervals import Key
    from devrev_async.export.planner.state import State

T = TypeVar("T")


def ask(state: State[T], shown: Sequence[Key]) -> bool:
    """Returns whether the first page, which showed these works, is asked for once more as a smaller one."""
    size = int(len(shown) * PART)
    only_deleted = state.first_shown is not None and state.first_shown > set(shown)
    if not only_deleted or size < ENOUGH or is_cheap(state, size, len(shown)):
        return False
    state.sizes = replace(state.sizes, first=size)
    state.counts.ask_anew()
    return True
