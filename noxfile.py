"""One command for each habit: ``nox -s lint types tests docs``; ``nox -l`` lists them all."""

from __future__ import annotations

import nox

nox.options.default_venv_backend = "uv|virtualenv"
nox.options.reuse_existing_virtualenvs = True
nox.options.sessions = ["lint", "types", "tests", "docs"]

PYTHONS = ["3.11", "3.12", "3.13", "3.14"]
"""The versions that the classifiers in pyproject.toml name; a version that is not installed is skipped with a word."""

EXTRAS = nox.project.load_toml("pyproject.toml")["project"]["optional-dependencies"]

LOOPS = {
    "uvloop": {"TEST_LOOP": "uvloop"},
    "debug": {"PYTHONASYNCIODEBUG": "1"},
    "eager": {"TEST_LOOP": "eager"},
    "pure": dict.fromkeys(("AIOHTTP_NO_EXTENSIONS", "MULTIDICT_NO_EXTENSIONS", "YARL_NO_EXTENSIONS"), "1"),
}
LOOP_TESTS = ["tests/transport", "tests/resources"]

OLDEST_TESTS = [
    f"tests/{folder}"
    for folder in ("json", "decoders", "models", "requests", "resources", "limits", "transport", "cli")
]


LOCKED = "tests/locked-requirements.txt"
"""One version of each package that any session but `oldest` installs; ``nox -s lock`` renews it."""

LOCKED_GROUPS = ("dev", "loops", "engines", "coverage", "mutation")


def install(
    session: nox.Session, *groups: str, extras: tuple[str, ...] = ("cli", "arrow"), locked: bool = True
) -> None:
    """Installs the project with its extras, and the named dependency groups, in the versions of `LOCKED`."""
    project = "-e.[" + ",".join(extra for extra in extras if extra in EXTRAS) + "]"
    constraints = ("-c", LOCKED) if locked else ()
    session.install(project, *(f"--group={group}" for group in groups), *constraints)


@nox.session(python="3.11")
def lock(session: nox.Session) -> None:
    """Writes the newest versions of all packages, for every Python and system, into tests/locked-requirements.txt."""
    session.install("uv")
    extras = (f"--extra={extra}" for extra in EXTRAS)
    groups = (f"--group={group}" for group in LOCKED_GROUPS)
    session.run(
        *("uv", "pip", "compile", "--quiet", "--upgrade", "--universal", "--python-version=3.11", "--no-annotate"),
        *("--custom-compile-command=nox -s lock", "--output-file", LOCKED, "pyproject.toml"),
        *(*extras, *groups),
    )


@nox.session(python="3.11")
def lint(session: nox.Session) -> None:
    """Runs ruff (linter and formatter) and the import rules."""
    install(session, "lint")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("lint-imports")


@nox.session(python="3.11")
def types(session: nox.Session) -> None:
    """Runs mypy and pyright, both strict."""
    install(session, "lint", "test")
    session.run("mypy")
    session.run("pyright", "--pythonpath", f"{session.virtualenv.location}/bin/python")


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Runs the tests; further arguments go to pytest."""
    install(session, "test")
    session.run("pytest", "-q", *session.posargs)


@nox.session(python="3.11")
def slow(session: nox.Session) -> None:
    """Runs the slow tests, and the random ones with all their examples, as CI does."""
    install(session, "test")
    session.run("pytest", "-q", "-n", "auto", "-m", "slow or hypothesis", "--hypothesis-profile=ci", *session.posargs)


@nox.session(python="3.11")
def oldest(session: nox.Session) -> None:
    """Runs the tests on the oldest dependencies that pyproject.toml admits."""
    install(session, "test", locked=False)
    session.install("-r", "tests/oldest-requirements.txt")
    session.run("pytest", "-q", *(session.posargs or OLDEST_TESTS))


@nox.session(python="3.13")
@nox.parametrize("loop", ["uvloop", "debug", "eager", "pure"])
def loops(session: nox.Session, loop: str) -> None:
    """Runs tests on uvloop, in asyncio's debug mode, with eager tasks, or on aiohttp without its C code."""
    install(session, "test", "loops")
    session.run("pytest", "-q", *(session.posargs or LOOP_TESTS), env=LOOPS[loop])


@nox.session(python="3.11")
def coverage(session: nox.Session) -> None:
    """Measures branch coverage, and fails below the floor in pyproject.toml; ``-- tests/limits`` shows one folder's."""
    install(session, "test", "coverage", "engines")
    session.run("coverage", "erase")
    session.run("coverage", "run", "-m", "pytest", "-q", *(session.posargs or ("-n", "auto")))
    session.run("coverage", "combine", "-q")
    session.run("coverage", "report", *(["--fail-under=0"] if session.posargs else []))


@nox.session(python="3.11")
def mutation(session: nox.Session) -> None:
    """Changes a module in small ways, one at a time, and reports which changes its own tests do not notice."""
    install(session, "test", "mutation")
    session.run("python", "-m", "tests.mutants", *session.posargs)


@nox.session(python="3.11")
def docs(session: nox.Session) -> None:
    """Builds the documentation into docs/_build; a warning is an error."""
    install(session, "docs")
    session.run("sphinx-build", "-W", "--keep-going", "-q", "-b", "html", "docs", "docs/_build/html")


@nox.session(python="3.11")
def bench(session: nox.Session) -> None:
    """Runs the benchmarks beside the rivals; arguments go to ``python -m benchmarks``."""
    install(session, "bench")
    session.run("python", "-m", "benchmarks", *session.posargs)
