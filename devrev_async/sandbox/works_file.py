"""Reads works from a JSON Lines file, as an export writes it."""

import gzip
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from . import api_errors, wire
from .row import Work

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_SHARED_BYTES = 4_096
_SHARED_VALUES = 100_000


class WorksFile:
    """Reads the works of one file line by line; `lines` has the number of the line of each work so far.

    Equal values (users, parts, stages) become one shared object, which lets large files fit into memory.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.lines: list[int] = []
        self._shared: dict[bytes, Any] = {}

    def __iter__(self) -> Iterator[Work]:
        """Yields the works in the order of the file; a name that ends in .gz is decompressed.

        Raises:
            OSError: the file cannot be read.
            ValueError: a line is no JSON object.
        """
        for number, text in enumerate(self._texts(), 1):
            if text.strip():
                self.lines.append(number)
                yield self._work(text)

    def error(self, reason: object, work: int = -1) -> ValueError:
        """Returns an error that names the file and the line of a work, by default the last."""
        return ValueError(f"{self.path}, line {self.lines[work]}: {reason}")

    def _texts(self) -> Iterator[bytes]:
        with gzip.open(self.path) if self.path.suffix == ".gz" else self.path.open("rb") as file:
            try:
                yield file.readline().removeprefix(_BYTE_ORDER_MARK)
                yield from file
            except (EOFError, zlib.error, gzip.BadGzipFile) as error:
                raise ValueError(f"{self.path}: no complete gzip file: {error}") from None

    def _work(self, text: bytes) -> Work:
        try:
            value = wire.decode(text)
        except ValueError as error:
            raise self.error(error) from None
        if not isinstance(value, dict):
            raise self.error(f"a JSON object is expected, not {api_errors.json_type(value)}")
        work = cast("dict[str, Any]", value)
        return {key: self._share(inner) if isinstance(inner, (dict, list)) else inner for key, inner in work.items()}

    def _share(self, value: Any) -> Any:
        text = wire.encode(value)
        if len(text) > _SHARED_BYTES or len(self._shared) >= _SHARED_VALUES:
            return value
        return self._shared.setdefault(text, value)
