"""Calls that the tests of quirks share."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from devrev_async.sandbox import Quirks, Sandbox
from tests.sandbox.conftest import Api

DAY = "2024-05-05T"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@asynccontextmanager
async def serving(works: Any = 300, **quirks: Any) -> AsyncGenerator[Api]:
    async with Sandbox(works=works, seed=5, quirks=Quirks(**quirks)) as sandbox, Api.over(sandbox) as api:
        yield api


async def exported(api: Api, **body: Any) -> list[str]:
    return [work["id"] for work in (await api.post("works.export", {"first": 5000, **body}))["works"]]


async def listed(api: Api, **body: Any) -> list[list[str]]:
    """The ids of each page."""
    pages: list[list[str]] = []
    while len(pages) < 100:
        answer = await api.post("works.list", {"limit": 100, **body})
        pages.append([work["id"] for work in answer["works"]])
        cursor = answer.get("prev_cursor" if body.get("mode") == "before" else "next_cursor")
        if cursor is None:
            return pages
        body["cursor"] = cursor
    raise AssertionError("endless pages")


def ids_of(pages: list[list[str]]) -> list[str]:
    return [ref for page in pages for ref in page]


def sort_by(direction: str, field: str = "created_date") -> list[str]:
    return [f"{field}:{direction}"]


def dated(*moments: str | None) -> list[dict[str, Any]]:
    """Works whose titles and dates are these."""
    return [{"title": str(moment), "created_date": moment, "modified_date": moment} for moment in moments]


async def works_of(api: Api, **body: Any) -> list[Any]:
    """The works of an export, which may be odd ones."""
    async with api.session.post(f"{api.sandbox.url}/works.export", json={"first": 5000, **body}) as response:
        assert response.status == 200
        return list((await response.json())["works"])


async def titles(api: Api, **body: Any) -> set[str]:
    return {work["title"] for work in await works_of(api, **body)}


def between(after: str | None = None, before: str | None = None) -> dict[str, str]:
    bounds = {"after": after, "before": before}
    return {"type": "range", **{key: bound for key, bound in bounds.items() if bound}}
