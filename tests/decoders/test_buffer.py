"""The window is the bytes that were fed, less those that were used up, whatever the order of the two."""

import re

from hypothesis import given
from hypothesis import strategies as st

from devrev_async._decoders.buffer import ByteBuffer

STEPS = st.lists(st.tuples(st.binary(max_size=300), st.floats(0, 1)), max_size=40)


@given(STEPS)
def test_it_holds_what_was_fed_and_not_used_up(steps: list[tuple[bytes, float]]) -> None:
    window, expected = ByteBuffer(), b""
    for fed, share in steps:
        window.append(memoryview(fed))
        expected += fed
        assert len(window) == len(expected)
        assert window.copy(window.at) == expected
        assert len(window.buffer) > window.end  # room for a bracket
        window.buffer[window.end] = 0x5D
        used = int(len(expected) * share)
        window.at += used
        expected = expected[used:]
    window.clear()
    assert (len(window), bytes(window.buffer)) == (0, b"\0")


@given(st.integers(1, 200_000), st.integers(1, 200_000))
def test_its_memory_is_bounded_by_what_it_holds_at_once(piece: int, kept: int) -> None:
    window = ByteBuffer()
    for _ in range(30):
        window.append(bytes(piece))
        window.at = max(window.at, window.end - kept)
    assert len(window.buffer) <= 3 * (piece + kept) + (128 << 10)


def test_what_was_used_up_or_lies_behind_the_end_is_not_found() -> None:
    window = ByteBuffer()
    window.append(b"aaabbb")
    window.at, window.end = 3, 5
    assert window.past(re.compile(rb"b*"), 3) == 5
    assert window.match(re.compile(rb"c"), 3) is None
    assert window.past(re.compile(rb"c"), 3) == 3
    window.append(b"c" * 100_000)
    assert window.copy(window.at) == b"bb" + b"c" * 100_000
