"""What create, update and delete do to a work, read back through get."""

from datetime import datetime
from typing import Any

import pytest

from devrev_async.sandbox import Sandbox
from tests.sandbox.conftest import Api

pytestmark = pytest.mark.anyio

DON = "don:identity:dvrv-us-1:devo/0SandBox"


async def update(api: Api, ref: str, **fields: Any) -> dict[str, Any]:
    """The work after the update; what get answers is the same."""
    answer = await api.post("works.update", {"id": ref, **fields})
    assert answer == await api.query("works.get", f"?id={ref}") == await api.post("works.get", {"id": ref})
    return dict(answer["work"])


def names(items: list[dict[str, Any]]) -> list[str]:
    return [item["display_id"] for item in items]


async def test_only_what_is_sent_changes(api: Api) -> None:
    old = api.sandbox.get("ISS-1")
    new = await update(api, "ISS-1", title="Другое 🙂")
    assert new["title"] == "Другое 🙂"
    changed = {key for key in {*old, *new} if old.get(key) != new.get(key)}
    assert changed <= {"title", "modified_date", "modified_by"}


async def test_modified_date_moves_on_with_every_update(api: Api) -> None:
    seen = [api.sandbox.get("ISS-1")["modified_date"]]
    for n in range(20):
        work = await update(api, "ISS-1", title=str(n))
        seen.append(work["modified_date"])
        assert work["modified_by"]["type"] == "dev_user"
    moments = [datetime.fromisoformat(text) for text in seen]
    assert moments == sorted(set(moments))
    found = await api.post("works.export", {"modified_date": {"type": "range", "after": seen[-1]}})
    assert names(found["works"]) == ["ISS-1"]


async def test_users_come_back_as_summaries(api: Api) -> None:
    known = api.sandbox.get("ISS-2")["owned_by"][0]
    unknown = f"{DON}:devu/4711"
    work = await update(api, "ISS-1", owned_by={"set": [known["id"], "DEVU-4711"]}, reported_by={"set": [unknown]})
    assert work["owned_by"][0] == known
    assert work["owned_by"][1:] == work["reported_by"]
    assert (work["reported_by"][0]["type"], work["reported_by"][0]["id"]) == ("dev_user", unknown)
    assert work["reported_by"][0]["full_name"]
    cleared = await update(api, "ISS-1", reported_by={"set": []}, owned_by={})
    assert (cleared["reported_by"], cleared["owned_by"]) == ([], work["owned_by"])


async def test_tags_are_set_added_and_removed(api: Api) -> None:
    work = await update(api, "ISS-1", tags={"set": [{"id": "TAG-1"}, {"id": "TAG-99", "value": "v"}]})
    assert [(item["tag"]["display_id"], item.get("value")) for item in work["tags"]] == [
        ("TAG-1", None),
        ("TAG-99", "v"),
    ]
    work = await update(api, "ISS-1", tags={"add": [{"id": "TAG-2"}], "remove": [{"id": "TAG-1"}]})
    assert names([item["tag"] for item in work["tags"]]) == ["TAG-99", "TAG-2"]
    work = await update(api, "ISS-1", tags={"add": [{"id": "TAG-99", "value": "w"}]})
    assert {item["tag"]["display_id"]: item.get("value") for item in work["tags"]} == {"TAG-99": "w", "TAG-2": None}
    assert (await update(api, "ISS-1", tags={"set": []}))["tags"] == []


