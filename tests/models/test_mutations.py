"""One field of one work among many is broken: no other work changes, nothing raises, and what can be typed is."""

import copy
import json
import logging
import pickle
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devrev_async import Issue, UnknownWork, Work, WorkBase
from devrev_async.models.base import is_object
from tests.effort import examples
from tests.models.canned import Canned
from tests.models.random_works import Maker
from tests.models.wire import FREE_FORM, is_list, normal, same

Path = tuple[str | int, ...]
SHARED = [name for name in WorkBase.__struct_fields__ if name != "raw"]
OTHER_TYPES: list[Any] = [7, -1.5, True, "\U0001f9a6", [], {}, [1], {"a": 1}, [None], 10**30]


class _Warnings(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        assert record.levelno == logging.WARNING
        self.messages.append(record.getMessage())


@contextmanager
def warnings_of_the_client() -> Generator[list[str]]:
    handler = _Warnings()
    logger = logging.getLogger("devrev_async")
    logger.addHandler(handler)
    try:
        yield handler.messages
    finally:
        logger.removeHandler(handler)


class Mutation(NamedTuple):
    """A change to one work; `fits` says whether the work still is of its type afterwards."""

    name: str
    path: Path
    fits: bool


def places(node: Any, path: Path = ()) -> list[Path]:
    """The paths of all values that are typed, free-form ones and what is in them left out."""
    here = [path] if path else []
    if is_object(node):
        return here + [
            inner for key, item in node.items() if not free_form(key, item) for inner in places(item, (*path, key))
        ]
    if is_list(node):
        return here + [inner for index, item in enumerate(node) for inner in places(item, (*path, index))]
    return here


def free_form(key: str, item: Any) -> bool:
    return key in FREE_FORM and not (key == "value" and is_object(item) and set(item) == {"amount", "currency"})


def at(node: Any, path: Path) -> Any:
    for step in path:
        node = node[step]
    return node


def drop(work: Any, path: Path) -> Mutation:
    parent = at(work, path[:-1])
    del parent[path[-1]]  # of an array this makes it shorter
    return Mutation("drop", path, fits=path not in (("type",), ("id",)))


def null(work: Any, path: Path) -> Mutation:
    at(work, path[:-1])[path[-1]] = None
    return Mutation("null", path, fits=path not in (("type",), ("id",)) and isinstance(path[-1], str))


def invent(work: Any, path: Path) -> Mutation:
    """Another string where a string was: a new enum value, a new name, or no time at all."""
    old = at(work, path)
    at(work, path[:-1])[path[-1]] = "invented"
    is_time = isinstance(path[-1], str) and path[-1].endswith(("_date", "_time", "_at", "_until", "_transition"))
    return Mutation("invent", path, fits=isinstance(old, str) and path != ("type",) and not is_time)


def add_keys(work: Any, path: Path) -> Mutation:
    target = at(work, path) if isinstance(at(work, path), dict) else work
    target.update({"of_tomorrow": {"id": [1, None]}, "": 10**30, "Type": "x"})
    return Mutation("add", path, fits=True)


def retype(other: Any) -> Callable[[Any, Path], Mutation]:
    def change(work: Any, path: Path) -> Mutation:
        old = at(work, path)
        at(work, path[:-1])[path[-1]] = copy.deepcopy(other)
        same_kind = kind(old, path) == kind(other, path) and (
            other in ([], {}) or kind(old, path) not in ("array", "object")
        )
        if same_kind and path == ("type",):
            same_kind = False
        if isinstance(other, dict) and isinstance(old, dict):
            same_kind = True  # only keys that are not modelled
        if same_kind and isinstance(old, str) and path[-1] not in ("display_id", "title", "name"):
            same_kind = invent(copy.deepcopy(work), path).fits
        return Mutation(f"retype to {other!r}", path, fits=same_kind)

    return change


def kind(value: Any, path: Path) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int | float):
        return "number" if path[-1] == "estimated_effort" or isinstance(value, float) else "int"
    kinds: dict[type, str] = {str: "str", list: "array", dict: "object"}
    return next((name for kind_, name in kinds.items() if isinstance(value, kind_)), "null")


MUTATIONS: list[Callable[[Any, Path], Mutation]] = [drop, null, invent, add_keys, *map(retype, OTHER_TYPES)]


@given(
    seed=st.integers(0, 2**32),
    index=st.integers(0, 7),
    place=st.integers(0, 10**6),
    mutate=st.sampled_from(MUTATIONS),
    ascii_=st.booleans(),
)
@settings(max_examples=examples(250))
def test_one_broken_field(
    canned: Canned, seed: int, index: int, place: int, mutate: Callable[[Any, Path], Mutation], ascii_: bool
) -> None:
    wire = Maker(seed, present=0.7).works(8)
    before = canned.export(wire)
    broken = copy.deepcopy(wire)
    paths = places(broken[index])
    mutation = mutate(broken[index], paths[place % len(paths)])
    array = json.dumps(broken, ensure_ascii=ascii_).encode()
    with warnings_of_the_client() as warned:
        after = canned.export(array)
        got = canned.get(broken[index])
    assert len(after) == len(before)
    assert after[:index] + after[index + 1 :] == before[:index] + before[index + 1 :]
    check_the_broken_one(after[index], broken[index], before[index], mutation)
    assert json.loads(got.to_json()) == json.loads(after[index].to_json())
    assert len(warned) == (0 if mutation.fits else 2), warned  # one an answer
    for message in warned:
        assert message.startswith("works.")
        assert "1 of " in message


