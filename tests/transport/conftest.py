"""A fault server, clients of it, and the check that a test has left nothing behind."""

import asyncio
import gc
import itertools
from collections.abc import AsyncGenerator, Iterator
from typing import Any

import pytest

from devrev_async import DevRevClient
from devrev_async._transport import call
from tests.transport.server import FaultServer

TOKEN = "test-token-0123456789"


@pytest.fixture(autouse=True)
def own_waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The client's own waits are nothing, so that tests take no time; put other ones in the list to have them."""
    waits: list[float] = []

    def waiting() -> Iterator[float]:
        return itertools.chain(iter(waits), itertools.repeat(0.0))

    monkeypatch.setattr(call, "own_waits", waiting)
    return waits


@pytest.fixture
async def server(anyio_backend: str) -> AsyncGenerator[FaultServer]:
    async with FaultServer() as one:
        yield one


class Clients:
    """Makes clients of one server, and closes them."""

    def __init__(self, server: FaultServer) -> None:
        self.server = server
        self.made: list[DevRevClient] = []

    def __call__(self, token: Any = TOKEN, **options: Any) -> DevRevClient:
        options.setdefault("base_url", self.server.url)
        client = DevRevClient(token, **options)
        self.made.append(client)
        return client


def free_slots(client: DevRevClient) -> int:
    """Slots of the limiter that nobody holds."""
    return client._transport.pool.limiter._slots._value


def in_flight(client: DevRevClient) -> int:
    return client._transport.pool.limiter.quota.in_flight


@pytest.fixture
async def connect(server: FaultServer) -> AsyncGenerator[Clients]:
    """Makes clients; afterwards no slot, call, connection or task of theirs may be left."""
    before = asyncio.all_tasks()
    clients = Clients(server)
    yield clients
    for client in clients.made:
        pool = client._transport.pool
        if pool._loop is not None:
            assert free_slots(client) == pool.max_concurrency
            assert in_flight(client) == 0
            assert not pool.calls
        await client.close()
    await server.all_gone()
    gc.collect()  # what was left unawaited or unclosed complains now
    left = {task for task in asyncio.all_tasks() - before if "TestRunner" not in repr(task)}
    assert not left


@pytest.fixture
def client(connect: Clients) -> DevRevClient:
    return connect()
