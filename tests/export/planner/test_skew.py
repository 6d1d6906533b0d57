"""The price holds however works are spread over time, on a server that counts and sorts."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta
from math import ceil

import pytest

from .pages import START, SortedServer, plan

SHAPES: dict[str, Callable[[random.Random], float]] = {
    "even": lambda rng: rng.random(),
    "growing": lambda rng: rng.random() ** 0.3,
    "declining": lambda rng: rng.random() ** 3,
    "slowly declining": lambda rng: rng.random() ** 1.5,
    "over long ago": lambda rng: rng.random() / 4,
    "a burst": lambda rng: 0.5 + 3e-5 * rng.random() if rng.random() < 0.7 else rng.random(),
    "an early burst": lambda rng: 0.01 + 1e-4 * rng.random() if rng.random() < 0.9 else rng.random(),
    "two halves far apart": lambda rng: 0.1 * rng.random() + rng.choice((0.0, 0.8)),
    "a burst at the end": lambda rng: rng.random() / 2 if rng.random() < 0.1 else 0.5 + 1e-4 * rng.random(),
    "a late burst": lambda rng: 0.99 + 1e-4 * rng.random() if rng.random() < 0.9 else rng.random(),
}


@pytest.mark.parametrize("parallel", [1, 2, 3, 4, 6])
@pytest.mark.parametrize("works", [480, 1200, 2600, 3300, 5000, 10_000])
@pytest.mark.parametrize("shape", SHAPES)
def test_requests_and_works_fetched(shape: str, works: int, parallel: int) -> None:
    rng = random.Random(works)
    times = sorted(START + timedelta(days=365) * SHAPES[shape](rng) for _ in range(works))
    planned = plan(first=500, limit=10, parallel=parallel)
    cost = SortedServer(times).export(planned)
    assert planned.fetched <= 1.1 * works + 100
    assert cost.requests <= int(1.05 * (ceil(works / 500) + 1)) + 2


@pytest.mark.parametrize("parallel", [2, 4])
@pytest.mark.parametrize(("seconds", "each", "most"), [(8, 300, 12), (8, 450, 14), (3, 480, 6)])
def test_seconds_with_more_than_half_a_page_need_no_listing(seconds: int, each: int, most: int, parallel: int) -> None:
    """A page for a second that stands beside another crowded one shows hardly a work of that."""
    times = [START + timedelta(seconds=second + work / each) for second in range(seconds) for work in range(each)]
    server = SortedServer(times)
    planned = plan(first=500, limit=10, parallel=parallel)
    cost = server.export(planned)
    assert planned.proofs["list"] == 0
    assert cost.requests <= most
