"""What a body may do wrong, and the exact outcome: a retry for reads, else a typed error; never part of it as the whole."""

import asyncio
import gzip
import pickle
import tracemalloc
import zlib
from typing import Any

import aiohttp
import pytest

from devrev_async import ClientEvent, DevRevClient, UnknownWork
from devrev_async.errors import (
    APIConnectionError,
    APIError,
    BadRequestError,
    NotFoundError,
    OutcomeUnknownError,
    ResponseDecodeError,
    ResponseTooLargeError,
    ServiceUnavailableError,
)
from tests.transport.conftest import Clients
from tests.transport.server import ONE, PAGE, FaultServer, Play, answer, chunked, message, raw, refuse, zipped

pytestmark = pytest.mark.anyio

HALF = len(ONE) // 2
JSON = "Content-Type: application/json\r\n"

CUT = {
    "Content-Length": raw(message(ONE)[:-10], then="close"),
    "Content-Length, reset": raw(message(ONE)[:-10], then="reset"),
    "no body at all": raw(message(ONE)[: -len(ONE)], then="close"),
    "connection-close": raw(f"HTTP/1.1 200 OK\r\n{JSON}\r\n".encode() + ONE[:HALF], then="close"),
    "chunks without an end": raw(chunked(ONE[:HALF], ONE[HALF:], end=b""), then="close"),
    "a chunk cut in two": raw(chunked(ONE, end=b"")[:-20], then="close"),
    "a chunk size cut in two": raw(chunked(ONE[:HALF], end=b"4"), then="close"),
    "short gzip": zipped(ONE, cut=12),
    "gzip without its checksum": zipped(ONE, cut=4),
    "short gzip in whole chunks": raw(chunked(gzip.compress(ONE)[:-9], headers="Content-Encoding: gzip\r\n")),
    "short deflate": answer(zlib.compress(ONE)[:-3], headers={"Content-Encoding": "deflate"}),
    "whole HTTP, short JSON": answer(ONE[:HALF]),
    "empty": answer(b""),
    "white space": answer(b" \n"),
    "a head cut in two": raw(b"HTTP/1.1 200 OK\r\nContent-Le", then="close"),
    "no head": raw(then="close"),
    "no head, reset": raw(then="reset"),
}


@pytest.mark.parametrize("name", CUT)
async def test_a_read_cut_short_is_asked_again(server: FaultServer, client: DevRevClient, name: str) -> None:
    server.play(CUT[name])
    assert (await client.works.get("ISS-1")).id == "don:core:dvrv-us-1:devo/1:issue/1"
    assert len(server.requests) == 2


@pytest.mark.parametrize("name", CUT)
async def test_a_page_cut_short_is_asked_again_whole(server: FaultServer, client: DevRevClient, name: str) -> None:
    plays: dict[str, Play] = {
        "connection-close": raw(f"HTTP/1.1 200 OK\r\n{JSON}\r\n".encode() + PAGE[:-2], then="close")
    }
    server.play(plays.get(name, CUT[name]), answer(PAGE))
    works = await client.works.export()
    assert [work.display_id for work in works] == [f"ISS-{n}" for n in range(20)]
    assert len(server.requests) == 2


@pytest.mark.parametrize("name", CUT)
async def test_without_retries_it_is_an_error(server: FaultServer, connect: Clients, name: str) -> None:
    client = connect(max_retries=0)
    server.usual = CUT[name]
    with pytest.raises((APIConnectionError, ResponseDecodeError)) as caught:
        await client.works.count()
    assert (caught.value.endpoint, caught.value.attempts, caught.value.outcome_unknown) == ("works.count", 1, False)


@pytest.mark.parametrize("name", CUT)
async def test_a_write_whose_answer_is_cut_short_is_never_sent_again(
    server: FaultServer, client: DevRevClient, name: str
) -> None:
    server.usual = CUT[name]
    with pytest.raises((OutcomeUnknownError, ResponseDecodeError)) as caught:
        await client.works.update("ISS-1", title="x")
    assert caught.value.outcome_unknown
    assert caught.value.attempts == 1
    assert len(server.requests) == 1


