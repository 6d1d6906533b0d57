"""Works as columns: Arrow record batches for DuckDB, Polars, pandas, PyArrow (extra ``[arrow]``).

`works_schema` is the one schema of all works, and `WorksConverter` makes record batches of it. `scan_works` is a table
for synchronous programs; asynchronous ones have `arrow_batches` of exports.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .conversion import WorksConverter
from .schema import SCHEMA_VERSION, VERSION_KEY, works_schema

if TYPE_CHECKING:
    from .scan import WorksScan, scan_works

__all__ = ["SCHEMA_VERSION", "VERSION_KEY", "WorksConverter", "WorksScan", "scan_works", "works_schema"]


def __getattr__(name: str) -> Any:
    # imported when asked for: it needs the client, which the conversion, a layer below exports, does not
    if name in ("WorksScan", "scan_works"):
        from . import scan  # noqa: PLC0415 - see above

        return getattr(scan, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
