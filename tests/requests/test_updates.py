"""Updates and creates: clearing, the type that goes with a field, and the plain forms of lists, stages, tags."""

import asyncio
import enum
import numbers
import types
from collections import deque
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from typing import Any

import msgspec
import pytest

from devrev_async import UNSET, DevRevClient, InvalidArgumentError, LastDays, ListUpdate, StageUpdate, WorkUpdate
from devrev_async._requests.bodies import fields_of, query_body, update_body
from devrev_async.models import PartSummary, Stage, TagWithValue, UserSummary
from devrev_async.models.ids import check_id, type_of_id
from devrev_async.models.updates import CREATE_FIELDS_OF, UPDATE_FIELDS_OF, CreateFields, UpdateFields
from tests.models.canned import Canned
from tests.spec import document, validate_request

WORK = {"work": {"type": "issue", "id": "ISS-1"}}
NAIVE = datetime(2024, 1, 1, tzinfo=UTC).replace(tzinfo=None)
SCHEMAS: dict[str, Any] = document()["components"]["schemas"]
IDS = {"issue": "ISS-1", "ticket": "TKT-1", "task": "TASK-1", "opportunity": "OPP-1"}
TYPES_OF = [
    (type_, field)
    for type_ in IDS
    for field in sorted(UpdateFields.__annotations__)
    if field in SCHEMAS[f"works-update-request--{type_}"]["properties"]
]


def updated(canned: Canned, id: str = "ISS-1", **fields: Any) -> Any:
    canned.answer(WORK)
    body = canned.sent(canned.devrev.works.update(id, **fields)).body
    validate_request("works.update", body)
    return body


def refused(canned: Canned, error: type[Exception], match: str, id: str = "ISS-1", **fields: Any) -> None:
    canned.received.clear()
    with pytest.raises(error, match=match):
        canned.run(canned.devrev.works.update(id, **fields))
    assert canned.received == []


@pytest.mark.parametrize(("type_", "field"), TYPES_OF)
def test_none_clears_what_the_api_can_clear_and_nothing_else(canned: Canned, type_: str, field: str) -> None:
    if SCHEMAS[f"works-update-request--{type_}"]["properties"][field].get("nullable"):
        body = updated(canned, IDS[type_], **{field: None})
        assert body[field] is None
    else:
        refused(canned, InvalidArgumentError, f"{field}=None: the API cannot clear", IDS[type_], **{field: None})


@pytest.mark.parametrize("field", sorted(CreateFields.__annotations__))
def test_a_create_takes_no_none(canned: Canned, field: str) -> None:
    arguments: dict[str, Any] = {"type": "issue", "title": "t", "applies_to_part": "PROD-1", "owned_by": ["DEVU-1"]}
    arguments[field] = None
    with pytest.raises(InvalidArgumentError, match=f"{field}=None"):
        canned.run(canned.devrev.works.create(**arguments))


def test_unset_is_not_sent(canned: Canned) -> None:
    assert updated(canned, title=UNSET, severity=UNSET, sprint=UNSET) == {"id": "ISS-1"}
    everything = dict.fromkeys(UpdateFields.__annotations__, UNSET)
    assert updated(canned, "X-1", **everything) == {"id": "X-1"}


DONS = [
    ("ISS-14", "issue"),
    ("TKT-1", "ticket"),
    ("TASK-2", "task"),
    ("OPP-3", "opportunity"),
    ("INC-3", None),
    ("ISS", None),
    ("ISSUE-1", None),
    ("iss-1", None),
    ("TASKS-1", None),
    ("don:core:dvrv-us-1:devo/0aB:issue/14", "issue"),
    ("don:core:dvrv-in-1:devo/0aB:ticket/14", "ticket"),
    ("don:core:dvrv-us-1:devo/issue/1:task/14", "task"),
    ("don:core:dvrv-us-1:devo/ticket:opportunity/1", "opportunity"),
    ("don:core:dvrv-us-1:devo/0aB:incident/14", None),
    ("don:core:dvrv-us-1:devo/0aB:ticket/14:comment/5", None),
    ("don:identity:dvrv-us-1:devo/0aB:devu/1", None),
    ("don:core:dvrv-us-1:stock_sf/123", None),
    ("don:core:dvrv-us-1:devo/0aB:tissue/14", None),
    ("don:", None),
    ("xdon:core:dvrv-us-1:devo/0aB:issue/14", None),
]


