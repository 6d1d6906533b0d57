"""Exports that are resumed: what is left costs no more than it would by itself."""

from __future__ import annotations

import random
from bisect import bisect_left
from datetime import timedelta
from math import ceil

import pytest

from devrev_async.export.checkpoint import Ledger
from devrev_async.export.planner import Batch, Domain
from devrev_async.export.planner.intervals import UNDATED, second_of
from devrev_async.export.planner.planner import Plan

from .pages import NOW, START, SortedServer


def plan_of(ledger: Ledger, *, fresh: bool, parallel: int) -> Plan[str]:
    return Plan[str](
        ledger.domain,
        now=NOW,
        intervals=None if fresh else ledger.open,
        findings=ledger.found,
        before=ledger.works,
        first=500,
        limit=10,
        parallel=parallel,
    )


def interrupted(server: SortedServer, stop: int, parallel: int) -> tuple[Ledger, set[str]]:
    """What is known from the checkpoint after `stop` works, and which they were."""
    ledger, yielded = Ledger("f", Domain()), set[str]()
    planned = plan_of(ledger, fresh=True, parallel=parallel)
    waiting: list[Batch[str]] = []
    while True:
        for request in list(iter(planned.take, None)):
            waiting += server.answer(planned, request)
        ledger.found = planned.server_findings
        while waiting:
            batch = waiting.pop(0)
            left = stop - ledger.works
            yielded.update(batch.items[:left])
            if len(batch.items) >= left:
                return Ledger.resumed(ledger.checkpoint(batch, left), "f"), yielded
            ledger.finish(batch)


@pytest.mark.parametrize("parallel", [1, 2, 3, 4])
@pytest.mark.parametrize(
    ("works", "stop"),
    [(300, 1), (300, 120), (499, 498), (1200, 30), (1200, 600), (1200, 1199), (2600, 700), (5000, 2700), (5000, 4800)],
)
def test_what_is_left_is_as_cheap_as_by_itself(works: int, stop: int, parallel: int) -> None:
    rng = random.Random(works + stop)
    server = SortedServer(sorted(START + timedelta(days=365) * rng.random() for _ in range(works)))
    ledger, yielded = interrupted(server, stop, parallel)
    left = works - stop
    planned = plan_of(ledger, fresh=False, parallel=parallel)
    cost = server.export(planned, without=yielded)
    assert cost.requests <= int(1.05 * (ceil(left / 500) + 1)) + 2
    assert planned.fetched <= 1.1 * left + 100
    assert planned.expected == left


@pytest.mark.parametrize("stop", range(40, 2000, 97))
def test_a_checkpoint_says_what_was_seen_beside_each_interval(stop: int) -> None:
    rng = random.Random(stop)
    server = SortedServer(sorted(START + timedelta(hours=3) * rng.random() for _ in range(2000)))
    ledger, yielded = interrupted(server, stop, parallel=4)
    seconds = [second_of(key) for key in server.keys]
    dated = [each for each in ledger.open if each.low != UNDATED]
    assert any(each.seen_below is not None or each.seen_above is not None for each in dated)
    for each in dated:
        for first, last in ((each.seen_below, each.low - 1), (each.high, each.seen_above)):
            if first is None or last is None:
                continue
            between = server.keys[bisect_left(seconds, first) : bisect_left(seconds, last + 1)]
            assert between
            assert {name for _, name in between} <= yielded
