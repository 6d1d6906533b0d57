"""Items of a response that do not fit their type, and what is said of them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, TypeAlias, TypeVar

__all__ = ["Decoded", "Kind", "Misfit", "warnings_of"]

T = TypeVar("T")

Kind: TypeAlias = Literal["unknown", "invalid"]
"""``"unknown"``: of no known type, without type or id, or undecodable; ``"invalid"``: single fields do not fit."""


class Misfit(NamedTuple):
    """Why an item does not fit its type.

    Attributes:
        kind: what is wrong with it.
        reason: in words; it may quote the server.
        number: the place of the item in its response.
    """

    kind: Kind
    reason: str
    number: int = 0


Decoded: TypeAlias = tuple[T, Misfit | None]
"""An item, and why it does not fit its type, or None."""

_WHAT = {"unknown": "came as UnknownWork", "invalid": "have invalid fields"}


def warnings_of(endpoint: str, misfits: Sequence[Misfit], total: int) -> list[str]:
    """One line for each kind of misfit in a response of `total` items."""
    lines: list[str] = []
    for kind, what in _WHAT.items():
        found = [misfit for misfit in misfits if misfit.kind == kind]
        if found:
            first = found[0]
            lines.append(
                f"{endpoint}: {len(found)} of {total} works {what}; the first is number {first.number}: {first.reason}"
            )
    return lines
