"""Any ``*.list`` endpoint of the API: under which keys its items and cursors are, and a pager over them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Final, NamedTuple, TypeVar

import msgspec

from devrev_async._decoders.item_decoders import DICTS, RAW, ItemDecoder, typed_items
from devrev_async._decoders.page_parser import PageParser
from devrev_async._requests.bodies import any_body, encode_body
from devrev_async._transport.page_reader import read_page
from devrev_async._transport.request import Request
from devrev_async._transport.transport import Transport
from devrev_async.errors import InvalidArgumentError, shown

from .pagers import Fetch, ItemPager, followed, page_limit

__all__ = ["open_pager", "shape_of"]

T = TypeVar("T")


class ListShape(NamedTuple):
    """The keys of a page.

    Attributes:
        items: of the array.
        next_cursor: of the cursor of the next page.
    """

    items: str
    next_cursor: str = "next_cursor"


_SHAPES: Final = {
    "auth-tokens.list": ListShape("tokens"),
    "custom-objects.list": ListShape("result"),
    "link-types.custom.list": ListShape("result"),
    "reactions.list": ListShape("reactors"),
    "schemas.custom.list": ListShape("result"),
    "schemas.stock.list": ListShape("result"),
    "stage-diagrams.list": ListShape("result", "cursor"),
    "stages.custom.list": ListShape("result", "cursor"),
    "states.custom.list": ListShape("result", "cursor"),
    "subscribers.list": ListShape("users"),
    "surveys.responses.list": ListShape("survey_responses"),
    "vistas.groups.list": ListShape("vista_group"),
}
"""The endpoints of the beta spec of 2025-10 whose items are not under their own name."""


def shape_of(endpoint: str, items: str | None) -> ListShape:
    """Returns the keys of an endpoint's pages: those of the spec, else the endpoint's own name.

    Args:
        endpoint: as in ``"dev-users.list"``, whose items are under ``"dev_users"``.
        items: the key of the items where the caller knows better.

    Raises:
        InvalidArgumentError: the endpoint is no ``*.list``, and `items` is not given.
    """
    known = _SHAPES.get(endpoint)
    if items is not None:
        if not isinstance(items, str) or not items:
            raise InvalidArgumentError(f"items takes the key of the items, as in 'dev_users', not {shown(items)}")
        return ListShape(items) if known is None else known._replace(items=items)
    if known is not None:
        return known
    *names, last = endpoint.split(".")
    if last != "list" or not names:
        raise InvalidArgumentError(
            f"{shown(endpoint)} is no *.list endpoint; items= says under which key its items stand"
        )
    return ListShape(names[-1].replace("-", "_"))


def open_pager(
    transport: Transport,
    request: Request,
    body: Mapping[str, Any] | msgspec.Struct | None,
    item_type: Any,
    items: str | None,
    max_items: int | None,
) -> ItemPager[Any]:
    """Returns a pager over an endpoint, by the arguments of `DevRevClient.paginate` and a request without body."""
    shape = shape_of(request.endpoint, items)
    fields = dict(any_body(body))
    limit = page_limit(fields.get("limit"), max_items)
    if limit is not None:
        fields["limit"] = limit

    def fetching(decoder: ItemDecoder[T]) -> Fetch[T]:
        def parser() -> PageParser[T]:
            return PageParser(shape.items, decoder, next_key=shape.next_cursor, follow=followed(fields))

        return partial(read_page, transport, parser=parser)

    typed: ItemDecoder[Any] = DICTS if item_type is None else typed_items(item_type)
    request = request._replace(body=encode_body(fields, None))
    return ItemPager(fetching(typed), fetching(RAW), request, fields, max_items)
