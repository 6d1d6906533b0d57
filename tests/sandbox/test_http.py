"""Routes, authorisation, bodies, headers."""

import asyncio
import gzip
import io

import aiohttp
import pytest

from devrev_async.sandbox import Sandbox
from tests.sandbox.conftest import Api

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    "headers", [{"Authorization": ""}, {"Authorization": "Bearer"}, {"Authorization": "Bearer wrong"}]
)
async def test_no_or_a_wrong_token(api: Api, headers: dict[str, str]) -> None:
    async with api.session.get(f"{api.sandbox.url}/works.get?id=ISS-1", headers=headers) as response:
        assert response.status == 401
        assert (await response.json())["type"] == "unauthenticated"


async def test_a_token_without_bearer_is_accepted(api: Api) -> None:
    headers = {"Authorization": api.sandbox.token}
    async with api.session.get(f"{api.sandbox.url}/works.get?id=ISS-1", headers=headers) as response:
        assert response.status == 200


@pytest.mark.parametrize("path", ["", "works.nothing", "works.get/", "internal/works.get", "accounts.create"])
async def test_a_path_that_is_no_endpoint_is_a_route_that_is_not_found(api: Api, path: str) -> None:
    async with api.session.post(f"{api.sandbox.url}/{path}", json={}) as response:
        assert response.status == 404
        assert await response.json() == {"message": "route not found"}


@pytest.mark.parametrize(
    ("method", "endpoint", "allow"),
    [("GET", "works.update", "POST"), ("GET", "works.delete", "POST"), ("DELETE", "works.get", "GET, POST")],
)
async def test_wrong_methods(api: Api, method: str, endpoint: str, allow: str) -> None:
    async with api.session.request(method, f"{api.sandbox.url}/{endpoint}") as response:
        assert response.status == 405
        assert response.headers["Allow"] == allow


@pytest.mark.parametrize(
    ("body", "content_type", "error"),
    [
        (b"", "application/json", "invalid_content_type"),
        (b"{}", "text/plain", "invalid_content_type"),
        (b"{", "application/json", "parse_error"),
        (b'{"first": NaN}', "application/json", "parse_error"),
        (b'{"first": 1} x', "application/json", "parse_error"),
        (b'{"vista": "\xff"}', "application/json", "parse_error"),
        (b"[" * 100_000, "application/json", "parse_error"),
        (b"[]", "application/json", "unexpected_json_type"),
        (b"null", "application/json", "unexpected_json_type"),
    ],
)
async def test_bodies_that_are_no_requests(api: Api, body: bytes, content_type: str, error: str) -> None:
    headers = {"Content-Type": content_type}
    async with api.session.post(f"{api.sandbox.url}/works.export", data=body, headers=headers) as response:
        assert response.status == 400
        assert (await response.json())["type"] == error


async def test_too_large_a_body(api: Api) -> None:
    body = io.BytesIO(b'{"id":"ISS-1","body":"' + b"x" * 2_000_000 + b'"}')
    async with api.session.post(f"{api.sandbox.url}/works.update", data=body) as response:
        assert response.status == 413
        assert (await response.json())["type"] == "request_entity_too_large"


async def test_every_answer_is_dated_and_numbered(api: Api) -> None:
    seen: set[str] = set()
    for path in ("works.get?id=ISS-1", "works.get?id=ISS-0", "nowhere", "works.export?first=300"):
        async with api.session.get(f"{api.sandbox.url}/{path}") as response:
            await response.read()
            assert "Date" in response.headers
            assert response.headers["X-Ratelimit-Limit"] == "1000000"
            seen.add(response.headers["X-Request-Id"])
    assert len(seen) == 4


@pytest.mark.parametrize(
    ("switch", "accept", "encoding"), [(True, "gzip", "gzip"), (True, "", None), (False, "gzip", None)]
)
@pytest.mark.parametrize("first", [1, 300])
async def test_gzip_where_both_sides_want_it(switch: bool, accept: str, encoding: str | None, first: int) -> None:
    async with Sandbox(works=300, gzip=switch) as sandbox, aiohttp.ClientSession(auto_decompress=False) as session:
        headers = {"Authorization": sandbox.token, "Accept-Encoding": accept}
        async with session.get(f"{sandbox.url}/works.export?first={first}", headers=headers) as response:
            body = await response.read()
        assert response.headers.get("Content-Encoding") == encoding
        plain = gzip.decompress(body) if encoding else body
        assert plain.count(b'"applies_to_part":') == first


