"""Asynchronous iteration for synchronous callers: the generator runs in a thread with an event loop of its own."""

from __future__ import annotations

import asyncio
import threading
import time
import weakref
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, suppress
from queue import SimpleQueue
from typing import Final, Generic, NamedTuple, TypeVar

from devrev_async.errors import ClientClosedError

__all__ = ["BlockingIterator"]

T = TypeVar("T")

_PATIENCE: Final = 5.0
"""Seconds that closing waits for the thread to end: a look-up of a name, for one, cannot be cancelled."""


class _End(NamedTuple):
    """What follows the last item: the error that ended the iteration, or None."""

    error: BaseException | None


class BlockingIterator(Generic[T]):
    """Iterates over an asynchronous generator; `next` blocks the calling thread, and works where a loop runs in it.

    The thread starts with the first `next`. From then on at most one item is made ahead of those that were asked for.
    The thread ends with the last item, with an error, with `close`, when the iterator is garbage collected, and at the
    exit of the interpreter; ending closes the generator.

    Args:
        generate: makes the generator, in the thread. It must not refer to the iterator, which could not be collected.
    """

    def __init__(self, generate: Callable[[], AsyncGenerator[T, None]]) -> None:
        self._run = _Run(generate)
        self._finalizer = weakref.finalize(self, self._run.stop)

    @property
    def closed(self) -> bool:
        """Whether there is nothing more to come: at the end, after an error, after `close`."""
        return not self._finalizer.alive

    def __iter__(self) -> BlockingIterator[T]:
        return self

    def __next__(self) -> T:
        if self.closed:
            raise StopIteration
        try:
            outcome = self._run.take()
        except BaseException:  # Ctrl-C
            self.close()
            raise
        if not isinstance(outcome, _End):
            return outcome
        self.close()
        if outcome.error is not None:
            raise outcome.error
        raise StopIteration

    def close(self) -> None:
        """Ends the thread and waits until it has; closing again does nothing.

        A `next` that waits in another thread raises a `ClientClosedError`.
        """
        self._finalizer()


class _Run(Generic[T]):
    """The thread, its loop, and what it has made. Refers to no `BlockingIterator`, so that one can be collected."""

    def __init__(self, generate: Callable[[], AsyncGenerator[T, None]]) -> None:
        self._generate = generate
        self._outcomes: SimpleQueue[T | _End] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._ready = threading.Event()
        self._done = threading.Event()
        self._ask: Callable[[], object] = _nothing
        self._cancel: Callable[[], object] = _nothing

    def take(self) -> T | _End:
        """The next outcome. The one after it is asked for."""
        if self._thread is None:
            # a daemon: the exit of the interpreter waits for others before it would stop this one
            self._thread = threading.Thread(target=self._work, name="devrev-async scan", daemon=True)
            try:
                self._thread.start()
            except RuntimeError:  # the system has no thread to give
                self._ready.set()
                self._done.set()
                raise
        outcome = self._outcomes.get()
        if not isinstance(outcome, _End):
            with suppress(RuntimeError):  # the loop may have ended by an error since
                self._ask()
        return outcome

    def stop(self) -> None:
        """Cancels the task, and waits for the thread."""
        thread = self._thread
        if thread is None:
            return
        self._ready.wait()
        with suppress(RuntimeError):  # the loop is closed
            self._cancel()
        if threading.get_ident() == thread.ident:
            return  # the garbage collector runs anywhere, in this thread too
        # `Thread.join` would put an engine's own thread on the list of `threading.enumerate`, for good
        if self._done.wait(_PATIENCE):
            while thread.is_alive():  # pragma: no branch - it has done all but end, and most often that too
                time.sleep(0)  # pragma: no cover - likewise

    def _work(self) -> None:
        end = _End(None)
        try:
            asyncio.run(self._drive())
        except asyncio.CancelledError:
            # for a `take` that waits in another thread: an end without an error would look complete
            end = _End(ClientClosedError("the reading was closed before it was through"))
        except BaseException as error:  # noqa: BLE001 - whatever it is, the caller of `take` waits for it
            end = _End(error)
        self._outcomes.put(end)
        self._ready.set()
        self._done.set()

    async def _drive(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        loop, demand = asyncio.get_running_loop(), asyncio.Semaphore(0)
        self._ask = lambda: loop.call_soon_threadsafe(demand.release)
        self._cancel = lambda: loop.call_soon_threadsafe(task.cancel)
        self._ready.set()
        async with aclosing(self._generate()) as items:
            async for item in items:
                self._outcomes.put(item)
                del item
                await demand.acquire()


def _nothing() -> None:
    """Before the loop runs, and where it could not: there is no one to ask."""
