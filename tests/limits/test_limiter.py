"""The limiter on an event loop whose time jumps: no slot is lost, nothing waits for ever, nothing is sent in a pause."""

import asyncio
import email.utils
import random
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devrev_async._limits import limiter as _limiter
from devrev_async._limits.headers import parse_http_date
from devrev_async._limits.limiter import LONGEST_SPREAD, Limiter, WaitTooLongError
from devrev_async._limits.quota import LATEST_TURN, MARGIN, PROBE_TIMEOUT
from tests.effort import examples
from tests.limits.virtual import VirtualLoop, run

EPOCH = 1_800_000_000.0


def on(loop: VirtualLoop, patch: pytest.MonkeyPatch, skew: float = 0.0) -> None:
    """Let the limiter read the loop's clock; `skew` is by how much our wall clock runs before the server's."""
    patch.setattr(_limiter, "time", SimpleNamespace(monotonic=loop.time, time=lambda: EPOCH + loop.time() + skew))


def quiet(delay: float) -> None:
    del delay


def tell(limiter: Limiter, loop: VirtualLoop, sent: float, remaining: int, left: float, limit: int = 100) -> None:
    """An answer that says that the window ends in so many seconds."""
    now = EPOCH + loop.time()
    respond(limiter, loop, sent, limit, remaining, round(now + left))


def respond(limiter: Limiter, loop: VirtualLoop, turn: float, limit: int, remaining: int, reset: int) -> None:
    date = email.utils.formatdate(EPOCH + loop.time(), usegmt=True)
    limiter.responded(turn, limit=str(limit), remaining=str(remaining), reset=str(reset), date=date)


def silent(limiter: Limiter, turn: float) -> None:
    """An answer that says nothing of a quota."""
    limiter.responded(turn, limit=None, remaining=None, reset=None, date=None)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["answer", "silent", "lost", "withdrawn", "pause", "cancel", "cancel soon"]),
        st.floats(0, 3),
        st.integers(0, 3),
        st.floats(-5, 90),
    ),
    min_size=1,
    max_size=40,
)


@settings(max_examples=examples(80))
@given(steps=STEPS, slots=st.integers(1, 4), skew=st.sampled_from([0.0, -5000.0, 5000.0, 0.4]), seed=st.integers(0, 9))
def test_no_schedule_loses_a_slot_or_stops_it(
    steps: list[tuple[str, float, int, float]], slots: int, skew: float, seed: int
) -> None:
    random.seed(seed)
    loop = VirtualLoop()

    async def use(limiter: Limiter, kind: str, delay: float, remaining: int, left: float) -> None:
        begun = loop.time()
        try:
            turn = await limiter.acquire(200, quiet)
        except WaitTooLongError as error:
            assert error.seconds > 200
            return
        assert not limiter.paused
        assert loop.time() - begun < 40 * (100 + LONGEST_SPREAD + PROBE_TIMEOUT + LATEST_TURN)
        try:
            try:
                await asyncio.sleep(delay)
            except asyncio.CancelledError:
                limiter.lost(turn)
                raise
            if kind == "answer":
                tell(limiter, loop, turn, remaining, left)
            elif kind == "silent":
                silent(limiter, turn)
            elif kind == "withdrawn":
                limiter.withdrawn(turn)
            else:
                limiter.lost(turn)
                if kind == "pause":
                    limiter.pause(max(0.0, left))
        finally:
            limiter.slots.release()

    async def main() -> None:
        limiter = Limiter(slots)
        tasks: list[asyncio.Task[Any]] = []
        for kind, delay, remaining, left in steps:
            task = loop.create_task(use(limiter, kind, delay, remaining, left))
            tasks.append(task)
            if kind == "cancel":
                task.cancel()
            elif kind == "cancel soon":
                loop.call_later(delay * 10, task.cancel)
            elif remaining == 0:
                await asyncio.sleep(delay)
        await asyncio.gather(*tasks, return_exceptions=False) if not any(
            step[0].startswith("cancel") for step in steps
        ) else await asyncio.wait(tasks)
        for task in tasks:
            assert task.cancelled() or task.exception() is None
        assert limiter.slots._value == slots
        assert limiter.quota.in_flight == 0
        assert limiter._waiting == 0

    with pytest.MonkeyPatch.context() as patch:
        on(loop, patch, skew)
        run(main(), loop)


