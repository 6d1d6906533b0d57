"""What the client takes, refuses and shares; redirects; what goes over the wire."""

import asyncio
import json
import logging
import math
import ssl
import subprocess
import sys
import warnings
from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
from yarl import URL

import devrev_async
from devrev_async import DevRevClient, RateLimit, Timeout
from devrev_async.errors import APIConnectionError, APIError, ClientClosedError, ConfigurationError, ResponseDecodeError
from tests.transport.server import ONE, WORK, FaultServer, answer, refuse

pytestmark = pytest.mark.anyio

TOKEN = "test-token-0123456789"
VARIABLES = ("DEVREV_TOKEN", "DEVREV_API_TOKEN", "DEVREV_API_KEY", "DEVREV_BASE_URL")


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
async def server(anyio_backend: str) -> AsyncGenerator[FaultServer]:
    async with FaultServer() as one:
        yield one


# -- options -------------------------------------------------------------------------------------------------------


async def test_the_token_comes_from_the_environment_in_this_order(
    server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigurationError, match="DEVREV_TOKEN, DEVREV_API_TOKEN, DEVREV_API_KEY") as caught:
        DevRevClient()
    assert isinstance(caught.value, ValueError)
    monkeypatch.setenv("DEVREV_TOKEN", "")  # an empty one counts as not set
    for name in ("DEVREV_API_KEY", "DEVREV_API_TOKEN", "DEVREV_TOKEN"):
        monkeypatch.setenv(name, f"from-{name}")
        async with DevRevClient(base_url=server.url) as client:
            await client.works.get("ISS-1")
        assert server.requests[-1].headers["authorization"] == f"Bearer from-{name}"
    async with DevRevClient("given-token", base_url=server.url) as client:
        await client.works.get("ISS-1")
    assert server.requests[-1].headers["authorization"] == "Bearer given-token"


@pytest.mark.parametrize(
    "token",
    [
        "",
        " ",
        "a b",
        "a\tb",
        "a\r\nX: y",
        "a\nb",
        "a\x00b",
        "tökèn",
        "Bearer x",
        "bearer x",
        '"ab"',
        "'ab'",
        5,
        b"x",
        ["x"],
    ],
)
def test_what_is_no_token_is_refused(token: Any) -> None:
    with pytest.raises(ConfigurationError):
        DevRevClient(token)


def test_what_is_wrong_in_the_environment_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEVREV_API_TOKEN", '"a-token-in-quotes"')
    with pytest.raises(ConfigurationError, match=r"\$DEVREV_API_TOKEN: .*quotes") as caught:
        DevRevClient()
    assert "a-token" not in str(caught.value)
    for url, problem in {"api.devrev.ai": "not a valid URL, as in https://", "http://eu.example": "plain http"}.items():
        monkeypatch.setenv("DEVREV_BASE_URL", url)
        with pytest.raises(ConfigurationError, match=rf"\$DEVREV_BASE_URL.*{problem}"):
            DevRevClient(TOKEN)


@pytest.mark.parametrize(
    "name", ["Authorization", "HOST", "Connection", "Expect", "TE", "Upgrade", "Proxy-Authorization"]
)
def test_headers_of_the_connection_are_up_to_the_client(name: str) -> None:
    with pytest.raises(ConfigurationError, match=f"headers: {name} is up to the client"):
        DevRevClient(TOKEN, headers={name: "x"})
    with pytest.raises(ConfigurationError, match=name):
        DevRevClient(TOKEN).with_options(headers={name: "x"})


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        (None, "https://api.devrev.ai"),
        ("https://api.devrev.ai", "https://api.devrev.ai"),
        ("https://api.devrev.ai///", "https://api.devrev.ai"),
        ("https://proxy.example:8443/devrev/", "https://proxy.example:8443/devrev"),
        ("http://127.0.0.1:80/", "http://127.0.0.1:80"),
        ("http://127.8.9.1", "http://127.8.9.1"),
        ("http://localhost:8080", "http://localhost:8080"),
        ("http://[::1]:8080", "http://[::1]:8080"),
        ("HTTPS://API.DevRev.ai/Path", "https://api.devrev.ai/Path"),
        ("Http://LocalHost:80", "http://localhost:80"),
        ("https://bücher.example/ü/", "https://xn--bcher-kva.example/%C3%BC"),
        ("https://bücher.example:8443/a%20b", "https://xn--bcher-kva.example:8443/a%20b"),
        ("https://api.example/a%2fb", "https://api.example/a%2fb"),
    ],
)
def test_base_urls(url: str | None, kept: str) -> None:
    assert DevRevClient(TOKEN, base_url=url).base_url == kept


