"""From the socket to files, beside other ways to the same file: ``python -m benchmarks.files``.

Every way exports all works of a sandbox, which is a process of its own, into one file or folder, in a fresh process. It
prints wall and CPU seconds (imports included), the highest memory above that of the process at its start, for how long
the event loop's thread was at work at once at most, and the size of the file. The server answers from memory, so that
the client is what is measured; a real one is slower by far.

devrev-python-sdk and dlt page through ``works.list``, since that is what they have for more works than one answer of
``works.export`` takes; dlt is set up as its documentation has it, with a cursor paginator, in a thread.
"""

# ruff: noqa: PLC0415, ASYNC221 - a process imports only what it measures, and does nothing beside it

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

from .measure import _forget_peak, _status, _tick

Way = Callable[[str, str, Path], Awaitable[None]]
LIST_LIMIT: Final = 100


def ours(name: str) -> Way:
    async def export(url: str, token: str, folder: Path) -> None:
        from devrev_async import DevRevClient

        async with DevRevClient(token, base_url=url) as devrev:
            await devrev.works.export_to(folder / name)

    return export


async def as_they_arrive(url: str, token: str, folder: Path) -> None:
    """Columns straight into Parquet: what `export_to` would be without a part to continue from."""
    import pyarrow as pa
    from pyarrow import parquet

    from devrev_async import DevRevClient
    from devrev_async.arrow import works_schema

    with parquet.ParquetWriter(folder / "works.parquet", works_schema(), compression="zstd") as writer:
        group: list[Any] = []
        async with DevRevClient(token, base_url=url) as devrev, devrev.works.export_all() as export:
            async for batch in export.arrow_batches(1024):
                group.append(batch)
                if len(group) == 16:
                    await asyncio.to_thread(writer.write_table, pa.Table.from_batches(group))
                    group = []
        if group:
            writer.write_table(pa.Table.from_batches(group))


async def then_pyarrow(url: str, token: str, folder: Path) -> None:
    from pyarrow import json as pyarrow_json
    from pyarrow import parquet

    await ours("works.jsonl")(url, token, folder)
    table = pyarrow_json.read_json(folder / "works.jsonl")  # types are inferred; keys that come late are lost
    parquet.write_table(table, folder / "works.parquet", compression="zstd")


async def then_duckdb(url: str, token: str, folder: Path) -> None:
    import duckdb

    await ours("works.jsonl")(url, token, folder)
    command = [sys.executable, "-m", "devrev_async.cli", "schema", "--for", "duckdb"]
    columns = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    source = f"read_json('{folder / 'works.jsonl'}', columns = {columns})"
    duckdb.sql(f"copy (from {source}) to '{folder / 'works.parquet'}' (format parquet, compression zstd)")


async def python_sdk(url: str, token: str, folder: Path) -> None:
    import devrev
    import httpx

    async with devrev.AsyncDevRevClient(api_token=token, base_url="https://127.0.0.1") as client:
        client._http._client.base_url = httpx.URL(url)  # noqa: SLF001 - it takes https only; spare it the cost of TLS
        cursor: str | None = None
        with (folder / "works.jsonl").open("w") as file:
            while True:
                page = await client.works.list(limit=LIST_LIMIT, cursor=cursor)
                file.writelines(json.dumps(work.model_dump(mode="json")) + "\n" for work in page.works)
                cursor = page.next_cursor
                if not cursor:
                    return


def dlt_to(format: str) -> Way:
    async def export(url: str, token: str, folder: Path) -> None:
        await asyncio.to_thread(_run_dlt, url, token, folder, format)

    return export


def _run_dlt(url: str, token: str, folder: Path, format: str) -> None:
    import dlt
    from dlt.sources.rest_api import rest_api_source

    source = rest_api_source(
        {
            "client": {
                "base_url": url,
                "auth": {"type": "bearer", "token": token},
                "paginator": {"type": "cursor", "cursor_path": "next_cursor", "cursor_body_path": "cursor"},
            },
            "resources": [
                {
                    "name": "works",
                    "max_table_nesting": 0,
                    "endpoint": {
                        "path": "works.list",
                        "method": "POST",
                        "json": {"limit": LIST_LIMIT},
                        "data_selector": "works",
                    },
                }
            ],
        }
    )
    pipeline = dlt.pipeline(
        "works", pipelines_dir=str(folder / "state"), destination=dlt.destinations.filesystem(str(folder / "out"))
    )
    pipeline.run(source, loader_file_format=format)


WAYS: Final[dict[str, Way]] = {
    "devrev-async, .jsonl": ours("works.jsonl"),
    "devrev-async, .jsonl.gz": ours("works.jsonl.gz"),
    "devrev-async, .csv": ours("works.csv"),
    "devrev-async, .parquet": ours("works.parquet"),
    "devrev-async, columns as they arrive": as_they_arrive,
    "devrev-async, .jsonl, then pyarrow.json": then_pyarrow,
    "devrev-async, .jsonl, then DuckDB": then_duckdb,
    "devrev-python-sdk + json.dumps": python_sdk,
    "dlt rest_api, .jsonl": dlt_to("jsonl"),
    "dlt rest_api, .parquet": dlt_to("parquet"),
}


def _size(folder: Path) -> int:
    files = [
        path for path in folder.rglob("*") if path.is_file() and not {"state", "_dlt"} & {*path.parts, path.name[:4]}
    ]
    parquet = [path for path in files if path.suffix == ".parquet"]
    return sum(path.stat().st_size for path in parquet or files)


async def measured(way: str, url: str, token: str) -> dict[str, float]:
    late: list[tuple[float, float]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _forget_peak()
        before = _status("VmRSS")
        ticker = asyncio.create_task(_tick(late))
        wall, cpu = time.monotonic(), time.process_time()
        await WAYS[way](url, token, folder)
        wall, cpu = time.monotonic() - wall, time.process_time() - cpu
        ticker.cancel()
        size = _size(folder)
    return {
        "wall": wall,
        "cpu": cpu,
        "memory": (_status("VmHWM") - before) / 1e6,
        "stall": max(busy for _, busy in late) * 1e3,
        "size": size / 1e6,
    }


def run(way: str, url: str, token: str) -> dict[str, float] | None:
    command = [sys.executable, "-m", "benchmarks.files", "--way", way, url, token]
    env = {**os.environ, "RUNTIME__DLTHUB_TELEMETRY": "false", "RUNTIME__LOG_LEVEL": "CRITICAL"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
    if done.returncode:
        print(f"{way}: {done.stderr.strip().splitlines()[-1]}", file=sys.stderr)
        return None
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def table(works: int) -> None:
    command = [sys.executable, "-m", "benchmarks.backend", str(works)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        url, token = server.stdout.readline().split()
        print(f"{works} works | wall s | CPU s | CPU us a work | memory MB | stall ms | file MB")
        print("---|---|---|---|---|---|---")
        for way in WAYS:
            if (found := run(way, url, token)) is not None:
                each = found["cpu"] / works * 1e6
                print(
                    f"{way} | {found['wall']:.1f} | {found['cpu']:.1f} | {each:.0f} | {found['memory']:.0f}"
                    f" | {found['stall']:.0f} | {found['size']:.1f}",
                    flush=True,
                )
        server.terminate()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--works", type=int, default=50_000)
    parser.add_argument("--way", choices=tuple(WAYS))
    parser.add_argument("server", nargs="*")
    given = parser.parse_args()
    if given.way is None:
        table(given.works)
    else:
        print(json.dumps(asyncio.run(measured(given.way, *given.server))))


if __name__ == "__main__":
    main()
