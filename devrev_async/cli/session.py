"""One command: a client, perhaps a sandbox for it, and what its end means to the shell."""

from __future__ import annotations

import asyncio
import base64
import json
import os
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final, TypeAlias

from devrev_async import DevRevClient, DevRevError, sandbox
from devrev_async.sinks._atomic import TargetError

from .codes import Code, UsageError, code_of, describe
from .options import SANDBOX_WORKS, Connection
from .output import drop_stdout, log_to_stderr, say

__all__ = ["Job", "run", "run_job", "source_of"]

Job: TypeAlias = Callable[[DevRevClient], Awaitable[Code]]

_TOKENS: Final = ("DEVREV_TOKEN", "DEVREV_API_TOKEN", "DEVREV_API_KEY")


def run_job(connection: Connection, job: Job, *, kept: Callable[[], str] = str, **options: Any) -> Code:
    """Run a job with the client that the options ask for.

    Args:
        connection: the options.
        job: what is done with the client.
        kept: asked when the job did not come to its end: what is left of it, for the same line of text.
        options: further ones of the client.
    """
    if not connection.sandbox and not any(os.environ.get(name) for name in _TOKENS):
        say(f"error: no token: set {_TOKENS[0]} (or {' or '.join(_TOKENS[1:])}), or try --sandbox, which needs none")
        return Code.AUTHORISATION

    async def main() -> Code:
        async with _client(connection, options) as client:
            return await job(client)

    log_to_stderr(verbose=connection.verbose)
    return run(main, kept=kept)


def run(main: Callable[[], Any], *, kept: Callable[[], str] = str) -> Code:
    """Run a coroutine function to its exit code; every failure is one line on stderr."""
    try:
        code: Code = asyncio.run(main())
    except KeyboardInterrupt:
        say(_joined("interrupted", kept()))
        return Code.INTERRUPTED
    except BrokenPipeError:
        # The reader has all it wanted, as `head` has.
        drop_stdout()
        return Code.DONE
    except (DevRevError, UsageError, TargetError, OSError) as error:
        say(_joined(f"error: {describe(error)}", kept()))
        return code_of(error)
    return code


def _joined(text: str, more: str) -> str:
    return f"{text}; {more}" if more else text


def source_of(connection: Connection, client: DevRevClient) -> list[Any]:
    """What tells one source of works from another: a resumed export must not mix two."""
    if connection.sandbox:
        return ["sandbox", _works(connection), connection.sandbox_seed or 0]
    return ["api", client.base_url, _account()]


def _account() -> str:
    """Whose works the token shows, to be hashed: a new token of the same user goes on with an export."""
    token = next(value for name in _TOKENS if (value := os.environ.get(name)))
    try:
        claims = base64.urlsafe_b64decode(token.split(".")[1] + "==")
        return str(json.loads(claims)["sub"])
    except (IndexError, KeyError, TypeError, ValueError):
        return token  # no JWT: then nothing else tells


def _works(connection: Connection) -> int:
    return SANDBOX_WORKS if connection.sandbox_works is None else connection.sandbox_works


@asynccontextmanager
async def _client(connection: Connection, options: dict[str, Any]) -> AsyncGenerator[DevRevClient]:
    if connection.max_retries is not None:
        options["max_retries"] = connection.max_retries
    if connection.timeout is not None:
        options["timeout"] = connection.timeout
    if not connection.sandbox:
        async with DevRevClient(base_url=connection.base_url, **options) as client:
            yield client
        return
    server = sandbox.Sandbox(works=_works(connection), seed=connection.sandbox_seed or 0)
    async with server, DevRevClient(server.token, base_url=server.url, **options) as client:
        yield client
