"""Pages of works over the transport: collected, streamed, and one after the other."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

import msgspec

from . import errors
from ._decode import printable
from ._scan import Malformed, Truncated
from ._stream import PageStream, works_page
from ._transport import Call, Failure, Incoming, Request, Transport
from .models import SharedDecoder, Work
from .models.requests import encode_body

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["Pages", "WorksPage", "WorksPager", "WorksStream"]

log: Final = logging.getLogger("devrev_async")

EMPTY_PAGES: Final = 100
"""Empty pages in a row, each with another cursor, after which a list is taken for endless."""

T = TypeVar("T")


class WorksPage(msgspec.Struct, frozen=True):
    """One page of `works.list`. A cursor is None where there is no page in its direction."""

    works: list[Work]
    next_cursor: str | None = None
    prev_cursor: str | None = None


class Pages:
    """Fetches pages, and says what was odd about them."""

    def __init__(self, transport: Transport) -> None:
        self.transport = transport
        self.decoder = SharedDecoder()

    async def fetch(self, request: Request) -> WorksPage:
        """The page that a request answers, whole; retries included."""

        async def consume(incoming: Incoming) -> WorksPage | Failure:
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


async def drain(page: PageStream[T], incoming: Incoming, take_in: Callable[[list[T]], None]) -> Failure | None:
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


def feed(page: PageStream[T], piece: bytes | None) -> None:
    """Feed a piece of the body, or None for its end."""
    if piece is None:
        page.finish()
    else:
        page.feed(piece)


def take(page: PageStream[T], incoming: Incoming, *, eager: bool = False) -> list[T] | Failure | None:
    """The next batch, None if more bytes are needed, or what is wrong with the body."""
    try:
        return page.take(eager=eager)
    except Malformed as error:
        return incoming.unreadable(str(error), cut=isinstance(error, Truncated))


class _Closable:
    """Asynchronous iteration over a generator that ``async with`` closes at once."""

    _generator: AsyncGenerator[Work, None] | None = None
    _works: Callable[[], AsyncGenerator[Work, None]]

    async def __aenter__(self) -> Self:
        return self

    def __aiter__(self) -> AsyncIterator[Work]:
        generator = self._works()
        self._generator = generator
        return generator

    async def aclose(self) -> None:
        """End the request, if one is under way."""
        generator, self._generator = self._generator, None
        if generator is not None:
            await generator.aclose()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


class WorksStream(_Closable):
    """The works of one export as they arrive: iterate over it, once; ``async with`` closes it."""

    def __init__(self, pages: Pages, request: Request) -> None:
        self._pages = pages
        self._request = request

    async def _works(self) -> AsyncGenerator[Work, None]:
        async with aclosing(self._batches()) as batches:
            async for batch in batches:
                for work in batch:
                    yield work

    async def _batches(self) -> AsyncGenerator[list[Work], None]:
        """One attempt after the other, until one has yielded something or is through."""
        transport = self._pages.transport
        call = transport.call(self._request)
        while True:
            incoming = await transport.guarded(call, call.open)
            page = works_page(self._pages.decoder)
            failure: Failure | None = None
            try:
                async with aclosing(self._attempt(call, incoming, page)) as outcomes:
                    async for outcome in outcomes:
                        if isinstance(outcome, Failure):
                            failure = outcome
                        else:
                            yield outcome
            finally:
                incoming.close()
                page.forget()
            if failure is None:
                self._pages.warn(self._request.endpoint, page.misfits, page.count)
                return
            if page.count:
                raise call.failures.final(failure, call.attempts)
            await transport.guarded(call, partial(call.again, failure))

    async def _attempt(
        self, call: Call, incoming: Incoming, page: PageStream[Work]
    ) -> AsyncGenerator[list[Work] | Failure, None]:
        """The batches of one answer, and how it failed if it did. What is whole is not kept back for what is not."""
        guarded = self._pages.transport.guarded
        last = False
        while not last:
            piece = await guarded(call, incoming.next)
            if isinstance(piece, Failure):
                while page.count and isinstance(batch := take(page, incoming, eager=True), list):
                    yield batch
                yield piece
                return
            feed(page, piece)
            last = piece is None
            del piece  # while a consumer is busy, no frame is to show the server's words
            eager = False
            while True:
                batch = take(page, incoming, eager=eager)
                if batch is None:
                    if eager or last:
                        break
                    await asyncio.sleep(0)  # the socket's turn
                    eager = incoming.idle()
                    if not eager:
                        break
                    continue
                if isinstance(batch, Failure):
                    yield batch
                    return
                # a consumer may call the client itself, which must not wait for this very stream
                incoming.pause()
                yield batch
                await asyncio.sleep(0)
                await guarded(call, incoming.resume)


class WorksPager(_Closable):
    """The works of `works.list`: iterate over it for all of them, or over `pages()`."""

    def __init__(self, pages: Pages, request: Request, body: Mapping[str, Any]) -> None:
        self._pages = pages
        self._request = request
        self._body = body

    async def pages(self) -> AsyncGenerator[WorksPage, None]:
        """Page by page. A cursor that comes again, or no end of empty pages, is a `ResponseDecodeError`."""
        request, seen, empty = self._request, set[str](), 0
        backwards = self._body.get("mode") == "before"
        first = self._body.get("cursor")
        if first is not None:
            seen.add(first)
        while True:
            page = await self._pages.fetch(request)
            yield page
            cursor = page.prev_cursor if backwards else page.next_cursor
            if cursor is None:
                return
            empty = 0 if page.works else empty + 1
            if cursor in seen or empty >= EMPTY_PAGES:
                what = "a cursor that it gave before" if cursor in seen else f"{empty} empty pages in a row"
                error = errors.ResponseDecodeError(f"works.list: the server gave {what}; stopped", status=200)
                error.endpoint = "works.list"
                raise error
            seen.add(cursor)
            body = {**self._body, "cursor": cursor}
            request = request._replace(body=encode_body(body, None))

    async def _works(self) -> AsyncGenerator[Work, None]:
        async with aclosing(self.pages()) as pages:
            async for page in pages:
                for work in page.works:
                    yield work
