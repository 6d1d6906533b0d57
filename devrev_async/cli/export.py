"""`works export`: every matching work, into a file or to stdout."""

from __future__ import annotations

import asyncio
import re
import shlex
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec

from devrev_async import ClientEvent, DevRevClient, ExportReport, WorkExport
from devrev_async.sinks._files import check_target
from devrev_async.sinks._options import FileOptions
from devrev_async.sinks.export import FileExport
from devrev_async.sinks.jsonl import as_lines

from .codes import Code, CommandError, UsageError, refusals_as_usage
from .output import Progress, as_text, json_line, progress, say, write_stdout
from .session import run_job, source_of

if TYPE_CHECKING:
    from devrev_async.models import Filters

    from .options import Connection

__all__ = ["Output", "export_works", "pasteable"]

_PASSWORD: Final = re.compile(r"(://[^/@:]*:)[^/@]*@")
"""The password of a URL, and what stands before it."""


@dataclass(frozen=True, kw_only=True)
class Output:
    """Where the works go and what they are to be like there, as the user wrote it.

    Attributes:
        path: of the file; ``-`` for stdout.
        limit: works, any of them; None for all.
        json: whether the last line is JSON.
        again: the arguments of the command, for those who go on with it.
    """

    path: str
    format: str | None = None
    columns: str | None = None
    depth: str | None = None
    rows_per_file: int | None = None
    csv_safe: bool = False
    limit: int | None = None
    json: bool = False
    again: Sequence[str] = ()

    def options(self) -> FileOptions:
        """What the files are to be like.

        Raises:
            CommandError: that cannot be.
        """
        columns = None if self.columns is None else [name.strip() for name in self.columns.split(",")]
        try:
            with refusals_as_usage():
                options = FileOptions.of(
                    self.path, self.format, columns, self._depth(), self.rows_per_file, self.csv_safe
                )
            check_target(self.path, numbered=self.rows_per_file is not None)
        except ModuleNotFoundError as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise UsageError(f"-o {self.path}: {error.strerror}") from error
        return options

    def _depth(self) -> int | None:
        if self.depth is None or self.depth == "all":
            return 1 if self.depth is None else None
        if not self.depth.isdecimal() or int(self.depth) < 1:
            raise UsageError(f"--depth takes a number of at least 1, or all, not {self.depth!r}")
        return int(self.depth)

    def check_stdout(self) -> None:
        """Refuses what means a file where the works go to stdout."""
        given = {
            "--format": self.format not in (None, "jsonl"),
            "--columns": self.columns is not None,
            "--depth": self.depth is not None,
            "--rows-per-file": self.rows_per_file is not None,
            "--csv-safe": self.csv_safe,
        }
        for name, is_given in given.items():
            if is_given:
                raise UsageError(f"{name} needs a file: -o - writes JSON Lines to stdout")


def export_works(connection: Connection, filters: Filters, output: Output) -> int:
    """Exports every matching work, or so many as the output's limit says; returns the exit code.

    Raises:
        CommandError: the output cannot be written.
    """
    if output.path == "-":
        output.check_stdout()
        job: _Job = _ToStdout(filters, output)
    else:
        job = _ToFile(connection, filters, output)
    return run_job(connection, job.run, kept=job.kept, numbers=job.numbers, on_event=job.waits)


