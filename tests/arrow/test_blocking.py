"""Asynchronous generators in synchronous hands: order, errors, back-pressure, and that no thread outlives its use."""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
import threading
from collections.abc import AsyncGenerator, Callable
from functools import partial
from typing import Any

import pytest

from devrev_async.arrow.blocking import _PATIENCE, BlockingIterator
from devrev_async.errors import ClientClosedError


class Source:
    """Makes a generator of numbers, and remembers what became of it."""

    def __init__(self, stop: int = 10**9, *, error: BaseException | None = None) -> None:
        self.made = 0
        self.closed = 0
        self.loop: asyncio.AbstractEventLoop
        self._stop, self._error = stop, error

    async def __call__(self) -> AsyncGenerator[int, None]:
        self.loop = asyncio.get_running_loop()
        try:
            for number in range(self._stop):
                self.made += 1
                yield number
            if self._error is not None:
                raise self._error
        finally:
            await asyncio.sleep(0)  # closing may take turns of the loop
            self.closed += 1


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Any:
    before = threading.enumerate()
    yield
    assert threading.enumerate() == before


def test_items_come_in_order_and_the_end_ends_the_thread() -> None:
    source = Source(100)
    iterator = BlockingIterator(source)
    assert list(iterator) == list(range(100))
    assert (source.closed, iterator.closed) == (1, True)
    assert list(iterator) == []


def test_nothing_starts_before_the_first_item_is_asked_for() -> None:
    source = Source()
    iterator = BlockingIterator(source)
    assert threading.active_count() == len(threading.enumerate())
    assert source.made == 0
    iterator.close()
    assert (source.made, source.closed, iterator.closed) == (0, 0, True)
    assert list(iterator) == []


@pytest.mark.parametrize("error", [ValueError("v"), TimeoutError("t"), KeyboardInterrupt(), SystemExit(3)])
def test_an_error_comes_after_the_items_before_it_as_it_is(error: BaseException) -> None:
    source = Source(3, error=error)
    iterator = BlockingIterator(source)
    seen: list[int] = []
    with pytest.raises(type(error)) as raised:
        seen.extend(iter(iterator))
    assert raised.value is error
    assert source.closed == 1
    assert list(iterator) == []
    del raised


def test_items_of_an_error_are_not_lost() -> None:
    iterator = BlockingIterator(Source(3, error=ValueError("v")))
    assert [next(iterator), next(iterator), next(iterator)] == [0, 1, 2]
    with pytest.raises(ValueError, match="v"):
        next(iterator)


def test_no_more_than_one_item_is_made_ahead() -> None:
    source = Source()
    iterator = BlockingIterator(source)
    for asked in range(1, 6):
        next(iterator)
        while source.made < asked + 1:
            asyncio.run_coroutine_threadsafe(asyncio.sleep(0), source.loop).result()
        for _ in range(100):  # turns of the loop, in which it could make more
            asyncio.run_coroutine_threadsafe(asyncio.sleep(0), source.loop).result()
        assert source.made == asked + 1
    iterator.close()


def close(iterator: BlockingIterator[int]) -> None:
    iterator.close()


def drop(iterator: BlockingIterator[int]) -> None:
    del iterator


def collect_a_cycle(iterator: BlockingIterator[int]) -> None:
    cycle: list[Any] = [iterator]
    cycle.append(cycle)
    del cycle, iterator


@pytest.mark.parametrize("end", [close, drop, collect_a_cycle])
def test_ending_early_closes_the_generator(end: Callable[[BlockingIterator[int]], None]) -> None:
    source = Source()
    held = [BlockingIterator(source)]
    assert next(held[0]) == 0
    end(held.pop())
    gc.collect()
    assert source.closed == 1


