"""Pages of works over the transport: collected, streamed, and one after the other."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from devrev_async._decoders.api_errors import printable
from devrev_async._decoders.interning import InterningDecoder
from devrev_async._decoders.json_scanner import Malformed, Truncated
from devrev_async._decoders.page_parser import PageParser, works_page
from devrev_async.models import Work, WorksPage

from .call import Transport
from .error_mapping import Failure
from .request import Request
from .response import Response

__all__ = ["PageReader", "drain", "feed", "take"]

log: Final = logging.getLogger("devrev_async")

T = TypeVar("T")


class PageReader:
    """Fetches pages, and says what was odd about them."""

    def __init__(self, transport: Transport) -> None:
        self.transport = transport
        self.decoder = InterningDecoder()

    async def fetch(self, request: Request) -> WorksPage:
        """The page that a request answers, whole; retries included."""

        async def consume(incoming: Response) -> WorksPage | Failure:
            page = works_page(self.decoder)
            works: list[Work] = []
            failure = await drain(page, incoming, works.extend)
            if failure is not None:
                return failure
            self.warn(request.endpoint, page.misfits, len(works))
            return WorksPage(works, page.next_cursor or None, page.prev_cursor or None)

        return await self.transport.run(self.transport.call(request), consume)

    def warn(self, endpoint: str, misfits: Sequence[tuple[int, str]], total: int) -> None:
        """One warning an answer about the works that do not fit their type."""
        if misfits:
            index, reason = misfits[0]
            log.warning(
                "%s: %d of %d works came as UnknownWork; the first is number %d: %s",
                endpoint,
                len(misfits),
                total,
                index,
                printable(self.transport.pool.token.hide(reason)),
            )


async def drain(page: PageParser[T], incoming: Response, take_in: Callable[[list[T]], None]) -> Failure | None:
    """Read a body through a page stream, batch by batch; the loop has its turn between any two."""
    piece: bytes | Failure | None = b""
    try:
        while piece is not None:
            piece = await incoming.next()
            if isinstance(piece, Failure):
                return piece
            feed(page, piece)
            while (batch := take(page, incoming)) is not None:
                if isinstance(batch, Failure):
                    return batch
                take_in(batch)
                await asyncio.sleep(0)
    except BaseException:
        page.forget()
        piece = None
        raise
    return None


def feed(page: PageParser[T], piece: bytes | None) -> None:
    """Feed a piece of the body, or None for its end."""
    if piece is None:
        page.finish()
    else:
        page.feed(piece)


def take(page: PageParser[T], incoming: Response, *, eager: bool = False) -> list[T] | Failure | None:
    """The next batch, None if more bytes are needed, or what is wrong with the body."""
    try:
        return page.take(eager=eager)
    except Malformed as error:
        return incoming.unreadable(str(error), cut=isinstance(error, Truncated))
