"""The workers of a bulk call: concurrent requests, whose outcomes are yielded one by one."""

from __future__ import annotations

import asyncio
import copy
import weakref
from collections import deque
from collections.abc import AsyncGenerator, Callable, Sized
from typing import TYPE_CHECKING, Any, Final, Generic, Literal, TypeAlias, TypeVar

from devrev_async import errors
from devrev_async._loading import ANYIO, load

from .bulk_inputs import BegunCall, Entry, Input, Inputs, Job, Reader
from .bulk_outcomes import BulkProgress, Ledger, Outcome, is_unknown

if TYPE_CHECKING:
    import anyio

__all__ = ["Engine", "OnError"]

T = TypeVar("T")
OnError: TypeAlias = Literal["collect", "raise"]

_REFUSALS: Final = 20
"""Refusals of the token, one after the other, from which on nothing more is sent: all would be refused."""


class _Worker:
    """One of the workers of a run.

    Attributes:
        scope: ends it.
        call: that it awaits; None for none.
    """

    __slots__ = ("call", "scope")

    def __init__(self, scope: anyio.CancelScope) -> None:
        self.scope = scope
        self.call: BegunCall | None = None


class Engine(Generic[T]):
    """Runs a job over its inputs with a bounded number of workers, which read the inputs as they go.

    `run` runs it to its end; `outcomes` runs it in a task of its own and yields each outcome as it is done. A worker
    whose outcome was not taken yet reads no further input, so at most `workers` outcomes wait.

    A run that fails, by the caller's iterator or callback or with ``on_error="raise"``, begins nothing more. Writes
    that were sent are finished, so that their outcome is known; what was not sent stays pending.

    The ledger is referenced weakly: where nobody can ask for the result, no outcome is kept after it was yielded.

    Attributes:
        phase: a run begins once.
    """

    def __init__(
        self,
        job: Job[T],
        inputs: Inputs[T],
        ledger: Ledger,
        *,
        workers: int,
        on_error: OnError,
        on_progress: Callable[[BulkProgress], object] | None,
    ) -> None:
        total = len(inputs) if isinstance(inputs, Sized) else None
        self.phase: Literal["new", "running", "ended"] = "new"
        self._job = job
        self._reader = Reader(job, inputs, weakref.ref(ledger))
        self._workers = workers if total is None else min(workers, total)
        self._on_error = on_error
        self._on_progress = on_progress
        self._total = total
        self._failed = self._unknown = self._ok = 0
        self._refusals = 0
        self._refusal: errors.UnauthorizedError | None = None
        self._crew: list[_Worker] = []
        self._queue: _OutcomeQueue | None = None
        self._error: Exception | None = None
        self._closed = False
        self._over: asyncio.Event | None = None
        self._scope: anyio.CancelScope | None = None

    async def arguments(self) -> list[Any]:
        """Returns the calls' arguments in input order, and makes no call. Raises for the first bad input."""
        return await self._reader.arguments()

    async def run(self) -> None:
        """Runs all inputs.

        Raises:
            ValueError, TypeError: an input of a sequence is refused; nothing was sent.
            DevRevError: the first failure with ``on_error="raise"``; `ClientClosedError` where the client or this run
                was closed meanwhile.
            Exception: whatever the caller's iterator or `on_progress` raised.
        """
        self.phase, self._over = "running", asyncio.Event()
        try:
            if not self._closed:
                self._job.open()
                await self._reader.check()
                await load(*ANYIO)
            if not self._closed:
                self._job.on_close.add(self._reader.stop)
                await self._run_workers()
        finally:
            self._job.on_close.discard(self._reader.stop)
            self.phase = "ended"
            self._over.set()
        if self._error is not None:
            raise self._error
        if self._closed:
            raise errors.ClientClosedError("the bulk run was closed before it was through")

    async def outcomes(self) -> AsyncGenerator[Outcome, None]:
        """Yields each outcome as it is done. Closing the generator ends the run."""
        queue = self._queue = _OutcomeQueue()
        running = asyncio.create_task(self.run())
        running.add_done_callback(queue.wake)
        try:
            while True:
                while queue.ready:
                    outcome = queue.take()
                    self._reader.yielded(outcome.index)
                    yield outcome
                if running.done():
                    break
                await queue.arrival()
            running.result()
        finally:
            self._closed = True
            running.cancel()
            await asyncio.wait([running])
            if not running.cancelled():
                running.exception()  # it was raised above, or there is nobody who could see it

    async def aclose(self) -> None:
        """Ends the run and waits for its end."""
        self._closed = True
        if self._over is None:
            self.phase = "ended"
            return
        if self._scope is not None:
            self._scope.cancel()
        await self._over.wait()

    async def _run_workers(self) -> None:
        import anyio  # noqa: PLC0415 - loaded by now

        try:
            async with anyio.create_task_group() as group:
                self._scope = group.cancel_scope
                self._crew = [_Worker(anyio.CancelScope()) for _ in range(self._workers)]
                for worker in self._crew:
                    group.start_soon(self._work, worker)
        finally:
            self._scope = None
            self._crew = []
            await self._reader.aclose()

    async def _work(self, worker: _Worker) -> None:
        """Runs one input after the other, until there is none left."""
        reader = self._reader
        try:
            with worker.scope:
                while self._error is None and (following := reader.next_now() or await reader.next()) is not None:
                    current, entry = following
                    if entry is None:
                        await self._run_key(worker, current)
                    elif (untaken := self._finish(current, entry)) is not None:
                        await untaken
        except Exception as error:  # noqa: BLE001 - the caller's iterator or callback failed, and the caller sees it
            self._fail(error)

    async def _run_key(self, worker: _Worker, current: Input | None) -> None:
        """Runs an input, and those of the same key that were read meanwhile."""
        while current is not None and self._error is None:
            entry = await self._call(worker, current)
            if (untaken := self._finish(current, entry)) is not None:
                await untaken
            if not self._job.write:
                while (same := self._reader.following(current.key)) is not None:
                    if (untaken := self._finish(same, entry)) is not None:
                        await untaken
                self._reader.release(current.key, entry)
                return
            following = self._reader.following(current.key)
            if following is None:
                self._reader.release(current.key)
            current = following

    async def _call(self, worker: _Worker, current: Input) -> Entry:
        if self._refusals >= _REFUSALS and self._refusal is not None:
            return _not_sent(self._refusal)
        call = worker.call = self._job.begin(current.argument)
        entry: Entry
        try:
            entry = await call.answer
        except errors.ClientClosedError as error:
            self._fail(error)
            return error
        except errors.DevRevError as error:
            entry = error
        except asyncio.CancelledError:
            if (lost := call.interrupted()) is not None:
                self._record(current, lost)
            raise
        finally:
            worker.call = None
        self._refusal = entry if isinstance(entry, errors.UnauthorizedError) else None
        self._refusals = 0 if self._refusal is None else self._refusals + 1
        return entry

    def _finish(self, done: Input, entry: Entry) -> asyncio.Future[None] | None:
        """Records an outcome. While the run is iterated over, returns a future that is done once it was yielded."""
        self._record(done, entry)
        error = entry if isinstance(entry, Exception) else None
        if self._on_progress is not None:
            ok, failed, unknown = self._ok, self._failed, self._unknown
            self._on_progress(BulkProgress(ok + failed + unknown, self._total, ok, failed, unknown))
        if error is not None and self._on_error == "raise":
            self._fail(error)
        if self._queue is None or self._error is not None:
            return None
        return self._queue.put(Outcome(done.position, done.key, None if isinstance(entry, Exception) else entry, error))

    def _record(self, done: Input, entry: Entry) -> None:
        if not isinstance(entry, Exception):
            self._ok += 1
        elif is_unknown(entry):
            self._unknown += 1
        else:
            self._failed += 1
        self._reader.record(done, entry)

    def _fail(self, error: Exception) -> None:
        if self._error is None:
            self._error = error
        for worker in self._crew:
            if worker.call is None or worker.call.interrupted() is None:
                worker.scope.cancel()


