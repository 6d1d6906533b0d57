"""client.paginate: the items of any *.list endpoint, page by page, typed, plain, or as their bytes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from aiohttp import web

from devrev_async import (
    APITimeoutError,
    ClientClosedError,
    DevRevClient,
    InvalidArgumentError,
    ItemPager,
    NotFoundError,
    ResponseDecodeError,
    Timeout,
)
from devrev_async.resources.lists import shape_of
from devrev_async.sandbox import Sandbox
from tests.servers import serving

pytestmark = pytest.mark.anyio

Body = dict[str, Any]


class Account(msgspec.Struct):
    id: str
    display_name: str | None = None


@asynccontextmanager
async def answering(
    answer: Callable[[Body], Any], **options: Any
) -> AsyncGenerator[tuple[DevRevClient, list[tuple[str, Body]]]]:
    """A client of a server that answers each body with JSON, or bytes as they are; and what it was asked."""
    asked: list[tuple[str, Body]] = []

    async def handler(request: web.Request) -> web.Response:
        body = await request.json()
        asked.append((request.path, body))
        found = answer(body)
        data = found if isinstance(found, bytes) else json.dumps(found).encode()
        return web.Response(body=data, content_type="application/json")

    async with serving(handler) as url, DevRevClient("t", base_url=url, **options) as devrev:
        yield devrev, asked


def pages_of(key: str, count: int, size: int, next_key: str = "next_cursor") -> Callable[[Body], Body]:
    def answer(body: Body) -> Body:
        start = int(body.get("cursor", "0"))
        page: Body = {key: [{"id": f"ID-{n}", "n": n} for n in range(start, min(start + size, count))]}
        if start + size < count:
            page[next_key] = str(start + size)
        return page

    return answer


@pytest.mark.parametrize("endpoint", ["parts.list", "dev-users.list", "rev-users.list", "accounts.list", "tags.list"])
async def test_the_lists_of_the_sandbox_are_paged_to_their_end(endpoint: str) -> None:
    async with Sandbox(works=300) as sandbox, DevRevClient(sandbox.token, base_url=sandbox.url) as devrev:
        whole = await devrev.request(endpoint, {"limit": 1000}, idempotent=True)
        key = endpoint.removesuffix(".list").replace("-", "_")
        before = len(sandbox.requests)
        found = [item async for item in devrev.paginate(endpoint, {"limit": 7})]
        assert found == whole[key]
        assert len(sandbox.requests) - before == max(1, -(-len(found) // 7))
        pages = [page async for page in devrev.paginate(endpoint, {"limit": 7}).pages()]
        assert [len(page) for page in pages[:-1]] == [7] * (len(pages) - 1)
        raw = [item async for batch in devrev.paginate(endpoint, {"limit": 7}).raw_batches() for item in batch]
        assert [json.loads(item) for item in raw] == found


async def test_items_have_the_type_that_is_asked_for() -> None:
    async with answering(pages_of("accounts", 5, 2)) as (devrev, asked):
        pager = devrev.paginate("accounts.list", {"limit": 2, "name": ["x"]}, item_type=Account)
        assert isinstance(pager, ItemPager)
        assert [item async for item in pager] == [Account(f"ID-{n}") for n in range(5)]
        assert asked == [
            ("/accounts.list", {"limit": 2, "name": ["x"]}),
            ("/accounts.list", {"limit": 2, "name": ["x"], "cursor": "2"}),
            ("/accounts.list", {"limit": 2, "name": ["x"], "cursor": "4"}),
        ]
        assert [item["n"] async for item in pager_of_dicts(devrev)] == list(range(5))


def pager_of_dicts(devrev: DevRevClient) -> ItemPager:
    return devrev.paginate("accounts.list")


async def test_an_item_that_does_not_fit_its_type_is_an_error_of_ours() -> None:
    async with answering(lambda _: {"accounts": [{"id": "1"}, {"id": 5}]}) as (devrev, _):
        with pytest.raises(ResponseDecodeError) as caught:
            [item async for item in devrev.paginate("accounts.list", item_type=Account)]
        assert caught.value.endpoint == "accounts.list"


async def test_the_bytes_of_items_are_those_of_the_server() -> None:
    odd = b'{"id" : 1.50, "x":[ 1e2,"\\u00e4" ], "big": 123456789012345678901234567890}'

    def answer(body: Body) -> bytes:
        more = b"" if "cursor" in body else b', "next_cursor": "c"'
        return b'{"tags": [' + b", ".join([odd] * 300) + b"]" + more + b"}"

    async with answering(answer) as (devrev, _):
        batches = [batch async for batch in devrev.paginate("tags.list").raw_batches()]
    assert batches == [[odd] * 300] * 2


@pytest.mark.parametrize("way", ["items", "pages", "raw_batches"])
async def test_lists_that_never_end_are_errors(way: str) -> None:
    def walk(pager: ItemPager) -> Any:
        return pager if way == "items" else getattr(pager, way)()

    def same(_: Body) -> Body:
        return {"parts": [{}], "next_cursor": "again"}

    async with answering(same) as (devrev, asked):
        with pytest.raises(ResponseDecodeError, match=r"parts\.list: .*cursor that it gave before") as caught:
            [each async for each in walk(devrev.paginate("parts.list"))]
        assert (caught.value.endpoint, caught.value.attempts, caught.value.status) == ("parts.list", 1, 200)
        assert len(asked) == 2
        asked.clear()
        assert len([each async for each in walk(devrev.paginate("parts.list", max_items=2))]) == 2
        assert len(asked) == 2
        asked.clear()
        with pytest.raises(ResponseDecodeError, match="cursor that it gave before"):
            [each async for each in walk(devrev.paginate("parts.list", {"cursor": "again"}))]
        assert len(asked) == 1

    def empty(body: Body) -> Body:
        return {"parts": [], "next_cursor": body.get("cursor", "") + "x"}

    async with answering(empty) as (devrev, asked):
        with pytest.raises(ResponseDecodeError, match="100 empty pages"):
            [each async for each in walk(devrev.paginate("parts.list"))]
        assert len(asked) == 100


async def test_backwards() -> None:
    def answer(body: Body) -> Body:
        at = int(body.get("cursor", "3"))
        return {"parts": [at], "next_cursor": str(at + 1), **({"prev_cursor": str(at - 1)} if at else {})}

    async with answering(answer) as (devrev, _):
        assert [each async for each in devrev.paginate("parts.list", {"mode": "before"}, item_type=int)] == [3, 2, 1, 0]


@pytest.mark.parametrize(
    ("endpoint", "key", "next_key"),
    [
        ("dev-users.list", "dev_users", "next_cursor"),
        ("groups.members.list", "members", "next_cursor"),
        ("stage-diagrams.list", "result", "cursor"),
        ("reactions.list", "reactors", "next_cursor"),
    ],
)
async def test_items_and_cursors_stand_where_the_endpoint_has_them(endpoint: str, key: str, next_key: str) -> None:
    async with answering(pages_of(key, 5, 2, next_key)) as (devrev, _):
        assert len([each async for each in devrev.paginate(endpoint)]) == 5


SPEC = """
accounts.list accounts next_cursor
articles.list articles next_cursor
artifacts.list artifacts -
auth-tokens.list tokens -
brands.list brands next_cursor
code-changes.list code_changes next_cursor
commands.list commands next_cursor
content-template.list content_template next_cursor
conversations.list conversations next_cursor
custom-objects.list result next_cursor
dev-orgs.auth-connections.list auth_connections -
dev-users.list dev_users next_cursor
directories.list directories next_cursor
engagements.list engagements next_cursor
groups.list groups next_cursor
groups.members.list members next_cursor
incidents.list incidents next_cursor
link-types.custom.list result next_cursor
links.list links next_cursor
meetings.list meetings next_cursor
metric-definitions.list metric_definitions next_cursor
org-schedules.list org_schedules next_cursor
parts.list parts next_cursor
question-answers.list question_answers next_cursor
reactions.list reactors next_cursor
rev-orgs.list rev_orgs next_cursor
rev-users.associations.list associations next_cursor
rev-users.list rev_users next_cursor
schemas.custom.list result next_cursor
schemas.stock.list result next_cursor
schemas.subtypes.list subtypes -
sla-trackers.list sla_trackers next_cursor
slas.list slas next_cursor
stage-diagrams.list result cursor
stages.custom.list result cursor
states.custom.list result cursor
subscribers.list users next_cursor
surveys.list surveys next_cursor
surveys.responses.list survey_responses next_cursor
sys-users.list sys_users next_cursor
tags.list tags next_cursor
timeline-entries.list timeline_entries next_cursor
uoms.list uoms next_cursor
vistas.groups.list vista_group next_cursor
vistas.list vistas next_cursor
web-crawler-jobs.list web_crawler_jobs next_cursor
webhooks.list webhooks -
works.list works next_cursor
"""
"""Each list endpoint of the beta spec of 2025-10: the array of its answer, and the cursor of the next page."""


@pytest.mark.parametrize("line", SPEC.split("\n")[1:-1])
def test_the_shapes_of_all_lists_are_those_of_the_spec(line: str) -> None:
    endpoint, items, cursor = line.split()
    shape = shape_of(endpoint, None)
    assert shape.items == items
    assert cursor in (shape.next_cursor, "-")


async def test_items_under_another_key() -> None:
    async with answering(pages_of("things", 5, 2)) as (devrev, _):
        assert len([each async for each in devrev.paginate("things.search", items="things")]) == 5
        with pytest.raises(ResponseDecodeError, match='no array "odd_things"'):
            [each async for each in devrev.paginate("odd-things.list")]
        with pytest.raises(InvalidArgumentError, match="items="):
            devrev.paginate("things.search")
        with pytest.raises(InvalidArgumentError, match="items takes"):
            devrev.paginate("things.list", items="")


@pytest.mark.parametrize(
    ("max_items", "limit", "items", "limits"),
    [(0, None, 0, []), (0, 5, 0, []), (3, 10, 3, [3]), (10, 4, 10, [4, 4, 4]), (4, None, 4, [None, None])],
)
async def test_max_items(max_items: int, limit: int | None, items: int, limits: list[int | None]) -> None:
    def answer(body: Body) -> Body:
        return pages_of("tags", 100, body.get("limit", 3))(body)

    async with answering(answer) as (devrev, asked):
        body = {} if limit is None else {"limit": limit}
        found = [each["n"] async for each in devrev.paginate("tags.list", body, max_items=max_items)]
        assert found == list(range(items))
        assert [each.get("limit") for _, each in asked] == limits


async def test_arguments_are_refused_before_anything_is_sent() -> None:
    client: Any = DevRevClient("t", base_url="http://127.0.0.1:9")
    calls: list[Callable[[], object]] = [
        lambda: client.paginate("../x"),
        lambda: client.paginate("tags.list", max_items=-1),
        lambda: client.paginate("tags.list", max_retries=-1),
        lambda: client.paginate("tags.list", timeout=0),
        lambda: client.paginate("tags.list", [1]),
        lambda: client.paginate("tags.list", {"x": object()}),
    ]
    for call in calls:
        with pytest.raises((ValueError, TypeError)):
            call()


async def test_errors_and_bounds_are_those_of_every_call() -> None:
    async with Sandbox(works=50) as sandbox, DevRevClient(sandbox.token, base_url=sandbox.url) as devrev:
        with pytest.raises(NotFoundError):
            [each async for each in devrev.paginate("nothing-such.list")]
        sandbox.fail_next("tags.list", status=503, retry_after=0)
        assert [each async for each in devrev.paginate("tags.list")]
        sandbox.fail_next("tags.list", status=None, delay=5)
        with pytest.raises(APITimeoutError):
            [each async for each in devrev.paginate("tags.list", timeout=Timeout(total=0.2))]
        sandbox.fail_next("tags.list", status=None, delay=5)
        pager = devrev.paginate("tags.list")

        async def consume() -> None:
            async for _ in pager:
                pass

        before = len(sandbox.requests)
        consumer = asyncio.create_task(consume())
        while len(sandbox.requests) == before:
            await asyncio.sleep(0.001)
        await pager.aclose()
        with pytest.raises(ClientClosedError, match=r"tags\.list"):
            await consumer
