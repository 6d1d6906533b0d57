"""Servers that neither count nor list: the one assumption that is left, and where it is not needed."""

from __future__ import annotations

import random

import pytest

from devrev_async.export.planner import Proof
from tests.export.test_planner import Model, Quirks, Run, fill


def run_of(how: Quirks, works: int) -> Run:
    rng = random.Random(1)
    model = Model(how, rng)
    fill(model, works=works, shape="in order")
    run = Run(model)
    run.finish(rng)
    run.check(list(model.items.values()))
    return run


@pytest.mark.parametrize("order", ["random", "ignored", "cap first"])
def test_it_is_made_of_a_server_that_has_neither_and_does_not_sort(order: str) -> None:
    run = run_of(Quirks(order=order, count="missing", lists=False), 300)
    assert run.plan.proofs["assumed_cap"] == 300


@pytest.mark.parametrize(
    ("how", "proof"),
    [
        (Quirks(count="missing"), "order"),
        (Quirks(count="missing", lists=False), "order"),
        (Quirks(count="missing", order="random"), "list"),
        (Quirks(lists=False, order="random"), "count"),
    ],
)
def test_it_is_not_made_where_there_is_anything_else(how: Quirks, proof: Proof) -> None:
    run = run_of(how, 300)
    assert run.plan.proofs["assumed_cap"] == 0
    assert run.plan.proofs[proof] > 150
