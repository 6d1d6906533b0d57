"""A process that runs `sync` and kills itself before or after a step on the disk, as a power cut would."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from devrev_async import DevRevClient

KILL_AT = int(sys.argv[2])
STEPS = ("fsync", "replace", "rename", "unlink", "open", "write")
done = 0


def counted(call: Callable[..., Any]) -> Callable[..., Any]:
    def step(*args: Any, **options: Any) -> Any:
        global done  # noqa: PLW0603 - one number for the whole process
        done += 1
        if done == KILL_AT:
            os.kill(os.getpid(), signal.SIGKILL)
        result = call(*args, **options)
        done += 1
        if done == KILL_AT:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    return step


async def main() -> None:
    given = json.loads(sys.argv[1])
    client = DevRevClient(given.pop("token"), base_url=given.pop("url"))
    async with client:
        await client.works.get("ISS-1")  # what imports and connects is no step
        for name in STEPS:
            setattr(os, name, counted(getattr(os, name)))
        await client.works.sync(**given)
    sys.stdout.write(f"{done}\n")


asyncio.run(main())
