"""The stream through a real Spark session: what changed arrives, run after run, at least once."""

from __future__ import annotations

from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from pyspark.errors import PySparkException

from devrev_async.sandbox import Sandbox
from devrev_async.sandbox.server import run_in_thread

pytestmark = pytest.mark.timeout(400)  # Spark starts an interpreter for each step of a query


def run_once(spark: Any, frame: Any, place: Path) -> list[str]:
    """One run with `availableNow`; returns the ids that its batches brought."""
    ids: list[str] = []

    def keep(batch: Any, _: int) -> None:
        ids.extend(row.id for row in batch.select("id").collect())

    query = (
        frame.writeStream.foreachBatch(keep).option("checkpointLocation", str(place)).trigger(availableNow=True).start()
    )
    query.awaitTermination()
    return ids


def texts(place: Path) -> str:
    return "".join(file.read_text(errors="replace") for file in place.rglob("*") if file.is_file())


def test_what_changed_arrives_run_after_run(spark: Any, tmp_path: Path) -> None:
    with run_in_thread(Sandbox(works=300, seed=4)) as sandbox:
        options = {"token": sandbox.token, "baseUrl": sandbox.url, "overlapSeconds": "0"}
        frame = spark.readStream.format("devrev").options(**options).load()
        assert frame.isStreaming
        assert sandbox.request_count == 0
        first = run_once(spark, frame, tmp_path)
        assert sorted(first) == sorted(sandbox.ids())
        changed = sandbox.ids()[:3]
        for id in changed:
            sandbox.update(id, {"title": "changed"})
        # the clock counts whole seconds: what changed in the running one is read by the run after
        later = [run_once(spark, frame, tmp_path) for _ in range(2)]
        assert set(changed) == {id for ids in later for id in ids}
        assert sandbox.token not in texts(tmp_path)


@pytest.mark.skipif(find_spec("pyspark.sql.streaming.datasource") is None, reason="Spark 4.2 asks sources for it")
def test_a_run_after_a_crash_repeats_its_batch_and_goes_on(spark: Any, tmp_path: Path) -> None:
    def crash(batch: Any, _: int) -> None:
        batch.collect()
        raise RuntimeError

    with run_in_thread(Sandbox(works=50, seed=4)) as sandbox:
        options = {"token": sandbox.token, "baseUrl": sandbox.url, "overlapSeconds": "0"}
        frame = spark.readStream.format("devrev").schema("id string").options(**options).load()
        writer = frame.writeStream.foreachBatch(crash).option("checkpointLocation", str(tmp_path))
        with pytest.raises(PySparkException):
            writer.trigger(availableNow=True).start().awaitTermination()
        sandbox.clock.advance(timedelta(minutes=5))
        sandbox.update(sandbox.ids()[0], {"title": "changed meanwhile"})
        sandbox.clock.advance(timedelta(minutes=5))
        assert sorted(run_once(spark, frame, tmp_path)) == sorted(sandbox.ids())


def test_a_schema_and_filters(spark: Any, tmp_path: Path) -> None:
    with run_in_thread(Sandbox(works=100, seed=4)) as sandbox:
        options = {"token": sandbox.token, "baseUrl": sandbox.url, "filters": '{"type": ["ticket"]}'}
        frame = spark.readStream.format("devrev").schema("id string, type string").options(**options).load()
        ids = run_once(spark, frame, tmp_path)
        assert sorted(ids) == sorted(id for id in sandbox.ids() if sandbox.get(id)["type"] == "ticket")


def test_the_overlap_repeats_what_came_before(spark: Any, tmp_path: Path) -> None:
    with run_in_thread(Sandbox(works=0)) as sandbox:
        work = sandbox.add({"type": "task", "title": "seen twice"})
        options = {"token": sandbox.token, "baseUrl": sandbox.url, "overlapSeconds": "3600"}
        frame = spark.readStream.format("devrev").schema("id string").options(**options).load()
        runs = [run_once(spark, frame, tmp_path) for _ in range(3)]
        assert work in [id for ids in runs[:2] for id in ids]
        assert work in runs[2]


def test_filters_that_changes_refuses(spark: Any, sandbox: Sandbox, tmp_path: Path) -> None:
    before = sandbox.request_count
    filters = '{"modified_date": {"after": "2024-01-01T00:00:00Z"}}'
    options = {"token": sandbox.token, "baseUrl": sandbox.url, "filters": filters}
    frame = spark.readStream.format("devrev").options(**options).load()
    with pytest.raises(PySparkException, match="modified_date"):
        run_once(spark, frame, tmp_path)
    assert sandbox.request_count == before