class Setting(str):
    """A str with another text, as a member of ``class Setting(str, Enum)`` is."""

    __slots__ = ()

    def __str__(self) -> str:
        return "Setting.NAME"

    def __format__(self, spec: str) -> str:
        return "Setting.NAME"


@pytest.mark.parametrize("provided", [False, True])
async def test_a_str_of_an_enum_is_its_value(server: FaultServer, provided: bool) -> None:
    token = Setting("a-token-of-an-enum")
    given = (lambda: token) if provided else token
    headers: dict[str, str] = {Setting("X-Name"): Setting("value")}
    async with DevRevClient(given, base_url=Setting(server.url), headers=headers) as client:
        await client.works.get(Setting("ISS-1"))
        await client.works.get(Setting("don:core:x:devo/1:issue/1"))
        await client.request(Setting("accounts.create"))
        await client.works.update(Setting("ISS-1"), title=Setting("t"))
    targets = [request.target.partition("?")[::2] for request in server.requests]
    assert targets == [
        ("/works.get", "id=ISS-1"),
        ("/works.get", "id=don%3Acore%3Ax%3Adevo%2F1%3Aissue%2F1"),
        ("/accounts.create", ""),
        ("/works.update", ""),
    ]
    for request in server.requests:
        assert (request.headers["authorization"], request.headers["x-name"]) == ("Bearer a-token-of-an-enum", "value")
    proxied = DevRevClient(TOKEN, base_url=Setting("https://api.example"), proxy=Setting("http://127.0.0.1:9"))
    assert (proxied.base_url, proxied._transport.manager.proxy) == ("https://api.example", "127.0.0.1:9")


@pytest.mark.parametrize("given", [{"proxy": "http://127.0.0.1:9"}, {"trust_env": True}])
@pytest.mark.parametrize("scheme", ["http", "HTTP", "Http"])
def test_no_proxy_sees_the_token_of_plain_http(scheme: str, given: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="plain http"):
        DevRevClient(TOKEN, base_url=f"{scheme}://127.0.0.1:9", **given)


def test_the_base_url_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEVREV_BASE_URL", "https://eu.example/")
    assert DevRevClient(TOKEN).base_url == "https://eu.example"
    assert DevRevClient(TOKEN, base_url="https://us.example").base_url == "https://us.example"
    monkeypatch.setenv("DEVREV_BASE_URL", "http://eu.example/")
    with pytest.raises(ConfigurationError):
        DevRevClient(TOKEN)


