"""Random valid works come back as they went in: from get, export, list and the stream, and to the wire again."""

import copy
import json
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devrev_async import Issue, Opportunity, Task, Ticket, UnknownWork, Work, WorkBase
from devrev_async._decoders.fallback import decode_one
from devrev_async.models.base import is_array
from tests.effort import examples
from tests.models.canned import Canned
from tests.models.random_works import TYPES, Maker, every_property
from tests.models.wire import assert_no_leaf_lost, leaves, normal
from tests.spec import validate_response

CLASSES = {"issue": Issue, "ticket": Ticket, "task": Task, "opportunity": Opportunity}
SEEDS = st.integers(0, 2**32)
SHARES = st.sampled_from([0.0, 0.3, 0.7, 1.0])


async def listed(canned: Canned) -> list[Work]:
    return [work async for work in canned.devrev.works.list()]


async def streamed(canned: Canned) -> list[Work]:
    async with canned.devrev.works.export_stream() as stream:
        return [work async for work in stream]


def test_the_generator_makes_every_property_of_the_spec_and_only_valid_works() -> None:
    made: set[tuple[str, str]] = set()
    for seed in range(20):
        maker = Maker(seed, present=0.95)
        works = [maker.work(type_) for type_ in TYPES]
        validate_response("works.export", {"works": works})
        made |= maker.made
    assert every_property() <= made
    assert len(every_property()) > 250


@given(seed=SEEDS, present=SHARES, null=SHARES, ascii_=st.booleans())
@settings(max_examples=examples(40))
def test_works_come_back_equal_from_every_call(
    canned: Canned, seed: int, present: float, null: float, ascii_: bool
) -> None:
    wire = Maker(seed, present=present, null=null).works(25)
    array = json.dumps(wire, ensure_ascii=ascii_).encode()
    exported = canned.export(array)
    assert canned.run(listed(canned)) == canned.run(streamed(canned)) == exported
    for work, sent in zip(exported, wire, strict=True):
        assert type(work) is CLASSES[sent["type"]]
        assert work.type == sent["type"]
        assert_no_leaf_lost(work, sent)
    for work, sent in list(zip(exported, wire, strict=True))[:5]:
        assert canned.get(sent) == work


@given(seed=SEEDS, null=SHARES)
@settings(max_examples=examples(15))
def test_what_goes_to_the_wire_comes_back_the_same(canned: Canned, seed: int, null: float) -> None:
    works = canned.export(Maker(seed, null=null).works(20))
    assert canned.export(b"[" + b",".join(work.to_json() for work in works) + b"]") == works
    assert canned.export([work.to_dict() for work in works]) == works


@given(seed=SEEDS, null=SHARES)
@settings(max_examples=examples(15))
def test_works_pickle_copy_compare_and_hash(canned: Canned, seed: int, null: float) -> None:
    wire = Maker(seed, null=null).works(10)
    works, again = canned.export(wire), canned.export(wire)
    for work, twin in zip(works, again, strict=True):
        for copied in (twin, copy.copy(work), copy.deepcopy(work), pickle.loads(pickle.dumps(work))):
            assert copied == work
            assert hash(copied) == hash(work)
            assert type(copied) is type(work)
            assert copied.to_json() == work.to_json()
            assert repr(copied) == repr(work)
    assert set(works) == set(again)
    assert len({*works, *again}) == len(works)


def test_a_work_of_nulls_alone(canned: Canned) -> None:
    for type_ in TYPES:
        wire = Maker(1, present=0.0, null=1.0).work(type_)
        assert all(value is None for _, value in leaves({k: v for k, v in wire.items() if k not in ("id", "type")}))
        work = canned.get(wire)
        assert type(work) is CLASSES[type_]
        assert work.to_dict() == {"type": type_, "id": wire["id"]}
        assert [name for name in work.__struct_fields__ if getattr(work, name) is not None] == ["id"]


def test_empty_arrays_are_not_absent_ones(canned: Canned) -> None:
    wire: dict[str, Any] = {
        "type": "ticket",
        "id": "TKT-1",
        "owned_by": [],
        "tags": [],
        "channels": [],
        "custom_fields": {},
    }
    work = canned.get(wire)
    assert isinstance(work, Ticket)
    assert (work.owned_by, work.tags, work.channels, work.custom_fields) == ((), (), (), {})
    assert work.reported_by is None
    assert work.to_dict() == wire


