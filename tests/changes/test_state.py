"""The state of `sync` in any altered form is refused, or says the same; one that was forged is read or refused."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any
from zlib import crc32

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devrev_async.changes.checkpoint import encode
from devrev_async.changes.query import words_of
from devrev_async.changes.run import Start
from devrev_async.changes.state import State, parse, render
from devrev_async.errors import SyncStateError
from tests.damage import damaged
from tests.effort import examples

QUERY = {"type": ["ticket"], "tags": ["don:1"]}
WHOLE = State(
    query=QUERY,
    origin="https://api.devrev.ai",
    organisation="devo/0aB",
    until="2026-03-01T12:00:00Z",
    run=17,
    file="works-000017.jsonl",
    checkpoint=encode(Start.at(1_760_000_000_000_000), words_of(QUERY)),
)
TOKENS = [
    b"null",
    b"-1",
    b"1e9",
    b"9" * 5000,
    b'""',
    b'"\\ud800"',
    b"\xff",
    b"[]",
    b"[[",
    b"{}",
    b"NaN",
    b"true",
    b",",
    b":",
    b'"a":',
]


@settings(max_examples=examples(600))
@given(damaged(render(WHOLE), TOKENS) | st.binary(max_size=40))
def test_an_altered_one_is_refused_unless_it_says_the_same(content: bytes) -> None:
    try:
        state = parse(content, "state")
    except SyncStateError as error:
        assert error.path == "state"
        assert error.hint
        return
    assert state == WHOLE


def sealed(**fields: Any) -> bytes:
    """A state with these fields, whose checksum is right."""
    values = json.loads(render(WHOLE)) | fields
    del values["check"]
    check = f"{crc32(json.dumps(values, sort_keys=True).encode()):08x}"
    return json.dumps(values | {"check": check}).encode()


def test_the_checksum_of_these_tests_is_that_of_a_state() -> None:
    assert parse(sealed(), "state") == WHOLE


_JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=5,
)


@settings(max_examples=examples(300))
@given(st.dictionaries(st.sampled_from([*json.loads(render(WHOLE)), "other"]), _JSON, min_size=1, max_size=2))
def test_a_forged_one_is_refused_or_can_be_written_again(fields: dict[str, Any]) -> None:
    try:
        state = parse(sealed(**fields), "state")
    except SyncStateError:
        return
    assert parse(render(state), "state") == state


@pytest.mark.parametrize("depths", [range(850, 1000), [100_000]])
def test_one_that_is_nested_too_deeply_is_refused(depths: Iterable[int]) -> None:
    for depth in depths:  # somewhere below a thousand, Python reads what it cannot write again
        content = render(WHOLE).replace(b'"don:1"', b"[" * depth + b"]" * depth)
        with pytest.raises(SyncStateError):
            parse(content, "state")


@pytest.mark.parametrize(
    "fields",
    [
        {"until": ""}, {"until": "tomorrow"}, {"until": "2026-03-01T12:00:00"}, {"until": None}, {"run": -1}, {"run": True},
        {"run": 10**30}, {"refresh": -1}, {"refresh": 10**30}, {"query": []}, {"checkpoint": ""},
        {"format": "another"}, {"version": 0}, {"version": "1"}, {"version": 1.5}, {"version": None}, {"version": True},
    ],
)  # fmt: skip
def test_what_no_run_ever_wrote_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(SyncStateError):
        parse(sealed(**fields), "state")
