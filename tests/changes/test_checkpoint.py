"""A checkpoint of `changes` in any altered form is refused, or says the same; one that was forged is read or refused."""

from __future__ import annotations

import random
import zlib
from array import array
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devrev_async.changes.checkpoint import MOST_CHARACTERS, decode, encode, position_of
from devrev_async.changes.instants import LATEST, UNDATED
from devrev_async.changes.memory import Remembered
from devrev_async.changes.run import Start
from devrev_async.errors import InvalidArgumentError
from tests.damage import damaged
from tests.effort import examples

QUERY = {"type": '["ticket"]', "tags": '["don:1"]'}
_RANDOM = random.Random(3)
NOW = 1_760_000_000_000_000
WHOLE = Start(
    NOW, NOW - 300, Remembered(NOW, NOW - 300, NOW - 200, 2, {_RANDOM.randbytes(8): NOW - n for n in range(12)})
)
TEXT = encode(WHOLE, QUERY)
CUT = "since= is no checkpoint of changes(), or it was cut or altered; for a time, pass an aware datetime"
PLAIN = urlsafe_b64decode(TEXT + "=" * (-len(TEXT) % 4))[4:]
TOKENS = [
    b"\xc0",
    b"\x80",
    b"\x90",
    b"\xd9\xff",
    b"\xdf\xff\xff\xff\xff",
    b"\xcf" + b"\xff" * 8,
    b"\xd3\x80" + b"\0" * 7,
    b"\xc4\x08",
]

_STAMPS = st.integers(UNDATED, LATEST)


def sealed(plain: bytes) -> str:
    """A checkpoint of this content, whose checksum is right."""
    return urlsafe_b64encode(zlib.crc32(plain).to_bytes(4, "big") + plain).decode().rstrip("=")


def _start(position: int, begin: int, floor: int, horizon: int, forgotten: int, keys: dict[bytes, int]) -> Start:
    return Start(position, begin, Remembered(position, floor, horizon, forgotten, keys))


_KEYS = st.dictionaries(st.binary(min_size=8, max_size=8), _STAMPS, max_size=6)


@settings(max_examples=examples(200))
@given(st.builds(_start, st.integers(UNDATED - 1, LATEST), _STAMPS, _STAMPS, _STAMPS, st.integers(0, 10**6), _KEYS))
def test_it_says_all_that_a_call_needs(start: Start) -> None:
    text = encode(start, QUERY)
    assert (decode(text, QUERY), position_of(text)) == (start, start.position)


@settings(max_examples=examples(400))
@given(damaged(TEXT.encode(), [b"A", b"=", b"-_", TEXT.encode()]))
def test_an_altered_one_is_refused_unless_it_says_the_same(text: bytes) -> None:
    try:
        start = decode(text.decode("latin-1"), QUERY)
    except InvalidArgumentError:
        return
    assert start == WHOLE


@settings(max_examples=examples(600))
@given(damaged(PLAIN, TOKENS) | st.binary(max_size=40))
def test_a_forged_one_is_refused_or_can_be_written_again(plain: bytes) -> None:
    try:
        start = decode(sealed(plain), QUERY)
    except InvalidArgumentError:
        return
    assert decode(encode(start, QUERY), QUERY) == start


A, B, C, D, E = (name.encode() * 8 for name in "abcde")
KEPT = Remembered(upto=70, floor=20, horizon=10, forgotten=3, keys={A: 40, B: 60, C: 50})


def test_what_it_is_made_of() -> None:
    """A change of it is a new version: checkpoints outlive a release."""
    text = encode(Start(70, 30, KEPT), QUERY)
    data = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    assert data[:4] == zlib.crc32(data[4:]).to_bytes(4, "big")
    *fields, stamps = msgspec.msgpack.decode(data[4:])
    assert fields == [1, QUERY, 70, 30, 20, 10, 3, A + C + B]  # the oldest first
    assert array("q", zlib.decompress(stamps)).tolist() == [40, 10, 10]  # each after the one before it


@pytest.mark.parametrize(
    "remembered",
    [
        Remembered(5), Remembered(5, 3), Remembered(5, 3, 2, 1),
        Remembered(5, keys={A: 9}), Remembered(5, keys={A: LATEST, B: UNDATED}), Remembered(5, keys={A: 0, B: 0, C: -9}),
    ],
)  # fmt: skip
def test_it_is_read_as_it_was_written(remembered: Remembered) -> None:
    for query in ({}, QUERY, {"type": "x"}, {"type": "xx"}, {"type": "xxx"}):
        text = encode(Start(5, 4, remembered), query)
        assert "=" not in text
        assert (decode(text, query), position_of(text)) == (Start(5, 4, remembered), 5)


