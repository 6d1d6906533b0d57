"""The server of the soak, in a process of its own that can be stopped: a sandbox that fails one request in fifteen.

It prints its URL and token, fails nothing more once it has read a line, and ends with its standard input.
"""

import asyncio
import json
import random
import sys
from typing import Any

from devrev_async.sandbox import Quirks, Sandbox

WORKS = 1200

FAILURES: list[dict[str, Any]] = [
    {"status": 429, "retry_after": 0.05},
    {"status": 429},
    {"status": 503, "retry_after": 0.02},
    {"status": 503},
    {"status": 500, "applied": True},
    {"status": 502, "body": "<html>"},
    {"drop": True},
    {"status": None, "delay": 0.8},
    {"status": 200, "body": b'{"works": ['},
]


async def main(seed: int) -> None:
    chance = random.Random(seed)
    async with Sandbox(works=WORKS, seed=seed, gzip=True, window=1.0, quirks=Quirks(cap=300)) as sandbox:

        def perhaps_fail(_: object) -> None:
            if chance.random() < 1 / 15:
                sandbox.fail_next(**chance.choice(FAILURES))

        remove = sandbox.on_request(perhaps_fail)
        print(json.dumps({"url": sandbox.url, "token": sandbox.token}), flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        remove()
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