async def test_what_arrived_is_kept(api: Api) -> None:
    await api.query("works.list", "?type=issue&type=task&limit=1")
    await api.post("works.get", {"id": "ISS-1"})
    listed, got = api.sandbox.requests
    assert (listed.method, listed.path, listed.endpoint, listed.body) == ("GET", "/works.list", "works.list", b"")
    assert listed.json is None
    assert listed.query["limit"] == "1"
    assert got.json == {"id": "ISS-1"}
    assert got.headers["content-type"] == "application/json"
    assert api.sandbox.token in got.headers["Authorization"]
    assert api.sandbox.request_count == 2


async def test_no_repr_shows_the_token(api: Api) -> None:
    await api.post("works.get", {"id": "ISS-1"})
    assert api.sandbox.token not in repr(api.sandbox) + repr(api.sandbox.requests)


async def test_life_of_a_sandbox() -> None:
    sandbox = Sandbox(works=1)
    with pytest.raises(RuntimeError, match="not running"):
        _ = sandbox.url
    await sandbox.start()
    with pytest.raises(RuntimeError, match="running already"):
        await sandbox.start()
    await sandbox.close()
    await sandbox.close()
    assert len(sandbox) == 1
    assert sandbox.open_connections == 0


async def test_serving_until_cancelled() -> None:
    sandbox = Sandbox(works=1)
    serving = asyncio.create_task(sandbox.serve_forever())
    while "not running" in repr(sandbox):
        await asyncio.sleep(0)
    url = sandbox.url
    async with Api.over(sandbox) as api:
        await api.query("works.count")
        serving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await serving
        with pytest.raises(aiohttp.ClientConnectionError):
            await api.session.get(f"{url}/works.count")


async def test_a_client_that_leaves_in_the_middle_of_an_answer(caplog: pytest.LogCaptureFixture) -> None:
    async with Sandbox(works=5000) as sandbox, Api.over(sandbox) as api:
        async with api.session.post(f"{sandbox.url}/works.export", json={"first": 5000}) as response:
            await response.content.readany()
        await api.query("works.get", "?id=ISS-1")
    assert not caplog.records


@pytest.mark.parametrize("first", [10, 300])
async def test_a_client_that_leaves_before_its_answer(api: Api, caplog: pytest.LogCaptureFixture, first: int) -> None:
    """As a command whose reader has closed its pipe: the answer, streamed or not, meets a closed connection."""
    sandbox = api.sandbox
    sandbox.fail_next("works.export", status=None, delay=0.05)
    leaving = asyncio.create_task(api.post("works.export", {"first": first}))
    async with asyncio.timeout(10):
        while not sandbox.requests_in_flight:
            await asyncio.sleep(0.001)
        leaving.cancel()
        while sandbox.open_connections:
            await asyncio.sleep(0.001)
    sandbox.fail_next("works.get", status=None, delay=0.1)  # longer than the other's, so that one is done with then
    await api.post("works.get", {"id": "ISS-1"})
    assert not caplog.records


async def test_a_client_that_leaves_in_the_middle_of_its_request(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    port = int(api.sandbox.url.rpartition(":")[2])
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"POST /works.get HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{")
    await writer.drain()
    async with asyncio.timeout(10):
        while not api.sandbox.requests_in_flight:
            await asyncio.sleep(0.001)
        writer.close()
        await writer.wait_closed()
        while api.sandbox.open_connections:
            await asyncio.sleep(0.001)
    await api.post("works.get", {"id": "ISS-1"})
    assert not caplog.records


async def test_tokens_differ_unless_given() -> None:
    assert Sandbox(works=0).token != Sandbox(works=0).token
    assert Sandbox(works=0, token="mine").token == "mine"