def check_the_broken_one(work: Work, wire: dict[str, Any], before: Work, mutation: Mutation) -> None:
    if mutation.fits:
        assert type(work) is type(before), mutation
        known = {"type", *work.__struct_fields__}
        top = {name: value for name, value in work.to_dict().items() if name != mutation.path[0]}
        expected = {k: v for k, v in wire.items() if v is not None and k != mutation.path[0] and k in known}
        assert normal(top) == normal(expected), mutation
        return
    if mutation.path not in (("type",), ("id",)):
        check_the_invalid_field(work, wire, before, mutation)
        return
    assert type(work) is UnknownWork, mutation
    assert json.loads(work.raw) == wire
    assert work.to_json() == work.raw
    assert work.to_dict() == wire
    for name in SHARED:
        told = getattr(work, name)
        if name == mutation.path[0]:
            assert told is None or same(told, wire[name]), mutation
        else:
            assert told == getattr(before, name), (name, mutation)
    if mutation.path != ("type",):
        assert work.type == wire["type"]


def check_the_invalid_field(work: Work, wire: dict[str, Any], before: Work, mutation: Mutation) -> None:
    """The work keeps its class, all other fields, and its wire form."""
    odd = str(mutation.path[0])
    assert type(work) is type(before), mutation
    assert work.invalid == {odd: wire[odd]}
    for name in work.__struct_fields__:
        assert getattr(work, name) == (None if name == odd else getattr(before, name)), (name, mutation)
    known = {"type", *work.__struct_fields__}
    expected = {name: value for name, value in wire.items() if value is not None and name in known}
    for form in (work.to_dict(), json.loads(work.to_json())):
        assert form[odd] == wire[odd]
        assert normal(form) == normal(expected), mutation
    for other in (copy.copy(work), copy.deepcopy(work), pickle.loads(pickle.dumps(work))):
        assert other == work
        assert (type(other), other.invalid, other.to_json()) == (type(work), work.invalid, work.to_json())
    assert work != before


NO_WORKS: list[Any] = [1, -1.5, True, None, "x", [], [[]], {}, [{"type": "issue", "id": "ISS-1"}]]


@pytest.mark.parametrize("odd", NO_WORKS, ids=repr)
def test_elements_that_are_no_works(canned: Canned, odd: Any) -> None:
    wire = Maker(3).works(30)
    plain = canned.export(wire)
    with warnings_of_the_client() as warned:
        works = canned.export([*wire[:11], odd, *wire[11:]])
    assert works[:11] + works[12:] == plain
    unknown = works[11]
    assert isinstance(unknown, UnknownWork)
    assert json.loads(unknown.raw) == odd
    assert unknown.to_dict() == (odd if isinstance(odd, dict) else {})
    assert {getattr(unknown, name) for name in (*SHARED, "type")} == {None}
    assert len(warned) == 1
    assert "1 of 31 works" in warned[0]
    assert "number 11" in warned[0]


def test_types_of_tomorrow_are_whole(canned: Canned) -> None:
    """A type that no spec has, but the documentation mentions: everything shared is there."""
    wire = Maker(5, present=1.0).work("issue") | {"type": "incident", "id": "INC-1", "severity": "sev0"}
    with warnings_of_the_client() as warned:
        works = canned.export([wire] * 40)
    assert len(warned) == 1
    assert "40 of 40" in warned[0]
    for work in works:
        assert isinstance(work, UnknownWork)
        assert work.type == "incident"
        assert work.to_dict() == wire
        assert all(getattr(work, name) is not None for name in SHARED if name in wire)


def test_half_a_surrogate_pair_sinks_nothing(canned: Canned) -> None:
    """It is JSON by the grammar, though no text."""
    wire = Maker(7).works(3)
    half = b'{"type":"issue","id":"ISS-5","title":"\\ud83e","display_id":"ISS-5"}'
    array = json.dumps(wire[:2]).encode()[:-1] + b"," + half + b"," + json.dumps(wire[2]).encode() + b"]"
    works = canned.export(array)
    assert works[:2] + works[3:] == canned.export(wire)
    for work in (works[2], canned.get(half)):
        assert type(work) is Issue
        assert (work.id, work.display_id, work.title) == ("ISS-5", "ISS-5", None)
        assert work.invalid == {"title": "\ud83e"}
        assert json.loads(work.to_json()) == json.loads(half)


HUGE = b"9" * 5000


