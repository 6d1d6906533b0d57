"""Ctrl-C and the signals that end a process: each ends the command in order, at any time of its life.

This module is imported before all others of the command, and so imports next to nothing.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import asyncio

__all__ = ["Signals", "handler"]

_NAMES: Final = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT")
"""Windows has the first two only."""

_SHOW_CURSOR: Final = b"\x1b[?25h"


class Signals:
    """What becomes of the command when a signal asks it to end.

    While a job runs, its task is cancelled, so that it keeps what it has; a second signal ends the process at once.
    Before and after that there is nothing to keep, and the first one does. The exit code is 128 plus the signal's
    number.
    Signals that the process was started to ignore, as `nohup` does, stay ignored.
    """

    def __init__(self) -> None:
        self.received: int | None = None
        self._cancel: Callable[[], object] | None = None

    @property
    def code(self) -> int:
        """The exit code of the signal that was received; of Ctrl-C where none was seen here."""
        return 128 + (self.received or signal.SIGINT)

    @contextmanager
    def handled(self, *, restore: bool) -> Generator[None]:
        """Handles signals inside the block; afterwards too, unless `restore`. Only a main thread can."""
        self.received = None
        before: dict[int, Any] = {}
        if threading.current_thread() is threading.main_thread():
            for name in _NAMES:
                number = getattr(signal, name, None)
                if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
                    before[number] = signal.signal(number, self._handle)
        try:
            yield
        finally:
            if restore:
                for number, handler in before.items():
                    signal.signal(number, handler)

    @contextmanager
    def cancelling(self, loop: asyncio.AbstractEventLoop, task: asyncio.Task[Any]) -> Generator[None]:
        """A signal inside the block cancels the task."""
        self._cancel = lambda: loop.call_soon_threadsafe(task.cancel)
        try:
            yield
        finally:
            self._cancel = None

    def end_within(self, seconds: float) -> None:
        """Ends the process after so long, whatever threads it still waits for."""
        timer = threading.Timer(seconds, self._end)
        timer.daemon = True
        timer.start()

    def _handle(self, number: int, _frame: object) -> None:
        first, cancel = self.received is None, self._cancel
        self.received = number
        if first and cancel is not None:
            cancel()
        else:
            self._end()

    def _end(self) -> None:
        with suppress(OSError, ValueError, AttributeError):
            if sys.stderr.isatty():
                os.write(sys.stderr.fileno(), _SHOW_CURSOR)
        os._exit(self.code)


handler: Final = Signals()
