"""`works update --from FILE`: many updates, and files of those that did not succeed."""

from __future__ import annotations

import asyncio
import re
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from devrev_async import BulkResult, DevRevClient, ForbiddenError, UnauthorizedError, WorkUpdate
from devrev_async.sinks.jsonl import as_lines
from devrev_async.sinks.whole import WholeFile

from .codes import Code, UsageError, describe
from .counter import Waits, counter
from .output import say, write_stdout
from .session import run_job
from .update_lines import UpdateLine, parse_updates

if TYPE_CHECKING:
    from .options import Connection

__all__ = ["update_from"]

_SHOWN: Final = 20
"""Failures that have a line of their own on stderr; the file has them all."""

_ROUND: Final = re.compile(r"\A(.*)\.failed(?:-(\d+))?\Z")


def update_from(connection: Connection, source: str, *, dry_run: bool, json: bool) -> int:
    """Apply the updates of a file of JSON Lines, or of stdin if `source` is ``-``.

    With `dry_run`, the bodies that would be sent go to stdout, and nothing is sent. With `json`, the last line on
    stderr is JSON.

    Raises:
        UsageError: the file cannot be read, or a line is no update; nothing was sent.
    """
    lines = parse_updates(_read(source), "stdin" if source == "-" else source)
    if dry_run:
        return run_job(connection, _DryRun(lines, source).run)
    job = _Updates(lines, source, json=json)
    return run_job(connection, job.run, kept=job.left, numbers=job.numbers, on_event=job.waits.note)


def _read(source: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if source == "-" else Path(source).read_bytes()
    except OSError as error:
        raise UsageError(f"--from {source}: {error.strerror}") from error
    except AttributeError:  # so it is under `<&-`
        raise UsageError("--from -: stdin is closed") from None


class _DryRun:
    def __init__(self, lines: Sequence[UpdateLine], source: str) -> None:
        self._lines = lines
        self._source = source

    async def run(self, client: DevRevClient) -> Code:
        bodies = await _checked(client, self._lines, self._source)
        await write_stdout(as_lines([msgspec.json.encode(body) for body in bodies]))
        return Code.DONE


class _Updates:
    """The run, and what is left of it at its end, whichever end that is."""

    def __init__(self, lines: Sequence[UpdateLine], source: str, *, json: bool) -> None:
        self.waits = Waits()
        self._lines = lines
        self._source = source
        self._json = json
        self._started = time.monotonic()
        self._succeeded: set[int] = set()
        self._unknown: set[int] = set()
        self._stopped = False
        self._left = ""

    async def run(self, client: DevRevClient) -> Code:
        await _checked(client, self._lines, self._source)
        run = client.works.update_many(self._feed())
        refusal: Exception | None = None
        try:
            with counter("updating", "works", len(self._lines), self.waits) as count:
                async with run:
                    failures = 0
                    async for outcome in run:
                        if outcome.error is None:
                            self._succeeded.add(outcome.index)
                        else:
                            failures += 1
                            self._show(failures, self._lines[outcome.index], outcome.error)
                            if isinstance(outcome.error, UnauthorizedError | ForbiddenError) and not self._succeeded:
                                refusal, self._stopped = outcome.error, True  # what is under way ends by itself
                        count(len(self._succeeded) + failures, f"{failures} failed" if failures else "")
        finally:
            self._keep(run.result)
        if refusal is not None and not self._succeeded:
            raise refusal
        say(self.numbers() or f"{_works(len(self._succeeded))} updated{self._left and '; '}{self._left}")
        return Code.SOME_FAILED if self._left else Code.DONE

    def left(self) -> str:
        """What a run that was ended leaves behind."""
        done = f"{_works(len(self._succeeded))} updated" if self._succeeded else ""
        return "; ".join(filter(None, (done, self._left)))

    def numbers(self) -> str:
        """The last line as JSON, if that is wanted."""
        if not self._json:
            return ""
        done, unknown = len(self._succeeded), len(self._unknown)
        values = {
            "works": done,
            "failed": len(self._lines) - done - unknown,
            "unknown": unknown,
            "requests": self.waits.requests,
            "seconds": round(time.monotonic() - self._started, 3),
            "complete": done == len(self._lines),
        }
        return msgspec.json.encode(values).decode()

    def _feed(self) -> Iterator[WorkUpdate]:
        for line in self._lines:
            if self._stopped:
                return
            yield line.update

    def _show(self, number: int, line: UpdateLine, error: Exception) -> None:
        if number <= _SHOWN and not self._stopped:
            say(f"{line.update.id} (line {line.number}): {describe(error)}")
        elif number == _SHOWN + 1:
            say("further failures are in the file only")

    def _keep(self, result: BulkResult) -> None:
        """Write the lines that did not succeed: those to try again, and those that may have been applied."""
        unknown = self._unknown = {failure.index for failure in result.unknown}
        if self._stopped and not self._succeeded and not unknown:
            return  # nothing was changed: the file itself is what to try again
        failed = [index for index in range(len(self._lines)) if index not in self._succeeded | unknown]
        parts: list[str] = []
        for indices, kind, what in (
            (failed, "failed", "not updated"),
            (sorted(unknown), "unknown", "may have been updated: look before you try again"),
        ):
            path = _beside(self._source, kind)
            if indices:
                _write(path, [self._lines[index].text for index in indices])
                parts.append(f"{_works(len(indices))} {what} (in {path})")
            else:
                path.unlink(missing_ok=True)  # of an earlier run with this file
        self._left = "; ".join(parts)


def _beside(source: str, kind: str) -> Path:
    """Where lines of a kind go: edits.jsonl, edits.failed.jsonl, edits.failed-2.jsonl, ..."""
    path = Path("works-update.jsonl" if source == "-" else source)
    stem, suffix = path.stem, path.suffix or ".jsonl"
    earlier = _ROUND.match(stem)
    if earlier is None:
        return path.with_name(f"{stem}.{kind}{suffix}")
    return path.with_name(f"{earlier[1]}.{kind}-{int(earlier[2] or 1) + 1}{suffix}")


def _write(path: Path, lines: Sequence[bytes]) -> None:
    with WholeFile(path) as file:
        file.write(b"\n".join(lines) + b"\n")
        file.publish()


async def _checked(client: DevRevClient, lines: Sequence[UpdateLine], source: str) -> list[dict[str, Any]]:
    """The bodies of the updates, or a UsageError that names the first line which cannot be meant."""
    bodies: list[dict[str, Any]] = []
    for number, line in enumerate(lines):
        try:
            bodies += await client.works.update_many([line.update], dry_run=True)
        except (ValueError, TypeError) as error:
            text = str(error).removeprefix("input 0: ")
            raise UsageError(f"{'stdin' if source == '-' else source}:{line.number}: {text}") from None
        if number % 100 == 0:
            await asyncio.sleep(0)
    return bodies


def _works(count: int) -> str:
    return f"{count} work{'' if count == 1 else 's'}"
