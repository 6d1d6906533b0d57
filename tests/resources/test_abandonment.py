"""Whatever iterates and is dropped, broken off, or closed leaves no task, slot or connection."""

from __future__ import annotations

import asyncio
import gc
import warnings
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from devrev_async import DevRevClient
from devrev_async.sandbox import Quirks, Sandbox

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("little_garbage")]

WAYS: dict[str, Callable[[DevRevClient], Any]] = {
    "export_stream": lambda devrev: devrev.works.export_stream(),
    "export_stream.raw_batches": lambda devrev: devrev.works.export_stream().raw_batches(10),
    "export_stream.arrow_batches": lambda devrev: devrev.works.export_stream().arrow_batches(10),
    "export_all": lambda devrev: devrev.works.export_all(),
    "export_all.batches": lambda devrev: devrev.works.export_all().batches(10),
    "export_all.raw_batches": lambda devrev: devrev.works.export_all().raw_batches(10),
    "export_all.arrow_batches": lambda devrev: devrev.works.export_all().arrow_batches(10),
    "list": lambda devrev: devrev.works.list(limit=10),
    "list.pages": lambda devrev: devrev.works.list(limit=10).pages(),
    "paginate": lambda devrev: devrev.paginate("works.list", {"limit": 10}),
    "paginate.pages": lambda devrev: devrev.paginate("works.list", {"limit": 10}).pages(),
    "changes": lambda devrev: devrev.works.changes(),
    "changes.batches": lambda devrev: devrev.works.changes().batches(10),
    "changes.raw_batches": lambda devrev: devrev.works.changes().raw_batches(10),
    "changes.arrow_batches": lambda devrev: devrev.works.changes().arrow_batches(10),
    "get_many": lambda devrev: devrev.works.get_many(f"TKT-{number}" for number in range(10_000)),
}


async def abandon(way: str, how: str, sandbox: Sandbox, devrev: DevRevClient) -> None:
    if "arrow" in way:
        pytest.importorskip("pyarrow")
    iteration = WAYS[way](devrev)
    if how == "never begun":
        return
    if how == "cancelled":
        task = asyncio.create_task(_all(iteration))
        while not sandbox.request_count:
            await asyncio.sleep(0.001)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return
    iterator: AsyncIterator[Any] = aiter(iteration)
    await anext(iterator)
    if how == "closed":
        closing: Any = iteration if hasattr(iteration, "aclose") else iterator
        await closing.aclose()
    elif how == "client closed":
        await devrev.close()


async def _all(iteration: Any) -> None:
    async for _ in iteration:
        pass


@pytest.mark.parametrize("how", ["never begun", "dropped", "closed", "cancelled", "client closed"])
@pytest.mark.parametrize("way", WAYS)
async def test_what_is_left_early_leaves_no_task_slot_or_connection(way: str, how: str) -> None:
    before = asyncio.all_tasks()
    several = Quirks(cap=200)  # requests, where a page of 5000 would be all there is
    async with (
        Sandbox(works=600, quirks=several) as sandbox,
        DevRevClient(sandbox.token, base_url=sandbox.url) as devrev,
    ):
        serving = asyncio.all_tasks() - before
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            await abandon(way, how, sandbox, devrev)
            gc.collect()
        manager = devrev._transport.manager
        session = manager.current
        connector: Any = None if session is None else session.connector

        def left() -> object:
            tasks = asyncio.all_tasks() - before - serving
            return {task for task in tasks if "aiohttp/web" not in repr(task)} or (connector and connector._acquired)

        async with asyncio.timeout(20):
            while left():  # the event loop closes dropped generators in its next turns
                await asyncio.sleep(0.001)
            if manager.loop is not None:
                for _ in range(manager.max_concurrency):
                    await manager.limiter.slots.acquire()
                assert manager.limiter.quota.in_flight == 0
                assert not manager.registry.calls
