"""The quota against a true server: fixed windows, answers late, reordered or lost, other users beside us."""

import heapq
import itertools
import math
import random
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devrev_async._limits.quota import (
    FARTHEST_RESET,
    LATEST_TURN,
    MARGIN,
    MOST_LOSSES,
    PROBE_TIMEOUT,
    Quota,
    ServerClock,
    Wait,
)
from tests.effort import examples


@dataclass
class Server:
    """A fixed number of requests a window, counted as they arrive."""

    limit: int
    window: float
    start: float
    told: str = "ceil"
    others: float = 0.0  # share of the windows' quota that another user takes, at their start
    counts: dict[int, int] = field(default_factory=dict[int, int])
    informed: dict[int, int] = field(default_factory=dict[int, int])
    refused: int = 0  # of those sent after the first word of the quota

    def arrive(self, now: float, *, informed: bool) -> tuple[int, float]:
        """Count a request; what its answer says is left, and until when."""
        index = math.floor((now - self.start) / self.window)
        if index not in self.counts:
            self.counts[index] = int(self.limit * self.others)
        self.informed[index] = self.informed.get(index, 0) + informed
        if self.counts[index] < self.limit:
            self.counts[index] += 1
        else:
            self.refused += informed
        end = self.start + (index + 1) * self.window
        key = float({"ceil": math.ceil(end), "floor": math.floor(end)}.get(self.told, end))
        return self.limit - self.counts[index], key


@dataclass
class Client:
    """Sends requests as its quota lets it, one at a time per slot."""

    quota: Quota
    server: Server
    todo: int
    slots: int
    rng: random.Random
    slow: float
    loss: float
    now: float = 1000.0
    done: int = 0
    informed: bool = False
    scouts_lost: int = 0  # requests that went ahead into a new window, and of whose answer nothing was heard
    asked: int = 0

    def run(self) -> float:
        """Until all is done; the time it took. Every event lets the client ask for turns again."""
        ticket = itertools.count()
        events: list[tuple[float, int, str, Any]] = []
        busy, timer = 0, -1.0

        def plan(at: float, kind: str, what: Any) -> None:
            heapq.heappush(events, (at, next(ticket), kind, what))

        plan(self.now, "ask", None)
        while self.done < self.todo:
            assert events, "deadlock"
            self.now, _, kind, what = heapq.heappop(events)
            if kind == "arrive":
                sent, informed = what
                remaining, key = self.server.arrive(self.now, informed=informed)
                lost = self.rng.random() < self.loss
                plan(self.now + self.rng.uniform(0, self.slow), "lost" if lost else "answer", (sent, remaining, key))
            elif kind in ("answer", "lost"):
                sent, remaining, key = what
                busy -= 1
                self.done += 1
                if kind == "lost":
                    self.scouts_lost += sent == self.quota._probe
                    self.quota.lost(sent, self.now)
                else:
                    self.quota.observe(
                        limit=self.server.limit, remaining=remaining, reset=key, key=key, sent=sent, received=self.now
                    )
                    self.quota.in_flight -= 1
                    self.informed = True
            while busy < self.slots and self.done + busy < self.todo:
                self.asked += 1
                assert self.asked < 200 * (self.todo + 10) + 50 * len(self.server.counts), "a busy loop"
                wait = self.quota.wait(self.now)
                if wait is None:
                    self.quota.in_flight += 1
                    busy += 1
                    plan(self.now + self.rng.uniform(0, self.slow), "arrive", (self.now, self.informed))
                    self.now = math.nextafter(self.now, math.inf)  # no two turns at one instant
                    continue
                assert 0 < wait.seconds <= max(self.server.window + LATEST_TURN + 1, PROBE_TIMEOUT + 1e-6)
                if timer <= self.now or timer > self.now + wait.seconds:
                    timer = self.now + wait.seconds
                    plan(timer, "ask", None)
                break
        return self.now - 1000.0


SCHEDULES = {
    "limit": st.integers(1, 40),
    "window": st.sampled_from([2.0, 7.0, 60.0, 300.0]),
    "start": st.floats(940.0, 1000.0),
    "todo": st.integers(1, 200),
    "slots": st.integers(1, 50),
    "seed": st.integers(0, 2**32),
    "slow": st.sampled_from([0.0, 0.001, 0.1, 1.0, 2.4]),
}


