"""An odd field costs the same, and nothing else, in every way in which a work can come."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from devrev_async import DevRevClient, Issue, Work, WorkUpdate
from tests.models.canned import Canned
from tests.models.test_mutations import warnings_of_the_client

NEVER = "9999-12-31T23:59:59.9999999Z"
ODD: dict[str, Any] = {
    "type": "issue",
    "id": "don:core:dvrv-us-1:devo/0aB:issue/1",
    "display_id": "ISS-1",
    "created_date": "2024-05-18T06:49:47.816000Z",
    "target_close_date": NEVER,
    "title": {"text": "\ud83e"},
    "owned_by": [{"id": "DEVU-1"}, {"id": 2}],
    "stage": {"name": "triage"},
}


async def export_stream(devrev: DevRevClient) -> list[Work]:
    async with devrev.works.export_stream() as stream:
        return [work async for work in stream]


async def pages(devrev: DevRevClient) -> list[Work]:
    return [work async for page in devrev.works.list().pages() for work in page.works]


async def export_all(devrev: DevRevClient) -> list[Work]:
    async with devrev.works.export_all() as export:
        works = [work async for work in export]
    assert (export.report.works, export.report.invalid, export.report.unknown) == (1, 1, 0)
    return works


async def batches(devrev: DevRevClient) -> list[Work]:
    async with devrev.works.export_all() as export:
        works = [work async for batch in export.batches(10) for work in batch]
    assert (export.report.works, export.report.invalid, export.report.unknown) == (1, 1, 0)
    return works


async def one(call: Awaitable[Work]) -> list[Work]:
    return [await call]


async def iterated(devrev: DevRevClient) -> list[Work]:
    return [outcome.work async for outcome in devrev.works.get_many(["ISS-1"]) if outcome.work is not None]


CREATE: dict[str, Any] = {"type": "issue", "title": "t", "applies_to_part": "PROD-1", "owned_by": ["DEVU-1"]}
WAYS: dict[str, Callable[[DevRevClient], Awaitable[list[Work]]]] = {
    "get": lambda devrev: one(devrev.works.get("ISS-1")),
    "update": lambda devrev: one(devrev.works.update("ISS-1", title="t")),
    "create": lambda devrev: one(devrev.works.create(**CREATE)),
    "export": lambda devrev: devrev.works.export(),
    "export_stream": export_stream,
    "list": pages,
    "export_all": export_all,
    "export_all in batches": batches,
    "get_many": lambda devrev: ok(devrev.works.get_many(["ISS-1"])),
    "get_many, iterated": iterated,
    "update_many": lambda devrev: ok(devrev.works.update_many([WorkUpdate(id="ISS-1", title="t")])),
}


async def ok(run: Any) -> list[Work]:
    result = await run
    result.raise_for_failures()
    works: list[Work] = result.ok
    return works


@pytest.mark.parametrize("way", WAYS)
def test_an_odd_field_costs_the_same_in_every_way(canned: Canned, way: str) -> None:
    canned.answer({"work": ODD, "works": [ODD], "count": 1, "has_more": False})
    with warnings_of_the_client() as warned:
        (work,) = canned.run(call(WAYS[way], canned.devrev))
    assert type(work) is Issue
    assert (work.title, work.owned_by) == (None, None)
    assert work.invalid == {"title": ODD["title"], "owned_by": ODD["owned_by"]}
    assert work.target_close_date is not None
    assert work.stage is not None
    assert work.stage.name == "triage"
    assert work.to_dict() == {**ODD, "target_close_date": "9999-12-31T23:59:59.999999Z"}
    assert warned
    for message in warned:
        assert message.split(": ", 1)[1].startswith("1 of 1 works have invalid fields; the first is number 0: ")
        assert "title: " in message
        assert "owned_by: " in message
        assert "target_close_date" not in message


async def call(way: Callable[[DevRevClient], Awaitable[list[Work]]], devrev: DevRevClient) -> list[Work]:
    return await way(devrev)
