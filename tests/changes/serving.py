from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from devrev_async import DevRevClient
from devrev_async.sandbox import Quirks, Sandbox

NOON = datetime(2026, 3, 1, 12, 0, 0, 250_000, tzinfo=UTC)


@asynccontextmanager
async def serving(
    works: int = 0, *, quirks: Quirks | None = None, at: datetime | None = NOON, **options: Any
) -> AsyncGenerator[tuple[Sandbox, DevRevClient], None]:
    """A sandbox whose clock stands still at `at`, and a client of it."""
    async with Sandbox(works=works, quirks=quirks or Quirks()) as sandbox:
        if at is not None:
            sandbox.clock.freeze(at)
        async with DevRevClient(sandbox.token, base_url=sandbox.url, **options) as client:
            yield sandbox, client
