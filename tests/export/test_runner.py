"""The runner of a complete export, against the planner's model of a server: no sockets."""

from __future__ import annotations

import asyncio
import pickle
import random
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devrev_async import DateRange, IncompleteExportError, Issue, LastDays, NotFoundError, errors
from devrev_async._requests.bodies import query_body
from devrev_async.export.iteration import WorkExport
from devrev_async.export.planner import AtLeast, Request
from devrev_async.export.source import Answer, Endpoint, RawWork
from devrev_async.reports import ExportReport
from devrev_async.sandbox import Quirks
from tests.effort import examples
from tests.export.test_planner import COMMON, SHAPES, START, Item, Model, fill, quirks, with_count, without

if TYPE_CHECKING:
    from collections.abc import Mapping

pytestmark = pytest.mark.anyio


class ModelSource:
    """Answers from the model, in any order; something changes between two answers with the probability `churn`."""

    def __init__(self, model: Model, *, churn: float = 0.0) -> None:
        self.model = model
        self.churn = churn
        self.waited = 0.0
        self.turns = 4
        self.under_way = 0
        self.most = 0
        self.bodies: list[tuple[str, Mapping[str, Any]]] = []
        self.failures: dict[int, errors.DevRevError] = {}
        self.missing: set[str] = set()

    async def page(self, endpoint: Endpoint, body: Mapping[str, Any], *, raw: bool) -> Answer:
        page = self.model.page(await self._arrive(endpoint, body, "list" if endpoint == "works.list" else "export"))
        await self._leave()
        works: list[Any] = [RawWork(item.id.encode(), unknown=False) for item in page.items]
        if not raw:
            works = [Issue(id=item.id, created_date=item.created) for item in page.items]
        return Answer(works, page.keys, page.cursor, bytes=len(works), waited=self.waited)

    async def count(self, body: Mapping[str, Any]) -> int | AtLeast | None:
        request = await self._arrive("works.count", body, "count")
        found = self.model.count(request)
        await self._leave()
        return found

    async def _arrive(self, endpoint: str, body: Mapping[str, Any], kind: Any) -> Request:
        self.bodies.append((endpoint, body))
        number = len(self.bodies)
        if number in self.failures:
            raise self.failures[number]
        if endpoint in self.missing:
            raise NotFoundError("not found", status=404)
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        await self._wait()
        if self.model.rng.random() < self.churn:
            self.model.churn()
        range_ = body.get("created_date") or DateRange()
        descending = body.get("sort_by") == ["created_date:desc"]
        first = body.get("first", 0)
        return Request(kind, number, 0, 0, range_.after, range_.before, descending, body.get("cursor"), first)

    async def _wait(self) -> None:
        for _ in range(self.model.rng.randrange(self.turns)):
            await asyncio.sleep(0)

    async def _leave(self) -> None:
        await self._wait()
        self.under_way -= 1


def model_of(works: int, *, seed: int = 1, shape: str = "spread", how: Quirks | None = None, **more: int) -> Model:
    model = Model(how or Quirks(), random.Random(seed))
    fill(model, works=works, shape=shape, **more)
    return model


def export_of(model: Model, *, churn: float = 0.0, **options: Any) -> tuple[WorkExport, ModelSource]:
    source = ModelSource(model, churn=churn)
    body = query_body(options.pop("filters", {}), {}, method="export_all")
    return WorkExport(source, body, first=model.first, limit=model.limit, **options), source


@settings(COMMON, max_examples=examples(150))
@given(
    seed=st.integers(0, 2**32),
    how=quirks(),
    works=st.one_of(st.integers(0, 30), st.integers(0, 250)),
    shape=st.sampled_from(SHAPES),
    undated=st.sampled_from((0, 0, 2)),
    ties=st.sampled_from((0, 0, 40)),
    churn=st.sampled_from((0.0, 0.05)),
    stops=st.integers(0, 3),
    way=st.sampled_from(("works", "batches", "raw")),
)
async def test_every_work_once_with_interruptions(
    seed: int, how: Quirks, works: int, shape: str, undated: int, ties: int, churn: float, stops: int, way: str
) -> None:
    how = with_count(without(how), "exact")
    model = model_of(works, seed=seed, shape=shape, how=how, undated=undated, ties=ties)
    initial = list(model.items.values())
    rng = random.Random(seed)
    handed: list[str] = []
    checkpoint: str | None = None
    while True:
        export, _ = export_of(model, churn=churn, resume=checkpoint, parallel=rng.choice((1, 2, 4)))
        stop = rng.randrange(works + 1) if stops else None
        try:
            ids, finished = await consume(export, way, stop, size=rng.choice((1, 7, 50)))
        except IncompleteExportError:
            assert churn
            handed = []
            break
        handed += ids
        assert export.report.works == len(ids)
        assert export.report.complete == finished
        if finished:
            check(handed, initial, hidden=undated > 0 and bool(churn))
            break
        stops -= 1
        checkpoint = export.checkpoint
    assert len(handed) == len(set(handed))
    assert not running()


