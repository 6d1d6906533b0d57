"""A thread that converts leaves the interpreter to others of its own accord."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Generator

import pytest

from devrev_async.arrow.turns import Turns


@pytest.fixture
def never_switching() -> Generator[None]:
    """The interpreter takes no thread's turn away."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(3600)
    yield
    sys.setswitchinterval(interval)


@pytest.mark.usefixtures("never_switching")
def test_another_thread_has_its_turn() -> None:
    turns, had_a_turn = Turns(), False

    def other() -> None:
        nonlocal had_a_turn
        time.sleep(0.001)  # it wakes while the loop below is running, and waits for the interpreter
        had_a_turn = True

    thread = threading.Thread(target=other)
    thread.start()
    give_up = time.monotonic() + 20
    while not had_a_turn and time.monotonic() < give_up:
        turns.offer()
    seen = had_a_turn  # before `join` leaves the interpreter to the thread
    thread.join()
    assert seen
