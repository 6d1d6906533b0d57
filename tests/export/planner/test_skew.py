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
    "a late burst": lambda rng: 0.99 + 1e-4 * rng.random() if rng.random() < 0.9 else rng.random(),
}


@pytest.mark.parametrize("parallel", [1, 2, 3, 4])
@pytest.mark.parametrize("works", [480, 1200, 2600, 3300, 5000, 10_000])
@pytest.mark.parametrize("shape", SHAPES)
def test_requests_and_works_fetched(shape: str, works: int, parallel: int) -> None:
    rng = random.Random(works)
    times = sorted(START + timedelta(days=365) * SHAPES[shape](rng) for _ in range(works))
    planned = plan(first=500, limit=10, parallel=parallel)
    cost = SortedServer(times).export(planned)
    assert planned.fetched <= 1.1 * works + 100
    assert cost.requests <= int(1.05 * (ceil(works / 500) + 1)) + 2
