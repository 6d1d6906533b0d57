"""What the headers that speak of time and of the quota are read as: tables, and any input at all."""

import sys
import time
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devrev_async._limits.headers import parse_count, parse_http_date, parse_quota, parse_retry_after, parse_seconds

LONGEST = sys.float_info.max
NOW = datetime(1994, 11, 6, 8, 49, 37, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        ("120", 120.0),
        (" 7 ", 7.0),
        ("1.5", 1.5),
        ("-3", 0.0),
        ("1e3", 1000.0),
        ("Sun, 06 Nov 1994 08:50:37 GMT", 60.0),  # IMF-fixdate
        ("Sunday, 06-Nov-94 08:50:37 GMT", 60.0),  # RFC 850
        ("Sun Nov  6 08:50:37 1994", 60.0),  # asctime
        ("Sun, 06 Nov 1994 08:00:00 GMT", 0.0),
        ("9" * 300, 1e300),  # what is too long is for the caller to say
        ("9" * 5000, LONGEST),
        ("-" + "9" * 5000, 0.0),
        ("1e400", LONGEST),
        ("+7", 7.0),
        ("7.", 7.0),
        ("1_0", None),
        ("\u0661\u0662", None),  # digits of another script
        (".", None),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 252618189022.0),
        ("1994-11-06T08:50:37Z", 60.0),  # RFC 3339
        ("1994-11-06T09:50:37.5+01:00", 60.5),
        ("1994-11-06T08:00:00Z", 0.0),
        ("1994-11-06T08:50:37", None),
        ("1994-11-06", None),
        ("9999-12-31T23:59:59+14:00", 252618138622.0),
        ("0001-01-01T00:00:00+14:00", 0.0),
        ("", None),
        ("soon", None),
        ("nan", None),
        ("inf", None),
        ("-inf", None),
        ("5 minutes", None),
        ("Sun, 99 Foo 1994", None),
        ("1,5", None),
        (None, None),
        (60, 60.0),  # of a body
        (1.5, 1.5),
        (-1, 0.0),
        (True, None),
        ([60], None),
        (10**400, LONGEST),
        (-(10**400), 0.0),
        (float("inf"), LONGEST),
        (float("nan"), None),
    ],
)
def test_retry_after(value: object, seconds: float | None) -> None:
    assert parse_retry_after(value, now=NOW) == seconds


@given(st.text() | st.none())
def test_any_header_is_a_number_or_none(value: str | None) -> None:
    seconds = parse_retry_after(value, now=NOW)
    assert seconds is None or 0 <= seconds < float("inf")
    count = parse_count(value)
    assert count is None or 0 <= count < 10**18
    moment = parse_http_date(value)
    assert moment is None or abs(moment) < 1e13


@given(st.datetimes(min_value=datetime(1970, 1, 2), max_value=datetime(9999, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_http_dates(moment: datetime) -> None:
    assert parse_http_date(format_datetime(moment, usegmt=True)) == moment.replace(microsecond=0).timestamp()


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="the zone of a process is set on POSIX only")
@pytest.mark.parametrize("zone", ["UTC0", "XYZ+5", "XYZ-9:30"])
@pytest.mark.parametrize("date", ["Sun Nov  6 08:49:37 1994", "Sun, 06 Nov 1994 08:49:37 -0000"])
def test_a_date_without_a_zone_is_utc_wherever_the_machine_stands(
    monkeypatch: pytest.MonkeyPatch, zone: str, date: str
) -> None:
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        assert parse_http_date(date) == NOW
    finally:
        monkeypatch.undo()
        time.tzset()


@given(st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.integers()))
def test_seconds_of_any_json(value: Any) -> None:
    seconds = parse_seconds(value)
    assert seconds is None or 0 <= seconds < float("inf")
    if isinstance(value, bool):
        assert seconds is None


@pytest.mark.parametrize(
    ("value", "count"),
    [
        ("0", 0),
        ("8000", 8000),
        (" 5 ", 5),
        ("-1", None),
        ("1.0", None),
        ("٣", None),
        ("", None),
        ("9" * 18, 10**18 - 1),
        ("9" * 19, None),
    ],
)
def test_a_count_is_at_most_18_digits_and_no_sign(value: str, count: int | None) -> None:
    assert parse_count(value) == count


def test_the_quota_in_one_look() -> None:
    assert parse_quota("8000", "7999", "1800000000") == (8000, 7999, 1.8e9)
    assert parse_quota("8000", "7999", "1800000000.5") == (8000, 7999, 1800000000.5)
    assert parse_quota(None, "7999", None) == (None, 7999, None)
    assert parse_quota("8000", None, None) == (8000, None, None)
    assert parse_quota(None, None, "1800000000") == (None, None, 1.8e9)
    assert parse_quota("-1", "x", "soon") == (None, None, None)
    assert parse_quota("9" * 18, "9" * 18, "1" * 18) == (10**18 - 1, 10**18 - 1, float("1" * 18))
    assert parse_quota("9" * 19, "1", "1") == (None, 1, 1.0)
    assert parse_quota("1", "9" * 19, "1") == (1, None, 1.0)
    assert parse_quota("1", "1", "-5") == (1, 1, 0.0)


@given(st.none() | st.text(), st.none() | st.text(), st.none() | st.text())
def test_the_quota_is_read_as_its_parts_are(limit: str | None, remaining: str | None, reset: str | None) -> None:
    expected = parse_count(limit), parse_count(remaining), parse_seconds(reset)
    assert parse_quota(limit, remaining, reset) == expected
