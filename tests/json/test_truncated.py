"""The beginning of an object, cut anywhere, says what it said whole, and no more."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devrev_async._json.truncated import leading_members
from devrev_async.models.base import is_object
from tests.json.test_text import documents


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (b"", {}),
        (b"{", {}),
        (b'{"a', {}),
        (b'{"a"', {}),
        (b'{"a":', {}),
        (b'{"a":"', {"a": ""}),
        (b'{"a": "b', {"a": "b"}),
        (b'{"a":"b"', {"a": "b"}),
        (b'{"a":"b","c', {"a": "b"}),
        (b'{"a":"b","c":1', {"a": "b"}),
        (b'{"a":"b","c":1e', {"a": "b"}),
        (b'{"a":"b","c":1.', {"a": "b"}),
        (b'{"a":"b","c":1 ', {"a": "b", "c": 1}),
        (b'{"a":"b","c":true', {"a": "b", "c": True}),
        (b'{"a":"b","c":t', {"a": "b"}),
        (b'{"a":{"b":"c","d', {}),
        (b'{"a":{"b":"c"},"d":["e","f', {"a": {"b": "c"}}),
        (b'{"a":[[[["b"]]]],"c":"d', {"a": [[[["b"]]]], "c": "d"}),
        (b'{"a":1,"a":2,"b', {"a": 2}),
        (b'{"a":"b\\', {"a": "b"}),
        (b'{"a":"b\\\\', {"a": "b\\"}),
        (b'{"a":"b\\u', {"a": "b"}),
        (b'{"a":"b\\u00e', {"a": "b"}),
        (b'{"a":"b\\u00e4', {"a": "b\u00e4"}),
        (b'{"a":"b\\ud83d', {"a": "b"}),
        (b'{"a":"b\\uD83D\\', {"a": "b"}),
        (b'{"a":"b\\ud83d\\ude0', {"a": "b"}),
        (b'{"a":"b\\ud83d\\ude00', {"a": "b\U0001f600"}),
        (b'{"a":"b\\\\ud83d', {"a": "b\\ud83d"}),
        (b'{"a":"b\\\\\\', {"a": "b\\"}),
        (b'{"a":"b","c":oops', {"a": "b"}),
        (b'{"a":"b"}}', {"a": "b"}),
        (b'{"a":"b\n', {}),
        (b'["a", {"b":"c"', {}),
        (b'[{"b":"c"}', {}),
        (b'"a":1', {}),
        (b'{"a":"b","c":' + b"[" * 100_000, {"a": "b"}),
    ],
)
def test_what_the_beginning_of_an_object_says(text: bytes, found: dict[str, Any]) -> None:
    assert leading_members(text, "abcd") == found


def test_the_beginning_of_a_string_is_no_value_unless_it_is_prose() -> None:
    assert leading_members(b'{"a":"b","type":"bad_r', "a") == {"a": "b"}


def test_a_member_that_is_nested_deeply_hides_none_behind_it() -> None:
    found = leading_members(b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b',"b":"c"')
    assert found["b"] == "c"


@given(documents())
def test_an_object_that_is_cut_anywhere_says_what_it_said_whole(document: tuple[Any, bytes]) -> None:
    value, text = document
    if not is_object(value):
        assert leading_members(text) == {}
        return
    assert leading_members(text) == value
    for end in range(len(text)):
        if text[end] & 0xC0 != 0x80:  # not inside of a character
            for key, found in leading_members(text[:end]).items():
                assert found == value[key]
            for key, found in leading_members(text[:end], value).items():
                assert found == value[key] or (isinstance(found, str) and value[key].startswith(found))


SCRAPS = st.lists(
    st.sampled_from(
        ["\\", '"', "u", "d83d", "0", "\n", "\x00", "\x7f", "\u00e4", "{", "}", "[", ":", ",", " ", "1e", "true"]
    ),
    max_size=12,
)


@given(SCRAPS)
def test_nothing_that_a_body_may_hold_is_an_exception(scraps: list[str]) -> None:
    text = "".join(scraps)
    assert is_object(leading_members(f"{{{text}".encode(), "a"))
    assert is_object(leading_members(f'{{"a":"{text}'.encode(), "a"))
