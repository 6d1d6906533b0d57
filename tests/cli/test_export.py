"""Exports into files: whole or not at all, and on from where they stopped."""

from __future__ import annotations

import contextlib
import gzip
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from devrev_async.sandbox import Quirks, Sandbox, run_in_thread

from .conftest import SMALL, Command, Ended

Here = Callable[..., Ended]

CAP = 1100
"""So many works fit an answer: more than are written at once."""

MANY = 3 * CAP

posix = pytest.mark.skipif(sys.platform == "win32", reason="signals and limits of POSIX")


def works() -> list[dict[str, Any]]:
    start = datetime(2024, 1, 1, tzinfo=UTC)
    return [
        {"type": "issue", "title": f"work {n}", "created_date": (start + timedelta(minutes=n)).isoformat()}
        for n in range(MANY)
    ]


@contextlib.contextmanager
def serving(command: Command, *, port: int = 0) -> Generator[Sandbox]:
    sandbox = Sandbox(works=works(), token="sandbox-of-the-tests", port=port, quirks=Quirks(cap=CAP))
    with run_in_thread(sandbox):
        command.env.update({"DEVREV_BASE_URL": sandbox.url, "DEVREV_TOKEN": sandbox.token})
        yield sandbox


def port_of(sandbox: Sandbox) -> int:
    return int(sandbox.url.rpartition(":")[2])


def hang_after(sandbox: Sandbox, answers: int) -> None:
    sandbox.fail_next("*", status=None, times=answers)
    sandbox.fail_next("*", status=None, delay=600, times=1000)


def wait_for(path: Path, process: subprocess.Popen[bytes]) -> None:
    wait_until(path.exists, process)


def wait_until(condition: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)


def cut_off(command: Command, target: Path, how: int) -> tuple[int, subprocess.Popen[bytes]]:
    """Start an export, end it in the middle by a signal, and tell where its server listened."""
    with serving(command) as sandbox:
        hang_after(sandbox, 3)
        process = command.start("works", "export", "-o", target.name)
        wait_for(target.with_name(f".{target.name}.part.state"), process)
        process.send_signal(how)
        process.wait(timeout=30)
        return port_of(sandbox), process


def ids_in(path: Path) -> list[str]:
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    assert data.endswith(b"\n")
    return [json.loads(line)["id"] for line in data.splitlines()]


def files_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@posix
@pytest.mark.parametrize(("name", "how"), [("works.jsonl", signal.SIGINT), ("works.jsonl.gz", signal.SIGKILL)])
def test_an_export_that_was_cut_off_goes_on(command: Command, name: str, how: int) -> None:
    target = command.folder / name
    port, process = cut_off(command, target, how)
    assert process.stderr is not None
    said = process.stderr.read().decode()
    if how == signal.SIGINT:
        assert process.returncode == 130
        assert said.startswith("interrupted; ")
        assert said.endswith(f"works are kept; to go on: devrev-async works export -o {name}\n")
        assert said.count("\n") == 1
    part, state = f".{name}.part", f".{name}.part.state"
    assert set(files_in(command.folder)) - {f".{name}.part.lock"} == {part, state}
    kept = json.loads((command.folder / state).read_bytes())["works"]
    with (command.folder / part).open("ab") as torn:
        torn.write(b'{"id": "half a wor')  # as a crash leaves it, in the middle of a batch
    with serving(command, port=port) as sandbox:
        ended = command("works", "export", "-o", name)
        assert ended.code == 0
        lines = ended.stderr.splitlines()
        assert lines[0] == f"going on after {kept} works"  # that were synced before the process ended
        assert lines[1].startswith(f"{MANY} works in {name} (")
        exported = ids_in(target)
        assert len(exported) == MANY
        assert sorted(exported) == sorted(sandbox.ids())
    assert files_in(command.folder) == [name]


@posix
def test_other_filters_start_anew(command: Command) -> None:
    target = command.folder / "works.jsonl"
    port, _ = cut_off(command, target, signal.SIGKILL)
    with serving(command, port=port):
        ended = command("works", "export", "-o", target.name, "--created-before", "2024-01-01T01:00:00Z")
    assert ended.code == 0
    lines = ended.stderr.splitlines()
    assert lines[0].startswith("warning: works.jsonl: starts anew, because what is kept is of another query")
    assert lines[1].startswith("61 works in works.jsonl")
    assert len(ids_in(target)) == 61
    assert files_in(command.folder) == [target.name]


@posix
def test_a_disk_that_fills_up(command: Command) -> None:
    args = ["works", "export", "-o", "works.jsonl", "--sandbox", "--sandbox-works", "2400"]
    run = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (7 << 20, 7 << 20));"
        "from devrev_async.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", run, *args],
        cwd=command.folder, env=command.env, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.startswith("error: works.jsonl: File too large; ")
    assert done.stderr.endswith(f"works are kept; to go on: devrev-async {' '.join(args)}\n")
    assert done.stderr.count("\n") == 1
    assert not (command.folder / "works.jsonl").exists()
    ended = command(*args)
    assert ended.code == 0
    assert ended.stderr.startswith("going on after ")
    assert len(set(ids_in(command.folder / "works.jsonl"))) == 2400


def test_a_failure_keeps_the_older_file(here: Here, sandbox: Sandbox, tmp_path: Path) -> None:
    target = tmp_path / "works.jsonl"
    target.write_text("older\n")
    target.chmod(0o600)
    sandbox.fail_next("*", status=500)
    ended = here("works", "export", "-o", target.name, "--max-retries", "0")
    assert ended.code == 1
    assert target.read_text() == "older\n"
    assert files_in(tmp_path) == [target.name]
    assert here("works", "export", "-o", target.name).code == 0
    assert len(ids_in(target)) == len(sandbox)
    assert target.stat().st_mode & 0o777 == 0o600


@posix
def test_two_exports_do_not_write_one_file(command: Command) -> None:
    target = command.folder / "works.jsonl"
    with serving(command) as sandbox:
        hang_after(sandbox, 3)
        first = command.start("works", "export", "-o", target.name)
        wait_for(target.with_name(".works.jsonl.part.state"), first)
        ended = command("works", "export", "-o", target.name)
        assert ended.code == 1
        assert ended.error == "error: works.jsonl: another export is writing this file"
        first.kill()


@posix
def test_a_link_is_followed(here: Here, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    link = tmp_path / "works.jsonl"
    link.symlink_to(tmp_path / "there" / "real.jsonl")
    assert here("works", "export", "-o", link.name, *SMALL).code == 0
    assert link.is_symlink()
    assert files_in(tmp_path / "there") == ["real.jsonl"]
    assert len(ids_in(link)) == 60


@pytest.mark.parametrize("name", ["none.jsonl", "none.jsonl.gz"])
def test_no_works_are_a_file_too(here: Here, tmp_path: Path, name: str) -> None:
    ended = here("works", "export", "-o", name, "--created-before", "1999-01-01", *SMALL)
    assert ended.code == 0
    assert ended.error.startswith(f"0 works in {name}")
    data = (tmp_path / name).read_bytes()
    assert (gzip.decompress(data) if name.endswith(".gz") else data) == b""


def test_a_limit(here: Here, tmp_path: Path) -> None:
    ended = here("works", "export", "-o", "some.jsonl", "--limit", "7", *SMALL)
    assert ended.error.startswith("7 works in some.jsonl")
    assert len(set(ids_in(tmp_path / "some.jsonl"))) == 7
