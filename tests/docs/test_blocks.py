"""Every block of README and docs runs as printed: Python as a script, console lines as a shell would run them."""

from __future__ import annotations

import ast
import asyncio
import os
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest

from devrev_async.sandbox import Sandbox

from .blocks import Block, blocks

pytestmark = pytest.mark.anyio

PYTHON = list(blocks("python"))
CONSOLE = [block for block in blocks("console") if "devrev-async" in block.code]
SERVERS = [block for block in blocks("console", "sh") if "sandbox.env" in block.code]


def to_run(blocks: list[Block]) -> list[Any]:
    """Those of README at all times, and those of the other pages with the slow tests."""
    return [
        pytest.param(block, id=str(block), marks=() if block.page == "README.md" else pytest.mark.slow)
        for block in blocks
        if block.reason is None
    ]


def environment(sandbox: Sandbox, home: Path) -> dict[str, str]:
    scripts = str(Path(sys.executable).parent)
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("DEVREV_")},
        "PATH": os.pathsep.join([scripts, os.environ.get("PATH", "")]),
        "DEVREV_TOKEN": sandbox.token,
        "DEVREV_BASE_URL": sandbox.url,
        "PYTHONWARNINGS": "error::ResourceWarning",
        "DLT_DATA_DIR": str(home / "dlt"),  # dlt keeps its pipelines in the home directory otherwise
    }


async def run(command: list[str], where: Path, env: dict[str, str]) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        *command, cwd=where, env=env, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, output.decode("utf-8", "replace")


@pytest.mark.parametrize("block", PYTHON, ids=str)
def test_every_python_block_is_valid(block: Block) -> None:
    ast.parse(block.code)


@pytest.mark.parametrize("block", to_run(PYTHON))
async def test_every_python_block_runs(block: Block, tmp_path: Path) -> None:
    script = tmp_path / "block.py"
    script.write_text(block.code, "utf-8")
    async with Sandbox(works=300, seed=7) as sandbox:
        env = environment(sandbox, tmp_path)
        if block.first:
            code, output = await run(["sh", "-ec", block.first], tmp_path, env)
            assert code == 0, output
        code, output = await run([sys.executable, str(script)], tmp_path, env)
    assert code == 0, output
    assert "Traceback" not in output, output


@pytest.mark.parametrize("block", to_run(CONSOLE))
async def test_every_console_line_runs(block: Block, tmp_path: Path) -> None:
    lines = [line[2:] for line in block.code.replace("\\\n", " ").splitlines() if line.startswith("$ ")]
    assert lines, "a console block shows its commands behind '$ '"
    async with Sandbox(works=300, seed=7) as sandbox:
        for line in lines:
            assert shlex.split(line)
            code, output = await run(["sh", "-ec", line], tmp_path, environment(sandbox, tmp_path))
            assert code == 0, f"{line}\n{output}"


@pytest.mark.slow
@pytest.mark.parametrize("block", SERVERS, ids=str)
async def test_a_sandbox_for_a_shell_can_be_pasted_whole(block: Block, tmp_path: Path) -> None:
    lines = [line.removeprefix("$ ") for line in block.code.splitlines() if "-m venv" not in line]
    script = ["trap 'kill $!' EXIT", *lines, "echo at $DEVREV_BASE_URL", "devrev-async works count"]
    async with Sandbox(works=30, seed=7) as outer:
        env = environment(outer, tmp_path)
        code, output = await run(["sh", "-ec", "\n".join(script)], tmp_path, env)
        assert code == 0, output
        assert "at http://127.0.0.1:" in output, output
        assert outer.url not in output, output  # it is the block's own sandbox that was asked
