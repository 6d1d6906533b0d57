"""The updates of `works update --from`: JSON Lines to `WorkUpdate`s, each with the line it came from."""

from __future__ import annotations

import difflib
import re
from typing import Any, Final, NamedTuple, cast

import msgspec

from devrev_async import WorkUpdate

from .codes import UsageError

__all__ = ["UpdateLine", "parse_updates"]

_FIELDS: Final = tuple(WorkUpdate.__struct_fields__)
_PLAIN_LISTS: Final = ("owned_by", "reported_by", "developed_with", "channels", "contacts")
"""Fields whose wire form is ``{"set": [...]}`` and whose values here are the lists themselves."""

_PATH: Final = re.compile(r" - at `\$\.?([^`]*)`$")


class UpdateLine(NamedTuple):
    """One line of the file.

    Attributes:
        number: from 1.
        text: the line as it stands there, without its end.
        update: what it says.
    """

    number: int
    text: bytes
    update: WorkUpdate


def parse_updates(data: bytes, name: str) -> list[UpdateLine]:
    """The updates of JSON Lines, of which empty ones are skipped.

    Args:
        data: the file. Each line is an object with `id` and fields of `works.update`, as the API takes them.
        name: of the file, for messages.

    Raises:
        UsageError: a line is not that; the message names it.
    """
    lines: list[UpdateLine] = []
    for number, text in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        text = text.removesuffix(b"\r")  # noqa: PLW2901 - the line's end, which may have two bytes
        if text.strip():
            try:
                update = _parse(text)
            except ValueError as error:
                raise UsageError(f"{name}:{number}: {error}") from None
            lines.append(UpdateLine(number, text, update))
    return lines


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
            raise ValueError(f"no such field {name!r}{_meant(name)}")
    try:
        return msgspec.convert({name: _plain(name, value) for name, value in given.items()}, WorkUpdate)
    except msgspec.ValidationError as error:
        place = _PATH.search(str(error))
        problem = _PATH.sub("", str(error))
        raise ValueError(f"{place[1]}: {problem}" if place else problem) from None


def _meant(name: str) -> str:
    close = difflib.get_close_matches(name, _FIELDS, n=1)
    return f"; did you mean {close[0]}?" if close else ""


def _plain(name: str, value: Any) -> Any:
    if name in _PLAIN_LISTS and isinstance(value, dict):
        only = cast("dict[str, Any]", value)
        return only["set"] if set(only) == {"set"} else only
    return value