def filled(start: Start, over: int) -> dict[str, str]:
    """A query with which a checkpoint has so many bytes more than there is room for."""
    size = len(urlsafe_b64decode(encode(start, {"q": "x" * 70_000}) + "=="))
    return {"q": "x" * (MOST_CHARACTERS * 3 // 4 - size + 70_000 + over)}


def test_it_is_read_whatever_character_it_ends_with() -> None:
    ends: set[str] = set()
    for stamp in range(600):
        start = Start(5, 4, Remembered(5, keys={A: stamp}))
        text = encode(start, {})
        ends.add(text[-1])
        assert decode(text, {}) == start
    assert len(ends) == 64


@pytest.mark.parametrize(
    ("horizon", "over", "kept"),
    [
        (30, 0, Remembered(9, 1, 30, 4, {A: 10, B: 20, C: 40, D: 60, E: 70})),
        (30, 1, Remembered(9, 1, 40, 7, {D: 60, E: 70})),  # the older half, and the latest of them
        (50, 1, Remembered(9, 1, 50, 7, {D: 60, E: 70})),
        (30, 40, Remembered(9, 1, 70, 9, {})),
        (30, 10**6, Remembered(9, 1, 70, 9, {})),  # there is nothing left to forget
    ],
)
def test_one_that_is_too_long_forgets_the_older_half(horizon: int, over: int, kept: Remembered) -> None:
    start = Start(9, 8, Remembered(9, 1, horizon, 4, {A: 10, B: 20, C: 40, D: 60, E: 70}))
    query = filled(start, over)
    text = encode(start, query)
    assert (len(text) == MOST_CHARACTERS) is (over == 0)
    assert decode(text, query) == Start(9, 8, kept)


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        (TEXT.encode(), TypeError, "since= takes a datetime, a checkpoint or None, not bytes"),
        ("\u00e9", InvalidArgumentError, "since= is no checkpoint of changes(); for a time, pass an aware datetime"),
        ("A", InvalidArgumentError, "since= is no checkpoint of changes(); for a time, pass an aware datetime"),
        ("2025-01-31", InvalidArgumentError, CUT),
        ("2025-01-31T12:00:00Z", InvalidArgumentError, "since= is no checkpoint of changes(); for a time, pass an aware datetime"),
        ("", InvalidArgumentError, CUT),
        ("AAAAAA", InvalidArgumentError, CUT),
        (TEXT[:-4], InvalidArgumentError, CUT),
        (sealed(b"\x01"), InvalidArgumentError, "since= is no checkpoint of changes()"),
        (sealed(b"\x91\x02"), InvalidArgumentError,
         "since= is a checkpoint of version 2, and this release knows 1: use a newer release"),
        (sealed(b"\x91\x01"), InvalidArgumentError, "since= is no checkpoint of changes()"),
        (encode(WHOLE, {}), InvalidArgumentError,
         ('since= is a checkpoint of another query: tags was not given and is ["don:1"]; '
         'type was not given and is ["ticket"]. Pass the same filters, or begin anew')),
    ],
)  # fmt: skip
def test_why_it_is_refused(text: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error) as caught:
        decode(text, QUERY)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    "fields",
    [
        {}, {"position": LATEST, "begin": LATEST}, {"position": UNDATED - 1, "begin": UNDATED}, {"forgotten": 0},
        {"keys": bytes(8 * 50_000), "stamps": zlib.compress(bytes(8 * 50_000))},
        {"keys": A + B, "stamps": zlib.compress(array("q", [UNDATED, LATEST - UNDATED]).tobytes())},
    ],
)  # fmt: skip
def test_what_a_call_may_write_is_read(fields: dict[str, Any]) -> None:
    assert decode(_forged(**fields), QUERY).position == fields.get("position", 0)


@pytest.mark.parametrize(
    "fields",
    [
        {"version": 2, "query": 5}, {"version": -1}, {"keys": bytes(8), "stamps": b""},
        {"keys": bytes(8), "stamps": zlib.compress(array("q", [LATEST + 1]).tobytes())},
        {"keys": bytes(8), "stamps": zlib.compress(array("q", [UNDATED - 1]).tobytes())},
    ],
)  # fmt: skip
def test_what_a_call_cannot_have_written_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgumentError):
        decode(_forged(**fields), QUERY)


def _forged(**fields: Any) -> str:
    """One of no works but those of the fields."""
    names = ("version", "query", "position", "begin", "floor", "horizon", "forgotten", "keys", "stamps")
    values = [1, QUERY, 0, 0, 0, 0, 0, b"", b""]
    return sealed(msgspec.msgpack.encode([fields.get(name, value) for name, value in zip(names, values, strict=True)]))


def _steps(*steps: int) -> bytes:
    return zlib.compress(array("q", steps).tobytes())


@pytest.mark.parametrize(
    "fields",
    [
        {"version": 0}, {"position": LATEST + 1}, {"position": UNDATED - 2}, {"begin": LATEST + 1}, {"begin": UNDATED - 1},
        {"forgotten": -1}, {"keys": b"1234567"}, {"keys": bytes(8)}, {"keys": bytes(8), "stamps": b"no zlib"},
        {"keys": bytes(8), "stamps": zlib.compress(b"1234567")}, {"keys": bytes(16), "stamps": _steps(1)},
        {"keys": bytes(16), "stamps": _steps(2**62, 2**62)}, {"keys": bytes(8), "stamps": _steps(-(2**62))},
        {"keys": bytes(8 * 50_001), "stamps": _steps(*[0] * 50_001)},
    ],
)  # fmt: skip
def test_what_no_call_ever_wrote_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgumentError, match="no checkpoint"):
        decode(_forged(**fields), QUERY)


def test_one_that_is_nested_too_deeply_is_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="no checkpoint"):
        decode(sealed(b"\x92\x01" + b"\x91" * 100_000 + b"\x00"), QUERY)


def test_what_inflates_beyond_its_works_is_not_inflated() -> None:
    bomb = zlib.compress(bytes(1 << 26))
    start = decode(_forged(keys=bytes(8), stamps=bomb), QUERY)
    assert start.remembered.keys == {bytes(8): 0}