WRONG = {
    "corrupt gzip": answer(b"\x1f\x8b\x08" + b"\x00" * 40, headers={"Content-Encoding": "gzip"}),
    "no gzip at all": answer(ONE, headers={"Content-Encoding": "gzip"}),
    "a corrupt checksum": answer(gzip.compress(ONE)[:-8] + b"\x00" * 8, headers={"Content-Encoding": "gzip"}),
    "garbage behind gzip": answer(gzip.compress(ONE) + b"garbage", headers={"Content-Encoding": "gzip"}),
    "garbage behind deflate": answer(zlib.compress(ONE) + b"garbage", headers={"Content-Encoding": "deflate"}),
    "unknown Content-Encoding": answer(ONE, headers={"Content-Encoding": "rot13"}),
    "brotli, which was not asked for": answer(ONE, headers={"Content-Encoding": "br"}),
    "two encodings": answer(ONE, headers={"Content-Encoding": "gzip, gzip"}),
    "HTML": answer("<html><body>Please sign in</body></html>", headers={"Content-Type": "text/html"}),
    "a list": answer("[1, 2]"),
    "{}": answer("{}"),
    "null": answer("null"),
    "no work": answer('{"work": null}'),
    "deep nesting": answer("[" * 200_000 + "]" * 200_000),
    "invalid UTF-8": answer(b'{"work": {"type": "issue", "id": "\xff\xfe"}}'),
    "NaN": answer('{"work": {"type": "issue", "id": "x", "custom_fields": {"a": NaN}}}'),
    "Infinity": answer('{"work": {"type": "issue", "id": "x", "custom_fields": {"a": -Infinity}}}'),
    "trailing garbage": answer(ONE + b"garbage"),
    "two documents": answer(ONE + ONE),
}


@pytest.mark.parametrize("name", WRONG)
async def test_a_wrong_body_is_a_typed_error_at_once(server: FaultServer, client: DevRevClient, name: str) -> None:
    server.play(WRONG[name])
    with pytest.raises(ResponseDecodeError) as caught:
        await client.works.get("ISS-1")
    assert (caught.value.endpoint, caught.value.attempts, caught.value.status) == ("works.get", 1, 200)
    assert not caught.value.outcome_unknown
    assert "works.get" in str(caught.value)
    assert (await client.works.get("ISS-1")).display_id == "ISS-1"


@pytest.mark.parametrize("name", WRONG)
async def test_a_wrong_body_is_no_page(server: FaultServer, client: DevRevClient, name: str) -> None:
    server.play(WRONG[name])
    with pytest.raises(ResponseDecodeError) as caught:
        await client.works.export()
    assert caught.value.endpoint == "works.export"
    server.play(WRONG[name])
    with pytest.raises(ResponseDecodeError):
        async for _ in client.works.export_stream():
            pytest.fail("part of a wrong body came out")


@pytest.mark.parametrize("name", WRONG)
async def test_the_wrong_answer_to_a_write_leaves_it_open(server: FaultServer, client: DevRevClient, name: str) -> None:
    server.play(WRONG[name])
    with pytest.raises(ResponseDecodeError) as caught:
        await client.works.update("ISS-1", title="x")
    assert caught.value.outcome_unknown
    assert str(caught.value).endswith("; the write may have been applied")
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "name", sorted({"HTML", "a list", "corrupt gzip", "unknown Content-Encoding", "trailing garbage", "invalid UTF-8"})
)
async def test_the_wrong_answer_to_a_delete_is_no_success(server: FaultServer, client: DevRevClient, name: str) -> None:
    server.play(WRONG[name])
    with pytest.raises(ResponseDecodeError) as caught:
        await client.works.delete("ISS-1")
    assert caught.value.outcome_unknown
    assert len(server.requests) == 1


@pytest.mark.parametrize("play", [answer("{}"), answer(b""), raw(b"HTTP/1.1 204 No Content\r\n\r\n")])
async def test_a_delete_is_answered_by_an_object_or_nothing(
    server: FaultServer, client: DevRevClient, play: Play
) -> None:
    server.play(play)
    await client.works.delete("ISS-1")


