"""Ids: display ids (``"TKT-1042"``) and DONs, and the work type that they show."""

from __future__ import annotations

import re
from typing import Annotated, Final

from msgspec import Meta

from devrev_async.errors import InvalidArgumentError, shown

_ODD: Final = r"\s\x00-\x1f\x7f-\x9f\ud800-\udfff"
_ID: Final = rf"\A(?:don:[^{_ODD}]+|[^/{_ODD}]+)\Z"

Id = Annotated[str, Meta(min_length=1, pattern=_ID)]
"""A string that can be an id; `check_id` explains what is wrong with another."""

is_plain: Final = re.compile(r"\A[A-Za-z0-9-]+\Z").match
"""Whether a str is an id of the usual form, which needs neither `check_id` nor, in a URL, quoting."""

_is_id: Final = re.compile(_ID).search
_is_odd: Final = re.compile(f"[{_ODD}]").search

_PREFIXES: Final = {"ISS": "issue", "TKT": "ticket", "TASK": "task", "OPP": "opportunity"}
_of_don: Final = re.compile(r"\Adon:core:.*[:/](issue|ticket|task|opportunity)/[^/:]+\Z").match


def check_id(id: object, what: str = "id") -> str:
    """Returns a display id or a DON unchanged, as a plain str.

    Raises:
        TypeError: it is no string.
        InvalidArgumentError: it is empty, has white space, control characters or, unless a DON, a slash.
    """
    if not isinstance(id, str):
        raise TypeError(f"{what} takes a str (a display id or a DON), not {type(id).__name__}")
    if not id:
        raise InvalidArgumentError(f"{what} is empty")
    if _is_id(id):
        return str.__str__(id)  # a plain str, whatever subclass it was
    if _is_odd(id):
        raise InvalidArgumentError(f"{what}: an id has no white space and no control characters: {shown(id)}")
    raise InvalidArgumentError(f"{what}: only a DON (don:...) has a slash: {shown(id)}")


def type_of_id(id: str) -> str | None:
    """The work type of a display id's prefix or a DON's kind, or None."""
    if id.startswith("don:"):
        match = _of_don(id)
        return match[1] if match else None
    prefix, dash, _ = id.partition("-")
    return _PREFIXES.get(prefix) if dash else None
