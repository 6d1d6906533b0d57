"""Shapes seen in real answers that differ from the spec (values made up)."""

from typing import Any

import pytest

from devrev_async import Issue, ResponseDecodeError, Ticket, WorksCount
from devrev_async.models import TagSummary
from tests.models.canned import Canned
from tests.models.test_mutations import warnings_of_the_client
from tests.models.wire import assert_no_leaf_lost

DON = "don:core:dvrv-us-1:devo/0aB"
USER = {
    "type": "dev_user",
    "display_handle": "ada",
    "display_id": "DEVU-1",
    "display_name": "ada",
    "email": "ada@example.com",
    "full_name": "Ada",
    "id": "don:identity:dvrv-us-1:devo/0aB:devu/1",
    "id_v1": "don:DEV-0aB:dev_user:DEVU-1",
    "state": "active",
    "thumbnail": "https://example.com/a.png",
}
SYSTEM = {
    "type": "sys_user",
    "display_id": "SYSU-1",
    "display_name": "devrev-bot",
    "full_name": "DevRev Bot",
    "id": "don:identity:dvrv-us-1:devo/0aB:sysu/1",
}

CREATED_2024: dict[str, Any] = {
    "type": "issue",
    "applies_to_part": {"type": "product", "display_id": "PROD-1", "id": f"{DON}:product/1", "name": "P"},
    "created_by": USER,
    "created_date": "2024-05-18T06:49:47.816Z",
    "custom_fields": None,
    "display_id": "ISS-14",
    "id": f"{DON}:issue/14",
    "modified_by": SYSTEM,
    "modified_date": "2024-05-18T06:49:47.58Z",
    "owned_by": [USER],
    "priority": "p2",
    "stage": {"name": "triage"},
    "stock_schema_fragment": "don:core:dvrv-us-1:stock_sf/1",
    "title": "t",
}
WEBHOOK_2025: dict[str, Any] = {
    **CREATED_2024,
    "applies_to_part": {
        **CREATED_2024["applies_to_part"],
        "id_v1": "don:DEV-0aB:product:1",
        "owned_by": [SYSTEM],
        "stage": {"name": ""},
    },
    "body": "See <don:core:dvrv-us-1:devo/0aB:issue/91>\n",
    "custom_fields": {"tnt__empty": "", "tnt__rich": "<don:x>", "tnt__list": []},
    "id_v1": "don:DEV-0aB:issue:14",
    "owned_by": [USER, SYSTEM],
    "priority_v2": {"id": 2, "label": "P1", "ordinal": 2},
    "references": [
        {"type": "issue", "id": f"{DON}:issue/14", "display_id": "ISS-14", "owned_by": [USER], "title": None}
    ],
    "stage": {
        "name": "triage",
        "display_name": "Triage",
        "notes": "",
        "ordinal": 3250,
        "stage": {"id": f"{DON}:custom_stage/4"},
        "state": {"id": f"{DON}:custom_state/1", "name": "open", "display_name": "Open", "is_final": False},
    },
    "state": "open",
    "tags": [
        {
            "id": {"display_id": "TAG-1", "id": f"{DON}:tag/1", "name": ""},
            "tag": {"display_id": "TAG-1", "id": f"{DON}:tag/1", "id_v1": "don:DEV-0aB:tag:1", "name": ""},
        },
        {"tag": {"id": f"{DON}:tag/2", "name": "n", "description": "", "color": "#0f0"}, "value": None},
    ],
}
NEWER: dict[str, Any] = {
    "type": "ticket",
    "id": "TKT-1",
    "external_ref": "",
    "state_display_name": "Open",
    "is_frozen": False,
    "is_spam": None,
    "sentiment": {"id": 1, "label": "Delighted", "ordinal": 1, "value": {"any": [1]}, "color": "#fff"},
    "group": {"id": "G", "name": "n", "parents": [{"id": "G2"}, None]},
    "sync_metadata": {
        "external_record_id": "1",
        "external_record_type": "t",
        "last_sync_in": {
            "sync_unit": {
                "external_system_type": "s3",
                "external_system_id": "i",
                "sync_run": {"progress": {"state": "orchestration_error"}},
            }
        },
    },
    "sla_summary": {
        "sla_tracker": {
            "applies_to_type": "incident",
            "metric_target_summaries": [{"completed_in_seconds": 3, "org_schedule_version": 2}],
        }
    },
}


