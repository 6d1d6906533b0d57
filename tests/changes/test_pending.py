"""The note of a run that is about to publish its file: read as it was written, or not at all."""

from __future__ import annotations

import json
from typing import Any
from zlib import crc32

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devrev_async.changes.pending import Pending, parse_pending, render_pending
from tests.damage import damaged
from tests.effort import examples

NOTE = Pending(
    run=18,
    format="jsonl.gz",
    contents=["1829:8c736521"],
    query={"type": ["ticket"], "tags": ["don:1"]},
    origin="https://api.devrev.ai",
)


@settings(max_examples=examples(300))
@given(damaged(render_pending(NOTE), [b"null", b"[]", b"\xff", b"9" * 5000]) | st.binary(max_size=40))
def test_an_altered_one_says_nothing_unless_it_says_the_same(content: bytes) -> None:
    assert parse_pending(content) in (None, NOTE)


@pytest.mark.parametrize(
    "fields", [{"run": 0}, {"run": 10**30}, {"run": True}, {"format": "../x"}, {"contents": [1]}, {"query": []}]
)
def test_what_no_run_ever_noted_says_nothing(fields: dict[str, Any]) -> None:
    text = json.dumps(msgspec.to_builtins(NOTE) | fields)
    assert parse_pending(f"{text}\n{crc32(text.encode()):08x}\n".encode()) is None
