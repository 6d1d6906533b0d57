"""How the items of a page are decoded: as works, as their bytes, as plain dicts, as any type of msgspec's. Pure."""

from __future__ import annotations

from collections.abc import Callable
from types import GenericAlias
from typing import Any, Final, Generic, NamedTuple, TypeVar, cast

import msgspec
from msgspec import Raw

from devrev_async._json import text as json_text
from devrev_async.models.base import is_object
from devrev_async.models.works import Work

from .fallback import decode_one
from .interning import InterningDecoder
from .misfits import Decoded
from .responses import check_decodable

__all__ = ["DICTS", "RAW", "ItemDecoder", "typed_items", "work_items"]

T = TypeVar("T")


class ItemDecoder(NamedTuple, Generic[T]):
    """Decodes a JSON array at once, and one item by itself.

    Attributes:
        batch: turns an array into its items or raises one of `DECODE_ERRORS`. What it returns must not refer to the
            bytes that it was given, which change.
        single: turns an item that did not fit into itself, or a stand-in, and why it did not fit; ValueError or
            another of `DECODE_ERRORS` where there is no stand-in.
    """

    batch: Callable[[memoryview], list[T]]
    single: Callable[[bytes], Decoded[T]]


def work_items(decoder: InterningDecoder) -> ItemDecoder[Work]:
    """Works, their repeated parts shared through `decoder`; what does not fit is tolerated field by field."""
    return ItemDecoder[Work](decoder.decode, decode_one)


def typed_items(kind: type[T]) -> ItemDecoder[T]:
    """Items of any type that msgspec decodes; an item that does not fit refuses the page.

    Raises:
        TypeError: msgspec decodes no such type.
    """
    check_decodable("item_type", kind)
    array: Any = GenericAlias(list, (kind,))
    decode = msgspec.json.Decoder(kind).decode

    def single(item: bytes) -> Decoded[T]:
        return decode(item), None

    return ItemDecoder(cast("Callable[[memoryview], list[T]]", msgspec.json.Decoder(array).decode), single)


def _dict(item: bytes) -> Decoded[dict[str, Any]]:
    value = json_text.parse(item)
    if not is_object(value):
        raise ValueError("no object")
    return value, None


DICTS: Final = ItemDecoder(msgspec.json.Decoder(list[dict[str, Any]]).decode, _dict)
"""Items as plain dicts."""

_decode_raws: Final = msgspec.json.Decoder(list[Raw]).decode


def _raws(array: memoryview) -> list[bytes]:
    return [bytes(raw) for raw in _decode_raws(array)]


def _raw(item: bytes) -> Decoded[bytes]:
    json_text.check(item)
    return item, None


RAW: Final = ItemDecoder(_raws, _raw)
"""Items as their bytes, unchanged."""
