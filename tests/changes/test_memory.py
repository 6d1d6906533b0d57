"""What was yielded is known again, within the room that there is; beyond it, how much may repeat is counted."""

from __future__ import annotations

import pytest

from devrev_async.changes.instants import UNDATED
from devrev_async.changes.memory import Memory, Remembered, key_of

A, B, C, D = (name.encode() * 8 for name in "abcd")
NEVER = UNDATED - 1


def yielded(memory: Memory, *works: tuple[bytes, int]) -> list[bool]:
    """Whether each of these works may be a repetition."""
    return [memory.yielded(key, stamp) for key, stamp in works]


def test_a_key_is_of_one_work_with_one_stamp() -> None:
    keys = {key_of("ISS-1", 5), key_of("ISS-1", 6), key_of("ISS-2", 5), key_of("ISS-\ud800", 5), key_of("", 5)}
    assert len(keys) == 5
    assert {len(key) for key in keys} == {8}


def test_what_was_yielded_is_known_and_nothing_else() -> None:
    memory = Memory(Remembered(upto=9, floor=0, keys={A: 5}))
    assert yielded(memory, (B, 7)) == [False]
    assert (memory.knows(A), memory.knows(B), memory.knows(C)) == (True, True, False)


@pytest.mark.parametrize(
    ("stamp", "may_repeat"), [(39, True), (40, True), (41, False), (49, False), (50, False), (51, False)]
)
def test_below_the_floor_what_was_yielded_before_may_repeat(stamp: int, may_repeat: bool) -> None:
    assert yielded(Memory(Remembered(upto=40, floor=50)), (A, stamp)) == [may_repeat]
    assert yielded(Memory(Remembered(upto=60, floor=50)), (A, stamp)) == [stamp < 50]


def test_as_many_may_repeat_as_were_forgotten_before_and_no_more() -> None:
    memory = Memory(Remembered(upto=90, floor=0, horizon=70, forgotten=2))
    assert yielded(memory, (A, 71), (B, 70), (C, 60), (D, 50)) == [False, True, True, False]


def test_what_this_call_forgot_may_repeat_only_where_it_reads_again() -> None:
    memory = Memory(Remembered(), most=1)
    assert yielded(memory, (A, 1), (B, 2), (C, 3)) == [False, False, False]
    assert yielded(memory, (A, 1)) == [False]
    memory.rereads = True
    assert yielded(memory, (D, 9), (A, 3), (B, 2), (A, 1), (B, 1), (C, 1)) == [False, True, True, True, True, True]


def test_no_more_may_repeat_than_this_call_forgot() -> None:
    memory = Memory(Remembered(), most=2)
    assert yielded(memory, (A, 5), (B, 2), (C, 3)) == [False, False, False]
    assert memory.snapshot(9, 0, caught_up=True) == Remembered(9, 0, 5, 1, {B: 2, C: 3})
    memory.rereads = True
    assert yielded(memory, (B, 2), (C, 3)) == [True, False]
    assert memory.snapshot(9, 0, caught_up=True) == Remembered(9, 0, NEVER, 0, {B: 2, C: 3})
    assert yielded(memory, (D, 5)) == [True]  # in its place another is forgotten
    two = Memory(Remembered(), most=1)
    assert yielded(two, (A, 1), (B, 2), (C, 3)) == [False, False, False]
    assert two.snapshot(9, 0, caught_up=True) == Remembered(9, 0, 2, 2, {C: 3})
    undated = Memory(Remembered(), most=1)
    assert yielded(undated, (A, UNDATED), (B, 2)) == [False, False]
    assert undated.snapshot(9, UNDATED, caught_up=True) == Remembered(9, UNDATED, UNDATED, 1, {B: 2})


def test_what_is_known_stays_known_longest() -> None:
    memory = Memory(Remembered(), most=2)
    yielded(memory, (A, 1), (B, 2))
    assert memory.knows(A)
    yielded(memory, (C, 3))
    assert (memory.knows(A), memory.knows(B), memory.knows(C)) == (True, False, True)


def test_a_checkpoint_keeps_what_the_next_call_looks_back_on() -> None:
    memory = Memory(Remembered(upto=20, floor=5, keys={A: 10, B: 11}))
    assert memory.knows(A)
    yielded(memory, (C, 9), (D, 12))
    assert memory.snapshot(30, 10, caught_up=True) == Remembered(30, 10, NEVER, 0, {A: 10, B: 11, D: 12})
    assert list(memory.snapshot(30, 10, caught_up=True).keys) == [B, A, D]  # the latest last
    assert memory.snapshot(30, 11, caught_up=False) == Remembered(30, 11, NEVER, 0, {B: 11, D: 12})
    assert memory.snapshot(30, 3, caught_up=False).floor == 5  # of what lies below it nothing is known
    assert memory.snapshot(30, 3, caught_up=True).floor == 3


def test_a_checkpoint_counts_what_it_has_no_room_for() -> None:
    memory = Memory(Remembered(keys={A: 1, B: 2}), most=2)
    yielded(memory, (C, 3), (D, 4))
    assert memory.snapshot(5, 0, caught_up=True) == Remembered(5, 0, 2, 2, {C: 3, D: 4})
    assert memory.snapshot(5, 2, caught_up=True) == Remembered(5, 2, 2, 1, {C: 3, D: 4})
    assert memory.snapshot(5, 3, caught_up=True) == Remembered(5, 3, NEVER, 0, {C: 3, D: 4})


def test_a_checkpoint_counts_what_was_forgotten_as_long_as_the_next_call_may_meet_it() -> None:
    before = Remembered(upto=90, floor=0, horizon=70, forgotten=4)
    memory = Memory(before, most=1)
    yielded(memory, (A, 80), (B, 81))  # no room for the first
    assert memory.snapshot(95, 60, caught_up=True) == Remembered(95, 60, 80, 5, {B: 81})
    assert memory.snapshot(95, 70, caught_up=True) == Remembered(95, 70, 80, 5, {B: 81})
    assert memory.snapshot(95, 71, caught_up=True) == Remembered(95, 71, 80, 1, {B: 81})
    assert memory.snapshot(95, 80, caught_up=True) == Remembered(95, 80, 80, 1, {B: 81})
    assert memory.snapshot(95, 81, caught_up=True) == Remembered(95, 81, NEVER, 0, {B: 81})


def test_what_the_checkpoint_before_still_knows_is_not_counted_twice() -> None:
    memory = Memory(Remembered(upto=9, floor=0, keys={A: 1}), most=1)
    assert memory.knows(A)
    yielded(memory, (B, 2))  # takes the place of the first, which the checkpoint before has
    assert memory.knows(A)
    kept = memory.snapshot(9, 0, caught_up=True)
    assert (kept.forgotten, len(kept.keys)) == (1, 1)
