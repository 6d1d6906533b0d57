"""`WorkChanges`: what was modified, oldest change first, in batches with a checkpoint."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self, overload

from devrev_async import errors
from devrev_async._transport.page_reader import PageReader
from devrev_async.export.iteration import WorkExport
from devrev_async.models import Work
from devrev_async.models.filters import check_aware
from devrev_async.options import OVERLAP, check_batch_size, check_callback
from devrev_async.reports import ChangesReport

from .checkpoint import decode, encode
from .instants import micros, moment
from .query import checked_query, words_of
from .run import NoClockError, Run, Start
from .source import ChangesSource, Counted, Post, described, described_raw
from .windows import Count, Read

if TYPE_CHECKING:
    from devrev_async.arrow.annotations import RecordBatch
    from devrev_async.arrow.batches import ConvertInThread

__all__ = ["ChangeBatch", "WorkChanges", "clock_of", "open_changes"]

log: Final = logging.getLogger("devrev_async.changes")

_BLOCK: Final = 250
"""Works that are looked at between two turns of the event loop."""


@dataclass(frozen=True, slots=True)
class ChangeBatch(Sequence[Work]):
    """Works that were modified, oldest change first, and where to go on once they are stored.

    It can be iterated over, indexed and measured as `works` can.

    Attributes:
        works: at least one.
        checkpoint: for `changes(since=...)`; a str of at most 1 MB.
    """

    works: list[Work]
    checkpoint: str

    def __iter__(self) -> Iterator[Work]:
        return iter(self.works)

    def __len__(self) -> int:
        return len(self.works)

    @overload
    def __getitem__(self, index: int) -> Work: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Work]: ...

    def __getitem__(self, index: int | slice) -> Work | Sequence[Work]:
        return self.works[index]


class WorkChanges:
    """Every work that was modified since, oldest change first; works of one `modified_date` in any order.

    Iterate over it for batches, or over `raw_batches` or `arrow_batches`; once, in one of these ways. Inside
    ``async with`` it is closed at once when the loop is left early. It raises the `DevRevError` of the first request
    that fails for good, and `IncompleteExportError` if a window cannot be proved complete. `report` and `checkpoint`
    are good at any time, after an error too.

    Args:
        source: sends the requests.
        start: where to begin.
        words: the query, to be compared with that of a later call.
        overlap: how far to look back before a checkpoint.
        until: modified at or before it; None: the server's clock.
        on_progress: called with the report after each answer and each batch.
    """

    def __init__(
        self,
        source: ChangesSource,
        start: Start,
        *,
        words: Mapping[str, str],
        overlap: timedelta = OVERLAP,
        until: datetime | None = None,
        on_progress: Callable[[ChangesReport], object] | None = None,
    ) -> None:
        self._source = source
        self._words = words
        check_callback("on_progress", on_progress)
        self._on_progress = on_progress
        self._report = ChangesReport()
        limit = None if until is None else micros(until)
        self._run: Run[Any] = Run(start, overlap=overlap // timedelta(microseconds=1), until=limit)
        self._export: WorkExport | None = None
        self._counting: asyncio.Future[Counted] | None = None
        self._begun: float | None = None
        self._closed = False

    @property
    def report(self) -> ChangesReport:
        """What was done so far; the same object each time, brought up to date."""
        report, run = self._report, self._run
        if self._begun is not None and not self._closed:
            report.seconds = time.monotonic() - self._begun
        report.repeated, report.undated = run.delivery.repeated, run.delivery.undated
        report.windows, report.filtered_here = run.windows, run.filtered_here
        return report

    @property
    def until(self) -> datetime | None:
        """Works modified up to this time are yielded: the server's clock when the call began, rounded down.

        None before the first answer.
        """
        return None if self._run.until is None else moment(self._run.until)

    @property
    def checkpoint(self) -> str:
        """Where to go on: `changes(since=...)` with the same filters yields what was not yielded up to now."""
        return encode(self._run.checkpoint(), self._words)

    # --- ways to iterate ---

    def __aiter__(self) -> AsyncIterator[ChangeBatch]:
        return self.batches()

    def batches(self, n: int = 1000) -> AsyncGenerator[ChangeBatch, None]:
        """Batches of `n` works, the last one shorter, each with its checkpoint."""
        return self._batches(self._lists(check_batch_size(n), raw=False))

    def raw_batches(self, n: int = 1000) -> AsyncGenerator[list[bytes], None]:
        """Lists of `n` works, the last one shorter, each as the JSON bytes that the server sent."""
        return self._lists(check_batch_size(n), raw=True)

    def arrow_batches(
        self, n: int = 1000, columns: Sequence[str] | None = None, depth: int | None = 1
    ) -> AsyncGenerator[RecordBatch, None]:
        """Record batches of `n` works, the last one shorter; they have the schema `arrow.works_schema(columns, depth)`.

        This needs the extra ``[arrow]``.

        Raises:
            InvalidArgumentError, TypeError: as `arrow.works_schema` says, before any request.
            ModuleNotFoundError: pyarrow is not installed.
        """
        from devrev_async.arrow.batches import convert_in_thread  # noqa: PLC0415 - pyarrow is an extra

        return self._lists(check_batch_size(n), raw=False, convert=convert_in_thread(columns, depth))

    async def _batches(self, lists: AsyncGenerator[list[Work], None]) -> AsyncGenerator[ChangeBatch, None]:
        async with aclosing(lists):
            async for works in lists:
                yield ChangeBatch(works, self.checkpoint)

    async def _lists(self, n: int, *, raw: bool, convert: ConvertInThread | None = None) -> AsyncGenerator[Any, None]:
        """Lists of `n` works, or what `convert` makes of them; the checkpoint passes them as they are yielded."""
        self._begin()
        delivery = self._run.delivery
        try:
            async with aclosing(self._steps(raw=raw)) as steps:
                async for _ in steps:
                    while delivery.waiting >= n:
                        yield await self._take(n, convert)
                        self._check_open()
            while delivery.waiting:
                yield await self._take(n, convert)
                self._check_open()
            self._report.complete = True
            self._report_progress()
        finally:
            await self.aclose()

    async def _take(self, n: int, convert: ConvertInThread | None) -> Any:
        delivery = self._run.delivery
        converted = None if convert is None else await convert(delivery.peek(n))
        works = delivery.take(n)
        self._report.works += len(works)
        self._report_progress()
        return works if convert is None else converted

    # --- closing ---

    async def aclose(self) -> None:
        """Ends the requests under way; who iterates gets a `ClientClosedError`. Report and checkpoint stay."""
        if not self._closed:
            self._report.seconds = self.report.seconds
            self._closed = True
        if self._counting is not None:
            self._counting.cancel()
        if self._export is not None:
            await self._export.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    # --- doing what the run says ---

    def _check_open(self) -> None:
        if self._closed:
            raise _closed_error()

    def _begin(self) -> None:
        if self._begun is not None:
            raise RuntimeError("changes are iterated once; go on with changes(since=changes.checkpoint)")
        self._begun = time.monotonic()
        self._check_open()

    async def _steps(self, *, raw: bool) -> AsyncGenerator[None, None]:
        """Ask and read until all is read; there may be works to yield after each step."""
        run = self._run
        while (step := run.next()) is not None:
            self._check_open()
            if isinstance(step, Count):
                await self._count(step)
                yield
            else:
                async with aclosing(self._read(step, raw=raw)) as blocks:
                    async for _ in blocks:
                        yield
            self._report_progress()

    async def _count(self, step: Count) -> None:
        counted = await self._counted(step)
        self._report.requests += 1
        try:
            self._run.counted(counted.count, counted.date)
        except NoClockError:
            raise self._incomplete(
                "the server's answers bear no Date, so nothing says up to when they are complete; changes takes until="
            ) from None
        if self._run.ahead and self._report.requests == 1:
            log.warning(
                "the checkpoint is later than the server's clock (%s): one of the two was wrong, and what was modified "
                "meanwhile may be missing; changes(since=TIME), with a time before, brings it",
                self.until,
            )
        if counted.refused:
            self._refused()

    async def _counted(self, step: Count) -> Counted:
        task = self._counting = asyncio.ensure_future(self._source.count(*step.asked))
        try:
            return await task
        except asyncio.CancelledError:
            consumer = asyncio.current_task()
            if self._closed and (consumer is None or not consumer.cancelling()):
                raise _closed_error() from None
            raise
        finally:
            self._counting = None

    async def _read(self, step: Read, *, raw: bool) -> AsyncGenerator[None, None]:
        run, before = self._run, self._run.filtered_here
        export = self._export = self._source.export(*step.asked, step.count)
        works: AsyncGenerator[list[Any], None] = export.raw_batches(_BLOCK) if raw else export.batches(_BLOCK)
        try:
            async with aclosing(works):
                async for block in works:
                    if not run.feed(described_raw(block) if raw else described(block)):
                        return
                    yield
            run.finished()
        except errors.ClientClosedError:
            if self._closed:
                raise _closed_error() from None
            raise
        except errors.BadRequestError:
            if step.asked == (None, None):
                raise
            self._refused()
            before = True  # it is said
        except errors.IncompleteExportError as error:
            if not run.unproved():
                raise self._incomplete(str(error)) from None
        finally:
            await export.aclose()
            self._report.requests += export.report.requests
            self._export = None
        if run.filtered_here and not before:
            log.warning("works.export ignores the filter by modified_date: every work is read, and filtered here")
        yield

    def _refused(self) -> None:
        self._run.refused()
        log.warning("the server refuses the filter by modified_date: every work is read, and filtered here")

    def _incomplete(self, reason: str) -> errors.IncompleteExportError:
        return errors.IncompleteExportError(reason, report=self.report)

    def _report_progress(self) -> None:
        if self._on_progress is not None:
            self._on_progress(self.report)


def open_changes(
    pages: PageReader,
    post: Post,
    filters: Mapping[str, Any],
    *,
    since: datetime | str | None,
    until: datetime | None = None,
    overlap: timedelta = OVERLAP,
    extra_body: Mapping[str, Any] | None = None,
    on_progress: Callable[[ChangesReport], object] | None = None,
) -> WorkChanges:
    """A `WorkChanges` over the transport; nothing is sent before it is iterated.

    Args:
        pages: what decodes answers.
        post: makes the request of an endpoint and a body.
        filters: the keyword arguments of a query, unchecked.
        since: a time, a checkpoint, or None.
        until: as in `WorkChanges`.
        overlap: as in `WorkChanges`.
        extra_body: further keys of every body.
        on_progress: as in `WorkChanges`.

    Raises:
        InvalidArgumentError: an argument is wrong, or `since` the checkpoint of another query; TypeError likewise.
    """
    words = words_of(checked_query(filters, extra_body, method="changes"))
    _check_aware("until", until)
    start = start_of(since, words)
    if until is not None and isinstance(since, datetime) and since > until:
        raise errors.InvalidArgumentError(f"since ({since.isoformat()}) is later than until ({until.isoformat()})")
    return WorkChanges(
        ChangesSource(pages, post, filters, extra_body),
        start,
        words=words,
        overlap=checked_overlap(overlap),
        until=until,
        on_progress=on_progress,
    )


async def clock_of(changes: WorkChanges) -> datetime:
    """The server's clock, rounded down, for the cost of the first count; nothing is read.

    Raises:
        DevRevError: as iterating over them would.
    """
    async with aclosing(changes._steps(raw=False)) as steps:  # noqa: SLF001 - of this module
        await anext(steps)
    until = changes.until
    assert until is not None
    return until


def start_of(since: datetime | str | None, words: Mapping[str, str]) -> Start:
    """Where a call begins.

    Raises:
        InvalidArgumentError: a naive datetime, or a str that is no checkpoint of this query; TypeError likewise.
    """
    if since is None:
        return Start()
    if isinstance(since, datetime):
        _check_aware("since", since)
        return Start.at(micros(since))
    return decode(since, words)


def _closed_error() -> errors.ClientClosedError:
    return errors.ClientClosedError("works.changes: closed before it was complete")


def _check_aware(name: str, value: object) -> None:
    try:
        check_aware(name, value)
    except ValueError as error:
        raise errors.InvalidArgumentError(str(error)) from None


def checked_overlap(overlap: timedelta) -> timedelta:
    """The overlap as given; TypeError or InvalidArgumentError for what is none."""
    if not isinstance(overlap, timedelta):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"overlap takes a timedelta, not {type(overlap).__name__}")
    if overlap < timedelta(0):
        raise errors.InvalidArgumentError(f"overlap takes at least 0 seconds, not {overlap}")
    return overlap
