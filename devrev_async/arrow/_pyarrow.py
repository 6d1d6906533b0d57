"""pyarrow, or an error that names the extra that installs it."""

from __future__ import annotations

from .requirement import require_pyarrow

require_pyarrow()

import pyarrow as pa  # noqa: E402 - only where it is installed
from pyarrow import compute  # noqa: E402

__all__ = ["compute", "pa"]
