"""The complete export: runs a plan, hands over what is proved, reports."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from itertools import repeat
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, Protocol, Self, cast

import msgspec

from devrev_async import errors
from devrev_async._requests.bodies import MAX_FIRST, encode_body, query_body
from devrev_async.models import DateRange, UnknownWork, Work
from devrev_async.reports import ExportReport

from .checkpoint import Ledger
from .planner import Batch, Domain, Page, Plan, Proof, Request, Unprovable
from .source import Answer, Endpoint, ExportSource, RawWork

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
    from types import TracebackType

    import pyarrow as pa

    from devrev_async._transport.page_reader import PageReader
    from devrev_async._transport.request import Request as TransportRequest
    from devrev_async.arrow.batches import ConvertInThread

__all__ = ["MAX_PARALLEL", "Source", "WorkExport", "check_batch_size", "open_export"]

LIST_LIMIT: Final = 100
"""Works to ask for in one page of `works.list`; reports from production say that the server caps it there."""

MAX_PARALLEL: Final = 3
"""Pages under way or waiting to be handed over, at most; each may hold 5000 works."""

_TURN: Final = 250
"""Works handed over between two turns of the event loop, at least: to let go of so many takes two milliseconds."""

_NO_ENDPOINT: Final = (404, 405, 501)


class Source(Protocol):
    """Sends the requests of an export; every failure is a `DevRevError`."""

    async def page(self, endpoint: Endpoint, body: Mapping[str, Any], *, raw: bool) -> Answer:
        """A whole answer."""
        ...

    async def count(self, body: Mapping[str, Any]) -> int | None:
        """The number of works, or None if the server does not say it exactly."""
        ...


class WorkExport:
    """Every work that matches, each once, in no particular order.

    Iterate over it for works, over `batches` for lists of them, or over `raw_batches` for their JSON; once, in one of
    these ways. Inside ``async with`` it is closed at once when the loop is left early: requests under way end then.
    It raises the `DevRevError` of the first request that fails for good, and `IncompleteExportError` if completeness
    cannot be proved. `report` and `checkpoint` are good at any time, after an error too.

    Args:
        source: sends the requests.
        body: the query, as `works.export` takes it, without `first` and `sort_by`.
        resume: the `checkpoint` of an export with the same query that was not finished.
        on_progress: called with the report after each answer and each batch; what it raises ends the export.
        first, limit: works to ask for in one request of `works.export`, of `works.list`.
        parallel: pages under way or waiting at most.

    Raises:
        ValueError: `resume` is no checkpoint, or that of another query.
    """

    def __init__(
        self,
        source: Source,
        body: Mapping[str, Any],
        *,
        resume: str | None = None,
        on_progress: Callable[[ExportReport], object] | None = None,
        first: int = MAX_FIRST,
        limit: int = LIST_LIMIT,
        parallel: int = MAX_PARALLEL,
    ) -> None:
        if isinstance(parallel, bool) or not isinstance(parallel, int) or parallel < 1:  # pyright: ignore[reportUnnecessaryIsInstance]
            raise ValueError(f"max_parallel takes an int of at least 1, not {parallel!r}")
        self._source = source
        self._body = {key: value for key, value in body.items() if key != "created_date"}
        self._own_range = body.get("created_date")
        self._on_progress = on_progress
        self._first = first
        self._limit = limit
        self._parallel = parallel
        self._report = ExportReport()
        self._begun: float | None = None
        self._now = datetime.now(UTC)
        filters = _fingerprint(body)
        self._ledger = (
            Ledger(filters, _domain(self._own_range, self._now)) if resume is None else Ledger.resumed(resume, filters)
        )
        self._resumed = resume is not None
        self._sorts = True
        self._raw: bool | None = None
        self._plan: Plan[Any]
        self._tasks: dict[asyncio.Task[Answer | int | None], Request] = {}
        self._ready: deque[Batch[Any]] = deque()
        self._handing: Batch[Any] | None = None
        self._handed = 0
        self._closed = False

    @property
    def report(self) -> ExportReport:
        """What was done so far; the same object each time, brought up to date."""
        if self._begun is not None and not self._closed:
            self._report.seconds = time.monotonic() - self._begun
        return self._report

    @property
    def checkpoint(self) -> str:
        """Where to go on: `export_all(resume=...)` yields exactly what was not yielded up to now."""
        return self._ledger.checkpoint(self._handing, self._handed)

    # --- ways to iterate ---

    def __aiter__(self) -> AsyncIterator[Work]:
        return self._singly()

    def batches(self, n: int = 1000) -> AsyncGenerator[list[Work], None]:
        """Lists of `n` works, the last one shorter."""
        return self._lists(check_batch_size(n), raw=False)

    def raw_batches(self, n: int = 1000) -> AsyncGenerator[list[bytes], None]:
        """Lists of `n` works, the last one shorter, each as the JSON bytes that the server sent."""
        return self._texts(self._lists(check_batch_size(n), raw=True))

    def arrow_batches(
        self, n: int = 1000, columns: Sequence[str] | None = None, depth: int | None = 1
    ) -> AsyncGenerator[pa.RecordBatch, None]:
        """Record batches of `n` works, the last one shorter; they have the schema `arrow.works_schema(columns, depth)`.

        They are converted in a thread, so that the event loop goes on. There is no empty one: no works, no batches.
        This needs the extra ``[arrow]``.

        Example:
            >>> async for batch in export.arrow_batches(columns=["id", "title"]):
            ...     writer.write_batch(batch)

        Raises:
            InvalidArgumentError, TypeError: as `arrow.works_schema` says, before any request.
            ModuleNotFoundError: pyarrow is not installed.
        """
        from devrev_async.arrow.batches import convert_in_thread  # noqa: PLC0415 - pyarrow is an extra

        return self._lists(check_batch_size(n), raw=False, convert=convert_in_thread(columns, depth))

    async def _singly(self) -> AsyncGenerator[Work, None]:
        self._begin(raw=False)
        report = self._report
        try:
            while (batch := await self._next()) is not None:
                self._handing, left = batch, cast("list[Work]", batch.items)
                left.reverse()
                while left:
                    work = left.pop()  # what was handed over makes room for the pages under way
                    self._handed += 1
                    report.works += 1
                    report.proofs[batch.proof] += 1
                    report.unknown += isinstance(work, UnknownWork)
                    report.invalid += getattr(work, "invalid", None) is not None
                    yield work
                    if len(left) % _TURN == 0:
                        await asyncio.sleep(0)
                self._finish([batch])
            self._complete()
        finally:
            await self.aclose()

    async def _texts(self, lists: AsyncGenerator[list[RawWork], None]) -> AsyncGenerator[list[bytes], None]:
        try:
            async for works in lists:
                yield [work.json for work in works]
        finally:
            await lists.aclose()

    async def _lists(self, n: int, *, raw: bool, convert: ConvertInThread | None = None) -> AsyncGenerator[Any, None]:
        """Lists of `n` works, or what `convert` makes of them; the checkpoint passes them as they are yielded."""
        self._begin(raw=raw)
        used: list[Batch[Any]] = []
        proofs: Counter[Proof] = Counter()
        piece: list[Any] = []
        unbroken = 0
        try:
            while (batch := await self._next()) is not None:
                left = batch.items
                left.reverse()
                while left:
                    room = n - len(piece)
                    piece += left[: -room - 1 : -1]
                    proofs[batch.proof] += min(room, len(left))
                    del left[-room:]
                    if len(piece) == n:
                        whole = piece if convert is None else await convert(piece)
                        self._finish(used)
                        self._handing, self._handed = batch, len(batch.keys) - len(left)
                        self._note(piece, proofs)
                        used, piece = [], []
                        yield whole
                        del whole
                        unbroken += n
                        if unbroken >= _TURN:
                            unbroken = 0
                            await asyncio.sleep(0)
                used.append(batch)
            whole = piece if convert is None or not piece else await convert(piece)
            self._finish(used)
            if piece:
                self._note(piece, proofs)
                yield whole
            self._complete()
        finally:
            await self.aclose()

    # --- closing ---

    async def aclose(self) -> None:
        """End the requests under way. Report and checkpoint stay."""
        if not self._closed:
            self._report.seconds = self.report.seconds
            self._closed = True
        self._ready.clear()
        tasks = list(self._tasks)
        self._tasks.clear()
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.gather(*tasks, return_exceptions=True)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    # --- running the plan ---

    def _begin(self, *, raw: bool) -> None:
        if self._raw is not None or self._closed:
            raise RuntimeError("an export is iterated once; go on with export_all(resume=export.checkpoint)")
        self._raw = raw
        self._begun = time.monotonic()
        ledger = self._ledger
        self._plan = Plan(
            ledger.domain,
            now=self._now,
            gaps=ledger.open if self._resumed else None,
            undated=ledger.undated,
            handed=ledger.works,
            first=self._first,
            limit=self._limit,
            parallel=self._parallel,
        )

    async def _next(self) -> Batch[Any] | None:
        """The next batch that is proved, or None once all is."""
        while not self._ready:
            self._send()
            if not self._tasks:
                return None
            await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
            await self._feed_done()
            self._tell()
        self._send()
        return self._ready.popleft()

    def _send(self) -> None:
        """Start requests while there is room for their pages."""
        while len(self._tasks) + len(self._ready) < self._parallel:
            try:
                request = self._plan.take(len(self._ready))
            except Unprovable as error:
                raise self._incomplete(error) from None
            if request is None:
                return
            self._tasks[asyncio.create_task(self._fetch(request))] = request

    async def _feed_done(self) -> None:
        # a method of its own: no name may keep a page while the next ones are waited for
        done = [task for task in self._tasks if task.done()]
        while done:
            self._feed(self._tasks.pop(done[-1]), done.pop())
            await asyncio.sleep(0)  # a page takes milliseconds

    def _feed(self, request: Request, task: asyncio.Task[Answer | int | None]) -> None:
        report, plan = self._report, self._plan
        report.requests += 1
        try:
            answer = task.result()
        except errors.DevRevError as error:
            report.retries += max(0, error.attempts - 1)
            if not _is_missing(request, error):
                raise
            answer = None
        try:
            if isinstance(answer, Answer):
                report.bytes += answer.bytes
                report.retries += answer.retries
                self._ready += plan.feed(request, Page(answer.keys, answer.works, answer.next_cursor))
            elif request.kind == "list":
                plan.feed_refusal(request)
            else:
                self._ready += plan.feed_count(request, answer)
        except Unprovable as error:
            raise self._incomplete(error) from None
        finally:
            self._ledger.undated = plan.undated
            report.ranges, report.duplicates, report.expected = plan.ranges, plan.duplicates, plan.expected

    async def _fetch(self, request: Request) -> Answer | int | None:
        body = dict(self._body)
        if request.after is not None or request.before is not None:
            body["created_date"] = DateRange(after=request.after, before=request.before)
        if request.kind == "count":
            return await self._source.count(body)
        if request.kind == "export":
            body["first"] = request.first
        else:
            body["limit"] = self._limit
            if request.cursor is not None:
                body["cursor"] = request.cursor
        endpoint: Endpoint = "works.export" if request.kind == "export" else "works.list"
        raw = bool(self._raw)
        if self._sorts:
            order = "desc" if request.descending else "asc"
            try:
                return await self._source.page(endpoint, {**body, "sort_by": [f"created_date:{order}"]}, raw=raw)
            except errors.BadRequestError as error:
                # the order is a wish: a server without the beta fields refuses the key
                if error.field_name != "sort_by":
                    raise
                self._sorts = False
        return await self._source.page(endpoint, body, raw=raw)

    def _finish(self, batches: list[Batch[Any]]) -> None:
        for batch in batches:
            self._ledger.finish(batch)
        self._handing, self._handed = None, 0
        if batches:
            self._tell()

    def _complete(self) -> None:
        if not self._plan.done:
            raise self._incomplete(Unprovable("nothing is left to ask"))
        self._ledger.complete()
        self._report.complete = True
        self._tell()

    def _incomplete(self, reason: Unprovable) -> errors.IncompleteExportError:
        return errors.IncompleteExportError(
            f"the export cannot be proved complete: {reason}; what was yielded is right, but may not be all",
            report=self.report,
        )

    def _note(self, works: list[Any], proofs: Counter[Proof]) -> None:
        report = self._report
        report.works += len(works)
        for proof, count in proofs.items():
            report.proofs[proof] += count
        proofs.clear()
        if self._raw:
            report.unknown += sum(map(attrgetter("unknown"), works))
        else:
            report.unknown += sum(map(isinstance, works, repeat(UnknownWork)))
            report.invalid += sum(getattr(work, "invalid", None) is not None for work in works)

    def _tell(self) -> None:
        if self._on_progress is not None:
            self._on_progress(self.report)


def open_export(
    pages: PageReader,
    post: Callable[[str, bytes], TransportRequest],
    filters: Mapping[str, Any],
    *,
    extra_body: Mapping[str, Any] | None = None,
    resume: str | None = None,
    on_progress: Callable[[ExportReport], object] | None = None,
    max_parallel: int = MAX_PARALLEL,
) -> WorkExport:
    """A `WorkExport` over the transport; nothing is sent before it is iterated.

    Args:
        pages: what decodes answers.
        post: makes the request of an endpoint and a body.
        filters: the keyword arguments of a query, unchecked.
        extra_body: further keys of every body.
        resume: as in `WorkExport`.
        on_progress: as in `WorkExport`.
        max_parallel: as `parallel` in `WorkExport`.

    Raises:
        ValueError: an argument is wrong; TypeError likewise.
    """
    body = query_body(filters, {}, method="export_all")
    encode_body(body, extra_body)  # refuses what a later body would not get past
    source = ExportSource(pages, lambda endpoint, body: post(endpoint, encode_body(body, None)))
    whole = {**body, **(extra_body or {})}
    return WorkExport(source, whole, resume=resume, on_progress=on_progress, parallel=max_parallel)


def check_batch_size(n: int) -> int:
    """The number of works of a batch, as given; TypeError or InvalidArgumentError for what is none."""
    if isinstance(n, bool) or not isinstance(n, int):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"n takes an int, not {type(n).__name__}")
    if n < 1:
        raise errors.InvalidArgumentError(f"n takes at least 1, not {n}")
    return n


def _fingerprint(body: Mapping[str, Any]) -> str:
    return blake2b(msgspec.json.encode(body, order="sorted"), digest_size=8).hexdigest()


def _domain(given: Any, now: datetime) -> Domain:
    """The user's range of `created_date`; a preset is fixed at the start of the run, for its checkpoints too."""
    if given is None:
        return Domain()
    if isinstance(given, DateRange):
        return Domain(given.after, given.before)
    try:
        days = timedelta(days=given.days)
        if given.preset_type == "last_n_days":
            return Domain(now - days, None)
        return Domain(now, now + days)
    except OverflowError:
        return Domain() if given.preset_type == "last_n_days" else Domain(now, None)


def _is_missing(request: Request, error: errors.DevRevError) -> bool:
    """Whether the export can do without this answer: a count always, a list where the server has no such endpoint."""
    if request.kind == "count":
        return isinstance(error, errors.APIError | errors.TransportError | errors.ResponseDecodeError)
    return request.kind == "list" and isinstance(error, errors.APIError) and error.status in _NO_ENDPOINT
