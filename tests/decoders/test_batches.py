"""When a batch comes while the bytes of a page arrive, and how many of them it has."""

from __future__ import annotations

from typing import Literal

import msgspec
import pytest

from devrev_async._decoders.envelope import Cursors, Followed
from devrev_async._decoders.item_decoders import DICTS, RAW, ItemDecoder
from devrev_async._decoders.json_scanner import Malformed, Truncated
from devrev_async._decoders.misfits import Decoded
from devrev_async._decoders.page_parser import BATCH_ITEMS, PageParser
from tests.decoders.bodies import compact, pieces_of, works_page

HEAD = b'{"works":['
SIZE = 1000
"""Bytes of a work of these tests, with the comma behind it."""


def sized(n: int, size: int = SIZE) -> bytes:
    """An issue of just so many bytes, less one for the comma."""
    start = b'{"type":"issue","id":"%d","x":"' % n
    return start + b"x" * (size - 1 - len(start) - 2) + b'"}'


def arriving(body: bytes, pieces: int, *, first_batch: int, batch: int, eager: bool = False) -> list[tuple[int, int]]:
    """Reads a body in pieces of a size: bytes from the bracket on that had arrived, and works, of each batch."""
    page = PageParser("works", DICTS, first_batch=first_batch, batch=batch)
    batches: list[tuple[int, int]] = []
    arrived = -len(HEAD) + 1
    for piece in (*pieces_of(body, pieces), None):
        if piece is None:
            page.finish()
        else:
            page.feed(piece)
            arrived += len(piece)
        batches += [(arrived, len(found)) for found in iter(lambda: page.take(eager=eager), None)]
    return batches


def page_of(works: int, size: int = SIZE) -> bytes:
    return HEAD + b",".join(sized(n, size) for n in range(works)) + b"]}"


def test_a_batch_comes_as_soon_as_its_bytes_have_arrived() -> None:
    batches = arriving(page_of(20), 1, first_batch=2100, batch=5500)
    assert batches[:3] == [(2100, 2), (2000 + 5500, 5), (7000 + 5500, 5)]


@pytest.mark.parametrize("pieces", [7000, 1 << 20])
def test_no_batch_has_more_bytes_than_it_may_once_the_separator_of_works_is_known(pieces: int) -> None:
    # the end of each work looked for, a batch has the work as well in which its bytes end; a guessed cut has not
    batches = arriving(page_of(40), pieces, first_batch=1500, batch=5500)
    assert [works for _, works in batches[:6]] == [2, 5, 5, 5, 5, 5]


@pytest.mark.parametrize(("first_batch", "works"), [(1, 1), (1001, 1), (1002, 2), (2001, 2), (2002, 3)])
def test_the_first_batch_has_the_works_that_begin_within_its_bytes(first_batch: int, works: int) -> None:
    assert arriving(page_of(9), 1 << 20, first_batch=first_batch, batch=5500)[0][1] == works


def test_a_batch_of_tiny_works_has_no_more_than_may_hold_up_others() -> None:
    body = HEAD + b",".join([b"{}"] * 1000) + b"]}"
    assert arriving(body, 1 << 20, first_batch=1 << 20, batch=1 << 20)[0][1] == BATCH_ITEMS


@pytest.mark.parametrize("first_batch", [500, 2000])
def test_a_batch_has_about_so_many_works_by_their_size_so_far(first_batch: int) -> None:
    batches = arriving(page_of(900), 1 << 20, first_batch=first_batch, batch=1 << 20)
    assert [round(works, -1) for _, works in batches[1:]] == [BATCH_ITEMS] * 4 + [100]


def test_a_work_that_an_eager_reader_waits_for_comes_before_a_quarter_more_bytes_have() -> None:
    size = 1100
    (arrived, works), *_ = arriving(page_of(3, size), 1, first_batch=1 << 20, batch=1 << 20, eager=True)
    assert works == 1
    assert size < arrived <= size * 5 // 4 + 1


def test_a_work_beyond_a_batch_comes_before_twice_its_bytes_have_arrived() -> None:
    (arrived, works), *_ = arriving(page_of(9, 1100), 1, first_batch=100, batch=5500)
    assert works == 1
    assert 1100 < arrived <= 2 * 1100


def test_only_an_eager_reader_takes_a_work_before_what_stands_behind_it() -> None:
    page = PageParser("works", RAW, first_batch=4)
    page.feed(HEAD + b'{"a":1}')
    assert page.take() is None
    assert page.take(eager=True) == [b'{"a":1}']


CUT = "^the body ends before its JSON does$"


