"""What is open, and what complains: to be compared before and after."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import sys
import warnings
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any


def tasks() -> set[asyncio.Task[Any]]:
    return {task for task in asyncio.all_tasks() if task is not asyncio.current_task()}


def open_files() -> list[str]:
    """What the file descriptors of this process are open on; nothing where the platform does not say."""
    found: list[str] = []
    folder = Path("/proc/self/fd")
    for link in folder.iterdir() if folder.exists() else ():
        with suppress(FileNotFoundError):  # that of the listing itself
            found.append(str(link.readlink()).partition(":[")[0])
    return sorted(found)


def hidden_files(folder: Path) -> list[str]:
    return sorted(str(path) for path in folder.rglob(".*"))


def resident_megabytes() -> float:
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except FileNotFoundError:
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


@contextmanager
def complaints() -> Generator[list[str]]:
    """Collects what nobody awaits: unclosed resources, exceptions of tasks and callbacks, errors that are only logged."""
    found: list[str] = []

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            found.append(record.getMessage())

    handler = Handler(logging.ERROR)
    before = sys.unraisablehook
    sys.unraisablehook = lambda unraisable: found.append(f"{unraisable.exc_value!r} in {unraisable.object!r}")
    logging.getLogger().addHandler(handler)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ResourceWarning)
        warnings.simplefilter("error", RuntimeWarning)  # coroutines that nobody awaited
        try:
            yield found
            gc.collect()
        finally:
            logging.getLogger().removeHandler(handler)
            sys.unraisablehook = before
