"""Servers that neither count nor list: the one assumption that is left, and where it is not needed."""

from __future__ import annotations

import random

import pytest

from devrev_async.export.planner import Proof
from devrev_async.sandbox import Quirks
from devrev_async.sandbox.quirks import SortBy
from tests.export.test_planner import Model, Run, fill, without


def run_of(how: Quirks, works: int) -> Run:
    rng = random.Random(1)
    model = Model(how, rng)
    fill(model, works=works, shape="in order")
    run = Run(model)
    run.finish(rng)
    run.check(list(model.items.values()))
    return run


@pytest.mark.parametrize("order", ["random", "ignored", "sorted_after_cap"])
def test_it_is_made_of_a_server_that_has_neither_and_does_not_sort(order: SortBy) -> None:
    run = run_of(without(Quirks(sort_by=order), "works.count", "works.list"), 300)
    assert run.plan.proofs["assumed_cap"] == 300


@pytest.mark.parametrize(
    ("how", "proof"),
    [
        (without(Quirks(), "works.count"), "order"),
        (without(Quirks(), "works.count", "works.list"), "order"),
        (without(Quirks(sort_by="random"), "works.count"), "list"),
        (without(Quirks(sort_by="random"), "works.list"), "count"),
    ],
)
def test_it_is_not_made_where_there_is_anything_else(how: Quirks, proof: Proof) -> None:
    run = run_of(how, 300)
    assert run.plan.proofs["assumed_cap"] == 0
    assert run.plan.proofs[proof] > 150
