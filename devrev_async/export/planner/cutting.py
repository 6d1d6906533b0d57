"""Where to cut an interval whose page proved nothing."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from .intervals import SECOND, dated
from .tuning import HALF, NEARLY_ALL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .intervals import Interval, Key


def split_points(interval: Interval, keys: Sequence[Key]) -> list[int]:
    """Returns the median second of a page, or both sides of it if it has half of the works.

    If it has nearly all, the second behind it stays with it: a request for that one would bring them all once more.
    Nothing inside the interval if that is so short, or if the page shows no timestamps at all.
    """
    inside = sorted(min(max(time // SECOND, interval.low), interval.high - 1) for time in dated(keys))
    if not inside:
        return []
    second = inside[len(inside) // 2]
    share = Counter(inside)[second] / len(inside)
    if share >= HALF:
        return [second, second + (2 if share >= NEARLY_ALL else 1)]
    return [second if second > interval.low else second + 1]