async def test_what_is_odd_and_right_passes(server: FaultServer, client: DevRevClient) -> None:
    huge = '{"work": {"type": "issue", "id": "x", "custom_fields": {"tnt__a": 1%s}}}' % ("0" * 400)
    server.play(
        answer(ONE, headers={"Content-Type": "text/plain"}),
        answer(ONE, headers={"Content-Type": ""}),
        answer(ONE, headers={"Content-Encoding": "identity"}),
        answer(gzip.compress(ONE), headers={"Content-Encoding": "x-gzip"}),
        answer(gzip.compress(ONE[:9]) + gzip.compress(ONE[9:]), headers={"Content-Encoding": "gzip"}),
        answer(zlib.compress(ONE), headers={"Content-Encoding": "deflate"}),
        answer(zlib.compress(ONE, wbits=-15), headers={"Content-Encoding": "deflate"}),
        raw(chunked(*(ONE[n : n + 1] for n in range(len(ONE))))),
        raw(chunked(*(bytes([byte]) for byte in gzip.compress(ONE)), headers="Content-Encoding: gzip\r\n")),
        raw(f"HTTP/1.1 200 OK\r\n{JSON}\r\n".encode() + ONE, then="close"),
        answer(b"\n " + ONE + b"\r\n\t "),
    )
    for _ in range(11):
        assert (await client.works.get("ISS-1")).display_id == "ISS-1"
    server.play(answer(huge))
    work = await client.works.get("ISS-1")
    assert work.id == "x"
    assert isinstance(work, UnknownWork) or work.custom_fields
    assert len(server.requests) == 12


# -- size ----------------------------------------------------------------------------------------------------------


def bomb() -> bytes:
    """2 MB that inflate to 2 GB."""
    packer = zlib.compressobj(9, wbits=-15)
    mebibyte = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)  # which stands for itself
    return gzip.compress(b"")[:10] + mebibyte * 2048


@pytest.fixture(scope="module")
def two_gigabytes() -> bytes:
    return bomb()


@pytest.mark.parametrize("status", [200, 500])
async def test_a_bomb_is_stopped_at_the_bound(
    server: FaultServer, connect: Clients, two_gigabytes: bytes, status: int
) -> None:
    client = connect(max_response_bytes=20 << 20)
    server.play(answer(two_gigabytes, status, {"Content-Encoding": "gzip"}))
    tracemalloc.start()
    try:
        with pytest.raises(ResponseTooLargeError) as caught:
            await client.works.get("ISS-1")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (caught.value.limit, caught.value.status, caught.value.attempts) == (20 << 20, status, 1)
    assert "max_response_bytes (20971520 bytes, decompressed)" in str(caught.value)
    assert peak < 64 << 20  # 20 MiB of body while it grows, 2 MB of bomb
    assert len(server.requests) == 1


async def test_a_bomb_is_stopped_while_it_streams(server: FaultServer, connect: Clients, two_gigabytes: bytes) -> None:
    client = connect(max_response_bytes=20 << 20)
    server.play(answer(two_gigabytes, 200, {"Content-Encoding": "gzip"}))
    with pytest.raises((ResponseTooLargeError, ResponseDecodeError)):
        async for _ in client.works.export_stream():
            pytest.fail("zeros are no works")


async def test_the_loop_turns_while_a_bomb_inflates(
    server: FaultServer, connect: Clients, two_gigabytes: bytes
) -> None:
    client = connect(max_response_bytes=64 << 20)
    server.play(answer(two_gigabytes, 200, {"Content-Encoding": "gzip"}))
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as group:
        counting = group.create_task(count())
        with pytest.raises(ResponseTooLargeError):
            await client.works.get("ISS-1")
        counting.cancel()
    assert turns > 200  # one at least for each 256 KiB


