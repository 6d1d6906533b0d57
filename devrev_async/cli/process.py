"""What the command does to its process, which is its own."""

from __future__ import annotations

import os
import sys
from importlib.machinery import ModuleSpec

__all__ = ["spare_memory"]


class _NoPandas:
    """Makes pandas look as if it were not installed."""

    def find_spec(self, name: str, _path: object = None, _target: object = None) -> ModuleSpec | None:
        if name == "pandas":
            raise ModuleNotFoundError(f"the command needs no {name}", name=name)
        return None


def spare_memory() -> None:
    """Prepares the process for pyarrow, which may be imported later.

    pyarrow imports pandas, if it is installed, with the first list that it converts: 45 MB and up to a second. And the
    system's allocator keeps less of what was freed than the one that pyarrow brings.
    """
    sys.meta_path.insert(0, _NoPandas())
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
