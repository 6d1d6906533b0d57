"""The code blocks of README and docs, found by their fences; pages are Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).parents[2]
PAGES: Final = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])

_FENCE: Final = re.compile(r"^( *)```(\w+)[^\n]*\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
_REASON: Final = re.compile(r"<!-- not run: (.+?) -->\s*\Z")
_FIRST: Final = re.compile(r"<!-- run after: (.+?) -->\s*\Z")


class Block(NamedTuple):
    """One fenced block.

    Attributes:
        page: its page, relative to the repository.
        line: of its first line of code.
        language: as the fence names it.
        code: its text, without the fence's own indentation.
        reason: why it is not run, or None.
        first: a shell line that makes what it needs, or None.
    """

    page: str
    line: int
    language: str
    code: str
    reason: str | None
    first: str | None

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks(*languages: str) -> Iterator[Block]:
    """All blocks of these languages, page by page."""
    for path in PAGES:
        if not path.is_file() or "_build" in path.parts:
            continue
        text = path.read_text("utf-8")
        for match in _FENCE.finditer(text):
            indent, language, code = match.groups()
            if language in languages:
                before = text[: match.start()]
                reason, first = _REASON.search(before), _FIRST.search(before)
                yield Block(
                    str(path.relative_to(ROOT)),
                    before.count("\n") + 2,
                    language,
                    re.sub(rf"^{indent}", "", code, flags=re.MULTILINE),
                    reason[1] if reason else None,
                    first[1] if first else None,
                )
