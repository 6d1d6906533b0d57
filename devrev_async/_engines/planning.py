"""Plans on the driver, for callers in whose thread a loop may be running."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from devrev_async import errors
from devrev_async.export.runner import NO_COUNT

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from devrev_async.client import DevRevClient
    from devrev_async.export.slices import WorkSlice
    from devrev_async.models import Filters
    from devrev_async.options import ClientEvent

    from .access import Access

__all__ = ["Plan", "plan", "run"]

T = TypeVar("T")

_WORTH_A_SLICE: Final = 25_000
"""Works for which a process of its own pays; a page holds 5000."""

_MOST: Final = 8
"""Slices where nobody says how many: each is a request under way at the server, whose answers are large."""


class Plan(NamedTuple):
    """Attributes.

    slices: of the export; at least one.
    requests: sent for the plan.
    """

    slices: list[WorkSlice]
    requests: int


def plan(access: Access, filters: Filters, n: int | None) -> Plan:
    """Divides a complete export into at most `n` slices; None: one for each 25,000 works, at most 8.

    The first request is sent alone, so that a token that is refused costs one.

    Raises:
        DevRevError: a request failed for good.
    """
    requests = 0

    def heard(event: ClientEvent) -> None:
        nonlocal requests
        requests += event.kind == "request"

    async def planned() -> list[WorkSlice]:
        async with access.client(on_event=heard) as devrev:
            return await devrev.works.plan_slices(n or await _worthwhile(devrev, filters), **filters)

    slices = run(planned())
    return Plan(slices, requests)


def run(work: Coroutine[Any, Any, T]) -> T:
    """Runs a coroutine in a thread with a loop of its own, for callers in whose thread a loop may be running."""
    with ThreadPoolExecutor(1, thread_name_prefix="devrev-async") as pool:
        return pool.submit(asyncio.run, work).result()


async def _worthwhile(devrev: DevRevClient, filters: Filters) -> int:
    """How many slices the works are worth; one from a server that does not count."""
    try:
        counted = await devrev.works.count(**filters)
    except errors.APIError as error:
        if error.status not in NO_COUNT:
            raise
    except errors.ResponseDecodeError:
        pass
    else:
        return max(1, min(_MOST, counted.count // _WORTH_A_SLICE))
    return 1