@pytest.mark.parametrize(("id", "type_"), DONS)
def test_the_type_that_an_id_tells(id: str, type_: str | None) -> None:
    assert type_of_id(id) == type_


@pytest.mark.parametrize(("id", "type_"), [row for row in DONS if "xdon" not in row[0]])
@pytest.mark.parametrize("asked", [None, "issue", "ticket", "task", "opportunity"])
@pytest.mark.parametrize("field", ["title", "severity", "priority", "account", "embedded", "probability"])
def test_type_goes_with_the_fields_of_one_type(
    canned: Canned, id: str, type_: str | None, asked: str | None, field: str
) -> None:
    value: Any = {"severity": "high", "priority": "p0", "account": "ACC-1", "embedded": True, "probability": 0.5}.get(
        field, "t"
    )
    kind = asked or type_
    special = field != "title"
    if asked and type_ and asked != type_:
        refused(canned, InvalidArgumentError, "contradicts the id", id, type=asked, **{field: value})
    elif special and kind is None:
        refused(canned, InvalidArgumentError, f"{field} is a field of .*: pass type=", id, type=asked, **{field: value})
    elif special and kind is not None and field not in UPDATE_FIELDS_OF[kind]:
        refused(
            canned,
            InvalidArgumentError,
            f"{field} is a field of type .* and not of type '{kind}'",
            id,
            type=asked,
            **{field: value},
        )
    else:
        body = updated(canned, id, type=asked, **{field: value})
        assert body.get("type") == (kind if special else asked)
        assert body[field] == value


@pytest.mark.parametrize(
    ("type_", "error"),
    [("none", InvalidArgumentError), ("", InvalidArgumentError), (5, TypeError), (["issue"], TypeError)],
)
def test_types_that_are_none(canned: Canned, type_: Any, error: type[Exception]) -> None:
    refused(canned, error, "type", "X-1", type=type_, title="t")
    with pytest.raises(error, match="type"):
        canned.run(canned.devrev.works.create(type=type_, title="t", applies_to_part="PROD-1", owned_by=["DEVU-1"]))


MISSPELT: Any = {"id": "TAG-1", "valeu": "v"}
SET = {
    "owned_by": "ISS-1",
    "reported_by": "ISS-1",
    "developed_with": "ISS-1",
    "channels": "TKT-1",
    "contacts": "OPP-1",
    "artifacts": "ISS-1",
}


@pytest.mark.parametrize(("field", "id"), SET.items())
@pytest.mark.parametrize("shape", [list, tuple, deque, dict.fromkeys, set, frozenset], ids=lambda shape: shape.__name__)
def test_a_plain_sequence_sets_the_list(canned: Canned, field: str, id: str, shape: Any) -> None:
    item = "email" if field == "channels" else "X-1"
    given = {item: None}.keys() if shape == dict.fromkeys else shape([item])
    assert updated(canned, id, **{field: given})[field] == {"set": [item]}


def test_channels_v2_is_bare(canned: Canned) -> None:
    assert updated(canned, "TKT-1", channels_v2=["CH-1"])["channels_v2"] == ["CH-1"]


@pytest.mark.parametrize("field", [*SET, "channels_v2", "tags", "custom_schema_fragments", "stage_validation_options"])
def test_a_string_is_no_sequence(canned: Canned, field: str) -> None:
    for value in ("DEVU-1", b"DEVU-1", 5, (item for item in ["DEVU-1"]), {"set": "DEVU-1"}):
        refused(canned, TypeError, field, SET.get(field, "TKT-1"), **{field: value})


