"""Whether pyarrow is installed, found out without importing it."""

from __future__ import annotations

from importlib.util import find_spec

__all__ = ["require_pyarrow"]


def require_pyarrow() -> None:
    """Raises a ModuleNotFoundError that names the extra, where pyarrow is not installed."""
    if find_spec("pyarrow") is None:
        raise ModuleNotFoundError("columns need pyarrow: pip install 'devrev-async[arrow]'", name="pyarrow")