@settings(max_examples=examples(50))
@given(seconds=st.floats(0.01, 300), tasks=st.integers(1, 200), seed=st.integers(0, 9))
def test_a_pause_lets_nothing_through_and_everything_out_spread(seconds: float, tasks: int, seed: int) -> None:
    random.seed(seed)
    loop = VirtualLoop()
    out: list[float] = []

    async def use(limiter: Limiter) -> None:
        turn = await limiter.acquire(300, quiet)
        out.append(loop.time())
        silent(limiter, turn)
        limiter.slots.release()

    async def main() -> None:
        limiter = Limiter(32)
        limiter.pause(seconds)
        limiter.pause(seconds / 2)  # a shorter one changes nothing
        await asyncio.gather(*(use(limiter) for _ in range(tasks)))

    with pytest.MonkeyPatch.context() as patch:
        on(loop, patch)
        run(main(), loop)
    assert min(out) >= 1000 + seconds
    assert max(out) <= 1000 + seconds + LONGEST_SPREAD + 0.1
    if tasks > 20:
        assert len(set(out)) > 10


def test_a_pause_beyond_the_bound_raises_and_says_how_long() -> None:
    loop = VirtualLoop()

    async def main() -> None:
        limiter = Limiter(1)
        limiter.pause(10.0)
        with pytest.raises(WaitTooLongError) as caught:
            await limiter.acquire(9.9, quiet)
        assert caught.value.seconds == 10.0
        told: list[float] = []
        await limiter.acquire(10.0, told.append)  # of just the bound, however it is spread
        assert told == [10.0]

    with pytest.MonkeyPatch.context() as patch:
        on(loop, patch)
        run(main(), loop)


@pytest.mark.parametrize("skew", [0.0, 3600.0, -3600.0, 1e9])
def test_the_reset_is_read_against_the_servers_own_clock(skew: float) -> None:
    loop = VirtualLoop()

    async def main() -> None:
        limiter = Limiter(4)
        turn = await limiter.acquire(0, quiet)
        tell(limiter, loop, turn, 0, 60)
        limiter.slots.release()
        waits: list[float] = []
        await limiter.acquire(330, waits.append)
        assert len(waits) == 1
        assert 60 <= waits[0] <= 61.1
        assert 1060 <= loop.time() <= 1061.1
        assert limiter.seconds_until(EPOCH + 1360) == pytest.approx(1360 - loop.time(), abs=1.1)

    with pytest.MonkeyPatch.context() as patch:
        on(loop, patch, skew)
        run(main(), loop)