def test_list_updates(canned: Canned) -> None:
    def tags(value: Any) -> Any:
        return updated(canned, tags=value)["tags"]

    assert tags(["TAG-1"]) == {"set": [{"id": "TAG-1"}]}
    assert tags([]) == {"set": []}
    assert tags(({"id": "TAG-1", "value": ""}, "TAG-2")) == {"set": [{"id": "TAG-1", "value": ""}, {"id": "TAG-2"}]}
    assert tags([types.MappingProxyType({"id": "TAG-1", "value": UNSET})]) == {"set": [{"id": "TAG-1"}]}
    assert tags(ListUpdate(add=["TAG-1"])) == {"add": [{"id": "TAG-1"}]}
    every = ListUpdate(add=[{"id": "T-1", "value": "v"}], remove=["T-2", {"id": "T-3"}], set=())
    assert tags(every) == {"add": [{"id": "T-1", "value": "v"}], "remove": [{"id": "T-2"}, {"id": "T-3"}], "set": []}
    assert updated(canned, artifacts=ListUpdate(add=["A-1"], remove=["A-2"]))["artifacts"] == {
        "add": ["A-1"],
        "remove": ["A-2"],
    }


@pytest.mark.parametrize(
    ("field", "value", "match"),
    [
        ("tags", ListUpdate(), "add=, remove= or set="),
        ("artifacts", ListUpdate(), "add=, remove= or set="),
        ("tags", ListUpdate(remove=[{"id": "TAG-1", "value": "v"}]), "ids only"),
        ("tags", [{"id": "TAG-1", "valeu": "v"}], "valeu"),
        ("tags", ListUpdate(add=[MISSPELT]), "valeu"),
        ("tags", [{"value": "v"}], "id"),
        ("stage", StageUpdate(), "name= or stage="),
        ("stage", StageUpdate(stage=""), "stage"),
        ("stage", {"nmae": "triage"}, "nmae"),
        ("custom_schema_spec", {"tenant": True}, "tenant"),
        ("staged_info", {"unresolved": []}, "unresolved"),
        ("stage_validation_options", ["allow_non_start"], "allow_non_start"),
    ],
)
def test_what_says_nothing_or_is_misspelt_is_refused(canned: Canned, field: str, value: Any, match: str) -> None:
    refused(canned, InvalidArgumentError, match, **{field: value})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("title", 5),
        ("title", b"t"),
        ("priority", 0),
        ("priority_v2", True),
        ("priority_v2", 1.0),
        ("priority_v2", "1"),
        ("stage", 5),
        ("target_close_date", 5),
        ("custom_fields", ["x"]),
        ("custom_fields", {1: "x"}),
        ("custom_fields", {"tnt__x": object()}),
        ("custom_fields", {"tnt__x": iter([1])}),
        ("tags", [5]),
        ("artifacts", ListUpdate(add=[{"id": "A-1"}])),
        ("owned_by", [5]),
        ("reported_by", ListUpdate(add=["DEVU-1"])),
        ("owned_by", ListUpdate(add=["DEVU-1"])),
    ],
)
def test_values_of_another_type(canned: Canned, field: str, value: Any) -> None:
    refused(canned, TypeError, field, **{field: value})


@pytest.mark.parametrize(
    "field",
    ["owned_by", "reported_by", "developed_with", "channels", "channels_v2", "contacts", "custom_schema_fragments"],
)
def test_a_list_that_can_only_be_set_says_so(canned: Canned, field: str) -> None:
    says = f"{field} takes no ListUpdate: the API can only set it as a whole; pass a sequence"
    for change in (ListUpdate(add=["X-1"]), ListUpdate(set=["X-1"])):
        refused(canned, TypeError, says, "X-1", type="ticket", **{field: change})
        update: Any = WorkUpdate(**{"id": "X-1", field: change})  # type: ignore[arg-type]
        with pytest.raises(TypeError, match=says):
            update_body(update.id, update.type, fields_of(update))


