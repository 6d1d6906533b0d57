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

_END = "end"


def batches(client: DevRevClient, filters: Filters, resume: str | None) -> Batches:
    """All works that match, in no particular order, after the checkpoint `resume` if there is one.

    Raises:
        UsageError: a filter, or the checkpoint, is not what it should be. Nothing was sent.
    """
    with refusals_as_usage():
        pager = client.works.list(**filters, cursor=None if resume == _END else resume, limit=100)

    async def pages() -> Batches:
        if resume != _END:
            async for page in pager.pages():
                yield [work.to_json() for work in page.works], page.next_cursor or _END

    return pages()
