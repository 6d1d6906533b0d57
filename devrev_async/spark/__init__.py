"""Works as a data source of Spark 4.0 and later (extra ``[spark]``; the runtime brings PySpark)."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

try:
    import_module("pyspark.sql.datasource")  # which Spark 3 lacks
except ModuleNotFoundError as error:
    if error.name is None or not error.name.startswith("pyspark"):
        raise
    raise ModuleNotFoundError(
        "devrev_async.spark needs PySpark 4.0 or later, which a Spark runtime brings: pip install pyspark elsewhere",
        name=error.name,
        path=error.path,
    ) from None

if find_spec("pyarrow") is None:
    raise ModuleNotFoundError("devrev_async.spark needs pyarrow: pip install 'devrev-async[spark]'", name="pyarrow")

from .source import DevRevDataSource

__all__ = ["DevRevDataSource"]
