"""Order, limits and cursors."""

from typing import Any

import pytest

from devrev_async.sandbox import Sandbox
from tests.sandbox.conftest import Api

pytestmark = pytest.mark.anyio

SORTABLE = (
    "created_date",
    "modified_date",
    "target_close_date",
    "actual_close_date",
    "target_start_date",
    "actual_start_date",
)


async def pages(api: Api, body: dict[str, Any], *, most: int = 100) -> list[list[str]]:
    """The ids of every page, following the cursor that fits the mode."""
    found: list[list[str]] = []
    for _ in range(most):
        answer = await api.post("works.list", body)
        found.append([work["id"] for work in answer["works"]])
        cursor = answer.get("prev_cursor" if body.get("mode") == "before" else "next_cursor")
        if cursor is None:
            return found
        body = {**body, "cursor": cursor}
    raise AssertionError("endless pages")


async def exported(api: Api, body: dict[str, Any]) -> list[Any]:
    async with api.session.post(f"{api.sandbox.url}/works.export", json={"first": 5000, **body}) as response:
        return list((await response.json())["works"])


@pytest.mark.parametrize("direction", ["asc", "desc"])
@pytest.mark.parametrize("field", SORTABLE)
async def test_export_sorts_by_date(shared_api: Api, field: str, direction: str) -> None:
    works = await exported(shared_api, {"sort_by": [f"{field}:{direction}"]})
    assert len(works) == len(shared_api.sandbox)
    dated = [work[field] for work in works if field in work]
    assert [work.get(field) for work in works[: len(dated)]] == dated  # those without the date come last
    assert [_comparable(value) for value in dated] == sorted(
        (_comparable(value) for value in dated), reverse=direction == "desc"
    )


async def test_later_sort_fields_break_ties(shared_api: Api) -> None:
    works = await exported(shared_api, {"sort_by": ["target_close_date:desc", "created_date:asc"]})
    keys = [(_comparable(work["target_close_date"]), _comparable(work["created_date"])) for work in works
            if "target_close_date" in work]  # fmt: skip
    assert len({key[0] for key in keys}) < len(keys)
    assert keys == sorted(sorted(keys, key=lambda key: key[1]), key=lambda key: key[0], reverse=True)


async def test_the_order_is_the_same_each_time(shared_api: Api) -> None:
    assert await exported(shared_api, {}) == await exported(shared_api, {})


@pytest.mark.parametrize(
    ("body", "length"), [({}, 50), ({"first": 1}, 1), ({"first": 1500}, 1500), ({"first": 5000}, 1500)]
)
async def test_export_stops_at_first(shared_api: Api, body: dict[str, Any], length: int) -> None:
    async with shared_api.session.post(f"{shared_api.sandbox.url}/works.export", json=body) as response:
        answer = await response.json()
    assert list(answer) == ["works"]
    assert len(answer["works"]) == length


@pytest.mark.parametrize(
    ("body", "length"), [({}, 50), ({"limit": 3}, 3), ({"limit": 100}, 100), ({"limit": 5000}, 100)]
)
async def test_list_defaults_to_50_and_clamps_at_100(shared_api: Api, body: dict[str, Any], length: int) -> None:
    assert len((await shared_api.post("works.list", body))["works"]) == length


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"sort_by": ["created_date:asc"]},
        {"sort_by": ["modified_date:desc"]},
        {"sort_by": ["target_close_date:desc"]},
        {"sort_by": ["actual_close_date:asc", "modified_date:desc"]},
        {"type": ["task"], "sort_by": ["created_date:asc"]},
        {"custom_fields": {"tnt__region": ["no such region"]}},
    ],
)
async def test_pages_make_the_whole_in_either_direction(api: Api, body: dict[str, Any]) -> None:
    whole = [work["id"] for work in await exported(api, body)]
    forward = await pages(api, {**body, "limit": 47})
    assert [ref for page in forward for ref in page] == whole
    backward = await pages(api, {**body, "limit": 47, "mode": "before"})
    assert [ref for page in reversed(backward) for ref in page] == whole


async def test_the_last_page_has_no_next_cursor_even_when_it_is_full(api: Api) -> None:
    assert [len(page) for page in await pages(api, {"limit": 100})] == [100, 100, 100]


async def test_prev_cursor_leads_back(api: Api) -> None:
    first = await api.post("works.list", {"limit": 40})
    assert "prev_cursor" not in first
    second = await api.post("works.list", {"limit": 40, "cursor": first["next_cursor"]})
    back = await api.post("works.list", {"limit": 40, "mode": "before", "cursor": second["prev_cursor"]})
    assert back["works"] == first["works"]
    assert "prev_cursor" not in back
    assert back["next_cursor"] == first["next_cursor"]


async def test_cursors_survive_deletes_creates_and_updates(api: Api) -> None:
    before = set(api.sandbox.ids())
    answer = await api.post("works.list", {"limit": 50, "sort_by": ["created_date:desc"]})
    seen = [work["id"] for work in answer["works"]]
    await api.post("works.delete", {"id": seen[-1]})  # the one the cursor points at
    victim = (before - set(seen)).pop()
    await api.post("works.delete", {"id": victim})
    await api.post("works.update", {"id": seen[0], "title": "changed"})
    api.sandbox.add({"title": "new, and in front of the cursor"})
    while cursor := answer.get("next_cursor"):
        answer = await api.post("works.list", {"limit": 50, "sort_by": ["created_date:desc"], "cursor": cursor})
        seen += [work["id"] for work in answer["works"]]
    assert len(seen) == len(set(seen))
    assert set(seen) == before - {victim}


async def test_a_cursor_belongs_to_its_order(api: Api) -> None:
    cursor = (await api.post("works.list", {"limit": 1}))["next_cursor"]
    for sort_by in (["created_date:asc"], ["created_date:desc", "modified_date:desc"]):
        await api.refused(
            "works.list", {"cursor": cursor, "sort_by": sort_by}, type="value_not_permitted", field_name="cursor"
        )


async def test_works_of_one_instant_are_paged_too() -> None:
    works = [{"created_date": "2024-05-05T05:05:05Z", "title": str(n)} for n in range(25)]
    async with Sandbox(works=works) as sandbox, Api.over(sandbox) as api:
        for direction in ("asc", "desc"):
            found = await pages(api, {"limit": 10, "sort_by": [f"created_date:{direction}"]})
            assert [len(page) for page in found] == [10, 10, 5]
            assert len({ref for page in found for ref in page}) == 25


def _comparable(value: str) -> str:
    # Go drops trailing zeros, which spoils the order of the strings.
    seconds, _, fraction = value.removesuffix("Z").partition(".")
    return f"{seconds}.{fraction:0<6}"
