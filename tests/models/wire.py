"""Comparing works with the JSON that they came from, leaf by leaf."""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any, TypeGuard

import msgspec

from devrev_async.models.base import is_object

FREE_FORM = frozenset({"custom_fields", "references", "value", "parents"})
"""Keys whose values are kept as they are, nulls included; `value` is also a string (of a tag) or an object (money)."""

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")


def is_list(value: object) -> TypeGuard[list[Any]]:
    return isinstance(value, list)


def leaves(node: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """Each value that is no object and no array with its path; empty objects and arrays, and free-form values, too."""
    if path and path[-1] in FREE_FORM and path[-1] != "value":
        yield path, node
    elif is_object(node) and node:
        for key, item in node.items():
            yield from leaves(item, (*path, key))
    elif is_list(node) and node:
        for index, item in enumerate(node):
            yield from leaves(item, (*path, index))
    else:
        yield path, node


def attribute(value: Any, path: tuple[str | int, ...]) -> Any:
    """The attribute that a path of JSON names."""
    for step in path:
        value = getattr(value, str(step)) if isinstance(value, msgspec.Struct) else value[step]
    return value


def same(told: Any, wire: Any) -> bool:
    """Whether an attribute says what the wire said: instants are compared as such, and types too."""
    if isinstance(told, datetime):
        return told.utcoffset() is not None and told == datetime.fromisoformat(wire)
    if isinstance(told, tuple):
        told = [*told]
    if isinstance(told, msgspec.Struct):
        told = msgspec.to_builtins(told)
    if isinstance(told, bool) or isinstance(wire, bool):
        return told is wire
    whole = isinstance(told, float) and isinstance(wire, int)  # a number without a fraction
    return (whole or type(told) is type(wire)) and bool(told == wire)


def assert_no_leaf_lost(work: Any, wire: dict[str, Any]) -> None:
    """Every leaf of the JSON is an attribute, and is in `to_dict` and `to_json`; nothing else is."""
    for path, value in leaves(wire):
        assert same(attribute(work, path), value), path
    assert normal(work.to_dict()) == normal(wire)
    assert normal(msgspec.json.decode(work.to_json())) == normal(wire)


def normal(node: Any, key: str = "") -> Any:
    """JSON with nulls left out and timestamps as instants, where they are not free-form."""
    if is_object(node) and key not in FREE_FORM - {"value"}:
        return {name: normal(item, name) for name, item in node.items() if item is not None}
    if is_list(node) and key not in FREE_FORM - {"value"}:
        return [normal(item) for item in node]
    if (
        isinstance(node, str)
        and key.endswith(("_date", "_time", "_at", "_until", "_transition"))
        and _TIME.fullmatch(node)
    ):
        return datetime.fromisoformat(node)
    return node