async def consume(export: WorkExport, way: str, stop: int | None, size: int) -> tuple[list[str], bool]:
    """Ids up to about `stop`, and whether that was all."""
    ids: list[str] = []
    async with export:
        if way == "works":
            async for work in export:
                ids.append(str(work.id))
                if len(ids) == stop:
                    return ids, False
        elif way == "batches":
            async for batch in export.batches(size):
                assert 0 < len(batch) <= size
                ids += [str(work.id) for work in batch]
                if stop is not None and len(ids) >= stop:
                    return ids, False
        else:
            async for texts in export.raw_batches(size):
                ids += [text.decode() for text in texts]
                if stop is not None and len(ids) >= stop:
                    return ids, False
    return ids, True


def check(handed: list[str], initial: list[Item], *, hidden: bool) -> None:
    assert len(handed) == len(set(handed))
    expected = {item.id for item in initial if item.throughout and not (hidden and item.created is None)}
    assert not expected - set(handed)


def running() -> list[object]:
    """The requests of exports that are still under way."""
    return [task for task in asyncio.all_tasks() if "ExportRunner" in repr(task.get_coro())]


# --- the runner's own promises ---


async def test_the_report_lives_and_progress_is_told() -> None:
    told: list[tuple[int, int]] = []
    model = model_of(300)

    def tell(report: ExportReport) -> None:
        told.append((report.requests, report.works))

    export, source = export_of(model, on_progress=tell)
    assert export.report == ExportReport()
    seen = 0
    async for work in export:
        seen += 1
        assert isinstance(work, Issue)
        assert export.report.works == seen
        assert not export.report.complete
    report = export.report
    assert report.complete
    assert report.requests == len(source.bodies)
    assert report.works == 300
    assert report.bytes >= 300
    assert report.ranges > 1
    assert report.duplicates >= 0
    assert report.seconds > 0
    assert told == sorted(told)
    assert told[-1] == (report.requests, 300)


async def test_no_more_pages_than_allowed() -> None:
    most: list[int] = []
    model = model_of(1500)
    for seed in range(4):
        model = model_of(1500, seed=seed, how=without(Quirks(), "works.count"))
        export, source = export_of(model, parallel=3)
        assert len([work async for work in export]) == 1500
        most.append(source.most)
    assert max(most) == 3
    export, source = export_of(model, parallel=3)
    async with export:
        async for _ in export:
            for _ in range(200):
                await asyncio.sleep(0)
            break
        assert len(source.bodies) < 10


@pytest.mark.parametrize(
    ("waited", "options", "most"),
    [(0.0, {}, 2), (0.3, {}, 3), (1.0, {}, 6), (1.0, {"parallel": 1}, 1), (0.0, {"parallel": 5}, 5)],
)
async def test_pages_side_by_side_by_how_long_the_first_one_takes(
    waited: float, options: dict[str, int], most: int
) -> None:
    export, source = export_of(model_of(700, how=without(Quirks(), "works.count")), **options)
    source.waited, source.turns = waited, 100
    assert len([work async for work in export]) == 700
    assert source.most == most


@pytest.mark.parametrize("managed", [True, False])
async def test_leaving_early_leaves_nothing_running(managed: bool) -> None:
    export, source = export_of(model_of(2000))
    if managed:
        async with export:
            async for _ in export:
                break
        assert not running()
    else:
        async for _ in export:
            break
        for _ in range(5):
            await asyncio.sleep(0)
        assert not running()
    asked = len(source.bodies)
    await asyncio.sleep(0.01)
    assert len(source.bodies) == asked
    assert not export.report.complete


async def test_cancellation_leaves_nothing_running() -> None:
    export, source = export_of(model_of(2000))

    async def work() -> None:
        async for _ in export:
            await asyncio.sleep(0.001)

    task = asyncio.create_task(work())
    while len(source.bodies) < 4:
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    for _ in range(5):
        await asyncio.sleep(0)
    assert not running()


