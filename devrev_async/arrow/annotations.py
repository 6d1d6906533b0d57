"""The classes of pyarrow as annotations name them.

pyarrow has no types of its own. A strict type checker reports what it does not know wherever a user touches it, so to
type checkers these are `Any`, and the name says what they are.
"""

from typing import Any, TypeAlias

__all__ = ["Array", "DataType", "RecordBatch", "RecordBatchReader", "Schema"]

Array: TypeAlias = Any
DataType: TypeAlias = Any
RecordBatch: TypeAlias = Any
RecordBatchReader: TypeAlias = Any
Schema: TypeAlias = Any
