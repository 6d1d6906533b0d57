"""`sandbox`: made-up works, served until Ctrl-C."""

from __future__ import annotations

from devrev_async import sandbox

from .codes import Code
from .output import say, write_stdout
from .session import run

__all__ = ["serve"]


def serve(works: int, seed: int, port: int) -> int:
    """One line on stdout, ``URL TOKEN``, for programs; how to use it on stderr, for people."""

    async def main() -> Code:
        async with sandbox.Sandbox(works=works, seed=seed, port=port) as server:
            await write_stdout(f"{server.url} {server.token}\n".encode())
            say(f"{works} works; use it with: export DEVREV_BASE_URL={server.url} DEVREV_TOKEN={server.token}")
            await server.serve_forever()
        return Code.DONE

    return run(main)
