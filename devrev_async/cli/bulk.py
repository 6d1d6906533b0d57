"""`works update --from FILE`: many updates, of which only those in flight are in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Any, Final

import msgspec

from devrev_async import DevRevClient, ForbiddenError, OutcomeUnknownError, UnauthorizedError, WorkUpdate
from devrev_async.sinks.jsonl import as_lines

from .activity import Activity
from .codes import Code, describe
from .counter import counter
from .leftovers import Leftovers, works
from .output import say, write_stdout
from .session import run_job
from .update_lines import Line, UpdateFile

if TYPE_CHECKING:
    from .options import Connection

__all__ = ["update_from"]

_SHOWN: Final = 20
"""Failures that have a line of their own on stderr; the file has them all."""

_REFUSALS: Final = 20
"""Refusals after which the others would be refused too, if nothing else has come."""

_BATCH: Final = 100
"""Lines between two turns of the event loop."""


def update_from(connection: Connection, source: str, *, dry_run: bool, json: bool) -> int:
    """Applies the updates of a file of JSON Lines, or of stdin if `source` is ``-``; returns the exit code.

    With `dry_run`, the bodies that would be sent go to stdout, and nothing is sent. With `json`, the last line on
    stderr is JSON.

    Raises:
        UsageError: the file cannot be read, or one for lines that fail could not be written; nothing was sent.
    """
    with closing(UpdateFile(source)) as file:
        if dry_run:
            dry = _DryRun(file, json=json)
            return run_job(connection, dry.run, numbers=dry.numbers)
        with Leftovers(source) as leftovers:
            job = _Updates(file, leftovers, json=json)
            return run_job(connection, job.run, kept=job.kept, numbers=job.numbers, on_event=job.activity.note)


class _DryRun:
    def __init__(self, file: UpdateFile, *, json: bool) -> None:
        self._activity = Activity()
        self._file = file
        self._json = json
        self._printed = 0
        self._complete = False

    async def run(self, client: DevRevClient) -> Code:
        """Prints the bodies, once all lines are known to be good."""
        await _check(client, self._file)
        async for bodies in _bodies(client, self._file):
            await write_stdout(as_lines([msgspec.json.encode(body) for body in bodies]))
            self._printed += len(bodies)
        self._complete = True
        if self._json:
            say(self.numbers())
        return Code.DONE

    def numbers(self) -> str:
        """The last line as JSON, if that is wanted."""
        return self._activity.as_json(works=self._printed, complete=self._complete) if self._json else ""


class _Updates:
    """The run, and what is left of it at its end, whichever end that is."""

    def __init__(self, file: UpdateFile, leftovers: Leftovers, *, json: bool) -> None:
        self.activity = Activity()
        self._file = file
        self._leftovers = leftovers
        self._json = json
        self._total: int | None = None
        self._done = 0
        self._in_flight: dict[int, Line] = {}
        self._lines: Iterator[Line] = iter(())
        self._refusals = _Refusals()
        self._unsaid: list[str] = []

    async def run(self, client: DevRevClient) -> Code:
        """Checks all lines, sends them, and says in the last line what was done."""
        self._total = await _check(client, self._file)
        self._lines = self._file.lines()
        run = client.works._update_each(self._feed())  # noqa: SLF001 - it keeps no outcome that it has yielded
        try:
            with counter("updating", "works", self._total, self.activity) as count:
                async with run:
                    async for outcome in run:
                        self._take(outcome.index, outcome.error)
                        failed = self._leftovers.counts.total()
                        count(self._done + failed, f"{failed} failed" if failed else "")
        finally:
            for index, error in run._not_yielded().items():  # noqa: SLF001 - likewise
                self._take(index, error)
            self._keep()
        if self._refusals.only is not None:
            raise self._refusals.only
        left = self._leftovers.summary()
        say(self.numbers() or f"{works(self._done)} updated{left and '; '}{left}")
        return Code.SOME_FAILED if left else Code.DONE

    def kept(self) -> str:
        """What a run that was ended leaves behind."""
        done = f"{works(self._done)} updated" if self._done else ""
        return "; ".join(filter(None, (done, self._leftovers.summary())))

    def numbers(self) -> str:
        """The last line as JSON, if that is wanted."""
        if not self._json:
            return ""
        unknown = self._leftovers.counts["unknown"]
        failed = (self._total or 0) - self._done - unknown
        return self.activity.as_json(
            works=self._done, failed=failed, unknown=unknown, complete=self._done == self._total
        )

    def _feed(self) -> Iterator[WorkUpdate]:
        index = 0
        while not self._refusals.in_vain and (line := next(self._lines, None)) is not None:
            self._in_flight[index] = line
            yield self._file.update(line)
            index += 1

    def _take(self, index: int, error: Exception | None) -> None:
        line = self._in_flight.pop(index)
        self._refusals.note(error)
        if error is None:
            self._done += 1
        else:
            self._leftovers.add("unknown" if isinstance(error, OutcomeUnknownError) else "failed", line.text)
            number = self._leftovers.counts.total()
            if number <= _SHOWN:
                self._unsaid.append(f"{self._file.update(line).id} (line {line.number}): {describe(error)}")
            elif number == _SHOWN + 1:
                self._unsaid.append("further failures are in the file only")
        if self._unsaid and self._refusals.only is None:  # else it is said once, at the end
            for text in self._unsaid:
                say(text)
            self._unsaid.clear()

    def _keep(self) -> None:
        """Keeps the lines that did not succeed, those that were not sent included."""
        if self._refusals.only is not None:
            return  # nothing was changed: the file itself is what to try again
        for line in self._in_flight.values():
            self._leftovers.add("failed", line.text)
        for line in self._lines:
            self._leftovers.add("failed", line.text)
        self._leftovers.publish()


class _Refusals:
    """Whether the token is refused, for all works or only for some.

    Attributes:
        only: the last refusal, while there is no other outcome.
        in_vain: all further ones would be refused too.
    """

    def __init__(self) -> None:
        self.only: Exception | None = None
        self.in_vain = False
        self._count = 0
        self._others = False

    def note(self, error: Exception | None) -> None:
        """Takes in an outcome."""
        refused = isinstance(error, UnauthorizedError | ForbiddenError)
        self._count += refused
        self._others |= not refused
        self.only = None if self._others else error
        if isinstance(error, UnauthorizedError) or (self.only is not None and self._count >= _REFUSALS):
            self.in_vain = True


async def _check(client: DevRevClient, file: UpdateFile) -> int:
    """Returns how many updates there are; raises a UsageError that names the first line which cannot be meant."""
    total = 0
    async for bodies in _bodies(client, file):
        total += len(bodies)
    return total


async def _bodies(client: DevRevClient, file: UpdateFile) -> AsyncGenerator[list[dict[str, Any]], None]:
    """Yields the bodies of the updates, batch by batch."""
    batch: list[dict[str, Any]] = []
    for line in file.lines():
        update = file.update(line)
        try:
            batch += await client.works.update_many([update], dry_run=True)
        except (ValueError, TypeError) as error:
            raise file.error(line, str(error).removeprefix("input 0: ")) from None
        if len(batch) == _BATCH:
            yield batch
            batch = []
            await asyncio.sleep(0)
    yield batch
