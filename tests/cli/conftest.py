"""The command as users run it, in a process of its own; and where only its words and codes matter, in this one."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import pytest

import devrev_async
from devrev_async.cli import main
from devrev_async.sandbox import Sandbox, run_in_thread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

COMMAND = [sys.executable, "-m", "devrev_async.cli"]
SMALL = ["--sandbox", "--sandbox-works", "60"]
"""A sandbox that starts at once."""

SERVED = 400

ENDING = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT")


@pytest.fixture(autouse=True)
def signals_are_heeded() -> Iterator[None]:
    """Commands inherit which signals are ignored, and `nohup` or a shell's background job ignores some."""
    ignored = [
        number
        for name in ENDING
        if (number := getattr(signal, name, None)) is not None and signal.getsignal(number) is signal.SIG_IGN
    ]
    for number in ignored:
        signal.signal(number, signal.SIG_DFL)
    yield
    for number in ignored:
        signal.signal(number, signal.SIG_IGN)


class Command:
    """Runs `devrev-async` in a folder of the test's own, with an environment that holds no token but the given one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.env = {name: value for name, value in os.environ.items() if not name.startswith("DEVREV_")}
        self.env["PYTHONPATH"] = str(Path(devrev_async.__file__).parents[1])
        self.env["PYTHONUTF8"] = "1"
        self.started: list[subprocess.Popen[bytes]] = []

    def start(
        self,
        *args: str,
        env: Mapping[str, str] | None = None,
        stdout: int | BinaryIO = subprocess.PIPE,
        stderr: int = subprocess.PIPE,
    ) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [*COMMAND, *args],
            cwd=self.folder,
            env={**self.env, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
        )
        self.started.append(process)
        return process

    def __call__(
        self, *args: str, env: Mapping[str, str] | None = None, stdout: int | BinaryIO = subprocess.PIPE
    ) -> Ended:
        process = self.start(*args, env=env, stdout=stdout)
        data, said = process.communicate(timeout=60)
        return Ended(process.returncode, data or b"", said.decode())


class Ended:
    """What a process left."""

    def __init__(self, code: int, stdout: bytes, stderr: str) -> None:
        self.code = code
        self.stdout = stdout
        self.stderr = stderr

    @property
    def works(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.stdout.splitlines()]

    @property
    def error(self) -> str:
        """The one line of stderr."""
        lines = self.stderr.splitlines()
        assert len(lines) == 1, self.stderr
        return lines[0]


@pytest.fixture
def command(tmp_path: Path) -> Iterator[Command]:
    made = Command(tmp_path)
    yield made
    for process in made.started:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
        process.wait()
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()


@pytest.fixture
def here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Iterator[Callable[..., Ended]]:
    """Runs the command in this process, which takes a tenth of the time."""
    logger = logging.getLogger("devrev_async")
    handlers, level = list(logger.handlers), logger.level
    monkeypatch.chdir(tmp_path)

    def run(*args: str) -> Ended:
        code = main(list(args))
        stdout, stderr = capfd.readouterr()
        return Ended(code, stdout.encode(), stderr)

    yield run
    logger.handlers[:] = handlers
    logger.setLevel(level)


@pytest.fixture(autouse=True)
def no_account(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("DEVREV_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def sandbox(command: Command, no_account: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """A server that the test can give orders to; the command finds it in its environment."""
    server = Sandbox(works=SERVED, seed=5)
    with run_in_thread(server):
        for name, value in {"DEVREV_BASE_URL": server.url, "DEVREV_TOKEN": server.token}.items():
            command.env[name] = value
            monkeypatch.setenv(name, value)
        yield server
