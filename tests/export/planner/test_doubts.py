"""Servers whose counts are too high: how long they are trusted."""

from __future__ import annotations

from devrev_async.export.planner import Request
from devrev_async.export.planner.doubts import Doubts
from devrev_async.export.planner.tuning import LIES

from .pages import SECOND, keys

NOW = 10**18


def asked(low: int, high: int) -> Request:
    return Request("export", 1, SECOND + low, SECOND + high)


def test_contradictions_that_bring_nothing_end_the_trust() -> None:
    doubts = Doubts(NOW)
    assert doubts.trust(asked(0, 1024), set(keys(*range(1024))))
    high, trusted = 1024, 0
    while doubts.trust(asked(0, high // 2), set(keys(*range(high // 2)))):
        high, trusted = high // 2, trusted + 1
    assert trusted == LIES - 1


def test_works_that_the_page_before_did_not_show_bear_the_count_out() -> None:
    doubts = Doubts(NOW)
    doubts.trust(asked(0, 100), set(keys(1, 2, 3)))
    doubts.note_page(asked(0, 50), keys(1, 2, 40))
    for _ in range(2 * LIES):
        assert doubts.trust(asked(0, 50), set(keys(1)))
