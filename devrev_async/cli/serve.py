"""`sandbox`: made-up works, served until a signal ends it."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from devrev_async import sandbox

from .codes import Code, UsageError
from .output import say, write_stdout
from .session import run

__all__ = ["HARDLY_ANY_LIMIT", "Served", "serve"]

HARDLY_ANY_LIMIT = 1_000_000
"""A quota that nobody meets, so that answers report one all the same."""


@dataclass(frozen=True, kw_only=True)
class Served:
    """What is served, and how.

    Attributes:
        works: how many, or a file of JSON Lines that has them.
        seed: of the generated works.
        token: that clients must send; None makes one up.
        quota: requests a minute.
        latency: seconds before each answer.
        port: 0 takes a free one.
    """

    works: str
    seed: int = 0
    token: str | None = None
    quota: int = HARDLY_ANY_LIMIT
    latency: float = 0.0
    port: int = 0

    def sandbox(self) -> sandbox.Sandbox:
        """The server, not yet started.

        Raises:
            UsageError: the works cannot be had.
        """
        if self.token == "":
            raise UsageError("--token is empty")
        works = int(self.works) if self.works.isdecimal() else self.works
        try:
            return sandbox.Sandbox(
                works, seed=self.seed, token=self.token, port=self.port, latency=self.latency, quota=self.quota
            )
        except OSError as error:
            raise UsageError(f"--works {self.works}: {error.strerror}") from error
        except ValueError as error:
            about_another = str(error).startswith(("token ", "latency "))
            raise UsageError(f"--{error}" if about_another else f"--works {self.works}: {error}") from error


def serve(served: Served) -> int:
    """Prints one line for a shell to eval, which sets URL and token, and serves; returns the exit code.

    Raises:
        UsageError: the works cannot be had.
    """

    async def main() -> int:
        async with served.sandbox() as server:
            variables = f"DEVREV_BASE_URL={shlex.quote(server.url)} DEVREV_TOKEN={shlex.quote(server.token)}"
            await write_stdout(f"export {variables}\n".encode())
            say(f"serves {len(server)} works; Ctrl-C ends it")
            await server.serve_forever()
        return Code.DONE

    return run(main)
