"""Every timestamp that RFC 3339 allows is an aware datetime; what it does not allow is none."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from devrev_async._decoders.timestamps import parse_timestamp

INDIA = timezone(timedelta(hours=5, minutes=30))
LAST = datetime.max.replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2024-05-18T06:49:47Z", datetime(2024, 5, 18, 6, 49, 47, 0, UTC)),
        ("2024-05-18t06:49:47z", datetime(2024, 5, 18, 6, 49, 47, 0, UTC)),
        ("2024-05-18 06:49:47Z", datetime(2024, 5, 18, 6, 49, 47, 0, UTC)),
        ("2024-05-18T06:49:47.5+05:30", datetime(2024, 5, 18, 6, 49, 47, 500_000, INDIA)),
        ("2024-05-18T06:49:47-05:30", datetime(2024, 5, 18, 6, 49, 47, 0, timezone(-timedelta(hours=5, minutes=30)))),
        # digits past microseconds are rounded away
        ("2024-05-18T06:49:47.1234564Z", datetime(2024, 5, 18, 6, 49, 47, 123_456, UTC)),
        ("2024-05-18T06:49:47.1234565Z", datetime(2024, 5, 18, 6, 49, 47, 123_457, UTC)),
        ("2024-05-18T06:49:47.9999995Z", datetime(2024, 5, 18, 6, 49, 48, 0, UTC)),
        ("9999-12-31T23:59:59.9999999Z", LAST),
        # a leap second, which ends a month in UTC, is the last microsecond before it
        ("2016-12-31T23:59:60Z", datetime(2016, 12, 31, 23, 59, 59, 999_999, UTC)),
        ("2017-01-01T05:29:60+05:30", datetime(2017, 1, 1, 5, 29, 59, 999_999, INDIA)),
        ("2016-12-31T22:59:60Z", None),
        ("2016-12-30T23:59:60Z", None),
        ("9999-12-31T23:59:60-01:00", None),
        ("2016-12-31T23:59:61Z", None),
        ("0000-01-01T00:00:00Z", None),
        ("2024-02-30T00:00:00Z", None),
        ("2024-05-18T06:49:47", None),
        ("2024-05-18", None),
        ("", None),
    ],
)
def test_what_a_text_means(text: str, moment: datetime | None) -> None:
    found = parse_timestamp(text)
    assert found == moment
    assert found is None or (moment is not None and found.utcoffset() == moment.utcoffset())
