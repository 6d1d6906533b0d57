"""Steps that files are written in: opened so that a planted link is never followed, and synced in a fixed order."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Generator
from pathlib import Path
from typing import Final, NamedTuple

__all__ = [
    "Rights",
    "check_target",
    "create",
    "create_new",
    "naming",
    "open_existing",
    "remove",
    "rights_of",
    "same_file",
    "sync",
    "sync_folder",
    "write_all",
]

_FLAGS: Final = (
    os.O_RDWR
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_NONBLOCK", 0)  # a pipe in the file's place makes nobody wait
    | getattr(os, "O_BINARY", 0)
)
_IS_A_LINK: Final = (errno.ELOOP, errno.EMLINK)
"""What O_NOFOLLOW says of a symbolic link; the second is FreeBSD's."""

_CANNOT: Final = (errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EBADF, errno.EACCES, errno.EPERM)
"""What file systems say to a request that they do not implement."""


@contextlib.contextmanager
def naming(path: str | os.PathLike[str]) -> Generator[None]:
    """Gives an `OSError` the name of this file, if it names none or one that lies beside it, which nobody asked for."""
    try:
        yield
    except OSError as error:
        named = [name for name in (error.filename2, error.filename) if name is not None and not _is_beside(name)]
        name = named[0] if named else os.fspath(path)
        if error.filename2 is not None:  # which cannot be taken away again
            raise OSError(error.errno, error.strerror, name) from None
        error.filename = name
        raise


def _is_beside(name: str | bytes | os.PathLike[str] | int) -> bool:
    """Whether a file has a name of those that are used until a file is whole, or for its lock."""
    last = "" if isinstance(name, int) else Path(os.fsdecode(name)).name
    return last.startswith(".") and (".part" in last or last.endswith(".lock"))


def check_target(path: str | os.PathLike[str], *, numbered: bool = False) -> Path:
    """Returns the file to write, with links followed.

    Args:
        path: as the user wrote it.
        numbered: whether numbered files are to be made in its place; those of an earlier export must be found then.

    Raises:
        OSError: it cannot become a file: it is a folder or a device, its name is too long, or its folder is missing or
            may not be written, or not be listed.
    """
    name = os.fspath(path)
    with naming(name):
        target = Path(os.path.realpath(name))
        mode = _mode(target)
        if mode is not None and stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, "is a folder, not a file", name)
        if mode is not None and not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, "is not a regular file", name)
        folder = target.parent
        if not folder.is_dir():
            raise FileNotFoundError(errno.ENOENT, f"the folder {folder} does not exist", name)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, f"the folder {folder} is not writable", name)
        if numbered and not os.access(folder, os.R_OK):
            raise PermissionError(errno.EACCES, f"the folder {folder} cannot be listed", name)
    return target


def _mode(path: Path) -> int | None:
    try:
        return path.stat().st_mode
    except FileNotFoundError:
        return None


def open_existing(path: Path) -> int | None:
    """Opens a file for reading and writing; None if there is none, or if it is not a plain file with one name.

    In a folder that others may write, somebody may have put a link to another file in its place.
    """
    if not hasattr(os, "O_NOFOLLOW") and path.is_symlink():
        return None
    try:
        descriptor = os.open(path, _FLAGS)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno in _IS_A_LINK:
            return None
        raise
    found = os.fstat(descriptor)
    if stat.S_ISREG(found.st_mode) and found.st_nlink <= 1 and not _foreign(found, path.parent):
        return descriptor
    os.close(descriptor)
    return None


def _foreign(found: os.stat_result, folder: Path) -> bool:
    # In a folder such as /tmp others cannot remove our files, but may have been there first. Elsewhere an owner says
    # little: network file systems show whatever they map users to.
    return hasattr(os, "geteuid") and found.st_uid != os.geteuid() and bool(folder.stat().st_mode & stat.S_ISVTX)


def create_new(path: Path, mode: int = 0o666) -> int:
    """Creates a file in place of whatever has this name, which is not followed if it is a link."""
    remove(path)
    return create(path, mode)


def create(path: Path, mode: int = 0o666) -> int:
    """Creates a file; FileExistsError if there is anything of that name, a link included."""
    return os.open(path, _FLAGS | os.O_CREAT | os.O_EXCL, mode)


def remove(path: Path) -> None:
    """Removes a file if there is one."""
    path.unlink(missing_ok=True)


def write_all(descriptor: int, data: bytes) -> None:
    """Writes all of the data at the descriptor's position."""
    left = memoryview(data)
    while left:
        left = left[os.write(descriptor, left) :]


def sync(descriptor: int) -> None:
    """Writes a file's content through to the disk, where the file system can."""
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _CANNOT:
            raise


def sync_folder(folder: Path) -> None:
    """Makes the names in a folder last. Not every system can; there they last once the system writes them."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def same_file(descriptor: int, path: Path) -> bool:
    """Whether the open file still has this name."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.lstat())
    except FileNotFoundError:
        return False


class Rights(NamedTuple):
    """Owner, group and permissions of a file."""

    mode: int
    user: int
    group: int

    def give(self, descriptor: int) -> None:
        """Gives them to an open file, as far as the file system and the user's own rights go."""
        if hasattr(os, "fchown"):
            with contextlib.suppress(OSError):
                os.fchown(descriptor, -1, self.group)
            with contextlib.suppress(OSError):
                os.fchown(descriptor, self.user, -1)
        if hasattr(os, "fchmod"):
            with contextlib.suppress(OSError):
                os.fchmod(descriptor, self.mode)


def rights_of(path: Path) -> Rights | None:
    """The rights of a file; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return Rights(stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid)
