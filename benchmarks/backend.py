"""The sandbox in a process of its own, for what needs a server that understands filters: prints its URL and token."""

from __future__ import annotations

import argparse
import asyncio
from typing import Any

from devrev_async.sandbox import Sandbox, server


async def serve(works: int, **options: Any) -> None:
    server._KEPT_WHOLE = works  # noqa: SLF001 - it is clients that are measured, not how works are made
    async with Sandbox(works=works, seed=7, **options) as sandbox:
        print(sandbox.url, sandbox.token, flush=True)
        await asyncio.Event().wait()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("works", type=int)
    parser.add_argument("--quota", type=int)
    parser.add_argument("--window", type=float, default=1.0)
    parser.add_argument("--latency", type=float, default=0.0)
    asyncio.run(serve(**vars(parser.parse_args())))


if __name__ == "__main__":
    main()
