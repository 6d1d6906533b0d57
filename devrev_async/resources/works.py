"""The calls of `works.*`: one short method each."""

from __future__ import annotations

import builtins
import os
import re
from collections.abc import AsyncIterable, Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, Unpack, overload
from urllib.parse import quote

import msgspec
from msgspec import UnsetType
from yarl import URL

from devrev_async._decoders.misfits import Decoded
from devrev_async._decoders.responses import decode_count, decode_nothing, work_under
from devrev_async._loading import load
from devrev_async._requests.bodies import MAX_FIRST, create_body, encode_body, fields_of, query_body, update_content
from devrev_async._transport.call import Call
from devrev_async._transport.page_reader import PageReader
from devrev_async._transport.request import Request
from devrev_async._transport.transport import Transport
from devrev_async.errors import InvalidArgumentError, shown
from devrev_async.models import CreateFields, Filters, UpdateFields, Work, WorkUpdate
from devrev_async.models.enums import WorkType
from devrev_async.models.filters import StatelessFilters
from devrev_async.models.ids import check_id, is_plain
from devrev_async.models.results import WorksCount
from devrev_async.options import OVERLAP, Timeout, check_flag

from ._base import CallOptions, Endpoint, PageEndpoint, Resource, take_only_options, take_options
from .iterators import WorksStream
from .pagers import WorksPager, followed, page_limit

if TYPE_CHECKING:
    from devrev_async.changes.iteration import WorkChanges
    from devrev_async.changes.sync import Sync
    from devrev_async.export.iteration import WorkExport
    from devrev_async.export.slices import WorkSlice
    from devrev_async.reports import ChangesReport, ExportReport, SyncReport
    from devrev_async.sinks._names import FileFormat

    from .bulk import BulkProgress, BulkRun
    from .bulk_inputs import Job

__all__ = ["Works"]

_ENDPOINT: Final = re.compile(r"\A[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)+\Z")


async def source_of(works: Works) -> Sequence[str]:
    """Returns what identifies the works that a client sees: server and account. It may call the token's callable."""
    manager = works._transport.manager  # noqa: SLF001 - the same module's
    if not manager.auth.source.known:
        manager.session()
        await manager.auth.renew(0)
    return [works._base_url, manager.auth.source.account() if manager.auth.source.known else ""]  # noqa: SLF001 - as above


def check_endpoint(endpoint: str) -> str:
    """Returns an API method, checked for its use in a URL; ValueError or TypeError for anything else."""
    if not isinstance(endpoint, str):
        raise TypeError(f"endpoint takes a str, as in 'works.get', not {type(endpoint).__name__}")
    if not _ENDPOINT.match(endpoint):
        raise InvalidArgumentError(f"endpoint takes an API method as in 'works.get', not {shown(endpoint)}")
    return str.__str__(endpoint)  # a plain str, whatever subclass it was


class QueryArguments(Filters, CallOptions, total=False):
    """The keyword arguments of a query."""


class SyncArguments(StatelessFilters, CallOptions, total=False):
    """The keyword arguments of `sync` that are no options of its own."""


class UpdateArguments(UpdateFields, CallOptions, total=False):
    """The keyword arguments of `update`, its id and type apart."""


class CreateArguments(CreateFields, CallOptions, total=False):
    """The optional keyword arguments of `create`."""


decode_work: Final = work_under("work")
GET: Final = Endpoint("works.get", decode_work, idempotent=True)
UPDATE: Final = Endpoint("works.update", decode_work)
CREATE: Final = Endpoint("works.create", decode_work)
DELETE: Final = Endpoint("works.delete", decode_nothing)
COUNT: Final = Endpoint("works.count", decode_count, idempotent=True)
EXPORT: Final = PageEndpoint("works.export")
LIST: Final = PageEndpoint("works.list")
DEFAULT_LIMIT: Final = 50
"""Works in a page of `works.list` that names no `limit`, as documented."""

_BY_NAME: Final[Mapping[str, Endpoint[Any] | PageEndpoint]] = {
    endpoint.name: endpoint for endpoint in (EXPORT, LIST, COUNT)
}


