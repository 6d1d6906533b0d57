"""Filters: dates, nested filters, plain forms, order."""

from collections import deque
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta, timezone
from types import MappingProxyType
from typing import Any

import pytest

from devrev_async import (
    UNSET,
    DateRange,
    InvalidArgumentError,
    IssueFilter,
    LastDays,
    NextDays,
    OpportunityFilter,
    StageFilter,
    TicketFilter,
)
from devrev_async.models import SlaFilter, StagedInfoFilter, SyncInFilter, SyncMetadataFilter, SyncOutFilter
from tests.models.canned import Canned
from tests.spec import validate_request

AT = datetime(2024, 1, 1, 12, tzinfo=UTC)
BEFORE_ALL = datetime.min.replace(tzinfo=timezone(timedelta(hours=14)))
NAIVE = AT.replace(tzinfo=None)
EAST = timezone(timedelta(hours=2))


def exported(canned: Canned, **filters: Any) -> dict[str, Any]:
    canned.answer({"works": []})
    body: dict[str, Any] = canned.sent(canned.devrev.works.export(**filters)).body
    validate_request("works.export", body)
    assert body.pop("first") == 5000
    return body


def refused(canned: Canned, error: type[Exception], match: str, **filters: Any) -> None:
    canned.received.clear()
    for call in (canned.devrev.works.export, canned.devrev.works.count):
        with pytest.raises(error, match=match):
            canned.run(call(**filters))
    with pytest.raises(error, match=match):
        canned.devrev.works.list(**filters)
    assert canned.received == []


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        (DateRange(after=AT), {"type": "range", "after": "2024-01-01T12:00:00Z"}),
        (DateRange(before=AT), {"type": "range", "before": "2024-01-01T12:00:00Z"}),
        (
            DateRange(after=AT, before=AT),
            {"type": "range", "after": "2024-01-01T12:00:00Z", "before": "2024-01-01T12:00:00Z"},
        ),
        (
            DateRange(after=AT.replace(tzinfo=EAST, microsecond=1500)),
            {"type": "range", "after": "2024-01-01T10:00:00.001500Z"},
        ),
        (DateRange(), {"type": "range"}),
        (LastDays(7), {"type": "preset", "preset_type": "last_n_days", "days": 7}),
        (NextDays(0), {"type": "preset", "preset_type": "next_n_days", "days": 0}),
        ({"type": "range", "after": "2024-01-01T12:00:00Z"}, {"type": "range", "after": "2024-01-01T12:00:00Z"}),
        (
            {"type": "preset", "preset_type": "next_n_days", "days": 3},
            {"type": "preset", "preset_type": "next_n_days", "days": 3},
        ),
    ],
)
def test_dates(canned: Canned, given: Any, sent: Mapping[str, Any]) -> None:
    for name in ("created_date", "modified_date", "actual_close_date", "target_close_date"):
        assert exported(canned, **{name: given}) == {name: sent}
    nested = exported(
        canned,
        issue=IssueFilter(actual_start_date=given, target_start_date=given, sla_summary=SlaFilter(target_time=given)),
        sync_metadata=SyncMetadataFilter(
            last_sync_in=SyncInFilter(sync_date=given), last_sync_out=SyncOutFilter(sync_date=given)
        ),
    )
    assert nested == {
        "issue": {"actual_start_date": sent, "target_start_date": sent, "sla_summary": {"target_time": sent}},
        "sync_metadata": {"last_sync_in": {"sync_date": sent}, "last_sync_out": {"sync_date": sent}},
    }


