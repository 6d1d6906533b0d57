"""Sandboxes of so many works that each is made when it is asked for: nothing tells them from those that are kept."""

import tracemalloc
from collections.abc import AsyncGenerator, Callable
from typing import Any

import pytest

from devrev_async.sandbox import Sandbox, server
from devrev_async.sandbox.generator import GeneratedWorks, generate
from devrev_async.sandbox.ids import Ids
from tests.sandbox.conftest import Api
from tests.sandbox.test_filters import CASES

pytestmark = pytest.mark.anyio

IDS = Ids()


@pytest.fixture
async def made(anyio_backend: str, monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[Api]:
    """A sandbox whose works are made when they are asked for."""
    monkeypatch.setattr(server, "_KEPT_WHOLE", 0)
    async with Sandbox(works=300, seed=5) as sandbox, Api.over(sandbox) as one:
        yield one


async def body_of(api: Api, endpoint: str, query: dict[str, Any]) -> bytes:
    async with api.session.post(f"{api.sandbox.url}/{endpoint}", json=query) as response:
        assert response.status == 200
        return await response.read()


async def test_every_filter_finds_the_same_works(api: Api, made: Api) -> None:
    for query, _ in CASES:
        assert await body_of(api, "works.count", query) == await body_of(made, "works.count", query)
        page = {**query, "limit": 20}
        assert await body_of(api, "works.list", page) == await body_of(made, "works.list", page)


@pytest.mark.parametrize("field", ["created_date", "modified_date", "target_close_date", "actual_start_date"])
async def test_every_order_has_the_same_works(api: Api, made: Api, field: str) -> None:
    query = {"first": 5000, "sort_by": [f"{field}:desc"]}
    assert await body_of(api, "works.export", query) == await body_of(made, "works.export", query)


def test_a_field_is_that_of_the_whole_work() -> None:
    works = GeneratedWorks(400, 3)
    whole = [works.work(number) for number in range(len(works))]
    for key in {key for work in whole for key in work} | {"no_such_field"}:
        assert [works.value(number, key) for number in range(len(works))] == [work.get(key) for work in whole]


def test_each_is_found_by_both_ids_as_they_are_written() -> None:
    sandbox = made_sandbox(200)
    for work in generate(200, 0):
        assert sandbox.get(work["id"]) == sandbox.get(work["display_id"]) == work
    for ref in ("ISS-01", "ISS-0", "ISS-99999", "ISS-x", "PROD-1", "?", Ids("other").don("ISS", 1)):
        with pytest.raises(KeyError):
            sandbox.get(ref)


def made_sandbox(count: int) -> Sandbox:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(server, "_KEPT_WHOLE", 0)
        return Sandbox(works=count)


async def test_a_changed_work_stays_changed(made: Api) -> None:
    before = made.sandbox.get("ISS-1")
    made.sandbox.update("ISS-1", {"title": "changed"}, touch=False)
    assert made.sandbox.get(before["id"]) == {**before, "title": "changed"}
    answer = await made.post("works.export", {"first": 5000})
    assert [work["title"] for work in answer["works"] if work["display_id"] == "ISS-1"] == ["changed"]
    assert len(answer["works"]) == 300


def test_a_deleted_work_is_gone_and_its_ids_can_be_given_again() -> None:
    sandbox = made_sandbox(100)
    work = sandbox.get("ISS-2")
    with pytest.raises(ValueError, match="already has a work"):
        sandbox.add({"display_id": "ISS-2"})
    sandbox.delete("ISS-2")
    for ref in (work["id"], "ISS-2"):
        with pytest.raises(KeyError):
            sandbox.get(ref)
    assert len(sandbox) == 99
    sandbox.add(work)
    assert sandbox.get("ISS-2") == work
    sandbox.delete("ISS-2")
    with pytest.raises(KeyError):
        sandbox.get("ISS-2")


async def test_new_works_have_the_next_numbers(made: Api) -> None:
    issues = [id for id in made.sandbox.ids() if ":issue/" in id]
    assert made.sandbox.get(made.sandbox.add({"type": "issue"}))["display_id"] == f"ISS-{len(issues) + 1}"


NEW = {"type": "issue", "title": "t", "applies_to_part": "PROD-1", "owned_by": ["DEVU-1"]}


async def test_an_external_reference_is_taken(made: Api) -> None:
    await made.post("works.create", {**NEW, "external_ref": "legacy-issue-8"}, 409)


async def test_the_external_reference_of_a_deleted_work_is_free(made: Api) -> None:
    made.sandbox.delete("ISS-8")
    await made.post("works.create", {**NEW, "external_ref": "legacy-issue-8"}, 201)


async def test_an_artifact_has_the_parent_that_had_it_first(made: Api) -> None:
    artifact = made.sandbox.get("ISS-12")["artifacts"][0]
    made.sandbox.add({**NEW, "artifacts": [artifact], "applies_to_part": None, "owned_by": []})
    change = {"id": "ISS-1", "artifacts": {"add": [artifact["id"]]}}
    await made.refused("works.update", change, existing_parent=IDS.don("ISS", 12))


def test_a_work_takes_few_bytes() -> None:
    def size_of(build: Callable[[], object]) -> int:
        tracemalloc.start()
        built = build()
        size, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        del built
        return size

    more, less = size_of(lambda: made_sandbox(6_000)), size_of(lambda: made_sandbox(1_000))
    assert (more - less) / 5_000 < 400
