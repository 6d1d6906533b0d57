"""What a full page shows of the server's order, and whether that is enough to rely on."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from .intervals import SECOND, UNDATED, dated

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .intervals import Gap, Key

ENOUGH: Final = 15
"""Distinct timestamps in order that no chance explains: 15! is above 2 to the 40th."""

_APART: Final = 8
_HALF: Final = 0.5
_NEARLY_ALL: Final = 0.9


def in_order(times: Sequence[int], *, descending: bool) -> bool:
    """Whether timestamps stand in the order asked for."""
    return times == sorted(times, reverse=descending)


def strong(times: Sequence[int]) -> bool:
    """Whether a page in order has enough distinct timestamps for its order to be the server's doing."""
    return len(set(times)) >= ENOUGH


def shows_undated_first(keys: Sequence[Key]) -> bool:
    """Whether works without a timestamp stand at the head of a page, all of them, before those that have one."""
    flags = [key[0] == UNDATED * SECOND for key in keys]
    return flags[:1] == [True] and False in flags and not any(flags[flags.index(False) :])


def sorts_before_cap(low: Sequence[Key], high: Sequence[Key], *, now: int) -> bool:
    """Whether two full pages, asked for from the two ends of one range, prove that the server sorts, then caps.

    One that ignores `sort_by` answers one of them out of order; one that caps first answers both from the same works,
    or from works that stand between each other's. What was created since `now` (microseconds) proves nothing.
    """
    upward, downward = dated(low), dated(high)
    if not (in_order(upward, descending=False) and in_order(downward, descending=True)):
        return False
    if not (strong(upward) and strong(downward)):
        return False
    lows = {key for key in low if key[0] != UNDATED * SECOND and key[0] < now}
    highs = {key for key in high if key[0] != UNDATED * SECOND and key[0] < now}
    apart = _least_apart(len(low))
    only_low, only_high = lows - highs, highs - lows
    if len(only_low) < apart or len(only_high) < apart:
        return False
    return max(only_low)[0] <= min(downward) and min(only_high)[0] >= max(upward)


def proves_order(works: int, page: int) -> bool:
    """Whether a page of so many works from the other end can show the order, beside a page of `page` works."""
    return works >= _least_apart(page)


def _least_apart(size: int) -> int:
    return max(_APART, size // 10)


def split_points(gap: Gap, keys: Sequence[Key]) -> list[int]:
    """Where to cut a gap whose page proved nothing: at the median second, on both its sides if it holds half the works.

    If it holds nearly all, the second behind it stays with it: a request for that one would bring them all once more.
    Nothing inside the gap if it is that short, or if the page shows no timestamps at all.
    """
    inside = sorted(min(max(time // SECOND, gap.low), gap.high - 1) for time in dated(keys))
    if not inside:
        return []
    second = inside[len(inside) // 2]
    share = Counter(inside)[second] / len(inside)
    if share >= _HALF:
        return [second, second + (2 if share >= _NEARLY_ALL else 1)]
    return [second if second > gap.low else second + 1]
