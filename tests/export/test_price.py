"""What a complete export costs over HTTP, on a server that counts and sorts: the bounds that the README states."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from math import ceil, floor
from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from devrev_async import DateRange, DevRevClient, IncompleteExportError
from devrev_async.sandbox import Quirks, Sandbox
from devrev_async.sandbox.server import run_in_thread
from tests.servers import serving

if TYPE_CHECKING:
    from devrev_async import ExportReport

pytestmark = pytest.mark.anyio

SIZES = (0, 1, 50, 101, 999, 4999, 5000, 5001, 5400, 12_000)
LARGE = (8000, 20_000, 100_000)
START = datetime(2024, 3, 1, tzinfo=UTC)
KINDS = ("count", "order", "list", "assumed_cap")


def least(works: int) -> int:
    """The fewest requests that could do: a page for each 5000 works begun, and one count."""
    return max(1, ceil(works / 5000)) + 1


@pytest.mark.parametrize("works", [*SIZES, *(pytest.param(works, marks=pytest.mark.slow) for works in LARGE)])
async def test_works_fetched_and_requests(works: int) -> None:
    with run_in_thread(Sandbox(works=works, seed=works)) as sandbox:
        async with DevRevClient(sandbox.token, base_url=sandbox.url) as client:
            export = client.works.export_all()
            ids = {work.id async for batch in export.batches() for work in batch}
        asked = [request.path for request in sandbox.requests]
    report = export.report
    assert len(ids) == report.works == report.expected == works
    assert report.complete
    assert report.requests == len(asked)
    assert report.works + report.duplicates <= 1.1 * works + 100
    assert len(asked) <= floor(least(works) * 1.05) + 2
    assert set(report.proofs) == set(KINDS)
    assert sum(report.proofs.values()) == works
    if works <= 5000:
        assert sorted(asked) == ["/works.count", "/works.export"]
        assert report.duplicates == 0
        assert report.proofs["count"] == works


async def test_the_first_page_and_the_count_are_asked_for_side_by_side() -> None:
    both = asyncio.Barrier(2)

    async def handle(request: web.Request) -> web.Response:
        await both.wait()  # none is answered before the other one is there
        if request.path == "/works.count":
            return web.json_response({"count": 2, "has_more": False})
        return web.json_response({"works": [{"type": "task", "id": name} for name in ("a", "b")]})

    async with serving(handle) as url, DevRevClient("a-test-token", base_url=url, max_retries=0) as client:
        export = client.works.export_all()
        assert [work.id async for work in export] == ["a", "b"]
    assert export.report.requests == 2


async def test_pages_side_by_side_cost_no_more() -> None:
    with run_in_thread(Sandbox(works=30_000, seed=4)) as sandbox:
        async with DevRevClient(sandbox.token, base_url=sandbox.url) as client:
            export = client.works.export_all(max_parallel=4)
            assert sum([len(batch) async for batch in export.raw_batches()]) == 30_000
        asked = [request.path for request in sandbox.requests]
    assert asked.count("/works.count") == 2
    assert len(asked) <= floor(least(30_000) * 1.05) + 2
    assert export.report.works + export.report.duplicates <= 1.1 * 30_000 + 100


@pytest.mark.parametrize(("works", "stop"), [(3000, 1000), (12_000, 6000), (12_000, 7300), (17_000, 2000)])
async def test_what_is_left_of_an_interrupted_export_costs_no_more_than_by_itself(works: int, stop: int) -> None:
    with run_in_thread(Sandbox(works=works, seed=2)) as sandbox:
        async with DevRevClient(sandbox.token, base_url=sandbox.url) as client:
            async with client.works.export_all() as interrupted:
                async for _ in interrupted.raw_batches(100):
                    if interrupted.report.works >= stop:
                        break
            export = client.works.export_all(resume=interrupted.checkpoint)
            left = sum([len(batch) async for batch in export.raw_batches()])
    assert left == works - interrupted.report.works == export.report.expected
    assert export.report.requests <= floor(least(left) * 1.05) + 2
    assert left + export.report.duplicates <= 1.1 * left + 100


async def test_filters_and_a_range_of_dates_cost_no_more() -> None:
    with run_in_thread(Sandbox(works=9000, seed=4)) as sandbox:
        async with DevRevClient(sandbox.token, base_url=sandbox.url) as client:
            reports: list[ExportReport] = []
            for type_ in ("issue", "ticket", "task", "opportunity"):
                export = client.works.export_all(type=[type_])
                assert len([work async for work in export]) == sum(f":{type_}/" in name for name in sandbox.ids())
                reports.append(export.report)
    assert [(report.requests, report.duplicates) for report in reports] == [(2, 0)] * 4


@pytest.mark.parametrize(
    "quirks", [Quirks(), Quirks(excludes_after=True), Quirks(excludes_before=True, excludes_after=True)]
)
@pytest.mark.parametrize(("first", "last"), [(0, 6999), (0, 60), (30, 30), (10, 5009), (10, 5010)])
async def test_a_range_that_begins_and_ends_with_a_work_costs_no_more(quirks: Quirks, first: int, last: int) -> None:
    dates = [START + timedelta(hours=number) for number in range(7000)]
    works = [{"type": "task", "title": "T", "created_date": date.isoformat()} for date in dates]
    with run_in_thread(Sandbox(works=works, quirks=quirks)) as sandbox:
        async with DevRevClient(sandbox.token, base_url=sandbox.url) as client:
            export = client.works.export_all(created_date=DateRange(after=dates[first], before=dates[last]))
            found = {work.created_date async for work in export}
    count, report = last - first + 1, export.report
    assert found == set(dates[first : last + 1])
    assert report.works == report.expected == count
    assert report.requests <= (2 if count <= 5000 else floor(least(count) * 1.05) + 2)
    assert report.duplicates <= (0 if count <= 5000 else 0.1 * count + 100)


@pytest.mark.parametrize("matching", [0, 1, 37])
async def test_filters_that_match_few_take_one_page_and_one_count(matching: int) -> None:
    with run_in_thread(Sandbox(works=3000, seed=4)) as sandbox:
        for _ in range(matching):
            sandbox.add({"type": "task", "title": "rare", "stage": {"name": "rarely"}})
        async with DevRevClient(sandbox.token, base_url=sandbox.url) as client:
            export = client.works.export_all(stage=["rarely"])
            assert len([work async for work in export]) == matching
    assert (export.report.requests, export.report.duplicates) == (2, 0)


@pytest.mark.parametrize("body", ['{"works": null}', '{"works": []}'])
@pytest.mark.parametrize("works", [1, 60, 1000, 5100])
async def test_one_empty_answer_that_the_count_contradicts(works: int, body: str) -> None:
    with run_in_thread(Sandbox(works=works, seed=4)) as sandbox:
        sandbox.fail_next("works.export", status=200, body=body)
        async with DevRevClient(sandbox.token, base_url=sandbox.url) as client:
            export = client.works.export_all()
            ids = [work.id async for work in export]
    assert sorted(map(str, ids)) == sorted(sandbox.ids())
    assert export.report.complete
    assert export.report.requests <= least(works) + 3


@pytest.mark.parametrize("position", [2, *(pytest.param(each, marks=pytest.mark.slow) for each in (3, 4))])
async def test_an_empty_answer_in_the_middle(position: int) -> None:
    with run_in_thread(Sandbox(works=15_100, seed=4)) as sandbox:
        sandbox.fail_next("works.export", status=None, times=position - 1)
        sandbox.fail_next("works.export", status=200, body='{"works": null}')
        async with DevRevClient(sandbox.token, base_url=sandbox.url) as client:
            export = client.works.export_all(max_parallel=1)
            ids = [work.id async for batch in export.batches() for work in batch]
        assert sum(request.endpoint == "works.export" for request in sandbox.requests) > position
    assert sorted(map(str, ids)) == sorted(sandbox.ids())
    assert export.report.complete


@pytest.mark.parametrize("times", [2, 3, 4, 10])
@pytest.mark.parametrize("works", [60, 1000])
async def test_repeated_empty_answers_never_make_a_complete_export_of_nothing(works: int, times: int) -> None:
    with run_in_thread(Sandbox(works=works, seed=4)) as sandbox:
        sandbox.fail_next("works.export", status=200, body='{"works": null}', times=times)
        async with DevRevClient(sandbox.token, base_url=sandbox.url) as client:
            export = client.works.export_all()
            try:
                ids = [work.id async for work in export]
            except IncompleteExportError as error:
                assert error.report is export.report
                assert not export.report.complete
            else:
                assert sorted(map(str, ids)) == sorted(sandbox.ids())


@pytest.mark.parametrize(("cap", "most"), [(100, 1.0), (60, 1.0), (50, 2.0)])
async def test_a_server_that_caps_and_sorts_is_listed_only_where_that_takes_fewer_requests(
    cap: int, most: float
) -> None:
    with run_in_thread(Sandbox(works=1200, seed=4, quirks=Quirks(cap=cap))) as sandbox:
        async with DevRevClient(sandbox.token, base_url=sandbox.url) as client:
            export = client.works.export_all()
            assert len({work.id async for work in export}) == 1200
        asked = [request.endpoint for request in sandbox.requests]
    assert export.report.works + export.report.duplicates <= (1.1 * most) * 1200 + 100
    assert (asked.count("works.list") > 0) is (most > 1)
    assert len(asked) <= 1.05 * min(1200 // cap, 2 * 1200 // 100) + 4


@pytest.mark.parametrize(("each", "most"), [(450, 12), (300, 17), (100, 14)])
async def test_works_created_at_one_time_by_the_hundred_are_not_listed(each: int, most: int) -> None:
    """A page has too few timestamps to prove the server's order: a page for what fits in it, a count for two of them."""
    times = [(START + timedelta(seconds=number // each)).isoformat() for number in range(2700)]
    works = [{"type": "task", "title": "T", "created_date": time} for time in times]
    with run_in_thread(Sandbox(works=works, quirks=Quirks(cap=500))) as sandbox:
        async with DevRevClient(sandbox.token, base_url=sandbox.url) as client:
            export = client.works.export_all()
            ids = [str(work.id) async for work in export]
        asked = [request.endpoint for request in sandbox.requests]
    assert sorted(ids) == sorted(sandbox.ids())
    assert "works.list" not in asked
    assert len(asked) <= most


async def test_more_works_on_one_timestamp_than_fit_a_page_take_two_passes_of_works_list() -> None:
    tied = [{"type": "task", "title": f"T{n}", "created_date": "2024-02-01T10:00:00.123Z"} for n in range(5300)]
    with run_in_thread(Sandbox(works=tied)) as sandbox:
        async with DevRevClient(sandbox.token, base_url=sandbox.url) as client:
            export = client.works.export_all()
            ids = [work.id async for work in export]
        asked = [request.endpoint for request in sandbox.requests]
    assert len(set(ids)) == len(ids) == 5300
    assert asked.count("works.list") == 2 * 53
    assert len(asked) - 2 * 53 <= 3  # a page, a count, and the other end if the count was there first
    assert export.report.proofs["list"] == 5300
