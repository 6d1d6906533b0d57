"""Mutates one module and runs its own tests: ``python -m tests.mutants devrev_async/_limits/retry.py tests/limits/test_retry.py``.

mutmut makes the mutants. The tests are collected once, and each mutant runs them in a fork, up to the first that fails.
What comes after the module goes to pytest; ``-m "not hypothesis"`` leaves the random tests out, and ``--sample 100``
takes so many of the mutants, the same ones each time. Prints the mutants that no test noticed, each as its difference,
and the score. Functions with a decorator are not mutated.
"""

from __future__ import annotations

import argparse
import contextlib
import difflib
import importlib
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import pytest

_ROOT: Final = Path(__file__).parents[1]
_COPIED: Final = ("devrev_async", "tests", "pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md")
_PATIENCE: Final = (30, 10)
"""Seconds, and times the run without a mutant, after which one counts as noticed: it does not end."""

_MOST_MEMORY: Final = 8 << 30
"""Bytes of addresses that a run may take: a mutant that does not end may fill the memory otherwise."""

_CHOSEN: Final = "MUTANT_UNDER_TEST"
"""The variable of the environment in which mutmut's code looks for the mutant to run."""


class _OnceForEach:
    """Forks once the tests are collected; only the forks go on and run them.

    Attributes:
        survivors: how many mutants no test noticed.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = names
        self.survivors = 0
        self._lines = Path(os.environ["MUTATED"]).read_text(encoding="utf-8").splitlines()
        self._longest = 600

    def pytest_collection_finish(self) -> None:
        for name in ("", *self.names):
            begun = time.monotonic()
            child = os.fork()
            if child == 0:
                os.environ[_CHOSEN] = name
                signal.alarm(self._longest)
                resource.setrlimit(resource.RLIMIT_AS, (_MOST_MEMORY, _MOST_MEMORY))
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, 1)
                os.dup2(nowhere, 2)
                return
            code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            if not name and code:
                sys.exit("the tests fail without a mutant")
            if not name:
                self._longest = int(max(_PATIENCE[0], _PATIENCE[1] * (time.monotonic() - begun)))
            if name and code == 0:
                self._survived(name)
        killed = len(self.names) - self.survivors
        print(f"{killed} of {len(self.names)} mutants were noticed", flush=True)  # noqa: T201
        os._exit(0)

    def _survived(self, name: str) -> None:
        self.survivors += 1
        last = name.rpartition(".")[2]
        original = _body(self._lines, re.sub(r"_\d+\Z", "_orig", last))
        print("\n".join([name, *_difference(original, _body(self._lines, last))]), flush=True)  # noqa: T201


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


def main(module: str, *arguments: str, sample: int | None = None) -> int:
    """Copies the project, mutates the module in the copy, and runs the tests there."""
    try:
        mutation: Any = importlib.import_module("mutmut.mutation.file_mutation")
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith("mutmut"):
            raise
        sys.exit(
            "python -m tests.mutants needs mutmut: install the dependency group `mutation`, or run nox -s mutation"
        )
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
        if sample is not None and sample < len(names):
            print(f"{sample} of {len(names)} mutants")  # noqa: T201
            chosen = set(random.Random(0).sample(names, sample))
            names = [name for name in names if name in chosen]
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
    if sys.argv[1] == "--in-copy":
        sys.exit(_in_copy(sys.argv[2:]))
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("module")
    parser.add_argument("--sample", type=int, metavar="N", help="take so many of the mutants")
    known, others = parser.parse_known_args()
    sys.exit(main(known.module, *others, sample=known.sample))
