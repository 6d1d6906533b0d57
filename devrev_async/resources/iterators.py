"""Works of an export as they arrive, and of a list page after page."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

from devrev_async import errors
from devrev_async._decoders.page_parser import PageParser, works_page
from devrev_async._requests.bodies import encode_body
from devrev_async._transport.call import Call
from devrev_async._transport.error_mapping import Failure
from devrev_async._transport.page_reader import PageReader, feed, take
from devrev_async._transport.request import Request
from devrev_async._transport.response import Response
from devrev_async.export.runner import check_batch_size
from devrev_async.models import Work, WorksPage

if TYPE_CHECKING:
    from types import TracebackType

    import pyarrow as pa

__all__ = ["WorksPager", "WorksStream"]

EMPTY_PAGES: Final = 100
"""Empty pages in a row, each with another cursor, after which a list is taken for endless."""

T = TypeVar("T")


class _Closable:
    """Asynchronous iteration over a generator that ``async with`` closes at once."""

    _generator: AsyncGenerator[Any, None] | None = None
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

    def __init__(self, pages: PageReader, request: Request) -> None:
        self._pages = pages
        self._request = request

    async def _works(self) -> AsyncGenerator[Work, None]:
        async with aclosing(self._batches()) as batches:
            async for batch in batches:
                for work in batch:
                    yield work

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
        generator = arrow_batches(self._batches(), check_batch_size(n), convert)
        self._generator = generator
        return generator

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
        self, call: Call, incoming: Response, page: PageParser[Work]
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

    def __init__(self, pages: PageReader, request: Request, body: Mapping[str, Any]) -> None:
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
