"""Makes the calls of one client over what it shares with its copies."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar

from devrev_async import errors

from .call import Call
from .error_mapping import closed_error, labelled, timeout_error
from .request import Request, Settings
from .response import Response
from .session import SessionManager

__all__ = ["Transport"]

T = TypeVar("T")


class Transport:
    """Makes calls over a session manager, with the settings of one client."""

    def __init__(self, manager: SessionManager, settings: Settings) -> None:
        self.manager = manager
        self.settings = settings

    def call(self, request: Request) -> Call:
        """A call whose response is read piece by piece; each part of it is awaited through `guarded`."""
        return Call(self.manager, self.settings, request)

    async def fetch(self, request: Request, decode: Callable[[bytes], T], *, follow: bool = False) -> T:
        """Call, read the whole body, decode it; retries included."""
        call = Call(self.manager, self.settings, request)
        call.follows = follow
        return await self.finish(call, decode)

    def finish(self, call: Call, decode: Callable[[bytes], T]) -> Awaitable[T]:
        """As `fetch`, of a call whose state the caller can look at meanwhile."""
        return self.run(call, partial(Response.decoded, decode=decode))

    def run(self, call: Call, consume: Callable[[Response], Awaitable[T]]) -> Awaitable[T]:
        """Call until a response is consumed; every attempt is consumed anew."""
        return self.guarded(call, partial(call.perform, consume))

    def _open(self, call: Call) -> None:
        try:
            self.manager.session()
        except errors.DevRevError as error:
            labelled(call.context, error)
            raise

    async def guarded(self, call: Call, work: Callable[[], Awaitable[T]]) -> T:
        """Await a part of a call under its deadline; `close` ends it with a `ClientClosedError`."""
        task = asyncio.current_task()
        assert task is not None
        manager = self.manager
        if manager.closed or manager.loop is not task.get_loop():
            self._open(call)  # before the call is noted: the calls are those of the session's loop
        registry, cancelled = manager.registry, task.cancelling()
        calls = registry.calls
        calls[task] = call
        if call.read_timeout is not None and call.read_timeout < registry.watchdog.covers:
            registry.watchdog.watch(call.read_timeout)
        try:
            return await (work() if call.deadline is None else _within(call, call.deadline, work))
        except asyncio.CancelledError:
            if not registry.absolve(task, cancelled):
                raise
        finally:
            calls.pop(task, None)
            if registry.ended:
                registry.absolve(task, cancelled)
        raise closed_error(call.context, sent=call.sent)


async def _within(call: Call, deadline: float, work: Callable[[], Awaitable[T]]) -> T:
    """Await a part of a call under its deadline (monotonic)."""
    left = deadline - time.monotonic()
    if left > 0:  # a part that never has to wait would not notice a timer
        timer = asyncio.timeout(left)
        try:
            async with timer:
                return await work()
        except TimeoutError:
            if not timer.expired():
                raise
    raise timeout_error(call.context, sent=call.sent)
