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
from devrev_async._limits.quota import LATEST_TURN, PROBE_TIMEOUT
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
