"""A file that appears whole or not at all, and whose writing goes on where it was interrupted.

Beside the target FILE lie, until it is whole:

- ``.FILE.part``, the works as JSON Lines, compressed if the target is;
- ``.FILE.part.state``, which says how many bytes of the part count and where the export goes on after them;
- ``.FILE.part.lock``, locked while an export runs;
- ``.FILE.part.00000`` and so on, the files in their own format, once the export is complete.

Part and state move together: first the bytes are written and synced, then a new state is written beside the old one,
synced, and put in its place. A crash between any two steps leaves a state that speaks of bytes which are there; what
the part holds beyond them is cut off.

The state says that a file is about to get its name. Where it has it after a crash, that export has ended, and the next
one begins anew; where it has not, the works that are kept go into a file once more.

Several files cannot be replaced in one step. Once all of them are written and synced, the state says so; from then on
the files of an earlier export are removed, and only then are the new ones given their names. A crash in between is made
good by the next export to the target, which ends that work before all else. At no time do files of two exports lie
beside each other under their names.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO, Final, Literal
from zlib import crc32

import msgspec

from devrev_async.reports import ExportReport

from ._files import Rights, create_new, open_existing, remove, rights_of, sync, sync_folder, write_all
from ._lock import FileLock
from ._names import LONGEST_NAME, Names

__all__ = ["PartFile", "State", "check_numbered", "names_of"]

_VERSION: Final = 3
_CHECK: Final = b',"check":%d}'
_DAMAGED: Final = -1
"""The version of a state that cannot be read."""


class State(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a part.

    Attributes:
        identity: of the export; only an export with the same identity is continued.
        checkpoint: of the export, after the last work that counts.
        offset: bytes of the part that count.
        works: how many they hold.
        report: of the export up to there.
        stage: ``"complete"`` once all works are there, ``"naming"`` once the one file is written that becomes the
            target, ``"publishing"`` once all numbered files are written.
        files: how many outputs there are; none where the part itself becomes the target.
        shape: what they are like, as the `PartFile` that wrote them was told.
    """

    version: int = _VERSION
    identity: str
    checkpoint: str = ""
    offset: int = 0
    works: int = 0
    report: ExportReport = msgspec.field(default_factory=ExportReport)
    stage: Literal["fetching", "complete", "naming", "publishing"] = "fetching"
    files: int = 0
    shape: str = ""

    def fits(self, other: State) -> bool:
        """Whether it is of the same export as another one, and possible at all."""
        return self.version == other.version and self.identity == other.identity and min(self.offset, self.works) >= 0


