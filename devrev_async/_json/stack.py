"""A stack of its own for what recurses as deep as a value is nested."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

__all__ = ["with_whole_stack"]

T = TypeVar("T")


def with_whole_stack(call: Callable[..., T], *args: Any) -> T:
    """Makes a call; where the stack is too full for it, once more in a thread, whose own stack is empty.

    So a value that was decoded nearer to the bottom of the stack can be encoded.

    Raises:
        RecursionError: it is nested too deeply for an empty stack.
    """
    try:
        return call(*args)
    except RecursionError:
        from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - hardly any program needs it

        with ThreadPoolExecutor(max_workers=1) as thread:
            return thread.submit(call, *args).result()
