"""The inputs of a bulk call: reads and checks them, and queues those whose key is in use."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, Generic, NamedTuple, TypeAlias, TypeVar

from devrev_async import errors
from devrev_async.models import Work

from .bulk_outcomes import Failure, Ledger

if TYPE_CHECKING:
    import weakref

__all__ = ["BegunCall", "Entry", "Input", "Inputs", "Job", "Reader"]

T = TypeVar("T")
Inputs: TypeAlias = Iterable[T] | AsyncIterable[T]
Entry: TypeAlias = Work | Exception

MAX_QUEUED: Final = 1000
"""The most inputs that wait for an earlier one of the same key; reading stops at that number."""

_TURN: Final = 100
"""Inputs that are read or checked between two turns of the event loop."""

_END: Final = object()


class BegunCall(NamedTuple):
    """A call that is about to be awaited.

    Attributes:
        answer: the work.
        interrupted: returns the error of a cancellation now; None where the server knows of no write.
    """

    answer: Awaitable[Work]
    interrupted: Callable[[], Exception | None]


class Job(NamedTuple, Generic[T]):
    """Turns an input into a call.

    Attributes:
        prepare: checks an input and returns its key and the call's argument; raises ValueError or TypeError.
        begin: creates the call of an argument; it is sent once it is awaited.
        write: the calls change something: equal keys run one after the other, in input order. Otherwise equal keys
            share one call.
        open: raises where no call is possible, once and not for each input.
        on_close: what the client calls when it is closed.
    """

    prepare: Callable[[T], tuple[str, Any]]
    begin: Callable[[Any], BegunCall]
    write: bool
    open: Callable[[], object]
    on_close: set[Callable[[], object]]


class Input(NamedTuple):
    position: int
    key: str
    item: Any
    argument: Any


class Reader(Generic[T]):
    """Reads the inputs one after the other, and queues those whose key is in use, so that no worker waits for a key.

    The ledger is referenced weakly: once nobody can read the result, no outcome is kept.
    """

    def __init__(self, job: Job[T], inputs: Inputs[T], ledger: weakref.ref[Ledger]) -> None:
        self._job = job
        self._inputs = inputs
        self._ledger = ledger
        self._items: Iterator[T] | None = None if isinstance(inputs, AsyncIterable) else _iterate(inputs)
        self._awaited_items = _iterate_async(inputs) if isinstance(inputs, AsyncIterable) else None
        self._lock = asyncio.Lock()
        self._room = asyncio.Event()
        self._count = 0
        self._queued = 0
        self._queues: dict[str, deque[Input] | None] = {}  # by key in use; None while nothing waits
        self._known: dict[str, Entry] = {}
        self._stopped = False
        self._wait: asyncio.Timeout | None = None

    async def arguments(self) -> list[Any]:
        """Returns the calls' arguments of all inputs; raises what is wrong with the first bad one."""
        arguments: list[Any] = []
        while (item := await self._item()) is not _END:
            arguments.append(self._checked(len(arguments), item))
            if len(arguments) % _TURN == 0:
                await asyncio.sleep(0)
        return arguments

    async def check(self) -> None:
        """Raises for a bad input of a sequence, before the first request is sent."""
        if isinstance(self._inputs, Sequence):
            for index, item in enumerate(self._inputs):
                self._checked(index, item)
                if index % _TURN == _TURN - 1:
                    await asyncio.sleep(0)

    def next_now(self) -> tuple[Input, Entry | None] | None:
        """As `next` where nothing must be awaited, at a fraction of the cost; otherwise, and at the end, None."""
        if self._items is not None:
            while self._queued < MAX_QUEUED and self._count % _TURN != _TURN - 1:
                item: Any = next(self._items, _END)
                if item is _END:
                    return None
                following = self._begin(item)
                if following is not None:
                    return following
        return None

    async def next(self) -> tuple[Input, Entry | None] | None:
        """Returns the next input whose key is free, with its outcome if that is known already; None at the end."""
        async with self._lock:
            while True:
                while self._queued >= MAX_QUEUED:
                    self._room.clear()
                    await self._room.wait()
                if self._count % _TURN == _TURN - 1:
                    await asyncio.sleep(0)  # inputs that need no request would hold the loop
                item = await self._item()
                if item is _END:
                    return None
                following = self._begin(item)
                if following is not None:
                    return following

    def following(self, key: str) -> Input | None:
        """Returns the next queued input of a key in use, or None."""
        queue = self._queues[key]
        if not queue:
            return None
        self._queued -= 1
        self._room.set()
        return queue.popleft()

    def release(self, key: str, entry: Entry | None = None) -> None:
        """Frees a key; `entry` becomes the outcome of later inputs that have it."""
        del self._queues[key]
        if entry is not None and self._ledger() is not None:
            self._known[key] = entry

    def record(self, done: Input, entry: Entry) -> None:
        """Records an outcome in the ledger, if someone can still read it."""
        ledger = self._ledger()
        if ledger is not None:
            kept = Failure(done.key, entry, done.item, done.position) if isinstance(entry, Exception) else entry
            ledger.put(done.position, kept)

    def yielded(self, index: int) -> None:
        """Records that the outcome of an input was yielded."""
        ledger = self._ledger()
        if ledger is not None:
            ledger.yielded(index)

    def stop(self) -> None:
        """Ends a wait for the next item of an asynchronous iterable, and any later one, with a `ClientClosedError`."""
        self._stopped = True
        if self._wait is not None and not self._wait.expired():
            self._wait.reschedule(asyncio.get_running_loop().time())

    async def aclose(self) -> None:
        """Closes an asynchronous iterable."""
        if self._awaited_items is not None:
            await self._awaited_items.aclose()

    async def _item(self) -> Any:
        """The next input, or `_END`."""
        if self._items is not None:
            return next(self._items, _END)
        assert self._awaited_items is not None
        if self._stopped:
            raise _stopped_error()
        wait = self._wait = asyncio.timeout(None)
        try:
            async with wait:
                return await anext(self._awaited_items, _END)
        except TimeoutError:
            if not wait.expired():
                raise
            raise _stopped_error() from None
        finally:
            self._wait = None

    def _checked(self, index: int, item: Any) -> Any:
        try:
            return self._job.prepare(item)[1]
        except (ValueError, TypeError) as error:
            kind, text = type(error), str(error)
        raise (errors.InvalidArgumentError if issubclass(kind, ValueError) else TypeError)(f"input {index}: {text}")

    def _begin(self, item: Any) -> tuple[Input, Entry | None] | None:
        index = self._count
        self._count += 1
        ledger = self._ledger()
        if ledger is not None:
            ledger.begin(item)
        try:
            key, argument = self._job.prepare(item)
        except (ValueError, TypeError) as error:
            return Input(index, str(getattr(item, "id", item)), item, None), error
        current = Input(index, key, item, argument)
        if key in self._known:
            return current, self._known[key]
        if key not in self._queues:
            self._queues[key] = None
            return current, None
        queue = self._queues[key]
        if queue is None:
            queue = self._queues[key] = deque()
        queue.append(current)
        self._queued += 1
        return None


def _stopped_error() -> errors.ClientClosedError:
    return errors.ClientClosedError("the client was closed before all inputs were read")


def _iterate(inputs: Iterable[T]) -> Iterator[T]:
    yield from inputs


async def _iterate_async(inputs: AsyncIterable[T]) -> AsyncGenerator[T, None]:
    async for item in inputs:
        yield item
