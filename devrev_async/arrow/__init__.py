"""Works as columns: Arrow record batches for DuckDB, Polars, pandas, PyArrow (extra ``[arrow]``).

`works_schema` is the one schema of all works, and `WorksConverter` makes record batches of it. `scan_works` is a table
for synchronous programs; asynchronous ones have `arrow_batches` of exports.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from .conversion import WorksConverter
    from .scan import WorksScan, scan_works
    from .schema import SCHEMA_VERSION, VERSION_KEY, works_schema

__all__ = ["SCHEMA_VERSION", "VERSION_KEY", "WorksConverter", "WorksScan", "scan_works", "works_schema"]

# imported when asked for: the fields alone need no pyarrow, and the conversion, a layer below exports, no client
_MODULES: Final = {
    "SCHEMA_VERSION": "schema",
    "VERSION_KEY": "schema",
    "WorksConverter": "conversion",
    "WorksScan": "scan",
    "scan_works": "scan",
    "works_schema": "schema",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_MODULES[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