@pytest.mark.parametrize("field", ["owned_by", "artifacts", "tags"])
def test_the_lists_of_a_create_can_only_be_set(canned: Canned, field: str) -> None:
    with pytest.raises(TypeError, match=f"{field} takes no ListUpdate"):
        created(canned, **{field: ListUpdate(set=["X-1"])})


@pytest.mark.parametrize("field", ["type", "created_date", "custom_fields", "issue"])
def test_half_a_surrogate_pair_is_named_where_no_text_belongs(field: str) -> None:
    with pytest.raises(InvalidArgumentError, match=f"^{field}: .*surrogate"):
        query_body({field: "\ud800"}, {}, method="count")


class Estimate(msgspec.Struct):
    hours: Decimal


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ({"tnt__x": Decimal("NaN")}, "custom_fields.tnt__x: NaN"),
        ({"tnt__x": [1, Decimal("-Infinity")]}, r"custom_fields.tnt__x\[1\]: -Infinity"),
        ({"tnt__x": float("inf")}, "custom_fields.tnt__x: inf"),
        ({"tnt__x": {"a": float("nan")}}, "custom_fields.tnt__x.a: nan"),
        ({"tnt__x": Estimate(Decimal("sNaN"))}, "custom_fields.tnt__x.hours: sNaN"),
        ({"tnt__x": "\ud83e"}, "custom_fields.tnt__x: lone surrogate"),
        ({"tnt__w": 1, "tnt__x": "\ud83e"}, "custom_fields.tnt__x: lone surrogate"),
        ({"tnt__w": {"a": 1}, "tnt__x": 10**5000}, "custom_fields: an integer has more digits than Python writes"),
        ({"tnt__x": [{}, {"a": ["", "b\udc00"]}]}, r"custom_fields.tnt__x\[1\].a\[1\]: lone surrogate"),
        ({"tnt__\ud83e": 1}, r"custom_fields.'tnt__\\ud83e': lone surrogate"),
    ],
)
def test_what_json_cannot_carry_is_named(canned: Canned, value: Any, path: str) -> None:
    refused(canned, InvalidArgumentError, path, custom_fields=value)
    for extra in ({"custom_fields": value}, {"more": value["tnt__x"]} if "tnt__x" in value else {"more": value}):
        refused(canned, InvalidArgumentError, "custom_fields|more", extra_body=extra)


@pytest.mark.parametrize("value", [Decimal("Infinity"), float("nan"), Decimal("NaN")])
def test_amounts_are_finite(canned: Canned, value: Any) -> None:
    refused(canned, InvalidArgumentError, "amount: ", "OPP-1", amount=value)


def test_decimals_are_sent_exactly(canned: Canned) -> None:
    assert updated(canned, custom_fields={"tnt__x": Decimal("1.10"), "tnt__y": Estimate(Decimal("0.30"))}) == {
        "id": "ISS-1",
        "custom_fields": {"tnt__x": "1.10", "tnt__y": {"hours": "0.30"}},
        "custom_schema_spec": {"tenant_fragment": True},
    }


def test_an_unset_type_is_derived(canned: Canned) -> None:
    assert updated(canned, "ISS-1", type=UNSET, priority="p0") == updated(canned, "ISS-1", type=None, priority="p0")
    assert updated(canned, "X-1", type=UNSET, title="t") == {"id": "X-1", "title": "t"}
    refused(canned, InvalidArgumentError, "pass type=", "X-1", type=UNSET, priority="p0")
    update = WorkUpdate(id="ISS-1", type=UNSET, priority="p0")
    body = update_body(update.id, update.type, fields_of(update))
    assert body == {"id": "ISS-1", "type": "issue", "priority": "p0"}
    with pytest.raises(TypeError, match="type"):
        created(canned, type=UNSET)


