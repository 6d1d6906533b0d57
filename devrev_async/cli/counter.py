"""A bar on stderr that counts items, where stderr is a terminal."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator

from .activity import Activity
from .output import is_watched

__all__ = ["Count", "counter"]

Count = Callable[[int, str], None]
"""Shows how many items are done, and a note beside the number."""


@contextlib.contextmanager
def counter(what: str, unit: str, total: int | None, activity: Activity, *, data: bool = False) -> Generator[Count]:
    """Shows the count and the waits of the client while the block runs; nothing where nobody watches."""
    if not is_watched(data=data):
        yield lambda _, __: None
        return
    from rich.console import Console  # noqa: PLC0415 - rich is a lot to load for a pipe
    from rich.progress import BarColumn, Progress, SpinnerColumn, Task, TextColumn, TimeElapsedColumn  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    class Notes(TextColumn):
        def render(self, task: Task) -> Text:
            return Text(activity.wait() or task.fields["note"])

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
