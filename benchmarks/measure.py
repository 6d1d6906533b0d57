"""One measurement in a fresh process: ``python -m benchmarks.measure WHAT CLIENT URL ...`` prints one line of JSON."""

from __future__ import annotations

import argparse
import asyncio
import ctypes
import gc
import json
import time
from pathlib import Path
from typing import Any

from .clients import EXPORTS, GETTERS, Fetch


def _status(field: str) -> int:
    """Bytes, as /proc tells: VmRSS now, VmHWM its highest value since `_forget_peak`."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) * 1024
    raise KeyError(field)


def _forget_peak() -> None:
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")


async def _tick(late: list[float]) -> None:
    """How late a task is that asks to run every millisecond."""
    while True:
        due = time.perf_counter() + 0.001
        await asyncio.sleep(0.001)
        late.append(time.perf_counter() - due)


def _id(work: Any) -> str:
    if isinstance(work, str):
        return work
    return str(work["id"] if isinstance(work, dict) else work.id)  # pyright: ignore[reportUnknownArgumentType]


def _check(works: list[Any], count: int) -> None:
    ids = [int(_id(work).rsplit("/", 1)[1]) for work in works]
    if ids != list(range(1, count + 1)):
        raise AssertionError(f"{len(ids)} works, and not the right ones")


async def export(client: str, url: str, count: int, *, ticking: bool) -> dict[str, float]:
    async with EXPORTS[client](url) as fetch:
        return await _export(fetch, count, ticking=ticking)


async def _export(fetch: Fetch, count: int, *, ticking: bool) -> dict[str, float]:
    late: list[float] = []
    ticker: asyncio.Task[None] | None = None
    if ticking:
        ticker = asyncio.create_task(_tick(late))
        await asyncio.sleep(0.05)
        late.clear()
    times: list[float] = []
    _forget_peak()
    before = _status("VmRSS")
    cpu, start = time.process_time(), time.monotonic()
    works = await fetch(lambda: times.append(time.monotonic()))
    end = time.monotonic()
    cpu = time.process_time() - cpu
    if ticker is not None:
        await asyncio.sleep(0)
        late.append(0.0)
        ticker.cancel()
    peak = _status("VmHWM")
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    held = _status("VmRSS")
    _check(works, count)
    return {
        "wall": end - start,
        "cpu": cpu,
        "first": times[0] - start,
        "done_at": end,
        "stall": max(late, default=0.0),
        "peak_above_result": max(0, peak - held),
        "peak": peak - before,
        "held": (held - before) / count,
    }


async def gets(client: str, url: str, count: int) -> dict[str, float]:
    await GETTERS[client](url, 64, 8)
    cpu, start = time.process_time(), time.monotonic()
    await GETTERS[client](url, count, 8)
    return {"wall": (time.monotonic() - start) / count, "cpu": (time.process_time() - cpu) / count}


async def idle() -> dict[str, float]:
    """The ticker alone: what the machine itself does to it."""
    late: list[float] = []
    ticker = asyncio.create_task(_tick(late))
    await asyncio.sleep(0.7)
    ticker.cancel()
    return {"stall": max(late)}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=("export", "stall", "gets", "idle"))
    parser.add_argument("client", nargs="?", default="")
    parser.add_argument("url", nargs="?", default="")
    parser.add_argument("--count", type=int, default=5000)
    given = parser.parse_args()
    if given.what == "idle":
        result = asyncio.run(idle())
    elif given.what == "gets":
        result = asyncio.run(gets(given.client, given.url, given.count))
    else:
        result = asyncio.run(export(given.client, given.url, given.count, ticking=given.what == "stall"))
    print(json.dumps(result))


if __name__ == "__main__":
    main()
