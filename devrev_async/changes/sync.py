"""`works.sync`: what `changes` yields, in files, one a run, and a state that moves only after its file stands."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

import msgspec

from devrev_async._decoders.fallback import decode_one
from devrev_async._loading import ANYIO, load
from devrev_async.errors import InvalidArgumentError, SyncStateError
from devrev_async.export.iteration import WorkExport
from devrev_async.options import check_flag
from devrev_async.reports import SyncReport
from devrev_async.sinks._names import FileFormat
from devrev_async.sinks._threads import in_thread

from .compare import Comparison
from .cut_run import CutRun
from .iteration import WorkChanges
from .pending import Pending
from .run_files import RunFile, RunFiles, is_name_of_a_run
from .state import State, check_clock, check_organisation, check_origin, check_query
from .state_file import StateFile

__all__ = ["Sync", "SyncOptions"]

log: Final = logging.getLogger("devrev_async.changes")

T = TypeVar("T")

_BATCH: Final = 1000

_ORGANISATION: Final = re.compile(r"don:[^:]+:[^:]+:(devo/[^:]+):")


class OpenChanges(Protocol):
    """Opens `changes` since a checkpoint, or from the beginning."""

    def __call__(self, since: str | None, /) -> WorkChanges: ...


@dataclass(frozen=True, kw_only=True)
class SyncOptions:
    """What a run of `sync` is to do.

    Attributes:
        state: the state file, links followed.
        folder: where the run files lie.
        format: of the file of this run.
        query: the filters, as plain data.
        origin: the server.
        full_refresh: whether to write everything, and to remove the files before.
        compare: whether to look for works that are gone, or differ.

    Raises:
        InvalidArgumentError: the state has the name of a run file, or of the folder.
        TypeError: a flag is no bool.
    """

    state: Path
    folder: Path
    format: FileFormat
    query: Mapping[str, Any]
    origin: str
    full_refresh: bool = False
    compare: bool = False

    def __post_init__(self) -> None:
        for name, flag in (("full_refresh", self.full_refresh), ("compare", self.compare)):
            check_flag(name, flag)
        folder = Path(os.path.realpath(self.folder))
        if self.state in (folder, *folder.parents):
            raise InvalidArgumentError(
                f"state is to be a file, and the directory is the same or lies in it: {self.state}"
            )
        if is_name_of_a_run(self.state.name) and self.state.parent == folder:
            raise InvalidArgumentError(f"state has the name of a file that a run writes: {self.state}")


class Sync:
    """One run; `run` it once.

    Args:
        options: what it is to do.
        open_changes: opens `changes` of the query.
        open_export: opens a complete export of the query.
        sample: fetches the JSON of any work, or None where there is none; asked where no changed work says whose it is.
        on_first: called when there is no state, so that everything is written.
    """

    def __init__(
        self,
        options: SyncOptions,
        open_changes: OpenChanges,
        open_export: Callable[[], WorkExport],
        sample: Callable[[], Awaitable[bytes | None]],
        *,
        on_first: Callable[[], object] = lambda: None,
    ) -> None:
        self.report = SyncReport()
        self._options = options
        self._open_changes = open_changes
        self._open_export = open_export
        self._sample = sample
        self._on_first = on_first
        self._files = RunFiles(options.folder)
        self._state_file = StateFile(options.state)
        self._file: RunFile | None = None
        self._state: State | None = None
        self._cut: CutRun | None = None

    async def run(self) -> SyncReport:
        """Writes what changed, moves the state, and compares where that is wanted.

        Raises:
            SyncStateError: the state cannot be used; nothing was written.
            DevRevError: a request failed for good, or a window cannot be proved complete; the state is as it was.
            OSError: the disk refuses something; it names the file.
        """
        await load(*ANYIO)
        begun = time.monotonic()
        try:
            await in_thread(self._begin)
            self._state = await in_thread(self._load)
            await in_thread(self._find_cut_run)
            await self._sync()
            if self._options.compare:
                await self._compare()
        finally:
            await in_thread(self._leave)
            self.report.seconds = time.monotonic() - begun
        return self.report

    # --- before and after ---

    def _begin(self) -> None:
        self._files.check()  # before the requests of a first run, whose works could not be kept
        self._state_file.lock()

    def _leave(self) -> None:
        try:
            if self._file is not None:
                self._file.abandon()
        finally:
            self._files.unlock()
            self._state_file.unlock()

    def _take_folder(self) -> None:
        """Keeps runs with other states out of the folder: their files may have the names of those of this run."""
        try:
            self._files.lock()
        except BlockingIOError:
            raise self._state_file.refused(
                f"another run is writing into the folder {self._options.folder}",
                "give each state a folder of its own, or wait until it has ended",
            ) from None

    def _load(self) -> State | None:
        options = self._options
        state = self._state_file.read(replaceable=options.full_refresh)
        if state is not None:
            check_origin(state, str(options.state), options.origin)
            if not options.full_refresh:
                check_query(state, str(options.state), options.query)
        return state

    def _find_cut_run(self) -> None:
        state, options = self._state, self._options
        if options.full_refresh or (state is not None and self._is_full(state)):
            return
        pending = self._state_file.announced(options.query, options.origin)
        if pending is not None and (state is None or state.run < pending.run):
            self._take_folder()
            self._cut = self._files.find_cut_run(pending)

    def _is_full(self, state: State) -> bool:
        """Whether everything is to be written although there is a state."""
        return self._options.full_refresh or state.refresh is not None

    # --- one run ---

    async def _sync(self) -> None:
        state = self._state
        everything = state is None or self._is_full(state)
        self.report.first = state is None
        if state is None:
            self._on_first()
        number = self._number()
        changes = self._open_changes(None if everything or state is None else state.checkpoint)
        organisation: str | None = None
        async with changes, aclosing(changes.raw_batches(_BATCH)) as batches:
            async for works in batches:
                if organisation is None:
                    organisation = self._check(changes.until, works)
                if self._file is None:
                    await in_thread(self._create, number)
                await in_thread(self._write, works)
        if organisation is None and state is not None and state.organisation is not None:
            organisation = self._check(changes.until, [work] if (work := await self._sample()) else [])
            self.report.requests += 1
        elif self._file is None:
            self._check(changes.until, [])
        number = await in_thread(self._end, number, everything)
        self._fill(changes, number)
        moved = self._moved(changes, organisation, everything=everything)
        await in_thread(self._publish, moved, number, everything)

    # what a thread opens is kept by the thread: who waits for it may be cancelled

    def _create(self, number: int) -> None:
        self._files.make()
        self._take_folder()
        self._file = self._files.create(number, self._options.format, self._cut)

    def _write(self, works: Sequence[bytes]) -> None:
        assert self._file is not None
        self._file.write(works)

    def _end(self, number: int, everything: bool) -> int:
        """Ends the file; returns its number, which is another one where the state does not know all files there are."""
        file, replaces = self._file, self._replaces(everything)
        if file is None:
            return max(number, self._files.last()) if replaces else number
        file.end()
        used = self._files.choose_number(file, number, self._options.format, replaces=replaces)
        if used != number:
            log.warning(
                "%s: has files of run %d or later that the state does not know: this one becomes run %d. "
                "If they are of another state, give each state a folder of its own",
                *(self._options.folder, number, used),
            )
        return used

    def _moved(self, changes: WorkChanges, organisation: str | None, *, everything: bool) -> State:
        """The state after the run."""
        state, written, until = self._state, self.report.file, changes.until
        assert until is not None
        if state is not None:
            organisation = organisation or state.organisation
        return State(
            query=dict(self._options.query),
            origin=self._options.origin,
            organisation=organisation,
            until=until.isoformat().replace("+00:00", "Z"),
            run=self.report.run,
            file=Path(written).name if written is not None else None if state is None or everything else state.file,
            checkpoint=changes.checkpoint,
        )

    def _publish(self, moved: State, number: int, everything: bool) -> None:
        """The file first, then the state; a full refresh removes the files before in between.

        A crash before the state has moved repeats the run into the same name: what is to stand there is noted before.
        Once files are removed, that must be a full refresh again, so the state says that before.
        """
        state, file, replaces = self._state, self._file, self._replaces(everything)
        if replaces and state is not None and state.refresh is None:
            self._state_file.save(msgspec.structs.replace(state, refresh=number))
        elif file is not None and not replaces:
            self._state_file.announce(self._pending(file, number))
        if file is not None:
            file.publish()
        if file is not None or replaces:
            self._take_folder()
            kept = None if file is None else file.target
            self._files.remove_others(kept, number=number, earlier=replaces)
        with contextlib.suppress(SyncStateError):  # parts of a run that goes on
            self._take_folder()
            self._files.remove_parts()
        self._state_file.save(moved)
        self._state_file.forget_announced()

    def _pending(self, file: RunFile, number: int) -> Pending:
        """The file that is about to have its name; until then one that it replaces may stand there."""
        options = self._options
        replaced = [] if file.repeats is None or file.repeats.path != file.target else [file.repeats.content]
        return Pending(
            run=number,
            format=options.format,
            contents=[file.content(), *replaced],
            query=dict(options.query),
            origin=options.origin,
        )

    def _replaces(self, everything: bool) -> bool:
        """Whether the files before are to be removed."""
        return everything and (self._state is not None or self._options.full_refresh)

    def _number(self) -> int:
        """The number of the file that this run writes, if it writes one."""
        state = self._state
        if state is not None:
            self.report.run = state.run
        if self._cut is not None:
            return self._cut.run
        if state is not None:
            return state.run + 1 if state.refresh is None else state.refresh
        last = self._files.last()
        if last <= 1 and not self._options.full_refresh:
            return 1  # its file may be that of a first run whose state is lost
        self.report.run = last
        if not self._options.full_refresh:
            log.warning(
                "%s: has files of earlier runs, whose state is missing; all works are written again, with a higher "
                "number. If they are of another state, give each state a folder of its own",
                self._options.folder,
            )
        return last + 1

    def _check(self, until: datetime | None, works: Sequence[bytes]) -> str | None:
        """Returns the organisation that works belong to, once clock and organisation are known to fit the state.

        It is None where no id says it.

        Raises:
            SyncStateError: they do not.
        """
        state, path = self._state, str(self._options.state)
        organisation = next(filter(None, map(_organisation_of, works)), None)
        if state is not None:
            check_organisation(state, path, organisation)
            if not self._options.full_refresh:
                check_clock(state, path, until)
        return organisation

    def _fill(self, changes: WorkChanges, number: int) -> None:
        report, done = self.report, changes.report
        report.works, report.repeated = done.works, done.repeated
        report.until, report.requests = changes.until, report.requests + done.requests
        if self._file is not None:
            report.file, report.run = str(self._file.target), number
        elif self._cut is not None:  # nothing is new, so that the file stays as it is
            report.file, report.run = str(self._cut.path), number
        cut = self._cut if self._file is None else self._file.repeats
        if cut is not None and cut.left:
            report.works += cut.left
            log.info(
                "%s: keeps works of a run that was cut off, as this one does not find them (%d)", report.file, cut.left
            )
        report.new = report.works - report.repeated

    # --- comparing ---

    async def _compare(self) -> None:
        comparison: Comparison = await in_thread(lambda: Comparison(self._files.all()))
        async with self._open_export() as export:
            async for works in export.raw_batches(_BATCH):
                await in_thread(comparison.see, works)
        self.report.requests += export.report.requests
        self.report.missing, self.report.differing = comparison.missing(), comparison.differing()


def _organisation_of(work: bytes) -> str | None:
    match = _ORGANISATION.match(decode_one(work)[0].id or "")
    return match[1] if match else None
