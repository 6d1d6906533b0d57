"""What the process has freed, given back to the system."""

from __future__ import annotations

import ctypes

__all__ = ["release_unused"]


def release_unused() -> None:
    """Returns freed memory to the system, where the C library can (glibc).

    The works of a page are thousands of small blocks. glibc keeps the pages of memory that they were in for later
    allocations of the same thread, and other threads and pyarrow's own allocator cannot use them: 80 MB in an export.
    """
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):  # pragma: no cover - another C library; Windows has none of that name
        return
    trim(0)
