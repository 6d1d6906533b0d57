"""Servers where ranges do not help: the passes of `works.list`, and a cursor that slips."""

from __future__ import annotations

import random
from dataclasses import dataclass

import pytest

from devrev_async.export.planner import Key, Page, Request, Unprovable
from devrev_async.export.planner.intervals import EARLIEST, LATEST
from devrev_async.export.planner.proofs.stable_listing import Listing
from devrev_async.export.planner.tuning import TRIES
from devrev_async.sandbox import Quirks
from devrev_async.sandbox.quirks import SortBy
from tests.export.test_planner import Item, Model, Run, fill

from .pages import SECOND, keys

NOW = (SECOND + 10**6) * 10**6


def listing(keep: int = 100) -> Listing[str]:
    return Listing(EARLIEST, LATEST, whole=True, hold=keep, now=NOW)


def run(passes: Listing[str], shown: list[Key], size: int = 3) -> bool:
    """One pass over `works.list`."""
    complete = False
    for start in range(0, max(1, len(shown)), size):
        part = shown[start : start + size]
        more = str(start + size) if start + size < len(shown) else None
        complete = passes.feed([(key, key[1]) for key in part], more, lambda _: True)
    return complete


def test_a_single_page_is_proof() -> None:
    passes = listing()
    assert run(passes, keys(0, 1, 2))
    assert passes.chunk() == ([(key, key[1]) for key in keys(0, 1, 2)], None)


def test_two_passes_that_show_the_same_are_proof() -> None:
    passes = listing()
    assert not run(passes, keys(*range(10)))
    assert run(passes, keys(*range(10)))


def test_a_work_that_vanished_takes_one_pass_more() -> None:
    passes = listing()
    assert not run(passes, keys(*range(10)))
    assert not run(passes, keys(*range(9)))
    assert run(passes, keys(*range(9)))


def test_works_created_meanwhile_do_not_matter() -> None:
    passes, late = listing(), keys(2 * 10**6)
    assert not run(passes, keys(*range(10)))
    assert run(passes, keys(*range(10)) + late)


def test_works_that_change_from_pass_to_pass() -> None:
    passes = listing()
    for number in range(TRIES):
        assert not run(passes, keys(*range(10 + number)))
    with pytest.raises(Unprovable, match="pass to pass"):
        run(passes, keys(*range(5)))


def test_a_cursor_that_comes_again() -> None:
    passes = listing()
    passes.feed([], "a", lambda _: True)
    passes.feed([], "b", lambda _: True)
    with pytest.raises(Unprovable, match="same cursor twice"):
        passes.feed([], "a", lambda _: True)


def test_more_works_than_are_kept_come_in_several_chunks() -> None:
    passes, everything = listing(keep=4), keys(*range(10))
    assert not run(passes, everything)
    got: list[Key] = []
    upto: Key | None = None
    while True:
        assert run(passes, everything)
        works, upto_now = passes.chunk()
        got += [key for key, _ in works if upto is None or key > upto]
        if upto_now is None:
            break
        upto = upto_now
        everything = [key for key in everything if key > upto] or everything
        break
    assert got == keys(*range(4))
    assert upto == keys(3)[0]


@dataclass
class Unsteady(Model):
    """A server whose `works.list` goes in circles, or lacks another work each time."""

    circles: bool = False

    def _list(self, found: list[Item], request: Request) -> Page[Item]:
        if not self.circles:
            found.remove(self.rng.choice(found))
            return super()._list(found, request)
        answer = super()._list(found, request)
        return Page(answer.keys, answer.items, "0")


@pytest.mark.parametrize("circles", [False, True])
@pytest.mark.parametrize("order", ["honoured", "random"])
def test_ranges_prove_what_passes_do_not(order: SortBy, circles: bool) -> None:
    rng = random.Random(1)
    model = Unsteady(Quirks(sort_by=order, cap=5), rng, circles=circles)
    fill(model, works=9, shape="in order")
    run_ = Run(model)
    run_.finish(rng)
    run_.check(list(model.items.values()))
    assert any(request.kind == "list" for request in model.requests)
    assert run_.plan.proofs["list"] == 0


def test_what_can_only_be_listed_is_not_proved_by_it() -> None:
    rng = random.Random(1)
    model = Unsteady(Quirks(cap=5), rng, circles=True)
    fill(model, works=9, shape="in order", ties=9)
    run_ = Run(model)
    with pytest.raises(Unprovable, match=r"works\.list"):
        run_.finish(rng)
