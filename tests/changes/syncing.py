"""Runs of `works.sync` in this process or in one that kills itself, and what they leave on the disk."""

from __future__ import annotations

import csv
import gzip
import json
import signal
from collections.abc import Iterator
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import msgspec
import pytest

from devrev_async import DevRevClient, SyncReport
from devrev_async.sandbox import Sandbox

from . import sync_child


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def records(folder: Path, format: str = "jsonl") -> Iterator[dict[str, Any]]:
    """What a glob over the folder loads, in the order of the names."""
    for path in sorted(folder.glob(f"works-*.{format}")):
        if format == "parquet":
            parquet = pytest.importorskip("pyarrow.parquet")
            yield from parquet.read_table(path).to_pylist()
        elif format == "csv":
            with path.open(encoding="utf-8", newline="") as file:
                yield from csv.DictReader(file)
        else:
            with gzip.open(path) if format == "jsonl.gz" else path.open("rb") as lines:
                yield from (msgspec.json.decode(line) for line in lines)


def newest(folder: Path, format: str = "jsonl") -> dict[str, Any]:
    return {record["id"]: record for record in records(folder, format)}


def truth(sandbox: Sandbox) -> dict[str, Any]:
    return {id: sandbox.get(id) for id in sandbox.ids()}


class Synced:
    """A state and its folder."""

    def __init__(self, path: Path) -> None:
        self.state = path / "state.json"
        self.folder = path / "out"

    async def run(self, client: DevRevClient, **options: Any) -> SyncReport:
        arguments: dict[str, Any] = {"state": self.state, "directory": self.folder, **options}
        return await client.works.sync(**arguments)

    def values(self) -> dict[str, Any]:
        values: dict[str, Any] = json.loads(self.state.read_bytes())
        return values

    def seen(self) -> tuple[bytes | None, list[str]]:
        return self.state.read_bytes() if self.state.is_file() else None, files(self.folder)


def started(sandbox: Sandbox, synced: Synced, kill_at: int | str = 0, **options: Any) -> BaseProcess:
    """A process that runs `sync`, and kills itself at a step, or once a file has a name, where one is given."""
    given = {"token": sandbox.token, "url": sandbox.url, "state": str(synced.state), "directory": str(synced.folder)}
    process = sync_child.processes().Process(target=sync_child.run, args=(given | options, kill_at))
    process.start()
    return process


def ended(process: BaseProcess) -> int:
    """Waits for its end; 0, or -SIGKILL."""
    process.join(60)
    code = process.exitcode
    assert code in (0, -signal.SIGKILL)
    process.close()
    return code
