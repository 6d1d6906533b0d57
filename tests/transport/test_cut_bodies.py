"""A response that is split or cut, at each of its bytes: a cut is a lost response, and its body is never corrupt."""

import gzip
import itertools
import random
import zlib
from collections.abc import Callable

import pytest

from devrev_async import DevRevClient
from devrev_async._transport.content_decoder import ContentDecoder, ContentEncodingError
from devrev_async.errors import APIConnectionError, LostAnswerError, OutcomeUnknownError, ResponseDecodeError
from tests.transport.conftest import Clients
from tests.transport.server import ONE, FaultServer, Play, answer, chunked, message, raw

pytestmark = pytest.mark.anyio


def deflated(data: bytes, wbits: int, level: int = 6, strategy: int = zlib.Z_DEFAULT_STRATEGY) -> bytes:
    packer = zlib.compressobj(level, wbits=wbits, strategy=strategy)
    return packer.compress(data) + packer.flush()


def flushed(data: bytes) -> bytes:
    """As servers compress that send each part at once: a block for every ten bytes."""
    packer = zlib.compressobj(wbits=31)
    parts = (data[at : at + 10] for at in range(0, len(data), 10))
    return b"".join(packer.compress(part) + packer.flush(zlib.Z_SYNC_FLUSH) for part in parts) + packer.flush()


def named(data: bytes) -> bytes:
    """Gzip whose header has a file name, a comment and further fields, as it may."""
    plain = gzip.compress(data, mtime=0)
    flags, extra = bytes([0x04 | 0x08 | 0x10]), b"\x05\x00extra"
    return plain[:3] + flags + plain[4:10] + extra + b"works.json\0" + b"a comment\0" + plain[10:]


Pack = Callable[[bytes], bytes]
PACKED: dict[str, tuple[str, Pack]] = {
    "gzip": ("gzip", lambda data: gzip.compress(data, mtime=0)),
    "gzip with a long header": ("gzip", named),
    "gzip of stored blocks": ("gzip", lambda data: deflated(data, 31, level=0)),
    "gzip of fixed codes": ("gzip", lambda data: deflated(data, 31, strategy=zlib.Z_FIXED)),
    "gzip with a block for each part": ("gzip", flushed),
    "gzip of three members": ("gzip", lambda data: b"".join(map(gzip.compress, (data[:9], b"", data[9:])))),
    "deflate": ("deflate", lambda data: deflated(data, 15)),
    "deflate without its header": ("deflate", lambda data: deflated(data, -15)),
    "deflate of stored blocks without its header": ("deflate", lambda data: deflated(data, -15, level=0)),
}
INCOMPRESSIBLE = random.Random(1).randbytes(600)


def unpacked(encoding: str, *parts: bytes) -> bytes:
    decoder = ContentDecoder(encoding, 1 << 20)
    whole = b"".join(piece for part in parts for piece in decoder.decode(part))
    decoder.flush()
    return whole


@pytest.mark.parametrize("data", [ONE, INCOMPRESSIBLE, b"", b"x"], ids=["JSON", "noise", "nothing", "a byte"])
@pytest.mark.parametrize("name", PACKED)
def test_a_body_may_be_split_anywhere(name: str, data: bytes) -> None:
    encoding, pack = PACKED[name]
    packed = pack(data)
    for at in range(len(packed) + 1):
        assert unpacked(encoding, packed[:at], packed[at:]) == data
    assert unpacked(encoding, *(packed[at : at + 1] for at in range(len(packed)))) == data


@pytest.mark.parametrize("data", [ONE, INCOMPRESSIBLE], ids=["JSON", "noise"])
@pytest.mark.parametrize("name", PACKED)
def test_a_body_that_is_cut_anywhere_is_cut_and_not_corrupt(name: str, data: bytes) -> None:
    encoding, pack = PACKED[name]
    packed = pack(data)
    for at in range(1, len(packed)):
        try:
            part = unpacked(encoding, packed[:at])
        except ContentEncodingError as error:
            assert error.cut  # no error is raised where a member ends
        else:
            assert name == "gzip of three members"
            assert part == data[: len(part)] != data


@pytest.mark.parametrize(
    "behind",
    [b"\n", b"\0", b"garbage", b"\x78", zlib.compress(ONE)],
    ids=["a line feed", "a null", "garbage", "a byte of a header", "another body"],
)
@pytest.mark.parametrize("name", PACKED)
def test_what_follows_a_body_is_corrupt_however_it_is_split(name: str, behind: bytes) -> None:
    encoding, pack = PACKED[name]
    packed = pack(ONE)
    for at in range(len(packed) + len(behind)):
        whole = packed + behind
        with pytest.raises(ContentEncodingError) as caught:
            unpacked(encoding, whole[:at], whole[at:])
        assert not caught.value.cut