def test_an_unset_first_is_the_default(canned: Canned) -> None:
    canned.answer({"works": []})
    unset: Any = UNSET
    assert canned.sent(canned.devrev.works.export(first=unset, sort_by=unset)).body == {"first": 5000}


def test_what_is_unset_is_not_sent_whatever_the_argument(canned: Canned) -> None:
    canned.answer({"works": []})
    unset: Any = UNSET
    page = anext(canned.devrev.works.list(cursor=unset, mode=unset, limit=unset, type=unset, extra_body=unset).pages())
    assert canned.sent(page).body == {}


def test_unknown_arguments_are_type_errors(canned: Canned) -> None:
    refused(
        canned, TypeError, r"update\(\) got an unexpected keyword argument 'titel'; did you mean 'title'\?", titel="t"
    )
    with pytest.raises(TypeError, match=r"export\(\) got an unexpected keyword argument 'tpye'; did you mean 'type'\?"):
        canned.run(canned.devrev.works.export(tpye=["issue"]))  # type: ignore[call-arg]
    with pytest.raises(TypeError, match=r"export\(\) got an unexpected keyword argument 'qqq'$"):
        canned.run(canned.devrev.works.export(qqq=1))  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("method", "name", "advice"),
    [
        ("export", "limit", "; did you mean 'first'?"),
        ("export_stream", "limit", "; did you mean 'first'?"),
        ("list", "first", "; did you mean 'limit', the size of a page, or 'max_items'?"),
        ("export_all", "limit", "; it yields all works: leave its loop early, or call export(first=...)"),
        ("export_all", "first", "; it yields all works: leave its loop early, or call export(first=...)"),
        ("changes", "first", ""),  # no "did you mean 'vista'?"
        ("export_all", "sort_by", ""),
        ("count", "cursor", ""),
    ],
)
def test_the_bound_of_another_call_is_told_the_own_one(canned: Canned, method: str, name: str, advice: str) -> None:
    with pytest.raises(TypeError) as caught:
        canned.run(getattr(canned.devrev.works, method)(**{name: 10}))
    assert str(caught.value) == f"{method}() got an unexpected keyword argument {name!r}{advice}"


def test_a_stage_is_a_name_or_a_stage_update_and_its_id_has_another_key_in_a_create(canned: Canned) -> None:
    assert updated(canned, stage="triage")["stage"] == {"name": "triage"}
    assert updated(canned, stage=StageUpdate(name="triage"))["stage"] == {"name": "triage"}
    assert updated(canned, stage=StageUpdate(stage="S-1"))["stage"] == {"stage": "S-1"}
    assert updated(canned, stage=StageUpdate(stage="S-1", name="n"))["stage"] == {"stage": "S-1", "name": "n"}
    for given, sent in (
        ("triage", {"name": "triage"}),
        (StageUpdate(name="triage"), {"name": "triage"}),
        (StageUpdate(stage="S-1"), {"id": "S-1"}),
    ):
        assert created(canned, stage=given)["stage"] == sent


def created(canned: Canned, **fields: Any) -> Any:
    canned.answer(WORK, 201)
    arguments: dict[str, Any] = {"type": "issue", "title": "t", "applies_to_part": "PROD-1", "owned_by": ["DEVU-1"]}
    body = canned.sent(canned.devrev.works.create(**{**arguments, **fields})).body
    validate_request("works.create", body)
    return body


def test_the_lists_of_a_create_are_bare(canned: Canned) -> None:
    body = created(
        canned,
        type="ticket",
        reported_by=["REVU-1"],
        artifacts=["A-1"],
        channels=["email"],
        channels_v2=["C-1"],
        tags=["TAG-1", {"id": "TAG-2", "value": "v"}],
    )
    assert body["owned_by"] == ["DEVU-1"]
    assert (body["reported_by"], body["artifacts"], body["channels"], body["channels_v2"]) == (
        ["REVU-1"],
        ["A-1"],
        ["email"],
        ["C-1"],
    )
    assert body["tags"] == [{"id": "TAG-1"}, {"id": "TAG-2", "value": "v"}]


