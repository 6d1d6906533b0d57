"""The works of one export as they arrive."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import aclosing, suppress
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, Self

from devrev_async import errors
from devrev_async._decoders.json_scanner import Malformed
from devrev_async._decoders.page_parser import PageParser
from devrev_async._transport.call import Call
from devrev_async._transport.error_mapping import AttemptFailedError, Failure, final_error
from devrev_async._transport.page_reader import PageReader, feed, take
from devrev_async._transport.request import Request
from devrev_async._transport.response import Response
from devrev_async._transport.transport import Transport
from devrev_async.models import Work
from devrev_async.options import check_batch_size

from .closing import Closable

if TYPE_CHECKING:
    from devrev_async.arrow.annotations import RecordBatch

__all__ = ["WorksStream"]


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
    ) -> AsyncGenerator[RecordBatch, None]:
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
        """Ends the request, if it is in flight."""
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
        """Awaits further works; returns False at the end."""
        batch = await self._wait(lambda: anext(self._arrivals, None))
        self._exhausted = batch is None
        self._left = iter(batch or ())
        return batch is not None

    async def _leave(self) -> None:
        if not self._entered:
            await self.aclose()


class _Kind:
    """Whether a stream yields works or their bytes, which the first iteration decides after the response has begun."""

    __slots__ = ("fixed", "raw")

    def __init__(self) -> None:
        self.raw = False
        self.fixed = False

    def page(self, pages: PageReader) -> PageParser[Any]:
        """Returns a parser of that kind."""
        self.fixed = True
        return pages.raw_parser() if self.raw else pages.parser()


async def _arrivals(pages: PageReader, request: Request, kind: _Kind) -> AsyncGenerator[list[Any], None]:
    """Yields an empty list once the response has begun, then lists of items as they arrive.

    Attempts are repeated until one has yielded an item or has ended. There is no reference to the stream, so that a
    stream which is garbage collected ends its request.
    """
    transport = pages.transport
    guarded, call = transport.guarded, transport.call(request)
    begun = False
    while True:
        await guarded(call, call.admit)
        page: PageParser[Any] | None = None
        incoming: Response | None = None
        failure: Failure | None = None
        rest: list[Any] = []
        try:
            incoming = await guarded(call, call.exchange)
            if not begun:
                begun = True
                call.pause()
                since = time.monotonic()
                yield []
                call.postpone(since)
                await guarded(call, call.resume)
            page = kind.page(pages)
            async with aclosing(_batches(transport, call, incoming, page)) as batches:
                async for batch in batches:
                    yield batch
        except AttemptFailedError as failed:
            failure = failed.failure
            if page is not None and page.count:
                rest = _rest(page)
        finally:
            if page is not None:
                page.forget()
            call.end(incoming, failure)
        if page is not None and failure is None:
            pages.warn(request.endpoint, page.misfits, page.count)
            return
        assert failure is not None
        if page is not None and page.count:
            yield rest
            raise final_error(call.context, failure)
        await guarded(call, partial(call.again, failure))


async def _batches(
    transport: Transport, call: Call, incoming: Response, page: PageParser[Any]
) -> AsyncGenerator[list[Any], None]:
    """Yields the batches of one response."""
    guarded = transport.guarded
    last = False
    while not last:
        piece = await guarded(call, incoming.next)
        feed(page, piece)
        last = piece is None
        del piece  # while a consumer is busy, no frame is to show the server's bytes
        eager = False
        while True:
            batch = take(page, incoming, eager=eager)
            if batch is None:
                if eager or last:
                    break
                await asyncio.sleep(0)  # the event loop reads the socket
                eager = incoming.idle()
                if not eager:
                    break
                continue
            # a consumer may call the client itself, which must not wait for this very stream
            call.pause()
            since = time.monotonic()
            yield batch
            call.postpone(since)
            await asyncio.sleep(0)
            await guarded(call, call.resume)


def _rest(page: PageParser[Any]) -> list[Any]:
    """Returns the whole items that are left of a page which cannot be read further."""
    items: list[Any] = []
    with suppress(Malformed):
        while (batch := page.take(eager=True)) is not None:
            items += batch
    return items