def test_dates_that_are_none() -> None:
    later = AT + timedelta(microseconds=1)
    with pytest.raises(InvalidArgumentError, match="later than"):
        DateRange(after=later, before=AT)
    assert DateRange(after=AT, before=later).after == AT
    for naive in (NAIVE, NAIVE.replace(fold=1)):
        with pytest.raises(InvalidArgumentError, match="naive"):
            DateRange(after=naive)
        with pytest.raises(InvalidArgumentError, match="naive"):
            DateRange(before=naive)
    for other in ("2024-01-01T00:00:00Z", date(2024, 1, 1), 0):
        with pytest.raises(TypeError, match=r"DateRange.before takes an aware datetime"):
            DateRange(before=other)  # type: ignore[arg-type]
    for days in (1.0, True, "7", None, AT):
        with pytest.raises(TypeError, match="days"):
            LastDays(days)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        DateRange(AT)  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("given", "error", "match"),
    [
        ({"type": "range", "aftr": "2024-01-01T00:00:00Z"}, InvalidArgumentError, "aftr"),
        ({"type": "range", "after": "2024-01-01T00:00:00"}, InvalidArgumentError, "naive"),
        ({"type": "range", "after": NAIVE}, InvalidArgumentError, "naive"),
        ({"type": "range", "after": BEFORE_ALL}, InvalidArgumentError, "out of range in UTC"),
        ({"type": "preset", "days": -1, "preset_type": "last_n_days"}, InvalidArgumentError, "days"),
        ({"type": "preset", "days": 1, "preset_type": "last_days"}, InvalidArgumentError, "last_days"),
        ({"after": "2024-01-01T00:00:00Z"}, InvalidArgumentError, "type"),
        (AT, TypeError, "created_date"),
        (7, TypeError, "created_date"),
        (None, InvalidArgumentError, "created_date=None: None is not a filter"),
    ],
)
def test_date_filters_that_are_none(canned: Canned, given: Any, error: type[Exception], match: str) -> None:
    refused(canned, error, match, created_date=given)


def test_nested_filters(canned: Canned) -> None:
    body = exported(
        canned,
        type=["issue", "ticket"],
        issue=IssueFilter(priority=["p0"], priority_v2=[1], rev_orgs=["REV-1"], group=["G-1"], subtype=[]),
        ticket=TicketFilter(
            severity=("high",), is_spam=False, rev_org=deque(["REV-1"]), surveys={}, account=["ACC-1"], visibility=[1]
        ),
        opportunity=OpportunityFilter(forecast_category_v2=[6]),
        staged_info=StagedInfoFilter(is_staged=True),
        vista="VISTA-1",
        custom_fields=MappingProxyType({"tnt__x": ["a", None, 1]}),
        external_ref=[""],
    )
    assert body == {
        "type": ["issue", "ticket"],
        "issue": {"priority": ["p0"], "priority_v2": [1], "rev_orgs": ["REV-1"], "group": ["G-1"], "subtype": []},
        "ticket": {
            "severity": ["high"],
            "is_spam": False,
            "rev_org": ["REV-1"],
            "surveys": {},
            "account": ["ACC-1"],
            "visibility": [1],
        },
        "opportunity": {"forecast_category_v2": [6]},
        "staged_info": {"is_staged": True},
        "vista": "VISTA-1",
        "custom_fields": {"tnt__x": ["a", None, 1]},
        "external_ref": [""],
    }


def test_a_plain_mapping_does_for_a_filter(canned: Canned) -> None:
    assert exported(canned, issue={"priority": ["p0"]}, stage={"name": ["n"]}) == {
        "issue": {"priority": ["p0"]},
        "stage": {"name": ["n"]},
    }
    refused(canned, InvalidArgumentError, "unknown field `prio`; pass an IssueFilter", issue={"prio": ["p0"]})
    refused(canned, InvalidArgumentError, "; pass a DateRange, LastDays or NextDays", created_date={"after": AT})
    refused(canned, TypeError, "issue takes an IssueFilter, not a sequence", issue=["p0"])
    refused(canned, TypeError, "issue.priority takes a sequence, not a str", issue=IssueFilter(priority="p0"))