async def test_an_artifact_has_one_parent(api: Api) -> None:
    work = await update(api, "ISS-1", artifacts={"add": ["ARTIFACT-500000"]})
    assert names(work["artifacts"]) == ["ARTIFACT-500000"]
    for ref, same in (("ISS-1", True), ("ISS-2", False)):
        await api.refused(
            "works.update",
            {"id": ref, "artifacts": {"add": ["ARTIFACT-500000"]}},
            type="artifact_already_attached_to_a_parent",
            existing_parent=work["id"],
            is_same=same,
        )
    work = await update(api, "ISS-1", artifacts={"set": ["ARTIFACT-500000", "ARTIFACT-500001"]})
    work = await update(api, "ISS-1", artifacts={"remove": ["ARTIFACT-500000"]})
    assert names(work["artifacts"]) == ["ARTIFACT-500001"]
    theirs = next(work for work in map(api.sandbox.get, api.sandbox.ids())
                  if work.get("artifacts") and work["display_id"] != "ISS-1")  # fmt: skip
    body = {"id": "ISS-1", "artifacts": {"set": [theirs["artifacts"][0]["id"]]}}
    await api.refused("works.update", body, existing_parent=theirs["id"])


async def test_stages_by_name_and_by_id(api: Api) -> None:
    work = await update(api, "ISS-1", stage={"name": "completed"})
    assert work["stage"]["state"] == {**work["stage"]["state"], "name": "closed", "is_final": True}
    assert work["actual_close_date"]
    assert work["state_display_name"] == "Closed"
    stage_id = work["stage"]["stage"]["id"]
    work = await update(api, "ISS-1", stage={"name": "triage"}, stage_validation_options=["allow_invalid_transition"])
    assert (work["stage"]["name"], work["stage"]["state"]["is_final"]) == ("triage", False)
    assert "actual_close_date" not in work
    assert (await update(api, "ISS-1", stage={"stage": stage_id, "name": "triage"}))["stage"]["name"] == "completed"
    assert (await update(api, "ISS-1", stage={"name": "Our own"}))["stage"]["name"] == "Our own"
    assert (await api.post("works.count", {"stage": {"name": ["Our own"]}}))["count"] == 1


async def test_custom_fields_are_merged_and_null_clears_one(api: Api) -> None:
    spec = {"tenant_fragment": True, "subtype": "bug"}
    fields = {"tnt__a": "", "tnt__b": [1, 2.5, "x"], "ctype__c": {"deep": None}}
    work = await update(api, "ISS-1", custom_fields=fields, custom_schema_spec=spec)
    assert work["custom_fields"].items() >= fields.items()
    assert work["subtype"] == "bug"
    work = await update(api, "ISS-1", custom_fields={"tnt__a": None}, custom_schema_fragments=["don:core:x:custom/1"])
    assert "tnt__a" not in work["custom_fields"]
    assert work["custom_fields"]["tnt__b"] == [1, 2.5, "x"]
    assert work["custom_schema_fragments"] == ["don:core:x:custom/1"]
    work = await update(api, "ISS-1", custom_schema_spec={"drop": {"subtype": True}})
    assert "subtype" not in work
    assert "ctype__c" not in work["custom_fields"]


async def test_issue_fields(api: Api) -> None:
    work = await update(
        api,
        "ISS-1",
        type="issue",
        priority="p0",
        sprint="SPRINT-3",
        developed_with={"set": ["PROD-1", "FEAT-999"]},
        target_start_date="2025-01-01T05:30:00.120+05:30",
        target_close_date="2025-02-01T00:00:00Z",
        applies_to_part="CAPL-2",
        body='a\u2028b\r\n\t"\\',
    )
    assert (work["priority"], work["priority_v2"]) == ("p0", {"id": 1, "label": "P0", "ordinal": 1})
    assert work["sprint"]["name"] == "Sprint 2022.3"
    assert names(work["developed_with"]) == ["PROD-1", "FEAT-999"]
    assert work["target_start_date"] == "2025-01-01T00:00:00.12Z"
    assert work["applies_to_part"]["type"] == "capability"
    assert work["body"] == 'a\u2028b\r\n\t"\\'
    work = await update(api, "ISS-1", type="issue", sprint=None, target_start_date=None, target_close_date=None)
    assert not {"sprint", "target_start_date", "target_close_date"} & set(work)
    assert (await update(api, "ISS-1", type="issue", priority_v2=4))["priority"] == "p3"
    assert (await update(api, "ISS-1", type="issue", priority_v2=9))["priority_v2"]["id"] == 9


