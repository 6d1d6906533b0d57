"""`list ENDPOINT -o FILE`: what a list endpoint has, as the API sends it, in a file that appears whole."""

from __future__ import annotations

import gzip
import json
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from devrev_async.sandbox import Sandbox

from .conftest import SMALL, Command, Ended

Here = Callable[..., Ended]


@pytest.mark.parametrize("endpoint", ["parts.list", "dev-users.list", "rev-users.list", "accounts.list", "tags.list"])
def test_every_item_is_a_line(here: Here, sandbox: Sandbox, tmp_path: Path, endpoint: str) -> None:
    ended = here("list", endpoint, "-o", "items.jsonl", "--body", '{"limit": 7}')
    assert (ended.code, ended.stdout) == (0, b"")
    items = [json.loads(line) for line in (tmp_path / "items.jsonl").read_bytes().splitlines()]
    assert ended.error.startswith(f"{len(items)} items of {endpoint} in items.jsonl (")
    assert len({item["id"] for item in items}) == len(items) > 7
    asked = [request.json for request in sandbox.requests]
    assert [body["limit"] for body in asked if body] == [7] * len(asked)
    assert here("list", endpoint, "-o", "-").works == items


def test_works_are_listed_without_loss(here: Here, sandbox: Sandbox) -> None:
    odd = sandbox.add({"type": "issue", "title": "x", "of_tomorrow": {"a": [1.50, 1e2]}, "tags": None})
    assert next(work for work in here("list", "works.list", "-o", "-").works if work["id"] == odd) == sandbox.get(odd)


def test_gzip_and_the_line_of_numbers(here: Here, tmp_path: Path) -> None:
    ended = here("list", "tags.list", "-o", "tags.jsonl.gz", "--json", "--body", '{"limit": 3}', *SMALL)
    numbers: dict[str, Any] = json.loads(ended.error)
    items = gzip.decompress((tmp_path / "tags.jsonl.gz").read_bytes()).splitlines()
    assert numbers["items"] == len(items)
    assert numbers["requests"] == -(-len(items) // 3)
    assert (numbers["complete"], numbers["output"]) == (True, "tags.jsonl.gz")
    limited = here("list", "tags.list", "-o", "-", "--limit", "2", "--json", *SMALL)
    assert len(limited.works) == 2
    assert json.loads(limited.error)["complete"] is False


@pytest.mark.parametrize("name", ["none.jsonl", "none.jsonl.gz"])
def test_no_items_are_a_valid_file(here: Here, tmp_path: Path, name: str) -> None:
    assert here("list", "works.list", "-o", name, "--sandbox", "--sandbox-works", "0").code == 0
    data = (tmp_path / name).read_bytes()
    assert (gzip.decompress(data) if name.endswith("gz") else data) == b""


def test_a_failure_leaves_what_was_there(here: Here, sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "items.jsonl").write_text("before")
    sandbox.fail_next("tags.list", status=None)
    sandbox.fail_next("tags.list", status=403)
    ended = here("list", "tags.list", "-o", "items.jsonl", "--body", '{"limit": 2}')
    assert ended.code == 4
    assert (tmp_path / "items.jsonl").read_text() == "before"
    assert [path.name for path in tmp_path.iterdir()] == ["items.jsonl"]


def test_ctrl_c_leaves_nothing(command: Command, sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.fail_next("tags.list", status=None)
    sandbox.fail_next("tags.list", status=None, delay=30)
    process = command.start("list", "tags.list", "-o", "items.jsonl", "--body", '{"limit": 2}')
    deadline = time.monotonic() + 20
    while sandbox.request_count < 2:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == 130
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (["tags", "-o", "-"], 2, "endpoint"),
        (["tags.get", "-o", "-"], 2, "no *.list endpoint"),
        (["nothing-such.list", "-o", "-"], 1, "404"),
        (["tags.list", "-o", "x.csv"], 2, ".jsonl"),
        (["tags.list", "-o", "missing/x.jsonl"], 2, "does not exist"),
        (["tags.list", "-o", "-", "--body", "[1]"], 2, "JSON object"),
        (["tags.list", "-o", "-", "--body", '{"no_such_field": 1}'], 2, "400"),
        (["tags.list", "-o", "-", "--items", "things"], 1, 'no array "things"'),
    ],
)
def test_what_cannot_be_listed_is_said_in_one_line(
    here: Here, sandbox: Sandbox, args: list[str], code: int, words: str
) -> None:
    ended = here("list", *args)
    assert (ended.code, ended.stdout) == (code, b"")
    assert words in ended.error


def test_the_example_of_the_help_runs(here: Here, sandbox: Sandbox, tmp_path: Path) -> None:
    assert "Example: devrev-async list dev-users.list -o users.jsonl" in here("list", "--help").stdout.decode()
    assert here("list", "dev-users.list", "-o", "users.jsonl").code == 0
    assert (tmp_path / "users.jsonl").exists()


def test_the_numbers_of_a_listing_that_fails(here: Here, sandbox: Sandbox) -> None:
    sandbox.fail_next("parts.list", status=403)
    ended = here("list", "parts.list", "-o", "parts.jsonl", "--json")
    error, line = ended.stderr.splitlines()
    assert (ended.code, error.startswith("error: parts.list: 403")) == (4, True)
    numbers = json.loads(line)
    assert (numbers["items"], numbers["requests"], numbers["complete"]) == (0, 1, False)
