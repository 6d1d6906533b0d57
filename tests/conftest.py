"""What all tests share: one backend, and in CI the same random examples on every run.

``TEST_LOOP=uvloop`` and ``TEST_LOOP=eager`` (Python 3.12 and later) run the tests that take `anyio_backend` on another
event loop, or with eager tasks.
"""

import asyncio
import gc
import os
from typing import Any

import pytest

from tests.effort import register_profiles

register_profiles()


def pytest_collection_finish() -> None:
    """Spares the collections of garbage that tests ask for a look at all that was imported."""
    gc.collect()
    gc.freeze()


def _eager_loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    factory: Any = getattr(asyncio, "eager_task_factory")  # noqa: B009 - Python 3.11 has none
    loop.set_task_factory(factory)
    return loop


BACKENDS: dict[str, tuple[str, dict[str, Any]]] = {
    "asyncio": ("asyncio", {}),
    "uvloop": ("asyncio", {"use_uvloop": True}),
    "eager": ("asyncio", {"loop_factory": _eager_loop}),
}


@pytest.fixture(scope="module")
def little_garbage() -> None:
    """Spares the collections of garbage in each test of a module a look at what earlier modules have left."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    return BACKENDS[os.environ.get("TEST_LOOP", "asyncio")]
