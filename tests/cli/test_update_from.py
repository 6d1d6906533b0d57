"""`works update --from FILE`: checked before anything is sent, and what did not succeed can be given in again."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from devrev_async.cli.codes import UsageError
from devrev_async.cli.update_lines import UpdateFile
from devrev_async.sandbox import Sandbox

from .conftest import COMMAND, Command, Ended
from .test_terminal import read_all

Here = Callable[..., Ended]


def write(path: Path, *updates: dict[str, Any]) -> list[str]:
    lines = [json.dumps(update, ensure_ascii=False) for update in updates]
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return lines


def issues(sandbox: Sandbox) -> list[str]:
    return [id for id in sandbox.ids() if ":issue/" in id]


def test_every_line_is_applied(here: Here, sandbox: Sandbox, tmp_path: Path) -> None:
    one, two = issues(sandbox)[:2]
    write(
        tmp_path / "edits.jsonl",
        {"id": one, "title": "first", "priority": "p0", "target_close_date": "2026-01-31T00:00:00Z"},
        {"id": two, "target_close_date": None, "owned_by": {"set": ["DEVU-1"]}, "tags": {"add": []}},
        {"id": one, "title": "second"},
    )
    ended = here("works", "update", "--from", "edits.jsonl")
    assert (ended.code, ended.stdout, ended.error) == (0, b"", "3 works updated")
    assert (sandbox.get(one)["title"], sandbox.get(one)["priority"]) == ("second", "p0")
    assert "target_close_date" not in sandbox.get(two)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["edits.jsonl"]


def test_what_failed_is_in_a_file_that_can_be_given_in_again(here: Here, sandbox: Sandbox, tmp_path: Path) -> None:
    good = issues(sandbox)[0]
    lines = write(
        tmp_path / "edits.jsonl",
        {"id": "ISS-404404", "title": "ä"},
        {"id": good, "title": "done"},
        {"id": "ISS-404405", "title": "x"},
    )
    ended = here("works", "update", "--from", "edits.jsonl")
    assert ended.code == 3
    assert sandbox.get(good)["title"] == "done"
    failed = tmp_path / "edits.failed.jsonl"
    assert sorted(failed.read_text(encoding="utf-8").splitlines()) == sorted([lines[0], lines[2]])
    said = ended.stderr.splitlines()
    assert sorted(line.split(":")[0] for line in said[:2]) == ["ISS-404404 (line 1)", "ISS-404405 (line 3)"]
    assert said[2] == "1 work updated; 2 works not updated (in edits.failed.jsonl)"

    again = here("works", "update", "--from", "edits.failed.jsonl")
    assert again.code == 3
    failed = tmp_path / "edits.failed-2.jsonl"
    assert sorted(failed.read_text(encoding="utf-8").splitlines()) == sorted([lines[0], lines[2]])

    write(tmp_path / "edits.jsonl", {"id": good, "title": "again"})
    assert here("works", "update", "--from", "edits.jsonl").code == 0
    assert not (tmp_path / "edits.failed.jsonl").exists()  # it was of the file as it was before


def test_what_may_have_been_applied_is_kept_apart(here: Here, sandbox: Sandbox, tmp_path: Path) -> None:
    lines = write(tmp_path / "edits.jsonl", *({"id": id, "title": "t"} for id in issues(sandbox)[:4]))
    sandbox.fail_next("works.update", status=500)
    ended = here("works", "update", "--from", "edits.jsonl")
    assert ended.code == 3
    [kept] = (tmp_path / "edits.unknown.jsonl").read_text(encoding="utf-8").splitlines()
    assert kept in lines
    assert not (tmp_path / "edits.failed.jsonl").exists()
    assert ended.stderr.splitlines()[-1] == (
        "3 works updated; 1 work may have been updated: look before you try again (in edits.unknown.jsonl)"
    )


def test_the_line_of_numbers(here: Here, sandbox: Sandbox, tmp_path: Path) -> None:
    one, two = issues(sandbox)[:2]
    write(tmp_path / "edits.jsonl", *({"id": id, "title": "t"} for id in (one, two, "ISS-404404")))
    ended = here("works", "update", "--from", "edits.jsonl", "--json")
    numbers = json.loads(ended.stderr.splitlines()[-1])
    assert numbers.pop("seconds") > 0
    assert numbers == {"works": 2, "failed": 1, "unknown": 0, "requests": 3, "complete": False}
    ended = here("works", "update", "--from", "edits.jsonl", "--json", "--dry-run")
    numbers = json.loads(ended.error)
    assert numbers.pop("seconds") > 0
    assert numbers == {"works": 3, "requests": 0, "complete": True}
    (tmp_path / "edits.jsonl").write_text("{}\n")
    ended = here("works", "update", "--from", "edits.jsonl", "--json")
    numbers = json.loads(ended.stderr.splitlines()[-1])
    assert (ended.code, numbers["works"], numbers["complete"]) == (2, 0, False)


def test_a_dry_run_prints_the_bodies_and_sends_nothing(here: Here, sandbox: Sandbox, tmp_path: Path) -> None:
    write(tmp_path / "edits.jsonl", {"id": "ISS-1", "tags": {"add": ["TAG-1"]}}, {"id": "TKT-1", "severity": "high"})
    ended = here("works", "update", "--from", "edits.jsonl", "--dry-run")
    assert (ended.code, ended.stderr) == (0, "")
    assert ended.works == [
        {"id": "ISS-1", "tags": {"add": [{"id": "TAG-1"}]}},
        {"id": "TKT-1", "type": "ticket", "severity": "high"},
    ]
    (tmp_path / "again.jsonl").write_bytes(ended.stdout)
    assert here("works", "update", "--from", "again.jsonl", "--dry-run").works == ended.works
    assert sandbox.request_count == 0


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"id": "ISS-1", "titel": "x"}', "edits.jsonl:2: no such field 'titel'; did you mean 'title'?"),
        ('{"id": "ISS-1", "title": 5}', "edits.jsonl:2: title: Expected `str`"),
        ('{"id": "ISS-1", "severity": "high"}', "edits.jsonl:2: severity is a field of type 'ticket'"),
        ('{"id": "ISS-1", "title": ""}', "edits.jsonl:2: "),
        ('{"id": "a b", "title": "x"}', "edits.jsonl:2: "),
        ('{"title": "x"}', 'edits.jsonl:2: has no "id"'),
        ("[1]", "edits.jsonl:2: is no JSON object"),
        ('{"id": "ISS-1"', "edits.jsonl:2: is no JSON"),
    ],
)
def test_a_bad_line_is_named_and_nothing_is_sent(
    here: Here, sandbox: Sandbox, tmp_path: Path, line: str, message: str
) -> None:
    (tmp_path / "edits.jsonl").write_text(f'{{"id": "ISS-1", "title": "t"}}\n{line}\n')
    ended = here("works", "update", "--from", "edits.jsonl")
    assert (ended.code, ended.stdout) == (2, b"")
    assert ended.error.startswith(f"error: {message}")
    assert sandbox.request_count == 0


@pytest.mark.parametrize(
    "args",
    [
        ["--from", "missing.jsonl"],
        ["--from", "."],
        ["ISS-1", "--from", "x.jsonl"],
        ["--from", "x.jsonl", "--set", "title=x"],
        ["ISS-1"],
        ["ISS-1", "--set", "title=x", "--dry-run"],
        [],
    ],
)
def test_a_mistaken_call_is_one_line_and_sends_nothing(here: Here, sandbox: Sandbox, args: list[str]) -> None:
    ended = here("works", "update", *args)
    assert (ended.code, ended.stdout) == (2, b"")
    assert ended.error.startswith("error: ")
    assert sandbox.request_count == 0


def test_a_refused_token_is_said_once_and_leaves_no_file(
    here: Here, sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEVREV_TOKEN", "not-the-token-of-it")
    write(tmp_path / "edits.jsonl", *({"id": f"ISS-{n}", "title": "t"} for n in range(1, 200)))
    ended = here("works", "update", "--from", "edits.jsonl")
    assert ended.code == 4
    assert "401" in ended.stderr.splitlines()[-1]
    assert sandbox.request_count <= 64
    assert [path.name for path in tmp_path.iterdir()] == ["edits.jsonl"]


def test_stdin(command: Command, sandbox: Sandbox, tmp_path: Path) -> None:
    id = issues(sandbox)[0]
    text = json.dumps({"id": id, "title": "from a pipe"}) + "\n" + json.dumps({"id": "ISS-404404", "title": "x"})
    done = subprocess.run(
        [*COMMAND, "works", "update", "--from", "-"],
        input=text.encode(),
        capture_output=True,
        cwd=tmp_path,
        env=command.env,
        check=False,
    )
    assert done.returncode == 3
    assert sandbox.get(id)["title"] == "from a pipe"
    assert (tmp_path / "works-update.failed.jsonl").read_text().splitlines() == text.splitlines()[1:]


def test_an_interrupted_run_keeps_what_was_not_done(command: Command, sandbox: Sandbox, tmp_path: Path) -> None:
    ids = issues(sandbox)[:20]
    lines = write(tmp_path / "edits.jsonl", *({"id": id, "title": "done"} for id in ids))
    sandbox.fail_next("works.update", status=None, delay=30, times=3)
    process = command.start("works", "update", "--from", "edits.jsonl")
    deadline = time.monotonic() + 20
    while sandbox.request_count < 20:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    kept = [
        line
        for name in ("edits.failed.jsonl", "edits.unknown.jsonl")
        if (tmp_path / name).exists()
        for line in (tmp_path / name).read_text().splitlines()
    ]
    assert kept
    not_done = [line for line, id in zip(lines, ids, strict=True) if sandbox.get(id)["title"] != "done"]
    assert set(not_done) <= set(kept) <= set(lines)
    assert b"may have been updated" in said


def test_lines_are_taken_as_editors_leave_them(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b'\xef\xbb\xbf{"id": "ISS-1"}\r\n\n  \n{"id": "ISS-2", "title": "\xc3\xa4"}')
    with closing(UpdateFile(str(path))) as file:
        for _ in range(2):
            assert [(line.number, line.text, file.update(line).id) for line in file.lines()] == [
                (1, b'{"id": "ISS-1"}', "ISS-1"),
                (4, b'{"id": "ISS-2", "title": "\xc3\xa4"}', "ISS-2"),
            ]
    path.write_bytes(b'{"id": "\xff"}')
    with closing(UpdateFile(str(path))) as file, pytest.raises(UsageError, match="x:1: is no JSON"):
        file.update(next(file.lines()))


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
@pytest.mark.parametrize(("options", "code"), [((), 3), pytest.param(("--dry-run",), 0, marks=pytest.mark.slow)])
def test_only_what_is_in_flight_is_in_memory(
    command: Command, sandbox: Sandbox, tmp_path: Path, options: tuple[str, ...], code: int
) -> None:
    script = (
        "import sys; from devrev_async.cli import main; code = main(sys.argv[1:]);"
        "print(open('/proc/self/status').read().split('VmHWM:')[1].split()[0], file=sys.stderr); sys.exit(code)"
    )

    def kilobytes(lines: int) -> int:
        text = {"custom_fields": {"tnt__text": "x" * 10_000}}
        write(tmp_path / "edits.jsonl", *({"id": f"ISS-{100_000 + n}", **text} for n in range(lines)))
        done = subprocess.run(
            [sys.executable, "-c", script, "works", "update", "--from", "edits.jsonl", *options],
            capture_output=True,
            cwd=tmp_path,
            env=command.env,
            check=False,
        )
        assert done.returncode == code, done.stderr
        return int(done.stderr.split()[-1])

    assert kilobytes(900) - kilobytes(100) < 4_000  # 8 MB of lines
    if not options:
        assert (tmp_path / "edits.failed.jsonl").stat().st_size == (tmp_path / "edits.jsonl").stat().st_size


def test_a_work_that_one_may_not_change_does_not_end_the_run(here: Here, sandbox: Sandbox, tmp_path: Path) -> None:
    ids = issues(sandbox)[:50]
    lines = write(tmp_path / "edits.jsonl", *({"id": id, "title": "t"} for id in ids))
    sandbox.fail_next("works.update", status=403, times=3)
    ended = here("works", "update", "--from", "edits.jsonl")
    assert ended.code == 3
    assert ended.stderr.splitlines()[-1] == "47 works updated; 3 works not updated (in edits.failed.jsonl)"
    assert len(ended.stderr.splitlines()) == 4
    assert set((tmp_path / "edits.failed.jsonl").read_text().splitlines()) < set(lines)


def test_a_token_that_expires_ends_the_run_and_keeps_the_rest(here: Here, sandbox: Sandbox, tmp_path: Path) -> None:
    lines = write(tmp_path / "edits.jsonl", *({"id": id, "title": "t"} for id in issues(sandbox)))

    def expire(_: object) -> None:
        if sandbox.request_count == 6:
            sandbox.fail_next("works.update", status=401, times=1000)

    sandbox.on_request(expire)
    ended = here("works", "update", "--from", "edits.jsonl", "--json")
    assert ended.code == 3
    numbers = json.loads(ended.stderr.splitlines()[-1])
    assert (numbers["works"], numbers["failed"]) == (5, len(lines) - 5)
    assert sandbox.request_count < 100 < len(lines)
    failed = (tmp_path / "edits.failed.jsonl").read_text().splitlines()
    done = {id for id in issues(sandbox) if sandbox.get(id)["title"] == "t"}
    assert sorted(failed) == sorted(line for line in lines if json.loads(line)["id"] not in done)


def test_a_folder_that_cannot_take_what_fails_is_said_before_anything_is_sent(
    here: Here, sandbox: Sandbox, tmp_path: Path
) -> None:
    write(tmp_path / "edits.jsonl", {"id": "ISS-1", "title": "t"})
    (tmp_path / "edits.failed.jsonl").mkdir()
    ended = here("works", "update", "--from", "edits.jsonl")
    assert ended.code == 2
    assert "edits.failed.jsonl" in ended.error
    assert sandbox.request_count == 0


def test_the_example_of_the_help_runs(here: Here, sandbox: Sandbox, tmp_path: Path) -> None:
    text = " ".join(here("works", "update", "--help").stdout.decode().split())
    assert "Example: devrev-async works update --from edits.jsonl" in text
    assert '{"id": "ISS-1", "priority": "p2"}' in text
    write(tmp_path / "edits.jsonl", {"id": "ISS-1", "priority": "p2"})
    assert here("works", "update", "--from", "edits.jsonl").code == 0


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_a_terminal_shows_how_far_it_is_and_what_it_waits_for(
    command: Command, sandbox: Sandbox, tmp_path: Path
) -> None:
    write(tmp_path / "edits.jsonl", *({"id": id, "title": "t"} for id in issues(sandbox)[:9]))
    sandbox.fail_next("works.update", status=429, retry_after=1)
    ours, theirs = os.openpty()
    env = {"TERM": "xterm-256color", "COLUMNS": "150"}
    process = command.start("works", "update", "--from", "edits.jsonl", stderr=theirs, env=env)
    os.close(theirs)
    shown = read_all(ours).decode()
    os.close(ours)
    assert process.wait(timeout=30) == 0
    plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown)
    assert "updating" in plain
    assert "of 9 works" in plain
    assert "waits 1 s" in plain
    assert "9 works updated" in plain
