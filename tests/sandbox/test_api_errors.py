"""Which requests are errors, and with which body."""

from typing import Any

import pytest

from tests.sandbox.conftest import Api

pytestmark = pytest.mark.anyio

CREATE: dict[str, Any] = {"type": "issue", "title": "t", "applies_to_part": "PROD-1", "owned_by": ["DEVU-1"]}
READS = ("works.export", "works.list", "works.count")


@pytest.mark.parametrize("endpoint", READS)
@pytest.mark.parametrize(
    ("body", "field_name"),
    [
        ({"subtype": ["bug"]}, "subtype"),
        ({"stage_name": ["triage"]}, "stage_name"),
        ({"external_refs": ["x"]}, "external_refs"),
        ({"issue": {"rev_org": ["REV-1"]}}, "issue.rev_org"),
        ({"ticket": {"rev_orgs": ["REV-1"]}}, "ticket.rev_orgs"),
        ({"ticket": {"sla_summary": {"stages": []}}}, "ticket.sla_summary.stages"),
        ({"ticket": {"surveys": {"x": 1}}}, "ticket.surveys.x"),
        ({"created_date": {"type": "range", "since": "2024-01-01T00:00:00Z"}}, "created_date.since"),
        ({"sync_metadata": {"last_sync_in": {"x": 1}}}, "sync_metadata.last_sync_in.x"),
    ],
)
async def test_unknown_filters_are_named(shared_api: Api, endpoint: str, body: Any, field_name: str) -> None:
    await shared_api.refused(endpoint, body, type="invalid_field", field_name=field_name)


@pytest.mark.parametrize(
    ("endpoint", "field_name"),
    [
        ("works.count", "sort_by"),
        ("works.count", "limit"),
        ("works.list", "first"),
        ("works.export", "limit"),
        ("works.export", "cursor"),
        ("works.get", "type"),
        ("works.delete", "type"),
    ],
)
async def test_fields_of_other_endpoints_are_unknown(shared_api: Api, endpoint: str, field_name: str) -> None:
    body: dict[str, Any] = {"id": "ISS-1"} if endpoint in ("works.get", "works.delete") else {}
    await shared_api.refused(endpoint, {**body, field_name: []}, type="invalid_field", field_name=field_name)


@pytest.mark.parametrize(
    ("body", "field_name", "expected", "actual"),
    [
        ({"type": "issue"}, "type", "array", "string"),
        ({"type": [1]}, "type", "string", "number"),
        ({"type": None}, "type", "array", "null"),
        ({"first": "5"}, "first", "number", "string"),
        ({"first": True}, "first", "number", "bool"),
        ({"first": None}, "first", "number", "null"),
        ({"issue": []}, "issue", "object", "array"),
        ({"ticket": {"is_spam": "yes"}}, "ticket.is_spam", "bool", "string"),
        ({"created_date": "2024"}, "created_date", "object", "string"),
        ({"created_date": {"type": 1}}, "created_date.type", "string", "number"),
        ({"custom_fields": "x"}, "custom_fields", "object", "string"),
        ({"vista": ["VISTA-1"]}, "vista", "string", "array"),
    ],
)
async def test_wrong_json_types(shared_api: Api, body: Any, field_name: str, expected: str, actual: str) -> None:
    await shared_api.refused(
        "works.export", body, type="unexpected_json_type", field_name=field_name, expected=expected, actual=actual
    )


@pytest.mark.parametrize(
    ("body", "field_name", "value"),
    [
        ({"type": ["incident"]}, "type", "incident"),
        ({"type": ["none"]}, "type", "none"),
        ({"issue": {"priority": ["P0"]}}, "issue.priority", "P0"),
        ({"ticket": {"severity": ["urgent"]}}, "ticket.severity", "urgent"),
        ({"created_date": {"type": "last_n_days"}}, "created_date.type", "last_n_days"),
        ({"created_date": {"type": "preset", "preset_type": "x", "days": 1}}, "created_date.preset_type", "x"),
        ({"sync_metadata": {"last_sync_out": {"status": ["staged"]}}}, "sync_metadata.last_sync_out.status", "staged"),
    ],
)
async def test_unknown_enum_values(shared_api: Api, body: Any, field_name: str, value: str) -> None:
    answer = await shared_api.refused(
        "works.export", body, type="invalid_enum_value", field_name=field_name, value=value
    )
    assert value not in answer["allowed_values"]


