"""Works through a real Spark session: partitions are slices, each action an export, and nothing is lost or shown."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from pyspark.errors import PySparkException
from pyspark.sql.functions import col

from devrev_async.sandbox import Quirks, Sandbox
from devrev_async.sandbox.server import run_in_thread

from .conftest import TOKEN_OF_THE_ENVIRONMENT

pytestmark = pytest.mark.timeout(400)  # Spark starts an interpreter for each step of a query

WORKS = 1500


def works(sandbox: Sandbox) -> list[dict[str, Any]]:
    return [sandbox.get(id) for id in sandbox.ids()]


def test_all_works_to_parquet(spark: Any, reader: Any, sandbox: Sandbox, tmp_path: Path) -> None:
    frame = reader.option("numPartitions", 4).load()
    assert frame.rdd.getNumPartitions() == 4
    frame.write.parquet(str(tmp_path / "works"))
    written = spark.read.parquet(str(tmp_path / "works"))
    rows = written.select("id", "title", "created_date", "tags").collect()
    truth = {work["id"]: work for work in works(sandbox)}
    assert len(rows) == len({row.id for row in rows}) == WORKS
    for row in rows:
        assert row.title == truth[row.id]["title"]
        assert len(row.tags or ()) == len(truth[row.id].get("tags", ()))
        there = datetime.fromisoformat(truth[row.id]["created_date"])
        assert row.created_date.timestamp() == pytest.approx(there.timestamp(), abs=1e-6)


def test_loading_costs_no_request(reader: Any, sandbox: Sandbox) -> None:
    before = sandbox.request_count
    frame = reader.option("NUMPARTITIONS", "2").option("Depth", "2").load()
    assert "stage" in frame.columns
    assert frame.schema["created_date"].dataType.simpleString() == "timestamp"
    assert sandbox.request_count == before


def test_two_filters_and_two_actions_on_one_frame(spark: Any, reader: Any, sandbox: Sandbox) -> None:
    """With `pushFilters`, Spark would use the plan of the first filter for the later ones."""
    truth = works(sandbox)
    frame = reader.option("numPartitions", 2).load()
    spark.conf.set("spark.sql.python.filterPushdown.enabled", "true")
    try:
        for kind in ("task", "opportunity"):
            wanted = sum(work["type"] == kind for work in truth)
            assert frame.filter(col("type") == kind).count() == wanted > 0
        assert frame.count() == WORKS
        before = sandbox.request_count
        assert frame.count() == WORKS
        assert sandbox.request_count > before  # an export of its own
        both = frame.filter(col("type") == "task").union(frame.filter(col("type") == "ticket"))
        assert both.count() == sum(work["type"] in ("task", "ticket") for work in truth)
    finally:
        spark.conf.unset("spark.sql.python.filterPushdown.enabled")


def test_a_schema_names_the_columns(reader: Any, sandbox: Sandbox) -> None:
    frame = reader.schema("title string, id string, modified_date timestamp").load()
    rows = frame.collect()
    assert frame.columns == ["title", "id", "modified_date"]
    assert {row.id: row.title for row in rows} == {work["id"]: work["title"] for work in works(sandbox)}


def test_filters_narrow_the_export(reader: Any, sandbox: Sandbox) -> None:
    filters = (
        '{"type": ["ticket"], "created_date": {"after": "2023-01-01T00:00:00Z", "before": "2024-06-30T00:00:00+02:00"}}'
    )
    rows = reader.option("filters", filters).option("numPartitions", 2).load().select("id").collect()
    low, high = datetime.fromisoformat("2023-01-01T00:00:00Z"), datetime.fromisoformat("2024-06-30T00:00:00+02:00")
    wanted = [
        work["id"]
        for work in works(sandbox)
        if work["type"] == "ticket" and low <= datetime.fromisoformat(work["created_date"]) <= high
    ]
    assert sorted(row.id for row in rows) == sorted(wanted)
    assert wanted


def test_sql(spark: Any, sandbox: Sandbox) -> None:
    spark.sql(
        f"create temporary view devrev_works using devrev options (token '{sandbox.token}', baseUrl '{sandbox.url}')"
    )
    (row,) = spark.sql("select count(*) n, count(distinct id) ids from devrev_works").collect()
    assert (row.n, row.ids) == (WORKS, WORKS)
    before = sandbox.request_count
    with pytest.raises(PySparkException, match="CREATE TEMPORARY VIEW"):
        spark.sql(f"create table devrev_works using devrev options (token '{sandbox.token}', baseUrl '{sandbox.url}')")
    assert sandbox.request_count == before


def test_a_mistaken_option_is_an_error_of_load(reader: Any, sandbox: Sandbox) -> None:
    before = sandbox.request_count
    with pytest.raises(PySparkException, match="unknown option 'base_url'; did you mean 'baseUrl'") as caught:
        reader.option("base_url", "http://127.0.0.1:1").load()
    assert sandbox.request_count == before
    assert sandbox.token not in str(caught.value)


def test_a_bad_token_costs_one_request(spark: Any, sandbox: Sandbox) -> None:
    before = sandbox.request_count
    bad = "a-token-that-is-refused"
    frame = spark.read.format("devrev").options(token=bad, baseUrl=sandbox.url, numPartitions=8).load()
    with pytest.raises(PySparkException, match="401") as caught:
        frame.count()
    assert sandbox.request_count == before + 1
    assert bad not in str(caught.value)


def test_the_token_of_the_driver(spark: Any) -> None:
    with run_in_thread(Sandbox(works=20, token=TOKEN_OF_THE_ENVIRONMENT)) as sandbox:
        assert spark.read.format("devrev").option("baseUrl", sandbox.url).load().count() == 20


def test_a_task_that_fails_is_tried_again(reader: Any, sandbox: Sandbox) -> None:
    frame = reader.option("numPartitions", 1).schema("id string").load()
    sandbox.fail_next("works.export", status=400, times=1)
    rows = frame.collect()
    assert sorted(row.id for row in rows) == sorted(sandbox.ids())


def test_a_task_that_dies_midway_changes_nothing(spark: Any) -> None:
    with run_in_thread(Sandbox(works=3000, seed=6, quirks=Quirks(cap=500))) as sandbox:
        options = {"token": sandbox.token, "baseUrl": sandbox.url, "numPartitions": "1"}
        frame = spark.read.format("devrev").schema("id string").options(**options).load()
        pages: list[object] = []

        def heard(request: object) -> None:
            pages.append(request)
            if len(pages) == 4:
                sandbox.fail_next("works.export", status=403)  # a 400 would send it to works.list

        sandbox.on_request(heard, "works.export")
        ids = [row.id for row in frame.collect()]
        assert sorted(ids) == sorted(sandbox.ids())
        assert len(pages) > 8  # of two attempts


def test_a_query_that_ends_early(reader: Any, sandbox: Sandbox) -> None:
    frame = reader.option("numPartitions", 1).schema("id string").load()
    assert len(frame.take(2)) == 2
    assert frame.count() == WORKS


def test_no_plan_shows_the_token(reader: Any, sandbox: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    frame = reader.load()
    frame.explain(mode="extended")
    frame.explain(mode="formatted")
    shown = capsys.readouterr().out + frame._jdf.queryExecution().toString()
    assert "devrev" in shown
    assert sandbox.token not in shown
