"""get, update, count, and an export to stdout: what goes where, and the exit code."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from devrev_async.sandbox import Sandbox

from .conftest import SMALL, Command, Ended

if TYPE_CHECKING:
    from pathlib import Path

Here = Callable[..., Ended]


def test_get_prints_works_in_the_order_asked_for(here: Here) -> None:
    ended = here("works", "get", "TKT-1", "ISS-1", "TKT-1", *SMALL)
    assert (ended.code, ended.stderr) == (0, "")
    assert [work["display_id"] for work in ended.works] == ["TKT-1", "ISS-1", "TKT-1"]


def test_get_names_what_is_missing(here: Here) -> None:
    ended = here("works", "get", "ISS-1", "ISS-99998", "TKT-1", "ISS-99999", *SMALL)
    assert ended.code == 3
    assert [work["display_id"] for work in ended.works] == ["ISS-1", "TKT-1"]
    assert [line.split(":")[0] for line in ended.stderr.splitlines()] == ["ISS-99998", "ISS-99999"]


def test_get_of_one_unknown_id(here: Here) -> None:
    ended = here("works", "get", "ISS-99999", *SMALL)
    assert (ended.code, ended.stdout) == (3, b"")
    assert ended.error.startswith("ISS-99999: works.get: 404 not_found")


def test_get_of_one_id_that_the_server_refuses(here: Here, sandbox: Sandbox) -> None:
    sandbox.fail_next("works.get", status=400)
    ended = here("works", "get", "nonsense")
    assert (ended.code, ended.stdout) == (3, b"")
    assert ended.error.startswith("nonsense: works.get: 400")


def test_update_changes_and_clears(here: Here, sandbox: Sandbox) -> None:
    issue = next(each for each in sandbox.ids() if "target_close_date" in sandbox.get(each) and ":issue/" in each)
    settings = ["title=Größer als 5", "priority=p0", "target_close_date=null", "custom_fields.tnt__x=5"]
    ended = here("works", "update", issue, *(part for text in settings for part in ("--set", text)))
    assert (ended.code, ended.stderr) == (0, "")
    assert len(ended.works) == 1
    for work in (ended.works[0], sandbox.get(issue)):
        assert work["title"] == "Größer als 5"
        assert work["priority"] == "p0"
        assert "target_close_date" not in work
        assert work["custom_fields"]["tnt__x"] == 5


def test_an_update_that_is_refused_sends_nothing(here: Here, sandbox: Sandbox) -> None:
    for target, setting in [("ISS-1", "titel=x"), ("ISS-1", "severity=high")]:
        ended = here("works", "update", target, "--set", setting)
        assert (ended.code, ended.stdout) == (2, b"")
        assert ended.error.startswith("error: ")
    assert sandbox.request_count == 0


def test_a_value_that_the_server_refuses_is_a_usage_error(here: Here) -> None:
    ended = here("works", "update", "ISS-1", "--set", "priority=p9", *SMALL)
    assert ended.code == 2
    assert "works.update: 400" in ended.error
    assert "allowed: p0, p1, p2, p3" in ended.error


def test_count(here: Here, sandbox: Sandbox) -> None:
    ended = here("works", "count")
    assert (ended.code, ended.stdout, ended.stderr) == (0, b"400\n", "")
    wanted = sum(":ticket/" in each for each in sandbox.ids())
    assert here("works", "count", "--type", "ticket").stdout == f"{wanted}\n".encode()


def test_export_to_stdout(here: Here, sandbox: Sandbox) -> None:
    ended = here("works", "export", "-o", "-", "--type", "ticket", "--type", "task")
    assert ended.code == 0
    wanted = {each for each in sandbox.ids() if ":ticket/" in each or ":task/" in each}
    assert sorted(work["id"] for work in ended.works) == sorted(wanted)
    assert ended.error.startswith(f"{len(wanted)} works in stdout")


def test_export_changes_no_byte_of_a_work(here: Here, sandbox: Sandbox) -> None:
    odd = sandbox.add({"type": "issue", "title": "x", "of_tomorrow": {"a": [1.50, 1e2]}, "tags": None})
    ended = here("works", "export", "-o", "-")
    exported = next(work for work in ended.works if work["id"] == odd)
    assert exported == sandbox.get(odd)
    assert exported["of_tomorrow"] == {"a": [1.5, 100]}


def test_options_stand_before_or_behind_the_here(here: Here) -> None:
    before = here(*SMALL, "works", "count")
    behind = here("works", "count", *SMALL)
    assert before.stdout == behind.stdout == b"60\n"


def test_the_sandbox_is_the_same_every_time(here: Here) -> None:
    ended = here("works", "export", "-o", "-", *SMALL, "--sandbox-seed", "3")
    same = Sandbox(works=60, seed=3)
    assert sorted(map(json.dumps, ended.works)) == sorted(json.dumps(same.get(each)) for each in same.ids())


def test_verbose_tells_of_retries(here: Here, sandbox: Sandbox) -> None:
    sandbox.fail_next("works.count", status=503, retry_after=0)
    ended = here("works", "count", "-v")
    assert (ended.code, ended.stdout) == (0, b"400\n")
    assert "503" in ended.stderr
    assert sandbox.token not in ended.stderr


def test_help_without_a_command(command: Command) -> None:
    ended = command(env={"FORCE_COLOR": "1", "GITHUB_ACTIONS": "true"})
    assert ended.code == 0
    assert b"works" in ended.stdout
    assert b"\x1b" not in ended.stdout


def test_version(here: Here) -> None:
    assert here("--version").stdout.startswith(b"devrev-async ")


def test_serving_a_sandbox(command: Command, tmp_path: Path) -> None:
    process = command.start("sandbox", "--works", "30", "--seed", "3")
    assert process.stdout is not None
    word, *assignments = shlex.split(process.stdout.readline().decode())
    assert word == "export"
    ended = command("works", "count", env=dict(each.split("=", 1) for each in assignments))
    assert ended.stdout == b"30\n"
    process.send_signal(2)
    stdout, _ = process.communicate(timeout=30)
    assert (process.returncode, stdout) == (130, b"")


@pytest.mark.parametrize(
    ("args", "code", "numbers"),
    [
        (["works", "get", "ISS-1", "TKT-1"], 0, {"works": 2, "failed": 0, "complete": True, "requests": 2}),
        (["works", "get", "ISS-1", "ISS-404404"], 3, {"works": 1, "failed": 1, "complete": False, "requests": 2}),
        (["works", "get", "a b"], 2, {"works": 0, "failed": 1, "complete": False, "requests": 0}),
        (["works", "count"], 0, {"works": 60, "complete": True, "requests": 1}),
        (["works", "count", "--type", "epic"], 2, {"works": 0, "complete": False, "requests": 1}),
        (
            ["works", "update", "ISS-1", "--set", "title=x"],
            0,
            {"works": 1, "failed": 0, "unknown": 0, "complete": True, "requests": 1},
        ),
        (
            ["works", "update", "ISS-404404", "--set", "title=x"],
            3,
            {"works": 0, "failed": 1, "unknown": 0, "complete": False, "requests": 1},
        ),
    ],
)
def test_the_last_line_of_a_call_as_json(here: Here, args: list[str], code: int, numbers: dict[str, object]) -> None:
    ended = here(*args, "--json", *SMALL)
    assert ended.code == code
    said = json.loads(ended.stderr.splitlines()[-1])
    assert said.pop("seconds") >= 0
    assert said == numbers
    assert len(ended.stderr.splitlines()) == (1 if code == 0 else 2)


def test_an_update_of_which_nobody_knows_is_counted_so(here: Here, sandbox: Sandbox) -> None:
    sandbox.fail_next("works.update", status=500)
    ended = here("works", "update", "ISS-1", "--set", "title=x", "--json")
    assert ended.code == 1
    assert json.loads(ended.stderr.splitlines()[-1])["unknown"] == 1
