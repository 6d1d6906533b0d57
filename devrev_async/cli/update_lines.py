"""The updates of `works update --from`: lines of JSON Lines, and the `WorkUpdate` that each of them is."""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple, cast

import msgspec

from devrev_async import WorkUpdate
from devrev_async.errors import did_you_mean

from .codes import UsageError

__all__ = ["Line", "UpdateFile"]

_FIELDS: Final = tuple(WorkUpdate.__struct_fields__)
_PLAIN_LISTS: Final = ("owned_by", "reported_by", "developed_with", "channels", "contacts")
"""Fields whose wire form is ``{"set": [...]}`` and whose values here are the lists themselves."""

_PATH: Final = re.compile(r" - at `\$\.?([^`]*)`$")


class Line(NamedTuple):
    """One line of the file.

    Attributes:
        number: from 1.
        text: the line as it stands there, without its end.
    """

    number: int
    text: bytes


class UpdateFile:
    """A file of updates, of which one line at a time is in memory.

    It is read as often as needed: what cannot be read twice, such as a pipe, is copied into a temporary file.

    Args:
        source: the file, or ``-`` for stdin.

    Raises:
        UsageError: it cannot be read.
    """

    def __init__(self, source: str) -> None:
        self.name = "stdin" if source == "-" else source
        try:
            self._file = _rereadable(_opened(source))
            self._start = self._file.tell()
        except OSError as error:
            raise UsageError(f"--from {source}: {error.strerror}") from error

    def lines(self) -> Iterator[Line]:
        """Yields the lines from the first one on, without empty ones. It ends what an earlier call yields."""
        self._file.seek(self._start)
        for number, text in enumerate(self._file, 1):
            text = text.removesuffix(b"\n").removesuffix(b"\r")  # noqa: PLW2901 - the line's end may have two bytes
            if number == 1:
                text = text.removeprefix(b"\xef\xbb\xbf")  # noqa: PLW2901 - some editors begin a file so
            if text.strip():
                yield Line(number, text)

    def update(self, line: Line) -> WorkUpdate:
        """Returns what a line says: an object with `id` and fields of `works.update`, as the API takes them.

        Raises:
            UsageError: it is not that; the message names the line.
        """
        try:
            return _parse(line.text)
        except ValueError as error:
            raise self.error(line, str(error)) from None

    def error(self, line: Line, text: str) -> UsageError:
        """What is wrong with a line."""
        return UsageError(f"{self.name}:{line.number}: {text}")

    def close(self) -> None:
        """Closes the file."""
        self._file.close()


def _opened(source: str) -> BinaryIO:
    if source != "-":
        return Path(source).open("rb")
    if sys.stdin is None:  # pyright: ignore[reportUnnecessaryComparison] - so it is under `<&-`
        raise UsageError("--from -: stdin is closed")
    return open(sys.stdin.fileno(), "rb", closefd=False)


def _rereadable(file: BinaryIO) -> BinaryIO:
    if file.seekable():
        return file
    copy = tempfile.TemporaryFile()  # noqa: SIM115 - `UpdateFile.close` closes it
    with file:
        shutil.copyfileobj(file, copy)
    copy.seek(0)
    return cast("BinaryIO", copy)


def _parse(text: bytes) -> WorkUpdate:
    try:
        given: Any = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise ValueError("is no JSON") from None
    if not isinstance(given, dict):
        raise ValueError("is no JSON object")  # noqa: TRY004 - of the line, not of an argument
    return _convert(cast("dict[str, Any]", given))


def _convert(given: dict[str, Any]) -> WorkUpdate:
    if not isinstance(given.get("id"), str):
        raise ValueError('has no "id"')  # noqa: TRY004 - of the line, not of an argument
    for name in given:
        if name not in _FIELDS:
            raise ValueError(f"no such field {name!r}{did_you_mean(name, _FIELDS)}")
    try:
        return msgspec.convert({name: _plain(name, value) for name, value in given.items()}, WorkUpdate)
    except msgspec.ValidationError as error:
        place = _PATH.search(str(error))
        problem = _PATH.sub("", str(error))
        raise ValueError(f"{place[1]}: {problem}" if place else problem) from None


def _plain(name: str, value: Any) -> Any:
    if name in _PLAIN_LISTS and isinstance(value, dict):
        only = cast("dict[str, Any]", value)
        return only["set"] if set(only) == {"set"} else only
    return value
