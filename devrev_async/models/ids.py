"""Ids: display ids (``"TKT-1042"``) and DONs, and what they tell of a work's type."""

from __future__ import annotations

import re
from typing import Annotated, Final

from msgspec import Meta

_ODD: Final = r"\s\x00-\x1f\x7f-\x9f\ud800-\udfff"
_ID: Final = rf"\A(?:don:[^{_ODD}]+|[^/{_ODD}]+)\Z"

Id = Annotated[str, Meta(min_length=1, pattern=_ID)]
"""What the API may know as an id; `check_id` says what is wrong with one."""

_is_id: Final = re.compile(_ID).search
_is_odd: Final = re.compile(f"[{_ODD}]").search

_PREFIXES: Final = {"ISS": "issue", "TKT": "ticket", "TASK": "task", "OPP": "opportunity"}
_of_don: Final = re.compile(r"\Adon:core:.*[:/](issue|ticket|task|opportunity)/[^/:]+\Z").match


def check_id(id: object, what: str = "id") -> str:
    """A display id or a DON, as given. TypeError for what is no string, ValueError for what no id can be."""
    if not isinstance(id, str):
        raise TypeError(f"{what} takes a str (a display id or a DON), not {type(id).__name__}")
    if not id:
        raise ValueError(f"{what} is empty")
    if _is_id(id):
        return str.__str__(id)  # a str proper, whatever subclass it was
    if _is_odd(id):
        raise ValueError(f"{what}: an id holds no white space and no control characters: {id!r}")
    raise ValueError(f"{what}: only a DON (don:...) holds a slash: {id!r}")


def type_of_id(id: str) -> str | None:
    """The work type that a display id's prefix or a DON's kind tells, or None."""
    if id.startswith("don:"):
        match = _of_don(id)
        return match[1] if match else None
    prefix, dash, _ = id.partition("-")
    return _PREFIXES.get(prefix) if dash else None
