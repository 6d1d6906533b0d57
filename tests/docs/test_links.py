"""Every link of README and docs goes somewhere, also where the pages are read as plain Markdown."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import pytest

from devrev_async.resources.works import Works

from .blocks import PAGES, ROOT

CODE = re.compile(r"^( *)(```|:::).*?^\1\2|`[^`\n]+`", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(?<!!)\[([^\]]*)\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#{1,6} +(.+)$", re.MULTILINE)
MORE = [ROOT / "SECURITY.md", ROOT / "CHANGELOG.md", ROOT / "benchmarks" / "README.md"]
FOLDERS = [
    ROOT,
    ROOT / "devrev_async",
    ROOT / "devrev_async" / "export" / "planner",
    ROOT / "tests" / "export" / "planner",
]
LINKED = [page for page in [*PAGES, *MORE] if page.is_file() and "_build" not in page.parts]


class Link(NamedTuple):
    page: Path
    text: str
    target: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.target}"

    @property
    def file(self) -> Path:
        name = self.target.partition("#")[0]
        return (self.page.parent / name).resolve() if name else self.page


def prose(page: Path) -> str:
    return CODE.sub("", page.read_text("utf-8"))


def anchors(page: Path) -> set[str]:
    """As GitHub and MyST make them: small letters, no punctuation, hyphens for spaces."""
    headings = HEADING.findall(re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


LINKS = [
    Link(page, text, target)
    for page in LINKED
    for text, target in LINK.findall(prose(page))
    if not target.startswith(("http://", "https://"))
]


@pytest.mark.parametrize("link", LINKS, ids=str)
def test_every_link_goes_somewhere(link: Link) -> None:
    assert link.text.strip(), "a link without a text shows in Sphinx only"
    assert link.file.exists()
    _, _, anchor = link.target.partition("#")
    assert not anchor or anchor in anchors(link.file)


PATHS = re.findall(r"`([\w./-]+/[\w./-]*|[\w/]+\.(?:py|toml))`", (ROOT / "CONTRIBUTING.md").read_text("utf-8"))


@pytest.mark.parametrize("path", sorted(set(PATHS)))
def test_every_path_of_contributing_exists(path: str) -> None:
    """It is one of the repository, of the package, or of the planner, whose table names its modules."""
    assert any((folder / path).exists() for folder in FOLDERS)


def test_every_page_is_two_clicks_from_the_readme() -> None:
    def linked(pages: set[Path]) -> set[Path]:
        return {link.file for link in LINKS if link.page in pages}

    first = linked({ROOT / "README.md"})
    second = linked(first)
    made_of_docstrings = {page for page in PAGES if "```{eval-rst}" in page.read_text("utf-8")}
    assert set(LINKED) - made_of_docstrings - {ROOT / "README.md"} <= first | second


@pytest.mark.parametrize("call", sorted(name for name in dir(Works) if not name.startswith("_")))
def test_the_reference_has_every_call_of_works(call: str) -> None:
    page = (ROOT / "docs" / "reference" / "works.md").read_text("utf-8")
    assert f".. automethod:: devrev_async.resources.works.Works.{call}\n" in page
