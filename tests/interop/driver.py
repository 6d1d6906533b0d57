"""The official SDKs as processes: installed once into a cache, then driven line by line."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

HERE = Path(__file__).parent
CACHE = Path(os.environ.get("DEVREV_ASYNC_INTEROP_CACHE") or Path.home() / ".cache" / "devrev-async-interop")
TYPESCRIPT = "@devrev/typescript-sdk@1.1.71"
PYTHON = "devrev-python-sdk==3.2.0"


class Answer(NamedTuple):
    """What the server told the SDK; status 0 if the SDK failed by itself."""

    status: int
    data: Any


class Driver:
    """One SDK, ready to be told what to call."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def call(self, **call: Any) -> Answer:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(call).encode() + b"\n")
        line = await asyncio.wait_for(self._process.stdout.readline(), 30)
        assert line, f"the SDK ended: {await self._complaint()}"
        return Answer(**json.loads(line))

    async def _complaint(self) -> str:
        assert self._process.stderr is not None
        return (await self._process.stderr.read()).decode()


def typescript_command() -> list[str]:
    """How to start the driver of the TypeScript SDK; skips the test where that cannot be."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("node and npm are not installed, and the official SDK is in TypeScript")

    def install(folder: Path) -> list[list[str]]:
        return [[npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(folder), TYPESCRIPT]]

    return [node, str(HERE / "drive_typescript.cjs"), str(_installed(TYPESCRIPT, install))]


def python_command() -> list[str]:
    """How to start the driver of the Python SDK, with packages of its own: nothing of it is in this environment."""

    def install(folder: Path) -> list[list[str]]:
        return [[sys.executable, "-m", "pip", "install", "--quiet", "--target", str(folder), PYTHON]]

    folder = _installed(f"{PYTHON}-py{sys.version_info[0]}.{sys.version_info[1]}", install)
    code = f"import runpy, sys; sys.path[:0] = [{str(folder)!r}]; sys.argv = sys.argv[1:]; "
    return [
        sys.executable,
        "-I",
        "-c",
        code + "runpy.run_path(sys.argv[0], run_name='__main__')",
        str(HERE / "drive_python.py"),
    ]


def _installed(package: str, commands: Callable[[Path], list[list[str]]]) -> Path:
    folder = CACHE / package.replace("/", "-")
    if not folder.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(dir=CACHE))
        for command in commands(made):
            done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
            if done.returncode:
                shutil.rmtree(made)
                pytest.skip(f"{package} could not be installed: {(done.stderr or done.stdout)[-300:]}")
        try:
            made.rename(folder)  # whole or not at all, also if two runs do it at once
        except OSError:
            shutil.rmtree(made)
    return folder


@asynccontextmanager
async def driving(command: list[str], endpoint: str, token: str) -> AsyncGenerator[Driver]:
    """The driver, running against this endpoint."""
    pipe = asyncio.subprocess.PIPE
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DEVREV_")}
    process = await asyncio.create_subprocess_exec(
        *command, endpoint, token, stdin=pipe, stdout=pipe, stderr=pipe, limit=1 << 26, env=environment, cwd=CACHE
    )
    try:
        yield Driver(process)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.communicate()