@pytest.mark.parametrize(
    ("endpoint", "body", "field_name"),
    [
        ("works.get", {}, "id"),
        ("works.delete", {}, "id"),
        ("works.update", {"title": "x"}, "id"),
        ("works.export", {"created_date": {"after": "2024-01-01T00:00:00Z"}}, "created_date.type"),
        ("works.export", {"created_date": {"type": "preset", "days": 1}}, "created_date.preset_type"),
        ("works.export", {"created_date": {"type": "preset", "preset_type": "last_n_days"}}, "created_date.days"),
        ("works.create", {key: CREATE[key] for key in CREATE if key != "type"}, "type"),
        ("works.create", {key: CREATE[key] for key in CREATE if key != "title"}, "title"),
        ("works.create", {key: CREATE[key] for key in CREATE if key != "owned_by"}, "owned_by"),
        ("works.create", {key: CREATE[key] for key in CREATE if key != "applies_to_part"}, "applies_to_part"),
        ("works.create", {**CREATE, "type": "opportunity"}, "account"),
        ("works.create", {**CREATE, "tags": [{"value": "x"}]}, "tags.id"),
        ("works.update", {"id": "OPP-1", "type": "opportunity", "contacts": {}}, "contacts.set"),
        ("works.update", {"id": "OPP-1", "type": "opportunity", "value": {"amount": "1"}}, "value.currency"),
    ],
)
async def test_missing_fields(shared_api: Api, endpoint: str, body: Any, field_name: str) -> None:
    await shared_api.refused(endpoint, body, type="missing_required_field", field_name=field_name)


@pytest.mark.parametrize(
    ("endpoint", "body", "field_name"),
    [
        ("works.export", {"first": 0}, "first"),
        ("works.export", {"first": 5001}, "first"),
        ("works.export", {"first": 1.5}, "first"),
        ("works.export", {"sort_by": ["-created_date"]}, "sort_by"),
        ("works.export", {"sort_by": ["created_date"]}, "sort_by"),
        ("works.export", {"sort_by": ["created_date:down"]}, "sort_by"),
        ("works.export", {"sort_by": ["created_date:asc", "shoe_size:asc"]}, "sort_by"),
        ("works.list", {"limit": 0}, "limit"),
        ("works.list", {"cursor": "no cursor"}, "cursor"),
        ("works.export", {"created_date": {"type": "range", "after": "2024-01-01"}}, "created_date.after"),
        ("works.export", {"created_date": {"type": "range", "after": "2024-01-01T00:00:00"}}, "created_date.after"),
        ("works.update", {"id": "ISS-1", "title": ""}, "title"),
        ("works.update", {"id": "ISS-1", "title": "x" * 257}, "title"),
        ("works.update", {"id": "ISS-1", "body": "x" * 65_537}, "body"),
        ("works.update", {"id": "ISS-1", "owned_by": {"set": []}}, "owned_by.set"),
        ("works.update", {"id": "ISS-1", "artifacts": {"add": ["ARTIFACT-1"] * 51}}, "artifacts.add"),
        ("works.create", {**CREATE, "developed_with": ["PROD-1"] * 9}, "developed_with"),
        ("works.update", {"id": "ISS-1", "type": "ticket", "severity": "low"}, "type"),
        ("works.update", {"id": "TKT-1", "type": "ticket", "visibility": 3}, "visibility"),
        ("works.create", {**CREATE, "title": ""}, "title"),
        ("works.create", {**CREATE, "owned_by": []}, "owned_by"),
        ("works.create", {**CREATE, "external_ref": ""}, "external_ref"),
        ("works.create", {**CREATE, "external_ref": "x" * 513}, "external_ref"),
    ],
)  # fmt: skip
async def test_values_out_of_bounds(shared_api: Api, endpoint: str, body: Any, field_name: str) -> None:
    await shared_api.refused(endpoint, body, type="value_not_permitted", field_name=field_name)


