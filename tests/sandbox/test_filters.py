"""Each filter against a plain function of the work's wire form."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest

from devrev_async.sandbox import Sandbox
from tests.sandbox.conftest import Api

pytestmark = pytest.mark.anyio

Work = dict[str, Any]


def at(work: Work, path: str) -> list[Any]:
    """All values at a dotted path, arrays entered."""
    found: list[Any] = [work]
    for key in path.split("."):
        values = [item.get(key) for item in found]
        found = []
        for value in values:
            found += value if isinstance(value, list) else [] if value is None else [value]
    return found


def any_at(path: str, *wanted: object) -> Callable[[Work], bool]:
    return lambda work: any(value in wanted for value in at(work, path))


def of(work_type: str, test: Callable[[Work], bool]) -> Callable[[Work], bool]:
    return lambda work: work["type"] == work_type and test(work)


def between(path: str, after: str, before: str) -> Callable[[Work], bool]:
    low, high = datetime.fromisoformat(after), datetime.fromisoformat(before)
    return lambda work: any(low <= datetime.fromisoformat(value) <= high for value in at(work, path))


YEAR = ("2023-01-01T00:00:00Z", "2023-12-31T23:59:59.999Z")
RANGE = {"type": "range", "after": YEAR[0], "before": YEAR[1]}
DON = "don:identity:dvrv-us-1:devo/0SandBox"

CASES: list[tuple[dict[str, Any], Callable[[Work], bool]]] = [
    ({"type": ["issue", "task"]}, any_at("type", "issue", "task")),
    ({"applies_to_part": ["PROD-1", "CAPL-2"]}, any_at("applies_to_part.display_id", "PROD-1", "CAPL-2")),
    ({"created_by": ["DEVU-3", f"{DON}:devu/5"]}, any_at("created_by.display_id", "DEVU-3", "DEVU-5")),
    ({"modified_by": ["DEVU-4"]}, any_at("modified_by.display_id", "DEVU-4")),
    ({"owned_by": [f"{DON}:devu/7"]}, any_at("owned_by.id", f"{DON}:devu/7")),
    ({"reported_by": ["REVU-50"]}, any_at("reported_by.display_id", "REVU-50")),
    ({"tags": ["TAG-3", "TAG-4"]}, any_at("tags.tag.display_id", "TAG-3", "TAG-4")),
    ({"external_ref": ["legacy-issue-8", "no"]}, any_at("external_ref", "legacy-issue-8")),
    ({"state": ["closed", "open"]}, any_at("stage.state.name", "closed", "open")),
    ({"stage": {"name": ["triage", "queued"]}}, any_at("stage.name", "triage", "queued")),
    ({"stage": {"stages": ["don:core:dvrv-us-1:devo/0SandBox:custom_stage/1"]}}, any_at("stage.name", "triage")),
    ({"custom_fields": {"tnt__region": ["eu-1", ""]}}, any_at("custom_fields.tnt__region", "eu-1", "")),
    ({"custom_fields": {"tnt__platforms": ["ios"]}}, any_at("custom_fields.tnt__platforms", "ios")),
    ({"custom_fields": {"tnt__confirmed": True}}, lambda work: at(work, "custom_fields.tnt__confirmed") == [True]),
    ({"sync_metadata": {"origin_system": ["jira"]}}, any_at("sync_metadata.origin_system", "jira")),
    (
        {"sync_metadata": {"external_reference": ["https://tracker.example.com/browse/R-5"]}},
        any_at("sync_metadata.external_record_id", "R-5"),
    ),
    (
        {"sync_metadata": {"last_sync_in": {"status": ["failed"]}}},
        any_at("sync_metadata.last_sync_in.status", "failed"),
    ),
    (
        {"sync_metadata": {"last_sync_in": {"sync_unit": ["SYNC-2"]}}},
        any_at("sync_metadata.last_sync_in.sync_unit.display_id", "SYNC-2"),
    ),
    (
        {"sync_metadata": {"last_sync_out": {"status": ["succeeded"]}}},
        any_at("sync_metadata.last_sync_out.status", "succeeded"),
    ),
    (
        {"sync_metadata": {"last_sync_in": {"sync_date": RANGE}}},
        between("sync_metadata.last_sync_in.sync_date", *YEAR),
    ),
    *(
        ({key: RANGE}, between(key, *YEAR))
        for key in ("created_date", "modified_date", "actual_close_date", "target_close_date")
    ),
    ({"created_date": {"type": "range", "after": YEAR[0]}}, between("created_date", YEAR[0], "2099-01-01T00:00:00Z")),
    ({"issue": {"priority": ["p0"]}}, of("issue", any_at("priority", "p0"))),
    ({"issue": {"priority_v2": [1, 4]}}, of("issue", any_at("priority_v2.id", 1, 4))),
    ({"issue": {"sprint": ["SPRINT-20"]}}, of("issue", any_at("sprint.name", "Sprint 2023.8"))),
    ({"issue": {"subtype": ["bug"]}}, of("issue", any_at("subtype", "bug"))),
    ({"issue": {"actual_start_date": RANGE}}, of("issue", between("actual_start_date", *YEAR))),
    ({"issue": {"target_start_date": RANGE}}, of("issue", between("target_start_date", *YEAR))),
    ({"issue": {"sla_summary": {"stage": ["breached"]}}}, of("issue", any_at("sla_summary.stage", "breached"))),
    ({"ticket": {"sla_summary": {"target_time": RANGE}}}, of("ticket", between("sla_summary.target_time", *YEAR))),
    ({"ticket": {"account": ["ACC-2"]}}, of("ticket", any_at("account.display_id", "ACC-2"))),
    ({"ticket": {"rev_org": ["REV-2"]}}, of("ticket", any_at("rev_org.display_id", "REV-2"))),
    ({"ticket": {"group": ["GROUP-1"]}}, of("ticket", any_at("group.display_id", "GROUP-1"))),
    ({"ticket": {"channels": ["slack"]}}, of("ticket", any_at("channels", "slack"))),
    ({"ticket": {"channels_v2": ["CHAN-3"]}}, of("ticket", any_at("channels_v2.display_id", "CHAN-3"))),
    ({"ticket": {"source_channel": ["plug"]}}, of("ticket", any_at("source_channel", "plug"))),
    ({"ticket": {"source_channel_v2": ["CHAN-1"]}}, of("ticket", any_at("source_channel_v2.display_id", "CHAN-1"))),
    ({"ticket": {"severity": ["blocker", "high"]}}, of("ticket", any_at("severity", "blocker", "high"))),
    ({"ticket": {"visibility": [2]}}, of("ticket", any_at("visibility.label", "External"))),
    ({"ticket": {"is_spam": True}}, of("ticket", any_at("is_spam", True))),
    ({"ticket": {"is_frozen": True}}, of("ticket", any_at("is_frozen", True))),
    ({"ticket": {"needs_response": False}}, of("ticket", lambda work: not work["needs_response"])),
    ({"ticket": {"subtype": ["outage"]}}, of("ticket", any_at("subtype", "outage"))),
    ({"opportunity": {"account": ["ACC-5"]}}, of("opportunity", any_at("account.display_id", "ACC-5"))),
    ({"opportunity": {"contacts": ["DEVU-2"]}}, of("opportunity", any_at("contacts.display_id", "DEVU-2"))),
    ({"opportunity": {"forecast_category_v2": [6]}}, of("opportunity", any_at("forecast_category_v2.label", "Won"))),
    ({"opportunity": {"subtype": ["renewal"]}}, of("opportunity", any_at("subtype", "renewal"))),
    (
        {"type": ["issue"], "created_date": RANGE, "modified_date": RANGE, "state": ["open"]},
        of("issue", lambda work: between("modified_date", *YEAR)(work) and any_at("stage.state.name", "open")(work)
           and between("created_date", *YEAR)(work)),
    ),
]  # fmt: skip
# What filters may hold and what still restricts nothing.
EMPTY: list[dict[str, Any]] = [
    {},
    {"type": []},
    {"issue": {}},
    {"ticket": {"surveys": {}}},
    {"created_date": {"type": "range"}},
    {"stage": {}},
    {"sync_metadata": {"last_sync_in": {}}},
    {"custom_fields": {}},
]


@pytest.mark.parametrize(("body", "matches"), CASES, ids=[str(body)[:60] for body, _ in CASES])
async def test_each_filter(shared_api: Api, body: dict[str, Any], matches: Callable[[Work], bool]) -> None:
    sandbox = shared_api.sandbox
    wanted = {ref for ref in sandbox.ids() if matches(sandbox.get(ref))}
    assert 0 < len(wanted) < len(sandbox)
    async with shared_api.session.post(f"{sandbox.url}/works.export", json={"first": 5000, **body}) as response:
        assert {work["id"] for work in (await response.json())["works"]} == wanted
    assert await shared_api.post("works.count", body) == {"count": len(wanted), "has_more": False}


@pytest.mark.parametrize("body", EMPTY)
async def test_empty_filters_restrict_nothing(shared_api: Api, body: dict[str, Any]) -> None:
    assert (await shared_api.post("works.count", body))["count"] == len(shared_api.sandbox)


@pytest.mark.parametrize(
    ("hidden_fields", "body"),
    [
        ({"vista": ["VISTA-9"]}, {"vista": "VISTA-9"}),
        ({"is_staged": True}, {"staged_info": {"is_staged": True}}),
        ({"accounts": ["ACC-9"]}, {"issue": {"accounts": ["ACC-9"]}}),
        ({"rev_orgs": ["REV-9"]}, {"issue": {"rev_orgs": ["REV-9"]}}),
        ({"group": "GROUP-9"}, {"issue": {"group": ["GROUP-9"]}}),
        ({"brand": ["BRAND-9"]}, {"ticket": {"brand": ["BRAND-9"]}}),
    ],
)
async def test_filters_for_what_no_answer_shows(hidden_fields: dict[str, Any], body: dict[str, Any]) -> None:
    sandbox = Sandbox(works=[{"display_id": "ISS-8"}, {"display_id": "TKT-8"}])
    work_type = "ticket" if "ticket" in body else "issue"
    sandbox.add({"type": work_type, "title": "that one"}, hidden_fields=hidden_fields)
    async with sandbox, Api.over(sandbox) as api:
        answer = await api.post("works.export", body)
    assert [work["title"] for work in answer["works"]] == ["that one"]


async def test_presets_count_days_from_now_and_both_ends_of_a_range_are_inside() -> None:
    now = datetime.now(UTC)
    days = {name: now + timedelta(days=shift) for name, shift in (("old", -8), ("new", -6), ("soon", 6), ("late", 8))}
    works = [{"title": name, "target_close_date": day.isoformat()} for name, day in days.items()]
    sandbox = Sandbox(works=works)
    sandbox.add({"title": "exact", "target_close_date": "2020-01-01T00:00:00.5Z"})
    edge = {"type": "range", "after": "2020-01-01T00:00:00.500Z", "before": "2020-01-01T05:30:00.5+05:30"}
    async with sandbox, Api.over(sandbox) as api:
        for wanted, found in (
            ({"type": "preset", "preset_type": "last_n_days", "days": 7}, ["new"]),
            ({"type": "preset", "preset_type": "next_n_days", "days": 7}, ["soon"]),
            (edge, ["exact"]),
        ):
            answer = await api.post("works.export", {"target_close_date": wanted})
            assert [work["title"] for work in answer["works"]] == found


@pytest.mark.parametrize(
    ("query", "body"),
    [
        ([("type", "issue"), ("type", "task")], {"type": ["issue", "task"]}),
        ([("type", "issue,task")], {"type": ["issue", "task"]}),
        ([("type", '"issue","task"')], {"type": ["issue", "task"]}),
        ([("type", '"issue"')], {"type": ["issue"]}),
        ([("issue.priority", "p0,p1")], {"issue": {"priority": ["p0", "p1"]}}),
        ([("issue.priority_v2", "1,2")], {"issue": {"priority_v2": [1, 2]}}),
        ([("ticket.is_spam", "true")], {"ticket": {"is_spam": True}}),
        ([("ticket.sla_summary.stage", "breached")], {"ticket": {"sla_summary": {"stage": ["breached"]}}}),
        (
            [("sync_metadata.last_sync_in.status", '"failed","staged"')],
            {"sync_metadata": {"last_sync_in": {"status": ["failed", "staged"]}}},
        ),
        ([("custom_fields", '{"tnt__region":["eu-1"]}')], {"custom_fields": {"tnt__region": ["eu-1"]}}),
        ([("custom_fields.tnt__region", "eu-1")], {"custom_fields": {"tnt__region": ["eu-1"]}}),
        ([("first", "7"), ("sort_by", "created_date:asc")], {"first": 7, "sort_by": ["created_date:asc"]}),
    ],
)
async def test_get_asks_the_same_as_post(shared_api: Api, query: list[tuple[str, str]], body: dict[str, Any]) -> None:
    got = await shared_api.query("works.export", f"?{urlencode(query)}")
    assert got == await shared_api.post("works.export", body)
    assert got["works"]


@pytest.mark.parametrize(
    ("query", "error", "field_name"),
    [
        ("created_date.after=2024-01-01T00:00:00Z", "invalid_field", "created_date.after"),
        ("issue.actual_start_date=x", "invalid_field", "issue.actual_start_date"),
        ("ticket.surveys=x", "invalid_field", "ticket.surveys"),
        ("issue=x", "invalid_field", "issue"),
        ("first=many", "unexpected_json_type", "first"),
        ("ticket.is_spam=1", "unexpected_json_type", "ticket.is_spam"),
        ("custom_fields=x", "unexpected_json_type", "custom_fields"),
        ("type=incident", "invalid_enum_value", "type"),
        ("first=9999", "value_not_permitted", "first"),
    ],
)
async def test_get_refuses_what_it_cannot_ask(shared_api: Api, query: str, error: str, field_name: str) -> None:
    answer = await shared_api.query("works.export", f"?{query}", 400)
    assert (answer["type"], answer["field_name"]) == (error, field_name)
