"""The incremental decoder equals a one-shot decode, whatever a page looks like."""

import json
import random
from itertools import chain
from typing import Any

import msgspec
import pytest

from devrev_async import Issue, Opportunity, Task, Ticket, Work
from devrev_async._decoders.interning import InterningDecoder
from devrev_async._decoders.item_decoders import ItemDecoder
from devrev_async._decoders.json_scanner import Malformed
from devrev_async._decoders.misfits import Decoded
from devrev_async._decoders.page_parser import BATCH_BYTES, FIRST_BATCH_BYTES, PageParser
from tests.decoders.bodies import (
    batches_of,
    compact,
    expected,
    issue,
    pieces_of,
    raw_page,
    read,
    small_page,
    tiny,
    works_page,
)

PAGE = msgspec.json.Decoder(
    msgspec.defstruct("Page", [("works", list[Issue | Ticket | Task | Opportunity])]),
)

WORKS = [issue(n) for n in range(700)]
"""More than one batch of bytes, and several of works."""

FEW = [issue(n) for n in range(12)]


def _shuffled(works: list[dict[str, Any]]) -> list[dict[str, Any]]:
    rnd = random.Random(5)
    return [dict(rnd.sample(list(work.items()), k=len(work))) for work in works]


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(compact({"works": WORKS}), id="compact"),
        pytest.param(json.dumps({"works": WORKS}, indent=2).encode(), id="pretty"),
        pytest.param(json.dumps({"works": WORKS}, indent="\t", separators=("\r\n,", " : ")).encode(), id="odd space"),
        pytest.param(compact({"works": _shuffled(WORKS)}), id="shuffled keys"),
        pytest.param(compact({"works": [issue(n, body="é" * 32_000) for n in range(14)]}), id="bodies of 64 KB"),
        pytest.param(compact({"works": [issue(n, body="x" * 400_000) for n in range(3)]}), id="works beyond a batch"),
        pytest.param(compact({"works": [tiny(n) for n in range(1000)]}), id="tiny works"),
    ],
)
@pytest.mark.parametrize("size", [4096, 65_536, 1 << 30])
def test_a_page_of_any_form_equals_the_one_shot_decode(body: bytes, size: int) -> None:
    got = read(pieces_of(body, size))
    assert got.works == PAGE.decode(body).works  # type: ignore[attr-defined]
    assert got.misfits == []


@pytest.mark.parametrize("size", [1, 2, 3, 4, 1000])
@pytest.mark.parametrize("works", [None, [], FEW])
def test_a_byte_order_mark_is_skipped(works: list[Any] | None, size: int) -> None:
    body = b"\xef\xbb\xbf" + compact({"more": 1, "works": works, "next_cursor": "after"})
    got = read(pieces_of(body, size), small_page())
    assert (got.works, got.cursors) == (expected(works or []), ("after", None))


@pytest.mark.parametrize("body", [b"\xef", b"\xef\xbb", b"\xef\xbb\xbf", b'\xef\xbb\xbf\xef\xbb\xbf{"works":[]}'])
def test_a_part_of_a_mark_and_two_marks_are_no_page(body: bytes) -> None:
    with pytest.raises(Malformed):
        read(pieces_of(body, 1))


@pytest.mark.parametrize("works", [[], FEW[:1], FEW])
def test_other_keys_may_stand_before_and_after(works: list[Any]) -> None:
    nested = {"works": [1, {"works": [issue(1)]}], "text": '"works":[{"type":"issue"'}
    before = {"prev_cursor": "before", "more": nested, "\u0077orks ": None}
    body = compact({**before, "works": works, "also": [nested, nested], "next_cursor": "after"})
    for size in (1, 7, 1000):
        got = read(pieces_of(body, size), small_page())
        assert got.works == expected(works)
        assert got.cursors == ("after", "before")


@pytest.mark.parametrize("space", [b" " * (FIRST_BATCH_BYTES - 1), b" " * FIRST_BATCH_BYTES, b"\n" * (2 * BATCH_BYTES)])
@pytest.mark.parametrize(
    "body",
    [
        b'{"works":[ %b {"type":"task","id":"0"},{"type":"task","id":"1"}]}',
        b'{"works":[{"type":"task","id":"0"},%b{"type":"task","id":"1"}]}',
        b'{"works":[{"type":"task","id":"0"}%b,{"type":"task","id":"1"}]}',
        b'{"works":[{"type":"task","id":"0"},{"type":"task","id":"1"}%b]}',
        b'%b{"works":%b[{"type":"task","id":"0"},{"type":"task","id":"1"}]}',
    ],
)
def test_white_space_may_be_longer_than_a_batch(body: bytes, space: bytes) -> None:
    body = body.replace(b"%b", space)
    for size in (1000, 1 << 30):
        for eager in (False, True):
            assert read(pieces_of(body, size), eager=eager).works == expected([tiny(0), tiny(1)])


