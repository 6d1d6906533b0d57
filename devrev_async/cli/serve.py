"""`sandbox`: made-up works, served until Ctrl-C."""

from __future__ import annotations

from devrev_async.sandbox import Sandbox

from .codes import Code
from .output import say, write_stdout
from .session import run

__all__ = ["serve"]


def serve(works: int, seed: int, port: int) -> Code:
    """One line on stdout, ``URL TOKEN``, for programs; how to use it on stderr, for people."""

    async def main() -> Code:
        async with Sandbox(works=works, seed=seed, port=port) as sandbox:
            await write_stdout(f"{sandbox.url} {sandbox.token}\n".encode())
            say(f"{works} works; use it with: export DEVREV_BASE_URL={sandbox.url} DEVREV_TOKEN={sandbox.token}")
            await sandbox.serve_forever()
        return Code.DONE

    return run(main)
