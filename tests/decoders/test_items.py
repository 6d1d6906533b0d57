"""Pages of any endpoint: another key, any type of items, plain dicts, and bytes."""

import json
from typing import Any, TypeVar

import msgspec
import pytest

from devrev_async._decoders.item_decoders import DICTS, RAW, ItemDecoder, typed_items
from devrev_async._decoders.json_scanner import Malformed
from devrev_async._decoders.page_parser import PageParser
from devrev_async.models import UserSummary
from tests.decoders.bodies import compact, pieces_of, user

T = TypeVar("T")
USERS = [user(n) for n in range(300)]
DEEP = b'{"id":"deep","x":%b1%b}' % (b"[" * 5000, b"]" * 5000)


class Strict(msgspec.Struct, forbid_unknown_fields=True):
    id: str
    type: str
    display_name: str


def parse(body: bytes, items: ItemDecoder[T], *, key: str = "dev_users", size: int = 999) -> tuple[list[T], Any]:
    page = PageParser(key, items, first_batch=300, batch=2000)
    got: list[T] = []
    for piece in (*pieces_of(body, size), None):
        if piece is None:
            page.finish()
        else:
            page.feed(piece)
        while (batch := page.take()) is not None:
            got += batch
    assert page.count == len(got)
    return got, page.cursors


@pytest.mark.parametrize("indent", [None, 2])
def test_items_of_any_type_under_any_key(indent: int | None) -> None:
    around = {"works": [1], "more": {"dev_users": [2]}}
    body = json.dumps({**around, "dev_users": USERS, "next_cursor": "n", "prev_cursor": "p"}, indent=indent).encode()
    for kind in (UserSummary, Strict):
        got, cursors = parse(body, typed_items(kind))
        assert got == msgspec.convert(USERS, list[kind])  # type: ignore[valid-type]
        assert (cursors.next_cursor, cursors.prev_cursor) == ("n", "p")
    assert parse(body, DICTS)[0] == USERS
    assert [json.loads(text) for text in parse(body, RAW)[0]] == USERS
    assert parse(body, typed_items(int), key="works")[0] == [1]


@pytest.mark.parametrize(
    ("odd", "value"),
    [
        (b'{"id":"\\ud83e"}', {"id": "\ud83e"}),
        (b'{"id":1e400,"n":%b}' % (b"9" * 30), {"id": 10**400, "n": 10**30 - 1}),
        (DEEP, None),
    ],
    ids=["surrogate", "numbers", "deep"],
)
def test_dicts_and_bytes_take_all_of_json(odd: bytes, value: Any) -> None:
    good = [compact(each) for each in USERS[:9]]
    body = b'{"dev_users":[' + b",".join([*good[:5], odd, *good[5:]]) + b"]}"
    assert parse(body, RAW)[0] == [*good[:5], odd, *good[5:]]
    got, _ = parse(body, DICTS)
    assert [*got[:5], *got[6:]] == USERS[:9]
    if value is None:
        assert got[5]["id"] == "deep"
    else:
        assert got[5] == value


@pytest.mark.parametrize("odd", [{"id": 5}, None, [], {"id": "x", "type": "y", "display_name": "z", "w": 1}])
def test_an_item_that_does_not_fit_is_named(odd: Any) -> None:
    body = compact({"dev_users": [*USERS[:40], odd, *USERS[40:60]]})
    with pytest.raises(Malformed, match=r"^item 40: "):
        parse(body, typed_items(Strict))


@pytest.mark.parametrize("odd", [b"null", b"[1]", b"5", b'"x"'])
def test_a_dict_is_an_object(odd: bytes) -> None:
    with pytest.raises(Malformed, match=r"^item 1: no object"):
        parse(b'{"dev_users":[{},%b]}' % odd, DICTS)


@pytest.mark.parametrize("body", [b'{"works":[]}', b"[]", b'{"dev_users":{}}', b'{"dev_users":[],"dev_users":[1]}'])
def test_a_page_without_the_array_is_refused_by_name(body: bytes) -> None:
    with pytest.raises(Malformed, match='array "dev_users"'):
        parse(body, DICTS)