@pytest.mark.parametrize("encoding", ["", "gzip"])
@pytest.mark.parametrize("status", [200, 400, 503])
async def test_the_bound_is_exact(server: FaultServer, connect: Clients, encoding: str, status: int) -> None:
    body = ONE.ljust(1000)
    sent = gzip.compress(body) if encoding else body
    server.usual = answer(sent, status, {"Content-Encoding": encoding})
    with pytest.raises(ResponseTooLargeError) as caught:
        await connect(max_response_bytes=999, max_retries=0).works.get("ISS-1")
    assert caught.value.limit == 999
    fitting = connect(max_response_bytes=1000, max_retries=0).works.get("ISS-1")
    if status == 200:
        assert (await fitting).display_id == "ISS-1"
    else:
        with pytest.raises(APIError) as refused:
            await fitting
        assert refused.value.body == body


async def test_a_body_without_end_is_stopped(server: FaultServer, connect: Clients) -> None:
    client = connect(max_response_bytes=1 << 20)

    async def endless(peer: Any) -> None:
        await peer.send(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            await peer.send(b" " * 65536)

    server.play(endless)
    with pytest.raises(ResponseTooLargeError):
        await client.works.export()


async def test_64_kib_of_an_error_are_kept(server: FaultServer, connect: Clients) -> None:
    server.usual = answer(b"x" * 300_000, 400)
    with pytest.raises(APIError) as caught:
        await connect().works.get("ISS-1")
    assert caught.value.body == b"x" * 65536


async def test_an_error_whose_body_is_cut_says_what_came_before(server: FaultServer, connect: Clients) -> None:
    allowed = ", ".join(f'"tnt__{number}"' for number in range(10_000))
    server.usual = answer(
        f'{{"type": "invalid_enum_value", "message": "no", "field_name": "a", "allowed_values": [{allowed}]}}', 400
    )
    with pytest.raises(BadRequestError) as caught:
        await connect().works.get("ISS-1")
    error = caught.value
    assert (error.type, error.message, error.field_name) == ("invalid_enum_value", "no", "a")
    assert error.allowed_values is None
    assert len(error.body) == 65536


async def test_a_too_large_answer_to_a_write_leaves_it_open(server: FaultServer, connect: Clients) -> None:
    client = connect(max_response_bytes=10)
    for status, unknown in ((200, True), (500, True), (400, False)):
        server.play(answer(ONE, status))
        with pytest.raises(ResponseTooLargeError) as caught:
            await client.works.update("ISS-1", title="x")
        assert caught.value.outcome_unknown is unknown
    assert len(server.requests) == 3


# -- errors --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "play",
    [
        raw(message(b'{"type": "service_unavailable"}', 503)[:-10], then="close"),
        raw(chunked(b'{"type": ', end=b"", status=503), then="reset"),
        answer("<h1>503</h1>", 503, {"Content-Type": "text/html"}),
        answer(b"", 503),
        answer("[1]", 503),
        answer("[" * 100_000, 503),
        answer(b"\xff\xfe", 503),
        answer('{"type": 5, "message": [1], "detail": {}}', 503),
        answer(ONE, 503, {"Content-Encoding": "rot13"}),
        answer(ONE, 503, {"Content-Encoding": "gzip"}),
    ],
)
async def test_an_error_is_one_whatever_its_body(server: FaultServer, connect: Clients, play: Play) -> None:
    server.usual = play
    with pytest.raises(ServiceUnavailableError) as caught:
        await connect(max_retries=1).works.get("ISS-1")
    assert (caught.value.status, caught.value.attempts, caught.value.message) == (503, 2, None)


@pytest.mark.parametrize(
    "head",
    [
        b"garbage\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nbad header\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"\x16\x03\x01\x00\x00",
    ],
)
async def test_what_is_no_http_is_no_answer(server: FaultServer, client: DevRevClient, head: bytes) -> None:
    server.usual = raw(head, then="close")
    with pytest.raises(APIConnectionError) as caught:
        await client.works.get("ISS-1", max_retries=0)
    assert caught.value.__cause__ is None
    with pytest.raises(OutcomeUnknownError):
        await client.works.update("ISS-1", title="x")


