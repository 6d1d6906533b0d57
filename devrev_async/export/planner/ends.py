"""Which end of which gap to ask for next, of a server that sorts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from .intervals import LATEST, Gap

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from .messages import Request

_SPLIT_AT: Final = 4.0
"""Pages that must be left in a gap, beyond those under way, before it is worth cutting for an idle slot."""

_BOTH_ENDS_AT: Final = 1.9
"""Pages that must be left in a gap before it is worth asking from both its ends: what they lack of two comes twice."""


class End(NamedTuple):
    """An end of a gap to ask for, or a gap to cut in two first."""

    gap: Gap
    descending: bool
    split: bool


def next_end(
    gaps: Sequence[Gap], flying: Iterable[Request], pages: Callable[[Gap], float], left: int | None = None
) -> End | None:
    """A gap that nobody asked for, else a free end of the longest gap, else the longest gap to be cut.

    Args:
        gaps: those to choose from.
        flying: requests under way.
        pages: how many pages a gap may need.
        left: works that were counted and neither shown nor asked for yet; None if that is not known.
    """
    exports = [request for request in flying if request.kind == "export"]
    free: list[tuple[float, End]] = []
    longest: tuple[float, End] | None = None
    for gap in gaps:
        asked = [request for request in exports if request.low < gap.high and request.high > gap.low]
        upward = any(request.low == gap.low and not request.descending for request in asked)
        downward = any(request.high == gap.high and request.descending for request in asked)
        room = pages(gap) - len(asked)
        if not asked:
            free.append((room + LATEST, End(gap, descending=False, split=False)))
        elif left is not None and left <= 0:
            continue
        elif upward and downward:
            if room >= _SPLIT_AT and (longest is None or room > longest[0]):
                longest = room, End(gap, descending=False, split=True)
        elif room >= _BOTH_ENDS_AT - 1 or (left is not None and len(gaps) == 1):
            free.append((room, End(gap, descending=upward, split=False)))
    if free:
        return max(free, key=lambda entry: entry[0])[1]
    return longest[1] if longest else None