def play(
    seed: int, *, reserve: float = 0.0, loss: float = 0.0, told: str = "ceil", others: float = 0.0, **of: Any
) -> Client:
    if told == "ceil":
        of["start"] = math.floor(of["start"])  # whole windows have whole ends
    server = Server(of["limit"], of["window"], of["start"], told, others)
    client = Client(Quota(reserve), server, of["todo"], of["slots"], random.Random(seed), of["slow"], loss)
    took = client.run()
    assert client.done == client.todo
    assert client.quota.in_flight == 0
    usable = max(1, server.limit - math.ceil(server.limit * max(reserve, others) - 1e-9))
    turns = math.ceil(client.todo / min(usable, client.slots)) + 2
    assert took <= turns * (server.window + 2 * client.slow + LATEST_TURN) + PROBE_TIMEOUT * (1 + client.scouts_lost)
    return client


@settings(max_examples=examples(120))
@given(told=st.sampled_from(["ceil", "exact"]), loss=st.sampled_from([0.0, 0.05, 0.5]), **SCHEDULES)
def test_what_was_told_is_never_exceeded(seed: int, told: str, loss: float, **of: Any) -> None:
    client = play(seed, told=told, loss=loss, **of)
    assert client.server.refused <= client.scouts_lost


@settings(max_examples=examples(60))
@given(**SCHEDULES)
def test_an_end_that_is_rounded_down_costs_one_refusal(seed: int, **of: Any) -> None:
    of["slow"] = min(of["slow"], of["window"] / 8)
    client = play(seed, told="floor", **of)
    assert client.server.refused <= 1


@settings(max_examples=examples(60))
@given(others=st.sampled_from([0.1, 0.5, 0.9]), told=st.sampled_from(["ceil", "exact", "floor"]), **SCHEDULES)
def test_others_who_use_the_token_are_given_way(seed: int, others: float, told: str, **of: Any) -> None:
    of["limit"], of["slow"] = max(10, of["limit"]), min(of["slow"], of["window"] / 8)
    client = play(seed, told=told, others=others, **of)
    # the first contact, if the others have left nothing, and an end that is told too early
    assert client.server.refused <= 1 + (told == "floor")


@settings(max_examples=examples(60))
@given(reserve=st.sampled_from([0.1, 0.3, 0.5, 0.99, 1.0]), loss=st.sampled_from([0.0, 0.1]), **SCHEDULES)
def test_the_reserve_is_left_to_others(seed: int, reserve: float, loss: float, **of: Any) -> None:
    of["slow"] = min(of["slow"], of["window"] / 8)  # else more than one window passes while a request is under way
    client = play(seed, reserve=reserve, loss=loss, **of)
    share = max(1, client.server.limit - math.ceil(client.server.limit * reserve - 1e-9))
    assert max(client.server.informed.values()) <= share + client.scouts_lost


@settings(max_examples=examples(40))
@given(
    seed=st.integers(0, 2**32),
    limit=st.integers(20, 60),
    window=st.sampled_from([10.0, 60.0]),
    windows=st.integers(2, 8),
)
def test_the_least_possible_number_of_windows_is_used(seed: int, limit: int, window: float, windows: int) -> None:
    client = play(seed, limit=limit, window=window, start=1000.0, todo=limit * windows, slots=16, slow=0.01)
    assert list(client.server.counts.values()) == [limit] * windows
    assert client.server.refused == 0


@settings(max_examples=examples(120))
@given(
    st.lists(
        st.tuples(
            st.none() | st.integers(0, 10**18),
            st.integers(0, 10**18),
            st.floats(allow_nan=False, allow_infinity=False, min_value=-1e18, max_value=1e18) | st.floats(900, 1400),
            st.booleans(),
            st.floats(0, 400),
        ),
        max_size=20,
    )
)
def test_garbage_never_makes_it_sleep_long_or_stop(reports: list[tuple[int | None, int, float, bool, float]]) -> None:
    """Whatever is told, a wait is at most as long as was told, and after it a request goes ahead."""
    quota, now = Quota(), 1000.0
    for limit, remaining, reset, reported, later in reports:
        wait, farthest = quota.wait(now), 0
        while wait is not None:
            assert 0 < wait.seconds <= FARTHEST_RESET + LATEST_TURN
            now += wait.seconds
            farthest += 1
            assert farthest < 5
            wait = quota.wait(now)
        sent = now
        quota.in_flight += 1
        now += later
        if reported:
            quota.observe(limit=limit, remaining=remaining, reset=reset, key=reset, sent=sent, received=now)
            quota.in_flight -= 1
        else:
            quota.answered(sent, now)
        assert quota.in_flight == 0


