"""Every trap of JSON on its way into columns, one row each: what the columns say, and when `raw` has the work."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from devrev_async._decoders.fallback import decode_one
from devrev_async.arrow import WorksConverter
from devrev_async.models import Artifact, ArtifactFile, Issue, Stage, Task, UnknownWork, UserSummary, Work

ABSENT: Any = object()


def row(work: dict[str, Any] | bytes, *, depth: int | None = 1) -> dict[str, Any]:
    """What the columns say of a work, given as it is on the wire, between two others that must be unharmed."""
    text = work if isinstance(work, bytes) else json.dumps(work).encode()
    before, after = b'{"type":"task","id":"TASK-1","title":"before"}', b'{"type":"issue","id":"ISS-9","title":"after"}'
    batch = WorksConverter(depth=depth).convert_json([before, text, after])
    batch.validate(full=True)
    first, found, last = batch.to_pylist()
    assert (first["title"], first["raw"], last["title"], last["raw"]) == ("before", None, "after", None)
    result: dict[str, Any] = found
    return result


def issue(**fields: Any) -> dict[str, Any]:
    return {"type": "issue", "id": "ISS-1", **fields}


# --- what is there, what is empty, what is not there ---


@pytest.mark.parametrize("depth", [1, 2, None])
@pytest.mark.parametrize(
    ("field", "given", "said"),
    [
        ("tags", ABSENT, None),
        ("tags", None, None),
        ("tags", [], []),
        ("stage", ABSENT, None),
        ("stage", None, None),
        ("custom_fields", ABSENT, None),
        ("custom_fields", None, None),
        ("custom_fields", {}, "{}"),
        ("custom_schema_fragments", [], []),
        ("custom_schema_fragments", [""], [""]),
        ("references", [], "[]"),
        ("title", "", ""),
        ("title", None, None),
        ("title", "null", "null"),
    ],
)
def test_absent_null_and_empty(depth: int | None, field: str, given: Any, said: Any) -> None:
    found = row(issue() if given is ABSENT else issue(**{field: given}), depth=depth)
    assert found[field] == said
    assert found["raw"] is None


def test_an_empty_object_is_not_an_absent_one() -> None:
    found = row(issue(stage={}))
    assert found["stage"] == dict.fromkeys(["name", "display_name", "notes", "ordinal", "stage", "state"])
    assert row(issue(stage={"state": {}}))["stage"]["state"] == "{}"
    assert row(issue(stage={"state": {}}), depth=None)["stage"]["state"]["sync_metadata"] is None
    assert row(issue(tags=[{}]))["tags"] == [{"tag": None, "value": None, "id": None}]


# --- numbers ---


@pytest.mark.parametrize("number", [0, -1, 2**53 + 1, 2**63 - 1, -(2**63)])
def test_integers_of_64_bits_are_exact(number: int) -> None:
    found = row(issue(priority_v2={"id": number, "ordinal": number}))
    assert (found["priority_v2"]["id"], found["priority_v2"]["ordinal"]) == (number, number)
    assert found["raw"] is None


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 10**30, -(10**30)])
@pytest.mark.parametrize("depth", [1, None])
def test_an_integer_beyond_64_bits_is_null_and_the_work_is_in_raw(number: int, depth: int | None) -> None:
    work = issue(title="t", priority_v2={"id": number, "label": "P1"}, stage={"ordinal": 7})
    found = row(work, depth=depth)
    assert found["priority_v2"] == {"id": None, "label": "P1", "ordinal": None, "value": None, "color": None}
    assert (found["title"], found["stage"]["ordinal"]) == ("t", 7)
    assert json.loads(found["raw"]) == work


def test_an_integer_beyond_64_bits_in_an_item_of_a_list() -> None:
    work = issue(artifacts=[{"id": "A-1", "file": {"size": 1}}, {"id": "A-2", "file": {"size": 2**64}}])
    found = row(work, depth=None)
    assert [artifact["file"]["size"] for artifact in found["artifacts"]] == [1, None]
    assert json.loads(found["raw"]) == work


def test_where_an_object_is_json_its_integers_have_any_size() -> None:
    found = row(issue(artifacts=[{"id": "A-2", "file": {"size": 2**64}}]), depth=1)
    assert found["artifacts"][0]["file"] == '{"size":18446744073709551616}'
    assert found["raw"] is None


def test_json_that_is_nested_deeply_is_converted_from_any_depth_of_the_stack() -> None:
    """Its decoder was nearer to the bottom of the stack than its encoder is."""
    nested = b'{"tnt__a":' + b"[" * 900 + b"]" * 900 + b"}"
    work = decode_one(b'{"type":"task","id":"TASK-1","custom_fields":' + nested + b"}")[0]
    converter = WorksConverter(["custom_fields"])

    def convert_below(frames: int) -> Any:
        return converter.convert([work]) if frames == 0 else convert_below(frames - 1)

    assert convert_below(100).column("custom_fields").to_pylist() == [nested.decode()]


def test_only_the_works_that_share_the_odd_part_are_in_raw() -> None:
    odd, usual = Stage(ordinal=2**70), Stage(ordinal=1)
    works = [Task(id=f"TASK-{n}", stage=stage) for n, stage in enumerate([usual, odd, None, odd, usual])]
    raw = WorksConverter().convert(works).column("raw").to_pylist()
    assert [text is not None for text in raw] == [False, True, False, True, False]
    assert raw[1] == works[1].to_json().decode()


def test_the_same_among_items_of_shared_lists() -> None:
    odd, usual = (Artifact(file=ArtifactFile(size=size)) for size in (2**70, 1))
    lists = [(usual,), (usual, odd), (), None, (odd,), (usual,)]
    works = [Issue(id=f"ISS-{n}", artifacts=artifacts) for n, artifacts in enumerate(lists)]
    raw = WorksConverter(depth=None).convert(works).column("raw").to_pylist()
    assert [text is not None for text in raw] == [False, True, False, False, True, False]


def test_a_whole_number_where_a_float_is_declared() -> None:
    assert row(issue(estimated_effort=3))["estimated_effort"] == 3.0
    assert row(issue(estimated_effort=0.1))["estimated_effort"] == 0.1


# --- times ---


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2024-05-18T06:49:12Z", datetime(2024, 5, 18, 6, 49, 12, tzinfo=UTC)),
        ("2024-05-18T06:49:12.123456Z", datetime(2024, 5, 18, 6, 49, 12, 123456, tzinfo=UTC)),
        ("2024-05-18T06:49:12.123456789Z", datetime(2024, 5, 18, 6, 49, 12, 123457, tzinfo=UTC)),
        ("2024-05-18T06:49:12+05:30", datetime(2024, 5, 18, 1, 19, 12, tzinfo=UTC)),
        ("1969-12-31T23:59:59.000001Z", datetime(1969, 12, 31, 23, 59, 59, 1, tzinfo=UTC)),
        ("0001-01-01T00:00:00Z", datetime(1, 1, 1, tzinfo=UTC)),
        ("9999-12-31T23:59:59.999999Z", datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)),
        ("9999-12-31T23:59:59+14:00", datetime(9999, 12, 31, 9, 59, 59, tzinfo=UTC)),
    ],
)
def test_timestamps_are_instants_in_utc_to_the_microsecond(text: str, instant: datetime) -> None:
    found = row(issue(target_close_date=text, sprint={"end_date": text}))
    assert found["target_close_date"] == found["sprint"]["end_date"] == instant
    assert found["raw"] is None


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"])
def test_a_timestamp_that_utc_has_no_year_for_is_null_and_the_work_is_in_raw(text: str) -> None:
    work = issue(target_close_date=text, created_date="2024-05-18T06:49:12Z")
    found = row(work)
    assert found["target_close_date"] is None
    assert found["created_date"] == datetime(2024, 5, 18, 6, 49, 12, tzinfo=UTC)
    assert json.loads(found["raw"]) == work


# --- free-form values ---


@pytest.mark.parametrize(
    "text",
    [
        '{"tnt__tab":"a\\tb","tnt__backslash":"a\\\\b","tnt__quote":"\\""}',
        '{"tnt__whole":1.0,"tnt__int":1}',
        '{"tnt__long":123456789012345678901234567890}',
        '{"tnt__Foo":1,"tnt__foo":2}',
        '{"tnt__null":null,"tnt__empty":{},"tnt__nested":[[],{"a":[null]}]}',
        '{"tnt__time":"2024-01-01T00:00:00.100Z"}',
        '{"":"","tnt__ünïcødé":"\U0001f9a6"}',
    ],
)
def test_custom_fields_are_compact_json_as_sent(text: str) -> None:
    found = row(b'{"type":"ticket","id":"TKT-1","custom_fields":' + text.encode() + b"}")
    assert found["custom_fields"] == text
    assert found["raw"] is None


@pytest.mark.parametrize(
    ("value", "said"),
    [("seven", '"seven"'), (7, "7"), (7.5, "7.5"), (True, "true"), ({"a": 1}, '{"a":1}'), ([], "[]"), (None, None)],
)
@pytest.mark.parametrize("depth", [1, None])
def test_the_value_of_an_enum_is_json(value: Any, said: str | None, depth: int | None) -> None:
    assert row(issue(priority_v2={"value": value}), depth=depth)["priority_v2"]["value"] == said


def test_objects_in_objects_are_json_as_the_wire_has_it() -> None:
    stage = {"name": "s", "state": {"name": "open", "is_final": False}}
    part = {"id": "P-1", "owned_by": [{"id": "U-1", "rev_org": {"id": "O-1"}}], "stage": stage}
    found = row(issue(applies_to_part=part, stage=stage))
    assert json.loads(found["stage"]["state"]) == stage["state"]
    assert json.loads(found["applies_to_part"]["owned_by"]) == part["owned_by"]
    assert json.loads(found["applies_to_part"]["stage"]) == stage
    assert row(issue(stage=stage), depth=None)["stage"]["state"]["is_final"] is False


# --- what is not modelled, and what does not fit ---


def test_an_unknown_value_of_an_enum_and_an_unknown_key() -> None:
    found = row(issue(priority="p77", new_field={"a": 1}))
    assert found["priority"] == "p77"
    assert "new_field" not in found
    assert found["raw"] is None


@pytest.mark.parametrize(
    "work",
    [
        {"type": "incident", "id": "INC-1", "title": "t", "created_date": "2024-05-18T06:49:12Z", "sev": [1]},
        {"type": "issue", "title": "t", "created_date": "2024-05-18T06:49:12Z"},
        {"id": "X-1", "title": "t", "created_date": "2024-05-18T06:49:12Z"},
    ],
)
def test_an_unknown_work_has_the_fields_that_fit_and_its_json(work: dict[str, Any]) -> None:
    text = json.dumps(work, indent=1).encode()
    found = row(text)
    assert (found["id"], found["type"], found["title"]) == (work.get("id"), work.get("type"), "t")
    assert found["created_date"] == datetime(2024, 5, 18, 6, 49, 12, tzinfo=UTC)
    assert found["raw"].encode() == text


@pytest.mark.parametrize("text", [b"[1,2]", b'"work"', b"17", b"{}"])
def test_what_is_no_work_at_all_is_a_row_all_the_same(text: bytes) -> None:
    found = row(text)
    assert found.pop("raw").encode() == text
    assert set(found.values()) == {None}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("body", 5),
        ("body", ["a"]),
        ("priority_v2", "p1"),
        ("priority_v2", {"id": 1.5}),
        ("priority_v2", {"id": "1"}),
        ("owned_by", {"id": "U-1"}),
        ("owned_by", [None]),
        ("stage", []),
        ("estimated_effort", "3"),
        ("target_close_date", "yesterday"),
        ("target_close_date", "2024-13-01T00:00:00Z"),
        ("target_close_date", 1716014952),
        ("custom_fields", []),
        ("custom_schema_fragments", [1]),
    ],
)
@pytest.mark.parametrize("depth", [1, None])
def test_a_value_of_a_wrong_type_is_null_and_the_work_is_in_raw(field: str, value: Any, depth: int | None) -> None:
    work = issue(title="t", priority="p1", sprint={"name": "s"}, **{field: value})
    found = row(work, depth=depth)
    assert found[field] is None
    assert (found["type"], found["id"], found["title"]) == ("issue", "ISS-1", "t")
    assert (found["priority"], found["sprint"]["name"]) == ("p1", "s")
    assert json.loads(found["raw"]) == work


def test_half_a_surrogate_pair_is_in_raw_as_it_came() -> None:
    text = rb'{"type":"issue","id":"ISS-1","title":"cut\ud83dend","body":"b","priority":"p1"}'
    found = row(text)
    assert (found["id"], found["title"], found["body"], found["priority"]) == ("ISS-1", None, "b", "p1")
    assert json.loads(found["raw"]) == json.loads(text)


def test_of_a_key_that_comes_twice_the_last_one_counts() -> None:
    assert row(b'{"type":"issue","id":"ISS-1","title":"a","title":"b"}')["title"] == "b"


@pytest.mark.parametrize("text", ["a\x00b", "a\rb", "a\r\nb", "=1+1", "\U0001f9a6", "\u2028", "\ufeff", "x" * 200_000])
def test_strings_are_exact(text: str) -> None:
    found = row(issue(title=text, owned_by=[{"full_name": text}]))
    assert found["title"] == found["owned_by"][0]["full_name"] == text


def test_a_work_much_longer_than_the_others() -> None:
    body = "b" * (5 << 20)
    assert row(issue(body=body))["body"] == body


# --- works that were built by hand can hold what the wire cannot ---


@pytest.mark.parametrize(
    "work",
    [
        Task(id="TASK-1", title="cut\ud83dend"),
        Task(id="TASK-1", custom_fields={"a": "cut\ud83dend"}),
        Task(id="TASK-1", created_by=UserSummary(full_name="cut\ud83dend")),
    ],
)
def test_half_a_surrogate_pair_in_a_work_built_by_hand(work: Work) -> None:
    found = WorksConverter().convert([Task(id="TASK-0"), work]).to_pylist()[1]
    assert found["id"] == "TASK-1"
    assert json.loads(found["raw"]) == work.to_dict()


def test_raw_that_is_not_utf_8() -> None:
    found = WorksConverter().convert([UnknownWork(raw=b'"\xff"')]).to_pylist()
    assert found[0]["raw"] == '"\ufffd"'


# --- the whole of a batch ---


def test_no_works_are_a_batch_without_rows() -> None:
    batch = WorksConverter().convert([])
    assert (batch.num_rows, batch.schema) == (0, WorksConverter().schema)


@pytest.mark.parametrize("texts", [[b"{"], [b'{"id":"ISS-1"},{"id":"ISS-2"}'], [b""], [b"{}", b"]}"], [b"nul"]])
def test_what_is_no_json_is_refused(texts: list[bytes]) -> None:
    with pytest.raises(ValueError, match=r"JSON"):
        WorksConverter().convert_json(texts)


def test_raw_is_the_same_whatever_the_other_columns_are() -> None:
    works: list[Work] = [
        Task(id="TASK-1", stage=Stage(ordinal=2**70)),
        Task(id="TASK-2", target_close_date=datetime.fromisoformat("9999-12-31T23:59:59-12:00")),
        Task(id="TASK-3"),
        UnknownWork(raw=b"{}"),
    ]
    whole = WorksConverter().convert(works).column("raw").to_pylist()
    assert [text is not None for text in whole] == [True, True, False, True]
    for columns in (["raw"], ["raw", "title"], ["stage", "raw"]):
        assert WorksConverter(columns).convert(works).column("raw").to_pylist() == whole
