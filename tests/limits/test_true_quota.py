"""Clients against servers with a true quota per window, counted by the server's own windows, not by a watch."""

import asyncio
import math
import time
from collections import Counter
from collections.abc import Callable
from email.utils import formatdate
from typing import Any

import pytest

from devrev_async import ClientEvent, DevRevClient
from devrev_async.errors import RateLimitWaitError
from devrev_async.sandbox import Sandbox
from tests.transport.server import ONE, FaultServer, message

pytestmark = pytest.mark.anyio

TOKEN = "test-token-0123456789"


class Quota:
    """Fixed windows of whole seconds. `skew` is by how much the server's clock runs before ours."""

    def __init__(self, limit: int, window: int, *, skew: float = 0.0, others: float = 0.0, says: str = "all") -> None:
        self.limit = limit
        self.window = window
        self.skew = skew
        self.others = others
        self.says = says
        self.counts: Counter[int] = Counter()
        self.refused: Counter[int] = Counter()

    @property
    def now(self) -> float:
        return time.time() + self.skew

    async def play(self, peer: Any) -> None:
        index = int(self.now // self.window)
        taken = int(self.limit * self.others)
        fits = self.counts[index] + taken < self.limit
        if fits:
            self.counts[index] += 1
        else:
            self.refused[index] += 1
        end = (index + 1) * self.window
        headers = {
            "Date": formatdate(self.now, usegmt=True),
            "X-Ratelimit-Limit": str(self.limit),
            "X-Ratelimit-Remaining": str(self.limit - taken - self.counts[index]),
            "X-Ratelimit-Reset": str(end),
        }
        if not fits and self.says == "all":
            headers["Retry-After"] = str(math.ceil(end - self.now))
        await peer.send(message(ONE, headers=headers) if fits else message("{}", 429, headers))


async def ask(client: DevRevClient, count: int) -> None:
    async with asyncio.TaskGroup() as group:
        for n in range(count):
            group.create_task(client.works.get(f"ISS-{n}"))


async def begin_of_window(window: int, skew: float = 0.0) -> None:
    """Wait until a window has just begun, so that the least number of windows is known."""
    now = time.time() + skew
    await asyncio.sleep(window - now % window + 0.01)


SKEWS = [0.0, pytest.param(7200.0, marks=pytest.mark.slow), pytest.param(-7200.0, marks=pytest.mark.slow)]


@pytest.mark.parametrize("skew", SKEWS)
async def test_two_thousand_calls_take_no_window_too_many(skew: float) -> None:
    quota = Quota(700, 2, skew=skew)
    waited: set[int] = set()

    def on_event(event: ClientEvent) -> None:
        if event.kind == "wait":
            waited.add(int(quota.now // quota.window))

    async with FaultServer() as server, DevRevClient(TOKEN, base_url=server.url, on_event=on_event) as client:
        server.usual = quota.play
        await begin_of_window(2, skew)
        await ask(client, 2000)
        assert len(server.requests) == 2000
    assert sum(quota.refused.values()) == 0
    assert sum(quota.counts.values()) == 2000
    assert set(quota.counts) == set(range(min(quota.counts), max(quota.counts) + 1))  # none passed without a request
    if skew == 0:  # by another clock, read in whole seconds, a wait may begin in the second half of a window
        assert all(quota.counts[window] >= 700 - 32 for window in waited)  # nobody waits for what is not used up


async def test_the_sandbox_agrees() -> None:
    async with Sandbox(works=5, quota=300, window=2) as sandbox:
        async with DevRevClient(sandbox.token, base_url=sandbox.url) as client:
            (known,) = sandbox.ids()[:1]
            async with asyncio.TaskGroup() as group:
                for _ in range(800):
                    group.create_task(client.works.get(known))
        assert sandbox.request_count == 800  # not one was refused


async def test_the_reserve_is_left() -> None:
    quota = Quota(100, 1)
    async with FaultServer() as server:
        server.usual = quota.play
        async with DevRevClient(TOKEN, base_url=server.url, quota_reserve=0.25, max_concurrency=16) as client:
            await begin_of_window(1)
            await ask(client, 200)
    assert sum(quota.refused.values()) == 0
    assert max(quota.counts.values()) <= 75


async def test_behind_others_it_takes_what_is_left() -> None:
    quota = Quota(200, 1, others=0.7)
    async with FaultServer() as server, DevRevClient(TOKEN, base_url=server.url, max_concurrency=16) as client:
        server.usual = quota.play
        await ask(client, 150)
    assert sum(quota.refused.values()) == 0
    assert max(quota.counts.values()) <= 60


async def test_two_clients_with_one_token_share_it() -> None:
    quota = Quota(200, 1)
    async with FaultServer() as server:
        server.usual = quota.play
        one, two = (DevRevClient(TOKEN, base_url=server.url, max_concurrency=8) for _ in range(2))
        async with one, two:
            await asyncio.gather(ask(one, 250), ask(two, 250))
    assert sum(quota.counts.values()) == 500
    # what the other one sends while the last answer travels is not known: at most its concurrency a window
    assert max(quota.refused.values(), default=0) <= 16


@pytest.mark.parametrize("skew", SKEWS)
async def test_a_429_without_retry_after_waits_for_the_reset(skew: float) -> None:
    quota = Quota(1, 2, skew=skew, others=1.0, says="nothing")
    events: list[ClientEvent] = []
    async with FaultServer() as server, DevRevClient(TOKEN, base_url=server.url, on_event=events.append) as client:
        server.usual = quota.play
        await begin_of_window(2, skew)
        call = asyncio.create_task(client.works.get("ISS-1"))
        while not any(event.kind == "pause" for event in events):
            await asyncio.sleep(0.005)
        quota.others = 0.0
        await call
        assert len(server.requests) <= 3
    (pause, *_) = [event.delay for event in events if event.kind == "pause"]
    assert 0 < pause <= 3.1


async def test_an_empty_quota_that_lasts_too_long_raises_without_asking() -> None:
    quota = Quota(1, 100_000)
    async with FaultServer() as server, DevRevClient(TOKEN, base_url=server.url) as client:
        server.usual = quota.play
        await client.works.get("ISS-1")
        if 100_000 - time.time() % 100_000 < 400:
            pytest.skip("the window is about to end")
        for call in (client.works.get("ISS-1"), client.works.update("ISS-1", title="x")):
            with pytest.raises(RateLimitWaitError) as caught:
                await call
            assert (caught.value.attempts, caught.value.status, caught.value.outcome_unknown) == (0, 429, False)
            assert caught.value.retry_after is not None
            assert 330 < caught.value.retry_after <= 100_001
        assert len(server.requests) == 1


GARBAGE: list[Callable[[], dict[str, str]]] = [
    lambda: {"X-Ratelimit-Remaining": "0"},
    lambda: {"X-Ratelimit-Remaining": "0", "X-Ratelimit-Reset": "soon"},
    lambda: {"X-Ratelimit-Remaining": "0", "X-Ratelimit-Reset": "30"},
    lambda: {"X-Ratelimit-Remaining": "0", "X-Ratelimit-Reset": "-1"},
    lambda: {"X-Ratelimit-Remaining": "0", "X-Ratelimit-Reset": str(int(time.time() * 1000))},
    lambda: {"X-Ratelimit-Remaining": "0", "X-Ratelimit-Reset": "1e300"},
    lambda: {"X-Ratelimit-Remaining": "0", "X-Ratelimit-Reset": str(int(time.time()) - 50)},
    lambda: {"X-Ratelimit-Remaining": "0", "X-Ratelimit-Reset": "nan"},
    lambda: {"X-Ratelimit-Remaining": "-5", "X-Ratelimit-Reset": str(int(time.time()) + 50)},
    lambda: {"X-Ratelimit-Limit": "0", "X-Ratelimit-Remaining": "0", "X-Ratelimit-Reset": "0"},
    lambda: {"Date": "yesterday", "X-Ratelimit-Remaining": "0", "X-Ratelimit-Reset": "5"},
]


@pytest.mark.parametrize("case", range(len(GARBAGE)))
async def test_garbage_stops_nobody(case: int) -> None:
    async def play(peer: Any) -> None:
        await peer.send(message(ONE, headers=GARBAGE[case]()))

    async with FaultServer() as server, DevRevClient(TOKEN, base_url=server.url, timeout=5) as client:
        server.usual = play
        await ask(client, 60)
        assert len(server.requests) == 60
