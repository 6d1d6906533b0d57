"""What users see of the types: mypy --strict and pyright strict over right calls, wrong ones, and a sample program."""

import importlib.util
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from devrev_async.sandbox import Sandbox
from tests.typing import sample

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
SOURCES = ("right.py", "sample.py", "wrong.py.txt")  # the last is no .py: nothing else is to take offence
Errors = set[tuple[str, int, str]]
"""File, line and code of each error."""


def mypy(folder: Path) -> Errors:
    options = ["--strict", "--warn-unreachable", "--config-file=", "--follow-imports=silent", "--no-error-summary"]
    command = [sys.executable, "-m", "mypy", *options, *(path.name for path in sorted(folder.glob("*.py")))]
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=folder, env={**os.environ, "MYPYPATH": str(ROOT)}, check=False
    )
    assert done.returncode in (0, 1), done.stdout + done.stderr
    lines = [line for line in done.stdout.splitlines() if " note: " not in line]
    found = [re.fullmatch(r"(.+):(\d+): error: .*\[([a-z-]+)\]", line) for line in lines]
    assert all(found), done.stdout
    return {(match[1], int(match[2]), match[3]) for match in found if match}


def pyright(folder: Path) -> Errors:
    config = {
        "typeCheckingMode": "strict",
        "extraPaths": [str(ROOT)],
        "include": ["."],
        "reportUnusedExpression": False,
    }
    (folder / "pyrightconfig.json").write_text(json.dumps(config))
    command = [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable, "-p", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)
    try:
        report = json.loads(done.stdout)
    except ValueError:
        pytest.skip(f"pyright does not run here: {done.stderr[-200:]}")
    assert report["summary"]["filesAnalyzed"] == len(SOURCES)
    return {
        (Path(entry["file"]).name, entry["range"]["start"]["line"] + 1, entry.get("rule", entry["message"]))
        for entry in report["generalDiagnostics"]
        if entry["severity"] == "error"
        # in what is wrong, an unknown type follows from another error; a right program has none
        and not (Path(entry["file"]).name == "wrong.py" and entry.get("rule", "").startswith("reportUnknown"))
    }


@pytest.mark.slow
@pytest.mark.timeout(300)  # a cold cache, and on a first run the download of pyright itself
@pytest.mark.parametrize(
    ("check", "column"), [pytest.param(mypy, 0, id="mypy"), pytest.param(pyright, 1, id="pyright")]
)
def test_right_programs_are_clean_and_each_wrong_line_is_refused(
    tmp_path: Path, check: Callable[[Path], Errors], column: int
) -> None:
    """In a folder outside of the repository, where no configuration of ours softens the rules."""
    if importlib.util.find_spec(check.__name__) is None:
        pytest.skip(f"{check.__name__} is not installed; it is in the dependency group 'lint'")
    expected: Errors = set()
    for name in SOURCES:
        text = (HERE / name).read_text()
        (tmp_path / name.removesuffix(".txt")).write_text(text)
        for number, line in enumerate(text.splitlines(), 1):
            if "#! " in line:
                expected.add((name.removesuffix(".txt"), number, line.partition("#! ")[2].split()[column]))
    assert {name for name, _, _ in expected} == {"wrong.py"}
    assert len(expected) > 50
    assert check(tmp_path) == expected


@pytest.mark.anyio
async def test_the_sample_runs(capsys: pytest.CaptureFixture[str]) -> None:
    async with Sandbox(works=200, seed=3) as sandbox:
        assert await sample.main(sandbox.token, sandbox.url) == 0
    out = capsys.readouterr().out.splitlines()
    assert len(out) == 21
    assert out[-1] == "404 works.get"
