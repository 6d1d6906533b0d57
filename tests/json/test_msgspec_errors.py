"""The texts of msgspec's errors are what they are read as: this fails first when a release words them differently."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
import pytest
from msgspec import Meta, Raw

from devrev_async._json.msgspec_errors import (
    Mismatch,
    breaks_pattern,
    ends_early,
    is_trailing,
    is_truncated,
    located,
    mismatch,
    refuses_escape,
    refuses_timestamp,
    value_size,
)

CHANGED = "msgspec words this error differently than devrev_async._json.msgspec_errors expects"


def message(text: bytes, kind: Any = Raw) -> str:
    with pytest.raises(msgspec.MsgspecError) as caught:
        msgspec.json.decode(text, type=kind)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "size"), [(b"{} ,", 3), (b"[1]]", 3), (b'"a" x', 4), (b"1,", 1), (b"null}", 4), (b'{"a":[]}\n\t,{', 10)]
)
def test_a_value_that_others_follow_has_its_size(text: bytes, size: int) -> None:
    said = message(text)
    assert is_trailing(said), CHANGED
    assert value_size(said) == size, CHANGED
    assert not ends_early(said, len(text))


@pytest.mark.parametrize(
    "text", [b"", b"{", b'{"a', b'{"a":', b"[1", b"[1,", b'["a', b'["a\\', b'["a\\u00', b"[tr", b"[-"]
)
def test_a_document_that_ends_inside_a_value_ends_early(text: bytes) -> None:
    assert ends_early(message(text), len(text)), CHANGED
    assert value_size(message(text)) is None


@pytest.mark.parametrize("text", [b"{x}   ", b"[1 2]  ", b'{"a" 1}  ', b"[nul!]  ", b'["\x01"]   '])
def test_what_is_malformed_does_not_end_early(text: bytes) -> None:
    assert not ends_early(message(text), len(text)), CHANGED
    assert value_size(message(text)) is None


def test_half_a_surrogate_pair_is_a_refused_escape_or_a_truncation() -> None:
    assert refuses_escape(message(b'["\\udc00      "]')), CHANGED
    assert refuses_escape(message(b'["\\ud800\\u0041     "]')), CHANGED
    assert is_truncated(message(b'["\\ud800"]')), CHANGED


@pytest.mark.parametrize("text", [b'"x"', b'""', b'"1994-11-06T08:49:60Z"', b'"1994-11-06T08:49:37.Z"'])
def test_a_text_that_is_no_timestamp(text: bytes) -> None:
    kind: Any = Annotated[datetime, Meta(tz=True)]
    assert refuses_timestamp(message(text, kind)), CHANGED
    assert refuses_timestamp(message(b'{"a": {"when": %b}}' % text, dict[str, dict[str, kind]])), CHANGED
    assert refuses_timestamp(message(text, datetime | None)), CHANGED
    assert not refuses_timestamp(message(b"5.5", kind))
    assert not refuses_timestamp(message(b"[]", kind))
    assert not refuses_timestamp(message(text, int))


class _Inner(msgspec.Struct):
    b: list[int] | None = None
    c: Annotated[str, Meta(pattern="^x$")] = "x"
    d: Annotated[int, Meta(le=3)] = 0


class _Outer(msgspec.Struct):
    a: _Inner


@pytest.mark.parametrize(
    ("value", "path", "types"),
    [
        ({"a": {"b": "x"}}, "a.b", Mismatch(["array", "null"], "str")),
        ({"a": {"b": [1, None]}}, "a.b[1]", Mismatch(["int"], "null")),
        ({"a": 1.5}, "a", Mismatch(["object"], "float")),
        (True, "", Mismatch(["object"], "bool")),
    ],
)
def test_a_wrong_type_has_its_place_and_its_types(value: Any, path: str, types: Mismatch) -> None:
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.convert(value, _Outer)
    problem, where = located(str(caught.value))
    assert (where, mismatch(problem)) == (path, types), CHANGED
    assert not breaks_pattern(problem)


@pytest.mark.parametrize(("field", "pattern"), [({"c": "y"}, True), ({"d": 4}, False)])
def test_a_bound_is_no_mismatch(field: dict[str, Any], pattern: bool) -> None:
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.convert({"a": field}, _Outer)
    problem, where = located(str(caught.value))
    assert where == f"a.{next(iter(field))}", CHANGED
    assert mismatch(problem) is None
    assert breaks_pattern(problem) is pattern, CHANGED
