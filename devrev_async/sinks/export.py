"""A complete export into a file, or into many: whole or not at all, and continued where it was interrupted.

The part is JSON Lines whatever the format, and is converted once it is complete. Converting works as they arrive takes
a seventh less CPU (86 instead of 100 us a work from the socket to Parquet, see benchmarks/README.md), which is a second
or two in 100,000 works. But a Parquet file cannot be continued once it was interrupted, and JSON Lines can, after every
batch. So there is one way to resume, exact for all formats, and a conversion that fails for want of space costs no
request.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing, suppress
from hashlib import sha256
from itertools import chain
from typing import Any, Final, Literal, Protocol

import msgspec

from devrev_async._decoders.invalid_works import InvalidWorks
from devrev_async._loading import ANYIO, load
from devrev_async.arrow.turns import Turns
from devrev_async.errors import IncompleteExportError
from devrev_async.options import check_callback, check_flag
from devrev_async.reports import ExportReport

from ._atomic import PartFile, check_numbered, names_of
from ._conversion import write_outputs
from ._files import check_target, naming
from ._memory import release_unused
from ._options import FileOptions
from ._reports import combined, copy_into
from ._threads import ended, in_thread
from .jsonl import as_gzip, in_pieces

__all__ = ["FileExport"]

_log: Final = logging.getLogger("devrev_async.sinks")

BATCH: Final = 1000
"""Works that are taken from the export at once."""

COUNTED: Final = 40
"""Works of JSON Lines whose fields are looked at at once."""

UNSAVED: Final = 2
"""Batches that wait while earlier ones are written and synced."""


class Export(Protocol):
    """A `WorkExport`, as far as it is used here."""

    @property
    def report(self) -> ExportReport:
        """What was done so far."""
        ...

    @property
    def checkpoint(self) -> str:
        """Where to go on."""
        ...

    def raw_batches(self, n: int = ...) -> AsyncGenerator[list[bytes], None]:
        """The JSON of the works, so many at once."""
        ...


OpenExport = Callable[[str | None, Callable[[ExportReport], object]], Export]
"""Opens the export after a checkpoint, or from its beginning; the function is called as it goes on.

