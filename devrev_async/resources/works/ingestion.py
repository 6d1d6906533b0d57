"""The calls that move whole sets of works: the complete export, its slices and files, changes and sync."""

from __future__ import annotations

import builtins
import os
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Unpack

from devrev_async._loading import load
from devrev_async._requests.bodies import query_body
from devrev_async._transport.request import Request
from devrev_async.errors import InvalidArgumentError
from devrev_async.models.filters import StatelessFilters
from devrev_async.options import OVERLAP
from devrev_async.resources._base import CallOptions, Endpoint, PageEndpoint, take_only_options, take_options

from .calls import COUNT, EXPORT, LIST, Calls, QueryArguments

if TYPE_CHECKING:
    from devrev_async.changes.iteration import WorkChanges
    from devrev_async.changes.sync import Sync
    from devrev_async.export.iteration import WorkExport
    from devrev_async.export.slices import WorkSlice
    from devrev_async.reports import ChangesReport, ExportReport, SyncReport
    from devrev_async.sinks._names import FileFormat

__all__ = ["IngestionCalls"]

_BY_NAME: Final[Mapping[str, Endpoint[Any] | PageEndpoint]] = {
    endpoint.name: endpoint for endpoint in (EXPORT, LIST, COUNT)
}


class SyncArguments(StatelessFilters, CallOptions, total=False):
    """The keyword arguments of `sync` that are no options of its own."""


