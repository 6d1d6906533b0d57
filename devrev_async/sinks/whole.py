"""A file that takes its name only once it is whole: what is written in one go, and never continued."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Self

from ._files import create_new, naming, remove, rights_of, sync, sync_folder, write_all

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["WholeFile"]


class WholeFile:
    """Written under another name beside its target, synced, and put in its place by `publish`.

    Leaving the ``with`` block without `publish` leaves the target as it was. Every method blocks.

    Args:
        target: the file; its folder must exist. A file that is there keeps its rights, and passes them on.

    Raises:
        OSError: the folder cannot be written.
    """

    def __init__(self, target: Path) -> None:
        self._target = target
        self._path = target.with_name(f".devrev-{secrets.token_hex(8)}.part")
        replaced = rights_of(target)
        with naming(target):
            self._descriptor = create_new(self._path, 0o666 if replaced is None else 0o600)
        if replaced is not None:
            replaced.give(self._descriptor)

    def write(self, data: bytes) -> None:
        """Add bytes."""
        with naming(self._target):
            write_all(self._descriptor, data)

    def publish(self) -> None:
        """Put the file in the target's place; once it returns, it outlives a crash."""
        with naming(self._target):
            sync(self._descriptor)
            self._close()
            self._path.replace(self._target)
        sync_folder(self._target.parent)

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
        remove(self._path)