@pytest.mark.parametrize(
    ("endpoint", "body"),
    [
        ("works.export", {"first": 1}),
        ("works.export", {"first": 5000}),
        ("works.export", {"created_date": {"type": "preset", "preset_type": "last_n_days", "days": 2**32 - 1}}),
        ("works.export", {"created_date": {"type": "range"}}),
        ("works.export", {"ticket": {"surveys": {}}}),
        ("works.update", {"id": "ISS-1", "title": "x" * 256}),
        ("works.update", {"id": "ISS-1", "body": "x" * 65_536}),
        ("works.update", {"id": "ISS-1", "artifacts": {"add": [f"ARTIFACT-8{n:05}" for n in range(50)]}}),
        ("works.update", {"id": "ISS-1", "type": "issue", "developed_with": {"set": ["PROD-1"] * 8}}),
    ],
)
async def test_values_on_the_bound_pass(api: Api, endpoint: str, body: Any) -> None:
    await api.post(endpoint, body)


@pytest.mark.parametrize(
    ("body", "field_name"),
    [
        ({"priority": "p0"}, "priority"),
        ({"severity": "low"}, "severity"),
        ({"sprint": None}, "sprint"),
        ({"type": "issue", "severity": "low"}, "severity"),
        ({"type": "task", "priority_v2": 1}, "priority_v2"),
        ({"owned_by": {"add": ["DEVU-1"]}}, "owned_by.add"),
        ({"external_ref": "x"}, "external_ref"),
    ],
)
async def test_update_knows_the_fields_of_the_stated_type_only(api: Api, body: Any, field_name: str) -> None:
    await api.refused("works.update", {"id": "ISS-1", **body}, type="invalid_field", field_name=field_name)


@pytest.mark.parametrize(
    ("body", "field_name", "expected"),
    [
        ({"title": None}, "title", "string"),
        ({"owned_by": None}, "owned_by", "object"),
        ({"stage": {"name": None}}, "stage.name", "string"),
        ({"type": None}, "type", "string"),
        ({"type": "issue", "priority": None}, "priority", "string"),
        ({"tags": {"set": None}}, "tags.set", "array"),
        ({"owned_by": ["DEVU-1"]}, "owned_by", "object"),
    ],
)
async def test_update_clears_only_what_can_be_cleared(api: Api, body: Any, field_name: str, expected: str) -> None:
    await api.refused(
        "works.update", {"id": "ISS-1", **body}, type="unexpected_json_type", field_name=field_name, expected=expected
    )


async def test_a_work_cannot_own_a_work(api: Api) -> None:
    answer = await api.refused(
        "works.update",
        {"id": "ISS-1", "owned_by": {"set": ["ISS-1"]}},
        type="unexpected_id_type",
        field_name="owned_by.set",
        value="ISS-1",
    )
    assert "dev_user" in answer["allowed_types"]


@pytest.mark.parametrize("ref", ["", "ISS 1", "ISS-1\n"])
async def test_malformed_ids(shared_api: Api, ref: str) -> None:
    await shared_api.refused("works.get", {"id": ref}, type="invalid_id", field_name="id")


@pytest.mark.parametrize("endpoint", ["works.get", "works.update", "works.delete"])
@pytest.mark.parametrize("ref", ["ISS-999999", "nonsense", "don:core:dvrv-us-1:devo/0SandBox:issue/999999"])
async def test_unknown_ids(shared_api: Api, endpoint: str, ref: str) -> None:
    answer = await shared_api.post(endpoint, {"id": ref}, 404)
    assert answer["type"] == "not_found"


@pytest.mark.parametrize(
    ("custom", "schemas"),
    [
        ({"tnt__x": 1}, {}),
        ({"tnt__x": 1}, {"custom_schema_spec": {"subtype": "bug"}}),
        ({"ctype__x": 1}, {"custom_schema_spec": {"tenant_fragment": True}}),
        ({"x": 1}, {"custom_schema_spec": {"tenant_fragment": True, "subtype": "bug"}}),
    ],
)
async def test_custom_fields_need_their_schema(api: Api, custom: dict[str, Any], schemas: dict[str, Any]) -> None:
    answer = {
        "type": "customization_validation_error",
        "subtype": "field_not_in_schema",
        "field_name": next(iter(custom)),
    }
    await api.refused("works.update", {"id": "ISS-1", "custom_fields": custom, **schemas}, **answer)
    await api.refused("works.create", {**CREATE, "custom_fields": custom, **schemas}, **answer)