# -- heads ---------------------------------------------------------------------------------------------------------

LONG_HEADS = {
    "a line of 60 kB": {"X-Policy": "x" * 60_000},
    "900 lines": {f"X-{n}": "y" for n in range(900)},
}
TOO_LONG_HEADS = {
    "a line of 100 kB": {"X-Policy": "test-token-0123456789" + "x" * 100_000},
    "a name of 100 kB": {"X-" + "a" * 100_000: "x"},
    "2000 lines": {f"X-{n}": "y" for n in range(2000)},
}


@pytest.mark.parametrize("own_session", [False, True])
@pytest.mark.parametrize("name", [*LONG_HEADS, *TOO_LONG_HEADS])
async def test_heads_are_bounded_generously_and_the_error_names_the_bound(
    server: FaultServer, connect: Clients, name: str, own_session: bool
) -> None:
    headers = LONG_HEADS | TOO_LONG_HEADS
    server.usual = answer(ONE, headers=headers[name])
    session = aiohttp.ClientSession() if own_session else None
    client = connect(max_retries=0, session=session)
    if name in LONG_HEADS:
        await client.works.get("ISS-1")
        await client.works.update("ISS-1", title="x")
    else:
        with pytest.raises(
            APIConnectionError, match="a line of more than 65536 bytes, or more than 1000 lines"
        ) as caught:
            await client.works.get("ISS-1")
        assert len(str(caught.value)) < 400
    if session is not None:
        await session.close()


async def test_a_long_request_id_is_cut(
    server: FaultServer, client: DevRevClient, caplog: pytest.LogCaptureFixture
) -> None:
    """It stands in every line of the log."""
    caplog.set_level("DEBUG", "devrev_async.transport")
    server.usual = refuse(404, headers={"X-Request-Id": "r" * 60_000})
    with pytest.raises(NotFoundError) as caught:
        await client.works.get("ISS-1")
    assert caught.value.request_id == "r" * 300
    lines = [record.getMessage() for record in caplog.records if record.name == "devrev_async.transport"]
    assert lines
    assert max(map(len, lines)) < 500


@pytest.mark.parametrize("header", ["Location: /", "X-Request-Id: r", "Retry-After: 1", "Date: ", "Content-Type: "])
@pytest.mark.parametrize("odd", [b"\xff", b"\xe2\x80\xae", b"\xc2\x85"], ids=["no UTF-8", "right to left", "a control"])
@pytest.mark.parametrize("status", [200, 301, 404, 503])
async def test_odd_bytes_of_a_header_can_be_printed(
    server: FaultServer, connect: Clients, caplog: pytest.LogCaptureFixture, header: str, odd: bytes, status: int
) -> None:
    caplog.set_level("DEBUG", "devrev_async")
    events: list[ClientEvent] = []
    client = connect(max_retries=1, on_event=events.append)
    body = ONE if status == 200 else b"{}"
    head = b"HTTP/1.1 %d X%b\r\n%b%b\r\nContent-Length: %d\r\n\r\n"
    server.usual = raw(head % (status, odd, header.encode(), odd, len(body)) + body)
    shown: list[object] = []
    try:
        await client.works.get("ISS-1")
    except APIError as error:
        shown += [error, repr(error), error.request_id, error.location, error.hint, pickle.loads(pickle.dumps(error))]
    else:
        assert status == 200
    shown += [*events, *(record.getMessage() for record in caplog.records)]
    for one in shown:
        assert str(one).encode()
        assert str(one).isprintable()


@pytest.mark.parametrize("header", ["", "Content-Encoding: br\r\n", "Content-Type: text/html\r\n"])
async def test_a_204_is_a_success_whatever_its_head_says(
    server: FaultServer, client: DevRevClient, header: str
) -> None:
    server.play(raw(f"HTTP/1.1 204 No Content\r\n{header}\r\n".encode()))
    await client.works.delete("ISS-1")
    await client.works.get("ISS-1")


