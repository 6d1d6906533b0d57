"""A server on loopback that answers every request with the bytes it was told, and a client of it."""

import asyncio
import json
from collections.abc import Coroutine, Generator
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeVar

from aiohttp import web

from devrev_async import DevRevClient, Work

T = TypeVar("T")


class Received(NamedTuple):
    """One request as it arrived."""

    endpoint: str
    body: Any


class Canned:
    """One loop, one server, one client: tests are plain functions that `run` coroutines, hundreds if need be."""

    devrev: DevRevClient

    def __init__(self) -> None:
        self._runner = asyncio.Runner()
        self._status, self._body = 200, b"{}"
        self.received: list[Received] = []

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(coroutine)

    def answer(self, body: object, status: int = 200) -> None:
        """From now on answer this: bytes as they are, anything else as JSON."""
        self._status, self._body = status, body if isinstance(body, bytes) else json.dumps(body).encode()

    def export(self, works: object) -> list[Work]:
        """What `export` makes of these works, or of the bytes of an array of them."""
        array = works if isinstance(works, bytes) else json.dumps(works).encode()
        self.answer(b'{"works":' + array + b"}")
        return self.run(self.devrev.works.export())

    def get(self, work: object) -> Work:
        """What `get` makes of this work, or of its bytes."""
        self.answer(b'{"work":' + (work if isinstance(work, bytes) else json.dumps(work).encode()) + b"}")
        return self.run(self.devrev.works.get("ISS-1"))

    def sent(self, call: Coroutine[Any, Any, object]) -> Received:
        """What a call sends."""
        self.received.clear()
        self.run(call)
        (received,) = self.received
        return received

    async def _handle(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.received.append(Received(request.path[1:], json.loads(body) if body else dict(request.query)))
        return web.Response(status=self._status, body=self._body, content_type="application/json")

    async def _start(self) -> web.AppRunner:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._handle)
        server = web.AppRunner(app)
        await server.setup()
        site = web.TCPSite(server, "127.0.0.1", 0)
        await site.start()
        host, port = server.addresses[0][:2]
        self.devrev = DevRevClient("token", base_url=f"http://{host}:{port}", max_retries=0)
        return server

    @classmethod
    @contextmanager
    def running(cls) -> Generator["Canned"]:
        canned = cls()
        with canned._runner:
            server = canned.run(canned._start())
            try:
                yield canned
            finally:
                canned.run(canned.devrev.close())
                canned.run(server.cleanup())