class Works(Resource):
    """The calls of `works.*`.

    Every method takes `timeout` (seconds in all, or a `Timeout`) and `max_retries` for that call, and those that send
    a JSON body take `extra_body` for keys that are not modelled. Arguments are checked before anything is sent:
    ValueError and TypeError. Every failure of a call is a `DevRevError`.
    """

    def __init__(self, transport: Transport, base_url: str) -> None:
        super().__init__(transport, base_url)
        self._get_url = URL(f"{base_url}/works.get", encoded=True)
        self._pages = PageReader(transport, "works")

    async def get(self, id: str, *, timeout: Timeout | float | None = None, max_retries: int | None = None) -> Work:
        """One work, by display id (``"TKT-1042"``) or DON.

        Raises:
            NotFoundError: there is no such work for this token.
        """
        # the usual id needs neither a check nor quoting, nor a URL to be parsed
        if isinstance(id, str) and is_plain(id):
            url = self._get_url.with_query("id=" + id)  # of an enum, its value
        else:
            url = URL(f"{self._get_url}?id={quote(check_id(id), safe='')}", encoded=True)
        request = Request("works.get", url, None, True)
        if timeout is not None or max_retries is not None:
            request = self._bounded(request, timeout, max_retries)
        return self._single(GET, await self._transport.fetch(request, decode_work, follow=True))

    async def update(
        self,
        id: str,
        *,
        type: WorkType | UnsetType | None = None,
        **fields: Unpack[UpdateArguments],
    ) -> Work:
        """Change a work: only the fields given are sent, and None clears the field.

        Args:
            id: display id or DON.
            type: the work's type. None, or `UNSET`, derives it from the id where a type-specific field needs it.
            fields: see `UpdateFields` and `CallOptions`.

        Returns:
            The work after the change.

        Raises:
            OutcomeUnknownError: sent, and the answer was lost.
            NotFoundError: there is no such work for this token.
        """
        options = take_options(fields)
        content = update_content(id, type, fields, options.get("extra_body"))
        return self._single(UPDATE, await self._send(UPDATE, content, options))

    async def create(
        self,
        *,
        type: WorkType,
        title: str,
        applies_to_part: str,
        owned_by: Sequence[str],
        **fields: Unpack[CreateArguments],
    ) -> Work:
        """Create a work. It is never sent twice, unless the server has said that it did not take the first.

        Args:
            type: of the work.
            title: 1 to 256 characters.
            applies_to_part: the id of the part it is about.
            owned_by: ids of users, at least one.
            fields: see `CreateFields` and `CallOptions`; an opportunity needs `account`. A unique `external_ref` lets
                you find out with `list(external_ref=[...])` whether a create with a lost answer was applied.

        Raises:
            OutcomeUnknownError: sent, and the answer was lost.
            ConflictError: the `external_ref` is taken by another work of this type.
        """
        required = {"type": type, "title": title, "applies_to_part": applies_to_part, "owned_by": owned_by}
        options = take_options(fields)
        return self._single(CREATE, await self._call(CREATE, create_body(required, fields), options))

    async def delete(self, id: str, **options: Unpack[CallOptions]) -> None:
        """Delete a work, by display id or DON; this needs the scope ``<type>:all``."""
        await self._call(DELETE, {"id": check_id(id)}, take_only_options(options, "delete"))

    async def count(self, **filters: Unpack[QueryArguments]) -> WorksCount:
        """How many works match; `has_more` says that there are more than that. See `Filters` and `CallOptions`."""
        options = take_options(filters)
        return await self._call(COUNT, query_body(filters, {}, method="count"), options)

    async def export(
        self,
        *,
        first: int = MAX_FIRST,
        sort_by: Sequence[str] | None = None,
        **filters: Unpack[QueryArguments],
    ) -> builtins.list[Work]:
        """The first works that match, in one request; there is no next page (`export_all` has them all).

        Args:
            first: how many at most, 1 to 5000.
            sort_by: as in ``["created_date:asc"]``. The API documents no order without it.
            filters: see `Filters` and `CallOptions`.
        """
        request, _ = self._query(EXPORT, filters, {"first": first, "sort_by": sort_by}, method="export")
        return (await self._pages.fetch(request)).items

    def export_stream(
        self,
        *,
        first: int = MAX_FIRST,
        sort_by: Sequence[str] | None = None,
        **filters: Unpack[QueryArguments],
    ) -> WorksStream:
        """The same as `export`, each work as soon as its bytes have arrived.

        Iterate over it; leave the loop early inside ``async with`` to end the request at once. It is not retried
        once a work was yielded: then a failure raises.
        """
        request, _ = self._query(EXPORT, filters, {"first": first, "sort_by": sort_by}, method="export_stream")
        return WorksStream(self._pages, request)

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
            lambda endpoint, content: self._request(_BY_NAME[endpoint], content, options),
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
            lambda endpoint, content: self._request(_BY_NAME[endpoint], content, options),
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
            lambda endpoint, content: self._request(_BY_NAME[endpoint], content, options),
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
            lambda endpoint, content: self._request(_BY_NAME[endpoint], content, given),
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
        too, is repeated by the next one into a file of the same name. A work that is modified again is in a later file
        again, and one that became visible late may be: the newest record of each id counts.

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
        from devrev_async.sinks.export import FileOptions  # noqa: PLC0415 - likewise

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
        from devrev_async.sinks.export import FileExport, FileOptions  # noqa: PLC0415 - loaded by now

        options = FileOptions.of(path, format, columns, depth, rows_per_file, csv_safe)

        def open_export(checkpoint: str | None, progressed: Callable[[ExportReport], object]) -> WorkExport:
            return self.export_all(resume=checkpoint, on_progress=progressed, max_parallel=max_parallel, **filters)

        open_export(None, lambda _: None)  # what it refuses is refused before a file is touched
        source = await source_of(self)
        return await FileExport(open_export, options, source, resume=resume, on_progress=on_progress).run()

    def list(
        self,
        *,
        sort_by: Sequence[str] | None = None,
        limit: int | None = None,
        cursor: str | None = None,
        mode: Literal["after", "before"] | None = None,
        max_items: int | None = None,
        **filters: Unpack[QueryArguments],
    ) -> WorksPager:
        """All works that match, page by page, in the server's order.

        Args:
            sort_by: as in ``["created_date:asc"]``.
            limit: works a page; the API documents no maximum (50 if not given) and may give fewer.
            cursor: where to start, from an earlier `WorksPage`.
            mode: ``"after"`` the cursor (the default) or ``"before"`` it, from the end if there is no cursor.
            max_items: so many works at most, in no more requests than they need; 0 sends none.
            filters: see `Filters` and `CallOptions`.
        """
        if mode not in (None, "after", "before"):
            raise InvalidArgumentError(f"mode takes 'after' or 'before', not {shown(mode)}")
        if cursor is not None and (not isinstance(cursor, str) or not cursor):
            raise InvalidArgumentError("cursor must be a non-empty cursor from WorksPage")
        paging = {
            "sort_by": sort_by,
            "limit": page_limit(limit, max_items, default=DEFAULT_LIMIT),
            "cursor": cursor,
            "mode": mode,
        }
        request, body = self._query(LIST, filters, paging, method="list")
        return WorksPager(partial(self._pages.fetch, follow=followed(body)), request, body, max_items)

    def get_many(
        self,
        ids: Iterable[str] | AsyncIterable[str],
        *,
        on_error: Literal["collect", "raise"] = "collect",
        on_progress: Callable[[BulkProgress], object] | None = None,
        timeout: Timeout | float | None = None,
        max_retries: int | None = None,
    ) -> BulkRun:
        """Many works by id, side by side under the limiter; one failure neither stops nor hides the others.

        Args:
            ids: display ids or DONs. A sequence is checked as a whole before the first request; any other iterable,
                asynchronous ones too, is read as the work goes on, and a bad id in it is a failure of its own.
                Equal ids share one request where one is under way or its result is kept.
            on_error: ``"raise"`` ends the call with the first failure.
            on_progress: called with a `BulkProgress` after each outcome; what it raises ends the call.
            timeout: of each request.
            max_retries: of each request.

        Returns:
            What to await for a `BulkResult` of all, or to iterate over for each `Outcome` as it is done. Nothing is
            sent before that.
        """
        from .bulk import start  # noqa: PLC0415 - a plain `get` needs none of it
        from .bulk_inputs import BegunCall, Job  # noqa: PLC0415 - likewise

        def prepare(id: str) -> tuple[str, str]:
            return str.__str__(id) if isinstance(id, str) and is_plain(id) else check_id(id), id

        def begin(id: str) -> BegunCall:
            return BegunCall(self.get(id, timeout=timeout, max_retries=max_retries), _changes_nothing)

        self._request(UPDATE, b"", {"timeout": timeout, "max_retries": max_retries})  # checks the options
        job = Job(prepare, begin, write=False, open=self._transport.manager.session)
        workers = self._transport.manager.max_concurrency
        return start(job, ids, workers=workers, on_error=on_error, on_progress=on_progress)

    @overload
    def update_many(
        self,
        updates: Iterable[WorkUpdate] | AsyncIterable[WorkUpdate],
        *,
        dry_run: Literal[False] = False,
        on_error: Literal["collect", "raise"] = "collect",
        on_progress: Callable[[BulkProgress], object] | None = None,
        **options: Unpack[CallOptions],
    ) -> BulkRun: ...

    @overload
    def update_many(
        self,
        updates: Iterable[WorkUpdate] | AsyncIterable[WorkUpdate],
        *,
        dry_run: Literal[True],
        on_error: Literal["collect", "raise"] = "collect",
        on_progress: Callable[[BulkProgress], object] | None = None,
        **options: Unpack[CallOptions],
    ) -> BulkRun[builtins.list[dict[str, Any]]]: ...

    @overload
    def update_many(
        self,
        updates: Iterable[WorkUpdate] | AsyncIterable[WorkUpdate],
        *,
        dry_run: bool,
        on_error: Literal["collect", "raise"] = "collect",
        on_progress: Callable[[BulkProgress], object] | None = None,
        **options: Unpack[CallOptions],
    ) -> BulkRun[Any]: ...

    def update_many(
        self,
        updates: Iterable[WorkUpdate] | AsyncIterable[WorkUpdate],
        *,
        dry_run: bool = False,
        on_error: Literal["collect", "raise"] = "collect",
        on_progress: Callable[[BulkProgress], object] | None = None,
        **options: Unpack[CallOptions],
    ) -> BulkRun[Any]:
        """Many updates, side by side under the limiter; one failure neither stops nor hides the others.

        Updates of one id run one after the other, in the order given. None is sent twice: a write that may have been
        applied although it failed is in `BulkResult.unknown`, and so is one that was under way at a cancellation.

        Args:
            updates: as `WorkUpdate`; sequences and iterators are read as by `get_many`.
            dry_run: send nothing; awaiting gives the list of bodies that would be sent.
            on_error: ``"raise"`` ends the call with the first failure.
            on_progress: called with a `BulkProgress` after each outcome; what it raises ends the call.
            options: see `CallOptions`, which apply to each request.

        Returns:
            What to await for a `BulkResult` of all, or to iterate over for each `Outcome` as it is done. Nothing is
            sent before that.
        """
        from .bulk import start  # noqa: PLC0415 - a plain `get` needs none of it

        given = take_only_options(options, "update_many")
        job = self._update_job(given)
        workers = self._transport.manager.max_concurrency
        check_flag("dry_run", dry_run)
        bodies = _decode_bodies if dry_run else None
        return start(job, updates, workers=workers, on_error=on_error, on_progress=on_progress, bodies=bodies)

    def _update_each(self, updates: Iterable[WorkUpdate]) -> BulkRun:
        """As `update_many`, without keeping what was yielded: its result has the other outcomes only."""
        from .bulk import start  # noqa: PLC0415 - a plain `get` needs none of it

        workers = self._transport.manager.max_concurrency
        return start(self._update_job({}), updates, workers=workers, keep=False)

    def _update_job(self, given: CallOptions) -> Job[WorkUpdate]:
        from .bulk_inputs import BegunCall, Job  # noqa: PLC0415 - a plain `get` needs none of it

        extra_body = given.get("extra_body")

        def prepare(update: WorkUpdate) -> tuple[str, bytes]:
            if not isinstance(update, WorkUpdate):
                raise TypeError(f"a WorkUpdate is expected, not {type(update).__name__}")
            content = update_content(update.id, update.type, fields_of(update), extra_body, method="WorkUpdate")
            return update.id, content

        def begin(content: bytes) -> BegunCall:
            call = self._transport.call(self._request(UPDATE, content, given))
            return BegunCall(self._finish_update(call), call.interrupted)

        self._request(UPDATE, b"", given)  # checks the options
        return Job(prepare, begin, write=True, open=self._transport.manager.session)

    async def _finish_update(self, call: Call) -> Work:
        return self._single(UPDATE, await self._transport.finish(call, UPDATE.decode))

    def _query(
        self, endpoint: PageEndpoint, filters: QueryArguments, paging: Mapping[str, Any], *, method: str
    ) -> tuple[Request, dict[str, Any]]:
        """The request of a query, and its body before it was encoded."""
        options = take_options(filters)
        body, extra = query_body(filters, paging, method=method), options.get("extra_body")
        return self._request(endpoint, encode_body(body, extra), options), {**body, **(extra or {})}

    def _single(self, endpoint: Endpoint[Any], decoded: Decoded[Work]) -> Work:
        work, misfit = decoded
        if misfit is not None:
            self._pages.warn(endpoint.name, [misfit], 1)
        return work


def _changes_nothing() -> None:
    """Says of a read that its cancellation leaves nothing unknown."""


def _decode_bodies(contents: builtins.list[bytes]) -> builtins.list[dict[str, Any]]:
    return [msgspec.json.decode(content) for content in contents]
