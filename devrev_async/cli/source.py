"""Where an export's works come from: batches of JSON bytes, each with the checkpoint behind it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING

from .codes import refusals_as_usage

if TYPE_CHECKING:
    from devrev_async import DevRevClient
    from devrev_async.models import Filters

__all__ = ["Batches", "batches"]

Batches = AsyncGenerator[tuple[list[bytes], str], None]


def batches(client: DevRevClient, filters: Filters, resume: str | None) -> Batches:
    """All works that match, in no particular order, after the checkpoint `resume` if there is one.

    Raises:
        UsageError: a filter, or the checkpoint, is not what it should be. Nothing was sent.
    """
    with refusals_as_usage():
        export = client.works.export_all(**filters, resume=resume)

    async def with_checkpoints() -> Batches:
        async with export:
            async for works in export.raw_batches():
                yield works, export.checkpoint

    return with_checkpoints()