@settings(max_examples=examples(30))
@given(
    limit=st.integers(5, 60),
    window=st.sampled_from([5, 60, 300]),
    slots=st.integers(1, 40),
    skew=st.sampled_from([0.0, 1e4, -1e4]),
    seed=st.integers(0, 99),
)
def test_a_true_quota_is_used_up_and_never_passed(limit: int, window: int, slots: int, skew: float, seed: int) -> None:
    loop = VirtualLoop()
    rng = random.Random(seed)
    counts: dict[int, int] = {}
    refused: list[float] = []
    words: list[float] = []
    todo = limit * 4

    async def use(limiter: Limiter) -> None:
        turn = await limiter.acquire(1000, quiet)
        await asyncio.sleep(rng.uniform(0, 0.01))
        index = int((EPOCH + loop.time()) // window)
        counts[index] = counts.get(index, 0) + 1
        if counts[index] > limit and words and turn > words[0]:
            refused.append(turn)
        remaining = max(0, limit - counts[index])
        await asyncio.sleep(rng.uniform(0, 0.01))
        words.append(loop.time())
        respond(limiter, loop, turn, limit, remaining, (index + 1) * window)
        limiter.slots.release()

    async def main() -> None:
        limiter = Limiter(slots)
        await asyncio.gather(*(use(limiter) for _ in range(todo)))

    with pytest.MonkeyPatch.context() as patch:
        on(loop, patch, skew)
        run(main(), loop)
    assert refused == []
    assert len(counts) <= 5  # four full ones, or five where it began in the middle of one


def test_waiting_for_an_answer_is_no_wait_beyond_the_bound() -> None:
    """The one request that is left is under way: what its answer says decides, however far the reset is."""
    loop = VirtualLoop()

    async def main() -> None:
        limiter = Limiter(2)
        first = await limiter.acquire(5, quiet)
        tell(limiter, loop, first, 1, 300)
        second = await limiter.acquire(5, quiet)
        limiter.slots.release()
        waiting = asyncio.create_task(limiter.acquire(5, quiet))
        await asyncio.sleep(1)
        assert not waiting.done()
        tell(limiter, loop, second, 7, 299)
        await waiting
        assert loop.time() == 1001

    with pytest.MonkeyPatch.context() as patch:
        on(loop, patch)
        run(main(), loop)


def test_a_date_is_parsed_once_and_not_for_each_response(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = VirtualLoop()
    on(loop, monkeypatch, skew=5000.0)
    parsed: list[str | None] = []
    parse = parse_http_date

    def note(value: str | None) -> float | None:
        parsed.append(value)
        return parse(value)

    monkeypatch.setattr(_limiter, "parse_http_date", note)

    async def main() -> None:
        limiter = Limiter(8)
        for _ in range(40):
            turn = await limiter.acquire(200, quiet)
            await asyncio.sleep(0.05)
            now = EPOCH + loop.time()
            date = email.utils.formatdate(now, usegmt=True)
            limiter.responded(turn, limit="100", remaining="99", reset=str(int(now) + 60), date=date)
            limiter.slots.release()
        assert limiter.quota.in_flight == 0
        assert limiter.reported is not None
        assert limiter.reported[:2] == (100, 99)
        # read against the server's clock, which is not ours, to a second
        assert abs(limiter.quota.reset - (loop.time() + 60)) <= 1.1

    run(main(), loop)
    assert len(parsed) == len(set(parsed)) <= 4


@pytest.fixture
def loop(monkeypatch: pytest.MonkeyPatch) -> VirtualLoop:
    """One whose time the limiter reads."""
    made = VirtualLoop()
    on(made, monkeypatch)
    return made


END = str(int(EPOCH) + 1060)


@pytest.mark.parametrize(
    ("headers", "reported", "used"),
    [
        ((None, None, None), None, False), (("x", None, None), None, False), ((None, "x", END), None, False),
        (("100", None, None), (100, None, None), False), ((None, "9", None), (None, 9, None), False),
        (("100", "9", None), (100, 9, None), False), (("100", None, END), (100, None, float(END)), False),
        (("100", "9", END), (100, 9, float(END)), True), ((None, "9", END), (None, 9, float(END)), True),
    ],
)  # fmt: skip
def test_what_an_answers_headers_say(
    loop: VirtualLoop,
    headers: tuple[str | None, ...],
    reported: tuple[int | None, int | None, float | None] | None,
    used: bool,
) -> None:
    async def main() -> None:
        limiter = Limiter(3)
        turns = [await limiter.acquire(0, quiet) for _ in range(3)]
        assert limiter.quota.in_flight == 3
        limit, remaining, reset = headers
        limiter.responded(turns[0], limit=limit, remaining=remaining, reset=reset, date=None)
        assert limiter.reported == reported
        assert limiter.quota.in_flight == 2
        expected = (reported[1], reported[0], 1060.0) if used and reported is not None else (None, None, 0.0)
        assert (limiter.quota.remaining, limiter.quota.limit, limiter.quota.reset) == expected

    run(main(), loop)


@pytest.mark.parametrize("ends", ["silent", "lost", "withdrawn"])
def test_a_request_that_goes_ahead_into_a_new_window_is_known_again(loop: VirtualLoop, ends: str) -> None:
    async def main() -> None:
        limiter = Limiter(9)
        tell(limiter, loop, await limiter.acquire(0, quiet), 0, 10)
        turn = await limiter.acquire(20, quiet)
        begun = loop.time()
        if ends == "silent":
            silent(limiter, turn)
        elif ends == "lost":
            limiter.lost(turn)
        else:
            limiter.withdrawn(turn)
        await limiter.acquire(20, quiet)
        assert loop.time() == begun  # nobody waits for the answer to the first one
        assert (limiter.quota.remaining is None) is (ends == "silent")

    run(main(), loop)


def test_a_lost_answer_is_taken_off_what_an_older_one_says(loop: VirtualLoop) -> None:
    async def main() -> None:
        limiter = Limiter(9)
        turns = [await limiter.acquire(0, quiet) for _ in range(3)]
        await asyncio.sleep(1)
        limiter.lost(turns[0])
        tell(limiter, loop, turns[1], 7, 60)
        assert limiter.quota.remaining == 6

    run(main(), loop)


@pytest.mark.parametrize(("leaves", "waited"), [(0, 0.0), (1, 0.0), (2, 60.0), (9, 60.0)])
def test_what_is_left_to_others(loop: VirtualLoop, leaves: int, waited: float) -> None:
    async def main() -> None:
        limiter = Limiter(9)
        tell(limiter, loop, await limiter.acquire(0, quiet), 2, 60)
        await limiter.acquire(90, quiet, leaves)
        assert loop.time() - 1000 == pytest.approx(waited, abs=0.1)

    run(main(), loop)


def test_all_who_wait_for_an_answer_go_on_with_it_and_none_of_them_is_told(loop: VirtualLoop) -> None:
    told: list[float] = []

    async def main() -> None:
        limiter = Limiter(9)
        tell(limiter, loop, await limiter.acquire(0, quiet), 2, 60)
        first, second = await limiter.acquire(0, quiet), await limiter.acquire(0, quiet)
        waiting = [asyncio.create_task(limiter.acquire(5, told.append)) for _ in range(3)]
        await asyncio.sleep(1)
        silent(limiter, first)  # of no help: the second one is under way
        await asyncio.sleep(1)
        assert not any(task.done() for task in waiting)
        tell(limiter, loop, second, 50, 58)
        await asyncio.gather(*waiting)
        assert (loop.time(), told) == (1002, [])
        assert (limiter.quota.in_flight, limiter._waiting) == (3, 0)

    run(main(), loop)


def test_a_longer_pause_met_while_one_waits_is_waited_for_and_told_once(loop: VirtualLoop) -> None:
    told: list[float] = []

    async def main() -> None:
        limiter = Limiter(9)
        assert not limiter.paused
        limiter.pause(5.0)
        assert limiter.paused
        loop.call_later(2, limiter.pause, 20.0)
        await limiter.acquire(30, told.append)
        assert told == [5.0]
        assert loop.time() >= 1022
        limiter.pause(5.0)
        with pytest.raises(WaitTooLongError) as caught:
            await limiter.acquire(4.0, quiet)
        assert caught.value.args == (caught.value.seconds,)

    run(main(), loop)


@pytest.mark.parametrize(("seconds", "spread"), [(0.1, 0.05), (0.9, 0.09), (5.0, 0.5), (300.0, 2.0)])
def test_those_who_waited_for_a_pause_go_on_within_a_tenth_of_it(
    loop: VirtualLoop, seconds: float, spread: float
) -> None:
    random.seed(1)

    async def wait(limiter: Limiter) -> float:
        await limiter.acquire(seconds + 1, quiet)
        return loop.time() - 1000 - seconds

    async def main() -> None:
        limiter = Limiter(99)
        limiter.pause(seconds)
        after = await asyncio.gather(*(wait(limiter) for _ in range(99)))
        assert 0 <= min(after) < spread / 4
        assert spread * 3 / 4 < max(after) <= spread + 1e-9

    run(main(), loop)


def test_the_seconds_until_an_instant_of_the_servers(loop: VirtualLoop) -> None:
    async def main() -> None:
        limiter = Limiter(1)
        assert limiter.seconds_until(EPOCH + 1360) == pytest.approx(360 + MARGIN)
        assert limiter.seconds_until(EPOCH + 900) == pytest.approx(-100 + MARGIN)

    run(main(), loop)