@pytest.mark.parametrize("type_", IDS)
def test_a_create_refuses_fields_of_other_types(canned: Canned, type_: str) -> None:
    every = set[str]().union(*CREATE_FIELDS_OF.values())
    required: Any = {"type": type_, "title": "t", "applies_to_part": "PROD-1", "owned_by": ["DEVU-1"]}
    hints: dict[str, Any] = {"account": "ACC-1"} if type_ == "opportunity" else {}
    values: dict[str, Any] = {
        "account": "A-1",
        "amount": 1,
        "annual_contract_value": {"amount": "1", "currency": "EUR"},
        "channels": ["email"],
        "channels_v2": ["C-1"],
        "contacts": ["R-1"],
        "customer_budget": 1.5,
        "developed_with": ["P-1"],
        "embedded": True,
        "forecast_category": "won",
        "forecast_category_v2": 1,
        "group": "G-1",
        "is_spam": True,
        "needs_response": True,
        "priority": "p0",
        "priority_v2": 1,
        "probability": 0.5,
        "rev_org": "R-1",
        "severity": "low",
        "source_channel": "s",
        "source_channel_v2": "C-1",
        "sprint": "S-1",
        "start_date": datetime.now(UTC),
        "target_start_date": datetime.now(UTC),
        "value": {"amount": "1", "currency": "EUR"},
        "visibility": 1,
    }
    assert set(values) == every
    for field, value in values.items():
        if field in CREATE_FIELDS_OF[type_]:
            assert field in created(canned, **required, **{**hints, field: value})
        else:
            with pytest.raises(InvalidArgumentError, match=f"{field} is a field of type"):
                canned.run(canned.devrev.works.create(**required, **{**hints, field: value}))


def test_an_opportunity_needs_its_account(canned: Canned) -> None:
    with pytest.raises(InvalidArgumentError, match="account="):
        created(canned, type="opportunity")


def test_the_schema_of_tenant_fields_is_named(canned: Canned) -> None:
    tenant = {"tenant_fragment": True}
    for call in (updated, created):
        assert call(canned, custom_fields={"tnt__x": None})["custom_schema_spec"] == tenant
        assert call(canned, custom_fields={"ctype__x": 1, "tnt__x": []})["custom_schema_spec"] == tenant
        assert "custom_schema_spec" not in call(canned, custom_fields={"ctype__x": 1})
        assert "custom_schema_spec" not in call(canned, custom_fields={})
        assert "custom_schema_spec" not in call(canned, custom_fields={"tnt__x": 1}, custom_schema_fragments=["F-1"])
        own = {"subtype": "bug", "tenant_fragment": False, "drop": {"subtype": True, "apps": ["a"]}}
        assert call(canned, custom_fields={"tnt__x": 1}, custom_schema_spec=own)["custom_schema_spec"] == own


def test_extra_body(canned: Canned) -> None:
    canned.answer({"work": WORK["work"], "works": [], "count": 1, "has_more": False})
    works = canned.devrev.works
    extra = types.MappingProxyType({"new": {"a": (1, None)}, "type": "incident"})
    assert canned.sent(works.update("ISS-1", title="t", extra_body=extra)).body == {
        "id": "ISS-1",
        "title": "t",
        "new": {"a": [1, None]},
        "type": "incident",
    }
    assert canned.sent(works.count(extra_body={"x": 1})).body == {"x": 1}
    assert canned.sent(works.export(extra_body={"x": 1})).body == {"first": 5000, "x": 1}
    assert canned.sent(works.delete("ISS-1", extra_body={"x": 1})).body == {"id": "ISS-1", "x": 1}
    for repeated in ({"id": "ISS-2"}, {"title": "u"}):
        refused(canned, InvalidArgumentError, "repeats", title="t", extra_body=repeated)
    refused(canned, InvalidArgumentError, "NaN|nan", extra_body={"x": float("nan")})
    for mistaken in (["x"], [], "", 0, False):
        refused(canned, TypeError, "extra_body takes a mapping", extra_body=mistaken)


