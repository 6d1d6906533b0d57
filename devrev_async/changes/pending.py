"""What a run of `works.sync` notes beside its state before its file has its name, so that a repeat knows it. Pure.

The state itself does not change before the file stands. Where the note is missing or damaged, or is of another query, a
file without a state is judged by its works alone.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final
from zlib import crc32

import msgspec

from devrev_async.sinks._names import FileFormat

__all__ = ["MOST_RUNS", "Pending", "parse_pending", "path_of_pending", "render_pending"]

MOST_RUNS: Final = 10**15
"""More runs than there can be, whose number has room in the name of a file."""


class Pending(msgspec.Struct, frozen=True, kw_only=True):
    """The file of a run that is about to get its name.

    Attributes:
        run: its number.
        format: of the file.
        contents: what may stand under the name, as `content_of` has it: the file of this run, or still the one that it
            replaces, of a run that was cut off.
        query: the filters, as the wire has them.
        origin: the server that was asked.
    """

    run: int
    format: FileFormat
    contents: list[str]
    query: dict[str, Any]
    origin: str


def path_of_pending(state: Path) -> Path:
    """Where the note is, by the path of the state."""
    return state.with_name(f".{state.name}.pending")


def render_pending(pending: Pending) -> bytes:
    """The content of the note."""
    text = json.dumps(msgspec.to_builtins(pending), ensure_ascii=False)
    return f"{text}\n{crc32(text.encode()):08x}\n".encode()


def parse_pending(content: bytes) -> Pending | None:
    """What a note says; None if it is not whole."""
    text, _, check = content.partition(b"\n")
    if check != b"%08x\n" % crc32(text):
        return None
    try:
        pending = msgspec.convert(json.loads(text), Pending)
    except (msgspec.ValidationError, ValueError, RecursionError):
        return None
    return pending if 0 < pending.run <= MOST_RUNS else None