class IngestionCalls(Calls):
    """What yields or writes every work that matches; the modules that it needs load when the first call is made."""

    def export_all(
        self,
        *,
        resume: str | None = None,
        on_progress: Callable[[ExportReport], object] | None = None,
        max_parallel: int | None = None,
        **filters: Unpack[QueryArguments],
    ) -> WorkExport:
        """Every work that matches, however many, each once, in no particular order; proved complete, or an error.

        Args:
            resume: the `checkpoint` of an export with the same filters that was not finished.
            on_progress: called with the report after each answer and each batch.
            max_parallel: requests side by side, and pages of up to 5000 works in memory, at most; None: 2 to 6, the
                more the longer the first page takes to begin.
            filters: see `Filters` and `CallOptions`, which apply to each request.

        Returns:
            What to iterate over, best inside ``async with``: works, `batches(n)`, or `raw_batches()`; with `report`
            and `checkpoint`. Iterating raises `IncompleteExportError` where completeness cannot be proved.
        """
        from devrev_async.export.opening import open_export  # noqa: PLC0415 - a plain `get` needs none of it

        options = take_options(filters)
        return open_export(
            self._pages,
            self._preparing(options),
            filters,
            extra_body=options.get("extra_body"),
            resume=resume,
            on_progress=on_progress,
            max_parallel=max_parallel,
        )

    def changes(
        self,
        since: datetime | str | None = None,
        *,
        until: datetime | None = None,
        overlap: timedelta = OVERLAP,
        on_progress: Callable[[ChangesReport], object] | None = None,
        **filters: Unpack[QueryArguments],
    ) -> WorkChanges:
        """Every work modified at or after `since`, oldest change first, in batches with a checkpoint; at least once.

        Deletions are invisible to the API, and so are changes that leave `modified_date` as it was.

        Args:
            since: an aware datetime, the checkpoint of an earlier call with the same filters, or None for all works,
                those without `modified_date` included.
            until: modified at or before it. None, and the latest possible: the server's clock when the call begins.
            overlap: how far a call that goes on from a checkpoint looks back, for changes that became visible late.
                What was yielded with the same id and `modified_date` is not repeated, as far as it is remembered.
            on_progress: called with the report after each answer and each batch.
            filters: see `Filters` and `CallOptions`, which apply to each request. `modified_date`, `LastDays` and
                `NextDays` are refused.

        Returns:
            What to iterate over, best inside ``async with``: batches (`works`, `checkpoint`), `batches(n)`,
            `raw_batches(n)` or `arrow_batches(n)`; with `report`, `until` and `checkpoint`.

        Raises:
            InvalidArgumentError: `since` is no checkpoint, or that of another query; the message says what differs.

        Example:
            >>> async for batch in devrev.works.changes(since=checkpoint, type=["ticket"]):
            ...     store(batch.works)
            ...     save(batch.checkpoint)
        """
        from devrev_async.changes.iteration import open_changes  # noqa: PLC0415 - a plain `get` needs none of it

        options = take_options(filters)
        return open_changes(
            self._pages,
            self._preparing(options),
            filters,
            since=since,
            until=until,
            overlap=overlap,
            extra_body=options.get("extra_body"),
            on_progress=on_progress,
        )

    async def plan_slices(self, n: int, **filters: Unpack[QueryArguments]) -> builtins.list[WorkSlice]:
        """Divide a complete export into at most `n` shares of `created_date`, for many processes; by counting.

        No share has more than 1.5 times the average, apart from the works of one second. They tile all of time, or
        the range of `created_date` asked for, so that together they are the export. It is one share where counts do not
        add up: works without `created_date`, no `works.count`, a count with `has_more`.

        Args:
            n: how many at most.
            filters: see `Filters` and `CallOptions`. `LastDays` and `NextDays` are fixed when the plan is made.
        """
        await load("devrev_async.export.opening")
        from devrev_async.export.opening import open_plan  # noqa: PLC0415 - loaded by now

        options = take_options(filters)
        return await open_plan(
            self._pages,
            self._preparing(options),
            n,
            filters,
            extra_body=options.get("extra_body"),
        )

    def export_slice(
        self,
        slice: WorkSlice,
        *,
        resume: str | None = None,
        on_progress: Callable[[ExportReport], object] | None = None,
        **options: Unpack[CallOptions],
    ) -> WorkExport:
        """One share of a plan, in any process: proved complete as `export_all` is, with one request at a time.

        It leaves a request of the reported quota for each other share of its plan, so that all of them together stay
        within the quota once each has had its first answer.

        Args:
            slice: of `plan_slices`; pickle takes it from process to process.
            resume: the `checkpoint` of an export of the same slice that was not finished.
            on_progress: called with the report after each answer and each batch.
            options: see `CallOptions`, of each request; no `extra_body`, which is the plan's.
        """
        from devrev_async.export.opening import open_slice  # noqa: PLC0415 - a plain `get` needs none of it

        given = take_only_options(options, "export_slice")
        if given.get("extra_body") is not None:
            raise InvalidArgumentError("export_slice takes no extra_body: that of plan_slices applies")
        return open_slice(
            self._pages,
            self._preparing(given),
            slice,
            resume=resume,
            on_progress=on_progress,
        )

    async def sync(
        self,
        state: str | PathLike[str],
        directory: str | PathLike[str],
        *,
        format: FileFormat = "jsonl",
        overlap: timedelta = OVERLAP,
        full_refresh: bool = False,
        compare: bool = False,
        on_progress: Callable[[ChangesReport], object] | None = None,
        **filters: Unpack[SyncArguments],
    ) -> SyncReport:
        """Writes what was modified since the last run into a file of its own, and keeps in `state` where to go on.

        The first run writes all works. A run in which nothing changed writes no file. A run that is cut off, by a crash
        too, is repeated by the next one into a file of the same name; works that stood there and are gone since stay in
        it. A work that is modified again is in a later file again, and one that became visible late may be: the newest
        record of each id counts.

        Args:
            state: the file that says where to go on; it and its folder need not exist.
            directory: of the run files, ``works-000001.jsonl`` and so on; a folder for this state alone.
            format: ``"jsonl"``, ``"jsonl.gz"``, ``"csv"`` or ``"parquet"``; the last two need the extra ``[arrow]``.
            overlap: as in `changes`.
            full_refresh: whether to write all works, and then to remove the files before.
            compare: whether to look with a complete export for works that are gone, and for those that differ although
                their `modified_date` does not. Neither shows in `changes`. Gone means: no longer in the export.
            on_progress: called with the report of `changes` after each answer and each batch.
            filters: see `Filters` and `CallOptions`. The filter `state` has the name of the file: it goes into
                ``extra_body={"state": ["open"]}``.

        Raises:
            SyncStateError: the state cannot be used, and says what to do; nothing was written.
            OSError: the disk refuses something.

        Example:
            >>> report = await devrev.works.sync("tickets.state", "tickets", format="parquet", type=["ticket"])
            >>> print(report.file, report.new)
        """
        await load("devrev_async.changes.sync")
        return await self._open_sync(
            state,
            directory,
            format=format,
            overlap=overlap,
            full_refresh=full_refresh,
            compare=compare,
            on_progress=on_progress,
            origin=self._base_url,
            filters={**filters},
        ).run()

    def _open_sync(
        self,
        state: str | PathLike[str],
        directory: str | PathLike[str],
        *,
        format: FileFormat,
        overlap: timedelta,
        full_refresh: bool,
        compare: bool,
        on_progress: Callable[[ChangesReport], object] | None,
        origin: str,
        filters: Mapping[str, Any],
        on_first: Callable[[], object] = lambda: None,
    ) -> Sync:
        """A run of `sync`, checked; `origin` identifies the server."""
        from devrev_async.changes.query import checked_query  # noqa: PLC0415 - a plain `get` needs none of it
        from devrev_async.changes.sync import Sync, SyncOptions  # noqa: PLC0415 - likewise
        from devrev_async.sinks._names import check_path  # noqa: PLC0415 - likewise
        from devrev_async.sinks._options import FileOptions  # noqa: PLC0415 - likewise

        folder = Path(check_path("directory", directory))
        options = FileOptions.of(folder / f"works.{format}", format, None, 1, None, csv_safe=False)
        arguments = dict(filters)
        given = {name: arguments.pop(name) for name in ("timeout", "max_retries", "extra_body") if name in arguments}

        def open_changes(since: str | None) -> WorkChanges:
            return self.changes(since, overlap=overlap, on_progress=on_progress, **filters)

        async def sample() -> bytes | None:
            calls: dict[str, Any] = {name: value for name, value in given.items() if name != "extra_body"}
            async with self.export_stream(first=1, **calls) as stream:
                async for texts in stream.raw_batches(1):
                    return texts[0]
            return None

        wanted = SyncOptions(
            state=Path(os.path.realpath(check_path("state", state))),
            folder=folder,
            format=options.format,
            query=checked_query(arguments, given.get("extra_body"), method="sync"),
            origin=origin,
            full_refresh=full_refresh,
            compare=compare,
        )
        open_changes(None)  # what it refuses is refused before a file is touched
        return Sync(wanted, open_changes, lambda: self.export_all(**filters), sample, on_first=on_first)

    async def export_to(
        self,
        path: str | PathLike[str],
        *,
        format: FileFormat | None = None,
        columns: Sequence[str] | None = None,
        depth: int | None = 1,
        rows_per_file: int | None = None,
        csv_safe: bool = False,
        resume: bool = True,
        on_progress: Callable[[ExportReport], object] | None = None,
        max_parallel: int | None = None,
        **filters: Unpack[QueryArguments],
    ) -> ExportReport:
        """Every work that matches, in a file that appears whole or not at all: JSON Lines, CSV or Parquet.

        When it is interrupted, a part beside the file keeps what there is, and the same call goes on from it. Another
        query or format starts anew, with a warning. CSV and Parquet need the extra ``[arrow]``.

        Args:
            path: of the file, which is replaced; its ending says the format, unless `format` does.
            format: ``"jsonl"``, ``"jsonl.gz"`` (the works as the server sent them), ``"csv"`` or ``"parquet"``.
            columns: of CSV and Parquet, in this order; None for all, as `devrev_async.arrow.works_schema` has them.
            depth: levels of objects that are columns of their own in Parquet, and JSON text below; None for all.
            rows_per_file: makes files of so many works, ``works-00000.parquet`` and so on, in place of those of an
                earlier export.
            csv_safe: puts a ``'`` before cells that a spreadsheet would run as a formula.
            resume: whether to go on from an earlier part.
            on_progress: called with the report after each answer and each batch.
            max_parallel: as in `export_all`.
            filters: see `Filters` and `CallOptions`, which apply to each request.

        Returns:
            The report of the whole file: it includes what earlier, interrupted calls did for it.

        Raises:
            OSError: the disk refuses something, or another export is writing the file; it has the file's name.
            IncompleteExportError: completeness cannot be proved.
        """
        await load("devrev_async.export.opening", "devrev_async.sinks.export")
        from devrev_async.sinks._options import FileOptions  # noqa: PLC0415 - loaded by now
        from devrev_async.sinks.export import FileExport  # noqa: PLC0415 - likewise

        options = FileOptions.of(path, format, columns, depth, rows_per_file, csv_safe)

        def open_export(checkpoint: str | None, progressed: Callable[[ExportReport], object]) -> WorkExport:
            return self.export_all(resume=checkpoint, on_progress=progressed, max_parallel=max_parallel, **filters)

        arguments = filters.copy()
        source_options = take_options(arguments)
        query_body(arguments, {}, method="export_to")
        open_export(None, lambda _: None)  # what it refuses is refused before a file is touched
        source = await self._source(source_options)
        return await FileExport(open_export, options, source, resume=resume, on_progress=on_progress).run()

    def _preparing(self, options: CallOptions) -> Callable[[str, bytes], Request]:
        """What makes a request of an endpoint's name and a body."""

        def prepare(endpoint: str, content: bytes) -> Request:
            return self._request(_BY_NAME[endpoint], content, options)

        return prepare

    async def _source(self, options: CallOptions | None = None) -> Sequence[str]:
        """What identifies the works that the client sees: server and account. It may call the token's callable."""
        call = self._transport.call(self._request(EXPORT, b"", options or {}))
        await self._transport.guarded(call, call.authenticate)
        return [self._base_url, self._transport.manager.auth.source.account()]
