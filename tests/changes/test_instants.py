"""Instants as whole microseconds, and the range to ask for: wide enough for a server that trims or excludes bounds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from devrev_async.changes.instants import EARLIEST, LATEST, SECOND, UNDATED, asked, micros, moment, outside

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
AT = int(NOON.timestamp()) * SECOND
MILLI, TWO = timedelta(milliseconds=1), timedelta(seconds=2)
FIRST, LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("instant", "stamp"),
    [
        (None, UNDATED),
        (datetime(1970, 1, 1, tzinfo=UTC), 0),
        (datetime(1969, 12, 31, 23, 59, 59, 999_999, UTC), -1),
        (datetime(1970, 1, 2, 1, 0, 0, 5, timezone(timedelta(hours=1))), 86_400_000_005),
        (NOON, AT),
        (FIRST, -62_135_596_800 * SECOND),
        (LAST, 253_402_300_800 * SECOND - 1),
    ],
)
def test_a_stamp_is_microseconds_since_1970(instant: datetime | None, stamp: int) -> None:
    assert micros(instant) == stamp
    assert moment(stamp) == instant


@pytest.mark.parametrize("stamp", [UNDATED, EARLIEST, LATEST, micros(FIRST) - 1, micros(LAST) + 1])
def test_there_is_no_moment_outside_of_the_years_1_to_9999(stamp: int) -> None:
    assert moment(stamp) is None


@pytest.mark.parametrize(
    ("low", "high", "after", "before"),
    [
        # from a millisecond before the second of the lower end to the second behind the upper one
        (AT, AT, NOON - MILLI, NOON + timedelta(seconds=1)),
        (AT + 999_999, AT + SECOND - 1, NOON - MILLI, NOON + timedelta(seconds=1)),
        (AT, AT + SECOND, NOON - MILLI, NOON + TWO),
        (AT - 1, AT, NOON - timedelta(seconds=1) - MILLI, NOON + timedelta(seconds=1)),
        # no bound where there is no such year, and none at all of works without a date
        (EARLIEST, AT, None, NOON + timedelta(seconds=1)),
        (micros(FIRST), AT, None, NOON + timedelta(seconds=1)),
        (AT, LATEST, NOON - MILLI, None),
        (AT, micros(LAST), NOON - MILLI, None),
        (EARLIEST, LATEST, None, None),
        (UNDATED, AT, None, None),
        (UNDATED - 1, AT, None, None),
    ],
)
def test_the_range_to_ask_for(low: int, high: int, after: datetime | None, before: datetime | None) -> None:
    assert asked(low, high) == (after, before)


@pytest.mark.parametrize(
    ("instant", "after", "before", "found"),
    [
        (NOON, None, None, False), (NOON, NOON, NOON, False),
        (NOON - TWO, NOON, None, False), (NOON - TWO - MILLI, NOON, None, True), (NOON + 9 * TWO, NOON, None, False),
        (NOON + TWO, None, NOON, False), (NOON + TWO + MILLI, None, NOON, True), (NOON - 9 * TWO, None, NOON, False),
        (NOON + 9 * TWO, NOON - TWO, NOON, True), (NOON, NOON - TWO, NOON + TWO, False),
    ],
)  # fmt: skip
def test_an_instant_beyond_the_range_and_two_seconds_is_outside(
    instant: datetime, after: datetime | None, before: datetime | None, found: bool
) -> None:
    assert outside(instant, after, before) is found
