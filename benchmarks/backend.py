"""The sandbox in a process of its own, for what needs a server that understands filters: prints its URL and token."""

from __future__ import annotations

import argparse
import asyncio

from devrev_async.sandbox import Sandbox


async def serve(works: int, quota: int | None, window: float) -> None:
    async with Sandbox(works=works, seed=7, quota=quota, window=window) as sandbox:
        print(sandbox.url, sandbox.token, flush=True)
        await asyncio.Event().wait()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("works", type=int)
    parser.add_argument("--quota", type=int)
    parser.add_argument("--window", type=float, default=1.0)
    given = parser.parse_args()
    asyncio.run(serve(given.works, given.quota, given.window))


if __name__ == "__main__":
    main()
