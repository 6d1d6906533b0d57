"""The options of the data source, from Spark's strings to a typed record; read once, and checked before any request."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from difflib import get_close_matches
from typing import Any, Final, cast

import msgspec

from devrev_async._engines.access import Access, Held, hold
from devrev_async._requests.bodies import query_body
from devrev_async.arrow.schema import select
from devrev_async.errors import InvalidArgumentError
from devrev_async.models import DateRange, Filters
from devrev_async.models.base import Timestamp
from devrev_async.options import OVERLAP

__all__ = ["Options", "read_options"]

_NAMES: Final = ("token", "baseUrl", "filters", "numPartitions", "depth", "overlapSeconds")
_KNOWN: Final = {name.lower(): name for name in _NAMES}

_OF_A_TABLE: Final = "provider"
"""What CREATE TABLE adds to the options."""

_LONGEST_OVERLAP: Final = 10**9

_WHOLE: Final = re.compile(r"\A[0-9]{1,12}\Z")


class _Range(msgspec.Struct, forbid_unknown_fields=True):
    after: Timestamp | None = None
    before: Timestamp | None = None


@dataclass(frozen=True, slots=True)
class Options:
    """The options as the readers use them.

    Attributes:
        access: to the server.
        filters: keyword arguments of a query.
        partitions: how many at most; None: as many as there are works for.
        depth: as for `arrow.works_schema`.
        overlap: how far before the end of the last batch a batch of a stream begins.
    """

    access: Access
    filters: Filters
    partitions: int | None
    depth: int | None
    overlap: timedelta


def read_options(options: Mapping[str, str]) -> Options:
    """Reads the options that a user gave; names are compared without regard to case, as Spark does.

    Raises:
        InvalidArgumentError: an option is unknown, or its value cannot be read; no message has the token.
        ConfigurationError: there is no token, or it or the URL cannot be one.
        TypeError: a filter has a value of a wrong type.
    """
    held, given = _split(options)
    del options  # tracebacks show local variables
    partitions = _whole(given, "numPartitions", 1)
    overlap = _whole(given, "overlapSeconds", 0, _LONGEST_OVERLAP)
    filters = _filters(given.get("filters"))
    query_body(filters, {}, method="filters")
    return Options(
        access=Access(held, given.get("baseUrl")),
        filters=filters,
        partitions=partitions,
        depth=_depth(given),
        overlap=OVERLAP if overlap is None else timedelta(seconds=overlap),
    )


def _split(options: Mapping[str, str]) -> tuple[Held, dict[str, str]]:
    """The token, out of sight, and the other options by their own names."""
    given: dict[str, str] = {}
    held = hold(None)
    if any(key.lower() == _OF_A_TABLE for key in options):
        raise InvalidArgumentError("Spark reads a table without its options: CREATE TEMPORARY VIEW ... USING devrev")
    for key in options:
        name = _KNOWN.get(key.lower())
        if name is None:
            raise InvalidArgumentError(_unknown(key))
        if name == "token":
            held = hold(options[key])
        else:
            given[name] = options[key]
    return held, given


def _unknown(key: str) -> str:
    nearest = _KNOWN[get_close_matches(key.lower(), _KNOWN, n=1, cutoff=0.0)[0]]
    return f"unknown option {key!r}; did you mean {nearest!r}? The options are {', '.join(_NAMES)}"


def _whole(given: Mapping[str, str], name: str, least: int, most: int = 10**6) -> int | None:
    text = given.get(name)
    if text is None:
        return None
    number = int(text) if _WHOLE.match(text.strip()) else -1
    if not least <= number <= most:
        raise InvalidArgumentError(f"option {name} takes a whole number from {least} to {most}, not {text!r}")
    return number


def _depth(given: Mapping[str, str]) -> int | None:
    text = given.get("depth", "1").strip().lower()
    if text == "none":
        return None
    depth = int(text) if _WHOLE.match(text) else 0
    if depth < 1:
        raise InvalidArgumentError(f"option depth takes a whole number of at least 1, or 'none', not {text!r}")
    select(None, depth)
    return depth


def _filters(text: str | None) -> Filters:
    if text is None:
        return Filters()
    try:
        given = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError) as error:
        problem = str(error)
    else:
        if isinstance(given, dict):
            entries = cast("dict[str, Any]", given)
            return cast("Filters", {name: _filter(name, value, name) for name, value in entries.items()})
        problem = f"it is {text[:40]!r}"
    raise InvalidArgumentError(
        f"""option filters takes a JSON object of filters by name, as in {{"type": ["ticket"]}}: {problem}"""
    )


def _filter(name: str, value: Any, where: str) -> Any:
    """A filter with its ranges, which may be inside of the filters of one type, as `DateRange`."""
    if name == "custom_fields" or not isinstance(value, dict):
        return value
    entries = cast("dict[str, Any]", value)
    if entries and entries.keys() <= {"after", "before", "type"} and entries.get("type", "range") == "range":
        bounds = {bound: entry for bound, entry in entries.items() if bound != "type"}
        try:
            range_ = msgspec.convert(bounds, _Range)
        except msgspec.ValidationError as error:
            raise InvalidArgumentError(f"filters: {where}: {error}") from None
        return DateRange(after=range_.after, before=range_.before)
    return {inner: _filter(inner, item, f"{where}.{inner}") for inner, item in entries.items()}
