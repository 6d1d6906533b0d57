"""An earlier commit beside this working tree, in one run: ``python -m benchmarks.earlier REVISION``.

Both are measured by this very folder, in turns, against the same servers. What is printed are medians of the ratios
within one turn, this working tree over the earlier commit: above 1 means that more is used now.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

from . import payload
from .__main__ import HERE, ROOT, Sample, serve

Row: TypeAlias = tuple[str, tuple[str, ...], tuple[str, ...]]
"""What it is called, the arguments of `benchmarks.measure`, and what of its result is compared."""

WORK = ("wall", "cpu", "peak")


@contextmanager
def _checkout(revision: str) -> Generator[Path, None, None]:
    """A working tree of the revision, whose benchmarks are those of this one."""
    with tempfile.TemporaryDirectory() as name:
        tree = Path(name) / "earlier"
        subprocess.run(["git", "worktree", "add", "--quiet", "--detach", tree, revision], cwd=ROOT, check=True)
        try:
            shutil.rmtree(tree / "benchmarks")
            shutil.copytree(HERE, tree / "benchmarks")
            yield tree
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", tree], cwd=ROOT, check=True)


def _measure(tree: Path, arguments: Iterable[str]) -> Sample:
    command = [sys.executable, "-m", "benchmarks.measure", *arguments]
    done = subprocess.run(command, cwd=tree, check=True, stdout=subprocess.PIPE, text=True)
    result: Sample = json.loads(done.stdout)
    return result


def _compare(trees: tuple[Path, Path], rows: Iterable[Row], turns: int) -> None:
    for name, arguments, keys in rows:
        pairs: list[tuple[Sample, Sample]] = []
        for turn in range(turns):
            first = turn % 2  # neither is always the one that finds the machine warm
            found = {tree: _measure(tree, arguments) for tree in (trees if first else trees[::-1])}
            pairs.append((found[trees[0]], found[trees[1]]))
        for key in keys:
            now, before = (statistics.median(pair[side][key] for pair in pairs) for side in (0, 1))
            ratio = statistics.median(pair[0][key] / pair[1][key] if pair[1][key] else 1.0 for pair in pairs)
            print(f"| {name}, {key} | {ratio:.3f} | {now:.6g} | {before:.6g} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.earlier")
    parser.add_argument("revision")
    parser.add_argument("--turns", type=int, default=9)
    given = parser.parse_args()
    print(f"| what | now, of {given.revision}'s | now | then |\n|---|---|---|---|")
    with _checkout(given.revision) as earlier, tempfile.TemporaryDirectory() as name:
        trees = (ROOT, earlier)
        payload.write(Path(name))
        with serve("benchmarks.server", name) as port:
            base = f"http://127.0.0.1:{port}"
            export = ("wall", "cpu", "peak_above_result", "held")
            rows: list[Row] = [
                (f"export, {wire}", ("export", "devrev-async export", f"{base}/{wire}/compact"), export)
                for wire in ("plain", "gzip", "chunked")
            ]
            plain = f"{base}/plain/compact"
            rows += [
                ("export_stream", ("export", "devrev-async export_stream", plain), ("first", *export)),
                ("stall beside an export", ("stall", "devrev-async export", plain), ("stall", "busy")),
                *((client, ("gets", client, plain, "--count", "2000"), ("wall", "cpu"))
                  for client in ("devrev-async", "devrev-async, get_many")),
            ]  # fmt: skip
            _compare(trees, rows, given.turns)
        for size in (5_000, 100_000):
            with serve("benchmarks.backend", str(size)) as line:
                url, token = line.split()
                row = (f"export_all, {size} works", ("export_all", token, url, "--count", str(size)), WORK)
                _compare(trees, [row], 3)


if __name__ == "__main__":
    main()
