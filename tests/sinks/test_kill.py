"""Kill -9 at random moments, twenty times over, then one run to the end: every format equals an undisturbed run."""

from __future__ import annotations

import csv
import gzip
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet

from devrev_async.sandbox import Quirks, Sandbox, run_in_thread

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="forks"),
    pytest.mark.timeout(240),
]

KILLS = 20


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """Answers in small pages, so that there are many moments between two of them."""
    with run_in_thread(Sandbox(works=800, seed=11, quirks=Quirks(cap=80))) as serving:
        yield serving


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("works.jsonl", {}),
        ("works.jsonl.gz", {}),
        ("works.csv", {}),
        ("works.parquet", {}),
        ("works.parquet", {"rows_per_file": 250}),
    ],
)
def test_twenty_kills(sandbox: Sandbox, tmp_path: Path, name: str, options: dict[str, Any]) -> None:
    folder = tmp_path / "there"
    folder.mkdir()
    done = subprocess.run(
        [
            *(sys.executable, "-m", "tests.sinks.killed_child", sandbox.url, sandbox.token, str(folder / name)),
            *(json.dumps(options), str(KILLS), "7"),
        ],
        cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False, timeout=200,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["killed"] == KILLS
    assert told["parts"] > 0, "no kill struck in the middle"
    files = sorted(path.name for path in folder.iterdir())
    assert files == sorted(path.name.removeprefix("undisturbed-") for path in tmp_path.glob("undisturbed-*"))
    assert all(not file.startswith(".") for file in files)
    ours = sorted(row for file in files for row in rows_of(folder / file))
    assert ours == sorted(row for path in tmp_path.glob("undisturbed-*") for row in rows_of(path))
    assert len(ours) == len(sandbox)


def rows_of(path: Path) -> list[str]:
    """The rows of a file as text, in any order."""
    if path.name.endswith(".parquet"):
        return [repr(row) for row in parquet.read_table(path).to_pylist()]
    if path.name.endswith(".csv"):
        csv.field_size_limit(1 << 24)
        with path.open(newline="", encoding="utf-8") as file:
            return [json.dumps(row) for row in csv.DictReader(file)]
    data = path.read_bytes()
    return (gzip.decompress(data) if path.name.endswith(".gz") else data).decode().splitlines()
