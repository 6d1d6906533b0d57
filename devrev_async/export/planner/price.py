"""What an export may cost: requests, by the works that were counted; pages in memory, by how slow answers are."""

from __future__ import annotations

from math import ceil
from typing import Final

from .tuning import BOTH, SLOW_FROM

SPARE: Final = 2
"""Requests beyond the least possible that any export may take."""

SPARE_SHARE: Final = 20
"""The same as a part of the least possible: one in so many."""


def most_requests(works: int, page: int) -> int:
    """Returns how many requests an export may take: a page for each `page` works begun, one count, and the spare."""
    least = max(1, ceil(works / page)) + 1
    return least + least // SPARE_SHARE + SPARE


def most_works(works: int) -> int:
    """Returns how many works an export may fetch: a tenth more than there are, and a hundred."""
    return works + works // 10 + 100


def parallel_for(waited: float) -> int:
    """Returns how many pages to ask for side by side where the first one took so many seconds to begin."""
    return BOTH + sum(waited >= seconds for seconds in SLOW_FROM)
