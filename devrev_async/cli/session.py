"""One command: a client, perhaps a sandbox for it, and what its end means to the shell."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final, TypeAlias

from devrev_async import DevRevClient, DevRevError, MissingTokenError, sandbox
from devrev_async._transport.auth import TOKEN_VARIABLES

from .codes import Code, CommandError, code_of, describe
from .options import SANDBOX_WORKS, Connection
from .output import drop_stdout, log_to_stderr, say
from .signals import handler

__all__ = ["Job", "open_client", "run", "run_job", "source_of", "source_of_sandbox"]

Job: TypeAlias = Callable[[DevRevClient], Awaitable[int]]

_TO_END: Final = 2.0
"""Seconds that threads which nobody waits for have to end, once a signal has ended the job: a name that is looked up
may take much longer."""


def run_job(
    connection: Connection, job: Job, *, kept: Callable[[], str] = str, numbers: Callable[[], str] = str, **options: Any
) -> int:
    """Runs a job with the client that the options ask for, and returns the exit code.

    Args:
        connection: the options.
        job: what is done with the client.
        kept: asked when the job did not come to its end: what is left of it, for the same line of text.
        numbers: asked then too, for a line of its own below it.
        options: further ones of the client.
    """

    async def main() -> int:
        code: int | None = None
        try:
            async with open_client(connection, options) as client:
                code = await job(client)
        except asyncio.CancelledError:
            if code is None:
                raise
        assert code is not None
        return code  # a signal that comes while the client is closed has nothing left to end

    log_to_stderr(verbose=connection.verbose)
    return run(main, kept=kept, numbers=numbers)


def run(main: Callable[[], Awaitable[int]], *, kept: Callable[[], str] = str, numbers: Callable[[], str] = str) -> int:
    """Runs a coroutine function to its exit code; every failure is one line on stderr."""

    def failed(text: str) -> None:
        more = kept()
        say(f"{text}; {more}" if more else text)
        if line := numbers():
            say(line)

    async def to_its_end() -> int:
        task = asyncio.current_task()
        assert task is not None
        with handler.cancelling(asyncio.get_running_loop(), task):
            try:
                return await main()
            except asyncio.CancelledError:
                failed("interrupted")
                handler.end_within(_TO_END)
                return handler.code
            except BrokenPipeError:
                # The reader has all it wanted, as `head` has.
                drop_stdout()
                return Code.DONE
            except (DevRevError, CommandError, OSError) as error:
                failed(f"error: {describe(error)}")
                return code_of(error)

    try:
        return asyncio.run(to_its_end())
    except KeyboardInterrupt:  # in a thread that handles no signals
        failed("interrupted")
        return Code.INTERRUPTED


async def source_of(connection: Connection, client: DevRevClient) -> list[object]:
    """Identifies whose works are exported, and from where: an export that goes on must not mix two sources."""
    if connection.sandbox:  # its port is another one each time
        return source_of_sandbox(connection)
    return list(await client.works._source())  # noqa: SLF001 - as `export_to` has it in its checkpoints


def source_of_sandbox(connection: Connection) -> list[object]:
    """What makes the works of a sandbox those that they are."""
    return ["sandbox", _works(connection), connection.sandbox_seed or 0]


def _works(connection: Connection) -> int:
    return SANDBOX_WORKS if connection.sandbox_works is None else connection.sandbox_works


def _is_plain(base_url: str) -> bool:
    return base_url.strip().lower().startswith("http:")


@asynccontextmanager
async def open_client(connection: Connection, options: dict[str, Any]) -> AsyncGenerator[DevRevClient]:
    """The client that the options ask for, with its sandbox if they ask for one; `options` are further ones of it."""
    if connection.max_retries is not None:
        options["max_retries"] = connection.max_retries
    if connection.timeout is not None:
        options["timeout"] = connection.timeout
    if not connection.sandbox:
        if not any(os.environ.get(name) for name in TOKEN_VARIABLES):
            first, *others = TOKEN_VARIABLES
            raise MissingTokenError(f"no token: set {first} (or {' or '.join(others)}), or try --sandbox")
        if connection.proxy is not None:
            options["proxy"] = connection.proxy
        elif not _is_plain(connection.base_url or os.environ.get("DEVREV_BASE_URL", "")):
            options["trust_env"] = True  # as curl does; plain http is for this machine, and goes through no proxy
        async with DevRevClient(base_url=connection.base_url, **options) as client:
            yield client
        return
    server = sandbox.Sandbox(works=_works(connection), seed=connection.sandbox_seed or 0)
    async with server, DevRevClient(server.token, base_url=server.url, **options) as client:
        yield client
