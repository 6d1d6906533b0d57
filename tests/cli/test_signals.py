"""Signals that end the command, at any time of its life."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import COMMAND, Command
from .test_export import MANY, hang_after, ids_in, port_of, serving, wait_for, wait_until
from .test_terminal import read_all

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")

CONTAINER = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child"]

SIGNALS = [("SIGTERM", 143), ("SIGHUP", 129), ("SIGQUIT", 131), ("SIGINT", 130)]
EACH = pytest.mark.parametrize(
    ("name", "code"), [SIGNALS[0], *(pytest.param(*each, marks=pytest.mark.slow) for each in SIGNALS[1:])]
)


@EACH
def test_an_export_ends_in_order(command: Command, name: str, code: int) -> None:
    target = command.folder / "works of 'today'  (2).jsonl"
    with serving(command) as sandbox:
        hang_after(sandbox, 3)
        process = command.start("works", "export", "-o", target.name, "--json", "--created-after", "2020-01-01")
        wait_for(target.with_name(f".{target.name}.part.state"), process)
        process.send_signal(getattr(signal, name))
        stdout, stderr = process.communicate(timeout=30)
        port = port_of(sandbox)
    assert (process.returncode, stdout) == (code, b"")
    said, numbers = stderr.decode().splitlines()
    assert said.startswith("interrupted; ")
    assert json.loads(numbers)["complete"] is False
    # the line that it says can be pasted into a shell
    line = said.partition("to go on: devrev-async ")[2]
    with serving(command, port=port):
        done = subprocess.run(
            ["sh", "-c", f"{shlex.join(COMMAND)} {line}"],
            cwd=command.folder, env=command.env, capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "going on after" in done.stderr
    assert len(ids_in(target)) == MANY


def test_an_update_that_is_interrupted_may_have_been_applied(command: Command) -> None:
    with serving(command) as sandbox:
        sandbox.fail_next("works.update", status=None, delay=600)
        process = command.start("works", "update", "ISS-1", "--set", "title=x", "--json")
        wait_until(lambda: bool(sandbox.requests), process)
        process.send_signal(signal.SIGTERM)
        stdout, stderr = process.communicate(timeout=30)
    said, numbers = stderr.decode().splitlines()
    assert (process.returncode, stdout) == (143, b"")
    assert said == "interrupted; the work may have been updated: look before you try again"
    counts = json.loads(numbers)
    assert (counts["works"], counts["failed"], counts["unknown"], counts["complete"]) == (0, 0, 1, False)


@pytest.mark.skipif(sys.platform != "linux", reason="a namespace of processes, as containers have")
def test_r65_the_first_process_of_a_container_ends_in_order(command: Command) -> None:
    """The kernel passes no signal to such a process that it has no handler for."""
    if subprocess.run([*CONTAINER, "true"], capture_output=True, check=False).returncode:
        pytest.skip("no namespaces here")
    with serving(command) as sandbox:
        hang_after(sandbox, 3)
        process = subprocess.Popen(
            [*CONTAINER, *COMMAND, "works", "export", "-o", "works.jsonl"],
            cwd=command.folder, env=command.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        command.started.append(process)
        wait_for(command.folder / ".works.jsonl.part.state", process)
        first = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text(encoding="ascii").split()
        os.kill(int(first[0]), signal.SIGTERM)
        _, stderr = process.communicate(timeout=30)
    assert process.returncode == 143
    assert b"to go on: devrev-async works export -o works.jsonl" in stderr


def test_a_signal_while_it_loads(command: Command) -> None:
    """typer is imported by the command only, and long before it can do anything."""
    code = (
        "import os, signal, sys\n"
        "class Finder:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'typer':\n"
        "            os.kill(os.getpid(), getattr(signal, sys.argv[1]))\n"
        "sys.meta_path.insert(0, Finder())\n"
        "from devrev_async.cli import main\n"
        "sys.exit(main(['works', 'export', '-o', 'works.jsonl', '--sandbox']))\n"
    )
    for name, expected in SIGNALS:
        done = subprocess.run(
            [sys.executable, "-c", code, name],
            cwd=command.folder, env=command.env, capture_output=True, check=False, timeout=60,
        )  # fmt: skip
        assert (done.returncode, done.stdout, done.stderr) == (expected, b"", b"")
    assert list(command.folder.iterdir()) == []


def export_with_ctrl_c(command: Command, event: str, path: str, *args: str) -> tuple[int, list[str]]:
    """Exports, with a SIGINT where the interpreter reports this event for a path that ends so; code, and lines of stderr."""
    code = (
        "import os, signal, sys, time\n"
        "from devrev_async.cli import main\n"
        "from devrev_async.cli.signals import handler\n"
        "event, path = sys.argv[1:3]\n"
        "def hook(name, args):\n"
        "    if name == event and any(str(arg).endswith(path) for arg in args) and handler.received is None:\n"
        "        os.kill(os.getpid(), signal.SIGINT)\n"
        "        while handler.received is None:  # the main thread cancels the export, while this one goes on\n"
        "            time.sleep(0.001)\n"
        "sys.addaudithook(hook)\n"
        "del sys.argv[1:3]\n"
        "sys.exit(main())\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, event, path, "works", "export", "--sandbox", "--json", *args],
        cwd=command.folder, env=command.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    command.started.append(process)
    stdout, stderr = process.communicate(timeout=60)
    assert stdout == b""
    return process.returncode, stderr.decode().splitlines()


@pytest.mark.parametrize("name", ["works.jsonl", "works.csv"])
def test_a_signal_that_comes_too_late_changes_nothing(command: Command, name: str) -> None:
    code, said = export_with_ctrl_c(command, "os.rename", name, "--sandbox-works", "60", "-o", name)
    assert code == 0
    (numbers,) = map(json.loads, said)
    assert (numbers["works"], numbers["complete"]) == (60, True)
    assert [path.name for path in command.folder.iterdir()] == [name]


def test_works_without_their_file_are_not_complete(command: Command) -> None:
    args = ("--sandbox-works", "6000", "-o", "works.csv")
    code, said = export_with_ctrl_c(command, "open", ".part.00000", *args)
    assert code == 130
    assert said[0].startswith("interrupted; 6000 works are kept; to go on: ")
    assert (json.loads(said[1])["works"], json.loads(said[1])["complete"]) == (6000, False)
    assert not (command.folder / "works.csv").exists()


def test_a_signal_that_is_ignored_stays_so(command: Command) -> None:
    with serving(command) as sandbox:
        hang_after(sandbox, 3)
        process = subprocess.Popen(
            ["nohup", *COMMAND, "works", "export", "-o", "works.jsonl"],
            cwd=command.folder, env=command.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        command.started.append(process)
        wait_for(command.folder / ".works.jsonl.part.state", process)
        process.send_signal(signal.SIGHUP)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(timeout=0.5)
        process.terminate()
        assert process.wait(timeout=30) == 143


@EACH
def test_the_cursor_of_the_terminal_is_shown_again(command: Command, name: str, code: int) -> None:
    with serving(command) as sandbox:
        hang_after(sandbox, 3)
        ours, theirs = os.openpty()
        env = {"TERM": "xterm-256color", "COLUMNS": "160"}
        process = command.start("works", "export", "-o", "works.jsonl", stderr=theirs, env=env)
        os.close(theirs)
        wait_for(command.folder / ".works.jsonl.part.state", process)
        shown = b""
        while b"\x1b[?25l" not in shown:
            shown += os.read(ours, 65536)
        process.send_signal(getattr(signal, name))
        shown += read_all(ours)
        os.close(ours)
        assert process.wait(timeout=30) == code
    assert shown.rindex(b"\x1b[?25h") > shown.rindex(b"\x1b[?25l")
    assert b"to go on: devrev-async works export -o works.jsonl" in shown


def test_a_second_signal_waits_for_nothing(command: Command) -> None:
    code = (
        "import asyncio, sys, threading\n"
        "from devrev_async.cli.session import run\n"
        "from devrev_async.cli.signals import handler\n"
        "async def main():\n"
        "    print('ready', flush=True)\n"
        "    while True:\n"
        "        try:\n"
        "            await asyncio.sleep(60)\n"
        "        except asyncio.CancelledError:\n"
        "            print('cancelled', flush=True)\n"
        "with handler.handled(restore=True):\n"
        "    run(main)\n"
    )
    ours, theirs = os.openpty()
    arguments = [sys.executable, "-c", code]
    process = subprocess.Popen(arguments, env=command.env, stdout=subprocess.PIPE, stderr=theirs)
    os.close(theirs)
    command.started.append(process)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    process.terminate()
    assert process.stdout.readline() == b"cancelled\n"
    process.terminate()
    assert read_all(ours).endswith(b"\x1b[?25h")  # the cursor is there
    os.close(ours)
    assert process.wait(timeout=30) == 143


def test_threads_that_nobody_waits_for_hold_nothing_up(command: Command) -> None:
    """A host's name may take minutes to look up, in a thread that cannot be ended."""
    code = (
        "import asyncio, sys, time\n"
        "from devrev_async.cli import session\n"
        "from devrev_async.cli.signals import handler\n"
        "session._TO_END = 0.1\n"
        "async def main():\n"
        "    looked_up = asyncio.get_running_loop().run_in_executor(None, time.sleep, 600)\n"
        "    print('ready', flush=True)\n"
        "    await looked_up\n"
        "with handler.handled(restore=True):\n"
        "    sys.exit(session.run(main))\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], env=command.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    command.started.append(process)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    process.terminate()
    _, stderr = process.communicate(timeout=60)
    assert (process.returncode, stderr) == (143, b"interrupted\n")
