"""What the texts of msgspec's errors mean. Pure.

msgspec reports by the English of its messages alone where a document ends, whether it was cut short, and which argument
has the wrong type. Every such text stands here; `tests/json/test_msgspec_errors.py` fails first when a release words
them differently.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

__all__ = [
    "Mismatch",
    "breaks_pattern",
    "ends_early",
    "is_trailing",
    "is_truncated",
    "located",
    "mismatch",
    "refuses_escape",
    "refuses_timestamp",
    "value_size",
]

_BYTE: Final = re.compile(r"\(byte (\d+)\)\Z")
_AT: Final = re.compile(r"(?s)(.*) - at `\$\.?(.*)`\Z")
_MISMATCH: Final = re.compile(r"Expected `(.+)`, got `(.+)`")


class Mismatch(NamedTuple):
    """A value of the wrong type: the types that were expected, and the one that was found, in JSON's names."""

    expected: list[str]
    found: str


def is_trailing(message: str) -> bool:
    """Whether the decoded value is complete and other bytes follow it."""
    return "trailing characters" in message


def value_size(message: str) -> int | None:
    """The number of bytes of the complete value that other bytes follow, white space included; else None."""
    where = _BYTE.search(message)
    return int(where[1]) - 1 if where is not None and is_trailing(message) else None


def is_truncated(message: str) -> bool:
    """Whether the document ended inside a value."""
    return "truncated" in message


def ends_early(message: str, size: int) -> bool:
    """Whether a document of this size ended inside a value; inside a number msgspec calls that malformed."""
    where = _BYTE.search(message)
    if where is None or is_trailing(message):
        return is_truncated(message)
    return int(where[1]) >= size


def refuses_escape(message: str) -> bool:
    r"""Whether a ``\u`` escape was refused: half a surrogate pair, which is JSON, or digits that are none."""
    return "surrogate" in message or "hex escape" in message


def refuses_timestamp(message: str) -> bool:
    """Whether a string was refused as a timestamp."""
    return "RFC3339 encoded datetime" in message


def located(message: str) -> tuple[str, str]:
    """What is wrong, and the path of the value without its root; the path is empty where there is none."""
    match = _AT.match(message)
    return (match[1], match[2]) if match else (message, "")


def mismatch(problem: str) -> Mismatch | None:
    """The types of a problem, as `located` returns it, that is a value of the wrong type; else None."""
    match = _MISMATCH.fullmatch(problem)
    return None if match is None else Mismatch(match[1].split(" | "), match[2])


def breaks_pattern(problem: str) -> bool:
    """Whether a problem, as `located` returns it, is a string that does not match its pattern."""
    return "matching regex" in problem
