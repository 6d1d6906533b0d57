"""What a work's JSON has and its type does not keep."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devrev_async._decoders.unknown_keys import unknown_keys

DEEP = b'{"x":%b1%b}' % (b'{"a":' * 900, b"}" * 900)
DEEPER = b'{"x":%b1%b}' % (b"[" * 50_000, b"]" * 50_000)


@pytest.mark.parametrize(
    ("text", "known", "beyond"),
    [
        (b"{}", b"{}", b""),
        (b'{"a":1}', b'{"a":1}', b""),
        (b'{"b":2,"a":1}', b'{"a":1}', b'{"b":2}'),
        (b'{"c":[1],"b":{"z":1,"y":null},"a":1}', b'{"a":1}', b'{"b":{"y":null,"z":1},"c":[1]}'),
        (b'{"b":null}', b"{}", b""),
        (b'{"a":"2024-01-01T00:00:00.000Z"}', b'{"a":"2024-01-01T00:00:00Z"}', b""),
        (b'{"a":{"b":{"x":1,"y":2}}}', b'{"a":{"b":{"x":1}}}', b'{"a":{"b":{"y":2}}}'),
        (b'{"a":[{"x":1},{"x":1,"y":2}]}', b'{"a":[{"x":1},{"x":1}]}', b'{"a":[null,{"y":2}]}'),
        (b'{"a":[{"x":1},5]}', b'{"a":[{"x":1}]}', b""),
        (b'{"a":{"x":1}}', b'{"a":"x"}', b""),
        (b'{"b":"\\ud800","a":1}', b'{"a":1}', b'{"b": "\\ud800"}'),
        (b'{"b":"x","a":"\\ud800"}', b'{"a":"\\ud800"}', b'{"b": "x"}'),
        (b'{"a":"\\ud800 "}', b'{"a":"\\ud800"}', b""),
        (DEEPER, b'{"a":1}', DEEPER),
    ],
    ids=lambda text: text[:40].decode(),
)
def test_what_is_beyond(text: bytes, known: bytes, beyond: bytes) -> None:
    assert unknown_keys(text, known) == beyond


def test_deep_values_end_without_an_error() -> None:
    assert unknown_keys(DEEP, DEEP) == b""
    assert unknown_keys(DEEP.replace(b"1", b'{"new":2}'), DEEP) in (b"", DEEP.replace(b"1", b'{"new":2}'))


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abcd"), inner, max_size=3),
)


def turned(value: Any) -> Any:
    if isinstance(value, dict):
        pairs: list[tuple[str, Any]] = [*value.items()]  # pyright: ignore[reportUnknownVariableType]
        return {key: turned(item) for key, item in reversed(pairs)}
    return [turned(item) for item in value] if isinstance(value, list) else value  # pyright: ignore[reportUnknownVariableType]


@given(st.dictionaries(st.sampled_from("abcd"), VALUES))
def test_the_order_of_keys_says_nothing(value: dict[str, Any]) -> None:
    text, other = json.dumps(value).encode(), json.dumps(turned(value)).encode()
    assert unknown_keys(text, other) == b""
    assert unknown_keys(text, b"{}") == unknown_keys(other, b"{}")