async def test_ticket_fields(api: Api) -> None:
    work = await update(
        api,
        "TKT-1",
        type="ticket",
        account="ACC-3",
        rev_org="REV-77",
        group="GROUP-2",
        channels={"set": ["plug", "email"]},
        channels_v2=["CHAN-1", "CHAN-77"],
        source_channel_v2="CHAN-2",
        is_archived=True,
        is_frozen=True,
        is_spam=True,
        needs_response=True,
        sentiment=5,
        sentiment_modified_date="2025-01-01T00:00:00Z",
        sentiment_summary="again",
        severity="blocker",
        visibility=1,
    )
    assert work["account"]["display_id"] == "ACC-3"
    assert (work["rev_org"]["type"], work["rev_org"]["display_id"]) == ("rev_org", "REV-77")
    assert (work["channels"], names(work["channels_v2"])) == (["plug", "email"], ["CHAN-1", "CHAN-77"])
    assert work["source_channel_v2"]["display_id"] == "CHAN-2"
    assert (work["is_frozen"], work["is_spam"], work["needs_response"]) == (True, True, True)
    assert (work["sentiment"]["label"], work["sentiment_summary"]) == ("Frustrated", "again")
    assert (work["severity"], work["visibility"]["label"]) == ("blocker", "Internal")
    nullable = ("account", "group", "rev_org", "source_channel_v2")
    work = await update(api, "TKT-1", type="ticket", **dict.fromkeys(nullable))
    assert not set(nullable) & set(work)


async def test_opportunity_and_task_fields(api: Api) -> None:
    money = {"amount": "12.50", "currency": "EUR"}
    work = await update(
        api,
        "OPP-1",
        type="opportunity",
        account="ACC-1",
        contacts={"set": ["REVU-50"]},
        forecast_category_v2=6,
        annual_contract_value=money,
        value=money,
        amount=1.5,
        customer_budget=None,
        probability=0.25,
    )
    assert names(work["contacts"]) == ["REVU-50"]
    assert work["forecast_category_v2"]["label"] == "Won"
    assert work["value"] == work["annual_contract_value"] == money
    await update(api, "TASK-1", type="task", priority="p1", embedded=True, start_date="2025-01-01T00:00:00Z")


async def test_an_empty_update_is_an_update(api: Api) -> None:
    work = await update(api, "TKT-1", type="ticket", stage={}, tags={}, artifacts={}, channels={})
    assert work["display_id"] == "TKT-1"


@pytest.mark.parametrize("work_type", ["issue", "ticket", "task", "opportunity"])
async def test_create(api: Api, work_type: str) -> None:
    before = len(api.sandbox)
    body: dict[str, Any] = {"type": work_type, "title": "new", "applies_to_part": "PROD-1", "owned_by": ["DEVU-2"]}
    body |= {"tags": [{"id": "TAG-1", "value": "x"}], "artifacts": ["ARTIFACT-600000"], "reported_by": ["REVU-50"]}
    body |= {"account": "ACC-1"} if work_type in ("opportunity", "ticket") else {}
    body |= {"custom_fields": {"tnt__x": 1}, "custom_schema_spec": {"tenant_fragment": True}, "body": ""}
    body |= {"stage_validation_options": ["allow_non_start"], "target_close_date": "2025-01-01T00:00:00Z"}
    work = (await api.post("works.create", body, 201))["work"]
    assert (await api.query("works.get", f"?id={work['display_id']}"))["work"] == work
    assert len(api.sandbox) == before + 1
    assert (work["type"], work["title"], names(work["owned_by"])) == (work_type, "new", ["DEVU-2"])
    assert [(item["tag"]["display_id"], item["value"]) for item in work["tags"]] == [("TAG-1", "x")]
    assert (work["custom_fields"], work["body"]) == ({"tnt__x": 1}, "")
    assert work["created_date"] == work["modified_date"]
    assert work["stage"]["state"]["name"] == "open"


