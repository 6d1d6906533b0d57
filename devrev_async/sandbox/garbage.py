"""Garbage collection while many objects are made."""

import contextlib
import gc
from collections.abc import Generator


@contextlib.contextmanager
def suspended() -> Generator[None]:
    """Suspends garbage collection, which would traverse hundreds of thousands of live objects over and over."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()