class _Job:
    """An export: what it shows while it runs, and says in the end."""

    def __init__(self, filters: Filters, output: Output) -> None:
        self._filters = filters
        self._output = output
        self._report = ExportReport()
        self._started = time.monotonic()
        self._client: DevRevClient
        self._shown: Progress | None = None

    async def run(self, client: DevRevClient) -> int:
        """Exports; returns the exit code."""
        self._client = client
        await self._export()
        seconds = time.monotonic() - self._started
        report = self._report
        where = "stdout" if self._output.path == "-" else self._output.path
        requests = f"{report.requests} request{'' if report.requests == 1 else 's'}"
        say(self.numbers() or f"{report.works} works in {where} ({requests}, {seconds:.1f} s)")
        return Code.DONE

    async def _export(self) -> None:
        raise NotImplementedError

    def kept(self) -> str:
        """What an export that was cut off leaves behind."""
        return ""

    def numbers(self) -> str:
        """The last line as JSON, if that is wanted."""
        if not self._output.json:
            return ""
        values: dict[str, Any] = msgspec.to_builtins(self._report)
        values["seconds"] = round(time.monotonic() - self._started, 3)
        values["output"] = as_text(self._output.path)
        return json_line(values)

    def waits(self, event: ClientEvent) -> None:
        """Says why nothing moves to whoever watches."""
        if self._shown is not None and event.delay > 0:
            self._shown.wait(event.delay, event.reason or event.kind)

    def _open(self, checkpoint: str | None, progressed: Callable[[ExportReport], object]) -> WorkExport:
        return self._client.works.export_all(resume=checkpoint, on_progress=progressed, **self._filters)

    def _progressed(self, report: ExportReport) -> None:
        if self._shown is not None:
            limit = self._output.limit
            total = report.expected if limit is None or report.expected is None else min(limit, report.expected)
            self._shown.report(report, total, self._client.rate_limit)

    @contextmanager
    def _progress(self, what: str, *, data: bool = False) -> Generator[None]:
        with progress(what, data=data) as shown:
            self._shown = shown
            try:
                yield
            finally:
                self._shown = None


class _ToStdout(_Job):
    async def _export(self) -> None:
        with refusals_as_usage():
            export = self._open(None, self._progressed)
        left, done = self._output.limit, 0
        async with export, aclosing(export.raw_batches()) as batches:
            with self._progress("exporting", data=True):
                while left is None or done < left:
                    works = await anext(batches, None)
                    if works is None:
                        break
                    if left is not None:
                        works = works[: left - done]
                    await write_stdout(as_lines(works))
                    done += len(works)
                    self._report = msgspec.structs.replace(export.report, works=done)
        self._report = msgspec.structs.replace(export.report, works=done)


class _ToFile(_Job):
    def __init__(self, connection: Connection, filters: Filters, output: Output) -> None:
        super().__init__(filters, output)
        self._connection = connection
        self._options = output.options()
        self._export_: FileExport | None = None

    async def _export(self) -> None:
        with refusals_as_usage():
            self._open(None, self._progressed)
        source = await source_of(self._connection, self._client)
        export = self._export_ = FileExport(
            self._open,
            self._options,
            source,
            limit=self._output.limit,
            on_progress=self._progressed,
            on_stage=self._begins,
        )
        self._report = export.report
        with self._progress(f"exporting to {self._options.path}"):
            try:
                await export.run()
            except asyncio.CancelledError:
                if not export.published:  # else the signal came too late to keep the file from its place
                    raise

    def _begins(self, stage: Literal["fetch", "convert"]) -> None:
        assert self._export_ is not None
        if stage == "fetch" and self._export_.continued:
            say(f"going on after {self._export_.continued} works")
        if stage == "convert" and self._shown is not None:
            self._shown.note(f"writes {self._options.format}")

    def kept(self) -> str:
        works = 0 if self._export_ is None else self._export_.kept
        return f"{works} works are kept; to go on: {pasteable(self._output.again)}" if works else ""


def pasteable(args: Sequence[str]) -> str:
    """The command with these arguments, as a line for a shell; a password in the URL of a proxy is left out."""
    return " ".join(["devrev-async", *map(_quoted, args)])


def _quoted(arg: str) -> str:
    arg = _PASSWORD.sub(r"\1***@", arg)
    if arg.isprintable():
        return shlex.quote(arg)
    return "$'" + arg.encode("unicode_escape").decode().replace("'", "\\'") + "'"
