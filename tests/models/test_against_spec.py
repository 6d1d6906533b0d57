"""The types agree with the specs of 2025-10 and 2026-01, field by field: names, types, bounds, nullability, enums."""

import ast
import inspect
import types
import typing
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import msgspec
import pytest

from devrev_async.models import enums, filters, updates
from devrev_async.models import works as work_types
from tests.spec import document

SCHEMAS: dict[str, Any] = document()["components"]["schemas"]
TYPES = ("issue", "ticket", "task", "opportunity")

BEYOND_THE_SPECS = {"id_v1", "references", "state"}
"""Fields of works that are in real answers alone."""


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in schema:
        schema = SCHEMAS[schema["$ref"].rpartition("/")[2]]
    return schema


def properties(schema: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Of an object, or of all branches of a union."""
    schema = resolved(schema)
    united: dict[str, dict[str, Any]] = {}
    for branch in schema.get("oneOf", [schema]):
        united |= resolved(branch).get("properties", {})
    return united


def structs_in(kind: Any) -> list[type[msgspec.Struct]]:
    return [kind] if inspect.isclass(kind) and issubclass(kind, msgspec.Struct) else []


def members(kind: Any) -> list[Any]:
    """The members of a union, `Annotated` taken off."""
    if typing.get_origin(kind) is typing.Annotated:
        kind = typing.get_args(kind)[0]
    arguments = (
        typing.get_args(kind)
        if isinstance(kind, types.UnionType) or typing.get_origin(kind) is typing.Union
        else [kind]
    )
    return [inner for argument in arguments for inner in ([argument] if argument is kind else members(argument))]


def differences(schema: dict[str, Any], kind: Any, path: str) -> Iterator[str]:
    """Where an attribute's type and its schema differ."""
    schema = resolved(schema)
    kinds = [member for member in members(kind) if member is not type(None)]
    if "oneOf" in schema or "properties" in schema:
        structs = [member for member in kinds if structs_in(member)]
        if not structs:
            yield f"{path}: no Struct"
            return
        hints = typing.get_type_hints(structs[0], include_extras=True)
        for name, inner in properties(schema).items():
            if name not in structs[0].__struct_fields__:
                yield f"{path}.{name}: missing"
            else:
                yield from differences(inner, hints[name], f"{path}.{name}")
        return
    type_ = schema.get("type")
    expected: dict[str, Any] = {"integer": int, "number": float, "boolean": bool, "string": str}
    if type_ == "array":
        (of, *_) = typing.get_args(kinds[0]) or (None,)
        yield from differences(schema["items"], of, f"{path}[]")
    elif type_ == "object":
        if typing.get_origin(kinds[0]) is not dict:
            yield f"{path}: no dict"
    elif type_ is not None:
        wanted = datetime if schema.get("format") == "date-time" else expected[type_]
        if kinds != [wanted]:
            yield f"{path}: {kinds} and not {wanted}"


@pytest.mark.parametrize("type_", TYPES)
def test_works_have_every_field_of_the_specs(type_: str) -> None:
    schema = SCHEMAS[f"work--{type_}"]
    kind = getattr(work_types, type_.capitalize())
    body = {"properties": {name: inner for name, inner in schema["properties"].items() if name != "type"}}
    assert list(differences(body, kind, type_)) == []
    beyond = BEYOND_THE_SPECS | ({"is_archived"} if type_ == "ticket" else set[str]())  # as an update has it
    assert set(kind.__struct_fields__) - set(body["properties"]) == beyond


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("works-filter-issue", filters.IssueFilter),
        ("works-filter-ticket", filters.TicketFilter),
        ("works-filter-opportunity", filters.OpportunityFilter),
        ("stage-filter", filters.StageFilter),
        ("staged-info-filter", filters.StagedInfoFilter),
        ("sync-metadata-filter", filters.SyncMetadataFilter),
        ("sync-metadata-filter-sync-in-filter", filters.SyncInFilter),
        ("sync-metadata-filter-sync-out-filter", filters.SyncOutFilter),
        ("sla-summary-filter", filters.SlaFilter),
        ("date-filter--last_n_days--preset", filters.LastDays),
        ("date-filter--next_n_days--preset", filters.NextDays),
        ("date-filter--range", filters.DateRange),
        ("works-update-request-tags", updates.ListUpdate),
        ("works-update-request-artifacts", updates.ListUpdate),
        ("stage-update", updates.StageUpdate),
    ],
)
def test_request_objects_have_the_fields_of_the_specs(name: str, model: type[msgspec.Struct]) -> None:
    assert set(model.__struct_fields__) == set(SCHEMAS[name]["properties"]) - {"type"}


@pytest.mark.parametrize("endpoint", ["export", "list", "count"])
def test_filters_are_those_of_the_specs(endpoint: str) -> None:
    options = {"first", "sort_by", "limit", "cursor", "mode"}
    assert set(filters.Filters.__annotations__) == set(SCHEMAS[f"works-{endpoint}-request"]["properties"]) - options


