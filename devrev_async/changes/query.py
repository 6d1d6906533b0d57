"""The query of a call, in words that can be compared later: what a checkpoint or a state belongs to."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from hashlib import blake2b
from typing import Any, Final, cast

import msgspec

from devrev_async._requests.bodies import query_body
from devrev_async._requests.convert import plain
from devrev_async.errors import InvalidArgumentError
from devrev_async.export.opening import check_extra

__all__ = ["checked_query", "differences", "words_of"]

_LONGEST: Final = 400
"""Characters of a filter that are kept as they are; of a longer one, its beginning and a digest."""

_PRESETS: Final = ("last_n_days", "next_n_days")


def checked_query(filters: Mapping[str, Any], extra_body: Mapping[str, Any] | None, *, method: str) -> dict[str, Any]:
    """The query as plain data: timestamps in UTC, and lists sorted, since their order means nothing.

    Raises:
        InvalidArgumentError: a filter by `modified_date`, which is what `since` is for, or one that is relative to the
            day of the call; anything that a query refuses. TypeError likewise.
    """
    body = query_body(filters, {}, method=method)
    check_extra(body, extra_body)
    query = cast(
        "dict[str, Any]", msgspec.to_builtins({**body, **(plain(extra_body, "extra_body") if extra_body else {})})
    )
    if "modified_date" in query:
        since = "the state" if method == "sync" else "since="
        raise InvalidArgumentError(f"{method}() takes no modified_date filter: {since} says from when on")
    for name, value in query.items():
        if name != "custom_fields" and _is_relative(value):
            raise InvalidArgumentError(
                f"{name}: LastDays and NextDays mean another range each day; {method}() takes a DateRange"
            )
    return {name: _canonical(query[name]) for name in sorted(query)}


def words_of(query: Mapping[str, Any]) -> dict[str, str]:
    """Each filter as JSON text, bounded."""
    return {name: _bounded(_text(value)) for name, value in query.items()}


def differences(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """What differs between two queries in words, a filter at a time; empty if they mean the same."""
    names = sorted(before.keys() | now.keys())
    return [
        f"{name} was {before.get(name, 'not given')} and is {now.get(name, 'not given')}"
        for name in names
        if before.get(name) != now.get(name)
    ]


def _is_relative(value: object) -> bool:
    if isinstance(value, dict):
        entries = cast("dict[str, object]", value)
        return entries.get("preset_type") in _PRESETS or any(map(_is_relative, entries.values()))
    return False


def _canonical(value: Any) -> Any:
    if isinstance(value, dict):
        entries = cast("dict[str, Any]", value)
        return {name: _canonical(entries[name]) for name in sorted(entries)}
    if isinstance(value, list):
        items = [_canonical(item) for item in value]  # pyright: ignore[reportUnknownVariableType]
        return [item for _, item in sorted({_text(item): item for item in items}.items())]
    return value


def _text(value: object) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, default=datetime.isoformat)


def _bounded(text: str) -> str:
    if len(text) <= _LONGEST:
        return text
    digest = blake2b(text.encode(errors="surrogatepass"), digest_size=12).hexdigest()
    return f"{text[:_LONGEST]}... ({len(text)} characters, digest {digest})"
