"""The price holds however works are spread over time, on a server that counts and sorts."""

from __future__ import annotations

import random
from bisect import bisect_left, bisect_right
from collections.abc import Callable
from datetime import timedelta
from math import ceil

import pytest

from devrev_async.export.planner import Request, key_of

from .pages import START, page, plan

SHAPES: dict[str, Callable[[random.Random], float]] = {
    "even": lambda rng: rng.random(),
    "growing": lambda rng: rng.random() ** 0.3,
    "declining": lambda rng: rng.random() ** 3,
    "a burst": lambda rng: 0.5 + 3e-5 * rng.random() if rng.random() < 0.7 else rng.random(),
    "an early burst": lambda rng: 0.01 + 1e-4 * rng.random() if rng.random() < 0.9 else rng.random(),
    "a late burst": lambda rng: 0.99 + 1e-4 * rng.random() if rng.random() < 0.9 else rng.random(),
}


@pytest.mark.parametrize("parallel", [1, 3, 5])
@pytest.mark.parametrize("works", [480, 1200, 2600, 5000, 10_000])
@pytest.mark.parametrize("shape", SHAPES)
def test_requests_and_works_fetched(shape: str, works: int, parallel: int) -> None:
    rng = random.Random(works)
    times = sorted(START + timedelta(days=365) * SHAPES[shape](rng) for _ in range(works))
    keys = [key_of(time, f"w{number}") for number, time in enumerate(times)]
    planned = plan(first=500, limit=10, parallel=parallel)
    sent: list[Request] = []
    requests = 0
    while True:
        while (request := planned.take()) is not None:
            sent.append(request)
            requests += 1
        if not sent:
            break
        request = sent.pop(0)
        low = 0 if request.after is None else bisect_left(times, request.after)
        high = works if request.before is None else bisect_right(times, request.before)
        if request.kind == "count":
            planned.feed_count(request, high - low)
        else:
            found = keys[low:high][::-1] if request.descending else keys[low:high]
            planned.feed(request, page(found[: request.first]))
    assert planned.done
    assert planned.fetched <= 1.1 * works + 100
    assert requests <= int(1.05 * (ceil(works / 500) + 1)) + 2
