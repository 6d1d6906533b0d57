"""`works sync`: what changed since the last run, into a file of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from devrev_async import ChangesReport, DevRevClient, SyncReport

from .activity import Activity
from .codes import Code, CommandError, UsageError, refusals_as_usage
from .counter import Count, counter
from .output import as_text, json_line, say, write_stdout
from .session import run_job, source_of_sandbox

if TYPE_CHECKING:
    from devrev_async.changes.sync import Sync
    from devrev_async.models import Filters

    from .options import Connection

__all__ = ["SyncCommand", "sync_works"]


@dataclass(frozen=True, kw_only=True)
class SyncCommand:
    """What the user asked for."""

    state: str
    directory: str
    format: str
    overlap: float
    full_refresh: bool
    compare: bool
    json: bool


def sync_works(connection: Connection, filters: Filters, command: SyncCommand) -> int:
    """Runs `works sync`; returns the exit code.

    Raises:
        CommandError: what was asked for cannot be.
    """
    job = _Job(connection, filters, command)
    return run_job(connection, job.run, numbers=job.numbers, on_event=job.activity.note)


class _Job:
    def __init__(self, connection: Connection, filters: Filters, command: SyncCommand) -> None:
        self.activity = Activity()
        self._connection = connection
        self._filters = filters
        self._command = command
        self._report = SyncReport()
        self._changes = ChangesReport()
        self._count: Count = lambda _, __: None
        self._done = False

    async def run(self, client: DevRevClient) -> int:
        """Syncs, prints what `--compare` found, and says in one line what was done."""
        sync = self._opened(client)
        self._report = sync.report
        with counter("syncing", "works", None, self.activity) as self._count:
            report = await sync.run()
        self._done = True
        await write_stdout(_lines(report.missing, "missing") + _lines(report.differing, "differing"))
        say(self.numbers() or _summary(report))
        return Code.DONE

    def numbers(self) -> str:
        """The last line as JSON, if that is wanted."""
        if not self._command.json:
            return ""
        report = self._report
        values: dict[str, Any] = msgspec.to_builtins(report)
        values["file"] = None if report.file is None else as_text(report.file)
        values |= {"missing": len(report.missing), "differing": len(report.differing)}
        values |= {"undated": self._changes.undated, "filtered_here": self._changes.filtered_here}
        values |= {"complete": self._done and self._changes.complete, "seconds": round(self.activity.seconds, 3)}
        return json_line(values)

    def _opened(self, client: DevRevClient) -> Sync:
        command = self._command
        format: Any = command.format
        try:
            with refusals_as_usage():
                return client.works._open_sync(  # noqa: SLF001 - the command shows what `sync` does meanwhile
                    command.state,
                    command.directory,
                    format=format,
                    overlap=timedelta(seconds=command.overlap),
                    full_refresh=command.full_refresh,
                    compare=command.compare,
                    on_progress=self._progressed,
                    origin=_origin(self._connection, client),
                    filters=self._filters,
                    on_first=lambda: say(f"first run: there is no state in {command.state}, so all works are written"),
                )
        except ModuleNotFoundError as error:
            raise CommandError(str(error)) from error
        except OverflowError:
            raise UsageError("--overlap takes fewer seconds") from None

    def _progressed(self, report: ChangesReport) -> None:
        self._changes = report
        self._count(report.works, "")


def _origin(connection: Connection, client: DevRevClient) -> str:
    """The server in the state: of a sandbox what makes its works, since its port is another one each time."""
    return " ".join(map(str, source_of_sandbox(connection))) if connection.sandbox else client.base_url


def _lines(ids: Sequence[str], why: str) -> bytes:
    return b"".join(msgspec.json.encode({"id": id, "found": why}) + b"\n" for id in ids)


def _summary(report: SyncReport) -> str:
    until = "" if report.until is None else f"until {report.until:%Y-%m-%dT%H:%M:%SZ}, "
    cost = f"({until}{report.requests} requests, {report.seconds:.1f} s)"
    found = ""
    if report.missing or report.differing:
        found = f"; {len(report.missing)} missing, {len(report.differing)} differing"
    if report.file is None:
        return f"nothing new{found} {cost}"
    repeated = f", {report.repeated} of them perhaps again" if report.repeated else ""
    return f"{report.works} works in {report.file}{repeated}{found} {cost}"
