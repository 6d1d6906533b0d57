"""The note of a run that is about to publish its file: read as it was written, or not at all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from zlib import crc32

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devrev_async.changes.pending import MOST_RUNS, Pending, parse_pending, path_of_pending, render_pending
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


@pytest.mark.parametrize("run", [1, MOST_RUNS])
def test_a_note_is_read_as_it_was_written(run: int) -> None:
    note = msgspec.structs.replace(NOTE, run=run)
    assert parse_pending(render_pending(note)) == note


def test_its_text_is_what_earlier_releases_wrote() -> None:
    note = msgspec.structs.replace(NOTE, query={"tags": ["don:é"]})
    text = (
        '{"run": 18, "format": "jsonl.gz", "contents": ["1829:8c736521"], "query": {"tags": ["don:é"]}, '
        '"origin": "https://api.devrev.ai"}'
    )
    assert render_pending(note).decode() == f"{text}\nc6a7e474\n"


def test_a_note_lies_hidden_beside_its_state() -> None:
    assert path_of_pending(Path("a", "state.json")) == Path("a", ".state.json.pending")


def test_what_is_not_sealed_or_has_more_than_its_seal_says_nothing() -> None:
    content = render_pending(NOTE)
    for other in (content[:-1], content.upper(), content + b"\n", content + content, content.replace(b"\n", b"\r\n")):
        assert parse_pending(other) is None
