"""What a complete export costs in requests and works fetched, beside fetching by hand: ``python -m benchmarks.price``.

Both read the sandbox over HTTP. "By hand" is what a careful script does: sorted pages of 5000, each from the timestamp
at which the one before it ended, until a page brings fewer. It proves less: a server that caps a page below 5000 gives
it a part of the works without a word. The bound is what `export_all` promises for a server that counts and sorts.
"""

from __future__ import annotations

import asyncio
import sys
from math import ceil
from typing import Any, Final

from devrev_async import DevRevClient
from devrev_async.sandbox import Sandbox
from devrev_async.sandbox.server import run_in_thread

SIZES: Final = (0, 1, 50, 101, 999, 3000, 4999, 5000, 5001, 5400, 8000, 12_000, 20_000, 50_000, 100_000)
PAGE: Final = 5000


async def export_all(client: DevRevClient, works: int) -> int:
    """Returns the works fetched."""
    export = client.works.export_all()
    seen = sum([len(batch) async for batch in export.raw_batches()])
    if seen != works:
        raise RuntimeError(f"{seen} works of {works}")
    return export.report.works + export.report.duplicates


async def by_hand(client: DevRevClient, works: int) -> int:
    """Returns the works fetched."""
    seen: set[str] = set()
    fetched, after = 0, "1970-01-01T00:00:00Z"
    while True:
        body = {
            "first": PAGE,
            "sort_by": ["created_date:asc"],
            "created_date": {"type": "range", "after": after},
        }
        page: dict[str, Any] = await client.request("works.export", body, response_type=dict, idempotent=True)
        found: list[dict[str, Any]] = page["works"]
        fetched += len(found)
        seen.update(work["id"] for work in found)
        if len(found) < PAGE:
            break
        after = found[-1]["created_date"]
    if len(seen) != works:
        raise RuntimeError(f"{len(seen)} works of {works}")
    return fetched


async def row(works: int) -> str:
    """Returns one row of the table."""
    with run_in_thread(Sandbox(works=works, seed=works)) as sandbox:
        async with DevRevClient(sandbox.token, base_url=sandbox.url) as client:
            fetched = await export_all(client, works)
            requests = sandbox.request_count
            fetched_by_hand = await by_hand(client, works)
            requests_by_hand = sandbox.request_count - requests
    most = int((max(1, ceil(works / PAGE)) + 1) * 1.05) + 2
    cells = [requests, most, requests_by_hand, fetched, int(works * 1.1) + 100, fetched_by_hand]
    return f"| {works} | " + " | ".join(map(str, cells)) + " |"


async def main() -> None:
    """Prints the table."""
    out = sys.stdout
    out.write("| works | requests | at most | by hand | works fetched | at most | by hand |\n")
    out.write("| --- | --- | --- | --- | --- | --- | --- |\n")
    for works in SIZES:
        out.write(await row(works) + "\n")
        out.flush()


if __name__ == "__main__":
    asyncio.run(main())