def _not_sent(refusal: errors.UnauthorizedError) -> errors.UnauthorizedError:
    """The error of an input that was not sent."""
    error = copy.copy(refusal)
    vars(error).pop("__notes__", None)  # which the copy would share
    error.args = (f"{refusal}; not sent: the token was refused {_REFUSALS} times in a row",)
    error.attempts = 0
    return error


class _OutcomeQueue:
    """Outcomes that the workers have and the iteration has not yielded yet."""

    def __init__(self) -> None:
        self.ready: deque[tuple[Outcome, asyncio.Future[None]]] = deque()
        self._arrived = asyncio.Event()

    def put(self, outcome: Outcome) -> asyncio.Future[None]:
        """Appends an outcome; the future is done once it is taken."""
        taken = asyncio.get_running_loop().create_future()
        self.ready.append((outcome, taken))
        self.wake()
        return taken

    def take(self) -> Outcome:
        """Removes and returns the oldest outcome, and resumes its worker."""
        outcome, taken = self.ready.popleft()
        if not taken.done():
            taken.set_result(None)
        return outcome

    async def arrival(self) -> None:
        """Waits until there may be an outcome, or the end."""
        await self._arrived.wait()
        self._arrived.clear()

    def wake(self, _: object = None) -> None:
        """Ends the wait for an arrival."""
        self._arrived.set()
