"""The clock of a sandbox: what follows it, and how it is moved."""

from datetime import UTC, datetime, timedelta, timezone
from email.utils import parsedate_to_datetime

import pytest

from devrev_async.sandbox import Clock, Sandbox
from tests.sandbox.conftest import Api

pytestmark = pytest.mark.anyio

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def test_a_clock_runs_with_the_machine_until_it_is_set() -> None:
    clock = Clock()
    assert abs(clock.now() - datetime.now(UTC)) < 5 * SECOND
    assert not clock.frozen
    clock.set(NOON)
    assert NOON <= clock.now() < NOON + 5 * SECOND
    clock.advance(60)
    assert NOON + 60 * SECOND <= clock.now() < NOON + 65 * SECOND
    clock.advance(timedelta(days=-1))
    assert clock.now() < NOON


def test_a_frozen_clock_moves_only_on_request() -> None:
    clock = Clock()
    assert clock.freeze(NOON) == clock.now() == NOON
    assert clock.frozen
    assert clock.advance(0.25) == clock.now() == NOON + 0.25 * SECOND
    clock.set(NOON.astimezone(timezone(timedelta(hours=5, minutes=30))))
    assert clock.now() == NOON
    clock.resume()
    clock.resume()
    assert not clock.frozen
    assert NOON <= clock.now() < NOON + 5 * SECOND
    stopped = clock.freeze()
    assert clock.now() == stopped


def test_naive_datetimes_are_refused() -> None:
    for call in (Clock().set, Clock().freeze):
        with pytest.raises(ValueError, match="time zone"):
            call(NOON.replace(tzinfo=None))


async def test_what_follows_the_clock(api: Api) -> None:
    api.sandbox.clock.freeze(NOON)
    async with api.session.post(f"{api.sandbox.url}/works.update", json={"id": "ISS-1", "title": "x"}) as response:
        assert parsedate_to_datetime(response.headers["Date"]) == NOON
        assert 0 < int(response.headers["X-Ratelimit-Reset"]) - NOON.timestamp() <= 60
        assert (await response.json())["work"]["modified_date"] == "2026-03-01T12:00:00Z"
    added = api.sandbox.get(api.sandbox.add({}))
    assert added["created_date"] == added["modified_date"] == "2026-03-01T12:00:00Z"
    today = {"created_date": {"type": "preset", "preset_type": "last_n_days", "days": 1}}
    assert (await api.post("works.count", today))["count"] == 1
    api.sandbox.clock.advance(timedelta(days=2))
    assert (await api.post("works.count", today))["count"] == 0
    async with api.session.get(f"{api.sandbox.url}/nowhere") as response:
        assert parsedate_to_datetime(response.headers["Date"]) == NOON + timedelta(days=2)


async def test_the_quota_follows_the_clock_in_both_directions() -> None:
    async with Sandbox(works=1, quota=1) as sandbox, Api.over(sandbox) as api:
        sandbox.clock.freeze(NOON)
        await api.post("works.count", {})
        await api.post("works.count", {}, 429)
        sandbox.clock.advance(60)
        await api.post("works.count", {})
        await api.post("works.count", {}, 429)
        sandbox.clock.set(NOON - timedelta(days=1))
        await api.post("works.count", {})
        refused = await api.post("works.count", {}, 429)
        assert refused["retry_after"] <= 60


async def test_writes_of_a_frozen_clock_bear_its_time(api: Api) -> None:
    api.sandbox.clock.freeze(NOON)
    for title in "ab":
        work = (await api.post("works.update", {"id": "ISS-1", "title": title}))["work"]
        assert work["modified_date"] == "2026-03-01T12:00:00Z"
