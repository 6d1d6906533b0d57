"""The end of a response that has no content, in bytes that arrive in any pieces."""

import asyncio
from typing import ClassVar

import pytest

from devrev_async import DevRevClient
from devrev_async._transport import connector
from devrev_async._transport.protocol import FIRST_READ, HeadReader, Protocol

EARLY = b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
NONE = b"HTTP/1.1 204 No Content\r\n\r\n"
LENGTH = b"HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\n"

CASES = [
    # what arrives, how much of it belongs to the response, whether more than that follows or is announced
    (NONE, NONE, False),
    (NONE + b"{}", NONE, True),
    (NONE + b"HTTP/1.1 200 OK\r\n\r\n", NONE, True),
    (LENGTH, LENGTH, True),
    (LENGTH + b"{}", LENGTH, True),
    (EARLY + NONE, EARLY + NONE, False),
    (EARLY + EARLY + LENGTH + b"{}", EARLY + EARLY + LENGTH, True),
    (
        b"HTTP/1.1 204 No\nTransfer-Encoding: chunked\n\n0\r\n\r\n",
        b"HTTP/1.1 204 No\nTransfer-Encoding: chunked\n\n",
        True,
    ),
    (b"HTTP/1.1 204 No\r\nContent-Length: 0\r\n\r\n", b"HTTP/1.1 204 No\r\nContent-Length: 0\r\n\r\n", False),
    (b"HTTP/1.0 304 Not Modified\r\n\r\n<html>", b"HTTP/1.0 304 Not Modified\r\n\r\n", True),
]
OTHERS = [
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
    EARLY + b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
    b"HTTP/1.1 101 Switching Protocols\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n{}",
    b"HTTP/1.1 404 204\r\n\r\n",
    b"SSH-2.0-x\r\n\r\n",
    b"\r\n\r\n",
]


def pieces(data: bytes) -> list[tuple[bytes, ...]]:
    """The data in one piece, in any two, and byte by byte."""
    halves = [(data[:n], data[n:]) for n in range(1, len(data))]
    return [(data,), *halves, tuple(data[n : n + 1] for n in range(len(data)))]


@pytest.mark.parametrize(("arriving", "kept", "surplus"), CASES)
def test_what_follows_a_head_without_content_is_cut_off(arriving: bytes, kept: bytes, surplus: bool) -> None:
    for split in pieces(arriving):
        head = HeadReader()
        assert b"".join(head.read(piece) for piece in split) == kept
        assert (head.done, head.other, head.surplus) == (True, False, surplus)


@pytest.mark.parametrize("arriving", OTHERS)
def test_another_response_is_left_alone(arriving: bytes) -> None:
    for split in pieces(arriving):
        head = HeadReader()
        assert b"".join(head.read(piece) for piece in split) == arriving
        assert head.other is head.done
        assert not head.surplus


# --- how much is read at once ---

BODY = b"{" + b" " * 1_000_000 + b"}"
LONG = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY


class Recorder(Protocol):
    """Notes the size of each piece that arrives, and how much could have been read, by response."""

    sizes: ClassVar[list[list[tuple[int, int]]]] = []

    def data_received(self, data: bytes) -> None:
        if self.new:
            self.sizes.append([])
        if data:  # aiohttp itself passes on an empty rest
            self.sizes[-1].append((len(data), self.socket.max_size))
        super().data_received(data)


@pytest.mark.anyio
async def test_the_first_read_of_each_response_is_small_and_those_of_a_long_body_are_large(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if not isinstance(asyncio.get_running_loop(), asyncio.SelectorEventLoop):
        pytest.skip("another loop reads as it likes")
    monkeypatch.setattr(connector, "Protocol", Recorder)
    monkeypatch.setattr(Recorder, "sizes", [])

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(2):
            await reader.readuntil(b"{}")
            writer.write(LONG)  # all of it is there when the client reads its first piece
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with DevRevClient("test-token-0123456789", base_url=f"http://127.0.0.1:{port}") as devrev:
            for _ in range(2):
                assert await devrev.request("x.get", idempotent=True) == {}
    for sizes in Recorder.sizes:
        full = [size for size, _ in sizes].index(FIRST_READ)  # a piece as long as a read of a short response may be
        assert {most for _, most in sizes[: full + 1]} == {FIRST_READ}
        assert {most for _, most in sizes[full + 1 :]} == {256 << 10}
    assert len(Recorder.sizes) == 2
