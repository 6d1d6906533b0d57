"""A complete export as the user holds it: ways to iterate, the report, the checkpoint."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import aclosing
from datetime import UTC, datetime
from itertools import repeat
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, Self, cast

from devrev_async import errors
from devrev_async._loading import load
from devrev_async._requests.bodies import MAX_FIRST
from devrev_async.models import UnknownWork, Work
from devrev_async.options import check_batch_size, check_callback
from devrev_async.reports import ExportReport

from .checkpoint import Ledger
from .planner import Batch, Proof
from .planner.price import parallel_for
from .query import ExportQuery
from .runner import ExportRunner, Source, closed_error
from .source import RawWork

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
    from types import TracebackType

    from devrev_async.arrow.annotations import RecordBatch
    from devrev_async.arrow.batches import ConvertInThread

__all__ = ["WorkExport"]

LIST_LIMIT: Final = 100
"""Works to ask for in one page of `works.list`; reports from production say that the server caps it there."""

_PLANNER: Final = "devrev_async.export.planner.planner"

_TURN: Final = 250
"""Works yielded between two turns of the event loop, at least: to free so many takes two milliseconds."""

_INVALID: Final = "_invalid"
"""What a work has if `work.invalid` is not None, which would take ten times as long to ask for."""


class WorkExport:
    """Every work that matches, each once, in no particular order.

    Iterate over it for works, over `batches` for lists of them, over `raw_batches` for their JSON, or over
    `arrow_batches` for columns; once, in one of these ways. Inside ``async with`` it is closed at once when the loop is
    left early: requests under way end then. It raises the `DevRevError` of the first request that fails for good,
    `IncompleteExportError` if completeness cannot be proved, and `ClientClosedError` if another task calls `aclose`.

    Args:
        source: sends the requests.
        body: the query, as `works.export` takes it, without `first` and `sort_by`.
        resume: the `checkpoint` of an export with the same query that was not finished.
        on_progress: called with the report after each answer and each batch; what it raises ends the export.
        first, limit: works to ask for in one request of `works.export`, of `works.list`.
        parallel: pages under way or waiting at most; None: 2 to 6, the more the longer the first one takes to begin.
        counted: how many works the server counted just before, so that it need not be asked again; None: it was not.

    Raises:
        InvalidArgumentError: `resume` is no checkpoint, or that of another query.
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
        parallel: int | None = None,
        counted: int | None = None,
    ) -> None:
        if parallel is not None and (isinstance(parallel, bool) or not isinstance(parallel, int) or parallel < 1):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise errors.InvalidArgumentError(f"max_parallel takes an int of at least 1, not {errors.shown(parallel)}")
        check_callback("on_progress", on_progress)
        now = datetime.now(UTC)
        query = ExportQuery.of(body, now)
        fingerprint = query.fingerprint
        ledger = Ledger(fingerprint, query.domain) if resume is None else Ledger.resumed(resume, fingerprint)
        self._report = ExportReport()
        self._ledger = ledger
        self._batch: Batch[Any] | None = None
        self._consumed = 0
        self._closed = False
        self._begun = False
        self._runner: ExportRunner | None = None

        def run(*, raw: bool) -> ExportRunner:
            from .planner.planner import Plan  # noqa: PLC0415 - `_begin` has loaded it, in a thread

            plan = Plan[Any](
                ledger.domain,
                now=now,
                intervals=None if resume is None else ledger.open,
                findings=ledger.found,
                before=ledger.works,
                first=first,
                limit=limit,
                parallel=parallel or parallel_for(0.0),
                counted=counted,
            )
            return ExportRunner(
                source, query, plan, self._report, on_progress=on_progress, limit=limit, parallel=parallel, raw=raw
            )

        self._run = run

    @property
    def report(self) -> ExportReport:
        """What was done so far; the same object each time, kept up to date, good after an error too."""
        return self._report

    @property
    def checkpoint(self) -> str:
        """Where to go on: `export_all(resume=...)` yields exactly what was not yielded up to now."""
        if self._runner is not None:
            self._ledger.found = self._runner.plan.server_findings
        return self._ledger.checkpoint(self._batch, self._consumed)

    def __aiter__(self) -> AsyncIterator[Work]:
        return self._works()

    def batches(self, n: int = 1000) -> AsyncGenerator[list[Work], None]:
        """Lists of `n` works, the last one shorter."""
        return self._lists(check_batch_size(n), raw=False)

    def raw_batches(self, n: int = 1000) -> AsyncGenerator[list[bytes], None]:
        """Lists of `n` works, the last one shorter, each as the JSON bytes that the server sent."""
        return self._texts(self._lists(check_batch_size(n), raw=True))

    def arrow_batches(
        self, n: int = 1000, columns: Sequence[str] | None = None, depth: int | None = 1
    ) -> AsyncGenerator[RecordBatch, None]:
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

    async def aclose(self) -> None:
        """Ends the requests under way, from any task. Report and checkpoint stay."""
        self._closed = True
        if self._runner is not None:
            await self._runner.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def _works(self) -> AsyncGenerator[Work, None]:
        runner, report = await self._begin(raw=False), self._report
        try:
            while (batch := await runner.next_batch()) is not None:
                self._batch, left = batch, cast("list[Work]", batch.items)
                left.reverse()
                while left:
                    work = left.pop()  # what was yielded makes room for the pages under way
                    self._consumed += 1
                    report.works += 1
                    report.proofs[batch.proof] += 1
                    report.unknown += isinstance(work, UnknownWork)
                    report.invalid += hasattr(work, _INVALID)
                    yield work
                    if len(left) % _TURN == 0:
                        await asyncio.sleep(0)
                    runner.check_open()
                self._finish(runner, [batch])
            self._complete(runner)
        finally:
            await self.aclose()

    async def _texts(self, lists: AsyncGenerator[list[RawWork], None]) -> AsyncGenerator[list[bytes], None]:
        async with aclosing(lists):
            async for works in lists:
                yield [work.json for work in works]

    async def _lists(self, n: int, *, raw: bool, convert: ConvertInThread | None = None) -> AsyncGenerator[Any, None]:
        """Yields lists of `n` works, or what `convert` makes of them; the checkpoint passes those that were yielded."""
        runner = await self._begin(raw=raw)
        used: list[Batch[Any]] = []
        proofs: Counter[Proof] = Counter()
        piece: list[Any] = []
        unbroken = 0
        try:
            while (batch := await runner.next_batch()) is not None:
                left = batch.items
                left.reverse()
                while left:
                    room = n - len(piece)
                    piece += left[: -room - 1 : -1]
                    proofs[batch.proof] += min(room, len(left))
                    del left[-room:]
                    if len(piece) == n:
                        whole = piece if convert is None else await convert(piece)
                        self._finish(runner, used)
                        self._batch, self._consumed = batch, len(batch.keys) - len(left)
                        self._count(piece, proofs, raw=raw)
                        used, piece = [], []
                        yield whole
                        del whole
                        unbroken += n
                        if unbroken >= _TURN:
                            unbroken = 0
                            await asyncio.sleep(0)
                        runner.check_open()
                used.append(batch)
            whole = piece if convert is None or not piece else await convert(piece)
            self._finish(runner, used)
            if piece:
                self._count(piece, proofs, raw=raw)
                yield whole
            self._complete(runner)
        finally:
            await self.aclose()

    async def _begin(self, *, raw: bool) -> ExportRunner:
        if self._begun:
            raise RuntimeError("an export is iterated once; to go on, begin another one with resume=export.checkpoint")
        self._begun = True
        await load(_PLANNER)
        if self._closed:
            raise closed_error()
        self._runner = self._run(raw=raw)
        return self._runner

    def _finish(self, runner: ExportRunner, batches: list[Batch[Any]]) -> None:
        for batch in batches:
            self._ledger.finish(batch)
        self._batch, self._consumed = None, 0
        if batches:
            runner.progress()

    def _complete(self, runner: ExportRunner) -> None:
        runner.check_open()
        self._ledger.complete()
        self._report.complete = True
        runner.progress()

    def _count(self, works: list[Any], proofs: Counter[Proof], *, raw: bool) -> None:
        report = self._report
        report.works += len(works)
        for proof, count in proofs.items():
            report.proofs[proof] += count
        proofs.clear()
        if raw:
            report.unknown += sum(map(attrgetter("unknown"), works))
        else:
            report.unknown += sum(map(isinstance, works, repeat(UnknownWork)))
            report.invalid += sum(map(hasattr, works, repeat(_INVALID)))