@pytest.mark.parametrize(
    ("tail", "error", "message"),
    [
        (b"]x", Malformed, "."),
        (b"]}]", Malformed, "."),
        (b"]", Truncated, CUT),
        (b",{", Truncated, CUT),
        (b",", Truncated, CUT),
        (b',"\\ud83e"', Truncated, CUT),
    ],
)
def test_works_come_before_what_is_wrong_behind_them(tail: bytes, error: type[Malformed], message: str) -> None:
    page = PageParser("works", RAW)
    page.feed(HEAD + b"{},{}" + tail)
    page.finish()
    assert page.take() == [b"{}", b"{}"]
    with pytest.raises(error, match=message) as caught:
        page.take()
    assert type(caught.value) is error


@pytest.mark.parametrize("start", [b"5", b"-1.5", b"1e3"])
def test_a_number_may_go_on_and_is_not_taken_before_what_stands_behind_it(start: bytes) -> None:
    page = PageParser("works", RAW)
    page.feed(HEAD + start)
    assert page.take(eager=True) is None
    page.feed(b"5]}")
    page.finish()
    assert page.take(eager=True) == [start + b"5"]


@pytest.mark.parametrize("eager", [False, True])
def test_a_work_that_does_not_fit_is_named_by_its_place_in_the_page(eager: bool) -> None:
    page = works_page()
    places: list[int] = []
    for n in range(12):
        page.feed(
            (b"," if n else HEAD) + compact({"type": "issue", "id": str(n), "title": n if n % 5 == 3 else "fits"})
        )
        while page.take(eager=eager) is not None:
            places = [misfit.number for misfit in page.misfits]
    page.feed(b"]}")
    page.finish()
    while page.take() is not None:
        pass
    assert places == ([3, 8] if eager else [])
    assert [misfit.number for misfit in page.misfits] == [3, 8]


@pytest.mark.parametrize("odd", [set[int](), {0}, {40}, {99}, {7, 8, 70}])
def test_only_works_that_do_not_fit_are_decoded_by_themselves(odd: set[int]) -> None:
    alone: list[bytes] = []

    def single(item: bytes) -> Decoded[int]:
        alone.append(item)
        return int(item.strip(b'"')), None

    page = PageParser("works", ItemDecoder(msgspec.json.Decoder(list[int]).decode, single))
    page.feed(HEAD + b",".join(b'"%d"' % n if n in odd else b"%d" % n for n in range(100)) + b"]}")
    page.finish()
    found = [item for batch in iter(page.take, None) for item in batch]
    assert found == list(range(100))
    assert alone == [b'"%d"' % n for n in sorted(odd)]


@pytest.mark.parametrize("eager", [False, True])
def test_a_page_has_no_cursors_until_it_is_whole(eager: bool) -> None:
    page = PageParser("works", RAW, first_batch=4)
    page.feed(HEAD + b'{}],"next_cursor":"n"')
    assert page.take(eager=eager) is not None
    assert page.take(eager=eager) is None
    assert page.cursors == Cursors(None, None)
    page.feed(b"}")
    page.finish()
    assert (page.take(), page.take()) == (None, None)
    assert page.cursors == Cursors("n", None)


@pytest.mark.parametrize(
    ("follow", "following", "before", "read"),
    [
        (None, b"5", b"[]", Cursors(None, None)),
        ("next", b'"n"', b"5", Cursors("n", None)),
        ("next", b"null", b"5", Cursors(None, None)),
        ("next", b"5", b'"p"', None),
        ("prev", b"5", b'"p"', Cursors(None, "p")),
        ("prev", b'"n"', b"5", None),
        ("default", b'"n"', b"5", Cursors("n", None)),
        ("default", b"5", b"null", None),
    ],
)
def test_a_cursor_that_is_followed_is_a_string_or_the_page_is_malformed(
    follow: Followed | Literal["default"], following: bytes, before: bytes, read: Cursors | None
) -> None:
    """`follow` is what the caller says, "default" if nothing."""
    page = PageParser("works", RAW) if follow == "default" else PageParser("works", RAW, follow=follow)
    page.feed(b'{"works":[],"next_cursor":%b,"prev_cursor":%b}' % (following, before))
    page.finish()
    if read is None:
        with pytest.raises(Malformed):
            page.take()
    else:
        assert page.take() is None
        assert page.cursors == read


def test_the_cursor_of_the_next_page_may_have_another_key() -> None:
    page = PageParser("works", RAW, next_key="page_token")
    page.feed(b'{"works":[],"next_cursor":5,"page_token":"n","prev_cursor":"p"}')
    page.finish()
    assert page.take() is None
    assert page.cursors == Cursors("n", "p")