def test_the_key_may_be_escaped() -> None:
    assert read([b'{"w\\u006frks":[{"type":"task","id":"1"}]}']).works == expected([tiny(1)])


@pytest.mark.parametrize(
    "body", [b'{"works":null}', b'{"works":[]}', b' { "a":1, "works" : [ ] }\n', b'{"works": null }']
)
def test_a_page_without_works_has_none_however_it_is_split(body: bytes) -> None:
    for size in (1, 100):
        assert read(pieces_of(body, size)).works == []


def test_every_split_in_two() -> None:
    works = [tiny(1), issue(2), tiny(3)]
    body = json.dumps({"a": [1], "works": works, "next_cursor": "n"}, indent=1).encode()
    want = expected(works)
    for at in range(len(body) + 1):
        for eager in (False, True):
            got = read([body[:at], body[at:]], small_page(), eager=eager)
            assert got.works == want
            assert got.cursors == ("n", None)


def test_numbers_and_what_fast_decoders_refuse_may_be_split_anywhere() -> None:
    odd = [b"-20.5E-1", b"0", b'"\\ud83e"', b"1e+400", b'{"a":"\\udc00"}', b"true", b"-0.0"]
    body = b'{"a":-1.5e+7,"b":"\\ud83e","works":[%b],"c":-1e-3}' % b",".join(odd)
    for at in range(len(body) + 1):
        page = raw_page()
        assert list(chain(*batches_of([body[:at], body[at:]], page, eager=False))) == odd


def test_a_body_may_arrive_byte_by_byte() -> None:
    body = compact({"works": FEW, "next_cursor": None})
    assert read(pieces_of(body, 1), small_page()).works == expected(FEW)
    assert read(pieces_of(body, 1), small_page(), eager=True).works == expected(FEW)
    assert read(pieces_of(body, 1)).works == expected(FEW)


def test_an_eager_reader_waits_for_no_comma() -> None:
    page = works_page()
    page.feed(b'{"works":[')
    for n in range(3):
        page.feed(compact(tiny(n)))
        assert page.take(eager=True) == expected([tiny(n)])
        page.feed(b" , ")
        assert page.take(eager=True) is None


def test_raw_works_are_their_bytes() -> None:
    texts = [json.dumps(work, indent=n % 3 or None).encode() for n, work in enumerate(WORKS[:300])]
    texts += [b"{}", b'{"type":"surprise"}', b'{"title":"\\ud800"}', b"null", b"[1]"]
    page = raw_page()
    page.feed(b'{"works":[' + b" ,\n".join(texts) + b"]}")
    page.finish()
    got: list[bytes] = []
    while (batch := page.take()) is not None:
        got += batch
    assert got == texts


def test_batches_are_bounded_in_bytes_and_works() -> None:
    large = read(pieces_of(compact({"works": [issue(n, body="x" * 7000) for n in range(500)]}), 65_536))
    assert 1 <= large.batches[0] <= 3  # the first work does not wait for a full batch
    assert max(large.batches) <= BATCH_BYTES // 7000
    small = read(pieces_of(compact({"works": [tiny(n) for n in range(20_000)]}), 65_536))
    assert max(small.batches) <= 400
    mixed = [issue(n, body="x" * 7000) for n in range(200)] + [tiny(n) for n in range(40_000)]
    assert max(read(pieces_of(compact({"works": mixed}), 65_536)).batches) <= 1000


def test_what_is_read_is_let_go() -> None:
    page = works_page()
    body = compact({"works": WORKS})
    held = 0
    for piece in pieces_of(body, 65_536):
        page.feed(piece)
        while page.take() is not None:
            pass
        held = max(held, len(page._buffer.buffer))
    assert held < 800_000 < len(body)


def test_works_that_fit_are_never_decoded_one_by_one() -> None:
    def single(work: bytes) -> Decoded[Work]:
        raise AssertionError(work)

    for works in (WORKS[:500], _shuffled(WORKS[:500])):
        page = PageParser("works", ItemDecoder(InterningDecoder().decode, single))
        assert read(pieces_of(compact({"works": works}), 65_536), page).works == expected(works)
