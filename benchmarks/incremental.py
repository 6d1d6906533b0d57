"""What `works.sync` costs: where nothing is new, where 1 % changed, and after a bulk edit on one timestamp.

    python -m benchmarks.incremental [WORKS]

Against the sandbox in a process of its own, whose half of the work is the larger one: look at requests and bytes of the
state; seconds say how the two together feel.
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import sys
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from devrev_async import DevRevClient, SyncReport
from devrev_async.sandbox import Sandbox

WORKS = 200_000


def serve(works: int, pipe: Connection) -> None:
    """Serves, and changes works as it is told: lists of a method and its arguments."""

    async def main() -> None:
        async with Sandbox(works=works) as sandbox:
            pipe.send((sandbox.url, sandbox.token))
            while (order := await asyncio.to_thread(pipe.recv)) is not None:
                what, value = order
                if what == "advance":
                    sandbox.clock.advance(value)
                elif what == "update every":
                    sandbox.update_many(sandbox.ids()[::value])
                pipe.send(None)

    asyncio.run(main())


@contextlib.contextmanager
def serving(works: int) -> Iterator[tuple[str, str, Any]]:
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=serve, args=(works, theirs))
    process.start()
    url, token = ours.recv()

    def order(what: str, value: float) -> None:
        ours.send((what, value))
        ours.recv()

    try:
        yield url, token, order
    finally:
        ours.send(None)
        process.join()


async def measure(works: int) -> None:
    with serving(works) as (url, token, order), tempfile.TemporaryDirectory() as folder:
        state = Path(folder) / "state.json"

        async def run(what: str, seconds: float) -> SyncReport:
            order("advance", seconds)
            async with DevRevClient(token, base_url=url) as client:
                report = await client.works.sync(state=state, directory=Path(folder) / "out")
            print(
                f"| {what} | {report.works:,} | {report.repeated:,} | {report.requests} | {report.seconds:.1f} "
                f"| {state.stat().st_size:,} |",
                flush=True,
            )
            return report

        print(f"{works:,} works\n")
        print("| run | works written | of them repeated | requests | seconds | bytes of the state |")
        print("|---|---|---|---|---|---|")
        hour = timedelta(hours=1).total_seconds()
        await run("first", hour)
        await run("nothing new", hour)
        order("update every", 100)
        await run("1 % changed, at once", 1)
        await run("nothing new, right after it", 1)
        order("update every", 1)
        await run("all changed, on one timestamp", 1)
        await run("nothing new, second run after it", 1)
        await run("nothing new, third run after it", 1)
        await run("nothing new, an hour later", hour)
        await run("nothing new, two hours later", hour)


if __name__ == "__main__":
    asyncio.run(measure(int(sys.argv[1]) if len(sys.argv) > 1 else WORKS))
