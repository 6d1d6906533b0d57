"""The watchdog of the read timeouts, on an event loop whose time jumps."""

import asyncio
from types import SimpleNamespace

import pytest

from devrev_async._transport import read_timeout as module
from devrev_async._transport.read_timeout import ReadTimeoutWatchdog
from tests.limits.virtual import VirtualLoop, run


class Waiting:
    """A call that has waited for the server since `since`."""

    def __init__(self, since: float, read_timeout: float | None) -> None:
        self.since: float | None = since
        self.read_timeout = read_timeout
        self.ended = asyncio.get_running_loop().create_future()

    def is_overdue(self, now: float) -> bool:
        return self.since is not None and self.read_timeout is not None and now - self.since >= self.read_timeout

    def end_attempt(self) -> None:
        self.since = None
        self.ended.set_result(asyncio.get_running_loop().time())


def watch(loop: VirtualLoop, patch: pytest.MonkeyPatch, *calls: Waiting) -> ReadTimeoutWatchdog:
    patch.setattr(module, "time", SimpleNamespace(monotonic=loop.time))
    watchdog = ReadTimeoutWatchdog(loop, calls)
    for call in calls:
        if call.read_timeout is not None and call.read_timeout < watchdog.covers:
            watchdog.watch(call.read_timeout)
    return watchdog


def test_each_call_ends_at_its_own_timeout_or_an_eighth_of_the_shortest_later(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = VirtualLoop()

    async def main() -> None:
        calls = [Waiting(loop.time(), timeout) for timeout in (60, 0.8, 5)]
        begun = loop.time()
        watch(loop, monkeypatch, *calls)
        for call in calls:
            assert call.read_timeout is not None
            late = await call.ended - begun - call.read_timeout
            assert 0 <= late <= call.read_timeout / 8 + 0.01

    run(main(), loop)


def test_a_call_that_was_answered_meanwhile_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Overdue when the timer looks, and no more once the loop has served the socket and the task."""
    loop = VirtualLoop()

    async def main() -> None:
        call = Waiting(loop.time() - 100, 1.0)
        watch(loop, monkeypatch, call)

        def notice() -> None:
            loop.call_soon(setattr, call, "since", loop.time())

        loop.call_later(0.125, notice)  # together with the timer of the watchdog
        await asyncio.sleep(0.9)
        assert not call.ended.done()
        await call.ended

    run(main(), loop)


def test_it_stops_where_nothing_waits_and_a_call_without_a_timeout_needs_none(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = VirtualLoop()

    async def main() -> None:
        assert watch(loop, monkeypatch, Waiting(loop.time(), None)).covers == float("inf")
        watchdog = watch(loop, monkeypatch)
        watchdog.watch(1.0)
        assert watchdog.covers <= 1.0
        await asyncio.sleep(5)
        assert watchdog.covers == float("inf")

    run(main(), loop)
