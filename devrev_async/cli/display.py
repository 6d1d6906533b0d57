"""The progress line of a terminal, drawn by rich."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Generator
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, Task, TaskID, TextColumn
from rich.table import Column
from rich.text import Text

if TYPE_CHECKING:
    from devrev_async import ExportReport, RateLimit

__all__ = ["display", "numbers"]


class _Numbers(ProgressColumn):
    """What is known of the export, and what it waits for; cut off where the terminal is too narrow for it."""

    def __init__(self) -> None:
        super().__init__(Column(no_wrap=True))

    def render(self, task: Task) -> Text:
        fields = task.fields
        shown = numbers(
            int(task.completed),
            None if task.total is None else int(task.total),
            task.speed,
            fields["requests"],
            fields["quota"],
        )
        left = fields["until"] - time.monotonic()
        note = f"waits {left:.0f} s: {fields['why']}" if left > 0 else fields["note"]
        return Text(f"{shown}, {note}" if note else shown)


def numbers(works: int, total: int | None, speed: float | None, requests: int, quota: RateLimit | None) -> str:
    """The numbers of an export as text.

    Args:
        works: exported so far.
        total: in the end, if known.
        speed: works a second, if known.
        requests: answered so far.
        quota: what the server last said of it, if it did.
    """
    texts = [f"{works:,} works" if total is None else f"{works:,} of {total:,} works"]
    if speed:
        texts.append(f"{speed:,.0f}/s")
    texts.append(f"{requests:,} request{'' if requests == 1 else 's'}")
    if quota is not None:
        texts.append(f"quota {quota.remaining:,} of {quota.limit:,}")
    if speed and total is not None and total > works:
        minutes, seconds = divmod(round((total - works) / speed), 60)
        texts.append(f"{minutes}:{seconds:02} left")
    return ", ".join(texts)


class _Display:
    def __init__(self, bars: Progress, task: TaskID) -> None:
        self._bars = bars
        self._task = task

    def report(self, report: ExportReport, total: int | None, rate_limit: RateLimit | None) -> None:
        requests = report.requests
        self._bars.update(self._task, completed=report.works, total=total, requests=requests, quota=rate_limit)

    def wait(self, seconds: float, why: str) -> None:
        self._bars.update(self._task, until=time.monotonic() + seconds, why=why)

    def note(self, text: str) -> None:
        self._bars.update(self._task, note=text)


@contextlib.contextmanager
def display(what: str) -> Generator[_Display]:
    """Draws while the block runs, and leaves nothing behind."""
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), BarColumn(bar_width=12), _Numbers())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task(what, total=None, requests=0, quota=None, until=0.0, why="", note="")
        yield _Display(bars, task)