def told(quota: Quota, remaining: int, reset: float, sent: float, received: float, limit: int | None = 10) -> None:
    quota.in_flight += 1
    quota.observe(limit=limit, remaining=remaining, reset=reset, key=reset, sent=sent, received=received)
    quota.in_flight -= 1


def test_milliseconds_and_ends_long_past_tell_nothing() -> None:
    for reset in (1.7e12, 0.0, 30.0, 900.0):
        quota = Quota()
        told(quota, 0, reset, 1000.0, 1000.1)
        assert quota.wait(1000.2) is None


def test_one_goes_ahead_into_a_new_window_and_the_others_follow_its_answer() -> None:
    quota = Quota()
    told(quota, 0, 1010.0, 1000.0, 1000.1)
    assert quota.wait(1005.0) == Wait(1010.0 + MARGIN - 1005.0, firm=True)
    assert quota.wait(1010.02) is None
    quota.in_flight += 1
    assert quota.wait(1010.03) == Wait(1010.02 + PROBE_TIMEOUT - 1010.03, firm=False)
    quota.observe(limit=10, remaining=9, reset=1020.0, key=1020.0, sent=1010.02, received=1010.1)
    quota.in_flight -= 1
    assert quota.wait(1010.2) is None


def test_a_silent_answer_in_a_new_window_lifts_the_limit_and_a_lost_one_does_not() -> None:
    for lost in (False, True):
        quota = Quota()
        told(quota, 0, 1010.0, 1000.0, 1000.1)
        assert quota.wait(1011.0) is None
        quota.in_flight += 1
        if lost:
            quota.lost(1011.0, 1011.5)
        else:
            quota.answered(1011.0, 1011.5)
        assert quota.wait(1012.0) is None
        quota.in_flight += 1
        assert (quota.wait(1012.0) is None) is not lost


def test_patience_with_the_first_one_ends() -> None:
    quota = Quota()
    told(quota, 0, 1010.0, 1000.0, 1000.1)
    assert quota.wait(1011.0) is None
    quota.in_flight += 1
    assert quota.wait(1011.0 + PROBE_TIMEOUT) is None


def test_a_request_that_was_not_sent_leaves_the_way_free() -> None:
    quota = Quota()
    told(quota, 0, 1010.0, 1000.0, 1000.1)
    assert quota.wait(1011.0) is None
    quota.in_flight += 1
    quota.withdrawn(1011.0)
    assert quota.in_flight == 0
    assert quota.wait(1011.5) is None


def test_an_end_that_flickers_is_one_window() -> None:
    quota = Quota()
    told(quota, 5, 1010.0, 1000.0, 1000.5)
    told(quota, 9, 1011.0, 1000.1, 1000.6)  # asked before that answer came, and told of a later end
    assert quota.remaining == 5


def test_an_end_that_slides_is_followed() -> None:
    quota = Quota()
    for n in range(50):
        told(quota, 0 if n % 2 else 3, 1010.0 + n * 2, 1000.0 + n, 1000.5 + n)
    assert quota.remaining == 0
    assert quota.wait(1050.0) is not None


def test_waiting_for_an_answer_is_not_waiting_for_the_end() -> None:
    quota = Quota()
    told(quota, 1, 5000.0, 1000.0, 1000.1)
    assert quota.wait(1001.0) is None
    quota.in_flight += 1
    wait = quota.wait(1001.0)
    assert wait is not None
    assert not wait.firm


END = 1010.0 + MARGIN