# -- over HTTP -----------------------------------------------------------------------------------------------------


def by_length(packed: bytes, at: int, encoding: str) -> Play:
    whole = message(packed, headers={"Content-Encoding": encoding})
    return raw(whole[: len(whole) - len(packed) + at], then="close")


def by_chunks(packed: bytes, at: int, encoding: str) -> Play:
    return raw(chunked(packed[:at], end=b"", headers=f"Content-Encoding: {encoding}\r\n"), then="close")


def by_close(packed: bytes, at: int, encoding: str) -> Play:
    return raw(message(packed[:at], headers={"Content-Encoding": encoding, "Content-Length": ""}), then="close")


def unnoticed(packed: bytes, at: int, encoding: str) -> Play:
    """HTTP is whole: a proxy has cut what it then sent on."""
    return answer(packed[:at], headers={"Content-Encoding": encoding})


FRAMES = [by_length, by_chunks, by_close, unnoticed]
OVER_HTTP = ["gzip", "gzip of three members", "deflate", "deflate without its header"]


@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize("name", OVER_HTTP)
async def test_a_read_that_is_cut_anywhere_is_sent_again(
    server: FaultServer, client: DevRevClient, name: str, frame: Callable[[bytes, int, str], Play]
) -> None:
    encoding, pack = PACKED[name]
    packed = pack(ONE)
    whole = answer(packed, headers={"Content-Encoding": encoding})
    for at in itertools.chain(range(12), range(12, len(packed), 3), range(len(packed) - 12, len(packed))):
        server.play(frame(packed, at, encoding), whole)
        assert (await client.works.get("ISS-1")).display_id == "ISS-1"
        assert not server.plays  # both were needed


@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize("name", ["gzip", "deflate"])
async def test_without_another_attempt_it_is_never_called_corrupt(
    server: FaultServer, connect: Clients, name: str, frame: Callable[[bytes, int, str], Play]
) -> None:
    client = connect(max_retries=0)
    encoding, pack = PACKED[name]
    packed = pack(ONE)
    for at in range(0, len(packed), 5):
        server.play(frame(packed, at, encoding))
        with pytest.raises((APIConnectionError, ResponseDecodeError)) as caught:
            await client.works.get("ISS-1")
        assert "corrupt" not in str(caught.value)
        assert caught.value.retryable
        server.play(frame(packed, at, encoding))
        with pytest.raises(OutcomeUnknownError) as unknown:
            await client.works.update("ISS-1", title="x")
        assert "corrupt" not in str(unknown.value)


ZIPPED = gzip.compress(ONE, mtime=0)
RESPONSES = {
    "a length": message(ONE),
    "chunks": chunked(ONE[:50], ONE[50:]),
    "a length, gzip": message(ZIPPED, headers={"Content-Encoding": "gzip"}),
    "chunks, gzip": chunked(ZIPPED[:30], ZIPPED[30:], headers="Content-Encoding: gzip\r\n"),
    "a trailer": chunked(ONE, end=b"0\r\nX: y\r\n\r\n"),
    "an interim answer": b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + message(ONE),
    "no content": b"HTTP/1.1 204 No Content\r\nX: y\r\n\r\n",
}


@pytest.mark.parametrize("then", ["close", "reset"])
@pytest.mark.parametrize("name", RESPONSES)
async def test_a_response_that_is_cut_at_any_byte_is_lost(
    server: FaultServer, connect: Clients, name: str, then: str
) -> None:
    """Its head and its frame included: a read may be sent again, and of a write nothing is known."""
    client, whole = connect(max_retries=0), RESPONSES[name]
    for at in range(0, len(whole), 5):
        server.play(raw(whole[:at], then=then))
        with pytest.raises(APIConnectionError) as caught:
            await client.works.get("ISS-1")
        assert caught.value.retryable
        server.play(raw(whole[:at], then=then))
        with pytest.raises(LostAnswerError):
            await client.works.update("ISS-1", title="x")


@pytest.mark.parametrize("name", PACKED)
async def test_a_response_in_pieces_of_any_size_is_read(server: FaultServer, client: DevRevClient, name: str) -> None:
    """The pieces meet aiohttp's parser as they are sent, or several together."""
    encoding, pack = PACKED[name]
    packed = pack(ONE)
    for size in (1, 2, 3, 7, 50):
        parts = [packed[at : at + size] for at in range(0, len(packed), size)]
        server.play(
            raw(message(b"", headers={"Content-Encoding": encoding, "Content-Length": str(len(packed))}), *parts),
            raw(chunked(*parts, headers=f"Content-Encoding: {encoding}\r\n")),
        )
        for _ in range(2):
            assert (await client.works.get("ISS-1")).display_id == "ISS-1"
    assert server.accepted == 1
