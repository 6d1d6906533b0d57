"""Progress for those who watch, plain text for everyone else; readers that leave."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from .conftest import SMALL

if TYPE_CHECKING:
    from collections.abc import Callable

    from devrev_async.sandbox import Sandbox

    from .conftest import Command, Ended

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")


def read_all(descriptor: int) -> bytes:
    read = b""
    while True:
        try:
            piece = os.read(descriptor, 65536)
        except OSError:  # what a terminal says once nobody is left at its other end
            return read
        if not piece:
            return read
        read += piece


def test_a_terminal_shows_progress(command: Command, sandbox: Sandbox) -> None:
    ours, theirs = os.openpty()
    env = {"TERM": "xterm-256color", "COLUMNS": "100"}
    process = command.start("works", "export", "-o", "works.jsonl", stderr=theirs, env=env)
    os.close(theirs)
    shown = read_all(ours)
    os.close(ours)
    assert process.wait(timeout=30) == 0
    assert b"exporting to works.jsonl" in shown
    assert b"\x1b[" in shown
    assert b"400 works in works.jsonl" in shown
    assert process.stdout is not None
    assert process.stdout.read() == b""


def on_terminal(command: Command, *args: str, stdout: int = subprocess.DEVNULL, columns: int = 200) -> str:
    """What the terminal shows."""
    ours, theirs = os.openpty()
    env = {"TERM": "xterm-256color", "COLUMNS": f"{columns}"}
    process = command.start(*args, stdout=theirs if stdout == SAME else stdout, stderr=theirs, env=env)
    os.close(theirs)
    shown = read_all(ours)
    os.close(ours)
    assert process.wait(timeout=30) == 0
    return shown.decode()


SAME = -100
"""The data goes to the terminal too."""


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["works", "sync", "--state", "s.state", "-o", "s"], "syncing"),
        pytest.param(["works", "get", "ISS-1", "ISS-2"], "getting", marks=pytest.mark.slow),
        pytest.param(["works", "export", "-o", "-"], "exporting", marks=pytest.mark.slow),
    ],
)
def test_whoever_watches_sees_what_is_done_and_what_it_waits_for(
    command: Command, sandbox: Sandbox, args: list[str], said: str
) -> None:
    sandbox.fail_next("*", status=429, retry_after=1.2)
    shown = on_terminal(command, *args)
    assert said in shown
    assert re.search(r"waits [12] s: ", shown)


@pytest.mark.parametrize("columns", [20, 80])
def test_progress_is_one_line_however_narrow_the_terminal_is(command: Command, sandbox: Sandbox, columns: int) -> None:
    shown = on_terminal(command, "works", "export", "-o", "a name of some length.parquet", columns=columns)
    assert "\x1b[2K" in shown
    assert shown.count("\x1b[1A") == 1  # back over the line that is there when it ends


def test_a_single_call_says_that_it_waits(command: Command, sandbox: Sandbox) -> None:
    sandbox.fail_next("*", status=429, retry_after=1.2)
    assert re.match(r"waits [12] s: [a-z' ]+\r\n", on_terminal(command, "works", "count"))


def test_a_terminal_that_shows_the_data_shows_no_progress(command: Command, sandbox: Sandbox) -> None:
    assert "\x1b" not in on_terminal(command, "list", "parts.list", "-o", "-", stdout=SAME)


def test_a_pipe_gets_no_progress(command: Command, sandbox: Sandbox) -> None:
    ended = command("works", "export", "-o", "works.jsonl", env={"FORCE_COLOR": "1"})
    assert ended.error.startswith("400 works in works.jsonl")
    assert "\x1b" not in ended.stderr


def test_a_reader_that_leaves_early(command: Command, sandbox: Sandbox) -> None:
    process = command.start("works", "export", "-o", "-")
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.readline().startswith(b"{")
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait(timeout=30) == 0


def test_a_reader_that_waits_is_waited_for(command: Command, sandbox: Sandbox) -> None:
    process = command.start("works", "export", "-o", "-")
    assert process.stdout is not None
    process.stdout.readline()  # the pipe is full now, and stays so
    process.send_signal(2)
    assert process.wait(timeout=30) == 130


def test_control_characters_are_shown_escaped(here: Callable[..., Ended]) -> None:
    ended = here("works", "export", "-o", "no\x1b[31m/x.jsonl", *SMALL)
    assert ended.code == 2
    assert "\x1b" not in ended.stderr
    assert "\\x1b" in ended.error