@pytest.mark.parametrize(
    ("reserve", "limit", "remaining", "leaves", "in_flight", "wait"),
    [
        # what is left, less what is under way
        (0.0, 10, 3, 0, 0, None), (0.0, 10, 3, 0, 2, None), (0.0, 10, 3, 0, 3, "an answer"), (0.0, 10, 3, 0, 4, "an answer"),
        (0.0, 10, 0, 0, 0, "the end"), (0.0, 10, 0, 0, 5, "the end"), (0.0, None, 1, 0, 0, None), (0.0, None, 0, 0, 0, "the end"),
        # less what is left to others, which is never all
        (0.0, 10, 3, 2, 0, None), (0.0, 10, 3, 2, 1, "an answer"), (0.0, 10, 3, 3, 0, "the end"), (0.0, 10, 10, 50, 0, None),
        (0.0, 10, 9, 50, 0, "the end"), (0.0, 1, 1, 5, 0, None), (0.0, 0, 1, 5, 0, None), (0.0, None, 3, 2, 0, None),
        (0.0, None, 3, 3, 0, "the end"),
        # less the reserve: a share of the limit, rounded up, but not by what floats are off
        (0.25, 10, 3, 0, 0, "the end"), (0.25, 10, 4, 0, 0, None), (0.25, 10, 4, 3, 0, None), (0.25, 10, 5, 5, 0, "the end"),
        (0.1, 30, 4, 0, 0, None), (0.1, 30, 3, 0, 0, "the end"), (0.5, None, 1, 0, 0, None),
    ],
)  # fmt: skip
def test_before_the_end_of_a_window(
    reserve: float, limit: int | None, remaining: int, leaves: int, in_flight: int, wait: str | None
) -> None:
    quota = Quota(reserve)
    told(quota, remaining, 1010.0, 1000.0, 1000.1, limit)
    quota.in_flight = in_flight
    expected = None if wait is None else Wait(END - 1004.0, firm=wait == "the end")
    assert quota.wait(1004.0, leaves) == expected


@pytest.mark.parametrize(
    ("reserve", "limit", "leaves", "in_flight", "late", "wait"),
    [
        (0.0, 10, 0, 0, 0.0, None), (0.0, 10, 0, 9, 0.0, None), (0.0, None, 0, 90, 0.0, None),
        # the new window may count those under way
        (0.0, 10, 0, 10, 0.0, PROBE_TIMEOUT), (0.0, 10, 0, 10, 2.0, PROBE_TIMEOUT - 2.0), (0.0, 10, 0, 10, PROBE_TIMEOUT, None),
        (0.3, 10, 0, 7, 0.0, PROBE_TIMEOUT), (0.3, 10, 0, 6, 0.0, None), (0.0, 10, 4, 6, 0.0, PROBE_TIMEOUT),
        (0.0, 10, 4, 5, 0.0, None), (1.0, 10, 0, 0, 0.0, None), (1.0, 10, 0, 1, 0.0, PROBE_TIMEOUT),
    ],
)  # fmt: skip
def test_after_the_end_of_a_window_one_goes_ahead(
    reserve: float, limit: int | None, leaves: int, in_flight: int, late: float, wait: float | None
) -> None:
    quota = Quota(reserve)
    told(quota, 0, 1010.0, 1000.0, 1000.1, limit)
    quota.in_flight = in_flight
    got = quota.wait(END + late, leaves)
    assert got == (None if wait is None else Wait(pytest.approx(wait), firm=False))  # type: ignore[arg-type]
    if got is None:
        quota.in_flight = 1
        assert quota.wait(END + late + 1.0) == Wait(pytest.approx(PROBE_TIMEOUT - 1.0), firm=False)  # type: ignore[arg-type]
        assert quota.wait(END + late + PROBE_TIMEOUT) is None


Report = tuple[int, float, float, float]
"""What is left, until when, when the request was sent, and when its answer came."""

SEEN: Report = (5, 1010.0, 1000.0, 1000.5)


