"""Small HTTP servers for tests that need answers of their own making."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def serving(handler: Handler) -> AsyncGenerator[str]:
    """A server on loopback that gives every request to the handler; yields its base URL."""
    app = web.Application()
    app.router.add_route("*", "/{endpoint}", handler)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def error(status: int, **fields: Any) -> web.Response:
    """An error as the API words it."""
    return web.json_response({"message": "made up", **fields}, status=status)


def work(id: str, **fields: Any) -> dict[str, Any]:
    """A small issue on the wire."""
    number = id.partition("-")[2]
    shape = {"type": "issue", "id": f"don:core:x:devo/1:issue/{number}", "display_id": id, "title": f"title of {id}"}
    return {**shape, **fields}