def test_free_form_values_are_untouched(canned: Canned) -> None:
    free: dict[str, Any] = {
        "tnt__null": None,
        "tnt__empty": "",
        "tnt__space": "  x  ",
        "tnt__time": "2024-01-01T00:00:00.100Z",
        "tnt__ints": [2**64, -(2**100), 0],
        "tnt__nested": {"type": "issue", "id": None, "": [[], {}, [None]]},
        "ctype__rich": "<don:core:dvrv-us-1:devo/0aB:devu/1>",
    }
    for work in (canned.get({"type": "issue", "id": "ISS-1", "custom_fields": free}),
                 *canned.export([{"type": "task", "id": "TASK-1", "custom_fields": free}])):  # fmt: skip
        assert work.custom_fields == free
        assert work.to_dict()["custom_fields"] == free
        assert json.loads(work.to_json())["custom_fields"] == free


@pytest.mark.parametrize("depth", [10, 400, 600, 850])
def test_the_wire_form_is_as_deep_as_a_work_can_be(canned: Canned, depth: int) -> None:
    nested = b"[" * depth + b"1" + b"]" * depth
    (work,) = canned.export(b'[{"type":"task","id":"TASK-1","custom_fields":{"tnt__x":%b}}]' % nested)
    assert type(work) is Task
    value = work.to_dict()["custom_fields"]["tnt__x"]
    for _ in range(depth):
        assert is_array(value)
        value = value[0]
    assert value == 1


@pytest.mark.parametrize("depth", [10, 97, 98, 99, 100, 101, 600, 850])
@pytest.mark.parametrize(
    ("type_", "field"),
    [("task", '"custom_fields":{"tnt__x":%s}'), ("issue", '"priority_v2":{"id":1,"value":%s}'),
     ("task", '"title":7,"custom_fields":{"tnt__x":%s}'), ("ticket", '"references":[{"x":%s}],"group":{"id":"g","parents":[%s]}'),
     ("odd", '"custom_fields":{"tnt__x":%s}')],
)  # fmt: skip
def test_works_are_pickled_and_copied_as_deep_as_they_can_be(
    canned: Canned, depth: int, type_: str, field: str
) -> None:
    nested = "[" * depth + "1.5" + "]" * depth
    wire = '{"type":"%s","id":"X-1","created_date":"2024-05-18T06:49:47.816Z",%s}' % (  # noqa: UP031 - braces
        type_,
        field.replace("%s", nested),
    )
    (work,) = canned.export(f"[{wire}]".encode())
    assert type(work) is CLASSES.get(type_, UnknownWork)
    for copied in (copy.copy(work), copy.deepcopy(work), pickle.loads(pickle.dumps(work))):
        assert type(copied) is type(work)
        assert (copied.to_json(), copied.invalid) == (work.to_json(), work.invalid)
        assert copied == work


def test_a_work_is_as_deep_from_any_depth_of_the_stack() -> None:
    """Where it is decoded, the stack is emptier than where it is encoded."""
    wire = b'{"type":"task","id":"X-1","custom_fields":{"tnt__x":%b}}' % (b"[" * 900 + b"]" * 900)
    work, _ = decode_one(wire)
    assert type(work) is Task

    def below(frames: int, call: Callable[[], Any]) -> Any:
        return call() if frames == 0 else below(frames - 1, call)

    plain = below(100, work.to_dict)["custom_fields"]["tnt__x"]
    for _ in range(899):
        (plain,) = plain
    assert plain == []
    assert json.loads(below(100, work.to_json)) == json.loads(wire)
    pickled: bytes = below(100, lambda: pickle.dumps(work))
    assert below(100, lambda: pickle.loads(pickled)).to_json() == work.to_json()


def test_a_repr_that_a_person_can_read(canned: Canned) -> None:
    wire = {
        "type": "ticket",
        "id": "don:x:ticket/7",
        "display_id": "TKT-7",
        "title": "It's\nbroken",
        "stage": {"name": "queued"},
    }
    shown = repr(canned.get(wire))
    assert shown == '<Ticket TKT-7 "It\'s\\nbroken" [queued]>'
    assert repr(canned.get({"type": "task", "id": "TASK-1"})) == "<Task TASK-1>"
    assert repr(canned.get({"type": "incident", "title": "t"})) == "<UnknownWork (no id) 't'>"
    assert "body" not in repr(canned.get({**wire, "body": "body" * 1000}))


def test_works_are_frozen(canned: Canned) -> None:
    work = canned.get({"type": "issue", "id": "ISS-1"})
    with pytest.raises(AttributeError):
        work.title = "t"  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]


def test_every_class_of_works_keeps_the_hash_by_id(canned: Canned) -> None:
    """Structs get a hash over all fields unless told otherwise, and `custom_fields` has none."""
    for kind in (*CLASSES.values(), UnknownWork):
        work = kind(id="ISS-1", custom_fields={"tnt__x": [1]})
        assert isinstance(work, WorkBase)
        assert hash(work) == hash(copy.copy(work))
        assert normal(work.to_dict()) is not None
