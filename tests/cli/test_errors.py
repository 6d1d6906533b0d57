"""Each failure is one line on stderr, nothing on stdout, and its exit code."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from .conftest import SMALL, Command, Ended

if TYPE_CHECKING:
    from devrev_async.sandbox import Sandbox

Here = Callable[..., Ended]


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["works", "export", *SMALL], "Missing option '--output' / '-o' (see devrev-async works export --help)"),
        (["works"], "Missing command (see devrev-async works --help)"),
        (["nope"], "No such command 'nope'"),
        (["works", "count", "--nope"], "No such option"),
        (["works", "count", "--created-after", "soon", *SMALL], "--created-after takes a date or a time"),
        (["works", "count", "--type", "nonsense", *SMALL], "works.count: 400 invalid_enum_value"),
        (["works", "count", "--filter", "type=[1]", *SMALL], "type"),
        (["works", "count", "--filter", "issue=5", *SMALL], "issue takes a JSON object, not an int"),
        (["works", "count", "--filter", 'created_date="2025"', *SMALL], "created_date takes a JSON object, not a str"),
        (["works", "count", "--filter", "created_date={}", *SMALL], "missing required field `type`\n"),
        (["works", "get", "a b", *SMALL], "error: id: an id has no white space"),
        (["works", "export", "-o", "x.xlsx", *SMALL], "error: -o takes a file that ends in one of .jsonl, .jsonl.gz, "),
        (["works", "export", "-o", "x.xlsx", *SMALL], "not 'x.xlsx'; or say --format"),
        (
            ["works", "export", "-o", "x", "--format", "xlsx", *SMALL],
            "error: --format takes one of jsonl, jsonl.gz, csv",
        ),
        (["works", "export", "-o", "x.csv", "--columns", "id,titel", *SMALL], "'titel'"),
        (["works", "export", "-o", "x.parquet", "--depth", "none", *SMALL], "--depth takes a number"),
        (["works", "export", "-o", "x.jsonl", "--columns", "id", *SMALL], "error: --columns is for csv and parquet"),
        (["works", "export", "-o", "x.jsonl", "--csv-safe", *SMALL], "error: --csv-safe is for csv"),
        (["list", "parts.get", "-o", "x.jsonl", *SMALL], "no *.list endpoint; --items says"),
        (
            ["schema", "--for", "pandas"],
            "error: Invalid value for '--for': 'pandas' is not one of 'duckdb', 'polars', 'arrow'",
        ),
        (["schema", "--for", "duckdb", "--depth", "0"], "error: --depth takes at least 1"),
        (["schema", "--for", "duckdb", "--depth", "deep"], "error: --depth takes a number of at least 1, or all"),
        (["works", "sync", "--state", "s", "-o", ".", "--overlap", "1e14", *SMALL], "--overlap takes fewer seconds"),
        (["schema"], "error: Missing option '--for'. Choose from: duckdb, polars, arrow"),
        (["sandbox", "--token", ""], "error: --token is empty"),
        (["sandbox", "--token", "a b"], "error: --token takes printable ASCII"),
        (["works", "export", "-o", "-", "--columns", "id", *SMALL], "--columns needs a file"),
    ],
)
def test_a_mistaken_call_is_one_line_and_leaves_no_file(here: Here, tmp_path: Path, args: list[str], said: str) -> None:
    ended = here(*args)
    assert (ended.code, ended.stdout) == (2, b"")
    assert ended.error.startswith("error: ")
    assert said in f"{ended.error.rstrip()}\n"
    assert list(tmp_path.iterdir()) == []


def test_a_target_that_cannot_be_is_refused_before_any_request(here: Here, sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "folder.jsonl").mkdir()
    for target, said in [("folder.jsonl", "is a folder"), ("missing/x.jsonl", "does not exist")]:
        ended = here("works", "export", "-o", target)
        assert ended.code == 2
        assert said in ended.error
    assert sandbox.request_count == 0


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_is_not_writable(command: Command, sandbox: Sandbox) -> None:
    folder = command.folder / "locked"
    folder.mkdir(mode=0o500)
    ended = command("works", "export", "-o", "locked/x.jsonl")
    assert ended.code == 2
    assert "not writable" in ended.error
    assert sandbox.request_count == 0


@pytest.mark.parametrize(
    ("token", "said"),
    [("", "no token: set DEVREV_TOKEN"), ("of another", "the token holds white space"), ("wrong", "works.export: 401")],
)
def test_authorisation(
    here: Here, sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, token: str, said: str
) -> None:
    monkeypatch.setenv("DEVREV_TOKEN", token)
    ended = here("works", "export", "-o", "works.jsonl")
    assert (ended.code, ended.stdout) == (4, b"")
    assert said in ended.error
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_token_is_said_once(here: Here, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEVREV_TOKEN", "wrong")
    ended = here("works", "get", "ISS-1", "ISS-2", "ISS-3")
    assert ended.code == 4
    assert "works.get: 401" in ended.error


def test_a_right_that_is_missing(here: Here, sandbox: Sandbox) -> None:
    sandbox.fail_next("works.update", status=403)
    ended = here("works", "update", "ISS-1", "--set", "title=x")
    assert ended.code == 4
    assert "works.update: 403" in ended.error


def test_no_server(here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEVREV_TOKEN", "x")
    with socket.socket() as taken:  # bound, and nobody listens
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        for args in (["works", "get", "ISS-1", "ISS-2"], ["works", "export", "-o", "works.jsonl"]):
            ended = here(*args, "--base-url", url, "--max-retries", "0")
            assert (ended.code, ended.stdout) == (1, b"")
            assert "connect" in ended.error.lower()
    assert list(tmp_path.iterdir()) == []


def test_a_base_url_that_would_show_the_token(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEVREV_TOKEN", "secret-1")
    ended = here("works", "count", "--base-url", "http://example.com")
    assert ended.code == 2
    assert "use https" in ended.error
    assert "secret-1" not in ended.error


@pytest.mark.parametrize(
    ("status", "fields"),
    [
        (400, {"type": "invalid_enum_value", "allowed_values": ["x" * 9] * 5000}),
        (400, {"type": "invalid_field", "field_name": "x" * 50_000, "message": "y" * 10_000}),
        (500, {"type": "internal_error", "reference_id": "x" * 60_000}),
    ],
)
def test_a_server_that_says_very_much(here: Here, sandbox: Sandbox, status: int, fields: dict[str, object]) -> None:
    sandbox.fail_next("works.count", status=status, body=json.dumps(fields))
    ended = here("works", "count", "--max-retries", "0")
    assert f"works.count: {status} {fields['type']}" in ended.error
    assert len(ended.error) < 2500


def test_a_server_that_fails(here: Here, sandbox: Sandbox) -> None:
    sandbox.fail_next("works.count", status=500)
    ended = here("works", "count", "--max-retries", "0")
    assert ended.code == 1
    assert "works.count: 500" in ended.error


def test_without_the_extra(command: Command) -> None:
    code = "import sys; sys.modules['typer'] = None; from devrev_async.cli import main; sys.exit(main(['--version']))"
    done = subprocess.run(
        [sys.executable, "-c", code], env=command.env, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "error: the command needs its extra: pip install 'devrev-async[cli]'\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_under_stdout(command: Command) -> None:
    with Path("/dev/full").open("wb") as full:
        ended = command("works", "export", "-o", "-", *SMALL, stdout=full)
    assert ended.code == 1
    assert ended.error == "error: stdout: No space left on device"
