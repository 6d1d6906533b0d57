"""Options, schemas and plans of the data source, without a session: what Spark calls, called as Spark does."""

from __future__ import annotations

import inspect
import logging
import pickle
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pyspark.sql.datasource import CaseInsensitiveDict
from pyspark.sql.pandas.types import to_arrow_schema
from pyspark.sql.types import StructType

from devrev_async import ConfigurationError, DateRange, InvalidArgumentError, UnauthorizedError, WorkSlice
from devrev_async.arrow import works_schema
from devrev_async.models import IssueFilter
from devrev_async.sandbox import Quirks, Sandbox
from devrev_async.sandbox.server import run_in_thread
from devrev_async.spark import DevRevDataSource
from devrev_async.spark.options import read_options

TOKEN = "a-token-of-the-tests"


def read(**given: str) -> Any:
    return read_options(CaseInsensitiveDict({"token": TOKEN, "baseUrl": "http://127.0.0.1:1", **given}))


def test_every_option_in_any_case() -> None:
    values = {
        "TOKEN": TOKEN,
        "BASEurl": "http://127.0.0.1:1/",
        "NumPartitions": "7",
        "DEPTH": "None",
        "overlapseconds": "9",
    }
    for given in (values, {name.lower(): value for name, value in values.items()}):
        options = read_options(given)
        assert options.access.base_url == "http://127.0.0.1:1"
        assert (options.partitions, options.depth, options.overlap) == (7, None, timedelta(seconds=9))


def test_what_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEVREV_TOKEN", TOKEN)
    monkeypatch.delenv("DEVREV_BASE_URL", raising=False)
    options = read_options({})
    assert options.access.base_url == "https://api.devrev.ai"
    assert (options.partitions, options.depth, options.overlap) == (None, 1, timedelta(minutes=5))
    assert options.filters == {}
    monkeypatch.delenv("DEVREV_TOKEN")
    with pytest.raises(ConfigurationError, match="DEVREV_TOKEN"):
        read_options({})


def test_filters_are_the_json_of_the_keyword_arguments() -> None:
    text = """{"type": ["issue"], "created_date": {"after": "2024-01-01T00:00:00Z"},
        "issue": {"actual_start_date": {"type": "range", "before": "2025-01-01T00:00:00+02:00"}},
        "modified_date": {"type": "preset", "preset_type": "last_n_days", "days": 7},
        "custom_fields": {"after": ["x"]}, "stage": {"name": ["triage"]}}"""
    filters = read(filters=text).filters
    assert filters["created_date"] == DateRange(after=datetime(2024, 1, 1, tzinfo=UTC))
    (bounds,) = filters["issue"].values()
    assert bounds == DateRange(before=datetime(2024, 12, 31, 22, tzinfo=UTC))
    assert IssueFilter(**filters["issue"])
    assert filters["custom_fields"] == {"after": ["x"]}
    assert filters["stage"] == {"name": ["triage"]}


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("tokn", "x", "did you mean 'token'"),
        ("base_url", "http://127.0.0.1:1", "did you mean 'baseUrl'"),
        ("partitions", "3", "did you mean 'numPartitions'"),
        ("filter", "{}", "did you mean 'filters'"),
        ("path", "x", "did you mean"),
        ("provider", "devrev", "CREATE TEMPORARY VIEW"),
        ("numPartitions", "0", "from 1"),
        ("numPartitions", "many", "from 1"),
        ("numPartitions", "2.5", "from 1"),
        ("numPartitions", "", "from 1"),
        ("depth", "0", "at least 1"),
        ("depth", "deep", "at least 1"),
        ("overlapSeconds", "-1", "from 0"),
        ("filters", "type=ticket", "JSON object"),
        ("filters", '{"type":' + "[" * 100_000, "JSON object"),
        ("filters", '["ticket"]', "JSON object"),
        ("filters", '{"created_date": {"after": "2024-01-01"}}', "created_date"),
        ("filters", '{"created_date": {"after": "2024-01-01T00:00:00"}}', "created_date"),
        ("filters", '{"created_date": {"after": "2024-02-01T00:00:00Z", "before": "2024-01-01T00:00:00Z"}}', "later"),
        ("filters", '{"type": "ticket"}', "type"),
        ("baseUrl", "", "base_url"),
        ("baseUrl", "http://example.com", "https"),
        ("token", "", "empty"),
        ("token", "two words", "white space"),
    ],
)
def test_a_mistaken_option(name: str, value: str, message: str) -> None:
    with pytest.raises((InvalidArgumentError, ConfigurationError, TypeError), match=message) as caught:
        read(**{name: value})
    assert TOKEN not in str(caught.value)
    if name == "token" and value:
        assert value not in str(caught.value)


def test_a_filter_that_no_query_has() -> None:
    for name in ("typ", "first", "sort_by"):
        with pytest.raises(TypeError, match=name):
            read(filters=f'{{"{name}": ["x"]}}')


