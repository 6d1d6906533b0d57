"""What only some calls need is imported in a thread when the first of them begins."""

from __future__ import annotations

import asyncio
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from devrev_async import BulkRun, ClientClosedError, DevRevClient, Work, _loading
from devrev_async._loading import load
from devrev_async.sandbox import Sandbox

pytestmark = pytest.mark.anyio


@pytest.fixture
def nothing_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes calls begin as the first one of a process does."""
    monkeypatch.setattr(_loading, "_loaded", set[str]())


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty folder to import from."""
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    return tmp_path


async def test_the_event_loop_goes_on_while_a_module_is_imported(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    turned = threading.Event()
    monkeypatch.setattr(threading, "turned", turned, raising=False)
    (folder / "waits_for_the_loop.py").write_text(
        "import threading\nturned = threading.turned.wait(60)\nthread = threading.current_thread()\n"
    )
    loading = [asyncio.create_task(load("waits_for_the_loop")) for _ in range(2)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not any(task.done() for task in loading)
    turned.set()
    await asyncio.gather(*loading)
    module: Any = sys.modules["waits_for_the_loop"]
    assert module.turned
    assert module.thread is not threading.current_thread()


async def test_what_is_loaded_is_there_at_once() -> None:
    await load("json")
    with pytest.raises(StopIteration):
        load("json").send(None)


async def test_a_module_that_does_not_exist_is_left_out_and_one_that_fails_is_an_error(folder: Path) -> None:
    (folder / "needs_another.py").write_text("import missing_altogether\n")
    await load("missing_altogether", "json.missing")
    for _ in range(2):
        with pytest.raises(ModuleNotFoundError, match="missing_altogether"):
            await load("needs_another")


@pytest.mark.usefixtures("nothing_loaded")
async def test_an_export_that_is_closed_while_it_loads_sends_nothing() -> None:
    async with Sandbox(works=3) as sandbox, DevRevClient(sandbox.token, base_url=sandbox.url) as devrev:
        export = devrev.works.export_all()
        works: asyncio.Task[Work] = asyncio.create_task(anext(aiter(export)))  # type: ignore[arg-type]
        await asyncio.sleep(0)
        with pytest.raises(RuntimeError, match="iterated once"):
            await anext(export.batches())
        await export.aclose()
        with pytest.raises(ClientClosedError):
            await works
        assert not sandbox.requests


@pytest.mark.usefixtures("nothing_loaded")
async def test_a_bulk_run_that_is_closed_while_it_loads_sends_nothing() -> None:
    async with Sandbox(works=3) as sandbox, DevRevClient(sandbox.token, base_url=sandbox.url) as devrev:
        run = devrev.works.get_many(["ISS-1", "ISS-2"])

        async def awaited(run: BulkRun) -> object:
            return await run

        result = asyncio.create_task(awaited(run))
        await asyncio.sleep(0)
        await run.aclose()
        with pytest.raises(ClientClosedError):
            await result
        assert not sandbox.requests
