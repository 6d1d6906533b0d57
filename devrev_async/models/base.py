"""The base Struct of all response objects: timestamps, and the wire form."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from importlib import import_module
from typing import Annotated, Any, TypeGuard

import msgspec
from msgspec import Meta, Struct

from devrev_async._json.stack import with_whole_stack

Timestamp = Annotated[datetime, Meta(tz=True)]
"""An aware datetime. The API writes RFC 3339 with up to nine digits; those past microseconds are rounded away."""

_encode = msgspec.json.Encoder().encode


class Model(Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True, repr_omit_defaults=True):
    """An object of a response: immutable, with every field optional and the wire's names as attribute names.

    A field that is absent or null on the wire is None. Equal objects of one client may be one shared object.
    """

    def to_dict(self) -> dict[str, Any]:
        """The wire form as plain dicts, lists and strings: RFC 3339 timestamps, absent and null fields absent."""
        return _with_lists(with_whole_stack(msgspec.to_builtins, self))

    def to_json(self) -> bytes:
        """The wire form as compact JSON."""
        return with_whole_stack(_encode, self)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        # by name: the decoders lie above the models, and nothing imports pydantic before it asks
        hook = import_module("devrev_async._decoders.pydantic_schema")
        return hook.model_schema(cls, handler.generate_schema)


def is_object(value: object) -> TypeGuard[dict[str, Any]]:
    """Whether a JSON value is an object; narrows the type for both type checkers."""
    return isinstance(value, dict)


def is_array(value: object) -> TypeGuard[Sequence[Any]]:
    """Whether a value is encoded as a JSON array."""
    return isinstance(value, list | tuple)


def _with_lists(values: dict[str, Any]) -> dict[str, Any]:
    """The same dict with lists for tuples, at any depth: free-form JSON may be nested as deep as Python recurses."""
    waiting: list[Any] = [values]
    while waiting:
        container = waiting.pop()
        for key, item in _items(container):
            if is_array(item):
                container[key] = list(item)
            if is_array(item) or is_object(item):
                waiting.append(container[key])
    return values


def _items(container: Any) -> Iterable[tuple[Any, Any]]:
    if is_object(container):
        return container.items()
    values: list[Any] = container
    return enumerate(values)
