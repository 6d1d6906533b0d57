"""Where the state of `works.sync` lies, and the note beside it: who may use them, and how they are replaced.

Blocks; made for a thread.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from devrev_async.errors import SyncStateError
from devrev_async.sinks._files import create_new, naming, remove, rights_of, sync, sync_folder, write_all
from devrev_async.sinks._lock import FileLock

from .pending import Pending, parse_pending, path_of_pending, render_pending
from .state import State, parse, render

__all__ = ["StateFile"]


class StateFile:
    """The file from which a run learns where the last one ended.

    Args:
        path: of the file, which need not be there yet.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: FileLock | None = None

    def lock(self) -> None:
        """Keeps other runs from the state until `unlock`.

        Raises:
            SyncStateError: another one is using it.
            OSError: its folder cannot be made, or nothing can be written there.
        """
        try:
            with naming(self.path):
                self.path.parent.mkdir(parents=True, exist_ok=True)
                self._lock = FileLock(self.path.with_name(f".{self.path.name}.lock"), str(self.path))
        except BlockingIOError:
            raise self.refused("another run is using the state", "wait until it has ended") from None

    def unlock(self) -> None:
        """Lets other runs use the state."""
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def refused(self, text: str, hint: str) -> SyncStateError:
        """The error that says why the state is not used, and what to do."""
        return SyncStateError(f"{self.path}: {text}", path=str(self.path), hint=hint)

    def read(self, *, replaceable: bool = False) -> State | None:
        """Returns the state, or None where there is no file.

        Args:
            replaceable: whether a damaged one counts as none.

        Raises:
            SyncStateError: it cannot be read, or is damaged.
        """
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            hint = "make it a file that this user can read; it is not taken for a first run"
            raise self.refused(f"the state cannot be read: {error.strerror}", hint) from error
        try:
            return parse(content, str(self.path))
        except SyncStateError:
            if not replaceable:
                raise
            return None

    def save(self, state: State) -> None:
        """Writes the state in the place of the last."""
        self._write(self.path, render(state))

    def announced(self, query: Mapping[str, Any], origin: str) -> Pending | None:
        """The file that a run of the same query announced, where its note is there and whole."""
        try:
            pending = parse_pending(path_of_pending(self.path).read_bytes())
        except OSError:
            return None
        same = pending is not None and (pending.query, pending.origin) == (query, origin)
        return pending if same else None

    def announce(self, pending: Pending) -> None:
        """Notes beside the state which file is about to get its name."""
        self._write(path_of_pending(self.path), render_pending(pending))

    def forget_announced(self) -> None:
        """Removes the note, once the state has moved; where it cannot be removed, it does no harm."""
        with contextlib.suppress(OSError):
            remove(path_of_pending(self.path))

    def _write(self, path: Path, content: bytes) -> None:
        """Once this returns, the content outlives a crash; until then what was there before does."""
        fresh, rights = path.with_name(f".{path.name}.part"), rights_of(path)
        with naming(self.path):
            descriptor = create_new(fresh, 0o666 if rights is None else 0o600)
            try:
                try:
                    if rights is not None:
                        rights.give(descriptor)
                    write_all(descriptor, content)
                    sync(descriptor)
                finally:
                    os.close(descriptor)
                fresh.replace(path)
            except BaseException:
                remove(fresh)
                raise
        sync_folder(path.parent)
