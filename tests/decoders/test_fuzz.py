"""Any bytes at all, cut anywhere: the parser takes exactly what Python's own `json` takes for a page.

One thing is left to msgspec: bytes that are not UTF-8 may pass inside of what nobody decodes, such as an unknown field.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, NamedTuple

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from devrev_async._decoders.fallback import decode_one
from devrev_async._decoders.item_decoders import RAW
from devrev_async._decoders.json_scanner import Malformed
from devrev_async._decoders.page_parser import PageParser
from tests.damage import damaged
from tests.decoders.bodies import LOOKALIKE, batches_of, compact, issue, read, small_page, tiny
from tests.effort import examples

PAGE = json.dumps(
    {
        "more": ['"works":[', {"works": None}],
        "works": [tiny(1), issue(2), tiny(3), {"id": "\ud800 é"}],
        "next_cursor": "n",
    },
    indent=1,
).encode()
SHORT = compact({"works": [tiny(1), {"type": "issue", "id": "2", "custom_fields": {"a": [LOOKALIKE, 1e-7, -0.0]}}]})
TOKENS = [
    b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b"],", b"},{", b"null", b"true", b"NaN", b"-", b"1e400", b"0", b".5",
    b"\\u", b"\\ud83e", b"\\udd8a", b"\xc3", b"\xc3\xa9", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\x00", b"\x1f", b"\xa0", b"\n", b'"works"',
    b'"works":[', b'"works":null,', b'"next_cursor":', b"\\u0077orks", b"{" * 30, b"[" * 30, b'{"type":"task","id":"9"}',
]  # fmt: skip

BODIES = st.one_of(
    damaged(PAGE, TOKENS),
    damaged(SHORT, TOKENS),
    st.lists(st.one_of(st.sampled_from(TOKENS), st.binary(max_size=3)), max_size=12).map(b"".join),
    st.binary(max_size=60),
)


class Page(NamedTuple):
    """A page as `json` reads it; numbers are their texts, so that none is out of range."""

    works: list[Any]
    cursors: tuple[str | None, str | None]


class _Pairs(list[tuple[str, Any]]):
    """An object, with equal keys."""


def _refuse(constant: str) -> Any:
    raise ValueError(constant)


def _value(text: str, pairs: Any = None) -> Any:
    number = "number {}".format
    return json.loads(text, parse_constant=_refuse, parse_int=number, parse_float=number, object_pairs_hook=pairs)


def is_utf8(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def page_of(body: bytes) -> Page | None:
    """What the body is as a page, by `json` alone; None if it is no page."""
    text = body.decode(errors="replace")
    try:
        value, outermost = _value(text), _value(text, _Pairs)
    except ValueError:
        return None
    if not isinstance(outermost, _Pairs) or [key for key, _ in outermost].count("works") != 1:
        return None
    works, before, after = value["works"], value.get("prev_cursor"), value.get("next_cursor")
    fits = _is_a(list, works) and _is_a(str, before) and _is_a(str, after)
    return Page(works or [], (after, before)) if fits else None


def _is_a(kind: type, value: object) -> bool:
    return value is None or isinstance(value, kind)


def cut(body: bytes, cuts: Iterable[int]) -> list[bytes]:
    """The body in pieces, cut at these places modulo its length."""
    places = sorted({at % (len(body) + 1) for at in cuts})
    return [body[start:end] for start, end in zip([0, *places], [*places, len(body)], strict=True)]


def raw_works(pieces: Iterable[bytes], size: int, *, eager: bool) -> tuple[list[bytes], PageParser[bytes]] | None:
    """The texts of a page's works, and its parser; None if it is no page."""
    page = PageParser("works", RAW, first_batch=size, batch=size)
    works: list[bytes] = []
    try:
        for batch in batches_of(pieces, page, eager=eager):
            works += batch
    except Malformed:
        return None
    return works, page


@settings(max_examples=examples(300), suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(BODIES, st.lists(st.integers(0, 1 << 12), max_size=8), st.sampled_from([20, 200, 4000]), st.booleans())
def test_any_bytes_in_any_pieces_are_the_page_that_json_reads_or_none(
    body: bytes, cuts: list[int], size: int, eager: bool
) -> None:
    wanted = page_of(body)
    pieces = cut(body, cuts)
    raw = raw_works(pieces, size, eager=eager)
    try:
        typed = read(pieces, small_page(size, size), eager=eager)
    except Malformed:
        typed = None
    if wanted is None:
        assert (raw, typed) == (None, None)
        return
    if not is_utf8(body) and None in (raw, typed):
        return
    assert raw is not None
    assert typed is not None
    texts, page = raw
    assert [_value(text.decode(errors="replace")) for text in texts] == wanted.works
    assert (page.cursors.next_cursor, page.cursors.prev_cursor) == typed.cursors == wanted.cursors
    one_by_one = [decode_one(text) for text in texts]
    assert [(type(work), work.to_json()) for work in typed.works] == [(type(w), w.to_json()) for w, _ in one_by_one]
    assert [misfit.number for misfit in typed.misfits] == [n for n, (_, odd) in enumerate(one_by_one) if odd]
