"""Servers that ignore `sort_by`, or cap before they sort: what two ends of an interval and a full page prove."""

from __future__ import annotations

import random

import pytest

from devrev_async.export.planner.proofs.opposite_ends import can_prove, sorts_before_cap
from devrev_async.export.planner.proofs.sorted_prefix import in_order, strong
from devrev_async.export.planner.tuning import APART, APART_SHARE, ENOUGH
from devrev_async.sandbox import Quirks
from devrev_async.sandbox.quirks import SortBy
from tests.export.test_planner import Model, Run, fill

from .pages import keys

NEVER = 10**18


def test_an_order_that_chance_explains_is_no_proof() -> None:
    assert strong([time for time, _ in keys(*range(ENOUGH))])
    assert not strong([time for time, _ in keys(*range(ENOUGH - 1), 0, 1, 2)])


def test_equal_timestamps_are_in_either_order() -> None:
    assert in_order([1, 1, 2], descending=False)
    assert in_order([2, 1, 1], descending=True)
    assert not in_order([1, 2], descending=True)


@pytest.mark.parametrize("size", [20, 200])
def test_pages_of_hardly_more_than_one_set_are_no_proof(size: int) -> None:
    apart = max(APART, size // APART_SHARE)
    low = keys(*range(size))
    for more, proof in ((apart, True), (apart - 1, False)):
        high = keys(*range(more, size + more))[::-1]
        assert sorts_before_cap(low, high, now=NEVER) is proof
        assert can_prove(more, size) is proof


@pytest.mark.parametrize(
    ("order", "proof"),
    [
        ("honoured", "order"),
        ("random", "count"),
        ("ignored", "count"),
        ("sorted_after_cap", "count"),
        ("ascending", "count"),
    ],
)
def test_what_a_server_proves_by(order: SortBy, proof: str) -> None:
    rng = random.Random(1)
    model = Model(Quirks(sort_by=order), rng)
    fill(model, works=300, shape="in order")
    run = Run(model)
    run.finish(rng)
    assert len(run.handed) == 300
    assert sum(run.plan.proofs.values()) == 300
    assert max(run.plan.proofs.items(), key=lambda each: each[1])[0] == proof
