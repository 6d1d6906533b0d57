"""The token is nowhere to be seen: no repr, log line, error, chain, pickle or local of a traceback holds it."""

import asyncio
import copy
import functools
import json
import logging
import pickle
import re
import types
from collections.abc import AsyncGenerator, Iterator
from typing import Any
from urllib.parse import quote, unquote

import pytest

from devrev_async import DevRevClient, Timeout
from devrev_async._transport.auth import TokenSource, find_token
from devrev_async.errors import (
    APIError,
    BadRequestError,
    ConfigurationError,
    DevRevError,
    InternalServerError,
    ResponseDecodeError,
)
from tests.transport.server import ONE, FaultServer, Play, answer, chunked, drop, message, raw, silence

pytestmark = pytest.mark.anyio

TOKEN = 'eyJ0b2tlbiI6.c2Vj/cmV0+dG9r==ZW4_"x'
QUICK = Timeout(connect=5, read=0.1)


@pytest.fixture
async def server(anyio_backend: str) -> AsyncGenerator[FaultServer]:
    async with FaultServer() as one:
        yield one


@pytest.fixture(autouse=True)
def logs(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """All of all loggers, looked through after each test."""
    with caplog.at_level(logging.DEBUG):
        for name in ("devrev_async", "aiohttp", "aiohttp.client", "asyncio"):
            caplog.set_level(logging.DEBUG, name)
        yield
    for record in caplog.records:
        assert not holds(record.getMessage())
        assert not holds(repr(record.args))
        assert not holds(repr(record.exc_info))


def holds(text: str | bytes) -> bool:
    text = text.decode("latin-1") if isinstance(text, bytes) else text
    text = re.sub(r"\\{1,2}u00([2-7][0-9a-fA-F])", lambda point: chr(int(point[1], 16)), unquote(text))
    escaped = json.dumps(TOKEN)[1:-1]
    forms = (TOKEN, escaped, escaped.replace("/", "\\/"), repr(TOKEN)[1:-1], TOKEN[:20])
    return any(form.lower() in text.lower() for form in forms)


def inside(value: Any) -> Iterator[tuple[str, Any]]:
    """A value, its items, and its attributes."""
    yield "", value
    known: type[Any] = value.__class__
    if issubclass(known, dict):
        for key, item in value.items():
            yield f"[{key!r}]", item
    elif issubclass(known, list | tuple | set | frozenset):
        for item in value:
            yield "[]", item
    slots = [slot for kind in known.__mro__ for slot in getattr(kind, "__slots__", ())]
    for name in [*getattr(value, "__dict__", {}), *slots]:
        if hasattr(value, name):
            yield f".{name}", getattr(value, name)


OURS = ("test_secrets.py",)


def assert_clean(error: BaseException, seen: set[int] | None = None) -> None:
    """Nothing that hangs on an error holds the token; frames of the tests themselves, which know it, are left out."""
    seen = set() if seen is None else seen
    if id(error) in seen:
        return
    seen.add(id(error))
    assert not holds(str(error))
    assert not holds(repr(error))
    for where, value in inside(error):
        assert not holds(repr(value)), where
    for value in error.args:
        assert not holds(repr(value))
    assert not holds(pickle.dumps(error)) if isinstance(error, DevRevError) else True
    trace = error.__traceback__
    while trace is not None:
        frame: types.FrameType = trace.tb_frame
        if not frame.f_code.co_filename.endswith(OURS):
            for name, local in frame.f_locals.items():
                for where, value in inside(local):
                    assert not holds(repr(value)), f"{name}{where} in {frame.f_code.co_qualname}"
        trace = trace.tb_next
    for other in (error.__cause__, error.__context__):
        if other is not None:
            assert_clean(other, seen)


ESCAPED = json.dumps(TOKEN)[1:-1]
POINTS = "".join(f"\\u{ord(one):04x}" for one in TOKEN)
ECHO = json.dumps(
    {
        "type": f"t {TOKEN}",
        "message": f"Bearer {TOKEN} is wrong",
        "detail": f"<{TOKEN}>",
        "field_name": TOKEN,
        "value": TOKEN,
        "reason": TOKEN,
        "allowed_values": [TOKEN],
        "reference_id": TOKEN,
        "dependencies": [{"dependent_field_name": TOKEN, TOKEN: {"deep": [TOKEN]}}],
    }
)
HEADERS = {"X-Request-Id": f"id {TOKEN}", "Location": f"https://evil.example/{TOKEN}", "X-Echo": f"Bearer {TOKEN}"}

ANSWERS: dict[str, Play] = {
    **{
        str(status): answer(ECHO, status, HEADERS) for status in (301, 307, 400, 401, 403, 404, 409, 429, 500, 502, 503)
    },
    "escaped slashes": answer(ECHO.replace("/", "\\/"), 400, HEADERS),
    "escaped as code points": answer(ECHO.replace(ESCAPED, POINTS), 400, HEADERS),
    "escaped for a URL": answer(
        ECHO.replace(ESCAPED, re.sub("%..", lambda code: code[0].lower(), quote(TOKEN, safe=""))), 400, HEADERS
    ),
    "cut within an escape": raw(message(f"..... {POINTS}", 500)[:-3], then="close"),
    "no JSON, escaped": answer(f"<html>{POINTS}</html>", 200, HEADERS),
    "in chunks": raw(chunked(*(ECHO[n : n + 7].encode() for n in range(0, len(ECHO), 7)), status=500)),
    "plain text": answer(f"Bearer {TOKEN}", 500, {"Content-Type": "text/plain"}),
    "cut within": raw(message(f"..... Bearer {TOKEN}", 500)[:-6], then="close"),
    "cut within, as JSON": raw(message(ECHO, 500)[:40], then="close"),
    "on the edge of what is kept": answer(b"x" * (65536 - 21) + TOKEN.encode() * 2, 500),
    "no JSON": answer(f"<html>{TOKEN}</html>", 200, HEADERS),
    "another shape": answer(f'["{ESCAPED}"]', 200, HEADERS),
    "an odd encoding": answer(ONE, 200, {**HEADERS, "Content-Encoding": TOKEN}),
    "a bad status line": raw(f"HTTP/1.1 {TOKEN} X\r\n\r\n".encode(), then="close"),
    "a bad header": raw(f"HTTP/1.1 200 OK\r\nbad {TOKEN}\r\n\r\n".encode(), then="close"),
    "a bad length": raw(f"HTTP/1.1 200 OK\r\nContent-Length: {TOKEN}\r\n\r\n".encode(), then="close"),
    "a bad chunk": raw(chunked(end=f"{TOKEN}\r\n".encode()), then="close"),
    "a bad chunk of an error": raw(chunked(b"{", end=f"{TOKEN}\r\n".encode(), status=500), then="close"),
    "silence": silence,
    "silence after an echo": raw(message(b"{", 200, {**HEADERS, "Content-Length": "99"}), then="silence"),
    "silence after half an echo": raw(message(ECHO, 200, HEADERS)[:-9], then="silence"),
    "hung up": drop,
}


@pytest.mark.parametrize("name", ANSWERS)
async def test_no_error_holds_it(server: FaultServer, name: str) -> None:
    server.usual = ANSWERS[name]
    async with DevRevClient(TOKEN, base_url=server.url, timeout=QUICK, max_retries=0) as client:
        for call in (
            lambda: client.works.get("ISS-1"),
            lambda: client.works.update("ISS-1", title="x"),
            client.works.export,
            lambda: client.request("accounts.list"),
        ):
            try:
                await call()
            except DevRevError as error:
                assert_clean(error)
            else:
                assert name == "another shape"  # which is any JSON to `request`


async def test_the_server_really_echoed_it(server: FaultServer) -> None:
    server.usual = answer(ECHO, 400, HEADERS)
    async with DevRevClient(TOKEN, base_url=server.url) as client:
        with pytest.raises(BadRequestError) as caught:
            await client.works.get("ISS-1")
    assert server.requests[0].headers["authorization"] == f"Bearer {TOKEN}"
    error = caught.value
    assert error.message == "Bearer [token] is wrong"
    assert error.field_name == error.value == error.reason == "[token]"
    assert error.allowed_values == ["[token]"]
    assert error.request_id == "id [token]"
    assert error.dependencies == [{"dependent_field_name": "[token]", "[token]": {"deep": ["[token]"]}}]
    assert b'"detail": "<[token]>"' in error.body


@pytest.mark.parametrize("name", ["silence", "silence after an echo", "silence after half an echo", "half an error"])
@pytest.mark.parametrize("how", ["timeout", "cancel", "total", "close"])
async def test_nothing_that_ends_a_call_holds_it(server: FaultServer, name: str, how: str) -> None:
    half = raw(message(ECHO, 500, HEADERS)[:-9], then="silence")
    server.usual = half if name == "half an error" else ANSWERS[name]
    async with DevRevClient(TOKEN, base_url=server.url) as client:
        try:
            if how == "timeout":
                async with asyncio.timeout(0.1):
                    await client.works.get("ISS-1")
            elif how == "total":
                await client.works.get("ISS-1", timeout=0.1)
            else:
                task = asyncio.create_task(client.works.get("ISS-1"))
                await server.arrived(1)
                for _ in range(20):
                    await asyncio.sleep(0)
                if how == "cancel":
                    task.cancel()
                else:
                    await client.close()
                await task
        except BaseException as error:
            assert_clean(error)
        else:
            pytest.fail("nothing was raised")


async def test_connections_that_fail_do_not_hold_it() -> None:
    async with DevRevClient(TOKEN, base_url="http://127.0.0.1:9", max_retries=0) as client:
        with pytest.raises(DevRevError) as caught:
            await client.works.get("ISS-1")
        assert_clean(caught.value)


async def test_a_token_that_was_replaced_is_hidden_too(server: FaultServer) -> None:
    tokens = [TOKEN, "another-token-0123"]
    server.play(answer("{}", 401))
    server.usual = answer(ECHO, 400, HEADERS)
    async with DevRevClient(lambda: tokens.pop(0), base_url=server.url) as client:
        with pytest.raises(BadRequestError) as caught:
            await client.works.get("ISS-1")
        assert server.requests[-1].headers["authorization"] == "Bearer another-token-0123"
        assert_clean(caught.value)


async def test_a_callable_that_fails_with_it_does_not_show_it(server: FaultServer) -> None:
    def give() -> str:
        raise ValueError(f"cannot renew {TOKEN}")

    async def give_it_with_a_line_break() -> str:
        return TOKEN + "\n"

    for source in (give, give_it_with_a_line_break):
        async with DevRevClient(source, base_url=server.url) as client:
            with pytest.raises(ConfigurationError) as caught:
                await client.works.get("ISS-1")
            assert_clean(caught.value)


@pytest.mark.parametrize("bad", [TOKEN + "\r\n", "Bearer " + TOKEN, TOKEN + " ", TOKEN + "\x00", TOKEN + "ä"])
def test_a_bad_token_is_refused_without_being_shown(bad: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        DevRevClient(bad)
    assert isinstance(caught.value, ValueError)
    assert_clean(caught.value)


MISTAKEN: list[Any] = [
    {"Authorization": f"Bearer {TOKEN}"},
    {"X-Key": f"{TOKEN}\n"},
    {"X-Key": TOKEN.encode()},
    [("Authorization", TOKEN)],
]


@pytest.mark.parametrize("headers", MISTAKEN)
def test_mistaken_headers_are_refused_without_being_shown(headers: Any) -> None:
    client = DevRevClient(TOKEN)
    for make in (functools.partial(DevRevClient, TOKEN), client.with_options):
        with pytest.raises((ConfigurationError, TypeError)) as caught:
            make(headers=headers)
        assert "headers" in str(caught.value)
        assert_clean(caught.value)


def test_reprs_and_pickles() -> None:
    client = DevRevClient(TOKEN)
    source, _ = find_token(TOKEN)
    assert isinstance(source, TokenSource)
    for one in (client, source, client.works, client._transport, client._transport.manager):
        for where, value in inside(one):
            assert not holds(repr(value)), where
    for one in (client, source):
        for act in (pickle.dumps, copy.copy, copy.deepcopy):
            with pytest.raises(TypeError, match="not to be pickled"):
                act(one)


async def test_what_the_server_says_is_escaped(server: FaultServer, caplog: pytest.LogCaptureFixture) -> None:
    odd = "a\r\nb\x1b[31mc\x00d\u202ee\u2028f"
    shown = r"a\u000d\u000ab\u001b[31mc\u0000d\u202ee\u2028f"
    body = json.dumps({"type": odd, "message": odd, "detail": odd, "field_name": odd, "reference_id": odd})
    server.usual = answer(body, 500, {"X-Request-Id": "a\x1b[0mb"})
    async with DevRevClient(TOKEN, base_url=server.url, max_retries=0) as client:
        with pytest.raises((InternalServerError, DevRevError)) as caught:
            await client.works.get("ISS-1")
    error = caught.value
    assert str(error).isprintable()
    if isinstance(error, InternalServerError):  # a parser may also refuse the header
        assert (error.type, error.message, error.detail, error.reference_id) == (shown, shown, shown, shown)
        assert error.request_id == r"a\u001b[0mb"
    lines = [record.getMessage() for record in caplog.records if record.name == "devrev_async.transport"]
    assert lines
    assert all(line.isprintable() for line in lines)


async def test_every_error_pickles_with_its_fields(server: FaultServer) -> None:
    server.usual = answer(ECHO, 400, HEADERS)
    async with DevRevClient(TOKEN, base_url=server.url) as client:
        with pytest.raises(APIError) as caught:
            await client.works.update("ISS-1", title="x")
    again = pickle.loads(pickle.dumps(caught.value))
    assert type(again) is type(caught.value)
    assert vars(again) == vars(caught.value)
    assert str(again) == str(caught.value)
    decode = ResponseDecodeError("x", status=200, body=b"y", request_id="z")
    decode.endpoint, decode.attempts, decode.outcome_unknown = "works.get", 3, True
    assert vars(pickle.loads(pickle.dumps(decode))) == vars(decode)
