"""Requests through an HTTP proxy: one that tunnels, wants authorisation, refuses, or says nothing."""

import asyncio
import ssl
import traceback
from base64 import b64encode
from collections.abc import AsyncGenerator, Callable
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest
import trustme

from devrev_async import DevRevClient, Timeout
from devrev_async.errors import APIConnectionError, APITimeoutError, ConfigurationError
from tests.transport.conftest import TOKEN, Clients
from tests.transport.proxy import Proxy
from tests.transport.server import FaultServer

pytestmark = pytest.mark.anyio
Through = Callable[[str], DevRevClient]
SILENCE: list[bytes] = [b"", b"HTTP/1.1 2", b"HTTP/1.1 200 OK\r\nX: y\r\n"]


@pytest.fixture(scope="module")
def contexts() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """The server's, and one that trusts it."""
    authority = trustme.CA()
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("127.0.0.1").configure_cert(server)  # pyright: ignore[reportUnknownMemberType]
    authority.configure_trust(client)  # pyright: ignore[reportUnknownMemberType] - untyped for want of pyOpenSSL
    return server, client


@pytest.fixture
async def secure(anyio_backend: str, contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> AsyncGenerator[FaultServer]:
    async with FaultServer(context=contexts[0]) as one:
        yield one


async def test_requests_are_tunnelled_and_the_proxy_sees_no_token(
    secure: FaultServer, contexts: tuple[ssl.SSLContext, ssl.SSLContext]
) -> None:
    async with Proxy() as proxy:
        url = proxy.url.replace("127.0.0.1", "user:secret@127.0.0.1")
        async with DevRevClient(TOKEN, base_url=secure.url, proxy=url, ssl=contexts[1]) as client:
            for _ in range(2):
                assert (await client.works.get("ISS-1")).display_id == "ISS-1"
        (head,) = proxy.heads
        assert head.startswith(f"CONNECT 127.0.0.1:{secure.port} HTTP/1.1")
        assert "Proxy-Authorization: Basic dXNlcjpzZWNyZXQ=" in head
        assert TOKEN not in head
        assert len(secure.requests) == 2


PASSWORD = "pass:w/rd%"
GIVEN = "proxy", "environment", "session"


@pytest.fixture(params=GIVEN)
async def through(
    request: pytest.FixtureRequest,
    anyio_backend: str,
    secure: FaultServer,
    contexts: tuple[ssl.SSLContext, ssl.SSLContext],
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncGenerator[Through]:
    """Makes clients of the TLS server behind a proxy, whose URL is given in one of three ways."""
    opened: list[DevRevClient | aiohttp.ClientSession] = []

    def client(url: str) -> DevRevClient:
        options: dict[str, Any] = {"proxy": url}
        if request.param != "proxy":
            monkeypatch.setenv("HTTPS_PROXY", url)
            options = {"trust_env": True}
        if request.param == "session":
            options = {"session": aiohttp.ClientSession(**options)}
            opened.append(options["session"])
        made = DevRevClient(TOKEN, base_url=secure.url, ssl=contexts[1], **options)
        opened.append(made)
        return made

    yield client
    for one in reversed(opened):
        await one.close()


async def test_a_proxy_that_wants_authorisation_has_it_from_its_url(
    secure: FaultServer, through: Through, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    async with Proxy(credentials=f"user:{PASSWORD}") as proxy:
        client = through(proxy.url.replace("127.0.0.1", f"user:{quote(PASSWORD, safe='')}@127.0.0.1"))
        for _ in range(2):
            assert (await client.works.get("ISS-1")).display_id == "ISS-1"
        await client.works.update("ISS-1", title="x")
        assert len(proxy.heads) == 1
    assert [request.headers["authorization"] for request in secure.requests] == [f"Bearer {TOKEN}"] * 3
    assert not any("proxy-authorization" in request.headers for request in secure.requests)
    assert shows(caplog.text + repr(client), PASSWORD) is None


@pytest.mark.parametrize("user", ["", f"user:{quote('not ' + PASSWORD, safe='')}@"], ids=["none", "wrong"])
async def test_without_authorisation_the_proxy_refuses_at_once(
    secure: FaultServer, through: Through, user: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    async with Proxy(credentials=f"user:{PASSWORD}") as proxy:
        client = through(proxy.url.replace("127.0.0.1", f"{user}127.0.0.1"))
        for call in (client.works.get("ISS-1"), client.works.update("ISS-1", title="x")):
            with pytest.raises(APIConnectionError) as caught:
                await call
            error = caught.value
            assert f"the proxy 127.0.0.1:{proxy.port} refused the connection: 407" in str(error)
            assert (error.attempts, error.retryable, error.outcome_unknown) == (1, False, False)
            assert error.__traceback__ is not None
            error = error.with_traceback(error.__traceback__.tb_next)  # without this function
            trace = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
            assert shows(trace + repr(error) + repr(client) + caplog.text, PASSWORD) is None
        assert len(proxy.heads) == 2
    assert secure.requests == []


def shows(text: str, password: str) -> str | None:
    """The form of the password that the text has, or None."""
    forms = (password, quote(password, safe=""), quote(password), b64encode(f"user:{password}".encode()).decode())
    return next((form for form in forms if form in text), None)


async def test_a_password_may_have_any_letters(
    secure: FaultServer, contexts: tuple[ssl.SSLContext, ssl.SSLContext]
) -> None:
    async with Proxy(credentials="Jürgen:пароль") as proxy:
        url = proxy.url.replace("127.0.0.1", f"{quote('Jürgen')}:{quote('пароль')}@127.0.0.1")
        async with DevRevClient(TOKEN, base_url=secure.url, proxy=url, ssl=contexts[1]) as client:
            assert (await client.works.get("ISS-1")).display_id == "ISS-1"


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
async def test_trust_env_takes_the_proxy_of_the_environment(
    secure: FaultServer,
    contexts: tuple[ssl.SSLContext, ssl.SSLContext],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    async with Proxy() as proxy:
        monkeypatch.setenv(name, proxy.url.removeprefix("http://"))
        for trust_env, tunnels in ((False, 0), (True, 1)):
            async with DevRevClient(TOKEN, base_url=secure.url, ssl=contexts[1], trust_env=trust_env) as client:
                await client.works.get("ISS-1")
            assert len(proxy.heads) == tunnels
        for excluded in ("127.0.0.1", f"127.0.0.1:{secure.port}", "a.example, 127.0.0.1", "*"):
            monkeypatch.setenv("NO_PROXY", excluded)
            async with DevRevClient(TOKEN, base_url=secure.url, ssl=contexts[1], trust_env=True) as client:
                await client.works.get("ISS-1")
        assert len(proxy.heads) == 1


def test_a_proxy_of_the_environment_that_cannot_be_one_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "socks5://user:secret@127.0.0.1:1080")
    with pytest.raises(ConfigurationError, match="HTTPS_PROXY") as caught:
        DevRevClient(TOKEN, trust_env=True)
    assert "secret" not in str(caught.value)
    frames = traceback.walk_tb(caught.value.__traceback__)
    shown = [repr(frame.f_locals) for frame, _ in frames if frame.f_code.co_filename != __file__]
    assert shown
    assert not any("secret" in names for names in shown)
    DevRevClient(TOKEN)


@pytest.mark.parametrize(
    "proxy",
    [
        "127.0.0.1:8080",
        "socks5://127.0.0.1:1",
        "http://",
        "http://h:99999",
        "http://h/p",
        "http://u:secret@h?x",
        "http://u%3Av:secret@h",
    ],
)
def test_what_is_no_proxy_is_refused_when_the_client_is_built(proxy: str) -> None:
    with pytest.raises(ConfigurationError, match="proxy must be the URL of an HTTP proxy") as caught:
        DevRevClient(TOKEN, proxy=proxy)
    assert "secret" not in str(caught.value)
    wrong: Any = 5
    with pytest.raises(TypeError, match="proxy takes a str"):
        DevRevClient(TOKEN, proxy=wrong)


@pytest.mark.parametrize("option", [{"proxy": "http://127.0.0.1:9"}, {"trust_env": True}])
def test_no_proxy_together_with_plain_http(option: dict[str, Any]) -> None:
    (name,) = option
    with pytest.raises(ConfigurationError, match=f"{name} cannot be combined with plain http"):
        DevRevClient(TOKEN, base_url="http://127.0.0.1:1", **option)


@pytest.mark.parametrize("said", SILENCE, ids=["nothing", "half a status line", "half a head"])
@pytest.mark.parametrize("own_session", [False, True])
async def test_a_proxy_that_swallows_the_connection_is_bounded_by_connect(
    connect: Clients, said: bytes, own_session: bool
) -> None:
    async with Proxy(said, then_close=False) as proxy:
        session = aiohttp.ClientSession() if own_session else None
        options: dict[str, Any] = {"session": session, "proxy": proxy.url, "base_url": "https://127.0.0.1:1"}
        client = connect(timeout=Timeout(connect=0.1, read=0.1), max_retries=1, **options)
        for call in (client.works.get("ISS-1"), client.works.update("ISS-1", title="x")):
            with pytest.raises(APITimeoutError, match=r"no connection within 0.1 s \(Timeout.connect\)") as caught:
                async with asyncio.timeout(10):
                    await call
            assert caught.value.attempts == 2
            assert caught.value.retryable
            assert not caught.value.outcome_unknown
        await client.close()
        if session is not None:
            await session.close()


@pytest.mark.parametrize(("status", "attempts"), [(407, 1), (403, 1), (302, 2), (429, 2), (502, 2)])
@pytest.mark.parametrize("header", ["X: y", f"Set-Cookie: {'x' * 60_000}"], ids=["short", "long"])
async def test_a_proxy_that_refuses_is_named(connect: Clients, status: int, attempts: int, header: str) -> None:
    async with Proxy(b"HTTP/1.1 %d No\r\n%b\r\nContent-Length: 0\r\n\r\n" % (status, header.encode())) as proxy:
        url = proxy.url.replace("127.0.0.1", "user:secret@127.0.0.1")
        client = connect(proxy=url, base_url="https://127.0.0.1:1", max_retries=1)
        for call in (client.works.get("ISS-1"), client.works.update("ISS-1", title="x")):
            with pytest.raises(APIConnectionError) as caught:
                await call
            error = caught.value
            assert f"the proxy 127.0.0.1:{proxy.port} refused the connection: {status}" in str(error)
            assert (error.attempts, error.retryable, error.outcome_unknown) == (attempts, attempts == 2, False)
            assert "secret" not in repr(error)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (b"", "closed the connection without a response"),
        (b"HTTP/1.1 2", "closed the connection without a response"),
        (b"SSH-2.0-x\r\n\r\n", "the response is not valid HTTP"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n", "a line of more than 65536 bytes"),
    ],
    ids=["nothing", "half a status line", "no HTTP", "a long head"],
)
async def test_a_proxy_that_breaks_off_is_named_and_nothing_was_sent(
    connect: Clients, said: bytes, reason: str
) -> None:
    async with Proxy(said) as proxy:
        url = proxy.url.replace("127.0.0.1", "user:secret@127.0.0.1")
        client = connect(proxy=url, base_url="https://127.0.0.1:1", max_retries=1)
        for call in (client.works.get("ISS-1"), client.works.update("ISS-1", title="x")):
            with pytest.raises(
                APIConnectionError, match=f"through the proxy 127.0.0.1:{proxy.port}: .*{reason}"
            ) as caught:
                await call
            assert (caught.value.attempts, caught.value.outcome_unknown) == (2, False)
            assert "secret" not in repr(caught.value)
