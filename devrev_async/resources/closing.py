"""Iterations that any task may close, not only the one that runs them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Self, TypeVar

from devrev_async import errors

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["Closable"]

T = TypeVar("T")


class Closable:
    """Base of the asynchronous iterables: leaving ``async with``, or `aclose`, ends the request in flight at once.

    A task that iterates while another one closes it gets a `ClientClosedError`: a silent end would look complete.

    Args:
        endpoint: the API method, for messages.
    """

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint
        self._closed = False
        self._waits: set[asyncio.Timeout] = set()
        self._idle = asyncio.Event()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._endpoint}{' closed' if self._closed else ''}>"

    async def _wait(self, part: Callable[[], Awaitable[T]]) -> T:
        """Awaits a part of the iteration; `aclose` cancels it."""
        self._check_open()
        # A timeout without a deadline until `aclose` sets one. A cancel scope of anyio would do as well, but the first
        # one imports anyio's backend, 50 ms during which the loop runs nothing else.
        wait = asyncio.timeout(None)
        try:
            async with wait:
                self._waits.add(wait)
                try:
                    return await part()
                finally:
                    self._waits.discard(wait)
                    self._idle.set()
        except TimeoutError:
            if not wait.expired():
                raise
            raise self._closed_error() from None

    def _check_open(self) -> None:
        if self._closed:
            raise self._closed_error()

    def _closed_error(self) -> errors.ClientClosedError:
        error = errors.ClientClosedError(f"{self._endpoint}: closed before it was through")
        error.endpoint = self._endpoint
        return error

    async def aclose(self) -> None:
        """Ends the request in flight, if there is one."""
        self._closed = True
        for wait in self._waits:
            if not wait.expired():
                wait.reschedule(asyncio.get_running_loop().time())
        while self._waits:
            self._idle.clear()
            await self._idle.wait()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()
