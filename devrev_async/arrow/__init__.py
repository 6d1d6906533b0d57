"""Works as columns: Arrow record batches for DuckDB, Polars, pandas, PyArrow (extra ``[arrow]``).

`works_schema` is the one schema of all works, and `WorksConverter` makes record batches of it.
"""

from __future__ import annotations

from .conversion import WorksConverter
from .schema import SCHEMA_VERSION, VERSION_KEY, works_schema

__all__ = ["SCHEMA_VERSION", "VERSION_KEY", "WorksConverter", "works_schema"]