def test_closing_twice_from_several_threads() -> None:
    source = Source()
    iterator = BlockingIterator(source)
    next(iterator)
    threads = [threading.Thread(target=iterator.close) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    iterator.close()
    assert source.closed == 1


def test_closing_in_another_thread_is_no_end() -> None:
    asked = threading.Event()

    async def waits() -> AsyncGenerator[int, None]:
        asked.set()
        await asyncio.Event().wait()
        yield 0

    iterator = BlockingIterator(waits)
    found: list[object] = []

    def read() -> None:
        try:
            found.append(next(iterator))
        except (ClientClosedError, StopIteration) as error:
            found.append(type(error))

    reading = threading.Thread(target=read)
    reading.start()
    assert asked.wait(10)
    iterator.close()
    reading.join()
    assert found == [ClientClosedError]
    assert list(iterator) == []


def test_the_last_reference_may_go_in_the_thread_itself() -> None:
    """As where the garbage collector runs there."""
    source = Source()
    held = [BlockingIterator(source)]
    next(held[0])
    gone = threading.Event()

    def clear() -> None:
        held.clear()
        gone.set()

    source.loop.call_soon_threadsafe(clear)
    assert gone.wait(_PATIENCE / 2), "the thread waited for itself"
    while source.closed == 0 or any(thread.name == "devrev-async scan" for thread in threading.enumerate()):
        pass


async def _in_a_loop() -> list[int]:
    return list(BlockingIterator(Source(5)))


def test_it_works_where_a_loop_is_running() -> None:
    assert asyncio.run(_in_a_loop()) == [0, 1, 2, 3, 4]


def test_threads_that_python_did_not_make_leave_no_trace() -> None:
    """An engine's threads are unknown to `threading`, and stay so: what asks for the current thread lists it."""
    import _thread

    done = threading.Event()
    before = threading.enumerate()

    def read() -> None:
        iterator = BlockingIterator(Source(3))
        next(iterator)
        iterator.close()
        done.set()

    _thread.start_new_thread(read, ())
    assert done.wait(10)
    assert threading.enumerate() == before


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="a signal is sent to one thread")
def test_ctrl_c_ends_the_wait_and_the_thread(request: pytest.FixtureRequest) -> None:
    # a shell starts what runs in its background with SIGINT ignored
    request.addfinalizer(partial(signal.signal, signal.SIGINT, signal.getsignal(signal.SIGINT)))
    signal.signal(signal.SIGINT, signal.default_int_handler)
    closed: list[bool] = []
    main = threading.main_thread().ident
    assert main is not None

    async def waits() -> AsyncGenerator[int, None]:
        try:
            while True:  # one that arrives just before the main thread begins to wait does not wake it
                signal.pthread_kill(main, signal.SIGINT)
                await asyncio.sleep(10)
            yield 0
        finally:
            closed.append(True)

    iterator = BlockingIterator(waits)
    with pytest.raises(KeyboardInterrupt):
        next(iterator)
    assert (closed, iterator.closed) == ([True], True)
    assert list(iterator) == []


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a stack of any size may be had")
def test_where_the_system_has_no_thread_to_give_the_error_says_so() -> None:
    before = threading.stack_size(1 << 46)
    try:
        iterator = BlockingIterator(Source(3))
        with pytest.raises(RuntimeError, match="thread"):
            next(iterator)
    finally:
        threading.stack_size(before)
    assert iterator.closed
    assert list(iterator) == []


def test_closing_waits_for_a_call_that_cannot_be_cancelled_but_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("devrev_async.arrow.blocking._PATIENCE", 0.0)
    begun, goes_on = threading.Event(), threading.Event()

    async def stuck() -> AsyncGenerator[int, None]:
        yield 0
        begun.set()
        goes_on.wait()

    iterator = BlockingIterator(stuck)
    assert next(iterator) == 0
    assert begun.wait(10)
    iterator.close()
    assert any(thread.name == "devrev-async scan" for thread in threading.enumerate())
    goes_on.set()
    while any(thread.name == "devrev-async scan" for thread in threading.enumerate()):
        pass
