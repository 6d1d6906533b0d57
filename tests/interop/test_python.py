"""devrev-python-sdk drives the sandbox; where it breaks the spec itself, it is refused as the API refuses."""

from collections.abc import AsyncGenerator
from typing import Any

import pytest

from devrev_async.sandbox import Sandbox
from tests.interop.driver import Answer, Driver, driving, python_command

pytestmark = [pytest.mark.anyio, pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture
async def sandbox() -> AsyncGenerator[Sandbox]:
    async with Sandbox(works=120, seed=11) as running:
        yield running


@pytest.fixture
async def driver(sandbox: Sandbox) -> AsyncGenerator[Driver]:
    async with driving(python_command(), sandbox.url, sandbox.token) as running:
        yield running


async def call(driver: Driver, method: str, **args: Any) -> Answer:
    return await driver.call(method=method, args=args)


async def test_a_life_of_a_work(sandbox: Sandbox, driver: Driver) -> None:
    part, owner = (
        sandbox.get(sandbox.ids()[0])["applies_to_part"]["id"],
        sandbox.get(sandbox.ids()[0])["owned_by"][0]["id"],
    )
    created = await call(
        driver, "create", title="From Python", applies_to_part=part, type="ticket", owned_by=[owner], severity="high"
    )
    assert created.status == 200, created
    work_id = created.data["id"]
    assert sandbox.get(work_id)["title"] == "From Python"
    assert (await call(driver, "get", id=work_id)).data == created.data
    updated = await call(driver, "update", id=work_id, title="Changed", owned_by=[owner])
    assert (updated.status, updated.data["title"]) == (200, "Changed")
    assert sandbox.get(work_id)["title"] == "Changed"
    assert await call(driver, "delete", id=work_id) == (200, None)
    gone = await call(driver, "get", id=work_id)
    assert (gone.status, gone.data["type"]) == (404, "not_found")


async def test_lists_exports_and_counts(sandbox: Sandbox, driver: Driver) -> None:
    exported = await call(driver, "export", type=["issue", "ticket"], first=100, sort_by=["-created_date"])
    assert exported.status == 200, exported
    ids = [work["id"] for work in exported.data]
    assert 10 < len(ids) <= 100
    assert {sandbox.get(each)["type"] for each in ids} == {"issue", "ticket"}
    page = await call(driver, "list", type=["issue", "ticket"], limit=30, sort_by=["created_date:desc"])
    assert [work["id"] for work in page.data["works"]] == ids[:30]
    assert page.data["next_cursor"]
    count = await call(driver, "count", type=["issue", "ticket"])
    assert count.data == sum(sandbox.get(each)["type"] in ("issue", "ticket") for each in sandbox.ids())


async def test_it_cannot_change_a_priority(sandbox: Sandbox, driver: Driver) -> None:
    """Its update has no `type`, and the API refuses a field of one type without it."""
    for type_, field, value in (("issue", "priority", "p0"), ("ticket", "severity", "high")):
        work_id = next(each for each in sandbox.ids() if sandbox.get(each)["type"] == type_)
        refused = await call(driver, "update", id=work_id, **{field: value})
        assert refused.status == 400
        assert (refused.data["type"], refused.data["field_name"]) == ("invalid_field", field)


async def test_its_stage_filter_is_no_field_of_the_api(driver: Driver) -> None:
    """It sends `stage_name` where the API has `stage`, an object."""
    refused = await call(driver, "list", stage_name=["triage"])
    assert (refused.status, refused.data["type"], refused.data["field_name"]) == (400, "invalid_field", "stage_name")


async def test_it_lets_through_more_than_an_export_may_ask_for(driver: Driver) -> None:
    """It takes `first` up to 10000; the API has 5000 at most."""
    refused = await call(driver, "export", first=5001)
    assert refused.status == 400
    assert (await call(driver, "export", first=5000)).status == 200