NO_CONTENT = b"HTTP/1.1 204 No Content\r\n"
BODIES_OF_A_204 = {
    "a length": [NO_CONTENT + b"Content-Length: 5\r\n\r\nhello"],
    "chunks": [NO_CONTENT + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"],
    "no chunk": [NO_CONTENT + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"],
    "no header": [NO_CONTENT + b"\r\n{}"],
    "bare line feeds": [b"HTTP/1.1 204 No Content\nContent-Length: 2\n\n{}"],
    "an encoding": [NO_CONTENT + b"Content-Encoding: zstd\r\nContent-Length: 2\r\n\r\n{}"],
    "another response": [NO_CONTENT + b"\r\n" + message(ONE)],
    "after an interim answer": [b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + NO_CONTENT + b"\r\n{}"],
    "in pieces": [NO_CONTENT[:5], NO_CONTENT[5:] + b"Content-", b"Length: 2\r\n\r", b"\n{", b"}"],
}


@pytest.mark.parametrize("own_session", [False, True])
@pytest.mark.parametrize("name", BODIES_OF_A_204)
async def test_a_204_is_a_success_whatever_follows(
    server: FaultServer, connect: Clients, name: str, own_session: bool
) -> None:
    """And what follows is taken for no other response."""
    if name == "bare line feeds" and aiohttp.helpers.DEBUG:
        pytest.skip("aiohttp's parser is strict in debug mode")

    async def play(peer: Any) -> None:
        for piece in BODIES_OF_A_204[name]:
            await peer.send(piece)
            await asyncio.sleep(0.01)  # a segment of its own

    session = aiohttp.ClientSession() if own_session else None
    client = connect(max_retries=0, session=session)
    for _ in range(3):
        server.play(play)
        await client.works.delete("ISS-1")
        await client.works.update("ISS-1", title="x")
    if session is not None:
        await session.close()


async def test_nor_has_a_304_a_body(server: FaultServer, connect: Clients) -> None:
    client = connect(max_retries=0)
    server.play(raw(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\n{}"))
    with pytest.raises(APIError) as caught:
        await client.works.get("ISS-1")
    assert caught.value.status == 304
    await client.works.get("ISS-1")


@pytest.mark.parametrize("own_session", [False, True])
async def test_a_204_without_a_body_keeps_its_connection(
    server: FaultServer, connect: Clients, own_session: bool
) -> None:
    session = aiohttp.ClientSession() if own_session else None
    client = connect(session=session)
    server.usual = raw(NO_CONTENT + b"Content-Length: 0\r\n\r\n")
    for _ in range(3):
        await client.works.delete("ISS-1")
    assert server.accepted == 1
    if session is not None:
        await session.close()


async def test_a_byte_order_mark_is_skipped(server: FaultServer, client: DevRevClient) -> None:
    """A write whose answer has one must not be of unknown outcome."""
    mark = b"\xef\xbb\xbf"
    server.play(answer(mark + ONE), answer(mark + ONE), answer(mark + b'{"count":5}'), answer(mark + PAGE))
    assert (await client.works.get("ISS-1")).id == (await client.works.update("ISS-1", title="x")).id
    assert (await client.works.count()).count == 5
    assert await client.works.export()
    server.play(answer(mark + b'{"a":1}'), answer(mark))
    assert await client.request("accounts.get", {"id": "1"}) == {"a": 1}
    assert await client.request("accounts.delete", {"id": "1"}) is None


@pytest.mark.parametrize("then", ["", '{"work":{"id":"x","type":"issue"},"works":[]}'], ids=["nothing", "a body"])
async def test_a_204_where_an_answer_is_due_is_not_asked_for_again(
    server: FaultServer, client: DevRevClient, then: str
) -> None:
    server.usual = raw(b"HTTP/1.1 204 No Content\r\n\r\n" + then.encode())
    for number, call in enumerate((client.works.get("ISS-1"), client.works.count(), client.works.export()), 1):
        with pytest.raises(ResponseDecodeError) as caught:
            await call
        assert (caught.value.status, caught.value.attempts, caught.value.retryable) == (204, 1, False)
        assert len(server.requests) == number