@pytest.mark.parametrize(
    ("report", "remaining", "reset"),
    [
        # of one window the least counts, unless the request was sent after the last report came
        ((7, 1010.0, 1000.1, 1000.6), 5, 1010.0), ((3, 1010.0, 1000.1, 1000.6), 3, 1010.0),
        ((7, 1010.0, 1000.5, 1000.6), 7, 1010.0), ((7, 1010.0, 1000.49, 1000.6), 5, 1010.0),
        # an end that is off by one, since it is rounded, is of the same window, and the later one counts
        ((9, 1011.0, 1000.1, 1000.6), 5, 1011.0), ((9, 1009.0, 1000.1, 1000.6), 5, 1010.0), ((9, 1009.0, 1000.6, 1000.7), 9, 1010.0),
        # the next window, and one that is over
        ((9, 1011.5, 1000.1, 1000.6), 9, 1011.5), ((9, 1012.0, 1000.1, 1000.6), 9, 1012.0), ((9, 1008.0, 1000.1, 1000.6), 5, 1010.0),
        ((9, 1010.05, 1000.1, 1000.6), 5, 1010.05), ((9, 1010.2, 1000.1, 1000.6), 9, 1010.2), ((9, 1009.8, 1000.1, 1000.6), 5, 1010.0),
        ((9, 1011.0, 1010.0, 1010.1), 9, 1011.0),  # asked after the end: it is the next one, though only a second later
        ((9, 1011.0, 1009.9, 1010.1), 9, 1011.0),
        # the server's clock was set back, for what was asked since says so
        ((9, 1004.0, 1000.5, 1000.6), 9, 1004.0), ((9, 1004.0, 1000.4, 1000.6), 5, 1010.0),
        # an end beyond all reason, and the farthest within it
        ((9, 1000.6 + FARTHEST_RESET, 1000.5, 1000.6), 9, 1000.6 + FARTHEST_RESET),
        ((9, 1001.7 + FARTHEST_RESET, 1000.5, 1000.6), 5, 1010.0),
    ],
)  # fmt: skip
def test_what_a_second_report_says(report: Report, remaining: int, reset: float) -> None:
    quota = Quota()
    told(quota, *SEEN)
    told(quota, *report, limit=None)
    assert (quota.remaining, quota.reset, quota.limit) == (remaining, reset, 10)


def test_a_report_without_a_window_that_lasts_says_nothing() -> None:
    quota = Quota()
    told(quota, 0, 1000.0, 999.0, 1000.1)
    told(quota, 0, 1000.0, 1000.0 + MARGIN, 1000.2)  # asked a little after the end: the server's windows end late
    assert quota.wait(1000.5) == Wait(pytest.approx(0.5), firm=True)  # type: ignore[arg-type]
    told(quota, 0, 1000.0, 1000.0 + LATEST_TURN, 1001.2)  # asked long after it: there are no windows
    assert quota.remaining is None
    assert quota.wait(1001.3) is None
    told(quota, 0, 1010.0, 1001.4, 1001.5)
    assert quota.wait(1002.0) == Wait(pytest.approx(1010.0 + LATEST_TURN - 1002.0), firm=True)  # type: ignore[arg-type]


def test_the_clock_may_say_otherwise_where_one_and_the_same_window_ends() -> None:
    quota = Quota()
    for reset in (1010.0, 1009.0, 1012.0):
        quota.in_flight += 1
        quota.observe(limit=10, remaining=5, reset=reset, key=9e9, sent=1000.0, received=1000.5)
        quota.in_flight -= 1
        assert (quota.reset, quota.remaining) == (reset, 5)


@pytest.mark.parametrize(
    ("lost_at", "sent", "remaining"),
    [
        ([], 1000.6, 7),
        ([1000.7], 1000.6, 6),  # it may be that the report does not count it
        ([1000.7, 1000.8], 1000.6, 5), ([1000.6], 1000.6, 7), ([1000.5, 1000.7], 1000.6, 6),
        ([1000.7] * 9, 1000.6, 0),
    ],
)  # fmt: skip
def test_requests_whose_answers_were_lost_since_are_taken_off(
    lost_at: list[float], sent: float, remaining: int
) -> None:
    quota = Quota()
    told(quota, *SEEN)
    quota.in_flight = 1 + len(lost_at)
    for at in lost_at:
        quota.lost(1000.55, at)
    assert (quota.in_flight, quota.remaining) == (1, max(0, 5 - len(lost_at)))
    told(quota, 7, 1010.0, sent, 1000.9)  # another one is under way
    assert quota.remaining == remaining
    told(quota, 6, 1010.0, sent, 1000.91)
    assert quota.remaining == min(remaining, max(0, 6 - sum(at > sent for at in lost_at)))
    quota.in_flight = 0
    told(quota, 9, 1010.0, 1000.95, 1000.96)
    told(quota, 8, 1010.0, 1000.3, 1000.97)  # once nothing else is under way they are forgotten
    assert quota.remaining == 8


def test_so_many_lost_answers_are_remembered_and_no_more() -> None:
    quota = Quota()
    told(quota, 1000, 1010.0, 1000.0, 1000.5, limit=1000)
    quota.in_flight = 302
    for _ in range(300):
        quota.lost(1000.6, 1000.7)
    told(quota, 1000, 1010.0, 1000.65, 1000.8, limit=1000)
    assert quota.remaining == 1000 - MOST_LOSSES


