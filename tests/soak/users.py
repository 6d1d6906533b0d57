"""What users do with a client, to the end or not; each takes one turn, and may fail as the documents say."""

from __future__ import annotations

import asyncio
import random
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from devrev_async import DevRevClient, Timeout, WorkUpdate
from devrev_async.errors import DevRevError
from tests.soak.server import WORKS
from tests.transport.proxy import Proxy

NAMES = ("a.jsonl", "b.jsonl.gz", "c.csv", "d.parquet")
PAGE = 100


@dataclass
class World:
    """What all users share.

    Attributes:
        folders: to write in; the last one is too small for most exports.
        tls: the URL of a server behind TLS, and a context that trusts it.
        proxies: that tunnel, refuse, say nothing, or break off.
        written: the targets of exports, and the folders of runs.
        ids: of all works.
        shared: the client that most users use.
    """

    url: str
    token: str
    chance: random.Random
    folders: list[Path]
    tls: tuple[str, ssl.SSLContext]
    proxies: list[Proxy]
    written: set[Path] = field(default_factory=set[Path])
    ids: list[str] = field(default_factory=list[str])
    shared: DevRevClient = field(init=False)

    def options(self) -> dict[str, Any]:
        timeout = Timeout(total=self.chance.choice([0.3, 3]), connect=0.3, read=self.chance.choice([0.2, 0.5, 2]))
        return {"timeout": timeout, "max_retries": 3, "retry_wait": (0, 0.05), "max_rate_limit_wait": 2}

    def client(self, **options: Any) -> DevRevClient:
        merged: dict[str, Any] = {"base_url": self.url, **self.options(), **options}
        return DevRevClient(self.token, **merged)


async def call(world: World) -> None:
    devrev, id = world.shared, world.chance.choice(world.ids)
    match world.chance.randrange(5):
        case 0:
            assert (await devrev.works.get(id)).display_id == id
        case 1:
            title = f"title {world.chance.random()}"
            assert (await devrev.works.update(id, title=title)).title == title
        case 2:
            assert (await devrev.works.count()).count == WORKS
        case 3:
            assert len(await devrev.works.export(first=PAGE)) == PAGE
        case _:
            await devrev.request("parts.list", {"limit": 5}, idempotent=True)


async def call_in_own_session(world: World) -> None:
    connector = aiohttp.TCPConnector(limit=world.chance.choice([1, 10]))
    async with aiohttp.ClientSession(connector=connector) as session, world.client(session=session) as devrev:
        await _together([devrev.works.get(id) for id in world.chance.sample(world.ids, 5)])
        stream = devrev.works.export_stream()
        await _leave(stream, stream, world.chance)


async def call_through_a_proxy(world: World) -> None:
    url, context = world.tls
    proxy = world.chance.choice(world.proxies)
    async with world.client(base_url=url, ssl=context, proxy=proxy.url, max_retries=1) as devrev:
        assert (await devrev.works.get("ISS-1")).display_id == "ISS-1"
        await devrev.works.update("ISS-1", title="x")


async def _together(calls: Sequence[Awaitable[object]]) -> None:
    for outcome in await asyncio.gather(*calls, return_exceptions=True):
        if isinstance(outcome, Exception) and not isinstance(outcome, DevRevError):
            raise outcome


Make = Callable[[World, DevRevClient], Any]
ITERABLES: list[tuple[Make, tuple[str, ...]]] = [
    (lambda _, devrev: devrev.works.export_stream(), ("", "raw_batches", "arrow_batches")),
    (lambda _, devrev: devrev.works.export_all(), ("", "batches", "raw_batches", "arrow_batches")),
    (lambda _, devrev: devrev.works.list(limit=PAGE), ("", "pages")),
    (lambda _, devrev: devrev.paginate("works.list", {"limit": PAGE}), ("", "pages", "raw_batches")),
    (lambda _, devrev: devrev.works.changes(), ("", "batches", "raw_batches", "arrow_batches")),
    (lambda world, devrev: devrev.works.get_many(world.ids[:100]), ("",)),
    (lambda world, devrev: devrev.works.update_many(WorkUpdate(id=id, title="x") for id in world.ids[:100]), ("",)),
]


def begin(world: World, devrev: DevRevClient) -> tuple[Any, Any]:
    """Something to iterate over, and how: itself, or what one of its methods returns."""
    make, ways = world.chance.choice(ITERABLES)
    iterable, way = make(world, devrev), world.chance.choice(ways)
    return iterable, getattr(iterable, way)() if way else iterable


async def iterate(world: World) -> None:
    await _leave(*begin(world, world.shared), world.chance)


async def iterate_until_the_client_is_closed(world: World) -> None:
    devrev = world.client()
    tasks = [asyncio.create_task(_all(begin(world, devrev)[1])) for _ in range(3)]
    await asyncio.sleep(world.chance.random() / 5)
    await devrev.close()
    await _together(tasks)


async def _leave(iterable: Any, way: Any, chance: random.Random) -> None:
    """Iterates to the end, or leaves somewhere before."""
    match chance.randrange(6):
        case 0:  # dropped
            await anext(aiter(way), None)
        case 1:  # left, and closed
            iterator: Any = aiter(way)
            async for _ in iterator:
                if chance.random() < 0.1:
                    break
            await iterator.aclose()
        case 2:  # closed by another task
            task = asyncio.create_task(_all(way))
            await asyncio.sleep(chance.random() / 10)
            await iterable.aclose()
            await task
        case 3:  # cancelled
            with suppress(TimeoutError):
                async with asyncio.timeout(chance.random() / 10):
                    await _all(way)
        case _:
            await _all(way)


async def _all(iteration: AsyncIterator[Any]) -> None:
    async for _ in iteration:
        await asyncio.sleep(0)


def export_of(devrev: DevRevClient, path: Path) -> Awaitable[object]:
    """The export that belongs to a target: the same call each time."""
    rows = 500 if path.parent.name == "numbered" else None
    return devrev.works.export_to(path, rows_per_file=rows)


async def export(world: World) -> None:
    folder = world.chance.choice(world.folders)
    if world.chance.random() < 0.3:
        folder /= "numbered"
        folder.mkdir(exist_ok=True)
    path = folder / world.chance.choice(NAMES)
    world.written.add(path)
    timeout = None if world.chance.random() < 0.6 else world.chance.random() / 2
    with suppress(TimeoutError):
        async with asyncio.timeout(timeout):
            await export_of(world.shared, path)


async def sync(world: World) -> None:
    folder = world.chance.choice(world.folders) / "runs"
    world.written.add(folder)
    with suppress(TimeoutError):
        async with asyncio.timeout(None if world.chance.random() < 0.6 else world.chance.random() / 2):
            await world.shared.works.sync(folder / "state.json", folder)


USERS: list[Callable[[World], Awaitable[None]]] = [
    call,
    call,
    call_in_own_session,
    call_through_a_proxy,
    iterate,
    iterate,
    iterate_until_the_client_is_closed,
    export,
    sync,
]
