"""`works sync` as a process: what it prints, where, and how it ends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from devrev_async.sandbox import Sandbox
from devrev_async.sandbox.server import run_in_thread


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with run_in_thread(Sandbox(works=40)) as running:
        yield running


def sync(sandbox: Sandbox, folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "DEVREV_TOKEN": sandbox.token, "DEVREV_BASE_URL": sandbox.url}
    command = [
        sys.executable,
        "-m",
        "devrev_async.cli",
        "works",
        "sync",
        "--state",
        "state.json",
        "-o",
        "out",
        *options,
    ]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=60)


def test_a_run_says_what_it_wrote_and_one_with_nothing_new_is_one_line_and_no_failure(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    first = sync(sandbox, tmp_path)
    assert (first.returncode, first.stdout) == (0, "")
    assert first.stderr.startswith("first run: there is no state in state.json")
    assert "40 works in out/works-000001.jsonl" in first.stderr
    idle = sync(sandbox, tmp_path)
    assert (idle.returncode, idle.stdout, len(idle.stderr.splitlines())) == (0, "", 1)
    assert idle.stderr.startswith("nothing new (until ")


def test_the_last_line_can_be_json(sandbox: Sandbox, tmp_path: Path) -> None:
    numbers = json.loads(sync(sandbox, tmp_path, "--json", "--format", "jsonl.gz").stderr.splitlines()[-1])
    assert (numbers["works"], numbers["new"], numbers["run"], numbers["complete"]) == (40, 40, 1, True)
    assert numbers["file"] == "out/works-000001.jsonl.gz"
    assert numbers["requests"] <= 3


def test_compare_prints_ids_on_stdout_one_json_object_a_line(sandbox: Sandbox, tmp_path: Path) -> None:
    sync(sandbox, tmp_path)
    gone, stale = sandbox.ids()[0], sandbox.ids()[1]
    sandbox.delete(gone)
    sandbox.update(stale, {"title": "changed by the system"}, touch=False)
    done = sync(sandbox, tmp_path, "--compare")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert lines == [{"id": gone, "found": "missing"}, {"id": stale, "found": "differing"}]
    assert (done.returncode, "1 missing, 1 differing" in done.stderr) == (0, True)


def test_r18_a_compare_that_cannot_end_prints_nothing_and_fails(sandbox: Sandbox, tmp_path: Path) -> None:
    sync(sandbox, tmp_path)
    sandbox.delete(sandbox.ids()[0])
    exports: list[object] = []

    def fail(request: object) -> None:
        exports.append(request)
        if len(exports) == 3:  # the window, the work that shows the organisation, and then the listing
            sandbox.fail_next("works.export", status=503, times=99)

    sandbox.on_request(fail, "works.export")
    done = sync(sandbox, tmp_path, "--compare", "--max-retries", "0")
    assert (done.returncode, done.stdout) == (1, "")


def test_a_state_that_is_refused_ends_with_1_and_says_what_to_do(sandbox: Sandbox, tmp_path: Path) -> None:
    sync(sandbox, tmp_path, "--type", "ticket")
    done = sync(sandbox, tmp_path, "--type", "issue")
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (1, "", 1)
    assert "another query" in done.stderr
    assert "--full-refresh" in done.stderr
    (tmp_path / "state.json").write_bytes(b"")
    assert sync(sandbox, tmp_path, "--type", "ticket").returncode == 1
    assert sync(sandbox, tmp_path, "--type", "ticket", "--full-refresh").returncode == 0


def test_usage(sandbox: Sandbox, tmp_path: Path) -> None:
    assert sync(sandbox, tmp_path, "--format", "xml").returncode == 2
    assert sync(sandbox, tmp_path, "--overlap", "-1").returncode == 2
    assert (
        sync(
            sandbox, tmp_path, "--filter", 'created_date={"type":"preset","preset_type":"last_n_days","days":1}'
        ).returncode
        == 2
    )
    assert sync(sandbox, tmp_path, "--modified-after", "2026-01-01").returncode == 2
    assert list(tmp_path.iterdir()) == []


def test_works_of_a_state_can_be_asked_for(sandbox: Sandbox, tmp_path: Path) -> None:
    done = sync(sandbox, tmp_path, "--filter", 'state=["closed"]', "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "state.json").read_bytes())["query"] == {"state": ["closed"]}
    assert 0 < json.loads(done.stderr.splitlines()[-1])["works"] < 40


def test_a_sandbox_of_its_own_can_be_synced_twice(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "devrev_async.cli", "works", "sync", "--sandbox", "--sandbox-works", "50"]
    command += ["--state", "state.json", "-o", "out"]
    for run in range(2):
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stderr
        assert ("nothing new" in done.stderr) is (run == 1)
