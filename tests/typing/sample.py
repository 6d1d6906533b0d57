"""A program as a user would write it; checked strictly, and run against the sandbox."""

import asyncio
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta

from devrev_async import (
    DateRange,
    DevRevClient,
    DevRevError,
    Issue,
    IssueFilter,
    ListUpdate,
    NotFoundError,
    Ticket,
    UnknownWork,
    Work,
)


def line(work: Work) -> str:
    owners = ", ".join(owner.display_name or "?" for owner in work.owned_by or ())
    match work:
        case Issue(priority=priority):
            extra = priority or "-"
        case Ticket(severity=severity, rev_org=rev_org):
            extra = f"{severity or '-'} {rev_org.display_name if rev_org else ''}"
        case UnknownWork():
            extra = f"{len(work.raw)} bytes"
        case _:
            extra = work.type
    return f"{work.display_id}\t{work.title}\t{owners}\t{extra}"


async def triage(devrev: DevRevClient) -> Counter[str]:
    long_ago = DateRange(before=datetime.now(UTC) - timedelta(days=1))
    count = await devrev.works.count(type=["issue"], issue=IssueFilter(priority=["p0", "p1"]))
    works = await devrev.works.export(
        type=["issue", "ticket"], created_date=long_ago, sort_by=["created_date:desc"], first=20
    )
    kinds = Counter[str]()
    for work in works:
        sys.stdout.write(line(work) + "\n")
        kinds[work.type or "unknown"] += 1
        if isinstance(work, Issue) and work.priority == "p0" and count.count > 0:
            await devrev.works.update(work.id, body="looked at", target_close_date=None, tags=ListUpdate(add=[]))
    return kinds


async def main(token: str, base_url: str) -> int:
    async with DevRevClient(token, base_url=base_url) as devrev:
        try:
            kinds = await triage(devrev)
            await devrev.works.get("ISS-0")
        except NotFoundError as error:
            sys.stdout.write(f"{error.status} {error.endpoint}\n")
        except DevRevError as error:
            sys.stdout.write(f"failed: {error}\n")
            return 1
        else:
            return sum(kinds.values())
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(*sys.argv[1:])))
