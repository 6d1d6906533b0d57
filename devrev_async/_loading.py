"""Imports what only some calls need when the first of them begins: in a thread, so that the event loop goes on."""

from __future__ import annotations

import asyncio
from importlib import import_module
from typing import Final

__all__ = ["ANYIO", "load"]

ANYIO: Final = ("anyio", "anyio._backends._asyncio")
"""anyio, and what its first task group or cancel scope would import: 50 ms. The second name is private to anyio, and
nothing but that time depends on it."""

_loaded: Final[set[str]] = set()


async def load(*modules: str) -> None:
    """Imports modules by their full names, where that was not done yet; one that does not exist is left out.

    Meanwhile the event loop gets the interpreter every few milliseconds. The thread is none of the loop's executor,
    all of whose threads may be waiting for this very call.
    """
    missing = [name for name in modules if name not in _loaded]
    if missing:
        from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - a plain `get` needs none of it

        with_thread = ThreadPoolExecutor(1, "devrev-async-import")
        try:
            await asyncio.get_running_loop().run_in_executor(with_thread, _import, missing)
        finally:
            with_thread.shutdown(wait=False)


def _import(modules: list[str]) -> None:
    for name in modules:
        try:
            import_module(name)
        except ModuleNotFoundError as error:
            if error.name != name:
                raise
        _loaded.add(name)