@pytest.mark.parametrize(
    "url",
    [
        "", " ", "api.devrev.ai", "ftp://api.devrev.ai", "https://", "https:///x", "http://api.devrev.ai",
        "http://10.0.0.1", "http://0.0.0.0", "http://127.0.0.1.evil.example", "http://localhost.evil.example",
        "http://127.0.0.1@evil.example", "http://127.0.0.1\\@evil.example", "https://user:secret@api.devrev.ai",
        "https://api.devrev.ai?", "https://api.devrev.ai/#", "https://api.devrev.ai?x=y", "https://api.devrev.ai#x", "https://api.devrev.ai\r\nX: y", "https://a b",
        "https://api.devrev.ai:99999", "https://api.devrev.ai:x", "http://[::1", "https://api\\devrev.ai",
    ],
)  # fmt: skip
def test_other_base_urls_are_refused(url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        DevRevClient(TOKEN, base_url=url)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "options",
    [
        {"max_retries": -1}, {"max_retries": True}, {"max_retries": 1.5}, {"max_concurrency": 0}, {"max_connections": 0},
        {"max_rate_limit_wait": -1}, {"max_rate_limit_wait": float("nan")}, {"quota_reserve": -0.1},
        {"quota_reserve": 1.1}, {"max_response_bytes": 0}, {"max_response_bytes": True}, {"ssl": False}, {"ssl": True},
        {"headers": {"Authorization": "x"}}, {"headers": {"authorization": "x"}}, {"headers": {"Host": "x"}},
        {"headers": {"X": "a\r\nb"}}, {"headers": {"X\r\n": "a"}}, {"headers": {"": "a"}}, {"headers": {"X: Y": "a"}},
        {"headers": {"X Y": "a"}}, {"headers": {"X": "a\x00"}}, {"headers": {"Content-Length": "5"}},
        {"retry_wait": (-1, 5)}, {"retry_wait": (5, 1)}, {"retry_wait": (0.5, float("inf"))},
        {"retry_wait": (float("nan"), 1)}, {"timeout": 0}, {"timeout": -1}, {"timeout": float("nan")},
        {"base_url": "https://a..b.example"}, {"base_url": "https://" + "x" * 64 + ".example"},
        {"proxy": "127.0.0.1:8080"}, {"proxy": "http://a..b:80"}, {"proxy": "http://a.example:0"},
        {"headers": {"X": "\ud800"}}, {"base_url": "https://a.example/\ud800"}, {"base_url": "https://a.example:0"},
        {"base_url": "https://1.2.3.256"}, {"base_url": "https://1.2.3"}, {"base_url": "https://a,b.example"},
        {"base_url": "https://" + "a." * 200 + "example"}, {"base_url": "https://-a.example"},
        {"base_url": "https://%41.example"},
    ],
)  # fmt: skip
def test_other_options_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        DevRevClient(TOKEN, **options)


@pytest.mark.parametrize(
    "options",
    [
        {"headers": {5: "a"}}, {"headers": {"X": 5}}, {"headers": 5}, {"headers": ["ab"]}, {"headers": "ab"},
        {"trace_configs": 5}, {"trace_configs": [5]}, {"session": "x"}, {"base_url": 5}, {"base_url": b"https://x.example"},
        {"retry_wait": 5}, {"retry_wait": (1, 2, 3)}, {"retry_wait": ("1", "2")}, {"max_rate_limit_wait": "5"},
        {"quota_reserve": "x"}, {"on_event": 5}, {"proxy": 5}, {"timeout": "5"}, {"timeout": True},
        {"beta": "false"}, {"beta": None}, {"trust_env": 1},
    ],
)  # fmt: skip
def test_options_of_a_wrong_type_are_refused_where_the_client_is_built(options: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match=next(iter(options)) if "timeout" not in options else "Timeout"):
        DevRevClient(TOKEN, **options)


def test_the_options_of_a_copy_are_checked_likewise() -> None:
    client: Any = DevRevClient(TOKEN)
    for wrong in ({"timeout": -1}, {"retry_wait": (2, 1)}, {"max_rate_limit_wait": -1}, {"max_response_bytes": 0}):
        with pytest.raises(ConfigurationError):
            client.with_options(**wrong)
    with pytest.raises(TypeError, match="beta takes a bool"):
        client.with_options(beta="false")
    copy = client.with_options(retry_wait=(0, 0))
    assert copy._transport.settings.retries.retry_wait == (0, 0)
    assert copy.with_options(max_retries=1)._transport.settings.retries.retry_wait == (0, 0)
    assert client._transport.settings.retries.retry_wait == (0.5, 30)


def test_a_yarl_url_is_a_base_url() -> None:
    assert DevRevClient(TOKEN, base_url=URL("https://api.example/devrev/")).base_url == "https://api.example/devrev"


def test_infinity_is_no_bound() -> None:
    assert Timeout(total=math.inf, connect=math.inf, read=math.inf) == Timeout(total=None, connect=None, read=None)
    DevRevClient(TOKEN, timeout=math.inf, max_rate_limit_wait=math.inf)
    with pytest.raises(TypeError, match=r"Timeout\.total takes a number that a float can hold"):
        Timeout(total=10**400)
    with pytest.raises(devrev_async.InvalidArgumentError, match=r"Timeout\.read must be above 0"):
        Timeout(read=0)


