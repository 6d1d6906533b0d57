"""Bodies of successful responses that are not pages. Pure."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Final, TypeVar

import msgspec
import msgspec.inspect
from msgspec import Raw

from devrev_async.models.results import WorksCount
from devrev_async.models.works import Issue, Opportunity, Task, Ticket, Work

from .fallback import DECODE_ERRORS, decode_one, members
from .misfits import Decoded

__all__ = ["check_decodable", "decode_count", "decode_nothing", "decode_typed", "work_under"]

T = TypeVar("T")

_members: Final = msgspec.json.Decoder(dict[str, Raw]).decode


def work_under(key: str) -> Callable[[bytes], Decoded[Work]]:
    """Returns the decoder of a body that is an object with a work under a key.

    It raises ValueError or others of `DECODE_ERRORS` where the body is no JSON, or has no work there.
    """
    usual: Any = msgspec.defstruct("_Body", [(key, Issue | Ticket | Task | Opportunity)])
    decode = msgspec.json.Decoder(usual).decode

    def decode_body(body: bytes) -> Decoded[Work]:
        try:
            work: Work = getattr(decode(body), key)
        except DECODE_ERRORS:
            pass
        else:
            return work, None
        text = (members(body) or {}).get(key, b"null")
        if text == b"null":
            raise ValueError(f'the body has no "{key}"')
        return decode_one(text)

    return decode_body


class _Count(msgspec.Struct):
    count: int
    has_more: bool | None = None


_decode_count: Final = msgspec.json.Decoder(_Count).decode


def decode_count(body: bytes) -> WorksCount:
    """Decodes the body of `works.count`; a null for `has_more` is as if it were missing."""
    given = _decode_count(body)
    return WorksCount(given.count, bool(given.has_more))


def decode_nothing(body: bytes) -> None:
    """Accepts the body of `works.delete`: an object or nothing. Anything else did not come from the API."""
    if body.strip():
        _members(body)
        body.decode()  # msgspec does not look into what is raw


def decode_typed(kind: Any) -> Callable[[bytes], Any]:
    """Decodes into the type that a caller of `request` asks for, None for any; an empty body counts as null.

    Raises:
        TypeError: msgspec decodes no such type.
    """
    check_decodable("response_type", kind)
    decode = msgspec.json.Decoder(Any if kind is None else kind).decode
    return lambda body: decode(body or b"null")


def check_decodable(name: str, kind: Any) -> None:
    """Refuses what msgspec decodes no JSON into, anywhere in a type: it would refuse the answer, after a write as well.

    Raises:
        TypeError: and says which part of the type it is.
    """
    try:
        part = _undecodable(kind)
    except TypeError:  # msgspec's decoder says what is wrong, or the type has no hash
        return
    if part is None:
        return
    shown = getattr(part, "__name__", repr(part))
    if hasattr(part, "model_validate"):
        raise TypeError(
            f"{name} takes a type that msgspec decodes, and {shown} is a model of pydantic's: "
            "leave it out, and validate what you get"
        )
    raise TypeError(f"{name} takes a type that msgspec decodes, which {shown} is not")


@functools.lru_cache
def _undecodable(kind: Any) -> Any:
    """The first part of a type, at any depth, that msgspec leaves to a hook; None if there is none."""
    root = msgspec.inspect.type_info(kind)  # it keeps its parts, and so what they are known by
    left: list[Any] = [root]
    seen: set[int] = set()
    while left:
        node = left.pop()
        if isinstance(node, msgspec.inspect.CustomType):
            return node.cls
        if isinstance(node, tuple):
            left.extend(node)  # pyright: ignore[reportUnknownArgumentType] - the parts of a node
        elif isinstance(node, msgspec.inspect.Type | msgspec.inspect.Field) and id(node) not in seen:
            seen.add(id(node))  # a type may contain itself
            left.extend(getattr(node, field) for field in node.__struct_fields__)
    return None
