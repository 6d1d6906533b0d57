"""Quirks of pages and of their order, as a client sees them on the wire."""

from typing import Any

import pytest

from tests.sandbox.quirky import DAY, dated, exported, ids_of, listed, serving, sort_by, works_of

pytestmark = pytest.mark.anyio


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
