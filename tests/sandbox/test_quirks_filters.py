"""Quirks of filters and of counts, as a client sees them on the wire."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devrev_async.sandbox import Quirks, times
from devrev_async.sandbox.filters import compile_query
from devrev_async.sandbox.ids import Ids
from devrev_async.sandbox.row import Row
from tests.sandbox.quirky import DAY, NOON, between, dated, exported, serving, sort_by, titles, works_of

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("field", ["created_date", "modified_date"])
async def test_a_date_filter_without_effect_or_refused(field: str) -> None:
    body = {field: between(after="2030-01-01T00:00:00Z")}
    async with serving() as api:
        assert await exported(api, **body) == []
    async with serving(**{f"{field}_filter": "ignored"}) as api:
        assert len(await exported(api, **body)) == 300
        assert len(await exported(api, **body, type=["task"])) < 100  # other filters work
    async with serving(**{f"{field}_filter": "refused"}) as api:
        for endpoint in ("works.export", "works.list", "works.count"):
            await api.refused(endpoint, body, type="invalid_field", field_name=field)


async def test_bounds_in_whole_seconds() -> None:
    works = dated(f"{DAY}01:00:00.2Z", f"{DAY}01:00:00.7Z", f"{DAY}01:00:01Z")
    body = {"modified_date": between(after=f"{DAY}01:00:00.5Z", before=f"{DAY}01:00:01.9Z")}
    async with serving(works, trims_bounds=True) as api:
        assert await titles(api, **body) == {work["title"] for work in works}
        assert await titles(api, modified_date=between(before=f"{DAY}01:00:00.9Z")) == set()
    async with serving(works) as api:
        assert await titles(api, **body) == {work["title"] for work in works[1:]}


async def test_dates_compared_in_whole_seconds() -> None:
    works = dated(f"{DAY}01:00:00.2Z", f"{DAY}01:00:00.7Z", f"{DAY}01:00:01Z")
    async with serving(works, trims_compared=True) as api:
        assert len(await titles(api, created_date=between(before=f"{DAY}01:00:00Z"))) == 2
        assert len(await titles(api, created_date=between(after=f"{DAY}01:00:00.1Z"))) == 1


async def test_dates_shown_in_whole_seconds() -> None:
    works = [{**work, "target_close_date": "soon"} for work in dated(f"{DAY}01:00:00.7Z", f"{DAY}01:00:01Z")]
    async with serving(works, trims_shown=True) as api:
        first, second = await works_of(api, sort_by=sort_by("asc"))
        assert (first["created_date"], first["modified_date"]) == (f"{DAY}01:00:00Z", f"{DAY}01:00:00Z")
        assert first["target_close_date"] == "soon"
        assert second["created_date"] == f"{DAY}01:00:01Z"
        assert await titles(api, created_date=between(after=f"{DAY}01:00:00.7Z")) == {w["title"] for w in works}
        assert api.sandbox.get(first["id"])["created_date"] == f"{DAY}01:00:00.7Z"  # the truth stays


async def test_exclusive_bounds() -> None:
    moments = [f"{DAY}0{hour}:00:00.5Z" for hour in range(3)]
    body = {"created_date": between(after=moments[0], before=moments[2])}
    for quirks, right in [
        ({}, moments),
        ({"excludes_after": True}, moments[1:]),
        ({"excludes_before": True}, moments[:2]),
        ({"excludes_after": True, "excludes_before": True}, moments[1:2]),
    ]:
        async with serving(dated(*moments), **quirks) as api:
            assert await titles(api, **body) == set(right)


async def test_undated_works_in_ranges() -> None:
    works = dated(f"{DAY}01:00:00Z", None)
    ranges = [between(after=f"{DAY}00:00:00Z"), between(before=f"{DAY}09:00:00Z"), between()]
    for field in ("created_date", "modified_date"):
        async with serving(works) as api:
            assert [len(await titles(api, **{field: each})) for each in ranges] == [1, 1, 1]
            assert len(await titles(api)) == 2
        async with serving(works, undated_in_ranges=True) as api:
            for order in ([], sort_by("asc", field), sort_by("desc", "target_close_date")):
                assert [len(await titles(api, **{field: each}, sort_by=order)) for each in ranges] == [2, 2, 2]


MOMENTS = st.none() | st.integers(0, 4_000_000).map(
    lambda micros: datetime(2024, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)
)


@given(
    date=MOMENTS,
    after=MOMENTS,
    before=MOMENTS,
    quirks=st.builds(
        Quirks,
        **dict.fromkeys(
            ("trims_bounds", "trims_compared", "excludes_after", "excludes_before", "undated_in_ranges"), st.booleans()
        ),
    ),
    whole=st.booleans(),
)
def test_the_sandbox_filters_as_the_record_says(
    date: datetime | None, after: datetime | None, before: datetime | None, quirks: Quirks, whole: bool
) -> None:
    """`Quirks.in_range`, which model servers use, and the sandbox's compiled ranges are the same."""
    if whole:  # bounds and dates that are equal, and whole seconds
        date, after, before = (moment and moment.replace(microsecond=0) for moment in (date, after, before))
    wire = {key: times.render(times.micros_of(each - times.EPOCH)) for key, each in
            (("date", date), ("after", after), ("before", before)) if each}  # fmt: skip
    query = compile_query(
        {"created_date": between(wire.get("after"), wire.get("before"))}, now=0, ids=Ids(), quirks=quirks
    )
    assert query.matches(Row(1, {"created_date": wire.get("date")}, {})) == quirks.in_range(date, after, before)


async def test_a_missing_endpoint_is_a_route_that_is_not_found() -> None:
    async with serving(missing_endpoints=("works.count", "works.list")) as api:
        for endpoint in ("works.count", "works.list"):
            async with api.session.post(f"{api.sandbox.url}/{endpoint}", json={}) as response:
                assert response.status == 404
                assert await response.json() == {"message": "route not found"}
        assert len(await exported(api)) == 300


@pytest.mark.parametrize(
    ("count", "least", "most"), [("one_less", 299, 299), ("low", 150, 150), ("high", 620, 620), ("random", 0, 620)]
)
async def test_wrong_counts(count: Any, least: int, most: int) -> None:
    async with serving(count=count) as api:
        said = [(await api.post("works.count", {}))["count"] for _ in range(5)]
        assert all(least <= number <= most for number in said)
        assert (len(set(said)) > 1) == (count == "random")


async def test_a_count_that_is_not_sure_at_times() -> None:
    async with serving(count="unsure") as api:
        said = [await api.post("works.count", {}) for _ in range(30)]
        assert {answer["count"] for answer in said} == {300}
        assert 0 < sum(answer["has_more"] for answer in said) < 20


async def test_a_count_that_stops() -> None:
    async with serving(count_cap=200) as api:
        assert await api.post("works.count", {}) == {"count": 200, "has_more": True}
        tasks = await api.post("works.count", {"type": ["task"]})
        assert tasks["has_more"] is False
        assert tasks["count"] == len(await exported(api, type=["task"]))


async def test_a_late_count() -> None:
    async with serving(10, count_delay=timedelta(seconds=30)) as api:
        api.sandbox.clock.freeze(NOON)
        api.sandbox.add({"title": "new"})
        assert len(await exported(api)) == 11
        assert (await api.post("works.count", {}))["count"] == 10
        api.sandbox.clock.advance(30)
        assert (await api.post("works.count", {}))["count"] == 11
