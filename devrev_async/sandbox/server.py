"""The sandbox itself: its data, its server, and its controls for tests."""

import asyncio
import contextlib
import os
import secrets
import threading
from collections.abc import Callable, Generator, Iterable, Mapping
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from . import arguments, faults, garbage, generator, wire
from .app import App
from .clock import Clock, DateHeader
from .control import WorksControl
from .handlers import WorksHandlers
from .hooks import Hook
from .ids import ORGANISATION
from .organisation import Organisation
from .pages import Pages
from .quirks import NO_QUIRKS, Quirks
from .quota import Quota
from .references import ReferenceHandlers
from .registry import DuplicateIdError
from .requests import ANY, ReceivedRequest
from .store import Store
from .works_file import WorksFile
from .writes import WorkWriter

_KEPT_WHOLE = 20_000
"""Generated works that are kept, at 2 kB each, at most; of more than these, each is made anew when it is asked for."""


class Sandbox(WorksControl):
    """A DevRev stand-in on loopback, with real HTTP: all of works.*, and the lists of what works refer to.

    Use it as ``async with Sandbox() as sandbox`` in the loop of the client, or from synchronous code with
    `run_in_thread`. `fail_next`, `add`, `get`, `requests` and the other attributes work from any thread.

    Args:
        works: How many works to generate, or your own: as the dicts that the API would answer, or the path of a JSON
            Lines file of such works, as an export writes it (``.gz`` is decompressed). Of your own works, what is
            missing and an answer cannot be without (ids, type, dates, owner, part, stage, title) is filled in.
        seed: The same number of works and seed give the same works, always.
        token: What clients must send as the bearer token, in printable ASCII; None makes a random one.
        host: A loopback address; no other is accepted.
        port: 0 takes a free one.
        quota: Requests a window, reported and enforced as the API does, by default more than anyone sends; None
            switches the limit and its headers off.
        window: Length of the quota's window in seconds.
        latency: Seconds before each answer.
        gzip: Compress answers for clients that accept it.
        organisation: What DONs name as their organisation: letters, digits and hyphens.
        quirks: The ways in which the server deviates from the documented API.

    Raises:
        ValueError: an argument is out of its bounds, two works have one id, or a line of the file is no work; the
            message names the line.
        TypeError: an argument is of the wrong type.
        OSError: the file cannot be read.
    """

    def __init__(
        self,
        works: int | str | os.PathLike[str] | Iterable[Mapping[str, Any]] = 1000,
        *,
        seed: int = 0,
        token: str | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        quota: int | None = 1_000_000,
        window: float = 60.0,
        latency: float = 0.0,
        gzip: bool = False,
        organisation: str = ORGANISATION,
        quirks: Quirks = NO_QUIRKS,
    ) -> None:
        arguments.check_works(works)
        arguments.check_server(host, port, token, gzip=gzip, latency=latency)
        arguments.check_data(seed, organisation, quirks)
        arguments.check_quota(quota, window)
        self.token = f"sandbox-{secrets.token_hex(16)}" if token is None else token
        self.clock = Clock(quirks.clock_offset)
        """The clock of the server, which can be set, moved and frozen."""
        self._host = host
        self._port = port
        self._runner: web.ServerRunner | None = None
        self._url: str | None = None
        members = Organisation(seed, organisation)
        store = Store(self.clock, delay=quirks.visible_after, trims=quirks.trims_shown)
        super().__init__(members, store, self.clock)
        self._load(works, seed, organisation, quirks)
        handlers = WorksHandlers(
            store,
            Pages(store, quirks, seed),
            WorkWriter(members, store, self.clock, quirks),
            members.ids,
            self.clock,
            quirks,
        )
        self._endpoints = handlers.endpoints() | ReferenceHandlers(members, self.clock).endpoints()
        for name in quirks.missing_endpoints:
            self._check_endpoint(name)
        self._app = App(
            store,
            {name: endpoint for name, endpoint in self._endpoints.items() if name not in quirks.missing_endpoints},
            token=self.token,
            quota=Quota(quota, window, self.clock.seconds) if quota is not None else None,
            date=DateHeader(self.clock, offset=quirks.date_offset, frozen=quirks.date_frozen),
            latency=latency,
            gzip=gzip,
        )

    def _load(
        self,
        works: int | str | os.PathLike[str] | Iterable[Mapping[str, Any]],
        seed: int,
        organisation: str,
        quirks: Quirks,
    ) -> None:
        with garbage.suspended():
            if isinstance(works, int) and works > _KEPT_WHOLE and not (quirks.created_ties or quirks.modified_ties):
                made = generator.GeneratedWorks(works, seed, organisation)
                self._store.load_made(made, lambda n: generator.hidden_fields(n, made.value(n, "type")))
            elif isinstance(works, int):
                generated = generator.with_ties(generator.generate(works, seed, organisation), quirks, seed)
                self._store.load((work, generator.hidden_fields(n, work["type"])) for n, work in enumerate(generated))
            elif isinstance(works, (str, os.PathLike)):
                file = WorksFile(works)
                try:
                    self._load_own(list(file))
                except DuplicateIdError as error:
                    raise file.error(error, error.position) from None
            else:
                self._load_own([wire.copy(work) for work in works])

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
        """The requests that arrived, oldest first, those that were answered with an error included.

        The last 10,000 are kept, or fewer where their bodies exceed 16 MiB together. `request_count` counts them all.
        """
        return self._app.request_log.snapshot()

    @property
    def request_count(self) -> int:
        """How many requests arrived since the sandbox was created."""
        return self._app.request_log.total

    @property
    def open_connections(self) -> int:
        """How many connections clients have open now."""
        server = self._runner.server if self._runner is not None else None
        # aiohttp keeps a connection that was lost until its request is done with.
        return sum(connection.connected for connection in server.connections) if server is not None else 0

    @property
    def requests_in_flight(self) -> int:
        """How many requests have no complete answer yet and a client that has not left."""
        return self._app.in_flight

    def on_request(
        self, callback: Callable[[ReceivedRequest], object], endpoint: str = ANY, *, after_works: int | None = None
    ) -> Callable[[], None]:
        """Calls `callback` with each request, so that works can change between two requests or within an answer.

        It runs in the event loop of the sandbox and must not block; its result is ignored. It may call all
        methods of the sandbox, so `sandbox.on_request(lambda _: sandbox.clock.advance(1))` lets time pass.

        Args:
            callback: Takes the request as it arrived.
            endpoint: Such as "works.export"; "*" is any.
            after_works: None calls it before the answer is made. A number calls it when so many works of the answer
                (rounded up to a multiple of 64, or all of them) are written; each work shows what it is when its turn
                comes.

        Returns:
            A function that removes the callback.

        Raises:
            ValueError: there is no such endpoint of works, or `after_works` is negative.
            TypeError: `callback` cannot be called.
        """
        self._check_endpoint(endpoint)
        arguments.check_hook(callback, after_works)
        return self._app.hooks.add(Hook(endpoint, callback, after_works))

    def fail_next(
        self,
        endpoint: str = ANY,
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
        """Makes the next requests to `endpoint` fail. Calls add up, and take effect in their order.

        Args:
            endpoint: Such as "works.export"; "*" is any.
            status: That of the answer, 200 to 599; None sends the regular answer, after `delay`.
            times: How many requests fail.
            headers: Added to the answer's own, or in their place.
            body: bytes and str go out as they are, anything else as JSON. None is the body that the API documents
                for `status`.
            retry_after: Seconds, as the header, and in the body of a 429 (there rounded up).
            delay: Seconds to wait before the answer.
            applied: Carry out the request first, so that a write has happened although its answer says otherwise.
                A request that is not valid is answered as usual.
            drop: Close the connection without any answer.

        Raises:
            ValueError: there is no such endpoint of works, or an argument is out of its bounds.
            TypeError: an argument is of the wrong type, or `body` has no JSON form.
        """
        self._check_endpoint(endpoint)
        arguments.check_fault(
            status=status,
            times=times,
            headers=headers,
            retry_after=retry_after,
            delay=delay,
            applied=applied,
            drop=drop,
        )
        fault = faults.build(
            status=status, headers=headers, body=body, retry_after=retry_after, delay=delay, applied=applied, drop=drop
        )
        self._app.faults.add(endpoint, fault, times)

    def __repr__(self) -> str:
        return f"<Sandbox {self._url or 'not running'}, {len(self)} works>"

    def _check_endpoint(self, endpoint: str) -> None:
        # `fail_next` can give answers to other endpoints of the API; a misspelt works.* would never be called.
        if not isinstance(endpoint, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"endpoint takes a str, not {endpoint!r}")
        if endpoint.partition(".")[0] == "works" and endpoint not in self._endpoints:
            raise ValueError(f"no such endpoint: {endpoint!r}; there are {', '.join(sorted(self._endpoints))}")

    async def start(self) -> None:
        """Binds the port and serves, in the running loop. Starting twice is an error."""
        if self._runner is not None:
            raise RuntimeError("the sandbox is running already")
        # Answers in flight at close belong to tests that are over, and no one awaits them.
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
            asyncio.run_coroutine_threadsafe(_end(sandbox), loop).result()
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _end(sandbox: Sandbox) -> None:
    """Closes it, and ends what its connections still do: the loop runs no further."""
    await sandbox.close()
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)