DEEP: list[Callable[[Any], Any]] = [
    lambda value: value,
    lambda value: [value],
    lambda value: {"a": (value,)},
    lambda value: types.MappingProxyType({"a": {"b": value}}),
]


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf"), NAIVE])
@pytest.mark.parametrize("deep", DEEP)
def test_what_json_cannot_say_is_refused_at_any_depth(canned: Canned, bad: Any, deep: Any) -> None:
    refused(canned, InvalidArgumentError, "custom_fields.tnt__x", custom_fields={"tnt__x": deep(bad)})
    refused(canned, InvalidArgumentError, "extra_body.x", extra_body={"x": deep(bad)})


def test_numbers_that_are_none(canned: Canned) -> None:
    for bad in (float("nan"), float("inf"), 10**400):
        refused(canned, InvalidArgumentError, "probability|out of range", "OPP-1", probability=bad)
    assert updated(canned, "OPP-1", probability=1, amount=-0.5) == {
        "id": "OPP-1",
        "type": "opportunity",
        "probability": 1.0,
        "amount": -0.5,
    }


def test_cycles_and_half_surrogates(canned: Canned) -> None:
    cycle: list[Any] = []
    cycle.append(cycle)
    refused(canned, InvalidArgumentError, "nested too deeply", custom_fields={"tnt__x": cycle})
    refused(canned, InvalidArgumentError, "surrogate", title="\ud83e")
    refused(canned, InvalidArgumentError, "surrogate", custom_fields={"tnt__\ud83e": 1})


class Priority(enum.StrEnum):
    HIGHEST = "p0"


class Name(str):
    __slots__ = ()


class Moment(datetime):
    pass


def test_subclasses_enums_and_decimals_are_what_they_stand_for(canned: Canned) -> None:
    body = updated(
        canned,
        Name("ISS-1"),
        type=Name("issue"),
        title=Name("t"),
        priority=Priority.HIGHEST,
        target_close_date=Moment(2024, 1, 1, 3, tzinfo=timezone(timedelta(hours=2))),
        custom_fields={Name("tnt__a"): Decimal("1.50"), Priority.HIGHEST: enum.IntEnum("N", "ONE").ONE},  # type: ignore[attr-defined]
    )
    assert body == {
        "id": "ISS-1",
        "type": "issue",
        "title": "t",
        "priority": "p0",
        "target_close_date": "2024-01-01T01:00:00Z",
        "custom_fields": {"tnt__a": "1.50", "p0": 1},
        "custom_schema_spec": {"tenant_fragment": True},
    }
    assert updated(canned, "OPP-1", value={"amount": Decimal("9.90"), "currency": "EUR"})["value"] == {
        "amount": "9.90",
        "currency": "EUR",
    }


class Count(int):
    pass


def test_subclasses_in_free_form_are_what_they_extend(canned: Canned) -> None:
    assert updated(canned, custom_fields={"tnt__a": [Name("x"), Count(3)]})["custom_fields"] == {"tnt__a": ["x", 3]}


class Int64:
    """An integer as those of numpy, which extend no type of Python's and are registered as numbers."""

    def __int__(self) -> int:
        return 3


class Float32:
    def __init__(self, value: float) -> None:
        self.value = value

    def __float__(self) -> float:
        return self.value


numbers.Integral.register(Int64)
numbers.Real.register(Float32)