async def test_create_with_type_specific_fields(api: Api) -> None:
    base = {"title": "new", "applies_to_part": "PROD-1", "owned_by": ["DEVU-2"]}
    issue = {
        "type": "issue",
        "developed_with": ["PROD-1"],
        "priority": "p1",
        "sprint": "SPRINT-1",
        "stage": {"name": "backlog"},
    }
    work = (await api.post("works.create", base | issue, 201))["work"]
    assert (work["priority_v2"]["label"], work["stage"]["name"]) == ("P1", "backlog")
    ticket = {
        "type": "ticket",
        "channels": ["slack"],
        "channels_v2": ["CHAN-1"],
        "source_channel": "slack",
        "visibility": 2,
    }
    work = (await api.post("works.create", base | ticket | {"stage": {"id": work["stage"]["stage"]["id"]}}, 201))[
        "work"
    ]
    assert (work["channels"], work["source_channel"], work["visibility"]["id"]) == (["slack"], "slack", 2)
    opportunity = {
        "type": "opportunity",
        "account": "ACC-1",
        "contacts": ["REVU-50"],
        "forecast_category": "won",
        "priority": "p0",
    }
    work = (await api.post("works.create", base | opportunity | {"amount": 3, "probability": 0.5}, 201))["work"]
    assert names(work["contacts"]) == ["REVU-50"]
    task = {"type": "task", "embedded": False, "priority": "p2", "start_date": "2025-01-01T00:00:00Z"}
    await api.post("works.create", base | task, 201)


async def test_an_external_ref_is_unique_within_its_type(api: Api) -> None:
    body = {"title": "new", "applies_to_part": "PROD-1", "owned_by": ["DEVU-2"], "external_ref": "mine"}
    work = (await api.post("works.create", {"type": "issue", **body}, 201))["work"]
    assert await api.post("works.create", {"type": "issue", **body}, 409) == {"message": "Conflict", "type": "conflict"}
    await api.post("works.create", {"type": "task", **body}, 201)
    found = (await api.post("works.list", {"external_ref": ["mine"], "type": ["issue"]}))["works"]
    assert found == [work]
    await api.post("works.delete", {"id": work["id"]})
    await api.post("works.create", {"type": "issue", **body}, 201)


async def test_a_deleted_work_is_not_found_any_more(api: Api) -> None:
    work = api.sandbox.get("TKT-3")
    assert await api.post("works.delete", {"id": work["id"]}) == {}
    for ref in (work["id"], "TKT-3"):
        await api.post("works.get", {"id": ref}, 404)
        await api.post("works.update", {"id": ref, "title": "x"}, 404)
        await api.post("works.delete", {"id": ref}, 404)
    assert (await api.post("works.count", {}))["count"] == 299
    with pytest.raises(KeyError):
        api.sandbox.get("TKT-3")


async def test_numbers_are_never_given_twice(api: Api) -> None:
    body = {"type": "issue", "title": "new", "applies_to_part": "PROD-1", "owned_by": ["DEVU-2"]}
    first = (await api.post("works.create", body, 201))["work"]
    await api.post("works.delete", {"id": first["id"]})
    second = (await api.post("works.create", body, 201))["work"]
    assert second["id"] != first["id"]


async def test_writes_leave_other_works_and_other_sandboxes_alone(api: Api) -> None:
    others = {ref: api.sandbox.get(ref) for ref in api.sandbox.ids() if ref != api.sandbox.get("ISS-1")["id"]}
    await update(api, "ISS-1", owned_by={"set": ["DEVU-3"]}, tags={"add": [{"id": "TAG-9"}]}, stage={"name": "x"})
    assert {ref: api.sandbox.get(ref) for ref in others} == others
    assert Sandbox(works=300, seed=5).get("ISS-1") != api.sandbox.get("ISS-1")