@pytest.mark.parametrize(
    ("field", "text", "value"),
    [
        ("custom_fields", b'{"x":1e400}', {"x": 10**400}),
        ("custom_fields", b'{"x":-1.5e400,"y":1e9999}', {"x": -15 * 10**399, "y": "1e9999"}),
        ("custom_fields", b'{"x":%b}' % HUGE, {"x": HUGE.decode()}),
        ("custom_fields", b'[ {"\\ud83e" : null} ]', [{"\ud83e": None}]),
        ("estimated_effort", b"1e999", 10**999),
        ("estimated_effort", b'"1"', "1"),
        ("stage", b'{"ordinal":1.5}', {"ordinal": 1.5}),
        ("owned_by", b'[{"id":"a"},{"id":5}]', [{"id": "a"}, {"id": 5}]),
        ("title", b"false", False),
        ("created_date", b'"2024-01-01T00:00:00"', "2024-01-01T00:00:00"),
        ("created_date", b'""', ""),
        ("created_date", b"1715957387", 1715957387),
    ],
)
def test_an_odd_value_costs_nothing_but_its_field(canned: Canned, field: str, text: bytes, value: Any) -> None:
    odd = b'{"type":"issue","id":"ISS-1","%b":%b,"body":"b"}' % (field.encode(), text)
    with warnings_of_the_client() as warned:
        (exported,) = canned.export(b"[" + odd + b"]")
        got = canned.get(odd)
    assert len(warned) == 2
    assert all("1 of 1 works have invalid fields" in message and field in message for message in warned)
    for work in (exported, got):
        assert type(work) is Issue
        assert (work.id, work.body, getattr(work, field)) == ("ISS-1", "b", None)
        assert work.invalid == {field: value}
        assert work.to_dict() == {"type": "issue", "id": "ISS-1", "body": "b", field: value}
        assert b'"%b":%b' % (field.encode(), text) in work.to_json()
        assert work == pickle.loads(pickle.dumps(work))


@pytest.mark.parametrize(
    "odd",
    [
        b'{"type":"issue","id":7}',
        b'{"type":"issue","id":"\\ud83e"}',
        b'{"type":["issue"],"id":"ISS-1"}',
        b'{"type":null,"id":"ISS-1"}',
        b'{"type":"Issue","id":"ISS-1"}',
        b'{"id":"ISS-1"}',
        b'{"type":"issue"}',
        b'{"type":"issue","id":"ISS-1","custom_fields":%b{}%b}' % (b"[" * 50_000, b"]" * 50_000),
    ],
    ids=lambda text: text[:50].decode(),
)
def test_works_of_no_known_type_keep_their_bytes(canned: Canned, odd: bytes) -> None:
    with warnings_of_the_client() as warned:
        (exported,) = canned.export(b"[" + odd + b"]")
        got = canned.get(odd)
    assert len(warned) == 2
    assert all("1 of 1 works came as UnknownWork" in message for message in warned)
    for work in (exported, got):
        assert type(work) is UnknownWork
        assert work.raw == work.to_json() == odd
        assert work.id == ("ISS-1" if b'"id":"ISS-1"' in odd else None)
        assert work.type == next((kind for kind in ("issue", "Issue") if b'"type":"%b"' % kind.encode() in odd), None)


def test_an_unknown_key_that_is_nested_too_deeply_costs_no_other_work(canned: Canned) -> None:
    deep = b'{"type":"issue","id":"ISS-1","tomorrow":%b{}%b}' % (b'{"a":' * 50_000, b"}" * 50_000)
    first, second = canned.export(b'[%b,{"type":"task","id":"TASK-1"}]' % deep)
    # from Python 3.14 on, the C stack and not the recursion limit bounds what msgspec can skip
    assert type(first) in (UnknownWork, Issue)
    assert first.id == "ISS-1"
    assert type(first) is Issue or first.to_json() == deep
    assert second.id == "TASK-1"


def test_an_odd_value_is_one_line(canned: Canned) -> None:
    wire = {"type": "issue", "id": "ISS-1", "title": {"a\n": ["b"]}}
    (work,) = canned.export(json.dumps([wire], indent=2).encode())
    assert b"\n" not in work.to_json()
    assert json.loads(work.to_json()) == work.to_dict() == wire


def test_works_are_equal_by_value_whatever_the_text(canned: Canned) -> None:
    one, same, other = canned.export(
        b'[{"type":"task","id":"1","title":{"a":1.0}},{"type":"task","id":"1","title":{ "a" : 1 }},'
        b'{"type":"task","id":"1","title":{"a":2}}]'
    )
    assert one == same
    assert one != other
    assert hash(one) == hash(same)
    assert len({one, same, other}) == 2
    replaced = one.__replace__(body="b")
    assert (replaced.body, replaced.invalid) == ("b", {"title": {"a": 1.0}})
    assert one.__replace__(title="t").invalid is None


def test_both_kinds_in_one_response_are_one_warning_each(canned: Canned) -> None:
    wire = Maker(3).works(9)
    wire[2]["title"], wire[4]["type"], wire[5]["tags"], wire[7]["type"] = 5, "incident", "x", "incident"
    with warnings_of_the_client() as warned:
        canned.export(wire)
    assert [message.split(";")[0] for message in warned] == [
        "works.export: 2 of 9 works came as UnknownWork",
        "works.export: 2 of 9 works have invalid fields",
    ]
    assert "the first is number 2: title: " in warned[1]
