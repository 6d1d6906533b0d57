"""A run of `works.sync` that is cancelled or that the disk refuses leaves no lock, no part, and no open file."""

import asyncio
import os
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from devrev_async import DevRevClient
from devrev_async.sandbox import Quirks, Sandbox

pytestmark = [pytest.mark.anyio, pytest.mark.skipif(os.name == "nt", reason="limits of a process are POSIX's")]

FORMATS = ["jsonl", "jsonl.gz", "csv", "parquet"]


@contextmanager
def largest_file(size: int) -> Generator[None]:
    """No file grows larger, as on a disk that is full."""
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def open_files(folder: Path) -> list[str]:
    """Those that this process has open in a folder; none where the system does not say."""
    found: list[str] = []
    links = Path("/proc/self/fd")
    for link in links.iterdir() if links.exists() else ():
        with suppress(FileNotFoundError):  # that of the listing itself
            found.append(str(link.readlink()))
    return [target for target in found if target.startswith(str(folder))]


def left(folder: Path) -> list[str]:
    """What is neither a state nor the file of a run."""
    names = sorted(path.name for path in folder.rglob("*") if path.is_file())
    return [name for name in names if name != "state.json" and not name.startswith("works-")]


@pytest.mark.parametrize("format", FORMATS)
async def test_a_full_disk_leaves_nothing(tmp_path: Path, format: Any) -> None:
    if format in ("csv", "parquet"):
        pytest.importorskip("pyarrow")
    async with Sandbox(works=400) as sandbox, DevRevClient(sandbox.token, base_url=sandbox.url) as client:
        with largest_file(20_000):
            for _ in range(2):
                with pytest.raises(OSError, match=r"works-000001"):
                    await client.works.sync(tmp_path / "state.json", tmp_path, format=format)
                assert list(tmp_path.iterdir()) == []
                assert open_files(tmp_path) == []
        assert (await client.works.sync(tmp_path / "state.json", tmp_path, format=format)).works == 400
        assert left(tmp_path) == []


async def test_a_state_that_finds_no_room_leaves_nothing(tmp_path: Path) -> None:
    async with Sandbox(works=0) as sandbox, DevRevClient(sandbox.token, base_url=sandbox.url) as client:
        with largest_file(100), pytest.raises(OSError, match=r"state\.json"):
            await client.works.sync(tmp_path / "state.json", tmp_path)
        assert list(tmp_path.iterdir()) == []
        await client.works.sync(tmp_path / "state.json", tmp_path)
        assert left(tmp_path) == []


@pytest.mark.parametrize("twice", [False, True])
async def test_cancelled_at_any_point(tmp_path: Path, twice: bool) -> None:
    """After so many turns of the event loop, or twice in a row, the lock is free and what was open is closed."""
    async with (
        Sandbox(works=30, quirks=Quirks(cap=20)) as sandbox,
        DevRevClient(sandbox.token, base_url=sandbox.url) as client,
    ):
        for turns in [*range(1, 12), *range(12, 400, 9)]:
            folder = tmp_path / str(turns)
            task = asyncio.create_task(client.works.sync(folder / "state.json", folder))
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            if twice:
                await asyncio.sleep(0)
                task.cancel()
            await asyncio.wait([task])
            assert task.cancelled() or task.result().works == 30
            assert left(folder) == []
            assert open_files(folder) == []
