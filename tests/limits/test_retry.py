"""The retry policy: what is sent again, and after what wait."""

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devrev_async._limits.retry import RetryPolicy, leaves_open, may_retry, own_wait

STATUSES = [None, *range(100, 600)]


@given(st.sampled_from(STATUSES), st.none() | st.floats(min_value=0, allow_infinity=False))
def test_what_may_have_been_applied_is_not_sent_again(status: int | None, retry_after: float | None) -> None:
    for sent in (True, False):
        if leaves_open(idempotent=False, status=status, sent=sent, retry_after=retry_after):
            assert not may_retry(idempotent=False, status=status, sent=sent, retry_after=retry_after)
    assert not leaves_open(idempotent=True, status=status, sent=True, retry_after=retry_after)


def test_writes_that_are_sent_again() -> None:
    again = {
        (status, asked)
        for status in STATUSES
        for asked in (None, 1.0)
        if may_retry(idempotent=False, status=status, sent=True, retry_after=asked)
    }
    assert again == {(429, None), (429, 1.0), (503, 1.0)}
    assert may_retry(idempotent=False, status=None, sent=False, retry_after=None)


def test_writes_that_may_have_been_applied() -> None:
    open_ = {
        (status, asked)
        for status in STATUSES
        for asked in (None, 1.0)
        if leaves_open(idempotent=False, status=status, sent=True, retry_after=asked)
    }
    known = {None, 408, *range(200, 300), *range(500, 600)}
    assert open_ == {(status, asked) for status in known for asked in (None, 1.0)} - {(503, 1.0)}
    assert not any(leaves_open(idempotent=False, status=status, sent=False, retry_after=None) for status in STATUSES)


def test_reads_that_are_sent_again() -> None:
    again = {status for status in STATUSES if may_retry(idempotent=True, status=status, sent=True, retry_after=None)}
    assert again == {None, 408, 429, 500, 502, 503, 504}


BOUNDS = (0.5, 30.0)


def test_own_waits_are_full_jitter_below_bounds_that_double(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(random, "uniform", max)
    assert [own_wait(n, BOUNDS) for n in range(9)] == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]
    assert [own_wait(n, BOUNDS, at_least_bound=True) for n in range(7)] == [1, 2, 4, 8, 16, 30, 30]
    monkeypatch.setattr(random, "uniform", min)
    assert [own_wait(n, BOUNDS) for n in range(9)] == [0] * 9
    assert [own_wait(n, BOUNDS, at_least_bound=True) for n in range(8)] == [0.5, 1, 2, 4, 8, 16, 30, 30]


@given(
    st.integers(0, 10_000),
    st.tuples(st.floats(0, 10), st.floats(0, 100)).map(lambda pair: (pair[0], pair[0] + pair[1])),
    st.booleans(),
)
def test_own_waits_lie_within_their_bounds(retries: int, bounds: tuple[float, float], at_least: bool) -> None:
    wait = own_wait(retries, bounds, at_least_bound=at_least)
    assert (min(bounds[0], bounds[1]) if at_least else 0) <= wait <= bounds[1]


@given(st.integers(0, 100))
def test_waits_can_be_switched_off(retries: int) -> None:
    assert own_wait(retries, (0, 0)) == own_wait(retries, (0, 0), at_least_bound=True) == 0


def test_the_policy_decides_in_one_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(random, "uniform", max)
    policy = RetryPolicy(max_retries=2, retry_wait=(0.5, 30), max_rate_limit_wait=100)

    def decide(**given: Any) -> float | None:
        usual: dict[str, Any] = {
            "idempotent": True,
            "status": 503,
            "sent": True,
            "retry_after": None,
            "retries": 0,
            "time_left": 1e9,
        }
        return policy.decide(**{**usual, **given})

    assert decide() == 0.5
    assert decide(retries=1) == 1
    assert decide(retries=2) is None  # max_retries
    assert decide(retry_after=7) == 7
    assert decide(retry_after=100) == 100
    assert decide(retry_after=100.5) is None  # max_rate_limit_wait
    assert decide(retry_after=0) == 0.5
    assert decide(time_left=0.5) is None  # the deadline
    assert decide(time_left=0.6) == 0.5
    assert decide(idempotent=False) is None
    assert decide(idempotent=False, retry_after=7) == 7
    assert decide(idempotent=False, status=None) is None
    assert decide(idempotent=False, status=None, sent=False) == 0.5
    assert decide(status=429) == 1  # no hint at all: at least the bound
    assert decide(status=429, retry_after=0.1) == 0.5
    assert decide(status=404) is None