class PartFile:
    """The unfinished file, open and locked: no other process writes it meanwhile. Every method blocks.

    Attributes:
        names: of all files.
        state: how far the export is, as the disk has it.
        discarded: whether there was a part of another export, a damaged one, or one without its state, which is gone
            now.
        published: whether the target, or all of the numbered files, are in their places.

    Args:
        names: of the target, from `names_of`.
        identity: of the export.
        shown: the target's name in errors.
        shape: what distinguishes files of the same works, such as their columns.
        resume: whether what there is may be continued.

    Raises:
        BlockingIOError: another export is writing the target.
        OSError: it cannot be written.
    """

    def __init__(self, names: Names, identity: str, *, shown: str, shape: str = "", resume: bool = True) -> None:
        self.names = names
        self.state = State(identity=identity)
        self.discarded = self.published = False
        self._shape = shape
        self._descriptor = -1
        self._lock = FileLock(names.lock, shown)
        try:
            self._open(resume=resume)
        except BaseException:
            self._close()
            self._lock.release()
            raise

    # --- beginning ---

    def _open(self, *, resume: bool) -> None:
        found = self._load()
        if found is not None and found.stage in ("naming", "publishing"):
            found = self._named(found) if found.stage == "naming" else self._ended(found, resume=resume)
            if self.published:
                return
        existing = open_existing(self.names.part)
        size = 0 if existing is None else os.fstat(existing).st_size
        if existing is not None:
            self._descriptor = existing
        if resume and found is not None and found.fits(self.state) and 0 < found.offset <= size:
            os.ftruncate(self._descriptor, found.offset)
            self.state = found
        else:
            lost = size > 0 if found is None else found.works > 0 or found.version == _DAMAGED
            self.discarded = resume and lost
            self.restart()
        if (replaced := self._replaced()) is not None:
            # of a file that nobody may write, its owner must be able to open the part again
            replaced._replace(mode=replaced.mode | stat.S_IRUSR | stat.S_IWUSR).give(self._descriptor)

    def _named(self, found: State) -> State | None:
        """The state from which the export goes on whose file was about to become the target; None if it did."""
        written = self.names.output(0) if found.files else self.names.part
        if not written.exists():
            self._clear()
            return None
        if found.fits(self.state):  # while the file is written anew, the state must not take it for one with its name
            self._save(msgspec.structs.replace(found, stage="complete", files=0))
            return self.state
        return found

    def _ended(self, found: State, *, resume: bool) -> State | None:
        """Gives outputs that were written their names; returns the state from which the export goes on, if it does."""
        all_there = self._all_there(found.files)
        if all_there and not self._waiting(found.files):
            self._clear()
            return None
        if all_there:
            self._put_in_place(found.files)
        if resume and found.fits(self.state) and not (all_there and found.shape == self._shape):
            # somebody has removed outputs, or wants others: the works are still there. A crash must not find the new
            # outputs beside a state that takes them for the old ones
            self._save(msgspec.structs.replace(found, stage="complete", files=0))
            return self.state
        if not all_there:
            return found
        self._clear()
        if resume and found.fits(self.state):
            self.state, self.published = found, True
        return None  # nothing of it is lost

    def restart(self) -> None:
        """Begins anew. The state goes first: it must never speak of another export's bytes."""
        self.state = State(identity=self.state.identity)
        self._close()
        self._forget()
        self._descriptor = create_new(self.names.part, self._first_mode(self._replaced()))

    def _replaced(self) -> Rights | None:
        return rights_of(self.names.target) or rights_of(self.names.numbered(0))

    @staticmethod
    def _first_mode(replaced: Rights | None) -> int:
        return 0o666 if replaced is None else 0o600  # at no time are more people let in than the older file lets

    @staticmethod
    def _give_rights(descriptor: int, replaced: Rights | None) -> None:
        if replaced is not None:
            replaced.give(descriptor)

    # --- fetching ---

    def append(self, pieces: Iterable[bytes], works: int, checkpoint: str, report: ExportReport) -> None:
        """Adds works, and keeps both them and where to go on. Once it returns, no crash loses them."""
        state = self.state
        os.lseek(self._descriptor, state.offset, os.SEEK_SET)
        size = 0
        for piece in pieces:
            write_all(self._descriptor, piece)
            size += len(piece)
        sync(self._descriptor)
        self._save(
            msgspec.structs.replace(
                state,
                checkpoint=checkpoint,
                offset=state.offset + size,
                works=state.works + works,
                report=report,
            )
        )

    def complete(self, report: ExportReport) -> None:
        """Keeps that all works are there."""
        self._save(msgspec.structs.replace(self.state, report=report, stage="complete"))

    def read(self) -> BinaryIO:
        """The part's bytes from their beginning."""
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        return os.fdopen(os.dup(self._descriptor), "rb", 1 << 20)

    # --- ending ---

    def create_output(self, number: int, target: Path) -> BinaryIO:
        """A new file for a part of the works in the target's format, with the rights of the target that it replaces."""
        replaced = rights_of(target)
        descriptor = create_new(self.names.output(number), self._first_mode(replaced))
        self._give_rights(descriptor, replaced)
        return os.fdopen(descriptor, "wb", 1 << 20)

    def publish_part(self) -> None:
        """The part itself becomes the target."""
        self._give_rights(self._descriptor, rights_of(self.names.target))
        if os.name == "nt":  # no open file can be renamed there
            self._close()
        self._name(self.names.part, files=0)

    def publish_output(self) -> None:
        """The one output becomes the target."""
        self._name(self.names.output(0), files=1)

    def _name(self, written: Path, files: int) -> None:
        sync_folder(written.parent)  # the state may speak of the file only once it has a lasting name
        self._save(msgspec.structs.replace(self.state, stage="naming", files=files))
        try:
            _replace(written, self.names.target)
        except OSError:
            self._save(msgspec.structs.replace(self.state, stage="complete", files=0))
            raise
        self._end()

    def publish_outputs(self, files: int) -> None:
        """The outputs become numbered files, in place of all those of earlier exports."""
        sync_folder(self.names.target.parent)  # the state may speak of outputs only once they have lasting names
        self._save(msgspec.structs.replace(self.state, stage="publishing", files=files, shape=self._shape))
        self._put_in_place(files)
        self._end()

    def _put_in_place(self, files: int) -> None:
        # After a crash some have their names already: those without an output.
        waiting = self._waiting(files)
        named = {self.names.numbered(number) for number in range(files)} - set(map(self.names.numbered, waiting))
        for old in self.names.numbered_among(_names_in(self.names.target.parent)):
            if old not in named:
                remove(old)
        sync_folder(self.names.target.parent)
        for number in waiting:
            _replace(self.names.output(number), self.names.numbered(number))
        sync_folder(self.names.target.parent)

    def _waiting(self, files: int) -> list[int]:
        """The numbers of the outputs that do not have their names yet."""
        return [number for number in range(files) if self.names.output(number).exists()]

    def _all_there(self, files: int) -> bool:
        return all(
            self.names.output(number).exists() or self.names.numbered(number).exists() for number in range(files)
        )

    def _end(self) -> None:
        self.published = True
        sync_folder(self.names.target.parent)
        self._close()
        self._clear()
        self._lock.release()

    def leave(self) -> None:
        """Ends without a file, unless it has one. What was fetched stays; a part without any work does not."""
        if not self._lock.held:
            return
        if self.state.stage not in ("naming", "publishing"):  # else they are whole, and wait for their names
            with contextlib.suppress(OSError):
                self._remove_outputs()
        with contextlib.suppress(OSError):
            if self._descriptor >= 0 and self.state.works:
                os.ftruncate(self._descriptor, self.state.offset)
        self._close()
        if not self.state.works:
            with contextlib.suppress(OSError):
                self._forget()
        self._lock.release()

    # --- files ---

    def _clear(self) -> None:
        """As `_forget`, of an export that has ended: the state, which says so, goes last."""
        self._remove_outputs()
        remove(self.names.part)
        remove(self.names.state)

    def _forget(self) -> None:
        """Removes everything beside the target but the lock."""
        remove(self.names.state)
        self._remove_outputs()
        remove(self.names.part)

    def _remove_outputs(self) -> None:
        with contextlib.suppress(PermissionError):  # of a folder that may be written and not be read
            for output in self.names.outputs_among(_names_in(self.names.target.parent)):
                remove(output)

    def _close(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def _load(self) -> State | None:
        """The state on the disk, or None without one; of a damaged one, a state that fits no export."""
        descriptor = open_existing(self.names.state)
        if descriptor is None:
            return None
        with os.fdopen(descriptor, "rb") as file:
            content = file.read()
        try:
            state = msgspec.json.decode(content, type=State)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            state = None
        sound = state is not None and state.version == _VERSION and _is_whole(content)
        return state if sound else State(version=_DAMAGED, identity="")

    def _save(self, state: State) -> None:
        fresh = self.names.state.with_name(f"{self.names.state.name}.new")
        descriptor = create_new(fresh)
        try:
            write_all(descriptor, _content_of(state))
            sync(descriptor)
        finally:
            os.close(descriptor)
        fresh.replace(self.names.state)
        sync_folder(fresh.parent)
        self.state = state


def _content_of(state: State) -> bytes:
    """The file of a state, whose last field is a checksum: an altered one would speak of other bytes or files."""
    fields = msgspec.json.encode(state)[:-1]
    return fields + _CHECK % crc32(fields)


def _is_whole(content: bytes) -> bool:
    fields = content[: content.rfind(_CHECK[:-3])]
    return content == fields + _CHECK % crc32(fields)


def names_of(target: Path) -> Names:
    """The names of an export to a target, as long as its file system takes them."""
    longest = LONGEST_NAME
    if hasattr(os, "pathconf"):
        with contextlib.suppress(OSError, ValueError):
            longest = min(longest, os.pathconf(target.parent, "PC_NAME_MAX"))
    return Names(target, longest)


def check_numbered(names: Names) -> None:
    """Checks that numbered files can be made in place of those of an earlier export, before any of them is removed.

    Raises:
        OSError: their names are too long, or a folder has one of them; it names the folder.
    """
    names.numbered(0).exists()
    for old in names.numbered_among(_names_in(names.target.parent)):
        if old.is_dir() and not old.is_symlink():
            raise IsADirectoryError(errno.EISDIR, "is a folder, in the place of a numbered file", os.fspath(old))


def _names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def _replace(source: Path, target: Path) -> None:
    try:
        source.replace(target)
    except OSError as error:
        if error.errno in (errno.EBUSY, errno.EXDEV):
            text = f"{error.strerror}: a file that is mounted cannot be replaced; mount its folder instead"
            raise OSError(error.errno, text, os.fspath(target)) from None
        raise
