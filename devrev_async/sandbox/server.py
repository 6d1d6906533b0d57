"""The sandbox itself: its data, its server, and what tests can order and see."""

import asyncio
import contextlib
import ipaddress
import secrets
import threading
from collections.abc import Generator, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import msgspec
from aiohttp import web

from . import faults, generator
from .app import App
from .defaults import complete
from .handlers import ENDPOINTS, WorksHandlers
from .organisation import Organisation
from .quota import Quota
from .requests import ReceivedRequest
from .store import Store


class Sandbox:
    """A DevRev stand-in on loopback, with real HTTP: all of works.*, on made-up data.

    Use it as ``async with Sandbox() as sandbox`` in the loop of the client, or from synchronous code with
    `run_in_thread`. `fail_next`, `add`, `get`, `requests` and the other attributes work from any thread.

    Args:
        works: How many works to generate, or your own, as the dicts that the API would answer. Of your own works,
            what is missing and an answer cannot be without (ids, type, dates, owner, part, stage) is filled in.
        seed: The same number of works and seed give the same works, always.
        token: What clients must send as the bearer token; None makes a random one.
        host: A loopback address; no other is accepted.
        port: 0 takes a free one.
        quota: Requests a window, told and enforced as the API does, by default more than anyone sends; None switches
            the limit and its headers off.
        window: Length of the quota's window in seconds.
        latency: Seconds before each answer.
        gzip: Compress answers for clients that accept it.
    """

    def __init__(
        self,
        works: int | Sequence[Mapping[str, Any]] = 1000,
        *,
        seed: int = 0,
        token: str | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        quota: int | None = 1_000_000,
        window: float = 60.0,
        latency: float = 0.0,
        gzip: bool = False,
    ) -> None:
        _check_loopback(host)
        self.token = token or f"sandbox-{secrets.token_hex(16)}"
        self._host = host
        self._port = port
        self._organisation = Organisation(seed)
        self._store = Store()
        limit = Quota(quota, window) if quota is not None else None
        endpoints = WorksHandlers(self._store, self._organisation)
        self._app = App(self._store, endpoints, token=self.token, quota=limit, latency=latency, gzip=gzip)
        self._runner: web.ServerRunner | None = None
        self._url: str | None = None
        if isinstance(works, int):
            generated = generator.generate(works, seed)
            with generator.uncollected():
                self._store.load((work, generator.hidden_fields(n, work["type"])) for n, work in enumerate(generated))
        else:
            for work in works:
                self.add(work)

    @property
    def url(self) -> str:
        """Base URL, without a trailing slash.

        Raises:
            RuntimeError: the sandbox is not running.
        """
        if self._url is None:
            raise RuntimeError("the sandbox is not running: use `async with`, or await start()")
        return self._url

    @property
    def requests(self) -> list[ReceivedRequest]:
        """What arrived, oldest first; refused requests, too.

        The last 10,000 are kept, fewer where their bodies pass 16 MiB together. `request_count` counts them all.
        """
        return self._app.request_log.snapshot()

    @property
    def request_count(self) -> int:
        """How many requests arrived since the sandbox was made."""
        return self._app.request_log.total

    @property
    def open_connections(self) -> int:
        """How many connections clients have open now."""
        server = self._runner.server if self._runner is not None else None
        return len(server.connections) if server is not None else 0

    def fail_next(
        self,
        endpoint: str = faults.ANY,
        *,
        status: int | None = 503,
        times: int = 1,
        headers: Mapping[str, str] | None = None,
        body: object = None,
        retry_after: float | None = None,
        delay: float = 0.0,
        applied: bool = False,
        drop: bool = False,
    ) -> None:
        """Orders a fault for the next requests to `endpoint`. Calls add up: faults play in the order of the calls.

        Args:
            endpoint: Such as "works.export"; "*" is any.
            status: Of the answer; None lets the proper answer through, after `delay`.
            times: How many requests it strikes.
            headers: Added to the answer's own, or in their place.
            body: bytes and str go out as they are, anything else as JSON. None is the body that the API documents
                for `status`.
            retry_after: Seconds, as the header, and in the body of a 429 (there rounded up).
            delay: Seconds to wait before the answer.
            applied: Carry the request out first, so that a write has happened though its answer says otherwise.
                A request that is refused anyway is refused.
            drop: Close the connection without any answer.
        """
        if endpoint != faults.ANY and endpoint.partition(".")[0] == "works" and endpoint not in ENDPOINTS:
            raise ValueError(f"no such endpoint: {endpoint!r}; there are {', '.join(sorted(ENDPOINTS))}")
        if times < 1:
            raise ValueError("times must be at least 1")
        fault = faults.build(
            status=status,
            headers=headers,
            body=body,
            retry_after=retry_after,
            delay=delay,
            applied=applied,
            drop=drop,
        )
        self._app.faults.order(endpoint, fault, times)

    def add(self, work: Mapping[str, Any], *, hidden_fields: Mapping[str, Any] | None = None) -> str:
        """Adds a work in its wire form, nothing required, and returns its id.

        Whatever you give stays as it is, right or wrong, so that odd answers can be played.

        Args:
            work: As the API would answer it. Copied.
            hidden_fields: What filters can ask and no answer shows: lists under "vista", "accounts", "rev_orgs" and
                "brand", a str under "group" (of issues), a bool under "is_staged".

        Raises:
            ValueError: the id is taken.
            TypeError: not a mapping, or a value that JSON has no form for.
        """
        copied: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(dict(work)))
        with self._store.lock:
            finished = complete(copied, self._organisation, self._store)
            self._store.add(finished, dict(hidden_fields or {}))
        return str(finished["id"])

    def get(self, id: str) -> dict[str, Any]:
        """A copy of the work with that display id or DON, in its wire form.

        Raises:
            KeyError: there is none.
        """
        row = self._store.find(id)
        encoded = self._store.encode(row) if row is not None else None
        if encoded is None:
            raise KeyError(id)
        work: dict[str, Any] = msgspec.json.decode(encoded)
        return work

    def ids(self) -> list[str]:
        """The ids of all works, oldest first."""
        works = (row.work for row in self._store.created_between())
        return [str(work["id"]) for work in works if work is not None]

    def __len__(self) -> int:
        return len(self._store)

    def __repr__(self) -> str:
        return f"<Sandbox {self._url or 'not running'}, {len(self)} works>"

    async def start(self) -> None:
        """Binds the port and serves, in the running loop. Starting twice is an error."""
        if self._runner is not None:
            raise RuntimeError("the sandbox is running already")
        # The answers in flight at close belong to tests that are over; nobody waits for them.
        runner = web.ServerRunner(web.Server(self._app.handle, access_log=None), shutdown_timeout=0.1)
        await runner.setup()
        self._runner = runner
        try:
            await web.TCPSite(runner, self._host, self._port).start()
        except BaseException:
            await self.close()
            raise
        shown = f"[{self._host}]" if ":" in self._host else self._host
        self._url = f"http://{shown}:{runner.addresses[0][1]}"

    async def close(self) -> None:
        """Closes the port and every connection. The works stay readable; closing twice is fine."""
        runner, self._runner, self._url = self._runner, None, None
        if runner is not None:
            await runner.cleanup()

    async def serve_forever(self) -> None:
        """Serves until cancelled, then closes. Starts first if need be."""
        if self._runner is None:
            await self.start()
        try:
            await asyncio.Event().wait()
        finally:
            await self.close()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()


@contextlib.contextmanager
def run_in_thread(sandbox: Sandbox) -> Generator[Sandbox]:
    """Serves `sandbox` from a thread with a loop of its own, for tests that have no loop or several.

    Yields:
        The sandbox, running; it is closed, and the thread gone, at the end of the block.
    """
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="devrev-sandbox", daemon=True)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(sandbox.start(), loop).result()
        try:
            yield sandbox
        finally:
            asyncio.run_coroutine_threadsafe(sandbox.close(), loop).result()
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def _check_loopback(host: str) -> None:
    try:
        loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise ValueError(f"the sandbox serves on loopback only, not on {host!r}")
