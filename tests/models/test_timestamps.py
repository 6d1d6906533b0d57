"""Timestamps: as Go writes them, with more digits than Python has, with offsets, and not at all."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devrev_async import Issue, Ticket
from tests.effort import examples
from tests.models.canned import Canned
from tests.models.test_mutations import warnings_of_the_client

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def read(canned: Canned, text: str) -> datetime:
    """The attribute, which must be the same from `get` and from `export`."""
    wire = {"type": "issue", "id": "ISS-1", "created_date": text, "sprint": {"end_date": text}}
    got = canned.get(wire)
    (exported,) = canned.export([wire])
    assert got == exported
    assert isinstance(got, Issue)
    assert got.sprint is not None
    assert got.created_date == got.sprint.end_date
    assert got.created_date is not None
    assert got.created_date.utcoffset() is not None
    assert got.to_dict()["created_date"].endswith(("Z", text[-6:]))
    assert datetime.fromisoformat(got.to_dict()["created_date"]) == got.created_date
    return got.created_date


@pytest.mark.parametrize(
    ("text", "microseconds"),
    [
        ("2024-05-18T06:49:47.816Z", 816000),
        ("2024-05-18T06:49:47.58Z", 580000),
        ("2024-05-18T06:49:47.1Z", 100000),
        ("2024-05-18T06:49:47Z", 0),
        ("2024-05-18T06:49:47.000Z", 0),
        ("2024-05-18T06:49:47.000001Z", 1),
        ("2024-05-18T06:49:47.0000014Z", 1),
        ("2024-05-18T06:49:47.0000016Z", 2),
        ("2024-05-18T06:49:47.123456789Z", 123457),
        ("2024-05-18T06:49:46.999999999Z", 0),
    ],
)
def test_digits(canned: Canned, text: str, microseconds: int) -> None:
    assert read(canned, text) == datetime(2024, 5, 18, 6, 49, 47, microseconds, tzinfo=UTC)


@given(
    whole=st.integers(-62135596800, 253402300798),
    fraction=st.text("0123456789", max_size=9),
    offset=st.integers(-14 * 60, 14 * 60) | st.none(),
)
@settings(max_examples=examples(150))
def test_the_instant_is_right_to_the_microsecond(canned: Canned, whole: int, fraction: str, offset: int | None) -> None:
    local = (EPOCH + timedelta(seconds=whole)).replace(tzinfo=None)
    sign = "-" if (offset or 0) < 0 else "+"
    zone = "Z" if offset is None else f"{sign}{abs(offset) // 60:02}:{abs(offset) % 60:02}"
    told = read(canned, local.isoformat() + (f".{fraction}" if fraction else "") + zone)
    exact = Decimal(whole) + Decimal(f"0.{fraction or 0}") - 60 * (offset or 0)
    instant = (
        told.replace(tzinfo=None) - EPOCH.replace(tzinfo=None) - (told.utcoffset() or timedelta())
    )  # exact, even near year 1
    microseconds = (instant.days * 86400 + instant.seconds) * 1_000_000 + instant.microseconds
    assert abs(Decimal(microseconds) / 1_000_000 - exact) <= Decimal("0.0000005")


LAST = datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("9999-12-31T23:59:59.9999999Z", LAST),
        ("9999-12-31T23:59:59.9999995Z", LAST),
        ("9999-12-31T23:59:60Z", LAST),
        ("9999-12-31T23:59:59.99999949Z", LAST),
        ("2016-12-31T23:59:60Z", datetime(2016, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)),
        ("2015-06-30t23:59:60.75z", datetime(2015, 6, 30, 23, 59, 59, 999999, tzinfo=UTC)),
        ("1990-12-31 15:59:60-08:00", datetime(1990, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)),
        ("2017-01-01T05:29:60.0+05:30", datetime(2016, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)),
        ("2024-02-29T23:59:60Z", datetime(2024, 2, 29, 23, 59, 59, 999999, tzinfo=UTC)),
        ("2024-05-18 06:49:47Z", datetime(2024, 5, 18, 6, 49, 47, tzinfo=UTC)),
        ("2024-05-18t06:49:47z", datetime(2024, 5, 18, 6, 49, 47, tzinfo=UTC)),
        ("2024-05-18T06:49:47-00:00", datetime(2024, 5, 18, 6, 49, 47, tzinfo=UTC)),
        ("2024-05-18T06:49:47.00000049999999999999999999999999Z", datetime(2024, 5, 18, 6, 49, 47, tzinfo=UTC)),
    ],
)
def test_every_timestamp_of_rfc_3339_fits(canned: Canned, text: str, instant: datetime) -> None:
    with warnings_of_the_client() as warned:
        assert read(canned, text) == instant
    assert warned == []


def test_odd_timestamps_fit_in_every_place_of_a_work(canned: Canned) -> None:
    never, leap = "9999-12-31T23:59:59.9999999Z", "2016-12-31T23:59:60Z"
    metric = {"breached_at": never, "org_schedule": {"valid_until": leap}, "stage": leap}
    wire: dict[str, Any] = {
        "type": "ticket",
        "id": "TKT-1",
        "title": never,
        "target_close_date": never,
        "sentiment_modified_date": leap,
        "custom_fields": {"tnt__at": leap},
        "sla_summary": {"target_time": never, "sla_tracker": {"metric_target_summaries": [metric, metric]}},
        "sync_metadata": {"last_sync_in": {"sync_unit": {"sync_run": {"started_at": leap}}, "sync_date": leap}},
    }
    (exported,) = canned.export([wire])
    got = canned.get(wire)
    assert got == exported
    assert isinstance(got, Ticket)
    assert got.invalid is None
    told = json.loads(json.dumps(got.to_dict()))
    assert told["title"] == never  # a text is a text
    assert told["custom_fields"] == {"tnt__at": leap}
    assert told["sla_summary"]["sla_tracker"]["metric_target_summaries"][1]["stage"] == leap
    assert told["target_close_date"] == "9999-12-31T23:59:59.999999Z"
    assert told["sla_summary"]["sla_tracker"]["metric_target_summaries"][1]["org_schedule"] == {
        "valid_until": "2016-12-31T23:59:59.999999Z"
    }
    assert told.keys() == wire.keys()


@pytest.mark.parametrize(
    "text",
    [
        "2024-05-18T06:49:47",
        "2024-05-18",
        "06:49:47Z",
        "",
        "yesterday",
        "1715957387",
        "2024-05-18T06:49:47.816 UTC",
        "2024-02-30T00:00:00Z",
        "0000-01-01T00:00:00Z",
        "2024-05-18T06:49:60Z",
        "2024-05-18T23:59:60Z",
        "2016-12-31T23:59:60+01:00",
        "2016-12-31T23:58:60Z",
        "2016-12-31T23:59:61Z",
        "2016-12-32T23:59:60Z",
        "2024-05-18T24:00:00Z",
        "2024-05-18T06:49:47+24:00",
        "\uff12024-05-18T06:49:47Z",
        " 2024-05-18T06:49:47Z",
    ],
)
def test_what_is_no_instant_is_invalid(canned: Canned, text: str) -> None:
    """A naive time would mean another instant on each machine."""
    wire: dict[str, Any] = {
        "type": "issue",
        "id": "ISS-1",
        "title": "t",
        "created_date": text,
        "modified_date": "2024-05-18T06:49:47Z",
    }
    work = canned.get(wire)
    assert type(work) is Issue
    assert (work.type, work.id, work.title, work.created_date) == ("issue", "ISS-1", "t", None)
    assert work.invalid == {"created_date": text}
    assert work.modified_date == datetime(2024, 5, 18, 6, 49, 47, tzinfo=UTC)
    assert work.to_dict() == wire
