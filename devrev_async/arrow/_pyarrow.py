"""pyarrow, or an error that names the extra that installs it."""

from __future__ import annotations

try:
    import pyarrow as pa
    from pyarrow import compute
except ModuleNotFoundError as error:
    if error.name != "pyarrow":
        raise
    raise ModuleNotFoundError(
        "columns need pyarrow: pip install 'devrev-async[arrow]'", name=error.name, path=error.path
    ) from None

__all__ = ["compute", "pa"]
