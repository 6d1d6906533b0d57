"""Bodies that are cut short, no JSON, or no page: an error each time, never a short result."""

import json

import pytest

from devrev_async import Issue, UnknownWork
from devrev_async._decoders.json_scanner import Malformed, Truncated
from tests.decoders.bodies import compact, expected, issue, pieces_of, read, small_page, tiny

GOOD = [issue(1), tiny(2), issue(3, sla_summary=None, applies_to_part=None), tiny(4)]


@pytest.mark.parametrize(
    "body",
    [
        compact({"a": {"works": []}, "works": GOOD, "next_cursor": "n"}),
        json.dumps({"works": GOOD}, indent=1).encode(),
        compact({"works": []}),
        compact({"works": None}),
    ],
    ids=["compact", "pretty", "empty", "null"],
)
def test_a_body_cut_anywhere_is_truncated(body: bytes) -> None:
    for end in range(len(body)):
        with pytest.raises(Truncated, match=r"^the body ends before its JSON does$"):
            read(pieces_of(body[:end], 64 if end % 2 else 1 << 20), small_page(), eager=end % 3 == 0)


@pytest.mark.parametrize(
    "body",
    [
        b"[]", b'"works"', b"5", b"null", b"{}", b'{"work":null}', b'{"works":{}}', b'{"works":5}', b'{"works":"[]"}',
        b"<html>", b'{"works":[]}x', b'{"works":[]}{}', b'{"works":[]]}', b'{"works":[],}', b'{"works":[,]}',
        b'{"works":[1,]}', b'{"works":[1 2]}', b'{"works":[1}', b'{"works":[1:2]}', b"{works:[]}", b'{"works":[],"a":"\x1f"}',
        b'{"works":[]}\x00', b'{"works" [1]}', b'{"a":1 "works":[]}', b'{"works":[NaN]}',
        b'{"works":[{"type":"task","id":"1","custom_fields":{"a":NaN}}]}', b'{"works":[Infinity]}', b'{"works":[01]}',
        b'{"works":[{"type":"task","id":"\xff"}]}', b'{"works":[{"type":"task","id":"\x01"}]}', b'{"works":[tru]}',
        b'{"works":[{"type":"task","id":"\\ud800","title":"\xff"}]}', b'{"works":[{"a":"\\uzzzz"}]}',
        b'{"works":[{"type":"task","id":"\\ud800","a":NaN}]}', b'{"works":["\\x"]}', b'{"works":[1],"a":\xff}',
        b'{"\\x":1,"works":[1]}', b'{"\xff":1,"works":[1]}', b'{"a\nb":1,"works":[1]}', b'{"\x01":[1],"works":[]}',
    ],
)  # fmt: skip
def test_what_is_no_page_is_malformed(body: bytes) -> None:
    for size in (1, 5, 1 << 20):
        for eager in (False, True):
            with pytest.raises(Malformed):
                read(pieces_of(body, size), eager=eager)


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"<html>",
        b'{"works":{}}',
        b'"\\ud83e"',
        b'{"a":"\\ud83e"}',
        b'{"a":["\\ud83e"]} ',
        b'{"a":"\\udc00","b":1}',
    ],
)
def test_what_is_whole_and_no_page_is_not_taken_for_cut_short(body: bytes) -> None:
    for size in (1, 1 << 20):
        with pytest.raises(Malformed, match=r'^the body has no array "works"$|^JSON is malformed') as caught:
            read(pieces_of(body, size))
        assert type(caught.value) is Malformed


# How deep msgspec reads before it gives up, and our own reading takes over, depends on the version of Python.
@pytest.mark.parametrize("odd", [b'"\\ud83e\x01"', b"[" * 5000 + b"}", b'{"\\ud83e" 1}'])
def test_what_is_wrong_in_what_fast_decoders_refuse_is_said(odd: bytes) -> None:
    for size in (64, 1 << 20):
        with pytest.raises(Malformed, match=r"^JSON is malformed(: invalid character)? \(byte \d+\)$"):
            read(pieces_of(b'{"a":%b,"works":[]}' % odd, size))


@pytest.mark.parametrize("before", [0, 1, 70])
def test_what_stands_behind_a_work_in_place_of_a_comma_is_named_by_that_work(before: int) -> None:
    body = (
        b'{"works":[' + compact(tiny(0)) + b"," + (compact(tiny(0)) + b",") * before + b'5 {"type":"task","id":"1"}]}'
    )
    for size in (1, 300, 1 << 20):
        with pytest.raises(Malformed, match=rf"^neither comma nor bracket after item {before + 1}$"):
            read(pieces_of(body, size), small_page())