@pytest.mark.parametrize(
    ("filters", "message"),
    [
        ({"created_date": "2025-01-31"}, "created_date takes a DateRange, LastDays or NextDays, not a str"),
        ({"created_date": AT}, "created_date takes a DateRange, LastDays or NextDays, not a datetime"),
        ({"stage": "triage"}, "stage takes a StageFilter or a sequence, not a str"),
        ({"opportunity": 5}, "opportunity takes an OpportunityFilter, not an int"),
        ({"custom_fields": 5}, "custom_fields takes a mapping, not an int"),
        (
            {"issue": {"sla_summary": {"target_time": "soon"}}},
            "issue.sla_summary.target_time takes a DateRange, LastDays or NextDays, not a str",
        ),
    ],
)
def test_what_a_filter_takes_is_named_by_its_class(canned: Canned, filters: Any, message: str) -> None:
    with pytest.raises(TypeError) as caught:
        canned.run(canned.devrev.works.export(**filters))
    assert str(caught.value) == message


def test_stages_are_names_or_a_stage_filter(canned: Canned) -> None:
    assert exported(canned, stage=["triage", "queued"]) == {"stage": {"name": ["triage", "queued"]}}
    assert exported(canned, stage=()) == {"stage": {"name": []}}
    assert exported(canned, stage=StageFilter(stages=["S-1"], name=["n"])) == {
        "stage": {"stages": ["S-1"], "name": ["n"]}
    }
    assert exported(canned, stage=StageFilter()) == {"stage": {}}
    refused(canned, TypeError, "stage takes", stage="triage")


def test_new_values_of_enums_are_sent_as_they_are(canned: Canned) -> None:
    canned.answer({"works": []})
    works = canned.devrev.works
    assert canned.sent(works.export(type=["incident"], issue=IssueFilter(priority=["p9"]))).body == {
        "first": 5000,
        "type": ["incident"],
        "issue": {"priority": ["p9"]},
    }


@pytest.mark.parametrize("name", ["type", "applies_to_part", "owned_by", "tags", "state", "external_ref", "sort_by"])
def test_a_string_is_no_sequence(canned: Canned, name: str) -> None:
    for value in ("issue", b"issue", 5, iter(["issue"])):
        refused_where: dict[str, Any] = {name: value}
        if name == "sort_by":
            with pytest.raises(TypeError, match="sort_by"):
                canned.run(canned.devrev.works.export(**refused_where))
        else:
            refused(canned, TypeError, name, **refused_where)


def test_unset_is_no_filter_and_none_is_none(canned: Canned) -> None:
    assert exported(canned, type=UNSET, created_date=UNSET, issue=IssueFilter(priority=UNSET)) == {"issue": {}}
    refused(canned, InvalidArgumentError, "type=None: None is not a filter", type=None)
    refused(canned, InvalidArgumentError, "issue.priority=None", issue=IssueFilter(priority=None))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "bad",
    [
        "-created_date",
        "created_date",
        "created_date:up",
        "created_date:asc ",
        ":asc",
        "created_date:ASC",
        "",
        "a:asc:desc",
        5,
    ],
)
def test_orders_that_are_none(canned: Canned, bad: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="field:asc"):
        canned.run(canned.devrev.works.export(sort_by=[bad]))
    with pytest.raises(InvalidArgumentError, match="field:asc"):
        canned.devrev.works.list(sort_by=["created_date:asc", bad])


def test_sort_by_is_sent_as_given_any_sequence_as_a_list(canned: Canned) -> None:
    order = ("created_date:asc", "custom_fields.tnt__x:desc")
    assert exported(canned, sort_by=order) == {"sort_by": list(order)}


@pytest.mark.parametrize(
    ("name", "value"), [("first", True), ("first", 1.0), ("first", "5"), ("limit", True), ("limit", 1.5)]
)
def test_counts_are_whole_numbers(canned: Canned, name: str, value: Any) -> None:
    works = canned.devrev.works
    with pytest.raises(TypeError, match=name):
        canned.run(works.export(first=value)) if name == "first" else works.list(limit=value)
