"""`doctor`: what is in the way of the client, and what to do about it."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import msgspec

from devrev_async import (
    ConfigurationError,
    DevRevClient,
    DevRevError,
    ForbiddenError,
    NotFoundError,
    Timeout,
    TooManyRequestsError,
    UnauthorizedError,
)
from devrev_async._transport.auth import TOKEN_VARIABLES
from devrev_async._transport.proxies import environment_proxy

from .assumptions import try_assumptions
from .codes import Code, describe
from .findings import Finding, base_url_finding, proxy_finding, quota_finding, token_finding
from .output import log_to_stderr, write_stdout
from .probe import probe
from .session import open_client, run

if TYPE_CHECKING:
    from .options import Connection

__all__ = ["diagnose"]

_LIBRARIES: Final = ("aiohttp", "msgspec", "anyio", "backoff", "pyarrow")
_TIMEOUT: Final = Timeout(total=20, connect=10)


def diagnose(connection: Connection, *, deep: bool, json: bool) -> int:
    """Print a line for each thing that was looked at, and what to do for each that is wrong; returns the exit code."""
    log_to_stderr(verbose=connection.verbose)

    async def main() -> Code:
        worst = Code.DONE
        async for finding in _findings(connection, deep=deep):
            await write_stdout(_line(finding, json=json))
            if finding.state == "fail":
                worst = Code.AUTHORISATION if finding.authorisation else worst or Code.ERROR
        return worst

    return run(main)


def _line(finding: Finding, *, json: bool) -> bytes:
    if json:
        return msgspec.json.encode(asdict(finding)) + b"\n"
    text = f"{finding.what:<14}{finding.state:<6}{finding.text}"
    if finding.advice:
        text += f"\n{'':<20}-> {finding.advice}"
    return "".join(char if char.isprintable() or char == "\n" else "?" for char in text).encode() + b"\n"


async def _findings(connection: Connection, *, deep: bool) -> AsyncGenerator[Finding, None]:
    yield _versions()
    environment: Mapping[str, str] = {} if connection.sandbox else os.environ
    if not connection.sandbox:
        token = token_finding(environment, datetime.now(UTC))
        yield token
        if token.state == "fail" and not any(environment.get(name) for name in TOKEN_VARIABLES):
            async for finding in _without_token(connection):
                yield finding
            return
    try:
        async with open_client(connection, {"max_rate_limit_wait": 0, "max_retries": 1}) as client:
            for finding in await _way(client, connection, environment):
                yield finding
                if finding.state == "fail":
                    return
            access = await _access(client)
            yield access
            yield quota_finding(client.rate_limit, datetime.now(UTC))
            if deep and access.state == "ok":
                async for finding in _guarded(try_assumptions, client):
                    yield finding
    except ConfigurationError as error:
        yield Finding("configuration", "fail", str(error), "see devrev-async doctor --help")


async def _without_token(connection: Connection) -> AsyncGenerator[Finding, None]:
    """What can be seen without a token: the client needs one to be built, and sends nothing here."""
    try:
        async with DevRevClient("none", base_url=connection.base_url) as client:
            for finding in await _way(client, connection, os.environ):
                yield finding
    except ConfigurationError as error:
        yield Finding("configuration", "fail", str(error), "see devrev-async doctor --help")


async def _way(client: DevRevClient, connection: Connection, environment: Mapping[str, str]) -> Sequence[Finding]:
    """The server, and the way to it."""
    source = "sandbox" if connection.sandbox else None
    findings = [base_url_finding(client.base_url, connection.base_url, environment, source)]
    from_environment = None if client.base_url.startswith("http:") else environment_proxy(client.base_url)
    if proxy := connection.proxy or from_environment:
        return [*findings, proxy_finding(str(proxy))]
    return findings + await probe(client.base_url)


async def _access(client: DevRevClient) -> Finding:
    """Whether works can be read."""
    try:
        async for _ in client.works.list(max_items=1, timeout=_TIMEOUT):
            pass
    except UnauthorizedError as error:
        return Finding("access", "fail", describe(error), "make a new token, and look which variable is used", True)
    except ForbiddenError as error:
        return Finding("access", "fail", describe(error), "the token's user may not read works: ask an admin", True)
    except TooManyRequestsError as error:
        return Finding("access", "warn", describe(error), "wait for the quota; something else uses this token")
    except NotFoundError as error:
        return Finding("access", "fail", describe(error), "is this the address of the API, without a path?")
    except DevRevError as error:
        return Finding("access", "fail", describe(error), "run again with -v, which logs each attempt")
    return Finding("access", "ok", "works can be read")


async def _guarded(
    trial: Callable[[DevRevClient], AsyncGenerator[Finding, None]], client: DevRevClient
) -> AsyncGenerator[Finding, None]:
    try:
        async for finding in trial(client):
            yield finding
    except TooManyRequestsError as error:
        yield Finding("trial", "warn", describe(error), "wait for the quota; something else uses this token")
    except DevRevError as error:
        yield Finding("trial", "fail", describe(error), "run again with -v, which logs each attempt")


def _versions() -> Finding:
    found = [f"devrev-async {importlib.metadata.version('devrev-async')}", f"Python {platform.python_version()}"]
    for name in _LIBRARIES:
        try:
            found.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            found.append(f"no {name}")
    return Finding("versions", "ok", ", ".join(found))
