"""Many calls, one outcome each: the machinery of `get_many` and `update_many`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Sequence
from typing import Any, Generic, Literal, TypeVar

import anyio
import msgspec

from devrev_async import errors
from devrev_async.models import Work

__all__ = ["BulkResult", "Failure", "Job", "iterate", "run_all"]

T = TypeVar("T")
OnError = Literal["collect", "raise"]


class Failure(msgspec.Struct, frozen=True):
    """One input that failed: `key` is its id as given, `error` a `DevRevError`, or what is wrong with the input."""

    key: str
    error: Exception


class BulkResult:
    """What became of each input.

    `ok` (works), `failed` and `unknown` (`Failure`s) are in input order, and every input is in one of them: an id
    given twice is there twice. `unknown` are writes that may have been applied. While the call runs, and after it was
    cancelled, the inputs without an outcome are in none of them.
    """

    __slots__ = ("_outcomes", "_same_as")

    def __init__(self) -> None:
        self._outcomes: list[Work | Failure | None] = []
        self._same_as: dict[int, int] = {}

    @property
    def ok(self) -> list[Work]:
        """The works that were got or updated."""
        return [outcome for outcome in self._all() if outcome is not None and not isinstance(outcome, Failure)]

    @property
    def failed(self) -> list[Failure]:
        """The inputs that failed for sure: nothing was changed by them."""
        return [failure for failure in self._failures() if not _is_open(failure)]

    @property
    def unknown(self) -> list[Failure]:
        """The writes that may have been applied although they failed."""
        return [failure for failure in self._failures() if _is_open(failure)]

    def raise_for_failures(self) -> None:
        """Raise an ExceptionGroup of all errors, if there is any; each has a note that names its id."""
        found = list(self._failures())
        if not found:
            return
        for failure in found:
            note = f"of {failure.key}"
            if note not in getattr(failure.error, "__notes__", ()):
                failure.error.add_note(note)
        raise ExceptionGroup(f"{len(found)} of {len(self._outcomes)} failed", [each.error for each in found])

    def __repr__(self) -> str:
        return f"<BulkResult ok={len(self.ok)} failed={len(self.failed)} unknown={len(self.unknown)}>"

    def add(self, same_as: int | None = None) -> int:
        """Make room for the next input; it may share the outcome of an earlier one."""
        index = len(self._outcomes)
        self._outcomes.append(None)
        if same_as is not None:
            self._same_as[index] = same_as
        return index

    def put(self, index: int, outcome: Work | Failure) -> None:
        """The outcome of an input."""
        self._outcomes[index] = outcome

    def _all(self) -> list[Work | Failure | None]:
        return [self._outcomes[self._same_as.get(index, index)] for index in range(len(self._outcomes))]

    def _failures(self) -> list[Failure]:
        return [outcome for outcome in self._all() if isinstance(outcome, Failure)]


def _is_open(failure: Failure) -> bool:
    return getattr(failure.error, "outcome_unknown", False)


class Job(Generic[T]):
    """How inputs become calls.

    Args:
        prepare: checks an input and gives its key and the call's argument; raises ValueError or TypeError.
        call: does it.
        write: the calls change something: equal keys run one after the other, in input order, and a call that is
            cut off may have been applied. Else equal keys share one call.
    """

    def __init__(
        self, prepare: Callable[[T], tuple[str, Any]], call: Callable[[Any], Awaitable[Work]], *, write: bool
    ) -> None:
        self.prepare = prepare
        self.call = call
        self.write = write


async def run_all(
    job: Job[T], inputs: Iterable[T] | AsyncIterable[T], *, workers: int, on_error: OnError, result: BulkResult | None
) -> BulkResult:
    """Run a job over its inputs with a bounded number of workers, which read the inputs as they go."""
    if on_error not in ("collect", "raise"):
        raise ValueError(f"on_error takes 'collect' or 'raise', not {on_error!r}")
    if isinstance(inputs, str | bytes):
        raise TypeError("a sequence or an iterator is expected, not a single string")
    if isinstance(inputs, Sequence):
        check_all(job, inputs)
    run = _Run(job, inputs, on_error, BulkResult() if result is None else result)
    async with anyio.create_task_group() as group:
        run.stop = group.cancel_scope.cancel
        for _ in range(workers):
            group.start_soon(run.work)
    if run.error is not None:
        raise run.error
    return run.result


def check_all(job: Job[T], inputs: Sequence[T]) -> None:
    """Refuse a bad input before the first request is sent."""
    for index, item in enumerate(inputs):
        try:
            job.prepare(item)
        except (ValueError, TypeError) as error:
            kind, text = type(error), str(error)
        else:
            continue
        raise (ValueError if issubclass(kind, ValueError) else TypeError)(f"input {index}: {text}")


class _Run(Generic[T]):
    """One run: what its workers share."""

    def __init__(
        self, job: Job[T], inputs: Iterable[T] | AsyncIterable[T], on_error: OnError, result: BulkResult
    ) -> None:
        self.result = result
        self.error: Exception | None = None
        self.stop: Callable[[], object]
        self._job = job
        self._items = iterate(inputs)
        self._reading = asyncio.Lock()
        self._on_error = on_error
        self._first: dict[str, int] = {}
        self._turns: dict[str, asyncio.Lock] = {}

    async def work(self) -> None:
        """Read an input, run it, note its outcome, until there is no other."""
        while True:
            try:
                async with self._reading:
                    item = await anext(self._items)
            except StopAsyncIteration:
                return
            except Exception as error:  # noqa: BLE001 - the caller's own iterator failed, and the caller is told
                self._fail(error)
                return
            await self._one(item)

    async def _one(self, item: T) -> None:
        try:
            key, argument = self._job.prepare(item)
        except (ValueError, TypeError) as error:
            self._put(self.result.add(), Failure(str(getattr(item, "id", item)), error))
            return
        if self._job.write:
            index = self.result.add()
            async with self._turns.setdefault(key, asyncio.Lock()):
                await self._call(index, key, argument)
            return
        first = self._first.get(key)
        index = self.result.add(first)
        if first is None:
            self._first[key] = index
            await self._call(index, key, argument)

    async def _call(self, index: int, key: str, argument: Any) -> None:
        try:
            outcome: Work | Failure = await self._job.call(argument)
        except errors.DevRevError as error:
            outcome = Failure(key, error)
        except asyncio.CancelledError:
            if self._job.write:
                lost = errors.OutcomeUnknownError("cancelled while the write was under way")
                self.result.put(index, Failure(key, lost))
            raise
        self._put(index, outcome)

    def _put(self, index: int, outcome: Work | Failure) -> None:
        self.result.put(index, outcome)
        if isinstance(outcome, Failure) and self._on_error == "raise":
            self._fail(outcome.error)

    def _fail(self, error: Exception) -> None:
        if self.error is None:
            self.error = error
        self.stop()


async def iterate(inputs: Iterable[T] | AsyncIterable[T]) -> AsyncIterator[T]:
    """A sync or async iterable as an async iterator."""
    if isinstance(inputs, AsyncIterable):
        async for item in inputs:
            yield item
    else:
        for item in inputs:
            yield item
