"""Pages of works over the transport: collected, streamed, and one after the other."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, Generic, NamedTuple, TypeVar

from devrev_async._decoders.api_errors import printable
from devrev_async._decoders.envelope import Followed
from devrev_async._decoders.interning import InterningDecoder
from devrev_async._decoders.item_decoders import RAW, work_items
from devrev_async._decoders.json_scanner import Malformed, Truncated
from devrev_async._decoders.misfits import Misfit, warnings_of
from devrev_async._decoders.page_parser import PageParser
from devrev_async.models import Work

from .request import Request
from .response import Response
from .transport import Transport
from .turns import Turn

__all__ = ["Page", "PageReader", "drain", "feed", "read_page", "take"]

log: Final = logging.getLogger("devrev_async.decoding")

T = TypeVar("T")

_LONGEST_LINE: Final = 500
"""Characters of a line of the log, which quotes the server."""


class Page(NamedTuple, Generic[T]):
    """One page of any list.

    Attributes:
        items: of the page; an empty list where there are none.
        next_cursor: of the next page; None where there is none.
        prev_cursor: of the page before it; None where there is none.
        misfits: items that do not fit their type.
        attempts: requests that were sent for it.
        request_id: the server's name for the request that it answers, if it gave one.
    """

    items: list[T]
    next_cursor: str | None
    prev_cursor: str | None
    misfits: Sequence[Misfit]
    attempts: int
    request_id: str | None


class PageReader:
    """Fetches pages of works, and logs which works do not fit their type.

    Args:
        transport: sends the requests.
        key: the key of a page's array, as in ``"works"``.
    """

    def __init__(self, transport: Transport, key: str) -> None:
        self.transport = transport
        self.key = key
        self._items = work_items(InterningDecoder())

    def parser(self, follow: Followed = None) -> PageParser[Work]:
        """Returns a parser of one page; equal parts of works are shared over all pages of this reader."""
        return PageParser(self.key, self._items, follow=follow)

    def raw_parser(self, follow: Followed = None) -> PageParser[bytes]:
        """Returns a parser of one page that yields each work as its bytes, unchanged."""
        return PageParser(self.key, RAW, follow=follow)

    async def fetch(self, request: Request, *, follow: Followed = None) -> Page[Work]:
        """Returns the whole page that answers a request; retries included.

        Args:
            request: what to send.
            follow: which cursor is followed: it must be a string where there is one.
        """
        page = await read_page(self.transport, request, partial(self.parser, follow))
        self.warn(request.endpoint, page.misfits, len(page.items))
        return page

    def warn(self, endpoint: str, misfits: Sequence[Misfit], total: int) -> None:
        """Logs one warning a response for each kind of works that do not fit their type."""
        for line in warnings_of(endpoint, misfits, total):
            log.warning("%s", printable(self.transport.manager.auth.source.hide(line))[:_LONGEST_LINE])


async def read_page(transport: Transport, request: Request, parser: Callable[[], PageParser[T]]) -> Page[T]:
    """Returns the page that answers a request, decoded as it arrives; retries included."""
    call = transport.call(request)

    async def consume(incoming: Response) -> Page[T]:
        page = parser()
        items: list[T] = []
        await drain(page, incoming, items.extend)
        following, before = page.cursors.next_cursor or None, page.cursors.prev_cursor or None
        return Page(items, following, before, page.misfits, call.attempts, incoming.request_id)

    return await transport.run(call, consume)


async def drain(
    page: PageParser[T], incoming: Response, take_in: Callable[[list[T]], None], turn: Turn | None = None
) -> None:
    """Reads a body through a parser and passes each batch to `take_in`, with a turn of the event loop after each.

    Args:
        page: the parser.
        incoming: what it reads.
        take_in: called with each batch.
        turn: where several pages arrive side by side, its place among them.
    """
    piece: bytes | None = b""
    try:
        while piece is not None:
            piece = await (incoming.next() if turn is None else turn.next_piece(incoming))
            feed(page, piece)
            while (batch := take(page, incoming)) is not None:
                take_in(batch)
                await asyncio.sleep(0)
                if turn is not None:
                    await turn.wait()
    except BaseException:
        page.forget()
        piece = None
        raise


def feed(page: PageParser[T], piece: bytes | None) -> None:
    """Feeds a piece of the body to a parser, or None for its end."""
    if piece is None:
        page.finish()
    else:
        page.feed(piece)


def take(page: PageParser[T], incoming: Response, *, eager: bool = False) -> list[T] | None:
    """Returns the next batch, or None if more input is needed."""
    try:
        return page.take(eager=eager)
    except Malformed as error:
        problem, cut = str(error), isinstance(error, Truncated)
    raise incoming.unreadable(problem, cut=cut)
