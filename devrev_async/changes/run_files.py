"""The files of `works.sync`, one a run, and the steps in which they appear. Blocks; made for a thread."""

from __future__ import annotations

import contextlib
import errno
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, Final

from devrev_async.errors import SyncStateError
from devrev_async.sinks._conversion import Writer
from devrev_async.sinks._files import create_new, naming, remove, sync, sync_folder
from devrev_async.sinks._lock import FileLock
from devrev_async.sinks._names import FORMATS, FileFormat
from devrev_async.sinks._options import FileOptions

from .compare import ids_of_file
from .cut_run import CutRun, content_of, find_cut_run
from .pending import Pending

__all__ = ["RunFile", "RunFiles", "is_name_of_a_run"]

_NAME: Final = re.compile(r"works-([0-9]{6,15})\.(" + "|".join(re.escape(known) for known in FORMATS) + r")")

_FORMATS: Final[dict[str, FileFormat]] = {known: known for known in FORMATS}


def is_name_of_a_run(name: str) -> bool:
    """Whether a run may write a file of this name."""
    return _NAME.fullmatch(name) is not None


class RunFile:
    """The file of a run while it is written, under a name that no pattern such as ``*.parquet`` matches.

    Args:
        target: the name that it is to have.
        format: of the file.
        repeats: the run that was cut off, of which this one is the repeat, and whose works it is to have.

    Raises:
        OSError: the file cannot be written.
    """

    def __init__(self, target: Path, format: FileFormat, repeats: CutRun | None = None) -> None:
        self.target = target
        self.repeats = repeats
        self._format: FileFormat = format
        self._part = target.with_name(f".{target.name}.part")
        with naming(target):
            self._file: BinaryIO = os.fdopen(create_new(self._part), "w+b")
            options = FileOptions.of(target, format, None, 1, None, csv_safe=False)
            try:
                self._writer: Writer = options.open_writer(self._file)
            except BaseException:
                self._remove()
                raise

    def write(self, works: Sequence[bytes]) -> None:
        """Adds works, each the JSON of one."""
        with naming(self.target):
            self._writer.write(works)
            if self.repeats is not None:
                self.repeats.passed(works)

    def end(self) -> None:
        """Writes what is left of it through to the disk."""
        with naming(self.target):
            if self.repeats is not None:
                self.repeats.copy(self._writer, self._file)
            self._writer.close()
            self._file.flush()
            sync(self._file.fileno())
            self._file.close()

    def ids(self) -> set[str]:
        """The ids of its works, once it has ended."""
        return ids_of_file(self._part, self._format) - {""}

    def content(self) -> str:
        """As `content_of` has it, once it has ended."""
        with naming(self.target):
            return content_of(self._part)

    def rename(self, target: Path) -> None:
        """Has it take another name when it is published."""
        self.target = target

    def publish(self) -> None:
        """Gives the file its name, once it has ended; when this returns, it outlives a crash."""
        with naming(self.target):
            self._part.replace(self.target)
        sync_folder(self.target.parent)

    def abandon(self) -> None:
        """Removes what was written, unless it was published."""
        self._writer.abandon()
        self._remove()

    def _remove(self) -> None:
        with contextlib.suppress(OSError):  # a full disk takes no buffered bytes
            self._file.close()
        remove(self._part)


def _ids_of(path: Path, format: FileFormat) -> set[str]:
    """The ids of a file's works; of one that cannot be read, or has no works, what no other file has."""
    try:
        return ids_of_file(path, format) or {""}
    except (OSError, SyncStateError):
        return {""}