@pytest.fixture(scope="module")
def small() -> Iterator[Sandbox]:
    with run_in_thread(Sandbox(works=400, seed=3)) as sandbox:
        yield sandbox


def source_of(sandbox: Sandbox, **given: str) -> DevRevDataSource:
    return DevRevDataSource({"token": sandbox.token, "baseurl": sandbox.url, **given})


def compared(schema: StructType) -> Any:
    """What Spark compares the schema of batches with; the releases before 4.3 know of no time zone here."""
    newer = "timezone" in inspect.signature(to_arrow_schema).parameters
    return to_arrow_schema(schema, timezone="UTC") if newer else to_arrow_schema(schema)


def schema_of(**columns: str) -> StructType:
    schema = StructType()
    for name, kind in columns.items():
        schema = schema.add(name, kind)
    return schema


@pytest.mark.parametrize("depth", [1, 2, None])
def test_the_schema_is_that_of_arrow(small: Sandbox, depth: int | None) -> None:
    schema = source_of(small, depth=str(depth)).schema()
    assert compared(schema).equals(works_schema(depth=depth))


def test_batches_have_the_schema_that_spark_compares(small: Sandbox) -> None:
    source = source_of(small, numPartitions="1")
    whole = source.schema()
    few = StructType([field for field in reversed(whole.fields) if field.name in ("title", "stage", "tags")])
    for schema in (whole, few):
        reader = pickle.loads(pickle.dumps(source)).reader(schema)
        (partition,) = reader.partitions()
        batches = list(pickle.loads(pickle.dumps(reader)).read(partition))
        assert sum(batch.num_rows for batch in batches) == 400
        assert all(batch.schema.equals(compared(schema)) for batch in batches)


@pytest.mark.parametrize(
    ("columns", "message"),
    [({"ttle": "string"}, "did you mean 'title'"), ({"title": "integer"}, "'title' is string, not int")],
)
def test_a_schema_that_works_do_not_have(small: Sandbox, columns: dict[str, str], message: str) -> None:
    before = small.request_count
    with pytest.raises(InvalidArgumentError, match=message):
        source_of(small).reader(schema_of(id="string", **columns))
    assert small.request_count == before


def test_partitions_are_slices_and_the_plan_is_logged(small: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    source, before = source_of(small, numPartitions="4"), small.request_count
    with caplog.at_level(logging.INFO, "devrev_async.spark"):
        partitions = source.reader(source.schema()).partitions()
    sent = small.request_count - before
    assert [type(partition.value) for partition in partitions] == [WorkSlice] * 4
    assert f"4 slices of about 400 works, planned with {sent} requests" in caplog.text
    assert small.token not in caplog.text
    assert all(small.token.encode() not in pickle.dumps(partition) for partition in partitions)


def test_a_token_that_is_refused_costs_one_request(small: Sandbox) -> None:
    source = DevRevDataSource({"token": "refused-as-it-is", "baseurl": small.url, "numpartitions": "8"})
    before = small.request_count
    with pytest.raises(UnauthorizedError):
        source.reader(source.schema()).partitions()
    assert small.request_count == before + 1


@pytest.mark.parametrize("quirks", [Quirks(missing_endpoints=("works.count",)), Quirks(count_cap=50)])
def test_servers_that_do_not_count(quirks: Quirks) -> None:
    with run_in_thread(Sandbox(works=150, seed=2, quirks=quirks)) as sandbox:
        source = source_of(sandbox, numPartitions="4")
        reader = source.reader(schema_of(id="string"))
        (partition,) = reader.partitions()
        ids = [id for batch in reader.read(partition) for id in batch.column("id").to_pylist()]
        assert sorted(ids) == sorted(sandbox.ids())


def test_a_reading_that_is_left_early_is_closed(small: Sandbox) -> None:
    reader = source_of(small, numPartitions="1").reader(schema_of(id="string"))
    (partition,) = reader.partitions()
    batches: Any = reader.read(partition)
    assert next(batches).num_rows == 400
    batches.close()
    assert small.requests_in_flight == 0


def test_there_is_no_push_filters(small: Sandbox) -> None:
    """Spark compares just this, and with it, keeps the plan of one filter for queries with another."""
    source = source_of(small)
    kinds = type(source.reader(source.schema())).__mro__
    own = [kind for kind in kinds if kind.__module__.startswith("devrev_async")]
    assert own
    assert not any("pushFilters" in vars(kind) for kind in own)


def test_the_token_is_in_no_attribute_and_no_repr(small: Sandbox) -> None:
    source = source_of(small)
    reader = source.reader(source.schema())
    shown = f"{source!r} {vars(source)} {reader!r} {vars(reader)} {source._options} {source.options}"
    assert small.token not in shown
    assert small.token.encode() in pickle.dumps(reader)  # this is how workers get it
