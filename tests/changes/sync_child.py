"""`sync` in a process that kills itself before or after a step on the disk, as a power cut would."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from multiprocessing import get_all_start_methods, get_context
from typing import TYPE_CHECKING, Any

from devrev_async import DevRevClient
from devrev_async.changes import sync

assert sync.__file__, "it is imported here, once, and not in each process"

if TYPE_CHECKING:
    from multiprocessing.context import ForkServerContext, SpawnContext

STEPS = ("fsync", "replace", "rename", "unlink", "open", "write")


def processes() -> ForkServerContext | SpawnContext:
    """Returns a context whose processes are copies of one that has imported this module, where there can be such."""
    if "forkserver" not in get_all_start_methods():
        return get_context("spawn")
    context = get_context("forkserver")
    context.set_forkserver_preload([__name__])
    return context


def run(given: dict[str, Any], kill_at: int | str) -> None:
    """Runs `sync` with these arguments, and kills the process at step `kill_at` of it, of which 0 never comes.

    A str is the name of a file: the process is killed as soon as a written file was given this name.
    """
    asyncio.run(_sync(dict(given), kill_at))


async def _sync(given: dict[str, Any], kill_at: int | str) -> None:
    done = 0

    def step() -> None:
        nonlocal done
        done += 1
        if done == kill_at:
            kill()

    def kill() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def counted(call: Callable[..., Any]) -> Callable[..., Any]:
        def stepped(*args: Any, **options: Any) -> Any:
            step()
            result = call(*args, **options)
            step()
            if call is replace and os.path.basename(args[1]) == kill_at:  # noqa: PTH119 - it may be a str
                kill()
            return result

        return stepped

    replace = os.replace
    async with DevRevClient(given.pop("token"), base_url=given.pop("url")) as client:
        await client.works.get("ISS-1")  # what imports and connects is no step
        calls = {name: getattr(os, name) for name in STEPS}
        for name, call in calls.items():
            setattr(os, name, counted(call))
        try:
            await client.works.sync(**given)
        finally:
            for name, call in calls.items():
                setattr(os, name, call)
