"""The lines of a run that did not succeed, in files that can be given in again."""

from __future__ import annotations

import re
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, Self, TypeAlias

from devrev_async.sinks._files import check_target
from devrev_async.sinks.whole import WholeFile

from .codes import UsageError

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["Leftovers", "works"]

_Kind: TypeAlias = Literal["failed", "unknown"]

_MEANING: Final[dict[_Kind, str]] = {
    "failed": "not updated",
    "unknown": "may have been updated: look before you try again",
}
_ROUND: Final = re.compile(r"\A(.*)\.failed(?:-(\d+))?\Z")


class Leftovers:
    """A file of failed lines and one of those that may have been applied, beside the source.

    They appear whole, when the block is left after `publish`; each line is written as it is added, so that none is
    kept in memory.

    Args:
        source: the file that the lines come from, or ``-`` for stdin.

    Raises:
        UsageError: one of the files could not be written.
    """

    def __init__(self, source: str) -> None:
        self.counts: Counter[_Kind] = Counter()
        self._paths: dict[_Kind, Path] = {kind: _beside(source, kind) for kind in _MEANING}
        self._files: dict[_Kind, WholeFile] = {}
        self._stack = ExitStack()
        for path in self._paths.values():
            try:
                check_target(path)
            except OSError as error:
                raise UsageError(f"{path}, for lines that fail: {error.strerror}") from error

    def add(self, kind: _Kind, text: bytes) -> None:
        """Adds a line."""
        if kind not in self._files:
            self._files[kind] = self._stack.enter_context(WholeFile(self._paths[kind]))
        self._files[kind].write(text + b"\n")
        self.counts[kind] += 1

    def publish(self) -> None:
        """Puts the files in their places, and removes those that an earlier run left for the same source."""
        for kind, path in self._paths.items():
            if kind in self._files:
                self._files[kind].publish()
            else:
                path.unlink(missing_ok=True)

    def summary(self) -> str:
        """How many lines there are of each kind, and where; empty without any."""
        return "; ".join(
            f"{works(self.counts[kind])} {_MEANING[kind]} (in {path})"
            for kind, path in self._paths.items()
            if self.counts[kind]
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()


def works(count: int) -> str:
    """A number of works as text."""
    return f"{count} work{'' if count == 1 else 's'}"


def _beside(source: str, kind: _Kind) -> Path:
    """Where lines of a kind go: edits.jsonl, edits.failed.jsonl, edits.failed-2.jsonl, ..."""
    path = Path("works-update.jsonl" if source == "-" else source)
    stem, suffix = path.stem, path.suffix or ".jsonl"
    earlier = _ROUND.match(stem)
    if earlier is None:
        return path.with_name(f"{stem}.{kind}{suffix}")
    return path.with_name(f"{earlier[1]}.{kind}-{int(earlier[2] or 1) + 1}{suffix}")
