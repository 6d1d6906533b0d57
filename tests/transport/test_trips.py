"""How often a small call passes from module to module: each such trip is one more file to read to follow it."""

import email.utils
import itertools
import os
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import devrev_async
from devrev_async import DevRevClient
from tests.transport.conftest import Clients
from tests.transport.server import ONE, FaultServer, answer

pytestmark = pytest.mark.anyio
ROOT = f"{Path(devrev_async.__file__).parent}{os.sep}"


def module_of(frame: FrameType | None) -> str | None:
    """The nearest module of the package, from this frame outwards."""
    while frame is not None:
        if frame.f_code.co_filename.startswith(ROOT):
            return frame.f_code.co_filename.removeprefix(ROOT)
        frame = frame.f_back
    return None


async def visited(call: Callable[[], Awaitable[object]]) -> list[str]:
    """The module that each call and each return inside of the package leads to."""
    modules: list[str] = []

    def note(frame: FrameType, event: str, _: Any) -> None:
        if event in ("call", "return") and frame.f_code.co_filename.startswith(ROOT):
            module = module_of(frame if event == "call" else frame.f_back)
            if module is not None:
                modules.append(module)

    sys.setprofile(note)
    try:
        await call()
    finally:
        sys.setprofile(None)
    return modules


def changes(places: list[str]) -> int:
    return sum(before != after for before, after in itertools.pairwise(places))


def folder_of(module: str) -> str:
    return module.partition(os.sep)[0]


async def get(client: DevRevClient) -> object:
    return await client.works.get("ISS-1")


async def update(client: DevRevClient) -> object:
    return await client.works.update("ISS-1", title="x")


@pytest.mark.parametrize(("call", "most", "most_folders"), [(get, 38, 12), (update, 42, 14)])
async def test_a_small_call_makes_few_trips(
    server: FaultServer, connect: Clients, call: Any, most: int, most_folders: int
) -> None:
    headers = {
        "Date": email.utils.formatdate(usegmt=True),
        "X-Ratelimit-Limit": "1000",
        "X-Ratelimit-Remaining": "999",
        "X-Ratelimit-Reset": str(int(time.time()) + 60),
        "X-Request-Id": "r-1",
    }
    server.usual = answer(ONE, headers=headers)
    client = connect()
    for _ in range(3):
        await call(client)
    modules = await visited(lambda: call(client))
    assert "_transport/call.py".replace("/", os.sep) in modules
    assert changes(modules) <= most
    assert changes([folder_of(module) for module in modules]) <= most_folders