@pytest.mark.parametrize("number", [1, 3, 4, 6, 20])  # the second one is a count, which may fail
async def test_one_failure_fails_the_export_and_loses_neither_report_nor_checkpoint(number: int) -> None:
    model = model_of(800)
    export, source = export_of(model)
    failure = errors.ServiceUnavailableError("no", status=503)
    failure.attempts = 3
    source.failures[number] = failure
    ids: list[str | None] = []

    async def run() -> None:
        async for work in export:
            ids.append(work.id)

    with pytest.raises(errors.ServiceUnavailableError) as caught:
        await run()
    assert caught.value is failure
    assert not running()
    assert export.report.works == len(ids)
    assert export.report.retries == 2
    assert not export.report.complete
    rest, _ = export_of(model, resume=export.checkpoint)
    ids += [work.id async for work in rest]
    assert sorted(map(str, ids)) == sorted(model.items)


async def test_what_cannot_be_proved() -> None:
    model = model_of(1)
    export, source = export_of(model)
    source.missing = {"works.list", "works.count"}
    with pytest.raises(IncompleteExportError, match="cannot be proved complete") as caught:
        assert [work async for work in export] == []
    assert caught.value.report is export.report
    copy = pickle.loads(pickle.dumps(caught.value))
    assert copy.report == export.report


async def test_a_server_without_list_and_count() -> None:
    model = model_of(500)
    export, source = export_of(model)
    source.missing = {"works.list", "works.count"}
    assert len([work async for work in export]) == 500


async def test_a_server_that_refuses_sort_by() -> None:
    model = model_of(300, how=Quirks(sort_by="random"))
    export, source = export_of(model)
    refusal = errors.BadRequestError("invalid", status=400)
    refusal.field_name = "sort_by"
    source.failures[1] = refusal
    assert len([work async for work in export]) == 300
    assert not any("sort_by" in body for _, body in source.bodies[1:])
    other = errors.BadRequestError("invalid", status=400)
    export, source = export_of(model)
    source.failures[1] = other
    with pytest.raises(errors.BadRequestError):
        assert [work async for work in export] == []


async def test_iterated_once() -> None:
    export, _ = export_of(model_of(5))
    assert len([work async for work in export]) == 5
    with pytest.raises(RuntimeError, match="iterated once"):
        _ = [work async for work in export]
    with pytest.raises(RuntimeError, match="iterated once"):
        _ = [batch async for batch in export.raw_batches()]
    closed, source = export_of(model_of(5))
    await closed.aclose()
    with pytest.raises(RuntimeError):
        _ = [work async for work in closed]
    assert source.bodies == []


async def test_a_batch_size_that_is_no_int_of_at_least_1_is_refused() -> None:
    model = model_of(5)
    for wrong in (0, -1, True, 1.5):
        export, _ = export_of(model)
        with pytest.raises((ValueError, TypeError)):
            export.batches(wrong)  # type: ignore[arg-type]
        with pytest.raises((ValueError, TypeError)):
            export.raw_batches(wrong)  # type: ignore[arg-type]
        with pytest.raises((ValueError, TypeError)):
            export_of(model, parallel=wrong)
    with pytest.raises(ValueError, match="no checkpoint"):
        export_of(model, resume="nonsense")
    checkpoint = export_of(model)[0].checkpoint
    with pytest.raises(ValueError, match="other filters"):
        export_of(model, resume=checkpoint, filters={"type": ["issue"]})


async def test_a_preset_is_fixed_when_the_run_begins() -> None:
    model = model_of(100)
    model.add(datetime.now(UTC) - timedelta(days=1))
    filters = {"created_date": LastDays(7)}
    export, source = export_of(model, filters=filters)
    assert len([work async for work in export]) == 1
    asked = source.bodies[0][1]["created_date"]
    assert abs(asked.after - (datetime.now(UTC) - timedelta(days=7))) < timedelta(minutes=1)
    assert asked.before is None
    again, source = export_of(model, filters=filters, resume=export_of(model, filters=filters)[0].checkpoint)
    assert len([work async for work in again]) == 1
    export, _ = export_of(model, filters={"created_date": LastDays(4294967295)})
    assert len([work async for work in export]) == 101


async def test_the_users_range_holds_on_every_request() -> None:
    model = model_of(800, shape="in order")
    after, before = START + timedelta(seconds=370), START + timedelta(seconds=37 * 700)
    export, source = export_of(model, filters={"created_date": DateRange(after=after, before=before)})
    assert len([work async for work in export]) == 691
    for _, body in source.bodies:
        asked = body["created_date"]
        assert asked.after >= after - timedelta(milliseconds=1)
        assert asked.before <= before + timedelta(seconds=1)
