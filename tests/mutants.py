"""Mutates one module and runs its own tests: ``python -m tests.mutants devrev_async/_limits/retry.py tests/limits/test_retry.py``.

mutmut makes the mutants. The tests are collected once, and each mutant runs them in a fork, up to the first that fails.
What comes after the module goes to pytest; ``-m "not hypothesis"`` leaves the random tests out. Prints the mutants that
no test noticed, each as its difference, and the score.
"""

from __future__ import annotations

import contextlib
import difflib
import importlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import pytest

_ROOT: Final = Path(__file__).parents[1]
_COPIED: Final = ("devrev_async", "tests", "pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md")
_LONGEST: Final = 600
"""Seconds after which a mutant counts as noticed: it does not end."""

_CHOSEN: Final = "MUTANT_UNDER_TEST"
"""The variable of the environment in which mutmut's code looks for the mutant to run."""


class _OnceForEach:
    """Forks once the tests are collected; only the forks go on and run them.

    Attributes:
        survivors: mutants that no test noticed.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = names
        self.survivors: list[str] = []

    def pytest_collection_finish(self) -> None:
        for name in ("", *self.names):
            child = os.fork()
            if child == 0:
                os.environ[_CHOSEN] = name
                signal.alarm(_LONGEST)
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, 1)
                os.dup2(nowhere, 2)
                return
            code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            if not name and code:
                sys.exit("the tests fail without a mutant")
            if name and code == 0:
                self.survivors.append(name)
        self._report()

    def _report(self) -> None:
        lines = Path(os.environ["MUTATED"]).read_text(encoding="utf-8").splitlines()
        for name in self.survivors:
            last = name.rpartition(".")[2]
            original = _body(lines, re.sub(r"_\d+\Z", "_orig", last))
            print("\n".join([name, *_difference(original, _body(lines, last))]))  # noqa: T201
        killed = len(self.names) - len(self.survivors)
        print(f"{killed} of {len(self.names)} mutants were noticed")  # noqa: T201
        sys.stdout.flush()
        os._exit(0)


def _body(lines: Sequence[str], name: str) -> list[str]:
    """The lines of a function, without the one that names it."""
    start = next(at for at, line in enumerate(lines) if re.match(rf"\s*(?:async )?def {re.escape(name)}\(", line))
    depth = len(lines[start]) - len(lines[start].lstrip())
    body: list[str] = []
    for line in lines[start + 1 :]:
        if line.strip() and len(line) - len(line.lstrip()) <= depth and not line.lstrip().startswith(")"):
            break
        body.append(line)
    return body


def _difference(before: Sequence[str], after: Sequence[str]) -> list[str]:
    lines = difflib.unified_diff(before, after, lineterm="", n=0)
    return [line for line in lines if line[:1] in ("-", "+") and line[:3] not in ("---", "+++")]


def main(module: str, *arguments: str) -> int:
    """Copies the project, mutates the module in the copy, and runs the tests there."""
    mutation: Any = importlib.import_module("mutmut.mutation.file_mutation")
    with tempfile.TemporaryDirectory() as folder:
        for name in _COPIED:
            source = _ROOT / name
            copy: Any = shutil.copytree if source.is_dir() else shutil.copy
            copy(source, Path(folder, name))
        target = Path(folder, module)
        mutated = mutation.mutate_file_contents(module, target.read_text(encoding="utf-8"))
        target.write_text(mutated.code, encoding="utf-8")
        dotted = module.removesuffix(".py").replace("/", ".")
        names = [f"{dotted}.{name}" for name in mutated.mutant_names]
        run = [sys.executable, "-m", "tests.mutants", "--in-copy", *arguments]
        environment = {
            **os.environ,
            "PYTHONPATH": folder,
            "MUTANTS": " ".join(names),
            "MUTATED": str(target),
            _CHOSEN: "",
        }
        return subprocess.run(run, cwd=folder, env=environment, check=False).returncode


def _in_copy(arguments: Sequence[str]) -> int:
    plugins = ("terminal", "xdist", "cacheprovider")
    options = ["-x", *(f"-pno:{plugin}" for plugin in plugins), "-o", "addopts=", "--timeout=0"]
    with contextlib.suppress(SystemExit):
        return int(pytest.main([*options, *arguments], plugins=[_OnceForEach(os.environ["MUTANTS"].split())]))
    return 1


if __name__ == "__main__":
    first, *others = sys.argv[1:]
    sys.exit(_in_copy(others) if first == "--in-copy" else main(first, *others))
