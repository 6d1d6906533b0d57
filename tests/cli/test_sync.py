"""`works sync`: what it prints, where, and how it ends."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from devrev_async.sandbox import Sandbox
from devrev_async.sandbox.server import run_in_thread

from .conftest import Ended

Here = Callable[..., Ended]


@pytest.fixture
def sandbox(no_account: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    with run_in_thread(Sandbox(works=40)) as running:
        monkeypatch.setenv("DEVREV_TOKEN", running.token)
        monkeypatch.setenv("DEVREV_BASE_URL", running.url)
        yield running


@pytest.fixture
def sync(here: Here) -> Here:
    """Runs `works sync` with these options."""

    def run(*options: str) -> Ended:
        return here("works", "sync", "--state", "state.json", "-o", "out", *options)

    return run


def test_a_run_says_what_it_wrote_and_one_with_nothing_new_is_one_line_and_no_failure(
    sync: Here, sandbox: Sandbox, tmp_path: Path
) -> None:
    first = sync()
    assert (first.code, first.stdout) == (0, b"")
    assert first.stderr.startswith("first run: there is no state in state.json")
    assert "40 works in out/works-000001.jsonl" in first.stderr
    idle = sync()
    assert (idle.code, idle.stdout, len(idle.stderr.splitlines())) == (0, b"", 1)
    assert idle.stderr.startswith("nothing new (until ")


def test_the_last_line_can_be_json(sync: Here, sandbox: Sandbox, tmp_path: Path) -> None:
    numbers = json.loads(sync("--json", "--format", "jsonl.gz").stderr.splitlines()[-1])
    assert (numbers["works"], numbers["new"], numbers["run"], numbers["complete"]) == (40, 40, 1, True)
    assert numbers["file"] == "out/works-000001.jsonl.gz"
    assert numbers["requests"] <= 3


def test_compare_prints_ids_on_stdout_one_json_object_a_line(sync: Here, sandbox: Sandbox, tmp_path: Path) -> None:
    sync()
    gone, stale = sandbox.ids()[0], sandbox.ids()[1]
    sandbox.delete(gone)
    sandbox.update(stale, {"title": "changed by the system"}, touch=False)
    done = sync("--compare")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert lines == [{"id": gone, "found": "missing"}, {"id": stale, "found": "differing"}]
    assert (done.code, "1 missing, 1 differing" in done.stderr) == (0, True)


def test_r18_a_compare_that_cannot_end_prints_nothing_and_fails(sync: Here, sandbox: Sandbox, tmp_path: Path) -> None:
    sync()
    sandbox.delete(sandbox.ids()[0])
    exports: list[object] = []

    def fail(request: object) -> None:
        exports.append(request)
        if len(exports) == 3:  # the window, the work that shows the organisation, and then the listing
            sandbox.fail_next("works.export", status=503, times=99)

    sandbox.on_request(fail, "works.export")
    done = sync("--compare", "--max-retries", "0")
    assert (done.code, done.stdout) == (1, b"")


def test_a_state_that_is_refused_ends_with_1_and_says_what_to_do(sync: Here, sandbox: Sandbox, tmp_path: Path) -> None:
    sync("--type", "ticket")
    done = sync("--type", "issue")
    assert (done.code, done.stdout, len(done.stderr.splitlines())) == (1, b"", 1)
    assert "another query" in done.stderr
    assert "--full-refresh" in done.stderr
    (tmp_path / "state.json").write_bytes(b"")
    assert sync("--type", "ticket").code == 1
    assert sync("--type", "ticket", "--full-refresh").code == 0


def test_a_mistaken_call_ends_with_2_and_leaves_no_file(sync: Here, sandbox: Sandbox, tmp_path: Path) -> None:
    assert sync("--format", "xml").code == 2
    assert sync("--overlap", "-1").code == 2
    assert sync("--filter", 'created_date={"type":"preset","preset_type":"last_n_days","days":1}').code == 2
    assert sync("--modified-after", "2026-01-01").code == 2
    assert list(tmp_path.iterdir()) == []


def test_works_of_a_state_can_be_asked_for(sync: Here, sandbox: Sandbox, tmp_path: Path) -> None:
    done = sync("--filter", 'state=["closed"]', "--json")
    assert done.code == 0, done.stderr
    assert json.loads((tmp_path / "state.json").read_bytes())["query"] == {"state": ["closed"]}
    assert 0 < json.loads(done.stderr.splitlines()[-1])["works"] < 40


def test_a_sandbox_of_its_own_can_be_synced_twice(sync: Here) -> None:
    for run in range(2):
        ended = sync("--sandbox", "--sandbox-works", "50")
        assert ended.code == 0, ended.stderr
        assert ("nothing new" in ended.stderr) is (run == 1)