def test_numbers_of_other_libraries_are_numbers(canned: Canned) -> None:
    assert updated(canned, priority_v2=Int64())["priority_v2"] == 3
    assert updated(canned, "OPP-1", amount=Float32(1.5), probability=Int64())["amount"] == 1.5
    assert updated(canned, custom_fields={"app__x": [Int64(), Float32(0.5)]})["custom_fields"] == {"app__x": [3, 0.5]}
    refused(canned, InvalidArgumentError, r"app__x\[0\]: nan", custom_fields={"app__x": [Float32(float("nan"))]})
    refused(canned, TypeError, "Fraction is not JSON", custom_fields={"app__x": Fraction(1, 3)})
    refused(canned, TypeError, "priority_v2 takes an int, not a Float32", priority_v2=Float32(3.0))


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"owned_by": [UserSummary(id="DEVU-1")]}, r"owned_by\[0\] takes a str, not UserSummary: pass its id"),
        ({"applies_to_part": PartSummary(id="PROD-1")}, "applies_to_part takes a str, not PartSummary: pass its id"),
        ({"stage": Stage(name="triage", notes="n")}, "stage: a Stage does not fit: object contains unknown field"),
        ({"tags": [TagWithValue(value="v")]}, r"tags\[0\]: a TagWithValue does not fit: "),
        ({"target_close_date": date(2024, 1, 1)}, "target_close_date takes an aware datetime, not a date"),
        ({"title": Decimal("1.5")}, None),
        ({"priority_v2": Decimal("1.5")}, "priority_v2 takes an int, not a Decimal"),
        ({"title": LastDays(3)}, "title takes a str, not a LastDays"),
        ({"target_close_date": timedelta(1)}, "target_close_date takes an aware datetime, not a timedelta"),
    ],
)
def test_a_refusal_names_what_was_passed(canned: Canned, fields: dict[str, Any], problem: str | None) -> None:
    if problem is None:
        assert updated(canned, **fields)["title"] == "1.5"
    else:
        refused(canned, (TypeError, InvalidArgumentError), problem, **fields)  # type: ignore[arg-type]


def test_money_has_an_amount_and_a_currency(canned: Canned) -> None:
    for money in ({"amount": "1"}, {"currency": "EUR"}, {"amount": "1", "currency": "EUR", "x": 1}, {}):
        refused(canned, InvalidArgumentError, "value", "OPP-1", value=money)
    refused(canned, TypeError, "value.amount takes a str, not an int", "OPP-1", value={"amount": 1, "currency": "EUR"})


def test_arguments_are_not_changed(canned: Canned) -> None:
    custom_fields: dict[str, Any] = {"tnt__x": [datetime(2024, 1, 1, tzinfo=timezone(timedelta(hours=1)))]}
    tags = [{"id": "TAG-1", "value": "v"}]
    updated(canned, custom_fields=custom_fields, tags=tags)
    assert custom_fields == {"tnt__x": [datetime(2024, 1, 1, tzinfo=timezone(timedelta(hours=1)))]}
    assert tags == [{"id": "TAG-1", "value": "v"}]


def test_a_work_update_gives_the_body_of_an_update(canned: Canned) -> None:
    entry = WorkUpdate(id="OPP-1", title="t", probability=None, owned_by=["DEVU-1"], tags=ListUpdate(add=["TAG-1"]))
    fields = fields_of(entry)
    assert fields == {"title": "t", "probability": None, "owned_by": ["DEVU-1"], "tags": ListUpdate(add=["TAG-1"])}
    body = update_body(entry.id, entry.type, fields)
    assert body == updated(canned, "OPP-1", **fields)


def test_arguments_are_checked_before_the_session_is_opened() -> None:

    async def attempt() -> None:
        with pytest.raises(InvalidArgumentError, match="title"):
            await DevRevClient("token", base_url="http://127.0.0.1:1").works.update("ISS-1", title="")

    asyncio.run(attempt())
    assert check_id("ISS-1") == "ISS-1"