@pytest.mark.parametrize("wire", [CREATED_2024, WEBHOOK_2025, NEWER], ids=["REST 2024", "webhook 2025", "spec of 2026"])
def test_every_leaf_is_there(canned: Canned, wire: dict[str, Any]) -> None:
    with warnings_of_the_client() as warned:
        (exported,) = canned.export([wire])
        got = canned.get(wire)
    assert warned == []
    assert got == exported
    assert type(got) is (Ticket if wire is NEWER else Issue)
    for work in (exported, got):
        assert_no_leaf_lost(work, wire)


def test_an_empty_name_of_a_tag_is_kept(canned: Canned) -> None:
    work = canned.get(WEBHOOK_2025)
    assert work.tags is not None
    assert work.tags[0].id == TagSummary(id=f"{DON}:tag/1", display_id="TAG-1", name="")
    assert work.tags[1].value is None


def test_keys_of_tomorrow_are_passed_over(canned: Canned) -> None:
    odd = {**WEBHOOK_2025, "agent_score": {"deep": [1]}, "stage": {**WEBHOOK_2025["stage"], "colour": 7}}
    with warnings_of_the_client() as warned:
        assert canned.get(odd) == canned.get(WEBHOOK_2025)
        assert canned.export([odd]) == canned.export([WEBHOOK_2025])
    assert warned == []


def test_nothing_is_stripped(canned: Canned) -> None:
    work = canned.get({"type": "issue", "id": "ISS-1", "title": "  t\n", "body": "\u00a0"})
    assert (work.title, work.body) == ("  t\n", "\u00a0")


def test_equal_users_may_be_one_object_and_each_work_has_its_own(canned: Canned) -> None:
    first, second = canned.export([CREATED_2024, {**CREATED_2024, "created_by": SYSTEM}])
    assert first.owned_by == second.owned_by
    assert first.created_by != second.created_by


@pytest.mark.parametrize(
    "body",
    [b'{"work":null}', b"{}", b"[]", b"null", b"5", b'{"works":[]}', b"", b"<html>", b'{"work":{}', b'{"work":{}}x'],
)
def test_no_work_at_all(canned: Canned, body: bytes) -> None:

    canned.answer(body)
    for call in (canned.devrev.works.get("ISS-1"), canned.devrev.works.update("ISS-1", title="t")):
        with pytest.raises(ResponseDecodeError) as caught:
            canned.run(call)
        assert (caught.value.status, caught.value.body) == (200, body)
    assert caught.value.outcome_unknown  # the update's


@pytest.mark.parametrize("body", [b'{"count":"5"}', b"{}", b"[]", b'{"count":1.5}', b'{"count":null,"has_more":false}'])
def test_a_body_without_a_count_is_a_decode_error(canned: Canned, body: bytes) -> None:

    canned.answer(body)
    with pytest.raises(ResponseDecodeError):
        canned.run(canned.devrev.works.count())


def test_a_count_takes_unknown_keys_and_a_null_has_more(canned: Canned) -> None:
    canned.answer({"count": 2**31 - 1, "has_more": True, "of_tomorrow": 1})
    count = canned.run(canned.devrev.works.count())
    assert (count.count, count.has_more) == (2**31 - 1, True)
    canned.answer({"count": 5, "has_more": None})
    assert canned.run(canned.devrev.works.count()) == WorksCount(5, has_more=False)
