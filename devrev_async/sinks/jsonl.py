"""JSON Lines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["as_lines"]

_SPACES: Final = bytes.maketrans(b"\r\n", b"  ")


def as_lines(works: Sequence[bytes]) -> bytes:
    """JSON Lines: one work a line, its bytes unchanged.

    Only a server that indents its JSON has line breaks in a work. They stand between tokens then (inside of strings
    they are escaped), so a space says the same.
    """
    if not works:
        return b""
    joined = b"\n".join(works)
    if joined.count(b"\n") >= len(works) or b"\r" in joined:
        joined = b"\n".join(work.translate(_SPACES) for work in works)
    return joined + b"\n"
