"""Iterations that any task may close, not only the one that runs them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Self, TypeVar

import anyio

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
        self._waits: set[anyio.CancelScope] = set()
        self._idle = asyncio.Event()

    async def _wait(self, part: Callable[[], Awaitable[T]]) -> T:
        """Awaits a part of the iteration; `aclose` cancels it."""
        self._check_open()
        with anyio.CancelScope() as scope:
            self._waits.add(scope)
            try:
                return await part()
            finally:
                self._waits.discard(scope)
                self._idle.set()
        raise self._closed_error()

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
        for scope in tuple(self._waits):
            scope.cancel()
        while self._waits:
            self._idle.clear()
            await self._idle.wait()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()
