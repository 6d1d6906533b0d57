"""The lock of the tools: one version of all that is installed, wherever a developer installs it from."""

import re
import tomllib
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
LOCK = (ROOT / "tests/locked-requirements.txt").read_text(encoding="utf-8")
LOCKED = [Requirement(line) for line in LOCK.splitlines() if not line.startswith("#")]


def test_each_line_is_one_version_of_a_package_and_names_no_place() -> None:
    odd = [each for each in LOCKED if each.url or not re.fullmatch(r"==[0-9][0-9a-z.]*", str(each.specifier))]
    assert not odd


def test_all_that_pyproject_names_is_locked_within_its_bounds() -> None:
    project: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    groups: list[list[Any]] = [
        project["project"]["dependencies"],
        *project["project"]["optional-dependencies"].values(),
        *project["dependency-groups"].values(),
    ]
    versions: dict[str, list[str]] = {}
    for each in LOCKED:
        versions.setdefault(canonicalize_name(each.name), []).append(str(each.specifier).removeprefix("=="))
    named = [Requirement(entry) for group in groups for entry in group if isinstance(entry, str)]
    missing = [each.name for each in named if canonicalize_name(each.name) not in versions]
    outside = [
        f"{each}, not {version}"
        for each in named
        for version in versions.get(canonicalize_name(each.name), [])
        if not each.specifier.contains(version, prereleases=True)
    ]
    assert (missing, outside) == ([], [])
