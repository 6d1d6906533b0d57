"""`works export`: every matching work, into a file or to stdout."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import time
from contextlib import aclosing, asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from devrev_async import ClientEvent, DevRevClient, DevRevError
from devrev_async.sinks._atomic import PartFile, check_target
from devrev_async.sinks.jsonl import as_lines

from .codes import Code, UsageError
from .output import Progress, progress, say, write_stdout
from .session import run_job, source_of
from .source import Batches, batches

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from devrev_async.models import Filters

    from .options import Connection

__all__ = ["export_works"]

_PLAIN: Final = ".jsonl"
_GZIP: Final = ".jsonl.gz"


def export_works(connection: Connection, filters: Filters, output: str, limit: int | None) -> Code:
    """Every matching work, or `limit` of them, as JSON Lines: into a file, or to stdout if `output` is ``-``.

    Raises:
        UsageError: `output` cannot be written, or is of no format that there is.
    """
    if output == "-":
        return _to_stdout(connection, filters, limit)
    path = Path(output)
    if not path.name.endswith((_PLAIN, _GZIP)):
        raise UsageError(f"-o {output}: takes a file that ends in {_PLAIN} or {_GZIP}, or '-' for stdout")
    export = _FileExport(connection, filters, path, limit)
    return run_job(connection, export.run, kept=export.kept, on_event=export.waits)


def _to_stdout(connection: Connection, filters: Filters, limit: int | None) -> Code:
    async def job(client: DevRevClient) -> Code:
        started, done = time.monotonic(), 0
        async with aclosing(_limited(batches(client, filters, None), limit)) as source:
            async for works, _ in source:
                await write_stdout(as_lines(works))
                done += len(works)
        say(_summary(done, "stdout", started))
        return Code.DONE

    return run_job(connection, job)


class _FileExport:
    """An export into one file: its part, its progress, and what is left of it if it is cut off."""

    def __init__(self, connection: Connection, filters: Filters, path: Path, limit: int | None) -> None:
        self._connection = connection
        self._filters = filters
        self._path = path
        self._target = check_target(path)
        self._limit = limit
        self._pack: Callable[[bytes], bytes] = _gzipped if path.name.endswith(_GZIP) else bytes
        self._works = 0
        self._shown: Progress | None = None

    async def run(self, client: DevRevClient) -> Code:
        started = time.monotonic()
        part = PartFile(self._target, self._identity(client))
        try:
            source = self._source(client, part)
            self._works = part.works
            async with self._progress(client):
                await self._copy(source, part)
            part.finish()
        except BaseException:
            part.leave()
            raise
        say(_summary(part.works, str(self._path), started))
        return Code.DONE

    def kept(self) -> str:
        """What an export that was cut off leaves behind."""
        return f"{self._works} works are kept: the same command goes on from there" if self._works else ""

    def waits(self, event: ClientEvent) -> None:
        """Tell whoever watches why nothing moves."""
        if self._shown is not None:
            self._shown.note(f"waits {event.delay:.0f} s: {event.reason or event.kind}")

    def _source(self, client: DevRevClient, part: PartFile) -> Batches:
        if part.checkpoint is not None:
            try:
                source = batches(client, self._filters, part.checkpoint)
            except UsageError:
                part.restart()  # of another version of the package, perhaps
            else:
                say(f"going on after {part.works} works")
                return source
        source = batches(client, self._filters, None)
        if part.discarded:
            say("starting anew: what was kept is of another export")
        return source

    async def _copy(self, source: Batches, part: PartFile) -> None:
        left = None if self._limit is None else self._limit - part.works
        async with aclosing(_limited(source, left)) as limited:
            async for works, checkpoint in limited:
                await _unbroken(self._append, part, works, checkpoint)
                if self._shown is not None:
                    self._shown.at(self._works)
        if part.works == 0:
            part.append(self._pack(b""), 0, "")  # no works are a valid file, too, which no bytes at all are for gzip

    def _append(self, part: PartFile, works: list[bytes], checkpoint: str) -> None:
        part.append(self._pack(as_lines(works)), len(works), checkpoint)
        self._works = part.works

    @asynccontextmanager
    async def _progress(self, client: DevRevClient) -> AsyncGenerator[None]:
        with progress(f"exporting to {self._path.name}") as shown:
            if shown is None:
                yield
                return
            self._shown = shown
            shown.at(self._works)
            total = asyncio.create_task(self._tell_total(client, shown))
            try:
                yield
            finally:
                total.cancel()
                self._shown = None

    async def _tell_total(self, client: DevRevClient, shown: Progress) -> None:
        # Only for the eye: the export does without, and says itself what is wrong with the filters.
        with suppress(DevRevError, ValueError, TypeError):
            counted = await client.works.count(**self._filters, max_retries=0)
            if not counted.has_more:
                shown.out_of(counted.count if self._limit is None else min(counted.count, self._limit))

    def _identity(self, client: DevRevClient) -> str:
        what = [source_of(self._connection, client), self._filters, self._limit]
        return hashlib.sha256(msgspec.json.encode(what, order="deterministic")).hexdigest()


async def _limited(source: Batches, limit: int | None) -> AsyncGenerator[tuple[list[bytes], str], None]:
    async with aclosing(source):
        left = limit
        while left is None or left > 0:
            batch = await anext(source, None)
            if batch is None:
                return
            works, checkpoint = batch
            if left is not None:
                works = works[:left]
                left -= len(works)
            yield works, checkpoint


async def _unbroken(call: Callable[..., None], *args: Any) -> None:
    """Run in a thread, and when cancelled wait for its end: nobody may close a file that is being written."""
    task = asyncio.ensure_future(asyncio.to_thread(call, *args))
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


def _gzipped(data: bytes) -> bytes:
    # Each batch is a gzip member of its own, which together are one gzip file that can be cut off at any batch.
    return gzip.compress(data, mtime=0)


def _summary(works: int, where: str, started: float) -> str:
    return f"{works} works in {where} ({time.monotonic() - started:.1f} s)"
