"""The lists of what works refer to: their shape, their pages, their agreement with works."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from devrev_async.sandbox import Sandbox
from tests.sandbox.conftest import Api
from tests.spec import document, validate_request

pytestmark = pytest.mark.anyio

ITEMS = {
    "parts.list": "parts",
    "dev-users.list": "dev_users",
    "rev-users.list": "rev_users",
    "accounts.list": "accounts",
    "tags.list": "tags",
}
SIZES = {"parts.list": 24, "dev-users.list": 48, "rev-users.list": 24, "accounts.list": 12, "tags.list": 16}
every_list = pytest.mark.parametrize("endpoint", list(ITEMS))


async def items_of(api: Api, endpoint: str, **body: Any) -> list[list[dict[str, Any]]]:
    """The items of each page; every answer is checked against the strict schema."""
    pages: list[list[dict[str, Any]]] = []
    while True:
        answer = await api.post(endpoint, body)
        assert set(answer) <= {ITEMS[endpoint], "next_cursor", "prev_cursor"}
        pages.append(answer[ITEMS[endpoint]])
        cursor = answer.get("prev_cursor" if body.get("mode") == "before" else "next_cursor")
        if cursor is None:
            return pages
        body["cursor"] = cursor


def flat(pages: list[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    return [item for page in pages for item in page]


@every_list
async def test_answers_fit_the_official_schema(shared_api: Api, endpoint: str) -> None:
    (page,) = await items_of(shared_api, endpoint, limit=100)
    assert len(page) == SIZES[endpoint]
    assert len({item["id"] for item in page}) == len(page)
    dates = [item["created_date"] for item in page]
    assert dates == sorted(dates, reverse=True)  # newest first


@every_list
async def test_pages_in_both_directions(shared_api: Api, endpoint: str) -> None:
    whole = flat(await items_of(shared_api, endpoint, limit=100))
    forward = await items_of(shared_api, endpoint, limit=5)
    assert {len(page) for page in forward[:-1]} == {5}
    assert flat(forward) == whole
    backward = await items_of(shared_api, endpoint, limit=5, mode="before")
    assert flat(backward[::-1]) == whole
    sort_by = ["modified_date:asc"]
    ascending = flat(await items_of(shared_api, endpoint, limit=7, sort_by=sort_by))
    moments = [item["modified_date"] for item in ascending]
    assert moments == sorted(moments)
    assert len(ascending) == len(whole)


@every_list
async def test_by_get(shared_api: Api, endpoint: str) -> None:
    answer = await shared_api.query(endpoint, "?limit=3")
    assert len(answer[ITEMS[endpoint]]) == 3
    following = await shared_api.query(endpoint, f"?limit=3&cursor={answer['next_cursor']}&mode=after")
    assert following[ITEMS[endpoint]][0] not in answer[ITEMS[endpoint]]


@every_list
@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({"limit": 0}, {"type": "value_not_permitted", "field_name": "limit"}),
        ({"limit": "5"}, {"type": "unexpected_json_type", "field_name": "limit"}),
        ({"mode": "sideways"}, {"type": "invalid_enum_value", "field_name": "mode"}),
        ({"cursor": "nonsense"}, {"type": "value_not_permitted", "field_name": "cursor"}),
        ({"sort_by": ["title:asc"]}, {"type": "value_not_permitted", "field_name": "sort_by"}),
        ({"surprise": 1}, {"type": "invalid_field", "field_name": "surprise"}),
    ],
)
async def test_mistakes(shared_api: Api, endpoint: str, body: dict[str, Any], fields: dict[str, Any]) -> None:
    await shared_api.refused(endpoint, body, **fields)


@every_list
async def test_limits_default_to_50_and_are_clamped_at_100(endpoint: str) -> None:
    users = [{"type": kind, "id": f"don:identity:dvrv-us-1:devo/0:{kind}/{n}", "display_name": f"u{n}"}
             for n in range(120) for kind in ("dev_user", "rev_user")]  # fmt: skip
    part: dict[str, Any] = {"owned_by": [], "name": "p", "type": "feature"}
    works: list[dict[str, Any]] = [
        {"owned_by": users},
        {"developed_with": [{**part, "id": f"don:core:x:feature/{n}"} for n in range(120)]},
        {"tags": [{"tag": {"id": f"don:core:x:tag/{n}", "name": "t"}} for n in range(120)]},
        *({"account": {"id": f"don:identity:x:account/{n}", "display_name": "a"}} for n in range(120)),
    ]
    async with Sandbox(works=works) as sandbox, Api.over(sandbox) as api:
        assert len((await api.post(endpoint, {}))[ITEMS[endpoint]]) == 50
        assert len((await api.post(endpoint, {"limit": 5000}))[ITEMS[endpoint]]) == 100
        assert len(flat(await items_of(api, endpoint, limit=100))) == SIZES[endpoint] + 120


def test_every_filter_of_the_official_requests_is_known() -> None:
    sandbox = Sandbox(works=0)
    for endpoint in ITEMS:
        properties = document("lists")["components"]["schemas"][f"{endpoint.replace('.', '-')}-request"]["properties"]
        shape = sandbox._endpoints[endpoint].shape
        assert shape is not None
        assert set(shape.fields) == set(properties), endpoint


Item = dict[str, Any]
FILTERS: list[tuple[str, dict[str, Any], Callable[[Item], bool]]] = [
    ("parts.list", {"type": ["feature", "product"]}, lambda item: item["type"] in ("feature", "product")),
    ("parts.list", {"name": ["Billing"]}, lambda item: item["name"] == "Billing"),
    (
        "parts.list",
        {"owned_by": ["DEVU-3"]},
        lambda item: "DEVU-3" in [user["display_id"] for user in item["owned_by"]],
    ),
    ("parts.list", {"tags": ["TAG-1"]}, lambda _: False),
    ("parts.list", {"enhancement": {"tickets": ["TKT-1"]}, "parent_part": {"parts": ["PROD-1"]}}, lambda _: False),
    ("dev-users.list", {"state": ["deactivated"]}, lambda item: item["state"] == "deactivated"),
    ("dev-users.list", {"email": ["avery-1@example.com"]}, lambda item: item["email"] == "avery-1@example.com"),
    ("dev-users.list", {"external_identity": [{"id": "x"}]}, lambda _: False),
    (
        "dev-users.list",
        {"created_date": {"type": "range", "after": "2021-03-05T00:00:00Z"}},
        lambda item: item["created_date"] >= "2021-03-05",
    ),
    ("rev-users.list", {"rev_org": ["REV-2"]}, lambda item: item["rev_org"]["display_id"] == "REV-2"),
    ("rev-users.list", {"is_verified": True}, lambda _: False),
    (
        "rev-users.list",
        {"modified_date": {"before": "2021-06-01T00:00:00Z"}},
        lambda item: item["modified_date"] < "2021-06-01",
    ),
    ("accounts.list", {"tier": ["gold"]}, lambda item: item["tier"] == "gold"),
    ("accounts.list", {"display_name": ["Quarry & Sons"]}, lambda item: item["display_name"] == "Quarry & Sons"),
    ("tags.list", {"name": ["vip", "docs"]}, lambda item: item["name"] in ("vip", "docs")),
]


@pytest.mark.parametrize(("endpoint", "body", "fits"), FILTERS)
async def test_each_filter_of_a_list_leaves_exactly_the_items_that_fit(
    shared_api: Api, endpoint: str, body: dict[str, Any], fits: Callable[[Item], bool]
) -> None:
    validate_request(endpoint, body)
    whole = flat(await items_of(shared_api, endpoint, limit=100))
    expected = [item for item in whole if fits(item)]
    assert len(expected) < len(whole)
    assert flat(await items_of(shared_api, endpoint, limit=100, **body)) == expected


async def test_nested_filters_by_get(shared_api: Api) -> None:
    assert await shared_api.query("dev-users.list", "?external_identity.id=x&external_identity.issuer=y") == {
        "dev_users": []
    }
    answer = await shared_api.query("accounts.list", "?created_date.after=2021-03-02T00:00:00Z&limit=100")
    assert 0 < len(answer["accounts"]) < SIZES["accounts.list"]
    wrong = await shared_api.query("dev-users.list", "?external_identity=x", 400)
    assert (wrong["type"], wrong["field_name"]) == ("invalid_field", "external_identity")


def references(work: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """The list in which each thing that a work refers to must stand, and its id."""
    for part in (work["applies_to_part"], *work.get("developed_with", ())):
        yield "parts.list", part["id"]
    if "account" in work:
        yield "accounts.list", work["account"]["id"]
    for tag in work.get("tags", ()):
        yield "tags.list", tag["tag"]["id"]
    people = [work["created_by"], work["modified_by"], *work["owned_by"]]
    for person in [*people, *work.get("reported_by", ()), *work.get("contacts", ())]:
        kinds = {"dev_user": "dev-users.list", "rev_user": "rev-users.list"}
        if person["type"] in kinds:
            yield kinds[person["type"]], person["id"]


async def test_all_that_works_refer_to_is_listed(api: Api) -> None:
    await api.post(
        "works.update",
        {"id": "ISS-1", "type": "issue", "owned_by": {"set": ["DEVU-777"]}, "applies_to_part": "FEAT-888"},
    )
    own: dict[str, Any] = {
        "applies_to_part": {"id": "don:core:x:product/5", "type": "product", "name": "Own", "owned_by": []},
        "tags": [{"tag": {"id": "don:core:x:tag/5", "name": "own"}}, None],
        "created_by": {"type": "rev_user", "id": "don:identity:x:revu/5", "display_name": "own"},
        "account": {"id": 5},
    }
    odd = api.sandbox.add(own)
    listed = {
        endpoint: {item["id"]: item for item in flat(await items_of(api, endpoint, limit=100))} for endpoint in ITEMS
    }
    found = 0
    for ref in api.sandbox.ids():
        if ref != odd:
            for endpoint, id in references(api.sandbox.get(ref)):
                assert id in listed[endpoint]
                found += 1
    assert found > 1000
    assert listed["parts.list"]["don:core:x:product/5"]["name"] == "Own"
    assert listed["tags.list"]["don:core:x:tag/5"]["name"] == "own"
    assert listed["rev-users.list"]["don:identity:x:revu/5"]["display_name"] == "own"


async def test_what_is_listed_shows_what_works_show(api: Api) -> None:
    work = api.sandbox.get("TKT-1")
    (part,) = (item for item in flat(await items_of(api, "parts.list", limit=100)) if item["id"] == work["applies_to_part"]["id"])  # fmt: skip
    assert part.items() >= work["applies_to_part"].items()


async def test_they_are_read_only(api: Api) -> None:
    for name in ("parts.create", "tags.update", "accounts.delete", "dev-users.self"):
        async with api.session.post(f"{api.sandbox.url}/{name}", json={}) as response:
            assert response.status == 404
    async with api.session.delete(f"{api.sandbox.url}/tags.list") as response:
        assert response.status == 405


async def test_faults_and_the_quota_hold_here_too(api: Api) -> None:
    api.sandbox.fail_next("tags.list", status=503)
    await api.post("tags.list", {}, 503)
    async with api.session.post(f"{api.sandbox.url}/tags.list", json={}) as response:
        assert response.headers["X-Ratelimit-Remaining"] == "999998"  # the fault cost one
    async with api.session.post(f"{api.sandbox.url}/tags.list", json={}, headers={"Authorization": "x"}) as response:
        assert response.status == 401


async def test_another_organisation() -> None:
    async with Sandbox(works=60, organisation="0Other") as sandbox, Api.over(sandbox) as api:
        created = await api.post(
            "works.create", {"type": "task", "title": "x", "applies_to_part": "PROD-1", "owned_by": ["DEVU-2"]}, 201
        )
        assert created["work"]["id"].startswith("don:core:dvrv-us-1:devo/0Other:task/")
        works = (await api.post("works.export", {"first": 100}))["works"]
        texts = [json.dumps({**work, "body": ""}) for work in works]
        texts += [json.dumps(flat(await items_of(api, endpoint))) for endpoint in ITEMS]
        assert {name for text in texts for name in re.findall(r":devo/(\w+):", text)} == {"0Other"}
        owner = works[0]["owned_by"][0]
        for ref in (owner["id"], owner["display_id"]):
            assert works[0] in (await api.post("works.export", {"first": 100, "owned_by": [ref]}))["works"]
    with pytest.raises(ValueError, match="organisation"):
        Sandbox(works=0, organisation="a/b")
