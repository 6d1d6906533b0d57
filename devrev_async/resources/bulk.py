"""`get_many` and `update_many`: many calls that are awaited as a whole or iterated over one by one."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Callable,
    Generator,
    Iterable,
    Mapping,
    Sequence,
)
from typing import TYPE_CHECKING, Any, Final, Generic, Self, cast

from devrev_async import errors
from devrev_async.options import check_callback

from .bulk_engine import Engine, OnError
from .bulk_inputs import Inputs, Job
from .bulk_outcomes import BulkProgress, BulkResult, Failure, Ledger, Outcome

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import TypeVar

    R = TypeVar("R", default=BulkResult)
else:
    from typing import TypeVar

    R = TypeVar("R")

__all__ = ["BulkProgress", "BulkResult", "BulkRun", "Failure", "Outcome", "start"]

T = TypeVar("T")

log: Final = logging.getLogger("devrev_async.bulk")


class BulkRun(Generic[R]):
    """A bulk call that begins when it is awaited or iterated over.

    Await it for the `BulkResult` of all inputs in input order, or iterate over it, once, for an `Outcome` as each is
    done. While it is iterated over, at most `max_concurrency` requests are under way or have outcomes that wait to be
    taken; a slow consumer slows the requests down. Leaving the loop early ends the requests under way: at once
    inside of ``async with``, and otherwise when the iterator is garbage collected.

    Where the iterator of inputs or `on_progress` raises, or a failure with ``on_error="raise"``, nothing more is sent,
    and the writes that were sent are finished first, so that `result` says what became of them. After 20 refusals of
    the token (401) in a row, further inputs fail with the same error without being sent (`attempts` is 0).

    Awaiting it after it was iterated over, or again, gives `result`. Works are kept for `result` as long as the run
    or its result is referenced: ``async for outcome in devrev.works.get_many(ids)`` keeps none.

    Raises:
        ValueError, TypeError: an input of a sequence is refused; nothing was sent.
        DevRevError: the first failure with ``on_error="raise"``; `ClientClosedError` where the client was closed, or
            another task closed the run.
    """

    def __init__(self, engine: Engine[Any], ledger: Ledger, bodies: Callable[[list[Any]], Any] | None = None) -> None:
        self._engine = engine
        self._ledger = ledger
        self._bodies = bodies
        self._dry_result: Any = None
        self._result = BulkResult(ledger)
        self._entered = False
        self._outcomes: AsyncGenerator[Outcome, None] | None = None

    @property
    def result(self) -> BulkResult:
        """The outcomes so far: good while the run goes on, and after an error or a cancellation."""
        return self._result

    def __await__(self) -> Generator[Any, None, R]:
        return self._awaited().__await__()

    async def _awaited(self) -> R:
        if self._bodies is not None:
            if self._dry_result is None:
                self._engine.phase = "ended"
                self._dry_result = self._bodies(await self._engine.arguments())
            return cast("R", self._dry_result)
        if self._engine.phase == "running":
            raise RuntimeError("this bulk run is under way already; its `result` has the outcomes so far")
        if self._engine.phase == "new":
            await self._engine.run()
        return cast("R", self._result)

    def __aiter__(self) -> AsyncIterator[Outcome]:
        if self._bodies is not None:
            raise errors.InvalidArgumentError("dry_run=True has no outcomes: await it for the list of bodies")
        if self._engine.phase != "new":
            raise RuntimeError("a bulk run is iterated over once; its `result` has the outcomes")
        self._engine.phase = "running"
        outcomes = self._engine.outcomes()
        if self._entered:
            self._outcomes = outcomes  # else it is closed when the loop is left, since nothing refers to it then
        return outcomes

    def _not_yielded(self) -> dict[int, Exception | None]:
        """What the command asks of a run that keeps nothing else: by input, the error or None of a success."""
        entries = self._ledger.outcomes().items()
        return {index: entry.error if isinstance(entry, Failure) else None for index, entry in entries}

    async def aclose(self) -> None:
        """End the requests under way, and wait for their end. `result` stays."""
        await self._engine.aclose()
        outcomes, self._outcomes = self._outcomes, None
        if outcomes is not None:
            with contextlib.suppress(RuntimeError):  # another task waits in it, and sees the end by itself
                await outcomes.aclose()

    async def __aenter__(self) -> Self:
        self._entered = True
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __del__(self) -> None:
        # not a RuntimeWarning as of a coroutine, whose text would name our internals
        if self._engine.phase == "new":
            log.warning("a bulk run was neither awaited nor iterated over: nothing was sent")

    def __repr__(self) -> str:
        return f"<BulkRun {self._engine.phase} {self._result!r}>"


def start(
    job: Job[T],
    inputs: Inputs[T],
    *,
    workers: int,
    on_error: OnError = "collect",
    on_progress: Callable[[BulkProgress], object] | None = None,
    bodies: Callable[[list[Any]], Any] | None = None,
    keep: bool = True,
) -> BulkRun[Any]:
    """A run of a job over its inputs, not begun yet.

    With `bodies`, nothing is sent: awaiting gives what it makes of the calls' arguments. Without `keep`, the result
    has the outcomes that were not yielded, and so is bounded by what is in flight.

    Raises:
        TypeError: `inputs` is a single string, a mapping of updates, or cannot be iterated over, or `on_progress` is
            no plain function.
        InvalidArgumentError: `on_error` is of no known kind.
    """
    if on_error not in ("collect", "raise"):
        raise errors.InvalidArgumentError(f"on_error takes 'collect' or 'raise', not {errors.shown(on_error)}")
    if isinstance(inputs, str | bytes):
        raise TypeError("a sequence or an iterator is expected, not a single string")
    if job.write and isinstance(inputs, Mapping):
        raise TypeError("a sequence or an iterator of WorkUpdate is expected, not a mapping")
    if not isinstance(inputs, Iterable | AsyncIterable):
        raise TypeError(f"a sequence or an iterator is expected, not {type(inputs).__name__}")
    check_callback("on_progress", on_progress)
    ledger = Ledger(inputs if isinstance(inputs, Sequence) else (), keep=keep)
    engine = Engine(job, inputs, ledger, workers=workers, on_error=on_error, on_progress=on_progress)
    return BulkRun(engine, ledger, bodies)
