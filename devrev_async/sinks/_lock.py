"""A lock on a file that dies with its process, on POSIX and on Windows."""

from __future__ import annotations

import contextlib
import errno
import importlib
import logging
import os
from pathlib import Path
from typing import Any, Final

from ._files import create, open_existing, remove, same_file

__all__ = ["FileLock"]

_log: Final = logging.getLogger("devrev_async.sinks")

_NO_LOCKS: Final = (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)
"""What file systems without locks say."""

_LOCKED: Final = (errno.EAGAIN, errno.EACCES, errno.EDEADLK, getattr(errno, "EDEADLOCK", errno.EDEADLK))
"""What is said of a file that another process has locked; the last two are of Windows."""


class FileLock:
    """Holds the lock on the file at `path` from its construction to `release`.

    The file is there only while it is locked, or after a crash; then its lock is free. Where the file system has no
    locks, a warning is logged and nothing is locked.

    Raises:
        BlockingIOError: another process, or another task of this one, holds it; it names `target`.
        OSError: the file cannot be created.
    """

    def __init__(self, path: Path, target: str) -> None:
        self._path = path
        self._descriptor = _opened(path)
        try:
            while not self._acquire(target):
                os.close(self._descriptor)
                self._descriptor = _opened(path)
        except BaseException:
            os.close(self._descriptor)
            raise

    def _acquire(self, target: str) -> bool:
        try:
            _lock(self._descriptor)
        except OSError as error:
            if error.errno in _NO_LOCKS:
                _log.warning("%s: its file system has no locks; nothing keeps two exports to it apart", target)
                return True
            if error.errno in _LOCKED:
                raise BlockingIOError(errno.EAGAIN, "another export is writing this file", target) from None
            raise
        # Its holder may have removed the file between the opening and the locking of it. A lock on a file that has no
        # name excludes nobody.
        return same_file(self._descriptor, self._path)

    @property
    def held(self) -> bool:
        """Whether it was not released yet."""
        return self._descriptor >= 0

    def release(self) -> None:
        """Removes the file and its lock."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor < 0:
            return
        if os.name == "nt":  # no open file can be removed there
            os.close(descriptor)
            with contextlib.suppress(OSError):  # another process may have it open already
                remove(self._path)
            return
        with contextlib.suppress(OSError):
            remove(self._path)
        os.close(descriptor)


def _opened(path: Path) -> int:
    while True:
        with contextlib.suppress(FileExistsError):
            return create(path)
        descriptor = open_existing(path)
        if descriptor is not None:
            return descriptor
        if path.is_symlink() or path.exists():  # planted; else its holder has removed it a moment ago
            remove(path)


def _lock(descriptor: int) -> None:
    if os.name == "nt":
        windows: Any = importlib.import_module("msvcrt")
        os.lseek(descriptor, 0, os.SEEK_SET)
        windows.locking(descriptor, windows.LK_NBLCK, 1)
    else:
        posix: Any = importlib.import_module("fcntl")
        posix.flock(descriptor, posix.LOCK_EX | posix.LOCK_NB)
