"""A server that answers every export with given bytes, and works for it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

from aiohttp import web

from tests.servers import error, serving


@asynccontextmanager
async def answering(works: Sequence[bytes], *, between: bytes = b",") -> AsyncGenerator[str]:
    """Serves these works, each as it is, in one page; yields the base URL."""

    async def handle(request: web.Request) -> web.Response:
        await request.read()
        if request.path == "/works.count":
            return web.json_response({"count": len(works), "has_more": False})
        if request.path not in ("/works.export", "/works.list"):
            return error(404)
        body = b'{"works":[' + between.join(works) + b"]}"
        return web.Response(body=body, content_type="application/json")

    async with serving(handle) as url:
        yield url
