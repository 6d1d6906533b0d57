"""Plans, pages and keys for the tests of single rules."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from devrev_async.export.planner import Domain, Key, Page, Plan, Request, key_of

START = datetime(2024, 3, 1, tzinfo=UTC)
NOW = START + timedelta(days=400)
SECOND = int(START.timestamp())


def keys(*seconds: float) -> list[Key]:
    """Keys of works created so many seconds after the start."""
    return [key_of(START + timedelta(seconds=second), f"w{second}") for second in seconds]


def page(found: list[Key]) -> Page[str]:
    """A page of works that stand for themselves by name."""
    return Page(found, [name for _, name in found])


def plan(first: int = 20, limit: int = 5, parallel: int = 3) -> Plan[str]:
    """A plan of everything."""
    return Plan[str](Domain(), now=NOW, first=first, limit=limit, parallel=parallel)


def take(planned: Plan[str]) -> Request:
    """The next request, which there must be."""
    request = planned.take()
    assert request is not None
    return request


def opened(planned: Plan[str]) -> tuple[Request, Request]:
    """The first page's request, and that of the count beside it."""
    export, count = sorted((take(planned), take(planned)), key=lambda request: request.kind, reverse=True)
    assert (export.kind, count.kind) == ("export", "count")
    assert (export.after, export.before, count.after, count.before) == (None, None, None, None)
    return export, count
