"""Works taken as soon as they are whole: the same works, the same ends, the same refusals, however the bytes come."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devrev_async._decoders.buffer import ByteBuffer
from devrev_async._decoders.json_scanner import Malformed, Truncated, value_end
from devrev_async.models import Work
from tests.decoders.bodies import works_page
from tests.effort import examples

texts = st.text(max_size=12) | st.sampled_from(["},{", "]}", '\\"', '"works":[', "\ud83d"])
values = st.recursive(
    st.none() | st.booleans() | st.integers() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
works = st.lists(
    st.fixed_dictionaries(
        {"type": st.sampled_from(["issue", "ticket", "incident"]), "id": texts}, optional={"x": values}
    )
    | values,
    max_size=6,
)


@st.composite
def documents(draw: st.DrawFn) -> tuple[list[Any], bytes]:
    made = draw(works)
    indent = draw(st.sampled_from([None, 1]))
    return made, json.dumps({"a": 1, "works": made, "next_cursor": "c"}, indent=indent).encode()


def read(body: bytes, cuts: list[tuple[int, bool]], *, finish: bool = True) -> list[Work]:
    page = works_page()
    got: list[Work] = []
    at = 0
    for size, eager in [*cuts, (len(body), False)]:
        page.feed(body[at : at + size])
        at += size
        for way in (False, eager):
            while (batch := page.take(eager=way)) is not None:
                got += batch
    if finish:
        page.finish()
        while (batch := page.take()) is not None:
            got += batch
        assert page.cursors.next_cursor == "c"
    return got


cuts = st.lists(st.tuples(st.integers(0, 40), st.booleans()), max_size=30)


@settings(max_examples=examples(600))
@given(documents(), cuts)
def test_however_the_bytes_come_the_works_are_the_same(document: tuple[list[Any], bytes], where: list[Any]) -> None:
    made, body = document
    assert read(body, where) == read(body, [])
    assert len(read(body, where)) == len(made)


@settings(max_examples=examples(200))
@given(documents(), cuts, st.data())
def test_a_body_that_is_cut_is_never_taken_as_whole(
    document: tuple[list[Any], bytes], where: list[Any], data: st.DataObject
) -> None:
    _, body = document
    end = data.draw(st.integers(0, len(body) - 1))
    with pytest.raises((Truncated, Malformed)):
        read(body[:end], where)


def test_a_whole_work_comes_before_what_stands_behind_it() -> None:
    one = b'{"works":[{"type":"task","id":"1"}'
    assert [each.id for each in read(one, [(len(one), True)], finish=False)] == ["1"]
    two = one + b' \n , {"type":"task","id":"2"}'
    assert [each.id for each in read(two, [(len(one), True), (3, True), (99, True)], finish=False)] == ["1", "2"]


@pytest.mark.parametrize(
    ("rest", "ids"),
    [(b',{"type":"task","id":"2"}]}', ["2"]), (b' , {"type":"task","id":"2"} ] }', ["2"]), (b"]}", None)],
)
def test_what_is_behind_a_work_taken_early_comes_with_the_next_take(rest: bytes, ids: list[str] | None) -> None:
    page = works_page()
    page.feed(b'{"works":[{"type":"task","id":"1"}')
    assert page.take(eager=True) is not None
    page.feed(rest)
    page.finish()
    batch = page.take()
    assert (None if batch is None else [work.id for work in batch]) == ids
    assert page.take() is None


@pytest.mark.parametrize("rest", [b"x]}", b"}", b'{"type":"task","id":"2"}]}', b'"]}', b",]}"])
def test_what_follows_a_work_taken_early_must_be_a_comma_or_the_end(rest: bytes) -> None:
    message = "^JSON is malformed" if rest.startswith(b",") else "^neither comma nor bracket after item 1$"
    one = b'{"works":[{"type":"task","id":"0"},{"type":"task","id":"1"}'
    with pytest.raises(Malformed, match=message):
        read(one + rest, [(len(one), True)])


def test_a_work_that_comes_in_crumbs_is_looked_at_a_bounded_number_of_times(monkeypatch: pytest.MonkeyPatch) -> None:
    looked = 0
    page = works_page()
    find = value_end

    def counted(window: ByteBuffer, at: int, *, final: bool) -> int:
        nonlocal looked
        looked += window.end - at
        return find(window, at, final=final)

    monkeypatch.setattr("devrev_async._decoders.page_parser.value_end", counted)
    body = b'{"works":[{"type":"task","id":"1","body":"' + b"x" * 200_000 + b'"}'
    for start in range(0, len(body), 100):
        page.feed(body[start : start + 100])
        page.take()
        page.take(eager=True)
    assert looked < 8 * len(body)  # twice by the usual looks, and five times by the eager ones