It raises ValueError for a checkpoint of another query."""


class FileExport:
    """One export into the files of its options; `run` it once.

    Args:
        open_export: opens the export.
        options: of the files.
        source: identifies server and account; a part of other ones is not continued.
        resume: whether a part may be continued.
        limit: works to export, any of them; None for all.
        on_progress: called with the report whenever it has changed.
        on_stage: called when works begin to be fetched, and when their conversion begins.

    Attributes:
        report: of this run and those that it continues.
        published: whether the file, or each of many, is in its place.
        kept: works that the part holds, as long as it is not published.
        continued: works of earlier runs that it began with.

    Raises:
        OSError: the path cannot become a file; it names the path.
    """

    def __init__(
        self,
        open_export: OpenExport,
        options: FileOptions,
        source: Sequence[object],
        *,
        resume: bool = True,
        limit: int | None = None,
        on_progress: Callable[[ExportReport], object] | None = None,
        on_stage: Callable[[Literal["fetch", "convert"]], object] = lambda _: None,
    ) -> None:
        self.report = ExportReport()
        self.continued = 0
        self._open_export = open_export
        self._options = options
        self._identity = sha256(msgspec.json.encode([options.format, limit, *source])).hexdigest()
        self._resume = resume
        self._limit = limit
        check_callback("on_progress", on_progress)
        check_flag("resume", resume)
        self._on_progress = on_progress
        self._on_stage = on_stage
        self._part: PartFile | None = None
        self._invalid_works, self._invalid = InvalidWorks(), 0
        self._turns = Turns()
        self._earlier = ExportReport()
        self._unsaved: list[tuple[list[bytes], str, ExportReport]] = []
        self._saving: asyncio.Task[None] | None = None

    @property
    def published(self) -> bool:
        """Whether the file, or each of many, is in its place."""
        return self._part is not None and self._part.published

    @property
    def kept(self) -> int:
        """Works that the part holds, as long as it is not published."""
        return 0 if self._part is None or self.published else self._part.state.works

    async def run(self) -> ExportReport:
        """Exports, and returns the report.

        Raises:
            DevRevError: a request failed for good, or the export cannot be proved complete.
            OSError: the disk refuses something, or another export is writing the same file; it names the path.
        """
        await load(*ANYIO)
        try:
            await self._in_thread(self._begin)
            if self._stage == "fetching":
                await self._fetch()
            if not self.published:
                await self._finish()
        except IncompleteExportError as error:
            error.report = self.report
            raise
        finally:
            self.report.complete &= self.published
            await self._in_thread(self._leave)
        return self.report

    @property
    def _stage(self) -> str:
        assert self._part is not None
        return self._part.state.stage

    # --- blocking steps ---

    def _begin(self) -> None:
        target = check_target(self._options.path, numbered=self._options.rows_per_file is not None)
        names = names_of(target)
        if self._options.rows_per_file is not None:
            check_numbered(names)
        part = self._part = PartFile(
            names, self._identity, shown=self._options.path, shape=self._options.shape, resume=self._resume
        )
        self._take_over(part)
        if part.discarded:
            self._restarted()

    def _take_over(self, part: PartFile) -> None:
        self.continued = part.state.works
        self._earlier = msgspec.structs.replace(part.state.report, restarted=False)
        copy_into(self.report, self._earlier)

    def _restarted(self) -> None:
        self.report.restarted = self._earlier.restarted = True
        _log.warning(
            "%s: starts anew, because what is kept is of another query or format, damaged, or without its state",
            self._options.path,
        )

    def _append(self, batches: Sequence[tuple[list[bytes], str, ExportReport]]) -> None:
        assert self._part is not None
        pieces = chain.from_iterable(in_pieces(works) for works, _, _ in batches)
        _, checkpoint, report = batches[-1]
        works = sum(len(works) for works, _, _ in batches)
        for found, _, _ in batches:
            self._count_invalid(found)
        report = msgspec.structs.replace(report, invalid=self._earlier.invalid + self._invalid)
        self._part.append(as_gzip(pieces) if self._options.compressed else pieces, works, checkpoint, report)

    def _count_invalid(self, works: Sequence[bytes]) -> None:
        """Counts them where no conversion will."""
        if self._options.converted:
            return
        for at in range(0, len(works), COUNTED):
            self._invalid += self._invalid_works.count(works[at : at + COUNTED])
            self._turns.offer()

    def _publish(self, stop: threading.Event) -> None:
        part, options = self._part, self._options
        assert part is not None
        if options.is_part:
            if options.compressed and not part.state.works:
                part.append(as_gzip([]), 0, "", part.state.report)  # no bytes at all are no gzip file
            part.publish_part()
            return
        release_unused()  # the pages are gone, and what is converted takes its memory elsewhere
        many = options.rows_per_file is not None
        files, invalid = write_outputs(
            part,
            options.open_writer,
            part.names.numbered if many else lambda _: part.names.target,
            options.rows_per_file,
            compressed=options.compressed,
            stop=stop,
        )
        if options.converted:
            self.report.invalid = part.state.report.invalid = invalid
        if many:
            part.publish_outputs(files)
        else:
            part.publish_output()

    def _leave(self) -> None:
        if self._part is not None:
            self._part.leave()

    # --- fetching ---

    async def _fetch(self) -> None:
        part = self._part
        assert part is not None
        export = await self._opened(part)
        self._on_stage("fetch")
        left = None if self._limit is None else self._limit - part.state.works
        try:
            async with aclosing(export.raw_batches(BATCH)) as batches:
                while left is None or left > 0:
                    works = await anext(batches, None)
                    if works is None:
                        break
                    if left is not None:
                        works = works[:left]
                        left -= len(works)
                    await self._keep(works, export)
        finally:
            await self._saved()
        if self._saving is not None:
            self._saving.result()
        copy_into(self.report, self._with_earlier(export.report))
        self.report.works = part.state.works
        await self._in_thread(part.complete, combined(ExportReport(), self.report))

    async def _opened(self, part: PartFile) -> Export:
        if part.state.checkpoint:
            with suppress(ValueError):  # of another query, or of another version of the package
                return self._open(part.state.checkpoint)
            await self._in_thread(part.restart)
            self._take_over(part)
            self._restarted()
        return self._open(None)

    def _open(self, checkpoint: str | None) -> Export:
        return self._open_export(checkpoint, self._progressed)

    def _progressed(self, report: ExportReport) -> None:
        copy_into(self.report, self._with_earlier(report))
        if self._on_progress is not None:
            self._on_progress(self.report)

    def _with_earlier(self, report: ExportReport) -> ExportReport:
        whole = combined(self._earlier, report)
        whole.invalid += self._invalid
        return whole

    async def _keep(self, works: list[bytes], export: Export) -> None:
        """Has works written while the next ones are fetched; waits where too many wait already."""
        if self._saving is not None and not self._saving.done() and len(self._unsaved) >= UNSAVED:
            await asyncio.wait([self._saving])
        if self._saving is not None and self._saving.done():
            self._saving.result()
        self._unsaved.append((works, export.checkpoint, combined(self._earlier, export.report)))
        if self._saving is None or self._saving.done():
            self._saving = asyncio.create_task(self._save())

    async def _save(self) -> None:
        # all that has come while the last sync went on is synced at once
        while self._unsaved:
            batches, self._unsaved = self._unsaved, []
            await self._in_thread(self._append, batches)

    async def _saved(self) -> None:
        """Waits until what was fetched is kept, come what may: nobody may close a file that is being written."""
        if self._saving is not None:
            await ended(self._saving)

    # --- converting ---

    async def _finish(self) -> None:
        if not self._options.is_part:
            self._on_stage("convert")
        stop = threading.Event()
        await self._in_thread(self._publish, stop, stop=stop)

    async def _in_thread(self, call: Callable[..., None], *args: Any, stop: threading.Event | None = None) -> None:
        """Runs a call that blocks in a thread; its errors name the file."""
        with naming(self._options.path):
            await in_thread(call, *args, stop=stop)
