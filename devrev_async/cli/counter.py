"""A bar on stderr that counts items, where stderr is a terminal."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Generator
from math import ceil

from devrev_async import ClientEvent

__all__ = ["Count", "Waits", "counter"]

Count = Callable[[int, str], None]
"""Shows how many items are done, and a note beside the number."""


class Waits:
    """Counts a client's requests, and remembers what it waits for; `on_event` takes `note`."""

    def __init__(self) -> None:
        self.requests = 0
        self._until = 0.0
        self._why = ""

    def note(self, event: ClientEvent) -> None:
        """Take in an event of the client."""
        if event.kind == "request":
            self.requests += 1
        elif event.kind in ("pause", "wait"):
            self._until = time.monotonic() + event.delay
            self._why = event.reason or event.kind

    def shown(self) -> str:
        """How long the wait goes on, and what for; empty where there is none."""
        left = self._until - time.monotonic()
        return f"waits {ceil(left)} s: {self._why}" if left > 0 else ""


@contextlib.contextmanager
def counter(what: str, unit: str, total: int | None, waits: Waits) -> Generator[Count]:
    """Shows the count and the waits while the block runs, and nothing where stderr is no terminal."""
    if sys.stderr is None or not sys.stderr.isatty():  # pyright: ignore[reportUnnecessaryComparison]
        yield lambda _, __: None
        return
    from rich.console import Console  # noqa: PLC0415 - rich is a lot to load for a pipe
    from rich.progress import BarColumn, Progress, SpinnerColumn, Task, TextColumn, TimeElapsedColumn  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    class Notes(TextColumn):
        def render(self, task: Task) -> Text:
            return Text(waits.shown() or task.fields["note"])

    number = "{task.completed:,.0f} " + ("" if total is None else "of {task.total:,.0f} ") + unit
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        TextColumn(number),
        TimeElapsedColumn(),
        Notes(""),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task(what, total=total, note="")
        yield lambda done, note: bars.update(task, completed=done, note=note)
