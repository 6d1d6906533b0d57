"""A file that takes its name only once it is whole: what is written in one go, and never continued."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["WholeFile"]

_FLAGS: Final = (
    os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
)  # O_EXCL follows no link that somebody may have planted


class WholeFile:
    """Written under another name beside its target, synced, and put in its place by `publish`.

    Leaving the ``with`` block without `publish` leaves the target as it was. Every method blocks.

    Args:
        target: the file; its folder must exist. A file that is there keeps its permissions.

    Raises:
        OSError: the folder cannot be written.
    """

    def __init__(self, target: Path) -> None:
        self._target = target
        self._path = target.with_name(f".devrev-{secrets.token_hex(8)}.part")
        self._descriptor = os.open(self._path, _FLAGS, 0o666)
        with contextlib.suppress(OSError):
            os.chmod(self._path, stat.S_IMODE(target.stat().st_mode))  # noqa: PTH101 - a descriptor's would lack Windows

    def write(self, data: bytes) -> None:
        """Add bytes."""
        left = memoryview(data)
        while left:
            left = left[os.write(self._descriptor, left) :]

    def publish(self) -> None:
        """Put the file in the target's place; once it returns, it outlives a crash."""
        with contextlib.suppress(OSError):  # not every file system can
            os.fsync(self._descriptor)
        self._close()
        self._path.replace(self._target)
        with contextlib.suppress(OSError):
            folder = os.open(self._target.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    def _close(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()
        self._path.unlink(missing_ok=True)
