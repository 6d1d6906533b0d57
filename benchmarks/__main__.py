"""All benchmarks in one run: ``python -m benchmarks`` from the root of the repository, or with ``--quick``.

Every measurement is a fresh process, and the clients take turns, so that what happens to the machine happens to all.
Ratios are medians of the ratios within one turn. See README.md beside this file.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.request import urlopen

from . import payload, report
from .clients import EXPORTS, GETTERS

HERE = Path(__file__).parent
ROOT = HERE.parent
OURS = ("devrev-async export", "devrev-async export_stream")
RIVALS_ELSEWHERE = ("floor", "aiohttp + msgspec, gc=False", "aiohttp + orjson", "devrev-python-sdk")
WIRES = ("plain", "gzip", "chunked")
IMPORTS = {
    "devrev_async": "from devrev_async import DevRevClient",  # without the client it would be next to nothing
    "its four dependencies": "import aiohttp, msgspec, anyio, backoff",
    "devrev (devrev-python-sdk)": "import devrev",
}

QUIET, TRIES, REPEATS = 0.01, 3, 200
"""A measurement during which the hypervisor took more of the cores' time than this is made again: so many times in all
at most, and so often in the whole run."""

Sample = dict[str, float]
Samples = dict[str, list[Sample]]


def _python(*arguments: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={**{name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}, **environment},
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(arguments)}\n{done.stderr}")
    return done.stdout


def _measure(*arguments: str) -> Sample:
    result: Sample = json.loads(_python("-m", "benchmarks.measure", *arguments))
    return result


_repeats = iter(range(REPEATS))


def _stolen() -> float:
    """Seconds, since boot and of all cores, that the hypervisor gave to others; 0 where nobody tells."""
    try:
        ticks = int(Path("/proc/stat").read_text().split(maxsplit=9)[8])
    except (OSError, ValueError, IndexError):
        return 0.0
    return ticks / os.sysconf("SC_CLK_TCK")


def _quietly(measure: Callable[[], Sample]) -> Sample:
    """The quietest of a few tries: what the hypervisor takes says nothing about who is measured."""
    tries: list[Sample] = []
    while not tries or (tries[-1]["stolen"] > QUIET and len(tries) < TRIES and next(_repeats, None) is not None):
        before, start = _stolen(), time.monotonic()
        sample = measure()
        sample["stolen"] = (_stolen() - before) / (time.monotonic() - start) / (os.cpu_count() or 1)
        tries.append(sample)
    return {**min(tries, key=lambda sample: sample["stolen"]), "tries": len(tries)}


@contextmanager
def serve(*arguments: str) -> Generator[str, None, None]:
    """A server process; gives the line that it prints."""
    process = subprocess.Popen([sys.executable, "-m", *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait()


def _turns(rounds: int, clients: Iterable[str], what: str, url: str, *options: str) -> Samples:
    samples: Samples = {client: [] for client in clients}
    for turn in range(rounds):
        for client in samples:
            _say(f"{what} {url.split('/', 3)[-1]} {turn + 1}/{rounds} {client}")
            samples[client].append(_quietly(partial(_measure, what, client, url, *options)))
    return samples


def _say(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)


def exports(base: str, rounds: int) -> dict[str, Samples]:
    few = max(2, rounds // 2)
    elsewhere = (*OURS, *RIVALS_ELSEWHERE)
    measured = {"plain": _turns(rounds, EXPORTS, "export", f"{base}/plain/compact")}
    for wire in WIRES[1:]:
        measured[wire] = _turns(few, elsewhere, "export", f"{base}/{wire}/compact")
    return measured


def close(base: str, rounds: int) -> dict[str, Samples]:
    """Ours and the floor alone, in many turns: they are so close that the machine's own ups and downs drown it."""
    return {wire: _turns(rounds, ("floor", *OURS), "export", f"{base}/{wire}/compact") for wire in WIRES}


def stalls(base: str, rounds: int) -> dict[str, Samples]:
    measured: dict[str, Samples] = {
        "idle": {"ticker alone": [_quietly(partial(_measure, "idle")) for _ in range(rounds)]}
    }
    for form, count in payload.FORMS.items():
        clients = (*OURS, *RIVALS_ELSEWHERE[1:]) if form == "compact" else OURS
        measured[form] = _turns(rounds, clients, "stall", f"{base}/plain/{form}", "--count", str(count))
    measured["gzip"] = _turns(rounds, OURS, "stall", f"{base}/gzip/compact")
    return measured


def tails(base: str, rounds: int) -> dict[str, Samples]:
    """Seconds from the last byte on the wire to the whole result."""
    measured: dict[str, Samples] = {}
    for wire in ("paced-25", "paced-50"):
        samples: Samples = {client: [] for client in (*OURS, "aiohttp + msgspec, gc=False", "devrev-python-sdk")}
        for _ in range(rounds):
            for client in samples:
                _say(f"{wire} {client}")
                samples[client].append(_quietly(partial(_measure_tail, client, base, wire)))
        measured[wire] = samples
    return measured


