"""Blocking steps in a thread, whose end is waited for whatever happens: no file is closed while it is written."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any, TypeVar

import anyio

__all__ = ["ended", "in_thread"]

T = TypeVar("T")


async def in_thread(call: Callable[..., T], *args: Any, stop: threading.Event | None = None) -> T:
    """Runs a call that blocks in a thread; when cancelled, waits for its end, which `stop` may bring about."""
    task = asyncio.ensure_future(asyncio.to_thread(call, *args))
    try:
        await asyncio.wait([task])  # a shield would log what the call raises after a cancellation
    except asyncio.CancelledError:
        if stop is not None:
            stop.set()
        await ended(task)
        raise
    return task.result()


async def ended(task: asyncio.Future[Any]) -> None:
    """Waits for the end of a task; a cancellation of the wait takes effect after it."""
    cancellation: asyncio.CancelledError | None = None
    with anyio.CancelScope(shield=True):
        while not task.done():
            try:
                await asyncio.wait([task])
            except asyncio.CancelledError as error:
                cancellation = error
    if not task.cancelled():
        task.exception()  # seen; who waits for it raises it
    if cancellation is not None:
        raise cancellation
