"""Quirks of the clock and of writes, as a client sees them on the wire."""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import pytest

from tests.sandbox.conftest import Api
from tests.sandbox.quirky import DAY, NOON, between, exported, serving, titles

pytestmark = pytest.mark.anyio


async def date_of(api: Api) -> datetime:
    async with api.session.get(f"{api.sandbox.url}/works.count") as response:
        await response.read()
        return parsedate_to_datetime(response.headers["Date"])


@pytest.mark.parametrize("hours", [-1, 1])
async def test_a_clock_that_is_off(hours: int) -> None:
    offset = timedelta(hours=hours)
    async with serving(clock_offset=offset) as api:
        assert abs(await date_of(api) - datetime.now(UTC) - offset) < timedelta(seconds=30)
        work = (await api.post("works.update", {"id": "ISS-1", "title": "x"}))["work"]
        assert abs(datetime.fromisoformat(work["modified_date"]) - datetime.now(UTC) - offset) < timedelta(seconds=30)


@pytest.mark.parametrize("hours", [-1, 1])
async def test_a_date_that_is_off_from_the_servers_own_clock(hours: int) -> None:
    async with serving(date_offset=timedelta(hours=hours)) as api:
        api.sandbox.clock.freeze(NOON)
        assert await date_of(api) == NOON + timedelta(hours=hours)
        work = (await api.post("works.update", {"id": "ISS-1", "title": "x"}))["work"]
        assert work["modified_date"] == "2026-03-01T12:00:00Z"


async def test_a_date_that_stands_still() -> None:
    async with serving(date_frozen=True) as api:
        api.sandbox.clock.freeze(NOON)
        assert [await date_of(api), api.sandbox.clock.advance(3600)] == [NOON, NOON + timedelta(hours=1)]
        assert await date_of(api) == NOON


async def test_writes_that_become_visible_late() -> None:
    old = {"display_id": "ISS-1", "title": "old", "created_date": f"{DAY}01:00:00Z"}
    async with serving([old], visible_after=timedelta(seconds=10)) as api:
        clock = api.sandbox.clock
        clock.freeze(NOON)
        await api.post("works.update", {"id": "ISS-1", "title": "new"})
        created = await api.post("works.create", CREATE, 201)
        assert (await api.post("works.get", {"id": "ISS-1"}))["work"]["title"] == "new"
        assert (await api.post("works.get", {"id": created["work"]["id"]}))["work"] == created["work"]
        recent = {"modified_date": between(after="2026-03-01T11:59:00Z")}
        for seconds, seen in [(0, {"old"}), (9, {"old"}), (1, {"new", "created"})]:
            clock.advance(seconds)
            assert await titles(api) == seen
            assert await titles(api, **recent) == seen - {"old"}
            assert (await api.post("works.count", {}))["count"] == len(seen)
        await api.post("works.delete", {"id": "ISS-1"})
        await api.post("works.get", {"id": "ISS-1"}, 404)
        assert await titles(api) == {"new", "created"}
        clock.advance(10)
        assert await titles(api) == {"created"}


async def test_several_late_writes_of_one_work() -> None:
    async with serving([{"display_id": "ISS-1", "title": "0"}], visible_after=timedelta(seconds=10)) as api:
        api.sandbox.clock.freeze(NOON)
        for n in range(1, 4):
            await api.post("works.update", {"id": "ISS-1", "title": str(n)})
            api.sandbox.clock.advance(2)  # so they are due at 10, 12 and 14 seconds; it is 6 now
        assert await titles(api) == {"0"}
        seen: list[str] = []
        for _ in range(4):
            api.sandbox.clock.advance(2)
            seen += await titles(api)
        assert seen == ["0", "1", "2", "3"]
        assert api.sandbox.get("ISS-1")["title"] == "3"


async def test_late_writes_of_one_work_keep_their_order_whatever_dates_they_bear() -> None:
    works = [{"display_id": f"ISS-{n}", "title": str(n), "created_date": f"{DAY}0{n}:00:00Z"} for n in range(5)]
    async with serving(works, visible_after=timedelta(seconds=10)) as api:
        api.sandbox.clock.freeze(NOON)
        await api.post("works.update", {"id": "ISS-2", "title": "first"})
        api.sandbox.update("ISS-2", {"title": "second", "modified_date": NOON - timedelta(hours=1)})
        assert await titles(api) == {"0", "1", "2", "3", "4"}
        api.sandbox.clock.advance(10)
        assert await titles(api) == {"0", "1", "second", "3", "4"}


async def test_late_works_of_the_future_are_seen_after_the_delay() -> None:
    async with serving(0, visible_after=timedelta(seconds=10)) as api:
        api.sandbox.clock.freeze(NOON)
        api.sandbox.add({"title": "future", "modified_date": "2099-01-01T00:00:00Z"})
        api.sandbox.add({"title": "old", "modified_date": "2020-01-01T00:00:00Z"})  # its date is long enough ago
        assert await titles(api) == {"old"}
        api.sandbox.clock.advance(10)
        assert await titles(api) == {"old", "future"}


async def test_writes_that_leave_modified_date() -> None:
    async with serving(keeps_modified_date=True) as api:
        before = api.sandbox.get("ISS-1")
        work = (await api.post("works.update", {"id": "ISS-1", "title": "changed"}))["work"]
        assert (work["title"], work["modified_date"]) == ("changed", before["modified_date"])


async def test_writes_that_share_a_date() -> None:
    async with serving(stamp_resolution=timedelta(hours=1)) as api:
        dates: set[str] = set()
        api.sandbox.clock.freeze(NOON)
        for n in range(1, 4):
            api.sandbox.clock.advance(60)
            dates.add((await api.post("works.update", {"id": f"ISS-{n}", "title": "x"}))["work"]["modified_date"])
            dates.add((await api.post("works.create", CREATE, 201))["work"]["created_date"])
        api.sandbox.clock.resume()
        for title in "ab":
            dates.add((await api.post("works.update", {"id": "ISS-1", "title": title}))["work"]["modified_date"])
        assert dates == {"2026-03-01T12:00:00Z"}


async def test_generated_works_of_one_date() -> None:
    async with serving(created_ties=120, modified_ties=5000) as api:
        works = [api.sandbox.get(ref) for ref in api.sandbox.ids()]
        dates = [work["created_date"] for work in works]
        assert 120 <= max(map(dates.count, dates)) < 130  # a few were tied before
        assert len({work["modified_date"] for work in works}) == 1
        day = works[0]["modified_date"]
        assert len(await exported(api, modified_date=between(after=day, before=day))) == 300


CREATE = {"type": "task", "title": "created", "applies_to_part": "PROD-1", "owned_by": ["DEVU-2"]}