def _measure_tail(client: str, base: str, wire: str) -> Sample:
    result = _measure("export", client, f"{base}/{wire}/compact")
    with urlopen(f"{base}/last") as answer:
        return {"tail": result["done_at"] - float(answer.read()), **result}


CLOSE_GETTERS: Final = (
    "aiohttp + msgspec",
    "devrev-async",
    "aiohttp + msgspec, works kept",
    "devrev-async, get_many",
)


def gets(base: str, rounds: int, clients: Iterable[str] = GETTERS) -> Samples:
    return _turns(rounds, clients, "gets", f"{base}/plain/compact", "--count", "2000")


def imports(rounds: int) -> Samples:
    """CPU seconds of a fresh interpreter, less those of one that imports nothing; all bytecode is there beforehand."""
    samples: Samples = {name: [] for name in ("nothing", *IMPORTS)}
    with tempfile.TemporaryDirectory() as cache:
        for turn in range(rounds + 1):
            for name in samples:
                _say(f"import {name}")
                sample = _quietly(partial(_measure_import, IMPORTS.get(name, "pass"), cache))
                if turn:  # the first one compiles
                    samples[name].append(sample)
    nothing = statistics.median(sample["cpu"] for sample in samples.pop("nothing"))
    return {name: [{**sample, "cpu": sample["cpu"] - nothing} for sample in found] for name, found in samples.items()}


def _measure_import(code: str, cache: str) -> Sample:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    _python("-c", code, PYTHONPYCACHEPREFIX=cache)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {"cpu": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime}


def growth(sizes: Iterable[int], rounds: int, *, latency: float = 0.0) -> dict[str, Samples]:
    measured: dict[str, Samples] = {}
    for size in sizes:
        _say(f"a sandbox of {size} works")
        with serve("benchmarks.backend", str(size), "--latency", str(latency)) as line:
            url, token = line.split()
            samples: Samples = {"export_all": [], "by hand": []}
            for _ in range(rounds):
                for way, found in samples.items():
                    what = way.replace(" ", "_")
                    found.append(_quietly(partial(_measure, what, token, url, "--count", str(size))))
        measured[str(size)] = samples
    return measured


def quota() -> Sample:
    """600 gets at 60 a window of 3 s: the last ones can go out when nine windows have passed."""
    with serve("benchmarks.backend", "100", "--quota", "60", "--window", "3") as line:
        url, token = line.split()
        return {**_measure("quota", token, url, "--count", "600"), "ideal": 27.0}


def measure_all(quick: bool) -> dict[str, Any]:
    rounds = 2 if quick else 9
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _say("making payloads")
        payload.write(folder)
        with serve("benchmarks.server", str(folder)) as port:
            base = f"http://127.0.0.1:{port}"
            data: dict[str, Any] = {
                # first what a single theft of 20 ms spoils: the repeats are for these
                "stalls": stalls(base, 2 if quick else 5),
                "tails": tails(base, 1 if quick else 3),
                "exports": exports(base, rounds),
                "close": close(base, 3 if quick else 25),
                **small(base, quick),
            }
    data["growth"] = growth((5_000, 20_000) if quick else (5_000, 20_000, 100_000, 200_000), 1 if quick else 3)
    data["distant"] = growth((20_000,) if quick else (100_000,), 1, latency=0.2)
    data["quota"] = quota()
    return data


def small(base: str, quick: bool) -> dict[str, Any]:
    """The parts that take a minute or two."""
    return {
        "gets": gets(base, 2 if quick else 5),
        "close gets": gets(base, 3 if quick else 25, CLOSE_GETTERS),
        "imports": imports(3 if quick else 15),
    }


def measure_small_again(path: Path) -> dict[str, Any]:
    """The samples of an earlier run, with its small parts measured anew."""
    data: dict[str, Any] = json.loads(path.read_text())
    with tempfile.TemporaryDirectory() as name:
        payload.write(Path(name))
        with serve("benchmarks.server", name) as port:
            again = small(f"http://127.0.0.1:{port}", quick=False)
    data["machine"]["again"] = list(again)
    return {**data, **again}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("--quick", action="store_true", help="fewer turns and a smaller growth; writes no files")
    parser.add_argument("--again", action="store_true", help="only works.get and the import, into today's results")
    given = parser.parse_args()
    quick: bool = given.quick
    stamp = datetime.now(UTC).strftime("%Y-%m-%d")
    results = HERE / "results" / stamp
    started, load = time.time(), os.getloadavg()[0]
    data = measure_small_again(results.with_suffix(".json")) if given.again else measure_all(quick)
    data.setdefault("machine", {
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "load": [round(load, 1), round(os.getloadavg()[0], 1)],
        "seconds": round(time.time() - started),
        "command": "python -m benchmarks" + (" --quick" if quick else ""),
    })  # fmt: skip
    _say("")
    text = report.table(data)
    print(text)
    if not quick:
        results.parent.mkdir(exist_ok=True)
        results.with_suffix(".json").write_text(json.dumps(data, indent=1))
        report.plot(data, results.with_suffix(".png"))
        report.into_readme(text, stamp, HERE / "README.md")


if __name__ == "__main__":
    main()
