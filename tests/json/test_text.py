"""JSON beyond fast decoders: the same answers as `json`, without its limits of depth and size."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devrev_async._json.text import (
    _FIRST_LOOK,
    Incomplete,
    Token,
    _deep_members,
    _parse_deep,
    check,
    is_cut_short,
    members,
    parse,
    tokens,
    value_end,
)
from devrev_async.models.base import is_object

texts = st.text(st.characters(), max_size=8) | st.sampled_from(
    ["\ud800", "\udc00x", '"', "\\", "}],{", "\x7f", "\u2028"]
)
values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)


@st.composite
def documents(draw: st.DrawFn) -> tuple[Any, bytes]:
    value = draw(values)
    space = draw(st.sampled_from(["", " ", "\r\n\t"]))
    written = json.dumps(
        value, separators=(f"{space},{space}", f"{space}:{space}"), indent=draw(st.sampled_from([None, 1]))
    )
    return value, f"{space}{written}{space}".encode()


@given(documents())
def test_documents_are_what_json_says(document: tuple[Any, bytes]) -> None:
    value, text = document
    check(text)
    assert not is_cut_short(text)
    assert parse(text) == _parse_deep(text) == value
    wanted = value if is_object(value) else None
    for found in (members(text), _deep_members(text)):
        assert (None if found is None else {key: json.loads(item) for key, item in found.items()}) == wanted
        assert all(item == item.strip() and item in text for item in (found or {}).values())


@given(documents(), st.data())
def test_the_end_of_a_value_is_found_and_a_beginning_is_incomplete(
    document: tuple[Any, bytes], data: st.DataObject
) -> None:
    _, text = document
    text = b"[" + text + b"]"  # so that the end is in the text
    end = data.draw(st.integers(0, len(text) - 1))
    assert value_end(text + b"x]", 0, len(text) + 2) == len(text)
    assert is_cut_short(text[:end])
    with pytest.raises(Incomplete):
        value_end(text[:end], 0, end)


@given(st.binary(max_size=12) | st.text('[]{},:"\\u0189.-+eEtrufalsn \x00\n', max_size=12).map(str.encode))
def test_what_json_refuses_is_refused(text: bytes) -> None:
    def refuse(name: str) -> Any:
        raise ValueError(name)

    try:
        json.loads(text.decode(), parse_constant=refuse)
    except ValueError:
        for judge in (check, parse, _parse_deep):
            with pytest.raises(ValueError):
                judge(text)
    else:
        check(text)
        _parse_deep(text)


@pytest.mark.parametrize("text", [b"[NaN]", b"[Infinity]", b'{"a":-Infinity}'])
def test_numbers_that_only_python_reads_are_refused(text: bytes) -> None:
    for judge in (check, parse):
        with pytest.raises(ValueError, match="is no JSON"):
            judge(text)


@pytest.mark.parametrize(
    "text", [b"{1:2}", b"{[]:1}", b'{"a" 1}', b'{"a":1 "b":2}', b'{"a":1]', b'{"a":1,}', b'{"a":1}}', b"{,}"]
)
def test_what_is_no_object_has_no_members(text: bytes) -> None:
    for read in (members, _deep_members):
        with pytest.raises(ValueError):
            read(text)
    assert not is_cut_short(text)


def test_the_end_of_a_value_beyond_the_first_look_is_found() -> None:
    long = b'["' + "\u00e9".encode() * 40_000 + b'",{"a":[]}]'
    assert value_end(long, 0, len(long)) == value_end(long + b",", 0, len(long) + 1) == len(long)
    with pytest.raises(Incomplete):
        value_end(long[:-1], 0, len(long) - 1)


pieces = st.sampled_from(
    [*'[]{},:1-" ', "[ ", "[[", '{"k":', '{ "]{" : ', " ]", "]]", "} }", "[1,", '{"a":"[",\n"b":', '"{\\""', "{}", "[]"]
)


def outcome(text: bytes, *, each: bool) -> tuple[list[Token], type[Exception] | None, int]:
    """The tokens of the outermost value and of its items, how reading ended, and the number of steps."""
    found: list[Token] = []
    try:
        found.extend(tokens(text, each=each))
    except ValueError as error:
        return [], type(error), len(found)
    return [token for token in found if token.depth <= 1 and token.kind not in b"[{,"], None, len(found)


@given(st.lists(pieces, max_size=30).map(lambda drawn: ("[" + "".join(drawn)).encode()))
def test_runs_of_brackets_are_read_as_one_by_one(text: bytes) -> None:
    by_runs, refused, steps = outcome(text, each=False)
    one_by_one, refused_one_by_one, most = outcome(text, each=True)
    assert refused is refused_one_by_one
    assert [(token.kind, token.end) for token in by_runs] == [(token.kind, token.end) for token in one_by_one]
    assert refused or steps <= most


@pytest.mark.parametrize(
    ("opening", "closing"),
    [("[", "]"), ('{"k":', "}"), ("[ ", " ]"), ('[1,"[",{"a":null,"b":', "} ]"), ('{ "[" : [\n', " ]\t}")],
)
def test_what_is_nested_deeply_takes_few_steps(opening: str, closing: str) -> None:
    text = f'{{"deep":{opening * 50_000}1{closing * 50_000},"after":2}}'.encode()
    assert outcome(text, each=False)[2] <= 20
    assert members(text) == {"deep": text[8:-11], "after": b"2"}
    for broken in (text[:-40_000], text[:-12] + text[-11:], text.replace(b"1", b"1" + closing[-1:].encode(), 1)):
        assert outcome(broken, each=False)[2] <= 20
        with pytest.raises(ValueError):
            check(broken)


def test_depth_is_no_limit() -> None:
    text = b'{"a":' * 15_000 + b"[1.5]" + b"}" * 15_000
    check(text)
    value = parse(text)
    for _ in range(15_000):
        value = value["a"]
    assert value == [1.5]
    assert members(text) == {"a": text[5:-1]}
    assert value_end(text + b",", 0, len(text) + 1) == len(text)
    for broken in (text[:-1], text + b"}", text.replace(b"[1.5]", b"[1.5}"), text + b","):
        with pytest.raises(ValueError):
            check(broken)
        with pytest.raises(ValueError):
            parse(broken)
    assert is_cut_short(text[:-1])
    assert not is_cut_short(text + b"}")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b"1e400", 10**400),
        (b"-12.5e400", -125 * 10**399),
        (b"1e-999", 0.0),
        (b"1.5", 1.5),
        (b"0.1e309", 1e308),
        (b"9" * 4300, 10**4300 - 1),
        (b"9" * 4301, "9" * 4301),
        (b"1e4300", "1e4300"),
        (b"-1E+999999999", "-1E+999999999"),
        (b"1" * 400 + b".5", "1" * 400 + ".5"),
        (b'{"a":[1e400]}', {"a": [10**400]}),
    ],
    ids=lambda item: str(item)[:20] if isinstance(item, bytes) else "",
)
def test_numbers_beyond_pythons(text: bytes, value: Any) -> None:
    parsed = parse(text)
    assert parsed == value
    assert type(parsed) is type(value)


OPEN, CLOSE, BEGIN, END, COMMA, COLON, QUOTE = b'[]{},:"'


@pytest.mark.parametrize(
    ("text", "at", "found"),
    [
        (b"[]", 0, [(OPEN, 0, 1, 1), (CLOSE, 1, 2, 0)]),
        (b"-1.5e3,", 0, [(0x2D, 0, 6, 0)]), (b'x "y" z', 1, [(QUOTE, 2, 5, 0)]),
        (b' {"a" : [1, true],\n"b":{} } x', 0,
         [(BEGIN, 1, 2, 1), (QUOTE, 2, 5, 1, True), (COLON, 6, 7, 1), (OPEN, 8, 9, 2), (0x31, 9, 10, 2), (COMMA, 10, 11, 2),
          (0x74, 12, 16, 2), (CLOSE, 16, 17, 1), (COMMA, 17, 18, 1), (QUOTE, 19, 22, 1, True), (COLON, 22, 23, 1),
          (BEGIN, 23, 24, 2), (END, 24, 25, 1), (END, 26, 27, 0)]),
    ],
)  # fmt: skip
def test_the_tokens_of_a_value(text: bytes, at: int, found: list[Any]) -> None:
    assert list(tokens(text, at)) == [Token(*each, *[False] * (5 - len(each))) for each in found]


@pytest.mark.parametrize(
    ("text", "at", "found"),
    [
        (b'xx[[[1,{"a":[2]}]],3]', 2,
         [(OPEN, 2, 3, 1), (OPEN, 3, 13, 5), (0x32, 13, 14, 5), (CLOSE, 14, 18, 1), (COMMA, 18, 19, 1), (0x33, 19, 20, 1),
          (CLOSE, 20, 21, 0)]),
        (b'[ {"k": 1, "s]": [ [5 ] ] } , 7 ]', 0,
         [(OPEN, 0, 1, 1), (OPEN, 1, 20, 4), (0x35, 20, 21, 4), (END, 21, 27, 1), (COMMA, 28, 29, 1), (0x37, 30, 31, 1),
          (CLOSE, 32, 33, 0)]),
    ],
)  # fmt: skip
def test_a_run_of_brackets_is_one_token(text: bytes, at: int, found: list[Any]) -> None:
    assert [token[:4] for token in tokens(text, at, each=False)] == found


@pytest.mark.parametrize(
    ("text", "at"),
    [
        (b"[1,]", 3), (b"[,1]", 1), (b'{"a":1,}', 7), (b"{,}", 1), (b'{"a"}', 4), (b'{"a":}', 5), (b'{"a" 1}', 5), (b"{1:2}", 1),
        (b"[1 2]", 3), (b"[1:2]", 2), (b"]", 0), (b"}", 0), (b",", 0), (b":", 0), (b"[}", 1), (b"{]", 1), (b"[1}", 2),
        (b'{"a":1]', 6), (b"[[1}]", 3), (b'{"a":[}}', 6), (b"[tru]", 1), (b'["\x01"]', 1), (b"[01]", 2), (b'["a\\x"]', 1),
        (b"[[[]]}]", 5), (b'{"a" : , 1}', 7), (b"nul1", 0), (b"x", 0), (b'[{"a":1]]', 7), (b"[[1]}", 4), (b"[{}}", 3),
        (b'[{"a":1},}', 9), (b'[{"a":{"b":1}]', 13), (b'[{"a"}]', 5), (b"[[1,]]", 4), (b'[{"a":}]', 6), (b'[{"a":1,}]', 8),
    ],
)  # fmt: skip
def test_the_byte_at_which_a_text_is_no_json_is_named(text: bytes, at: int) -> None:
    for each in (True, False):
        with pytest.raises(ValueError, match=rf"^JSON is malformed \(byte {at}\)$") as caught:
            list(tokens(text, each=each))
        assert type(caught.value) is ValueError
    assert not is_cut_short(text)


@pytest.mark.parametrize(
    "text",
    [b"", b" ", b"[", b"[1", b"[1,", b"{", b'{"a', b'{"a"', b'{"a":', b'{"a":1', b"tr", b"-", b'"\\u12', b"[-", b"fals", b"nul", b'"\\', b"[[1],["],
)  # fmt: skip
def test_the_beginning_of_a_value_is_incomplete(text: bytes) -> None:
    assert is_cut_short(text)
    for each in (True, False):
        with pytest.raises(Incomplete, match=r"^the JSON text ends inside a value$"):
            list(tokens(text, each=each))
    with pytest.raises(ValueError):
        check(text)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (b"{}", {}), (b" { } ", {}), (b"[]", None), (b"5", None), (b'"{"', None), (b'{"a":1}', {"a": b"1"}),
        (b' {"a" : [1, 2] , "b\\u0061":"x","a": {"c":null} } ', {"ba": b'"x"', "a": b'{"c":null}'}),
        (b'{"\xc3\xa9":"\xc3\xa9"}', {"\u00e9": b'"\xc3\xa9"'}), (b'{"":{},"b":[[]]}', {"": b"{}", "b": b"[[]]"}),
    ],
)  # fmt: skip
def test_the_members_of_an_object(text: bytes, found: dict[str, bytes] | None) -> None:
    assert members(text) == _deep_members(text) == found


@pytest.mark.parametrize(
    ("text", "at"),
    [(b'{"a":1} x', 8), (b'{"a":1}}', 7), (b'{"a" 1}', 5), (b'{"a":1 "b":2}', 7), (b"{1:2}", 1), (b'{"a":1,}', 7)],
)
def test_the_byte_at_which_a_text_is_no_object_is_named(text: bytes, at: int) -> None:
    for read in (members, _deep_members):
        with pytest.raises(ValueError, match=rf"^JSON is malformed \(byte [{at - 1}{at}]\)$"):
            read(text)


@pytest.mark.parametrize("size", [_FIRST_LOOK - 1, _FIRST_LOOK, _FIRST_LOOK + 1, 4 * _FIRST_LOOK, 4 * _FIRST_LOOK + 1])
@pytest.mark.parametrize("letter", ["x", "\u00e9", "\u20ac", "\U0001f9a6"])
def test_a_value_ends_where_it_does_however_far_that_is(size: int, letter: str) -> None:
    text = b'["' + letter.encode() * ((size - 4) // len(letter.encode())) + b'"]'
    for behind in (b"", b",", b"]", b" 1", letter.encode()):
        assert value_end(b"xx" + text + behind, 2, 2 + len(text + behind)) == 2 + len(text)
    for end in (1, len(text) // 2, len(text) - 1):
        with pytest.raises(Incomplete):
            value_end(text, 0, end)


@pytest.mark.parametrize("text", [b"[1 2]", b"[nul]", b"]", b'["\x01"]', b"[NaN]"])
def test_what_is_no_value_has_no_end(text: bytes) -> None:
    with pytest.raises(ValueError, match="JSON") as caught:
        value_end(text, 0, len(text))
    assert type(caught.value) is ValueError
