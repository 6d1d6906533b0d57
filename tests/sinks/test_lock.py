"""The lock on POSIX and, with a stand-in for its one system call, as Windows has it."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from devrev_async.sinks import _lock
from devrev_async.sinks._lock import FileLock


class Msvcrt:
    """Locks as Windows does: a byte of a file is locked by one descriptor, until it is closed or unlocked."""

    LK_NBLCK = 2

    def __init__(self) -> None:
        self.locked: dict[int, int] = {}
        self.refuses: OSError | None = None

    def locking(self, descriptor: int, mode: int, nbytes: int) -> None:
        assert (mode, nbytes) == (self.LK_NBLCK, 1)
        assert os.lseek(descriptor, 0, os.SEEK_CUR) == 0, "it locks from the position on"
        if self.refuses is not None:
            raise self.refuses
        inode = os.fstat(descriptor).st_ino
        if self.locked.get(inode, descriptor) != descriptor:
            raise PermissionError(errno.EACCES, "Permission denied")
        self.locked[inode] = descriptor


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> Msvcrt:
    made = Msvcrt()
    real = os.close

    def close(descriptor: int) -> None:
        made.locked = {inode: held for inode, held in made.locked.items() if held != descriptor}
        real(descriptor)

    # the name of the system is looked up in this module only: elsewhere it is still this one
    monkeypatch.setattr(_lock, "os", SimpleNamespace(**{**vars(os), "name": "nt", "close": close}))
    monkeypatch.setitem(sys.modules, "msvcrt", made)
    return made


def test_windows_has_the_file_once(tmp_path: Path, windows: Msvcrt) -> None:
    path = tmp_path / "lock"
    first = FileLock(path, "a.jsonl")
    with pytest.raises(BlockingIOError, match="another export is writing this file"):
        FileLock(path, "a.jsonl")
    first.release()
    assert not path.exists()
    assert windows.locked == {}
    second = FileLock(path, "a.jsonl")
    second.release()
    second.release()


def test_windows_says_that_a_drive_has_no_locks(
    tmp_path: Path, windows: Msvcrt, caplog: pytest.LogCaptureFixture
) -> None:
    windows.refuses = OSError(errno.EINVAL, "Invalid argument")
    FileLock(tmp_path / "lock", "a.jsonl").release()
    assert "its file system has no locks" in caplog.text


def test_a_failure_of_another_kind_is_raised(tmp_path: Path, windows: Msvcrt) -> None:
    windows.refuses = OSError(errno.EIO, "Input/output error")
    with pytest.raises(OSError, match="Input/output"):
        FileLock(tmp_path / "lock", "a.jsonl")


@pytest.mark.skipif(sys.platform == "win32", reason="kills by a signal of POSIX")
def test_the_lock_dies_with_its_process(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    holds = (
        "import pathlib, sys, time\n"
        "from devrev_async.sinks._lock import FileLock\n"
        "lock = FileLock(pathlib.Path(sys.argv[1]), 'a.jsonl')\n"
        "print('locked', flush=True)\n"
        "time.sleep(60)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", holds, str(path)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == b"locked\n"
        with pytest.raises(BlockingIOError):
            FileLock(path, "a.jsonl")
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
    assert path.exists()
    FileLock(path, "a.jsonl").release()
    assert not path.exists()
