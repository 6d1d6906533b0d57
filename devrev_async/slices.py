"""Plans of slices for synchronous programs: a driver that deals shares of an export out to other processes."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Unpack

from .client import DevRevClient

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ._transport.auth import TokenProvider
    from .export.slices import WorkSlice
    from .models import Filters

__all__ = ["plan"]


def plan(
    n: int,
    token: str | TokenProvider | None = None,
    *,
    base_url: str | None = None,
    options: Mapping[str, Any] | None = None,
    **filters: Unpack[Filters],
) -> list[WorkSlice]:
    """Divides a complete export into at most `n` shares, as `works.plan_slices` does.

    It runs in a thread with an event loop of its own, so that it works in a notebook too, whose loop is running.

    Example:
        >>> slices = devrev_async.slices.plan(8, type=["ticket"])
        >>> with ProcessPoolExecutor() as pool:
        ...     counts = list(pool.map(export_one, slices))

    Args:
        n: how many at most.
        token: as for `DevRevClient`. None: from the environment.
        base_url: as for `DevRevClient`.
        options: further arguments of `DevRevClient` by name.
        filters: see `Filters`.

    Raises:
        DevRevError: as `works.plan_slices`.
    """
    client = DevRevClient(token, base_url=base_url, **(options or {}))
    del token  # tracebacks show local variables

    async def planned() -> list[WorkSlice]:
        async with client:
            return await client.works.plan_slices(n, **filters)

    with ThreadPoolExecutor(1, thread_name_prefix="devrev-async-slices") as pool:
        return pool.submit(asyncio.run, planned()).result()