def branches(request: str) -> dict[str, dict[str, Any]]:
    return {type_: SCHEMAS[f"works-{request}-request--{type_}"]["properties"] for type_ in TYPES}


def test_an_update_has_every_field_of_the_specs_and_no_other() -> None:
    of_types = branches("update")
    everything = set[str]().union(*of_types.values())
    assert set(updates.UpdateFields.__annotations__) | {"id", "type"} == everything
    assert list(updates.WorkUpdate.__struct_fields__[:2]) == ["id", "type"]
    assert set(updates.WorkUpdate.__struct_fields__) == everything


def test_a_create_has_every_field_of_the_specs_and_no_other() -> None:
    required = {"type", "title", "applies_to_part", "owned_by"}
    assert set(updates.CreateFields.__annotations__) | required == set[str]().union(*branches("create").values())
    for branch in branches("create"):
        assert set(SCHEMAS[f"works-create-request--{branch}"]["required"]) - {"account"} == required


@pytest.mark.parametrize(
    ("request_", "table"), [("update", updates.UPDATE_FIELDS_OF), ("create", updates.CREATE_FIELDS_OF)]
)
def test_which_fields_belong_to_which_type(request_: str, table: dict[str, frozenset[str]]) -> None:
    of_types = branches(request_)
    shared = set(of_types["task"]).intersection(*of_types.values())
    assert {type_: set(fields) - shared for type_, fields in of_types.items()} == {k: set(v) for k, v in table.items()}


def test_an_update_and_its_entry_for_many_take_the_same_types() -> None:
    """Bounds (`Annotated`) are checked when the entry is sent."""
    entry = typing.get_type_hints(updates.WorkUpdate)
    fields = typing.get_type_hints(updates.UpdateFields)
    assert {name: set(members(kind)) for name, kind in fields.items()} == {
        name: set(members(kind)) for name, kind in entry.items() if name not in ("id", "type")
    }


CLEARABLE_EVERYWHERE = {
    name
    for name in updates.UpdateFields.__annotations__
    if all(schemas[name].get("nullable") for schemas in branches("update").values() if name in schemas)
}


def test_none_is_part_of_the_type_where_the_api_can_clear() -> None:
    of_types = branches("update")
    hints = typing.get_type_hints(updates.UpdateFields, include_extras=True)
    for name, kind in hints.items():
        clearable = any(schemas[name].get("nullable") for schemas in of_types.values() if name in schemas)
        assert (type(None) in members(kind)) == bool(clearable), name
    assert len(CLEARABLE_EVERYWHERE) == 9
    assert not of_types["opportunity"]["account"].get("nullable")  # the one that `update` checks by itself


ENUMS = {
    "external-system-type": "ExternalSystemType",
    "group-member-type": "GroupMemberType",
    "issue-priority": "Priority",
    "org-schedule-status": "OrgScheduleStatus",
    "org-type": "OrgType",
    "part-type": "PartType",
    "sla-status": "SlaStatus",
    "sla-summary-stage": "SlaStage",
    "sla-tracker-applies-to-type": "SlaTrackerAppliesTo",
    "sla-type": "SlaType",
    "sync-in-status": "SyncInStatus",
    "sync-out-status": "SyncOutStatus",
    "sync-progress-state": "SyncProgressState",
    "sync-run-mode": "SyncRunMode",
    "sync-unit-sync-type": "SyncType",
    "ticket-channels": "TicketChannel",
    "ticket-severity": "Severity",
    "user-state": "UserState",
    "user-type": "UserType",
    "vista-group-item-state": "VistaState",
    "vista-group-item-type": "VistaType",
    "work-type": "WorkType",
}


def known_values() -> dict[str, set[str]]:
    """The values that a type checker sees, read from the source: at run time every enum is `str`."""
    tree = ast.parse(inspect.getsource(enums))
    return {
        node.target.id: {str(leaf.value) for leaf in ast.walk(node) if isinstance(leaf, ast.Constant)}
        for node in ast.walk(tree)
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    }


def test_every_known_enum_value_completes_in_an_editor() -> None:
    known = known_values()
    assert set(known) == set(ENUMS.values())
    for schema, name in ENUMS.items():
        assert known[name] == set(document_enum(schema)), name


def document_enum(name: str) -> list[str]:
    if name in SCHEMAS:
        return list(SCHEMAS[name]["enum"])
    # a discriminator's enum is only in the branches of its union
    union = {"org-type": "org-summary", "part-type": "part-summary", "user-type": "user-summary", "work-type": "work",
             "vista-group-item-type": "vista-group-item-summary"}[name]  # fmt: skip
    return [value for branch in SCHEMAS[union]["oneOf"] for value in resolved(branch)["properties"]["type"]["enum"]]


def test_no_enum_of_an_answer_is_closed() -> None:
    for name in ENUMS.values():
        assert getattr(enums, name) is str
