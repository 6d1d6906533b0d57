"""Where things go: data to stdout, all else to stderr, progress to a terminal only."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import logging
import os
import select
import sys
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from devrev_async import ExportReport, RateLimit

_PIECE: Final = select.PIPE_BUF if sys.platform != "win32" else 4096
"""Bytes that a pipe takes without blocking, once it is ready for any."""


def say(text: str) -> None:
    """One line on stderr, control characters escaped; if nobody can read it, so be it."""
    line = " ".join(text.splitlines())
    shown = "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in line)
    with contextlib.suppress(OSError, ValueError, AttributeError):
        sys.stderr.write(shown + "\n")
        sys.stderr.flush()


def json_line(values: Mapping[str, object]) -> str:
    """Numbers as one line of JSON that is the same in every locale: all beyond ASCII is escaped."""
    return json.dumps(values, separators=(",", ":"))


def as_text(path: str) -> str:
    """A path as text that JSON can hold: the bytes of its name, which the locale may not take for text, as UTF-8."""
    return os.fsencode(path).decode(errors="replace")


async def write_stdout(data: bytes) -> None:
    """Write all of it, at the reader's pace: the loop goes on meanwhile, and can be cancelled.

    Raises:
        BrokenPipeError: the reader has gone.
    """
    if sys.stdout is None:  # pyright: ignore[reportUnnecessaryComparison] - so it is under `>&-`
        raise OSError(errno.EBADF, "stdout is closed")
    descriptor = sys.stdout.fileno()
    left = memoryview(data)
    while left:
        ready = await _writable(descriptor)
        try:
            left = left[os.write(descriptor, left[:_PIECE] if ready else left) :]
        except OSError as error:
            error.filename = "stdout"
            raise


async def _writable(descriptor: int) -> bool:
    """Wait until a pipe or terminal takes bytes; False at once for what never makes anyone wait, as files do."""
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    try:
        loop.add_writer(descriptor, ready.set)
    except (NotImplementedError, OSError):
        return False
    try:
        await ready.wait()
    finally:
        loop.remove_writer(descriptor)
    return True


def drop_stdout() -> None:
    """Let what is still buffered go nowhere, so that the interpreter does not complain of a broken pipe as it ends."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


class _Stderr(logging.Handler):
    """Asks for `sys.stderr` at each line, since a progress display stands in its place for a while."""

    def emit(self, record: logging.LogRecord) -> None:
        say(self.format(record))


def log_to_stderr(*, verbose: bool) -> None:
    """Show the package's warnings, or with `verbose` all that it logs."""
    handler = _Stderr()
    handler.setFormatter(
        logging.Formatter("%(asctime)s %(levelname)s %(message)s" if verbose else "warning: %(message)s")
    )
    logger = logging.getLogger("devrev_async")
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG if verbose else logging.WARNING)


class Progress(Protocol):
    """What a long call shows while it runs."""

    def report(self, report: ExportReport, total: int | None, rate_limit: RateLimit | None) -> None:
        """So much is done, of so many works in the end if that is known."""

    def wait(self, seconds: float, why: str) -> None:
        """Nothing moves for so long."""

    def note(self, text: str) -> None:
        """What it does beside fetching."""


def is_watched(*, data: bool = False) -> bool:
    """Whether stderr is a terminal, which shows progress; not where the terminal shows the `data` of stdout."""
    if sys.stderr is None or not sys.stderr.isatty():  # pyright: ignore[reportUnnecessaryComparison]
        return False
    return not (data and sys.stdout is not None and sys.stdout.isatty())  # pyright: ignore[reportUnnecessaryComparison]


@contextlib.contextmanager
def progress(what: str, *, data: bool = False) -> Generator[Progress | None]:
    """A progress line on stderr while the block runs; None where nobody watches, see `is_watched`."""
    if not is_watched(data=data):
        yield None
        return
    from .display import display  # noqa: PLC0415 - rich is a lot to load for a pipe

    with display(what) as shown:
        yield shown
