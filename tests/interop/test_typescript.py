"""The official TypeScript SDK drives the sandbox; where it breaks the spec itself, it is refused as the API refuses."""

from collections.abc import AsyncGenerator, Callable
from typing import Any

import pytest

from devrev_async import DevRevClient, Ticket
from devrev_async.sandbox import Sandbox
from tests.interop.driver import Answer, Driver, driving, typescript_command
from tests.spec import validate_response

pytestmark = [pytest.mark.anyio, pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture
async def sandbox() -> AsyncGenerator[Sandbox]:
    async with Sandbox(works=120, seed=11) as running:
        yield running


@pytest.fixture
async def driver(sandbox: Sandbox) -> AsyncGenerator[Driver]:
    async with driving(typescript_command(), sandbox.url, sandbox.token) as running:
        yield running


@pytest.fixture(params=["beta", "public"])
def sdk(request: pytest.FixtureRequest, driver: Driver) -> Callable[..., Any]:
    async def call(method: str, *args: Any) -> Answer:
        return await driver.call(sdk=request.param, method=method, args=args)

    return call


async def test_a_life_of_a_work(sandbox: Sandbox, sdk: Callable[..., Any]) -> None:
    part, owner = (
        sandbox.get(sandbox.ids()[0])["applies_to_part"]["id"],
        sandbox.get(sandbox.ids()[0])["owned_by"][0]["id"],
    )
    created = await sdk(
        "worksCreate",
        {
            "type": "ticket",
            "title": "From TypeScript",
            "applies_to_part": part,
            "owned_by": [owner],
            "severity": "high",
        },
    )
    assert created.status == 201, created
    validate_response("works.create", created.data)
    work_id = created.data["work"]["id"]
    got, posted = await sdk("worksGet", {"id": work_id}), await sdk("worksGetPost", {"id": work_id})
    assert (got.status, posted.status) == (200, 200)
    assert got.data == posted.data == created.data
    updated = await sdk(
        "worksUpdate",
        {"id": work_id, "type": "ticket", "severity": "low", "title": "Changed", "owned_by": {"set": [owner]}},
    )
    assert updated.status == 200, updated
    validate_response("works.update", updated.data)
    assert (updated.data["work"]["severity"], updated.data["work"]["title"]) == ("low", "Changed")
    async with DevRevClient(sandbox.token, base_url=sandbox.url) as devrev:
        seen = await devrev.works.get(work_id)
        assert isinstance(seen, Ticket)
        assert (seen.severity, seen.title) == ("low", "Changed")
    assert await sdk("worksDelete", {"id": work_id}) == (200, {})
    gone = await sdk("worksGet", {"id": work_id})
    assert (gone.status, gone.data["type"]) == (404, "not_found")


async def test_lists_exports_and_counts(sandbox: Sandbox, sdk: Callable[..., Any]) -> None:
    exported = await sdk(
        "worksExportPost", {"type": ["issue", "ticket"], "first": 100, "sort_by": ["created_date:asc"]}
    )
    assert exported.status == 200, exported
    validate_response("works.export", {"works": exported.data["works"][:5]})
    wanted = [work["id"] for work in exported.data["works"]]
    assert 10 < len(wanted) <= 100
    # GET sends arrays as "a","b", quotes included
    by_get = await sdk("worksExport", {"type": ["issue", "ticket"], "first": 100, "sort_by": ["created_date:asc"]})
    assert [work["id"] for work in by_get.data["works"]] == wanted
    assert 'type="issue","ticket"' in sandbox_query(sandbox)
    listed: list[str] = []
    query: dict[str, Any] = {"type": ["issue", "ticket"], "limit": 30, "sort_by": ["created_date:asc"]}
    while True:
        page = await sdk("worksList", query)
        assert page.status == 200, page
        listed += [work["id"] for work in page.data["works"]]
        if not page.data.get("next_cursor"):
            break
        query["cursor"] = page.data["next_cursor"]
    assert listed[: len(wanted)] == wanted
    count, posted = (
        await sdk("worksCount", {"type": ["issue", "ticket"]}),
        await sdk("worksCountPost", {"type": ["issue", "ticket"]}),
    )
    assert count.data == posted.data == {"count": len(listed), "has_more": False}
    one = await sdk("worksListPost", {"type": ["issue"], "issue": {"priority": ["p0"]}, "limit": 5})
    assert one.status == 200
    assert {work["priority"] for work in one.data["works"]} <= {"p0"}


def sandbox_query(sandbox: Sandbox) -> str:
    query = sandbox.requests[-1].query
    return "&".join(f"{key}={value}" for key, value in query.items())


async def test_an_update_without_type_breaks_the_spec(sandbox: Sandbox, sdk: Callable[..., Any]) -> None:
    """Its typings let `type` be left out; the API refuses a field of one type without it."""
    issue = next(each for each in sandbox.ids() if sandbox.get(each)["type"] == "issue")
    refused = await sdk("worksUpdate", {"id": issue, "priority": "p0"})
    assert (refused.status, refused.data["type"], refused.data["field_name"]) == (400, "invalid_field", "priority")
    assert (await sdk("worksUpdate", {"id": issue, "type": "issue", "priority": "p0"})).status == 200


async def test_what_its_typings_do_not_stop(sandbox: Sandbox, sdk: Callable[..., Any]) -> None:
    for body, type_ in (
        ({"id": sandbox.ids()[0], "owned_by": ["DEVU-1"]}, "unexpected_json_type"),  # a bare list, as create has it
        ({"id": sandbox.ids()[0], "stage_name": "x"}, "invalid_field"),
        ({"title": "t"}, "missing_required_field"),
    ):
        refused = await sdk("worksUpdate", body)
        assert (refused.status, refused.data["type"]) == (400, type_)
        validate_response("works.update", refused.data, 400)
