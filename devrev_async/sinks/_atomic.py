"""A file that appears whole or not at all, and whose writing goes on where it was cut off.

Beside the target FILE lie, until it is whole, ``.FILE.part`` with what was written and ``.FILE.part.json`` with how
much of that counts and where the export goes on from there. Both are brought up to date together: the bytes first,
synced, then the state, replaced in one step. What the part holds beyond the state's offset is cut off on resume.
"""

from __future__ import annotations

import contextlib
import os
import stat
import sys
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from pathlib import Path

if sys.platform != "win32":
    import fcntl

__all__ = ["PartFile", "TargetError", "check_target"]

_VERSION: Final = 1


class TargetError(Exception):
    """The path cannot become a file, or another process is writing it."""


class _State(msgspec.Struct, frozen=True):
    version: int
    identity: str
    checkpoint: str
    offset: int
    works: int


def check_target(path: Path) -> Path:
    """The file to write, links followed.

    Raises:
        TargetError: it cannot become a file: it is a folder or a device, or its folder is missing or not writable.
    """
    target = path.resolve()
    if target.is_dir():
        raise TargetError(f"-o {path}: is a folder, not a file")
    if target.exists() and not target.is_file():
        raise TargetError(f"-o {path}: is not a regular file; '-o -' writes to stdout")
    if not target.parent.is_dir():
        raise TargetError(f"-o {path}: the folder {target.parent} does not exist")
    if not os.access(target.parent, os.W_OK | os.X_OK):
        raise TargetError(f"-o {path}: the folder {target.parent} is not writable")
    return target


class PartFile:
    """The unfinished file, open and locked; no other process writes it meanwhile.

    Attributes:
        works: how many it holds.
        checkpoint: where the export goes on, or None at its beginning.
        discarded: whether it held another export, or a damaged one, which is gone now.

    Args:
        target: what it will be, from `check_target`.
        identity: tells exports apart: only one with the same is gone on with.

    Raises:
        TargetError: another process is at it.
        OSError: it cannot be written.
    """

    def __init__(self, target: Path, identity: str) -> None:
        self._target = target
        self._part = target.with_name(f".{target.name}.part")
        self._state = target.with_name(f".{target.name}.part.json")
        self._identity = identity
        self.works = 0
        self.checkpoint: str | None = None
        self._descriptor = self._open()
        try:
            self._offset = self._resume()
        except BaseException:
            os.close(self._descriptor)
            raise

    def append(self, data: bytes, works: int, checkpoint: str) -> None:
        """Add a batch, and keep both it and where to go on. Once it returns, no crash loses it."""
        left = memoryview(data)
        while left:
            left = left[os.write(self._descriptor, left) :]
        os.fsync(self._descriptor)
        offset = self._offset + len(data)
        self._save(_State(_VERSION, self._identity, checkpoint, offset, self.works + works))
        self._offset, self.works, self.checkpoint = offset, self.works + works, checkpoint

    def restart(self) -> None:
        """Throw away what is there. The state goes first: it must never speak of another export's bytes."""
        self._state.unlink(missing_ok=True)
        os.ftruncate(self._descriptor, 0)
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        self.works, self.checkpoint, self._offset = 0, None, 0

    def finish(self) -> None:
        """The export is complete: the part becomes the file, in place of an older one."""
        os.fsync(self._descriptor)
        if sys.platform == "win32":
            self._close()  # no open file can be renamed there; elsewhere the lock is held to the end
        self._part.replace(self._target)
        _sync_folder(self._target.parent)
        self._state.unlink(missing_ok=True)
        self._close()

    def leave(self) -> None:
        """The export did not come to its end. What was written stays; a part without any work does not."""
        if self._descriptor < 0:
            return
        if not self.works:
            with contextlib.suppress(OSError):
                self._state.unlink(missing_ok=True)
                self._part.unlink(missing_ok=True)
        self._close()

    def _close(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def _open(self) -> int:
        while True:
            descriptor = os.open(self._part, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o666)
            try:
                _lock(descriptor, self._target)
                # Another process may have finished or left the part between the two lines above: then what is
                # locked here is its file, and no longer the part.
                if _same(descriptor, self._part):
                    with contextlib.suppress(FileNotFoundError):
                        self._part.chmod(stat.S_IMODE(self._target.stat().st_mode))
                    return descriptor
            except BaseException:
                os.close(descriptor)
                raise
            os.close(descriptor)

    def _resume(self) -> int:
        state = self._load()
        size = os.fstat(self._descriptor).st_size
        self.discarded = False
        self._offset = 0
        if state is None or state.identity != self._identity or size < state.offset:
            self.discarded = size > 0
            self.restart()
            return 0
        os.ftruncate(self._descriptor, state.offset)
        os.lseek(self._descriptor, state.offset, os.SEEK_SET)
        self.works, self.checkpoint = state.works, state.checkpoint
        return state.offset

    def _load(self) -> _State | None:
        try:
            state = msgspec.json.decode(self._state.read_bytes(), type=_State)
        except (FileNotFoundError, msgspec.DecodeError, UnicodeDecodeError):
            return None
        return state if state.version == _VERSION and state.offset >= 0 and state.works >= 0 else None

    def _save(self, state: _State) -> None:
        fresh = self._state.with_name(self._state.name + ".new")
        fresh.write_bytes(msgspec.json.encode(state))
        fresh.replace(self._state)


def _lock(descriptor: int, target: Path) -> None:
    if sys.platform == "win32":
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise TargetError(f"{target}: another export is writing this file") from None


def _same(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _sync_folder(folder: Path) -> None:
    """Make a rename last. Not every system can: then it lasts when the system says so."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
