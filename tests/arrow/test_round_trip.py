"""Random works: the columns, with `raw` where it is filled, say the same as `to_dict`."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devrev_async._decoders.fallback import decode_one
from devrev_async.arrow import WorksConverter, works_schema
from devrev_async.arrow.fields import Field, Kind, fields_of_works
from devrev_async.models import Issue, Opportunity, Task, Ticket, UnknownWork, Work
from tests.effort import examples
from tests.models.random_works import Maker

SEEDS = st.integers(0, 2**32)
SHARES = st.sampled_from([0.0, 0.3, 0.7, 1.0])
DEPTHS = st.sampled_from([1, 2, 3, None])
NAMES = works_schema().names
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def texts_of(seed: int, present: float, null: float, *, count: int = 12) -> list[bytes]:
    """The JSON of random works; some are of an unknown type, some have an integer or a string that does not fit."""
    maker = Maker(seed, present=present, null=null)
    works = maker.works(count)
    for at, change in ((2, {"type": "incident"}), (5, {"title": ["t"]}), (8, {"stage": {"ordinal": 2**65}})):
        works[at].update(change)
    return [json.dumps(work, ensure_ascii=bool(seed % 2)).encode() for work in works]


def works_of(texts: list[bytes]) -> list[Work]:
    """The same works, decoded one by one."""
    return [decode_one(text)[0] for text in texts]


def from_columns(field: Field, value: Any) -> Any:
    """The JSON that a column says."""
    if field.repeated:
        item = Field(field.name, field.kind, field.members)
        return [from_columns(item, entry) for entry in value]
    if field.kind is Kind.OBJECT:
        return said_by(field.members, value)
    if field.kind is Kind.TIME:
        return microseconds(value)
    return json.loads(value) if field.kind is Kind.JSON else value


def said_by(fields: tuple[Field, ...], row: dict[str, Any]) -> dict[str, Any]:
    return {field.name: from_columns(field, row[field.name]) for field in fields if row[field.name] is not None}


def with_instants(field: Field, value: Any) -> Any:
    """The wire's JSON with its timestamps as instants, where columns have them as such."""
    if field.repeated:
        return [with_instants(Field(field.name, field.kind, field.members), entry) for entry in value]
    if field.kind is Kind.OBJECT:
        return {
            member.name: with_instants(member, value[member.name]) for member in field.members if member.name in value
        }
    return microseconds(datetime.fromisoformat(value)) if field.kind is Kind.TIME else value


def exact(value: Any) -> str:
    """For comparing: 1, 1.0 and True are not the same."""
    return json.dumps(value, sort_keys=True)


def microseconds(instant: datetime) -> int:
    return (instant - EPOCH) // timedelta(microseconds=1)


@given(seed=SEEDS, present=SHARES, null=SHARES, depth=DEPTHS)
@settings(max_examples=examples(30))
def test_columns_and_raw_say_what_to_dict_says(seed: int, present: float, null: float, depth: int | None) -> None:
    texts = texts_of(seed, present, null)
    works = works_of(texts)
    batch = WorksConverter(depth=depth).convert(works)
    batch.validate(full=True)
    assert batch.schema.equals(works_schema(depth=depth), check_metadata=True)
    fields = fields_of_works(depth)
    in_raw = 0
    for work, row in zip(works, batch.to_pylist(), strict=True):
        if row["raw"] is not None:
            in_raw += 1
            assert json.loads(row["raw"]) == work.to_dict()
        else:
            assert type(work) in (Issue, Ticket, Task, Opportunity)
            sent = work.to_dict()
            wanted = {field.name: with_instants(field, sent[field.name]) for field in fields if field.name in sent}
            assert set(wanted) == set(sent)
            assert exact(said_by(fields, row)) == exact(wanted)
    assert in_raw == 3


@given(seed=SEEDS, depth=DEPTHS)
@settings(max_examples=examples(20))
def test_json_becomes_the_same_batch_as_works(seed: int, depth: int | None) -> None:
    texts = texts_of(seed, 0.7, 0.1)
    converter = WorksConverter(depth=depth)
    assert converter.convert_json(texts).equals(converter.convert(works_of(texts)), check_metadata=True)


@given(seed=SEEDS, depth=DEPTHS, columns=st.lists(st.sampled_from(NAMES), min_size=1, unique=True))
@settings(max_examples=examples(30))
def test_chosen_columns_are_those_of_the_whole(seed: int, depth: int | None, columns: list[str]) -> None:
    texts = texts_of(seed, 0.7, 0.1)
    whole = WorksConverter(depth=depth).convert_json(texts)
    chosen = WorksConverter(columns, depth).convert_json(texts)
    assert chosen.schema.names == columns
    for name in columns:
        assert chosen.column(name).equals(whole.column(name)), name


@given(seed=SEEDS, cut=st.integers(1, 11))
@settings(max_examples=examples(20))
def test_how_works_are_divided_into_batches_changes_no_value(seed: int, cut: int) -> None:
    texts = texts_of(seed, 0.7, 0.1)
    converter = WorksConverter()
    parts = [converter.convert_json(texts[:cut]), converter.convert_json(texts[cut:])]
    assert [row for part in parts for row in part.to_pylist()] == converter.convert_json(texts).to_pylist()


@pytest.mark.parametrize("count", [999, 1000, 1001, 2000, 2500])
def test_a_batch_may_have_any_number_of_works(count: int) -> None:
    works = (works_of(texts_of(7, 0.3, 0.1)) * (count // 12 + 1))[:count]
    batch = WorksConverter().convert(works)
    assert batch.schema.equals(works_schema(), check_metadata=True)
    rows = WorksConverter().convert(works[:12]).to_pylist()
    assert batch.to_pylist() == (rows * (count // 12 + 1))[:count]


def test_the_generator_makes_unknown_works_too() -> None:
    assert [type(work) for work in works_of(texts_of(1, 0.5, 0.0))].count(UnknownWork) >= 1
