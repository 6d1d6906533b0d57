"""Structs of the same fields as those of devrev_async, as anyone would write them: for one-shot decoding by msgspec."""

# ruff: noqa: PLC0415 - a process imports only what it measures

from __future__ import annotations

from collections.abc import Callable
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import msgspec

__all__ = ["page_decoder", "single_decoder"]


def _twin(kind: Any, made: dict[Any, Any], *, gc: bool) -> Any:
    """The type with every Struct in it replaced by one that owes nothing to devrev_async."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        if kind not in made:
            hints = get_type_hints(kind, include_extras=True)
            config = kind.__struct_config__
            fields: list[tuple[Any, ...]] = []
            for name in kind.__struct_fields__:
                required = name == "id" and config.tag is not None
                fields.append((name, _twin(hints[name], made, gc=gc), *(() if required else (None,))))
            made[kind] = msgspec.defstruct(
                kind.__name__, fields, gc=gc, kw_only=True, tag=config.tag, tag_field=config.tag_field
            )
        return made[kind]
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is None or not arguments:
        return kind
    if origin in (Union, UnionType):
        return Union[tuple(_twin(argument, made, gc=gc) for argument in arguments)]  # noqa: UP007 - built at run time
    if origin is tuple:
        return list[_twin(arguments[0], made, gc=gc)]  # type: ignore[misc]
    return kind


def _works(*, gc: bool) -> Any:
    from devrev_async import Issue, Opportunity, Task, Ticket

    return _twin(Issue | Ticket | Task | Opportunity, {}, gc=gc)


def page_decoder(*, gc: bool) -> Callable[[Any], list[Any]]:
    page = msgspec.defstruct("Page", [("works", list[_works(gc=gc)])])  # type: ignore[misc]
    decode = msgspec.json.Decoder(page).decode
    return lambda body: decode(body).works  # type: ignore[attr-defined]


def single_decoder(*, gc: bool) -> Callable[[bytes], Any]:
    answer = msgspec.defstruct("Answer", [("work", _works(gc=gc))])
    decode = msgspec.json.Decoder(answer).decode
    return lambda body: decode(body).work  # type: ignore[attr-defined]
