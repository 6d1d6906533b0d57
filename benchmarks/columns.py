"""Works to columns, beside pyarrow's own JSON reader on the same bytes: ``python -m benchmarks.columns``.

The first table is CPU time a work, the decode included, in batches of 1000; every figure is of a fresh process, ways
take turns, and ratios are medians of the ratios within one turn. pyarrow.json is given our schema at its whole depth,
since it cannot put an object into a text column; free-form fields are left out for the same reason, so it does less.

The second table is how late a task is that asks to run every millisecond, beside one export of a sandbox in a process
of its own: with works as they are, and with their columns, which are made in a thread. For how long the threads of the
process waited for a core, since others were at work, is not counted (Linux says so).
"""

# ruff: noqa: PLC0415 - a process imports only what it measures

from __future__ import annotations

import argparse
import asyncio
import io
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec

from devrev_async.sandbox.generator import generate

from . import payload

WORKS: Final = 5000
BATCH: Final = 1000
CHOSEN: Final = (
    "id", "type", "display_id", "title", "created_date", "modified_date", "state", "created_by", "owned_by", "stage",
    "applies_to_part", "tags", "custom_fields",
)  # fmt: skip
BASE: Final = "columns one level deep"


def texts_of(path: Path) -> list[list[bytes]]:
    """The works of an answer as their JSON, in batches."""
    raws = msgspec.json.decode(path.read_bytes(), type=dict[str, list[msgspec.Raw]])["works"]
    texts = [bytes(raw) for raw in raws]
    return [texts[at : at + BATCH] for at in range(0, len(texts), BATCH)]


def decode() -> Callable[[list[bytes]], object]:
    from devrev_async._decoders.interning import InterningDecoder

    decoder = InterningDecoder()
    return lambda texts: decoder.decode(b"[" + b",".join(texts) + b"]")


def columns(names: tuple[str, ...] | None = None, depth: int | None = 1) -> Callable[[list[bytes]], object]:
    from devrev_async.arrow import WorksConverter

    return WorksConverter(names, depth).convert_json


def pyarrow_json() -> Callable[[list[bytes]], object]:
    import pyarrow as pa
    from pyarrow import json

    from devrev_async.arrow.fields import Field, Kind, fields_of_works
    from devrev_async.arrow.schema import arrow_type

    typed = frozenset(Kind) - {Kind.JSON}
    fields: list[Field] = [kept for field in fields_of_works(None) if (kept := field.restricted_to(typed))]
    schema = pa.schema([(field.name, arrow_type(field)) for field in fields])
    parsing = json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore")
    reading = json.ReadOptions(use_threads=False, block_size=64 << 20)
    return lambda texts: json.read_json(io.BytesIO(b"\n".join(texts)), reading, parsing)


WAYS: Final[dict[str, Callable[[], Callable[[list[bytes]], object]]]] = {
    "decode alone": decode,
    BASE: columns,
    "columns, whole depth": lambda: columns(None, None),
    "13 chosen columns": lambda: columns(CHOSEN),
    "pyarrow.json, whole depth": pyarrow_json,
}


def cpu(way: str, path: Path) -> float:
    """CPU seconds a work, the best of three passes after one that fills caches."""
    batches = texts_of(path)
    convert = WAYS[way]()
    passes: list[float] = []
    for _ in range(4):
        start = time.process_time()
        for texts in batches:
            convert(texts)
        passes.append(time.process_time() - start)
    return min(passes[1:]) / sum(map(len, batches))


def _waited() -> float:
    """Seconds that the threads of this process were ready to run and had no core."""
    files = Path("/proc/self/task").glob("*/schedstat")
    return sum(int(file.read_text().split()[1]) for file in files) / 1e9


async def _tick(late: list[float]) -> None:
    while True:
        waited, due = _waited(), time.perf_counter() + 0.001
        await asyncio.sleep(0.001)
        after = time.perf_counter() - due
        late.append(max(0.0, after - (_waited() - waited)))


async def stall(way: str, url: str, token: str) -> list[float]:
    """Seconds that each tick was late beside one export."""
    from devrev_async import DevRevClient

    late: list[float] = []
    async with DevRevClient(token, base_url=url) as devrev, devrev.works.export_all() as export:
        batches: Any = export.batches(BATCH) if way == "works" else export.arrow_batches(BATCH)
        first = await anext(batches)  # imports, and decoders that are made on first use
        ticker = asyncio.create_task(_tick(late))
        seen = len(first) + sum([len(batch) async for batch in batches])
        ticker.cancel()
    if seen != export.report.works or not export.report.complete:
        raise RuntimeError(f"{seen} works, and not the right ones")
    return late


def _measured(*arguments: str) -> Any:
    done = subprocess.run([sys.executable, "-m", __spec__.name, *arguments], check=True, stdout=subprocess.PIPE)
    return msgspec.json.decode(done.stdout)


def payloads(folder: Path) -> dict[str, Path]:
    """Works of two shapes: all fields of an issue, and the four types as a sandbox has them."""
    made = {"page": payload.make(WORKS), "sandbox": msgspec.json.encode({"works": list(generate(WORKS, 7))})}
    paths = {name: folder / f"{name}.json" for name in made}
    for name, path in paths.items():
        path.write_bytes(made[name])
    return {
        "issues of the reference page, 7.9 kB each": paths["page"],
        "works of the sandbox, all types, 4.9 kB each": paths["sandbox"],
    }


def cpu_table(title: str, path: Path, rounds: int) -> str:
    samples: dict[str, list[float]] = {way: [] for way in WAYS}
    for _ in range(rounds):
        for way, found in samples.items():
            found.append(_measured("--cpu", way, str(path)))
    lines = [f"| {title} | us of CPU a work | ratio |", "|---|---|---|"]
    for way, found in samples.items():
        ratio = statistics.median(mine / base for mine, base in zip(found, samples[BASE], strict=True))
        lines.append(f"| {way} | {statistics.median(found) * 1e6:.1f} | {ratio:.2f} |")
    return "\n".join(lines)


def stall_table(works: int, rounds: int) -> str:
    command = [sys.executable, "-m", "benchmarks.backend", str(works)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        url, token = server.stdout.readline().split()
        late: dict[str, list[list[float]]] = {"works": [], "columns": []}
        for _ in range(rounds):
            for way, runs in late.items():
                runs.append(_measured("--stall", way, url, token))
        server.terminate()
    lines = [f"| ticks beside an export of {works} | late, 99 % | the longest, each run |", "|---|---|---|"]
    for way, runs in late.items():
        most = [sorted(run)[len(run) * 99 // 100] for run in runs]
        longest = ", ".join(f"{max(run) * 1000:.0f}" for run in runs)
        lines.append(f"| {way} | {statistics.median(most) * 1000:.1f} ms | {longest} ms |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.columns")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--works", type=int, default=20_000, help="of the export beside which the loop is watched")
    parser.add_argument("--cpu", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--stall", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.cpu is not None:
        print(msgspec.json.encode(cpu(given.cpu[0], Path(given.cpu[1]))).decode())
    elif given.stall is not None:
        print(msgspec.json.encode(asyncio.run(stall(*given.stall))).decode())
    else:
        with tempfile.TemporaryDirectory() as folder:
            for title, path in payloads(Path(folder)).items():
                print(f"{cpu_table(title, path, given.rounds)}\n", flush=True)
        print(stall_table(given.works, given.rounds))


if __name__ == "__main__":
    main()
