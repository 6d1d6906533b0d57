"""Thousands of requests with random faults: every read right, every write applied once at most, nothing left, memory flat.

`DEVREV_SOAK=10000` makes it as many requests; the usual run is shorter.
"""

import asyncio
import gc
import json
import os
import random
import tracemalloc
from collections import Counter
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from devrev_async import Timeout
from devrev_async.errors import DevRevError, ServerError
from tests.transport.conftest import Clients, free_slots, in_flight
from tests.transport.server import WORK, FaultServer, chunked, message

pytestmark = pytest.mark.anyio

REQUESTS = int(os.environ.get("DEVREV_SOAK", "1500"))
FAULTS = (
    "drop",
    "reset",
    "cut",
    "cut chunk",
    "silence",
    "500",
    "503",
    "503 later",
    "429",
    "408",
    "HTML 502",
    "no gzip",
)


class Store:
    """Answers reads with what was asked for, counts writes as applied, and fails one request in twenty."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.applied: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()

    def carry_out(self, peer: Any) -> bytes:
        request = peer.request
        if request.method == "GET":
            target: str = request.target
            (id,) = parse_qs(urlsplit(target).query)["id"]
            return json.dumps({"work": WORK | {"display_id": id, "body": "x" * 500}}).encode()
        if request.target == "/works.update":
            self.applied[request.json["title"]] += 1
            return json.dumps({"work": WORK | {"title": request.json["title"]}}).encode()
        size = request.json["first"]
        return json.dumps({"works": [WORK | {"display_id": f"ISS-{n}"} for n in range(size)]}).encode()

    async def play(self, peer: Any) -> None:
        fault = self.rng.choice(FAULTS) if self.rng.random() < 0.05 else None
        if fault is None:
            await peer.send(message(self.carry_out(peer)))
            return
        self.faults[fault] += 1
        refused = fault in ("503 later", "429")
        body = b"" if refused or self.rng.random() < 0.5 else self.carry_out(peer)  # applied or not: nobody can tell
        if fault == "drop":
            peer.close()
        elif fault == "reset":
            peer.reset()
        elif fault == "cut":
            await peer.send(message(body + b"     ")[:-3])
            peer.close()
        elif fault == "cut chunk":
            await peer.send(chunked(body, end=b"5\r\nx"))
            peer.close()
        elif fault == "silence":
            await peer.gone()
        elif refused:
            await peer.send(message("{}", int(fault[:3]), {"Retry-After": "0.01"}))
        elif fault == "no gzip":
            await peer.send(message(body or b"x", 200, {"Content-Encoding": "gzip"}))
        elif fault == "HTML 502":
            await peer.send(message("<html>", 502))
        else:
            await peer.send(message("{}", int(fault)))


async def work_off(client: Any, store: Store, requests: int, errors: Counter[str]) -> int:
    """So many calls over many tasks; how many of the writes are known to have been applied."""
    numbers, known = iter(range(requests)), 0

    async def one(number: int) -> None:
        nonlocal known
        if number % 5 == 0:
            title = f"write {number} of {id(store)} {requests}"
            try:
                assert (await client.works.update("ISS-1", title=title)).title == title
            except DevRevError as error:
                errors[type(error).__name__] += 1
                if not error.outcome_unknown:
                    assert store.applied[title] == 0
            else:
                known += 1
                assert store.applied[title] == 1
        elif number % 7 == 0:
            works = await client.works.export(first=number % 40 + 1)
            assert [work.display_id for work in works] == [f"ISS-{n}" for n in range(number % 40 + 1)]
        else:
            assert (await client.works.get(f"ISS-{number}")).display_id == f"ISS-{number}"

    async def worker() -> None:
        for number in numbers:
            try:
                await one(number)
            except DevRevError as error:  # a body that is no gzip is nothing that a retry mends
                assert "compressed" in str(error) or isinstance(error, ServerError)
                errors[type(error).__name__] += 1

    async with asyncio.TaskGroup() as group:
        for _ in range(40):
            group.create_task(worker())
    return known


@pytest.mark.timeout(600)
async def test_soak(server: FaultServer, connect: Clients) -> None:
    store = Store(7)
    server.usual = store.play
    client = connect(timeout=Timeout(read=0.5), max_connections=20, max_retries=8)
    errors: Counter[str] = Counter()
    tracemalloc.start()
    await work_off(client, store, REQUESTS // 3, errors)
    server.requests.clear()
    gc.collect()
    before, _ = tracemalloc.get_traced_memory()
    known = await work_off(client, store, REQUESTS - REQUESTS // 3, errors)
    server.requests.clear()
    gc.collect()
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert known > 0
    assert max(store.applied.values()) == 1
    assert set(store.faults) == set(FAULTS)
    assert errors.total() < REQUESTS * 0.05
    assert server.most_open <= 20 + errors.total() + store.faults.total()  # those that hung up may not be seen off yet
    assert server.open_connections <= 20
    assert free_slots(client) == client._transport.manager.max_concurrency
    assert in_flight(client) == 0
    applied = sum(len(title) + 150 for title in store.applied)
    assert after - before < 300_000 + applied
