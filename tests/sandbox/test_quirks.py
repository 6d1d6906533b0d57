"""Each quirk, as a client sees it on the wire."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devrev_async.sandbox import Quirks, Sandbox, times
from devrev_async.sandbox.filters import compile_query
from devrev_async.sandbox.ids import Ids
from devrev_async.sandbox.row import Row
from tests.sandbox.conftest import Api

pytestmark = pytest.mark.anyio

DAY = "2024-05-05T"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@asynccontextmanager
async def serving(works: Any = 300, **quirks: Any) -> AsyncGenerator[Api]:
    async with Sandbox(works=works, seed=5, quirks=Quirks(**quirks)) as sandbox, Api.over(sandbox) as api:
        yield api


async def exported(api: Api, **body: Any) -> list[str]:
    return [work["id"] for work in (await api.post("works.export", {"first": 5000, **body}))["works"]]


async def listed(api: Api, **body: Any) -> list[list[str]]:
    """The ids of each page."""
    pages: list[list[str]] = []
    while len(pages) < 100:
        answer = await api.post("works.list", {"limit": 100, **body})
        pages.append([work["id"] for work in answer["works"]])
        cursor = answer.get("prev_cursor" if body.get("mode") == "before" else "next_cursor")
        if cursor is None:
            return pages
        body["cursor"] = cursor
    raise AssertionError("endless pages")


def ids_of(pages: list[list[str]]) -> list[str]:
    return [ref for page in pages for ref in page]


def sort_by(direction: str, field: str = "created_date") -> list[str]:
    return [f"{field}:{direction}"]


def dated(*moments: str | None) -> list[dict[str, Any]]:
    """Works whose titles and dates are these."""
    return [{"title": str(moment), "created_date": moment, "modified_date": moment} for moment in moments]


async def works_of(api: Api, **body: Any) -> list[Any]:
    """The works of an export, which may be odd ones."""
    async with api.session.post(f"{api.sandbox.url}/works.export", json={"first": 5000, **body}) as response:
        assert response.status == 200
        return list((await response.json())["works"])


async def titles(api: Api, **body: Any) -> set[str]:
    return {work["title"] for work in await works_of(api, **body)}


def between(after: str | None = None, before: str | None = None) -> dict[str, str]:
    bounds = {"after": after, "before": before}
    return {"type": "range", **{key: bound for key, bound in bounds.items() if bound}}


# Pages


async def test_a_cap_below_first() -> None:
    async with serving(cap=70) as api:
        assert len(await exported(api)) == 70
        assert len(await exported(api, first=20)) == 20
        assert await exported(api, sort_by=sort_by("asc")) == api.sandbox.ids()[:70]


async def test_a_cap_that_varies() -> None:
    async with serving(cap=60, cap_pattern="random") as api:
        sizes = [len(await exported(api)) for _ in range(30)]
        assert len(set(sizes)) > 5
        assert 20 <= min(sizes) <= max(sizes) <= 60
    async with serving(cap=60, cap_pattern="falling") as api:
        assert [len(await exported(api)) for _ in range(3)] == [60, 12, 12]


async def test_a_cap_by_bytes() -> None:
    async with serving([{"title": "x" * 1000} for _ in range(20)] + [{"title": "y" * 9000}], cap_bytes=8000) as api:
        body = {"first": 5000, "sort_by": sort_by("asc")}
        async with api.session.post(f"{api.sandbox.url}/works.export", json=body) as response:
            answer = await response.read()
        assert 5000 < len(answer) <= 8000 + len(b'{"works":[]}') + 20
        assert len(await exported(api, sort_by=sort_by("desc"), first=3)) == 1  # the first work is always in it


async def test_a_cap_of_list_pages() -> None:
    async with serving(list_cap=30) as api:
        pages = await listed(api)
        assert {len(page) for page in pages} == {30}
        assert sorted(ids_of(pages)) == sorted(api.sandbox.ids())


async def test_empty_pages_at_first() -> None:
    async with serving(empty_pages=2) as api:
        assert [len(await exported(api)) for _ in range(3)] == [0, 0, 300]
        pages = await listed(api)
        assert [len(page) for page in pages] == [0, 0, 100, 100, 100]
        assert sorted(ids_of(pages)) == sorted(api.sandbox.ids())


@pytest.mark.parametrize("mode", ["after", "before"])
async def test_empty_pages_again_and_again(mode: str) -> None:
    async with serving(empty_every=2) as api:
        pages = await listed(api, mode=mode)
        assert [len(page) for page in pages] == [100, 0, 100, 0, 100]
        assert sorted(ids_of(pages)) == sorted(api.sandbox.ids())
        assert [len(await exported(api)) for _ in range(4)] == [300, 0, 300, 0]


@pytest.mark.parametrize("mode", ["after", "before"])
async def test_cursors_that_count(mode: str) -> None:
    async with serving(offset_cursors=True) as api:
        whole = await exported(api)
        pages = await listed(api, mode=mode, limit=47)
        assert ids_of(pages if mode == "after" else pages[::-1]) == whole
        first = await api.post("works.list", {"limit": 10})
        await api.post("works.delete", {"id": first["works"][0]["id"]})
        second = await api.post("works.list", {"limit": 10, "cursor": first["next_cursor"]})
        assert second["works"][0]["id"] == whole[11]  # whole[10] slipped through
        await api.refused(
            "works.list", {"cursor": first["next_cursor"], "sort_by": sort_by("asc")}, field_name="cursor"
        )


# Order


async def test_sort_by_refused() -> None:
    async with serving(sort_by="refused") as api:
        for endpoint in ("works.export", "works.list"):
            await api.refused(endpoint, {"sort_by": sort_by("asc")}, type="value_not_permitted", field_name="sort_by")
        assert len(await exported(api)) == 300


async def test_a_field_that_cannot_be_sorted_by() -> None:
    async with serving(unsortable=("modified_date",)) as api:
        answer = await api.refused(
            "works.export",
            {"sort_by": sort_by("asc", "modified_date")},
            type="value_not_permitted",
            field_name="sort_by",
        )
        assert "modified_date:asc" not in answer["allowed_values"]
        assert await exported(api, sort_by=sort_by("asc")) == api.sandbox.ids()


async def test_sort_by_ignored() -> None:
    async with serving(sort_by="ignored") as api:
        ascending = await exported(api, sort_by=sort_by("asc"))
        assert ascending == await exported(api, sort_by=sort_by("desc")) == await exported(api)
        assert sorted(ascending) == sorted(api.sandbox.ids())
        assert ascending not in (api.sandbox.ids(), api.sandbox.ids()[::-1])
        assert await exported(api, first=10) == ascending[:10]
        assert ids_of(await listed(api, sort_by=sort_by("asc"))) == ascending


@pytest.mark.parametrize("direction", ["ascending", "descending"])
async def test_always_one_direction(direction: Any) -> None:
    async with serving(sort_by=direction) as api:
        oldest_first = api.sandbox.ids()
        right = oldest_first if direction == "ascending" else oldest_first[::-1]
        for asked in ([], sort_by("asc"), sort_by("desc", "modified_date")):
            assert await exported(api, sort_by=asked) == right
            assert ids_of(await listed(api, sort_by=asked)) == right


async def test_random_order() -> None:
    async with serving(sort_by="random") as api:
        answers = [await exported(api, sort_by=sort_by("asc"), first=200) for _ in range(2)]
        assert answers[0] != answers[1]
        assert set(answers[0]) != set(answers[1])
        assert sorted(await exported(api)) == sorted(api.sandbox.ids())
        assert sorted(ids_of(await listed(api))) == sorted(api.sandbox.ids())


@pytest.mark.parametrize("way", ["sorted_after_cap", "sorted_after_random_cap"])
async def test_sorted_after_the_cap(way: Any) -> None:
    async with serving(sort_by=way, cap=40) as api:
        rank = {ref: n for n, ref in enumerate(api.sandbox.ids())}
        answers = [[rank[ref] for ref in await exported(api, sort_by=sort_by("asc"))] for _ in range(2)]
        assert all(len(ranks) == 40 and ranks == sorted(ranks) for ranks in answers)
        assert answers[0] != list(range(40))
        assert (answers[0] == answers[1]) == (way == "sorted_after_cap")
        descending = [rank[ref] for ref in await exported(api, sort_by=sort_by("desc"))]
        assert descending == sorted(descending, reverse=True)


@pytest.mark.parametrize(("quirk", "first", "last"), [("honoured", "asc", "desc"), ("undated_last", None, "both")])
async def test_where_undated_works_come(quirk: Any, first: str | None, last: str) -> None:
    async with serving(dated(f"{DAY}01:00:00Z", None, f"{DAY}02:00:00Z", "no date"), sort_by=quirk) as api:
        for direction in ("asc", "desc"):
            dates = [work["created_date"] for work in await works_of(api, sort_by=sort_by(direction))]
            at_the_end = last in (direction, "both")
            assert {dates[-1] if at_the_end else dates[0], dates[-2] if at_the_end else dates[1]} == {None, "no date"}


# Filters


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


# Counts


async def test_no_count() -> None:
    async with serving(missing_endpoints=("works.count", "works.list")) as api:
        for endpoint in ("works.count", "works.list"):
            async with api.session.post(f"{api.sandbox.url}/{endpoint}", json={}) as response:
                assert response.status == 404
                assert await response.json() == {"message": "route not found"}
        assert len(await exported(api)) == 300


@pytest.mark.parametrize(("count", "least", "most"), [("low", 150, 150), ("high", 620, 620), ("random", 0, 620)])
async def test_wrong_counts(count: Any, least: int, most: int) -> None:
    async with serving(count=count) as api:
        said = [(await api.post("works.count", {}))["count"] for _ in range(5)]
        assert all(least <= number <= most for number in said)
        assert (len(set(said)) > 1) == (count == "random")


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


# Clock


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


# Writes


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


# The record


@pytest.mark.parametrize(
    ("wrong", "error", "says"),
    [
        ({"cap": 0}, ValueError, "cap must be at least 1"),
        ({"cap": True}, TypeError, "cap must be an int or None"),
        ({"cap_bytes": "8k"}, TypeError, "cap_bytes must be an int"),
        ({"list_cap": 0}, ValueError, "list_cap"),
        ({"empty_pages": -1}, ValueError, "empty_pages must be at least 0"),
        ({"empty_pages": None}, TypeError, "empty_pages must be an int,"),
        ({"empty_every": 1}, ValueError, "empty_every must be at least 2"),
        ({"count_cap": -1}, ValueError, "count_cap"),
        ({"modified_ties": 1.5}, TypeError, "modified_ties"),
        ({"sort_by": "none"}, ValueError, "sort_by must be one of honoured, refused"),
        ({"modified_date_filter": True}, ValueError, "modified_date_filter must be one of"),
        ({"count": "wrong"}, ValueError, "count must be one of exact"),
        ({"cap_pattern": "random"}, ValueError, "needs cap"),
        ({"trims_shown": 1}, TypeError, "trims_shown must be a bool"),
        ({"visible_after": 5}, TypeError, "visible_after must be a timedelta"),
        ({"visible_after": timedelta(seconds=-1)}, ValueError, "visible_after must not be negative"),
        ({"missing_endpoints": "works.count"}, TypeError, "missing_endpoints must be a tuple of str"),
        ({"unsortable": [1]}, TypeError, "unsortable"),
        ({"unheard_of": 1}, TypeError, "unheard_of"),
    ],
)
def test_mistaken_quirks_are_refused(wrong: dict[str, Any], error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        Quirks(**wrong)


def test_a_missing_endpoint_must_exist() -> None:
    with pytest.raises(ValueError, match=r"works\.counts"):
        Sandbox(works=0, quirks=Quirks(missing_endpoints=("works.counts",)))
    with pytest.raises(ValueError, match="modifieddate"):
        Sandbox(works=0, quirks=Quirks(unsortable=("modifieddate",)))


def test_quirks_are_values() -> None:
    assert Quirks() == Quirks()
    assert {Quirks(cap=5), Quirks(cap=5)} == {Quirks(cap=5)}
    assert Quirks(clock_offset=timedelta(hours=-1)) != Quirks()
    with pytest.raises(AttributeError):
        Quirks().cap = 5  # type: ignore[misc]
