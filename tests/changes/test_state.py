"""The state of `sync` in any altered form is refused, or says the same; one that was forged is read or refused."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from zlib import crc32

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devrev_async.changes.checkpoint import encode
from devrev_async.changes.pending import MOST_RUNS
from devrev_async.changes.query import words_of
from devrev_async.changes.run import Start
from devrev_async.changes.state import State, check_clock, check_organisation, check_origin, check_query, parse, render
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


UNTIL = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize("seconds", [0, 3600, -1, -5])
def test_a_clock_may_be_some_seconds_behind(seconds: float) -> None:
    check_clock(WHOLE, "state", UNTIL + timedelta(seconds=seconds))
    check_clock(WHOLE, "state", None)


def test_a_clock_that_was_put_back_is_refused() -> None:
    with pytest.raises(SyncStateError) as caught:
        check_clock(WHOLE, "a/b", UNTIL - timedelta(seconds=6))
    assert str(caught.value) == (
        "a/b: the state is of 2026-03-01T12:00:00Z, and the server's clock says 2026-03-01T11:59:54+00:00"
    )
    assert (caught.value.path, caught.value.hint) == (
        "a/b",
        "if the server's clock was put right, start anew with full_refresh=True (--full-refresh)",
    )


def test_a_state_is_of_one_organisation() -> None:
    for known in ("devo/0aB", None):
        check_organisation(WHOLE, "state", known)
    unknown = msgspec.structs.replace(WHOLE, organisation=None)
    for any_other in ("devo/other", None):
        check_organisation(unknown, "state", any_other)
    with pytest.raises(SyncStateError) as caught:
        check_organisation(WHOLE, "a/b", "devo/other")
    assert str(caught.value) == "a/b: the state is of organisation devo/0aB, and this token sees devo/other"
    assert (caught.value.path, caught.value.hint) == (
        "a/b",
        "use another state and folder for each organisation",
    )


def test_its_text_is_what_earlier_releases_wrote() -> None:
    state = msgspec.structs.replace(WHOLE, query={"tags": ["don:é"]}, checkpoint="AAA=")
    assert render(state).decode() == (
        '{\n "format": "devrev-async sync state",\n "version": 1,\n "query": {\n  "tags": [\n   "don:é"\n  ]\n },\n'
        ' "origin": "https://api.devrev.ai",\n "organisation": "devo/0aB",\n "until": "2026-03-01T12:00:00Z",\n'
        ' "run": 17,\n "file": "works-000017.jsonl",\n "refresh": null,\n "checkpoint": "AAA=",\n "check": "2ad151da"\n}\n'
    )


ANEW = "restore the file from a backup, or start anew with full_refresh=True (--full-refresh)"


@pytest.mark.parametrize(
    ("content", "text", "hint"),
    [
        (b"", "the state file is empty", ANEW),
        (b" \n", "the state file is empty", ANEW),
        (render(WHOLE)[:-10], "the state file is cut short or damaged", ANEW),
        (b"[]", "this is no state of works.sync", "pass the path of a state, or of no file yet"),
        (b'{"format":"x"}', "this is no state of works.sync", "pass the path of a state, or of no file yet"),
        (sealed(run="x"), "the state file is damaged", ANEW),
        (sealed(checkpoint="x"), "the state file is damaged", ANEW),
        (sealed(run=-1), "the state file is damaged or was altered", ANEW),
        (render(WHOLE).replace(b": 17,", b": 18,"), "the state file is damaged or was altered", ANEW),
        (
            sealed(version=2, more=1),
            "the state is of version 2, and this release knows versions up to 1",
            "use the release that wrote it, or a newer one",
        ),
        (sealed(version=0), "the state file is damaged or was altered", ANEW),
    ],
)
def test_what_is_refused_is_said_with_what_to_do(content: bytes, text: str, hint: str) -> None:
    with pytest.raises(SyncStateError) as caught:
        parse(content, "a/b")
    assert (str(caught.value), caught.value.path, caught.value.hint) == (f"a/b: {text}", "a/b", hint)


def test_a_file_without_its_checksum_is_refused() -> None:
    values = json.loads(render(WHOLE))
    del values["check"]
    with pytest.raises(SyncStateError, match="damaged or was altered"):
        parse(json.dumps(values).encode(), "state")


@pytest.mark.parametrize("run", [0, MOST_RUNS])
def test_the_first_and_the_last_number_of_a_run_are_read(run: int) -> None:
    assert parse(sealed(run=run, refresh=run), "state").run == run


def test_a_state_is_of_one_server_and_one_query() -> None:
    check_origin(WHOLE, "state", "https://api.devrev.ai")
    with pytest.raises(SyncStateError) as caught:
        check_origin(WHOLE, "a/b", "https://other")
    assert str(caught.value) == "a/b: the state is of https://api.devrev.ai, and this run asks https://other"
    assert (caught.value.path, caught.value.hint) == (
        "a/b",
        "use another state and folder for each server and organisation",
    )
    check_query(WHOLE, "state", dict(QUERY))
    with pytest.raises(SyncStateError) as caught:
        check_query(WHOLE, "a/b", {"type": ["issue"]})
    assert str(caught.value) == (
        'a/b: the state is of another query: tags was ["don:1"] and is not given; type was ["ticket"] and is ["issue"]'
    )
    assert (caught.value.path, caught.value.hint) == (
        "a/b",
        "pass the same filters, use another state and folder, or start anew with full_refresh=True (--full-refresh)",
    )
