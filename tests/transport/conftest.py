"""A fault server, clients of it, and the check that a test has left nothing behind."""

import asyncio
import gc
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from devrev_async import DevRevClient
from tests.transport.server import FaultServer

TOKEN = "test-token-0123456789"


@pytest.fixture
async def server(anyio_backend: str) -> AsyncGenerator[FaultServer]:
    async with FaultServer() as one:
        yield one


class Clients:
    """Makes clients of one server, which do not wait on their own before they retry, and closes them."""

    def __init__(self, server: FaultServer) -> None:
        self.server = server
        self.made: list[DevRevClient] = []

    def __call__(self, token: Any = TOKEN, **options: Any) -> DevRevClient:
        options.setdefault("base_url", self.server.url)
        options.setdefault("retry_wait", (0, 0))
        client = DevRevClient(token, **options)
        self.made.append(client)
        return client


def free_slots(client: DevRevClient) -> int:
    """Slots of the limiter that nobody holds."""
    return client._transport.manager.limiter.slots._value


def in_flight(client: DevRevClient) -> int:
    return client._transport.manager.limiter.quota.in_flight


@pytest.fixture
async def connect(server: FaultServer, little_garbage: None) -> AsyncGenerator[Clients]:
    """Makes clients; afterwards no slot, call, connection or task of theirs may be left."""
    before = asyncio.all_tasks()
    clients = Clients(server)
    yield clients
    for client in clients.made:
        manager = client._transport.manager
        if manager.loop is not None:
            assert free_slots(client) == manager.max_concurrency
            assert in_flight(client) == 0
            assert not manager.registry.calls
        await client.close()
    await server.all_gone()
    gc.collect()  # what was left unawaited or unclosed complains now
    left = {task for task in asyncio.all_tasks() - before if "TestRunner" not in repr(task)}
    assert not left


@pytest.fixture
def client(connect: Clients) -> DevRevClient:
    return connect()
