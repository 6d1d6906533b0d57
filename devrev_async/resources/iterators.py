"""Works of an export as they arrive, and the items of a list page after page."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, Generic, NamedTuple, Self, TypeVar

from devrev_async import errors
from devrev_async._decoders.page_parser import PageParser
from devrev_async._requests.bodies import encode_body
from devrev_async._transport.call import Call, Transport
from devrev_async._transport.error_mapping import Failure
from devrev_async._transport.page_reader import PageReader, feed, take
from devrev_async._transport.request import Request
from devrev_async._transport.response import Response
from devrev_async.export.runner import check_batch_size
from devrev_async.models import Work, WorksPage
from devrev_async.options import count_problem

from .closing import Closable

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Page", "WorksPager", "WorksStream", "page_limit"]

EMPTY_PAGES: Final = 100
"""Empty pages in a row, each with another cursor, after which a list is taken for endless."""

T = TypeVar("T")


class WorksStream(Closable):
    """The works of one export as they arrive; iterate over it, once.

    ``async with`` sends the request and waits for the head of its answer, so that a refusal raises there, and ends the
    request when the loop is left early; a second loop inside of it goes on where the first was left. Without it, the
    request is sent by the first step of the iteration, and ended when the iterator is closed or garbage collected.
    Once a work was yielded, a failure raises; before that it is retried.
    """

    def __init__(self, pages: PageReader, request: Request) -> None:
        super().__init__(request.endpoint)
        self._kind = _Kind()
        self._arrivals = _arrivals(pages, request, self._kind)
        self._left: Iterator[Any] = iter(())
        self._opened = False
        self._entered = False
        self._exhausted = False

    def __aiter__(self) -> AsyncIterator[Work]:
        return self._works()

    def raw_batches(self, n: int = 1000) -> AsyncGenerator[list[bytes], None]:
        """Lists of at most `n` works as they arrive, none empty, each work as the JSON bytes that the server sent."""
        return self._lists(check_batch_size(n), raw=True)

    def arrow_batches(
        self, n: int = 1000, columns: Sequence[str] | None = None, depth: int | None = 1
    ) -> AsyncGenerator[pa.RecordBatch, None]:
        """Record batches of `n` works, the last one shorter; they have the schema `arrow.works_schema(columns, depth)`.

        They are converted in a thread, so that the event loop goes on. There is no empty one: no works, no batches.
        Works that arrived before a failure are yielded before it is raised. This needs the extra ``[arrow]``.

        Example:
            >>> async with devrev.works.export_stream(type=["ticket"]) as stream:
            ...     table = pyarrow.Table.from_batches([batch async for batch in stream.arrow_batches()])

        Raises:
            InvalidArgumentError, TypeError: as `arrow.works_schema` says, before any request.
            ModuleNotFoundError: pyarrow is not installed.
        """
        from devrev_async.arrow.batches import arrow_batches, convert_in_thread  # noqa: PLC0415 - pyarrow is an extra

        convert = convert_in_thread(columns, depth)
        return arrow_batches(self._full_lists(check_batch_size(n)), convert)

    async def aclose(self) -> None:
        """End the request, if it is under way."""
        await super().aclose()
        await self._arrivals.aclose()

    async def __aenter__(self) -> Self:
        self._entered = True
        if not self._opened:
            self._opened = True
            await self._wait(lambda: anext(self._arrivals, None))
        return self

    async def _works(self) -> AsyncGenerator[Work, None]:
        self._begin(raw=False)
        try:
            while True:
                for work in self._left:
                    yield work
                if not await self._arrive():
                    return
        finally:
            await self._leave()

    async def _lists(self, most: int, *, raw: bool) -> AsyncGenerator[list[Any], None]:
        self._begin(raw=raw)
        try:
            while True:
                while items := list(islice(self._left, most)):
                    yield items
                if not await self._arrive():
                    return
        finally:
            await self._leave()

    async def _full_lists(self, n: int) -> AsyncGenerator[list[Work], None]:
        """Lists of `n` works, the last one shorter: at the end, or before a failure."""
        self._begin(raw=False)
        works: list[Work] = []
        failure: errors.DevRevError | None = None
        try:
            while failure is None and not self._exhausted:
                works += islice(self._left, n - len(works))
                if len(works) == n:
                    yield works
                    works = []
                    continue
                try:
                    await self._arrive()
                except errors.DevRevError as error:
                    failure = error
            if works:
                yield works
            if failure is not None:
                raise failure
        finally:
            await self._leave()

    def _begin(self, *, raw: bool) -> None:
        if self._exhausted or (self._kind.fixed and self._kind.raw is not raw):
            raise RuntimeError("an export_stream is iterated over once, and in one way")
        self._check_open()
        self._kind.raw = raw
        self._opened = True

    async def _arrive(self) -> bool:
        """Wait for further works; False if there are none."""
        batch = await self._wait(lambda: anext(self._arrivals, None))
        self._exhausted = batch is None
        self._left = iter(batch or ())
        return batch is not None

    async def _leave(self) -> None:
        if not self._entered:
            await self.aclose()


class _Kind:
    """Whether a stream yields works or their bytes: the first iteration says so, after the answer has begun."""

    __slots__ = ("fixed", "raw")

    def __init__(self) -> None:
        self.raw = False
        self.fixed = False

    def page(self, pages: PageReader) -> PageParser[Any]:
        """A parser of that kind."""
        self.fixed = True
        return pages.raw_parser() if self.raw else pages.parser()


async def _arrivals(pages: PageReader, request: Request, kind: _Kind) -> AsyncGenerator[list[Any], None]:
    """An empty list once the answer has begun, then lists of items as they arrive.

    One attempt follows the other, until one has yielded something or is through. It does not refer to the stream, so
    that a stream which nobody refers to ends its request.
    """
    transport = pages.transport
    call = transport.call(request)
    begun = False
    while True:
        incoming = await transport.guarded(call, call.open)
        failure: Failure | None = None
        try:
            if not begun:
                begun = True
                incoming.pause()
                yield []
                await transport.guarded(call, incoming.resume)
            page = kind.page(pages)
            try:
                async with aclosing(_attempt(transport, call, incoming, page)) as outcomes:
                    async for outcome in outcomes:
                        if isinstance(outcome, Failure):
                            failure = outcome
                        else:
                            yield outcome
            finally:
                page.forget()
        finally:
            incoming.close()
        if failure is None:
            pages.warn(request.endpoint, page.misfits, page.count)
            return
        if page.count:
            raise call.failures.final(failure, call.attempts)
        await transport.guarded(call, partial(call.again, failure))


async def _attempt(
    transport: Transport, call: Call, incoming: Response, page: PageParser[Any]
) -> AsyncGenerator[list[Any] | Failure, None]:
    """The batches of one answer, and how it failed if it did. What is whole is not kept back for what is not."""
    guarded = transport.guarded
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


class Page(NamedTuple, Generic[T]):
    """One page of any list. A cursor is None where there is no page in its direction."""

    items: list[T]
    next_cursor: str | None
    prev_cursor: str | None


class _Pager(Closable, Generic[T]):
    """Goes through the pages of a list; each iteration begins anew.

    Args:
        fetch: sends a request and reads its page.
        request: of the first page.
        body: that of the request before it was encoded.
        max_items: where to stop; None stops at the end.
    """

    def __init__(
        self,
        fetch: Callable[[Request], Awaitable[Page[T]]],
        request: Request,
        body: Mapping[str, Any],
        max_items: int | None,
    ) -> None:
        super().__init__(request.endpoint)
        self._fetch = fetch
        self._request = request
        self._body = body
        self._max_items = max_items

    def __aiter__(self) -> AsyncIterator[T]:
        return self._items()

    async def _items(self) -> AsyncGenerator[T, None]:
        async with aclosing(self._walk()) as pages:
            async for page in pages:
                for item in page.items:
                    yield item

    async def _walk(self) -> AsyncGenerator[Page[T], None]:
        """Page by page, up to `max_items`."""
        request, guard, left = self._request, _Guard(self._endpoint), self._max_items
        backwards = self._body.get("mode") == "before"
        cursor = self._body.get("cursor")
        while left is None or left > 0:
            guard.pass_cursor(cursor)
            page = await self._wait(partial(self._fetch, request))
            if left is not None:
                page = page._replace(items=page.items[:left])
                left -= len(page.items)
            yield page
            cursor = page.prev_cursor if backwards else page.next_cursor
            if cursor is None:
                return
            guard.pass_page(page.items)
            request = self._request._replace(body=encode_body({**self._body, "cursor": cursor}, None))


def page_limit(limit: int | None, max_items: int | None, *, default: int | None = None) -> int | None:
    """The `limit` to send: no more items than are wanted, where the page would have more.

    Args:
        limit: as the user gave it; it is checked with the other arguments.
        max_items: as the user gave it.
        default: the items of a page without `limit`; None where that is not known.

    Raises:
        InvalidArgumentError: `max_items` is no number of items.
    """
    if max_items is None:
        return limit
    problem = count_problem("max_items", max_items, 0)
    if problem:
        raise errors.InvalidArgumentError(problem)
    usual = default if limit is None else limit
    return max_items if isinstance(usual, int) and 0 < max_items < usual else limit


class _Guard:
    """Ends a list that a server would never end."""

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint
        self._seen: set[str] = set()
        self._empty = 0

    def pass_cursor(self, cursor: str | None) -> None:
        """Refuse a cursor that was there before."""
        if cursor in self._seen:
            raise self._error("a cursor that it gave before")
        if cursor is not None:
            self._seen.add(cursor)

    def pass_page(self, items: Sequence[Any]) -> None:
        """Refuse too many empty pages in a row."""
        self._empty = 0 if items else self._empty + 1
        if self._empty >= EMPTY_PAGES:
            raise self._error(f"{EMPTY_PAGES} empty pages in a row")

    def _error(self, what: str) -> errors.ResponseDecodeError:
        error = errors.ResponseDecodeError(f"{self._endpoint}: the server gave {what}; stopped", status=200)
        error.endpoint = self._endpoint
        return error


class WorksPager(_Pager[Work]):
    """The works of `works.list`: iterate over it for all of them, or over `pages()`.

    A cursor that comes again, or no end of empty pages, is a `ResponseDecodeError`.
    """

    async def pages(self) -> AsyncGenerator[WorksPage, None]:
        """Page by page. The cursors of a page that `max_items` cuts are those of the whole page."""
        async with aclosing(self._walk()) as pages:
            async for page in pages:
                yield WorksPage(page.items, page.next_cursor, page.prev_cursor)
