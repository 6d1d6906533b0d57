"""Servers where ranges do not help: the passes of `works.list`, and a cursor that slips."""

from __future__ import annotations

import random
from dataclasses import dataclass

import pytest

from devrev_async.export.planner import Key, Page, Request, Unprovable
from devrev_async.export.planner.intervals import EARLIEST, LATEST
from devrev_async.export.planner.proofs.stable_listing import Listing, spread
from devrev_async.export.planner.tuning import BARREN, TRIES
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
    with pytest.raises(Unprovable, match=r"^the works that works\.list shows change from pass to pass$"):
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


def everything(_: Key) -> bool:
    return True


def pairs(shown: list[Key]) -> list[tuple[Key, str]]:
    return [(key, key[1]) for key in shown]


LATE = keys(2 * 10**6, 3 * 10**6, 4 * 10**6)
"""Works that were created since the run began."""


@pytest.mark.parametrize(
    ("first", "second", "proof"),
    [
        (keys(1, 2, 3, 4), keys(1, 2, 3, 4), True),
        (keys(1, 2, 3, 4), keys(4, 3, 2, 1), True), (keys(1, 2, 3, 4), keys(1, 2, 3, 3, 4, 1), True),
        (keys(1, 2, 3), [*keys(1, 2), (keys(9)[0][0], "w3")], False), (keys(1, 2, 3, 4), keys(1, 2, 3, 5), False),  # another one in its place
        (keys(1, 2, 3, 4), keys(1, 2, 3, 4, 5), False), (keys(1, 2, 3, 4), keys(1, 2, 3), False),
        # those created since the run began may be added, and not vanish
        ([*keys(1, 2, 3), LATE[0]], [*keys(1, 2, 3), *LATE], True), (keys(1, 2, 3, 4), [*keys(1, 2, 3, 4), LATE[0]], True),
        ([*keys(1, 2, 3), LATE[0]], [*keys(1, 2, 3), LATE[1]], False), ([*keys(1, 2, 3), LATE[0]], keys(1, 2, 3), False),
        (keys(1, 2, 3), keys(1, 2, 3, 10**6), True), (keys(1, 2, 10**6), keys(1, 2, 10**6 - 1), False), ([*keys(1, 2, 3), *keys(10**6)], [*keys(1, 2, 3), *LATE], False),
    ],
)  # fmt: skip
def test_what_the_second_pass_has_to_show(first: list[Key], second: list[Key], proof: bool) -> None:
    passes = listing()
    assert not run(passes, [*first, *keys(-1)], size=2)
    assert run(passes, [*second, *keys(-1)], size=2) is proof


@pytest.mark.parametrize(
    ("shown", "works"),
    [
        (keys(9, 10, 19.9, 20), keys(10, 19.9)),  # from the lower bound on, the upper one excluded
        (keys(15, 12, 15, 11), keys(11, 12, 15)),
        (keys(13, 14), keys(14)),  # 13 is not wanted
        ([], []),
    ],
)
def test_what_is_kept_of_a_page(shown: list[Key], works: list[Key]) -> None:
    passes = Listing[str](SECOND + 10, SECOND + 20, whole=False, hold=5, now=NOW)
    assert passes.feed(pairs(shown), None, lambda key: key not in keys(13))
    assert (passes.whole, passes.low, passes.high, passes.crowded) == (False, SECOND + 10, SECOND + 20, False)
    assert passes.chunk() == (pairs(works), None)


@pytest.mark.parametrize(
    ("works", "crowded", "kept", "chunk", "upto"),
    [
        (3, False, 3, 3, None), (4, True, 4, 3, 2), (6, True, 6, 3, 2),
        (7, True, 3, 3, 2),  # twice as many as come of one pass are kept at most
        (9, True, 5, 3, 2),
    ],
)  # fmt: skip
def test_those_with_the_lowest_keys_are_kept(
    works: int, crowded: bool, kept: int, chunk: int, upto: int | None
) -> None:
    passes = listing(keep=3)
    for work in range(works, 0, -1):
        passes.feed(pairs(keys(work + 7)), str(work), everything)
    assert (passes.crowded, len(passes.held)) == (crowded, kept)
    lowest = keys(*range(8, chunk + 8))  # by time, not by name
    assert passes.chunk() == (pairs(lowest), None if upto is None else keys(upto + 8)[0])
    assert (passes.cursor, passes.held, passes.crowded) == (None, [], False)


def test_the_next_page_is_behind_the_cursor_and_a_pass_begins_without_one() -> None:
    passes = listing()
    assert passes.cursor is None
    assert not passes.feed(pairs(keys(1)), "a", everything)
    assert passes.cursor == "a"
    assert not passes.feed(pairs(keys(2)), None, everything)
    assert passes.cursor is None
    assert not passes.feed(pairs(keys(1)), "a", everything)  # it may come again in another pass
    assert passes.feed(pairs(keys(2)), "", everything)


def test_proof_begins_the_count_of_passes_anew() -> None:
    passes = listing()
    for _ in range(2):
        for number in range(TRIES):
            assert not run(passes, keys(*range(10 + number)))
        assert run(passes, keys(*range(9 + TRIES)))
        passes.chunk()


def test_a_cursor_that_counts_up_for_ever_goes_in_circles() -> None:
    passes = listing()
    for page_ in range(BARREN - 1):
        passes.feed([], str(page_), everything)
    passes.feed(pairs(keys(1)), "with a work", everything)
    for page_ in range(BARREN):
        passes.feed(pairs(keys(1)), f"again {page_}", everything)  # the same one is nothing new
    with pytest.raises(Unprovable, match=r"^works\.list returned the same cursor twice: it goes in circles$"):
        passes.feed([], "one too many", everything)


@pytest.mark.parametrize(("shown", "found"), [([], False), ([1, 1.5], False), ([1, 1, 2], True)])
def test_works_of_several_seconds_can_be_cut_apart(shown: list[float], found: bool) -> None:
    assert spread(pairs(keys(*shown))) is found


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