@pytest.mark.parametrize("where", ["environment", "session"])
async def test_a_session_with_a_proxy_shows_it_no_token(
    server: FaultServer, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """aiohttp gives a proxy the whole request where it is plain http."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    inside: Any = {"trust_env": True} if where == "environment" else {"proxy": "http://127.0.0.1:9"}
    async with aiohttp.ClientSession(**inside) as session:
        with pytest.raises(ConfigurationError, match="session= has a proxy"):
            DevRevClient(TOKEN, base_url=server.url, session=session)
        DevRevClient(TOKEN, session=session)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        if where == "environment":
            async with DevRevClient(TOKEN, base_url=server.url, session=session) as client:
                await client.works.get("ISS-1")


async def test_a_session_that_adds_its_own_authorisation_is_told_what_is_wrong(
    server: FaultServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    async with (
        aiohttp.ClientSession(trust_env=True) as session,
        DevRevClient(TOKEN, base_url=server.url, session=session) as client,
    ):
        with pytest.raises(APIConnectionError, match=r"session= cannot send the request: .*AUTH") as caught:
            await client.works.get("ISS-1")
    assert caught.value.attempts == 1
    assert "secret" not in str(caught.value)


async def test_a_session_that_cannot_serve_is_refused_with_a_reason(server: FaultServer) -> None:
    with warnings.catch_warnings(action="ignore"):  # aiohttp has deprecated what users still have
        auth = aiohttp.BasicAuth("user", "secret")
        session = aiohttp.ClientSession(auth=auth)
    async with session:
        with pytest.raises(ConfigurationError, match="session= has auth=") as caught:
            DevRevClient(TOKEN, session=session)
        assert "secret" not in str(caught.value)
    opened: list[aiohttp.ClientSession] = []

    async def open_elsewhere() -> None:
        opened.append(aiohttp.ClientSession())

    loop = asyncio.new_event_loop()
    try:
        await asyncio.to_thread(loop.run_until_complete, open_elsewhere())
        with pytest.raises(ConfigurationError, match="session= belongs to another event loop"):
            await DevRevClient(TOKEN, base_url=server.url, session=opened[0]).works.get("ISS-1")
        await asyncio.to_thread(loop.run_until_complete, opened[0].close())
    finally:
        loop.close()
    with pytest.raises(ConfigurationError, match="trust_env cannot be combined with session="):
        DevRevClient(TOKEN, session=opened[0], trust_env=True)


@pytest.mark.parametrize("timeout", [0, -1, float("nan"), True, "5"])
def test_times_that_are_none_are_refused(timeout: Any) -> None:
    with pytest.raises((ValueError, TypeError)):
        DevRevClient(TOKEN, timeout=timeout)


async def test_ids_and_endpoints_cannot_smuggle(server: FaultServer) -> None:
    async with DevRevClient(TOKEN, base_url=server.url) as client:
        for bad in ("", "ISS-1\r\nX: y", "ISS 1", "ISS-1\x00", "../works.delete", "ISS-1/.."):
            with pytest.raises(ValueError):
                await client.works.get(bad)
        for bad in ("", "works", "works.get?id=1", "../x.y", "works.get/x", "works.get\r\n", "https://evil.example"):
            with pytest.raises(ValueError):
                await client.request(bad)
    assert server.requests == []


# -- the wire ------------------------------------------------------------------------------------------------------


async def test_what_is_sent(server: FaultServer) -> None:
    async with DevRevClient(TOKEN, base_url=server.url, headers={"X-Mine": "ä", "User-Agent": "me/1"}) as client:
        await client.works.get("don:core:dvrv-us-1:devo/1:issue/1")
        await client.works.update("ISS-1", title="x")
    get, post = server.requests
    assert (get.method, get.body) == ("GET", b"")
    assert get.target == "/works.get?id=don%3Acore%3Advrv-us-1%3Adevo%2F1%3Aissue%2F1"
    assert "content-type" not in get.headers
    assert get.headers["x-devrev-scope"] == "beta"
    assert get.headers["accept-encoding"] == "gzip, deflate"
    assert get.headers["user-agent"] == "me/1"
    assert get.headers["x-mine"].encode("latin-1").decode() == "ä"
    assert (post.method, post.target, post.json) == ("POST", "/works.update", {"id": "ISS-1", "title": "x"})
    assert post.headers["content-type"] == "application/json"


async def test_without_beta_the_scope_is_not_sent(server: FaultServer) -> None:
    async with DevRevClient(TOKEN, base_url=server.url, beta=False) as client:
        await client.works.get("ISS-1")
        await client.with_options(beta=True).works.get("ISS-1")
    assert ["x-devrev-scope" in request.headers for request in server.requests] == [False, True]


class Account(msgspec.Struct):
    id: str


async def test_a_flag_of_a_call_is_a_bool(server: FaultServer) -> None:
    wrong: Any = "false"
    async with DevRevClient(TOKEN, base_url=server.url) as client:
        with pytest.raises(TypeError, match="idempotent takes a bool, not str"):
            await client.request("works.count", {}, idempotent=wrong)
        with pytest.raises(TypeError, match="dry_run takes a bool, not str"):
            client.works.update_many([], dry_run=wrong)
    assert server.requests == []


async def test_request_reaches_any_endpoint(server: FaultServer) -> None:
    server.play(
        answer('{"accounts": [1]}'),
        answer('{"id": "ACC-1"}'),
        answer('{"id": 5}'),
        answer(b""),
        refuse(500),
        answer("{}"),
    )
    async with DevRevClient(TOKEN, base_url=server.url) as client:
        assert await client.request("accounts.list", {"limit": 10}) == {"accounts": [1]}
        assert await client.request("accounts.get", Account("x"), response_type=Account) == Account("ACC-1")
        with pytest.raises(ResponseDecodeError) as caught:
            await client.request("accounts.get", response_type=Account)
        assert caught.value.outcome_unknown
        assert await client.request("accounts.delete") is None
        with pytest.raises(APIError) as refused:
            await client.request("accounts.create")
        assert refused.value.outcome_unknown
        assert await client.request("accounts.list", idempotent=True) == {}
    assert [request.json for request in server.requests[:3]] == [{"limit": 10}, {"id": "x"}, {}]


async def test_the_last_seen_quota(server: FaultServer) -> None:
    async with DevRevClient(TOKEN, base_url=server.url) as client:
        assert client.rate_limit is None
        await client.works.get("ISS-1")
        assert client.rate_limit is None
        reset = 4_000_000_000
        seen = {"X-Ratelimit-Limit": "8000", "X-Ratelimit-Remaining": "7999", "X-Ratelimit-Reset": str(reset)}
        server.play(answer(ONE, headers=seen))
        await client.works.get("ISS-1")
        assert client.rate_limit == RateLimit(8000, 7999, datetime.fromtimestamp(reset, UTC))
        assert client.with_options(timeout=1).rate_limit is client.rate_limit
        for garbage in ("x", "1e400", "-5", "9" * 400, "1e300"):
            server.play(answer(ONE, headers={"X-Ratelimit-Remaining": "5", "X-Ratelimit-Reset": garbage}))
            await client.works.get("ISS-1")
            assert client.rate_limit is not None
            assert client.rate_limit.remaining == 5
        for remaining in ("x", "-1", "1.5", "9" * 400):
            server.play(answer(ONE, headers={"X-Ratelimit-Remaining": remaining, "X-Ratelimit-Reset": "0"}))
            await client.works.get("ISS-1")


# -- redirects -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("ISS-2", "/works.get?id=ISS-2"),
        ("don:core:x:devo/0:issue/2", "/works.get?id=don%3Acore%3Ax%3Adevo%2F0%3Aissue%2F2"),
        ("/works.get?id=ISS-2", "/works.get?id=ISS-2"),
        ("{url}/works.get?id=ISS-2", "/works.get?id=ISS-2"),
    ],
)
async def test_get_follows_a_301_once(server: FaultServer, location: str, target: str) -> None:
    location = location.replace("{url}", server.url)
    server.play(refuse(301, headers={"Location": location}), refuse(503), answer(ONE))
    async with DevRevClient(TOKEN, base_url=server.url) as client:
        assert (await client.works.get("ISS-1")).display_id == "ISS-1"
        assert [request.target for request in server.requests] == ["/works.get?id=ISS-1", target, target]
        server.usual = refuse(301, headers={"Location": "ISS-3"})
        with pytest.raises(APIError) as caught:
            await client.works.get("ISS-1")
    assert (caught.value.status, caught.value.location, caught.value.attempts) == (301, "ISS-3", 2)
    assert "ISS-3" in str(caught.value)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_nothing_else_is_followed(server: FaultServer, status: int) -> None:
    async with FaultServer() as elsewhere, DevRevClient(TOKEN, base_url=server.url) as client:
        other = f"{elsewhere.url}/works.get?id=ISS-2"
        server.usual = refuse(status, headers={"Location": other})
        for call in (
            client.works.get("ISS-1"),
            client.works.update("ISS-1", title="x"),
            client.works.export(),
            client.request("works.get", {"id": "ISS-1"}, idempotent=True),
        ):
            with pytest.raises(APIError) as caught:
                await call
            assert (caught.value.status, caught.value.location, caught.value.attempts) == (status, other, 1)
            assert other in str(caught.value)
            assert not caught.value.outcome_unknown
        server.usual = refuse(status, headers={"Location": "/works.get?id=ISS-2"})
        for call in (client.works.update("ISS-1", title="x"), client.works.export()):
            with pytest.raises(APIError):
                await call
        if status != 301:
            with pytest.raises(APIError):
                await client.works.get("ISS-1")
        assert elsewhere.accepted == 0
    assert [request.method for request in server.requests].count("GET") == (1 if status == 301 else 2)


# -- life ----------------------------------------------------------------------------------------------------------


async def test_close_is_final_and_idempotent(server: FaultServer) -> None:
    client = DevRevClient(TOKEN, base_url=server.url)
    copy = client.with_options(timeout=5)
    await client.works.get("ISS-1")
    await copy.close()
    await client.close()
    await server.all_gone()
    for call in (client.works.get("ISS-1"), copy.works.export(), client.request("works.count")):
        with pytest.raises(ClientClosedError):
            await call
    with pytest.raises(ClientClosedError):
        async for _ in client.works.export_stream():
            pass
    with pytest.raises(ClientClosedError):
        async with client:
            pass
    assert "closed" in repr(client)
    await DevRevClient(TOKEN).close()  # before it was ever used


async def test_copies_share_the_session_and_the_limiter(server: FaultServer) -> None:
    async with DevRevClient(TOKEN, base_url=server.url, headers={"X-A": "1"}, max_concurrency=1) as client:
        copy = client.with_options(timeout=Timeout(total=9), max_retries=0, headers={"X-B": "2"})
        await client.works.get("ISS-1")
        await copy.works.get("ISS-1")
        assert copy._transport.manager is client._transport.manager
        server.usual = refuse(500)
        with pytest.raises(APIError) as caught:
            await copy.works.get("ISS-1")
        assert caught.value.attempts == 1
    assert server.accepted == 1
    assert [("x-a" in request.headers, "x-b" in request.headers) for request in server.requests] == [
        (True, False), (True, True), (True, True),
    ]  # fmt: skip
    assert client._transport.settings.timeout == Timeout()
    with pytest.raises(ConfigurationError):
        client.with_options(max_retries=-1)


def test_a_copy_of_a_subclass_has_its_attributes() -> None:
    class Named(DevRevClient):
        def __init__(self, token: str, name: str) -> None:
            super().__init__(token)
            self.name = name

    client = Named(TOKEN, "staging")
    copy = client.with_options(max_retries=1)
    assert (type(copy), copy.name) == (Named, "staging")
    assert copy.works is not client.works
    assert (client._transport.settings.retries.max_retries, copy._transport.settings.retries.max_retries) == (4, 1)


@pytest.mark.parametrize("raising", [False, True])
async def test_a_users_own_session_is_used_and_never_closed(server: FaultServer, raising: bool) -> None:
    async with aiohttp.ClientSession(headers={"X-Own": "yes"}, raise_for_status=raising) as session:
        async with DevRevClient(TOKEN, base_url=server.url, session=session) as client:
            server.play(refuse(503), answer(ONE), refuse(404))
            assert (await client.works.get("ISS-1")).display_id == "ISS-1"
            with pytest.raises(APIError) as caught:
                await client.works.get("ISS-1")
            assert caught.value.status == 404
        assert not session.closed
        async with session.get(f"{server.url}/mine") as response:
            assert response.status == 200
        assert [request.headers.get("x-own") for request in server.requests] == ["yes"] * 4
    client = DevRevClient(TOKEN, base_url=server.url, session=session)
    with pytest.raises(ClientClosedError) as closed:
        await client.works.update("ISS-1", title="x")
    assert not closed.value.outcome_unknown
    with pytest.raises(ConfigurationError):
        DevRevClient(TOKEN, session=session, trace_configs=[aiohttp.TraceConfig()])


TWICE = """
import asyncio, json, sys
from yarl import URL
from devrev_async import DevRevClient
from tests.transport.server import FaultServer

client = None

async def main():
    global client
    async with FaultServer() as server:
        if client is None:
            client = DevRevClient("test-token-0123456789", base_url=server.url)
        else:
            client.works._get_url = URL(f"{server.url}/works.get")
        print((await client.works.get("ISS-1")).display_id)
        print((await client.works.get("ISS-1")).display_id)

asyncio.run(main())
asyncio.run(main())
asyncio.run(client.close())
"""


def test_one_client_in_two_runs_leaves_nothing_open() -> None:
    command = [sys.executable, "-X", "dev", "-W", "error::ResourceWarning", "-c", TWICE]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr == ""
    assert done.stdout.split() == ["ISS-1"] * 4


def test_one_client_serves_one_loop_at_a_time() -> None:
    client = DevRevClient(TOKEN)
    first, second = asyncio.new_event_loop(), asyncio.new_event_loop()

    async def enter() -> None:
        client._transport.manager.session()

    try:
        first.run_until_complete(enter())
        with pytest.raises(ConfigurationError, match="another event loop"):
            second.run_until_complete(enter())
        first.run_until_complete(client.close())
    finally:
        first.close()
        second.close()


# -- seeing in -----------------------------------------------------------------------------------------------------


async def test_trace_configs_reach_aiohttp(server: FaultServer) -> None:
    seen: list[str] = []
    trace = aiohttp.TraceConfig()

    async def note(*args: Any) -> None:
        seen.append(str(args[2].url))

    trace.on_request_start.append(note)
    trace.on_request_end.append(note)
    async with DevRevClient(TOKEN, base_url=server.url, trace_configs=[trace]) as client:
        await client.works.get("ISS-1")
    assert seen == [f"{server.url}/works.get?id=ISS-1"] * 2


async def test_one_debug_line_an_attempt(server: FaultServer, caplog: pytest.LogCaptureFixture) -> None:
    server.play(refuse(503, headers={"X-Request-Id": "r-7"}), answer(ONE))
    with caplog.at_level(logging.DEBUG, "devrev_async"):
        async with DevRevClient(TOKEN, base_url=server.url) as client:
            await client.works.get("ISS-1")
    lines = [record.getMessage() for record in caplog.records if record.name == "devrev_async.transport"]
    attempts = [line for line in lines if line.startswith("GET ")]
    assert len(attempts) == 2
    assert attempts[0].startswith("GET works.get: 503 in ")
    assert attempts[0].endswith("ms, attempt 1, request id r-7")
    assert attempts[1].startswith("GET works.get: 200 in ")
    assert attempts[1].endswith("ms, attempt 2, request id None")
    assert len([line for line in lines if ": retry of" in line]) == 1


def test_the_library_is_silent_by_itself() -> None:
    handlers = logging.getLogger("devrev_async").handlers
    assert any(isinstance(handler, logging.NullHandler) for handler in handlers)
    assert devrev_async.DevRevClient is DevRevClient
    assert json.loads(ONE)["work"] == WORK


def test_verification_is_on() -> None:
    context = ssl.create_default_context()
    assert DevRevClient(TOKEN, ssl=context)._transport.manager.request_options["ssl"] is context
    assert "ssl" not in DevRevClient(TOKEN)._transport.manager.request_options