@pytest.mark.parametrize("ends", ["answered", "lost"])
def test_an_answer_that_says_nothing_takes_one_off(ends: str) -> None:
    quota = Quota()
    told(quota, *SEEN)
    quota.in_flight = 6
    for left in (4, 3, 2, 1, 0, 0):
        getattr(quota, ends)(1000.6, 1000.7)
        assert quota.remaining == left
    assert quota.in_flight == 0
    told(quota, 9, 1010.0, 1000.65, 1000.8)  # it may count none of the six
    assert quota.remaining == 3


def test_before_any_report_nothing_waits() -> None:
    assert Quota().wait(0.0) is None


@pytest.mark.parametrize(
    ("report", "remaining"),
    [
        ((9, 1011.0, 1010.0, 1016.0), 9),  # asked once the window was over: a later end is that of the next one
        ((9, 1011.0, 1009.9, 1016.0), 5), ((9, 1010.0, 1010.0, 1016.0), 5),
    ],
)  # fmt: skip
def test_a_report_that_comes_after_the_end(report: Report, remaining: int) -> None:
    quota = Quota()
    told(quota, 5, 1010.0, 1000.0, 1015.0)
    told(quota, *report)
    assert quota.remaining == remaining


def test_a_request_just_before_the_end_says_nothing_of_when_windows_end() -> None:
    quota = Quota()
    told(quota, 0, 1010.0, 1000.0, 1000.1)
    told(quota, 0, 1010.0, 1010.0, 1010.1)
    assert quota.wait(END) is None


def test_whoever_goes_ahead_is_followed_once_the_answer_is_there_though_it_be_garbage() -> None:
    quota = Quota()
    told(quota, 0, 1010.0, 1000.0, 1000.1)
    assert quota.wait(END) is None
    told(quota, 0, 1010.0, 1005.0, END + 0.1)  # that of another request
    assert quota.wait(END + 0.2) is not None
    told(quota, 5, 1e12, END, END + 0.3)
    assert quota.wait(END + 0.4) is None


def test_what_was_not_sent_takes_nothing_off() -> None:
    quota = Quota()
    told(quota, *SEEN)
    quota.in_flight = 2
    quota.withdrawn(1000.6)
    assert (quota.remaining, quota.in_flight) == (5, 1)


@pytest.mark.parametrize(
    ("dates", "wall", "offset"),
    [
        ([], 700.0, 700.0),
        # a date stands for a second; the request and the answer bound when it was
        ([(1700.0, 999.9, 1000.1)], 700.0, 700.0), ([(1700.0, 999.9, 1000.1)], 701.1, 701.1),
        ([(1700.0, 999.9, 1000.1)], 699.9, 699.9),
        ([(1700.0, 999.9, 1000.1)], 701.2, 699.9), ([(1700.0, 999.9, 1000.1)], 699.8, 699.9), ([(1700.0, 999.9, 1000.1)], 0.0, 699.9),
        # each narrows the bounds
        ([(1700.0, 999.9, 1000.1), (1701.0, 1000.3, 1000.4)], 0.0, 700.6),
        ([(1700.0, 999.9, 1000.1), (1701.0, 1000.3, 1000.4)], 701.0, 701.0),
        ([(1700.0, 999.9, 1000.1), (1700.0, 1000.7, 1000.8)], 700.4, 699.9),
        ([(1700.0, 999.9, 1000.1), (1700.0, 1000.7, 1000.8)], 700.2, 700.2),
        ([(1700.0, 1000.0, 1000.5), (1701.0, 1000.5, 1001.0)], 0.0, 700.0),
        # one that contradicts them begins anew: a clock was set
        ([(1700.0, 999.9, 1000.1), (1900.0, 1000.3, 1000.4)], 0.0, 899.6),
        ([(1700.0, 999.9, 1000.1), (1500.0, 1000.3, 1000.4)], 0.0, 499.6),
        ([(1700.0, 1000.0, 1000.0), (1701.0, 1000.0, 1000.0)], 701.5, 701.0),  # at the very bound they agree
        ([(1701.0, 1000.0, 1000.0), (1700.0, 1000.0, 1000.0)], 0.0, 701.0),
    ],
)  # fmt: skip
def test_the_offset_of_the_servers_clock(dates: list[tuple[float, float, float]], wall: float, offset: float) -> None:
    clock = ServerClock()
    for date, sent, received in dates:
        clock.observe(date, sent, received)
    assert clock.offset(wall) == pytest.approx(offset)
