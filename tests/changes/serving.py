from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import aiohttp
from aiohttp import web

from devrev_async import DevRevClient
from devrev_async.sandbox import Quirks, Sandbox
from tests import servers

NOON = datetime(2026, 3, 1, 12, 0, 0, 250_000, tzinfo=UTC)


@asynccontextmanager
async def serving(
    works: int = 0, *, quirks: Quirks | None = None, at: datetime | None = NOON, **options: Any
) -> AsyncGenerator[tuple[Sandbox, DevRevClient], None]:
    """A sandbox whose clock stands still at `at`, and a client of it."""
    async with Sandbox(works=works, quirks=quirks or Quirks()) as sandbox:
        if at is not None:
            sandbox.clock.freeze(at)
        async with DevRevClient(sandbox.token, base_url=sandbox.url, **options) as client:
            yield sandbox, client


@asynccontextmanager
async def rewriting(sandbox: Sandbox, rewrite: Callable[[bytes], bytes]) -> AsyncGenerator[DevRevClient, None]:
    """A client of a server that shows what `rewrite` makes of the bodies of a sandbox's answers."""

    async def handle(request: web.Request) -> web.Response:
        headers = {"Authorization": request.headers["Authorization"], "Content-Type": "application/json"}
        async with session.post(sandbox.url + request.path, data=await request.read(), headers=headers) as answer:
            body = rewrite(await answer.read())
            headers = {"Date": answer.headers["Date"], "Content-Type": "application/json"}
            return web.Response(body=body, status=answer.status, headers=headers)

    async with (
        aiohttp.ClientSession() as session,
        servers.serving(handle) as url,
        DevRevClient(sandbox.token, base_url=url) as client,
    ):
        yield client