@pytest.mark.parametrize(
    "body",
    [
        b'{"works":[1],"works":[2]}', b'{"works":null,"works":[2]}', b'{"works":[1],"works":null}',
        b'{"works":[1],"w\\u006frks":null}', b'{"works":[],"a":{"works":1},"works":[]}', b'{"works":null,"works":null}',
    ],
)  # fmt: skip
def test_two_arrays_of_works_are_refused(body: bytes) -> None:
    with pytest.raises(Malformed):
        read([body])


def test_damage_in_the_middle_is_never_passed_over() -> None:
    body = compact({"works": [issue(n) for n in range(8)]})
    whole = expected([issue(n) for n in range(8)])
    for at in range(0, len(body), 11):
        broken = body[:at] + b"\x00" + body[at + 1 :]
        with pytest.raises(Malformed):
            read(pieces_of(broken, 700), small_page())
    assert read([body], small_page()).works == whole


def test_nesting() -> None:
    fine = b"[" * 150 + b"]" * 150
    (work,) = read([b'{"works":[{"type":"issue","id":"1","custom_fields":{"a":%b}}]}' % fine]).works
    assert isinstance(work, Issue)
    deep = b"[" * 200_000
    for body in (b'{"works":[%b' % deep, b'{"a":%b' % deep, b'{"works":[],"a":%b' % deep):
        with pytest.raises(Truncated):
            read(pieces_of(body, 65_536))


@pytest.mark.parametrize("size", [65_536, 1 << 30])
def test_a_work_that_is_nested_too_deeply_sinks_no_other(size: int) -> None:
    deep = b"[" * 60_000 + b'{"a":[]}' + b"]" * 60_000
    odd = b'{"type":"issue","id":"deep","title":"t","custom_fields":{"a":%b}}' % deep
    good = [compact(issue(n)) for n in range(6)]
    got = read(pieces_of(b'{"works":[' + b",".join([*good[:3], odd, *good[3:]]) + b"]}", size))
    unknown = got.works[3]
    assert [type(work) for work in got.works] == [Issue] * 3 + [UnknownWork] + [Issue] * 3
    assert isinstance(unknown, UnknownWork)
    assert (unknown.id, unknown.title, unknown.raw) == ("deep", "t", odd)
    value = unknown.to_dict()["custom_fields"]["a"]
    for _ in range(60_000):
        (value,) = value
    assert value == {"a": []}
    assert [(misfit.number, misfit.kind) for misfit in got.misfits] == [(3, "unknown")]


@pytest.mark.parametrize("odd", [b"[" * 5000 + b"]" * 5000, b'"\\ud83e"', b'{"\\udc00":1e400}'])
def test_what_stands_around_the_array_sinks_no_page(odd: bytes) -> None:
    works = compact([issue(1), tiny(2)])
    for body in (
        b'{"more":%b,"works":%b,"next_cursor":"c"}' % (odd, works),
        b'{"works":%b,"next_cursor":"c","more":[%b]}' % (works, odd),
    ):
        for size in (50, 1 << 20):
            got = read(pieces_of(body, size))
            assert got.works == expected([issue(1), tiny(2)])
            assert got.cursors == ("c", None)


@pytest.mark.parametrize("number", ["9" * 30, "-" + "9" * 400, "1" + "0" * 6000, "1e400"])
def test_huge_numbers_spoil_nothing(number: str) -> None:
    works = [b'{"type":"issue","id":"1","custom_fields":{"a":%b}}' % number.encode(), compact(issue(2))]
    for text in (works, [b'{"t":"\\ud800","n":%b}' % number.encode(), *works]):
        got = read([b'{"works":[' + b",".join(text) + b"]}"])
        assert len(got.works) == len(text)
        assert got.works[-1] == expected([issue(2)])[0]


@pytest.mark.parametrize("item", [b'"\\ud83e"', b'["\\ud83e"]', b'{"a":"\\ud83e"}', b'{"\\ud83e":1}'])
def test_half_a_surrogate_pair_at_the_very_end_is_not_taken_for_cut_short(item: bytes) -> None:
    for size in (1, 1 << 20):
        for eager in (False, True):
            (work,) = read(pieces_of(b'{"works":[%b]}' % item, size), eager=eager).works
            assert isinstance(work, UnknownWork)
            assert work.raw == item


@pytest.mark.parametrize("place", [0, 5, 9])
def test_half_a_surrogate_pair_spoils_one_work_only(place: int) -> None:
    odd = b'{"type":"issue","id":"odd","title":"\\ud800 }],\\udc00"}'
    good = [compact(issue(n)) for n in range(9)]
    for size in (1, 50, 1 << 20):
        body = b'{"works":[' + b", ".join([*good[:place], odd, *good[place:]]) + b"]}"
        got = read(pieces_of(body, size), small_page())
        assert [type(work) for work in got.works] == [Issue] * 10
        assert got.works[place].invalid == {"title": "\ud800 }],\udc00"}
        assert json.loads(got.works[place].to_json()) == json.loads(odd)
        assert [misfit.number for misfit in got.misfits] == [place]
