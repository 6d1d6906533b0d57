"""One measurement in a fresh process: ``python -m benchmarks.measure WHAT CLIENT URL ...`` prints one line of JSON."""

# ruff: noqa: PLC0415 - a process imports only what it measures

from __future__ import annotations

import argparse
import asyncio
import ctypes
import gc
import json
import time
from collections.abc import Callable, Coroutine
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


async def _tick(late: list[tuple[float, float]]) -> None:
    """How late a task is that asks to run every millisecond, and how much of that this very thread was at work."""
    while True:
        due, busy = time.perf_counter() + 0.001, time.thread_time()
        await asyncio.sleep(0.001)
        late.append((time.perf_counter() - due, time.thread_time() - busy))


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
    late: list[tuple[float, float]] = []
    ticker: asyncio.Task[None] | None = None
    times: list[float] = []
    _forget_peak()
    before = _status("VmRSS")
    if ticking:
        ticker = asyncio.create_task(_tick(late))
        await asyncio.sleep(0.05)
        late.clear()
    cpu, start = time.process_time(), time.monotonic()
    works = await fetch(lambda: times.append(time.monotonic()))
    end = time.monotonic()
    cpu = time.process_time() - cpu
    if ticker is not None:
        await asyncio.sleep(0.01)  # the ticker may be late right now
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
        "stall": max((wall for wall, _ in late), default=0.0),
        "busy": max((busy for _, busy in late), default=0.0),
        "peak_above_result": max(0, peak - held),
        "peak": peak - before,
        "held": (held - before) / count,
    }


async def gets(client: str, url: str, count: int) -> dict[str, float]:
    await GETTERS[client](url, 64, 8)
    cpu, start = time.process_time(), time.monotonic()
    await GETTERS[client](url, count, 8)
    return {"wall": (time.monotonic() - start) / count, "cpu": (time.process_time() - cpu) / count}


async def export_all(url: str, token: str, count: int) -> dict[str, float]:
    """All works of a sandbox, dropped as they come."""
    import devrev_async

    async with devrev_async.DevRevClient(token, base_url=url) as devrev:
        async for _ in devrev.works.export_all(external_ref=["none"]):  # the first one of a process imports the planner
            pass
        _forget_peak()
        before = _status("VmRSS")
        seen = 0
        cpu, start = time.process_time(), time.monotonic()
        async with devrev.works.export_all() as export:
            async for batch in export.batches(1000):
                seen += len(batch)
        wall, cpu = time.monotonic() - start, time.process_time() - cpu
        peak = _status("VmHWM") - before
        report = export.report
    if seen != count or not report.complete:
        raise AssertionError(f"{seen} works of {count}")
    fetched = report.works + report.duplicates
    return {"wall": wall, "cpu": cpu, "peak": peak, "requests": report.requests, "fetched": fetched / count}


async def by_hand(url: str, token: str, count: int) -> dict[str, float]:
    """The same, as one writes it by hand: sorted pages, each from the last date of the one before."""
    import devrev_async

    async with devrev_async.DevRevClient(token, base_url=url) as devrev:
        await devrev.works.count()
        _forget_peak()
        before = _status("VmRSS")
        seen: set[str | None] = set()
        filters: dict[str, Any] = {}
        fetched = requests = 0
        cpu, start = time.process_time(), time.monotonic()
        while True:
            page = await devrev.works.export(sort_by=["created_date:asc"], **filters)
            fetched += len(page)
            requests += 1
            seen.update(work.id for work in page)
            if len(page) < 5000:
                break
            filters = {"created_date": devrev_async.DateRange(after=page[-1].created_date)}
        wall, cpu = time.monotonic() - start, time.process_time() - cpu
        peak = _status("VmHWM") - before
    if len(seen) != count:
        raise AssertionError(f"{len(seen)} works of {count}")
    return {"wall": wall, "cpu": cpu, "peak": peak, "requests": requests, "fetched": fetched / count}


async def quota(url: str, token: str, count: int) -> dict[str, float]:
    """That many gets against a quota, from the start of a window; refusals are those that the client was told of."""
    import devrev_async

    refused = 0

    def on_event(event: devrev_async.ClientEvent) -> None:
        nonlocal refused
        refused += event.status == 429

    async with devrev_async.DevRevClient(token, base_url=url, on_event=on_event) as devrev:
        page = await devrev.works.export(first=1)
        key = page[0].display_id or ""
        assert devrev.rate_limit is not None
        assert devrev.rate_limit.reset_at is not None
        await asyncio.sleep(devrev.rate_limit.reset_at.timestamp() - time.time())
        start = time.monotonic()
        await asyncio.gather(*(devrev.works.get(key) for _ in range(count)))
        return {"wall": time.monotonic() - start, "refused": refused}


async def idle() -> dict[str, float]:
    """The ticker alone: what the machine itself does to it."""
    late: list[tuple[float, float]] = []
    ticker = asyncio.create_task(_tick(late))
    await asyncio.sleep(0.7)
    ticker.cancel()
    return {"stall": max(wall for wall, _ in late), "busy": max(busy for _, busy in late)}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=("export", "stall", "gets", "idle", "export_all", "by_hand", "quota"))
    parser.add_argument("client", nargs="?", default="", help="the token, where the server is a sandbox")
    parser.add_argument("url", nargs="?", default="")
    parser.add_argument("--count", type=int, default=5000)
    given = parser.parse_args()
    what, client, url, count = given.what, given.client, given.url, given.count
    runs: dict[str, Callable[[], Coroutine[Any, Any, dict[str, float]]]] = {
        "idle": idle,
        "gets": lambda: gets(client, url, count),
        "export": lambda: export(client, url, count, ticking=False),
        "stall": lambda: export(client, url, count, ticking=True),
        "export_all": lambda: export_all(url, client, count),
        "by_hand": lambda: by_hand(url, client, count),
        "quota": lambda: quota(url, client, count),
    }
    print(json.dumps(asyncio.run(runs[what]())))


if __name__ == "__main__":
    main()
