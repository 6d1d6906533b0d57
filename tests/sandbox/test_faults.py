"""Faults that tests request, and the quota."""

import asyncio
from typing import Any

import aiohttp
import pytest

from devrev_async.sandbox import Sandbox
from devrev_async.sandbox.quota import Quota
from tests.sandbox.conftest import Api

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("status", "fields"),
    [
        (400, {"type": "bad_request"}),
        (401, {"type": "unauthenticated"}),
        (403, {"type": "forbidden"}),
        (404, {"type": "not_found"}),
        (413, {"type": "request_entity_too_large"}),
        (429, {"type": "too_many_requests", "retry_after": 2}),
        (500, {"type": "internal_error", "reference_id": "sandbox-reference"}),
        (503, {"type": "service_unavailable"}),
    ],
)
async def test_faults_have_the_documented_body(api: Api, status: int, fields: dict[str, Any]) -> None:
    api.sandbox.fail_next("works.get", status=status, retry_after=1.5)
    answer = await api.post("works.get", {"id": "ISS-1"}, status)
    assert answer.items() >= fields.items()
    await api.post("works.get", {"id": "ISS-1"})


async def test_faults_are_counted_and_ordered(api: Api) -> None:
    api.sandbox.fail_next("works.get", times=2)
    api.sandbox.fail_next("works.get", status=500)
    api.sandbox.fail_next(status=403)
    await api.post("works.count", {}, 403)  # the fault for any endpoint
    for status in (503, 503, 500, 200):
        await api.post("works.get", {"id": "ISS-1"}, status)


async def test_custom_headers_and_bodies(api: Api) -> None:
    api.sandbox.fail_next("works.get", status=502, body="<h1>", headers={"content-type": "text/html", "X-A": "b"})
    api.sandbox.fail_next("works.get", status=200, body=b"\xff")
    api.sandbox.fail_next("works.get", status=200, body={"work": None})
    api.sandbox.fail_next("works.get", status=429, retry_after=0.25)
    api.sandbox.fail_next("works.get", status=301, headers={"Location": "/works.get?id=ISS-2"})
    url = f"{api.sandbox.url}/works.get?id=ISS-1"
    async with api.session.get(url) as response:
        assert (response.status, response.content_type, response.headers["X-A"]) == (502, "text/html", "b")
        assert await response.read() == b"<h1>"
    async with api.session.get(url) as response:
        assert await response.read() == b"\xff"
    async with api.session.get(url) as response:
        assert await response.json() == {"work": None}
    async with api.session.get(url) as response:
        assert response.headers["Retry-After"] == "0.25"
        assert (await response.json())["retry_after"] == 1
    async with api.session.get(url) as response:
        assert (await response.json())["work"]["display_id"] == "ISS-2"


async def test_a_write_may_happen_though_its_answer_fails(api: Api) -> None:
    api.sandbox.fail_next("works.update", status=500, applied=True)
    await api.post("works.update", {"id": "ISS-1", "title": "applied"}, 500)
    assert api.sandbox.get("ISS-1")["title"] == "applied"
    api.sandbox.fail_next("works.update", drop=True, applied=True)
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await api.post("works.update", {"id": "ISS-1", "title": "applied, too"})
    assert api.sandbox.get("ISS-1")["title"] == "applied, too"
    api.sandbox.fail_next("works.update", drop=True)
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await api.post("works.update", {"id": "ISS-1", "title": "lost"})
    assert api.sandbox.get("ISS-1")["title"] == "applied, too"


async def test_an_applied_fault_does_not_hide_an_error(api: Api) -> None:
    api.sandbox.fail_next("works.update", status=503, applied=True)
    await api.post("works.update", {"id": "ISS-1", "priority": "p0"}, 400)
    await api.post("works.update", {"id": "ISS-1"})


async def test_a_delay_alone_lets_the_answer_through(api: Api) -> None:
    api.sandbox.fail_next("works.get", status=None, delay=30)
    slow = asyncio.create_task(api.post("works.get", {"id": "ISS-1"}))
    while not api.sandbox.requests:
        await asyncio.sleep(0.001)
    await api.post("works.get", {"id": "ISS-2"})  # others are not held up
    assert not slow.done()
    slow.cancel()
    api.sandbox.fail_next("works.get", status=None, delay=0.001)
    await api.post("works.get", {"id": "ISS-1"})


async def test_faults_of_routes_that_the_sandbox_lacks(api: Api) -> None:
    api.sandbox.fail_next("groups.list", status=200, body={"groups": []})
    async with api.session.post(f"{api.sandbox.url}/groups.list", json={}) as response:
        assert await response.json() == {"groups": []}


async def test_the_quota_is_reported_and_enforced() -> None:
    async with Sandbox(works=1, quota=3, window=1000) as sandbox, Api.over(sandbox) as api:
        url = f"{sandbox.url}/works.get?id=ISS-1"
        for left in (2, 1, 0):
            async with api.session.get(url) as response:
                assert response.headers["X-Ratelimit-Limit"] == "3"
                assert response.headers["X-Ratelimit-Remaining"] == str(left)
        async with api.session.get(url) as response:
            assert response.status == 429
            body = await response.json()
            assert body["type"] == "too_many_requests"
            assert 0 < body["retry_after"] == int(response.headers["Retry-After"]) <= 1001
            assert response.headers["X-Ratelimit-Remaining"] == "0"


def test_windows_follow_one_another() -> None:
    now = 1000.75
    quota = Quota(2, 10, clock=lambda: now)
    assert [quota.spend(), quota.spend()] == [None, None]
    assert quota.spend() == 9.25
    assert quota.headers() == {
        "X-Ratelimit-Limit": "2",
        "X-Ratelimit-Remaining": "0",
        "X-Ratelimit-Reset": "1010",
    }
    now = 1010.0
    assert quota.headers()["X-Ratelimit-Remaining"] == "2"
    assert quota.spend() is None
    now = 1047.0
    assert quota.headers()["X-Ratelimit-Reset"] == "1050"
    assert quota.headers()["X-Ratelimit-Remaining"] == "2"
