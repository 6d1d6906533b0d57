"""The names of an export's files: the target, what lies beside it until it is whole, and numbered files. Pure."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Final, Literal, TypeAlias, get_args

from devrev_async.errors import InvalidArgumentError

__all__ = ["FORMATS", "FileFormat", "Names", "check_path", "format_of"]

FileFormat: TypeAlias = Literal["jsonl", "jsonl.gz", "csv", "parquet"]
FORMATS: Final[tuple[FileFormat, ...]] = get_args(FileFormat)

LONGEST_NAME: Final = 255
"""Bytes in a file's name that the common file systems take."""

_LONGEST_ENDING: Final = 20
"""Bytes that the names beside a target may have beyond those of `Names.part`."""

_KEPT: Final = 180
"""Bytes of a long name that the names beside it begin with."""


def check_path(name: str, path: str | os.PathLike[str]) -> str:
    """Returns the path of an argument as a str.

    Raises:
        InvalidArgumentError: no file can have that name, it is empty, or it begins with a ``~`` that stands for a home.
        TypeError: it is no path, or one of bytes.
    """
    shown = os.fspath(path) if isinstance(path, os.PathLike) else path
    if not isinstance(shown, str):
        raise TypeError(f"{name} takes a str or a path of one, not {type(shown).__name__}")
    if not shown:  # a shell's variable that is not set: it would mean the current folder
        raise InvalidArgumentError(f"{name} is empty")
    try:
        os.fsencode(shown)
    except UnicodeEncodeError:
        raise InvalidArgumentError(f"{name} has half a surrogate pair: {shown!r}") from None
    if "\0" in shown:
        raise InvalidArgumentError(f"{name} has a NUL character: {shown!r}")
    first, *others = Path(shown).parts or ("",)
    if first == "~" or (first.startswith("~") and others):  # what a shell makes a home of
        raise InvalidArgumentError(
            f"{name} begins with a ~, which is not expanded: write the folder out, not {shown!r}"
        )
    return shown


def format_of(path: str, format: str | None) -> FileFormat:
    """The format that `format` says, or that the name of the file at the path ends in.

    Raises:
        InvalidArgumentError: neither says one of `FORMATS`.
    """
    if format is None:
        name = Path(path).name
        for known in sorted(FORMATS, key=len, reverse=True):
            if name.lower().endswith(f".{known}"):
                return known
        endings = ", ".join(f".{known}" for known in FORMATS)
        raise InvalidArgumentError(f"path takes a file that ends in one of {endings}, not {path!r}; or say format=")
    for known in FORMATS:
        if format == known:
            return known
    raise InvalidArgumentError(f"format takes one of {', '.join(FORMATS)}, not {format!r}")


@dataclass(frozen=True)
class Names:
    """Where the files of an export lie.

    Names beside the target end in none of the formats' endings, so that no pattern such as ``*.parquet`` matches them;
    a leading dot does not keep every engine from it.

    Attributes:
        target: the file that the user asked for, links followed.
        longest: bytes that a name in its folder may have.
    """

    target: Path
    longest: int = LONGEST_NAME

    @property
    def part(self) -> Path:
        """What is written of the export so far."""
        name = f".{self.target.name}.part"
        if len(os.fsencode(name)) + _LONGEST_ENDING > self.longest:
            digest = blake2b(os.fsencode(self.target.name), digest_size=8).hexdigest()
            name = f".{_beginning(self.target.name, min(_KEPT, self.longest - 60))}~{digest}.part"
        return self.target.with_name(name)

    @property
    def state(self) -> Path:
        """How much of the part counts, and where the export goes on from there."""
        return self._beside("state")

    @property
    def lock(self) -> Path:
        """Locked while an export to the target runs."""
        return self._beside("lock")

    def output(self, number: int) -> Path:
        """A file in its format, before it gets its name."""
        return self._beside(f"{number:05}")

    def outputs_among(self, names: Iterable[str]) -> list[Path]:
        """Which of the names are those of outputs of this target."""
        start = f"{self.part.name}."
        return [self.part.with_name(name) for name in names if name.startswith(start) and name[len(start) :].isdigit()]

    def _beside(self, ending: str) -> Path:
        part = self.part
        return part.with_name(f"{part.name}.{ending}")

    def numbered(self, number: int) -> Path:
        """One of many files: ``works-00000.parquet`` for a target of ``works.parquet``."""
        stem, ending = self._split()
        return self.target.with_name(f"{stem}-{number:05}{ending}")

    def numbered_among(self, names: Iterable[str]) -> list[Path]:
        """Which of the names are those of numbered files of this target, the highest number first."""
        stem, ending = self._split()
        pattern = re.compile(re.escape(stem) + r"-(\d{5}|[1-9]\d{5,})" + re.escape(ending))
        found = [(int(match[1]), name) for name in names if (match := pattern.fullmatch(name))]
        return [self.target.with_name(name) for _, name in sorted(found, reverse=True)]

    def _split(self) -> tuple[str, str]:
        name = self.target.name
        for known in sorted(FORMATS, key=len, reverse=True):
            if name.lower().endswith(f".{known}") and len(name) > len(known) + 1:
                return name[: -len(known) - 1], name[-len(known) - 1 :]
        return self.target.stem, self.target.suffix


def _beginning(name: str, length: int) -> str:
    """The first characters of a name, at most so many bytes of them."""
    while len(os.fsencode(name)) > length:
        name = name[:-1]
    return name