class RunFiles:
    """The run files in a folder.

    Args:
        folder: where they lie; it need not be there.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock: FileLock | None = None

    def check(self) -> None:
        """Raises an OSError where the folder cannot be written, or cannot be made; it names the folder."""
        with naming(self.folder):
            there = wanted = Path(os.path.realpath(self.folder))
            while not os.path.lexists(there):
                there = there.parent
            if not there.is_dir():
                raise NotADirectoryError(errno.ENOTDIR, f"{there} is not a folder", str(self.folder))
            if not os.access(there, os.W_OK | os.X_OK):  # pragma: no cover - root may write anywhere
                raise PermissionError(errno.EACCES, f"the folder {there} is not writable", str(self.folder))
            if there == wanted and not os.access(there, os.R_OK):  # pragma: no cover - likewise
                raise PermissionError(errno.EACCES, f"the folder {there} cannot be listed", str(self.folder))

    def lock(self) -> None:
        """Keeps other runs out of the folder, if there is one, until `unlock`.

        Raises:
            BlockingIOError: one is writing into it.
        """
        if self._lock is None:
            with contextlib.suppress(FileNotFoundError), naming(self.folder):
                self._lock = FileLock(self.folder / ".works-files.lock", str(self.folder))

    def unlock(self) -> None:
        """Lets other runs write into the folder."""
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def make(self) -> None:
        """Makes the folder."""
        self.folder.mkdir(parents=True, exist_ok=True)

    def find_cut_run(self, pending: Pending) -> CutRun | None:
        """The file that a run announced, if it stands, and is the last one: what is repeated is the newest."""
        if self.last() > pending.run:
            return None
        return find_cut_run(pending, self._path(pending.run, pending.format))

    def create(self, number: int, format: FileFormat, repeats: CutRun | None = None) -> RunFile:
        """Begins the file of a run, which may be the repeat of one that was cut off."""
        fits = repeats is not None and repeats.fits(format)
        return RunFile(self._path(number, format), format, repeats if fits else None)

    def _path(self, number: int, format: FileFormat) -> Path:
        return self.folder / f"works-{number:06}.{format}"

    def last(self) -> int:
        """The highest number of a file, or 0."""
        return max((n for n, _, _ in self.all()), default=0)

    def choose_number(self, file: RunFile, number: int, format: FileFormat, *, replaces: bool) -> int:
        """Returns the number of a file that has ended; where that is not its own, the file is renamed.

        A file of its number that is not known for that of a run which was cut off may be one all the same, and then
        this one has all of its works. Else it is of a run with another state, and the works in it are nowhere else: the
        file takes a free number. So it does where there are files above: the state is an older copy, or they are of
        another one, and the newest record of a work has to be in the last file.

        Args:
            file: that has ended.
            number: that the state gives it.
            format: of the file.
            replaces: whether the files before are to be removed, whatever they have.
        """
        files, own = self.all(), None if file.repeats is None else file.repeats.path
        there: list[tuple[FileFormat, Path]] = [
            (known, path) for n, known, path in files if n == number and path != own
        ]
        free = max(number, files[-1][0] if files else 0) + 1
        if free == number + 1 and (replaces or all(_ids_of(path, known) <= file.ids() for known, path in there)):
            return number
        file.rename(self._path(free, format))
        return free

    def all(self) -> list[tuple[int, FileFormat, Path]]:
        """The files there are, by number: the number, the format, the path."""
        try:
            names = os.listdir(self.folder)  # noqa: PTH208 - a folder of many files, of which only the names count
        except FileNotFoundError:
            return []
        matches = [match for name in names if (match := _NAME.fullmatch(name))]
        return sorted((int(match[1]), _FORMATS[match[2]], self.folder / match[0]) for match in matches)

    def remove_others(self, kept: Path | None, *, number: int, earlier: bool) -> None:
        """Removes the files of this number in other formats; if `earlier`, those with smaller numbers, too."""
        gone = [path for n, _, path in self.all() if path != kept and (n == number or (earlier and n < number))]
        for path in gone:
            with naming(path):
                remove(path)
        if gone:
            sync_folder(self.folder)

    def remove_parts(self) -> None:
        """Removes what runs left that were killed."""
        with contextlib.suppress(FileNotFoundError):
            for path in list(self.folder.glob(".works-*.part")):
                if is_name_of_a_run(path.name[1:].removesuffix(".part")):  # others are of `export_to`
                    remove(path)
