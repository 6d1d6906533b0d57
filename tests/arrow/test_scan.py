"""`scan_works` in the hands of the real engines: rows, schema, twice, a limit, an error, and nothing left open."""

from __future__ import annotations

import json
import pickle
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Generator
from datetime import UTC, datetime
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from devrev_async import (
    BadRequestError,
    ConfigurationError,
    DateRange,
    DevRevClient,
    DevRevError,
    ForbiddenError,
    InvalidArgumentError,
)
from devrev_async.arrow import WorksConverter, WorksScan, scan_works, works_schema
from devrev_async.sandbox import Quirks, Sandbox, run_in_thread

COUNT = 2300
VARIABLES = ("DEVREV_TOKEN", "DEVREV_API_TOKEN", "DEVREV_API_KEY", "DEVREV_BASE_URL")


@pytest.fixture(scope="module")
def sandbox() -> Generator[Sandbox]:
    with run_in_thread(Sandbox(works=COUNT, seed=11)) as running:
        yield running


@pytest.fixture(autouse=True)
def nothing_is_left(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Generator[None]:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    before = threading.enumerate()
    yield
    assert threading.enumerate() == before
    deadline = time.monotonic() + 10  # the server notices a little later
    while sandbox.open_connections and time.monotonic() < deadline:
        time.sleep(0.001)
    assert sandbox.open_connections == 0


@pytest.fixture
def scan(sandbox: Sandbox) -> WorksScan:
    return scan_works(sandbox.token, base_url=sandbox.url)


@pytest.fixture(scope="module")
def truth(sandbox: Sandbox) -> list[dict[str, Any]]:
    """Every row, by id."""
    with DevRevInThread(sandbox) as works:
        rows: list[dict[str, Any]] = WorksConverter().convert(works).to_pylist()
    return sorted(rows, key=lambda row: row["id"])


class DevRevInThread:
    """All works of a sandbox, fetched by an ordinary client."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    def __enter__(self) -> list[Any]:
        import asyncio

        async def fetch() -> list[Any]:
            async with DevRevClient(self._sandbox.token, base_url=self._sandbox.url) as devrev:
                return [work async for work in devrev.works.export_all()]

        return asyncio.run(fetch())

    def __exit__(self, *error: object) -> None:
        pass


def by_id(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: row["id"])


def exports(sandbox: Sandbox) -> int:
    """Readings so far: each counts the works once."""
    return sum(request.endpoint == "works.count" for request in sandbox.requests)


# --- what is read ---


def test_pyarrow_reads_every_row_and_column(scan: WorksScan, truth: list[dict[str, Any]]) -> None:
    table = pa.table(scan)
    assert table.schema.equals(works_schema(), check_metadata=True)
    assert table.schema.equals(scan.schema, check_metadata=True)
    assert by_id(table.to_pylist()) == truth


def test_a_reader_is_one_of_pyarrow_and_reads_batches_of_a_thousand(scan: WorksScan) -> None:
    reader = scan.reader()
    assert isinstance(reader, pa.RecordBatchReader)
    assert reader.schema.equals(scan.schema, check_metadata=True)
    sizes = [batch.num_rows for batch in reader]
    assert sizes == [1000, 1000, 300]
    assert list(reader) == []


def test_duckdb(sandbox: Sandbox, scan: WorksScan, truth: list[dict[str, Any]]) -> None:
    query = "select type, stage.name, count(*) from scan group by all order by all"
    counts: dict[tuple[str, str], int] = {}
    for row in truth:
        counts[row["type"], row["stage"]["name"]] = counts.get((row["type"], row["stage"]["name"]), 0) + 1
    with duckdb.connect() as connection:
        wanted = [(*key, count) for key, count in sorted(counts.items())]
        assert connection.sql(query).fetchall() == wanted
        before = exports(sandbox)
        assert connection.sql(query).fetchall() == wanted
        assert exports(sandbox) == before + 1
        rows = connection.sql("select id, title, created_date, owned_by, custom_fields from scan").to_arrow_table()
        fields = ("id", "title", "created_date", "owned_by", "custom_fields")
        assert by_id(rows.to_pylist()) == [{name: row[name] for name in fields} for row in truth]
        texts = connection.sql("select custom_fields->>'tnt__none' from scan limit 1").fetchall()
        assert texts == [(None,)]
        joined = connection.sql("select count(*) from scan a join scan b using (id)").fetchall()
        assert joined == [(COUNT,)]


def test_duckdb_reads_a_reader_once(scan: WorksScan) -> None:
    reader = scan.reader()
    with duckdb.connect() as connection:
        assert connection.sql("select count(distinct id) from reader").fetchall() == [(COUNT,)]
    del reader


def test_polars(sandbox: Sandbox, scan: WorksScan, truth: list[dict[str, Any]]) -> None:
    frame = pl.DataFrame(scan)
    assert frame.columns == works_schema().names
    assert frame.schema["created_date"] == pl.Datetime("us", "UTC")
    assert by_id(frame.to_dicts()) == truth
    before = exports(sandbox)
    again = pl.DataFrame(scan).group_by("type").len().sort("type").to_dicts()
    assert exports(sandbox) == before + 1
    assert sum(row["len"] for row in again) == COUNT


def test_polars_lazily(scan: WorksScan) -> None:
    assert pl.scan_arrow_c_stream(scan).select(pl.len()).collect().item() == COUNT
    assert pl.scan_arrow_c_stream(scan).select("id").head(5).collect().height == 5


def test_pandas(scan: WorksScan, truth: list[dict[str, Any]]) -> None:
    frame = pandas_frame(scan)
    assert list(frame.columns) == works_schema().names
    assert sorted(frame["id"]) == [row["id"] for row in truth]
    arrow = scan.reader().read_pandas(types_mapper=pd.ArrowDtype)
    assert arrow["created_date"].dtype == pd.ArrowDtype(pa.timestamp("us", tz="UTC"))
    dates = {row["id"]: row["created_date"] for row in truth}
    assert {id: date.to_pydatetime() for id, date in zip(arrow["id"], arrow["created_date"], strict=True)} == dates


def test_columns_depth_and_filters(sandbox: Sandbox, truth: list[dict[str, Any]]) -> None:
    wanted: Any = {"columns": ["stage", "id"], "depth": None, "type": ["ticket"], "stage": ["queued"]}
    scan = scan_works(sandbox.token, base_url=sandbox.url, **wanted)
    table = pa.table(scan)
    assert table.schema.equals(works_schema(["stage", "id"], depth=None), check_metadata=True)
    ids = [row["id"] for row in truth if row["type"] == "ticket" and row["stage"]["name"] == "queued"]
    assert sorted(table.column("id").to_pylist()) == ids
    assert ids


def test_no_works_are_an_empty_table(sandbox: Sandbox) -> None:
    scan = scan_works(sandbox.token, base_url=sandbox.url, external_ref=["none has it"])
    assert pa.table(scan).num_rows == 0
    assert pl.DataFrame(scan).shape == (0, 57)
    with duckdb.connect() as connection:
        assert connection.sql("select count(*) from scan").fetchall() == [(0,)]
    assert pandas_frame(scan).shape == (0, 57)


def test_an_engine_may_ask_for_other_types(scan: WorksScan) -> None:
    schema = pa.schema([(field.name, pa.large_string() if field.name == "id" else field.type) for field in scan.schema])
    table = pa.RecordBatchReader.from_stream(scan, schema=schema).read_all()
    assert table.schema.field("id").type == pa.large_string()
    assert table.num_rows == COUNT


async def _reads(scan: WorksScan) -> int:
    rows: int = pa.table(scan).num_rows
    return rows


@pytest.mark.anyio
async def test_it_works_where_a_loop_is_running(anyio_backend: str, scan: WorksScan) -> None:
    assert await _reads(scan) == COUNT


def test_filters_are_those_of_the_call(sandbox: Sandbox) -> None:
    types = ["task"]
    scan = scan_works(sandbox.token, base_url=sandbox.url, columns=["type"], type=types)
    types[0] = "issue"
    assert set(pa.table(scan).column("type").to_pylist()) == {"task"}


# --- lazy ---


def test_nothing_is_sent_before_the_first_batch(sandbox: Sandbox, scan: WorksScan) -> None:
    before = sandbox.request_count
    assert len(scan.schema) == 57
    reader = scan.reader()
    assert len(reader.schema) == 57
    stream = scan.__arrow_c_stream__()
    assert pa.schema(reader.schema) == scan.schema
    del stream, reader
    assert sandbox.request_count == before


def test_every_reading_is_an_export_of_its_own(sandbox: Sandbox) -> None:
    with run_in_thread(Sandbox(works=3, seed=1)) as small:
        scan = scan_works(small.token, base_url=small.url, columns=["id"])
        assert pa.table(scan).num_rows == 3
        small.add({"type": "task", "title": "new"})
        assert pa.table(scan).num_rows == 4


# --- ending early ---


@pytest.fixture(scope="module")
def limited() -> Generator[Sandbox]:
    with run_in_thread(Sandbox(works=12_000, seed=4)) as running:
        yield running


def test_a_limit_ends_the_export(limited: Sandbox) -> None:
    with duckdb.connect() as connection:
        connection.register("works", scan_works(limited.token, base_url=limited.url))
        assert len(connection.sql("select id from works limit 5").fetchall()) == 5
        assert not any(thread.name == "devrev-async scan" for thread in threading.enumerate())
    while limited.open_connections:
        time.sleep(0.001)


def test_a_reader_that_is_closed_ends_the_export(scan: WorksScan) -> None:
    reader = scan.reader()
    assert next(iter(reader)).num_rows == 1000
    assert any(thread.name == "devrev-async scan" for thread in threading.enumerate())
    reader.close()
    assert not any(thread.name == "devrev-async scan" for thread in threading.enumerate())
    with pytest.raises(ValueError, match="closed"):
        reader.read_next_batch()
    with scan.reader() as another:
        another.read_next_batch()
    assert not any(thread.name == "devrev-async scan" for thread in threading.enumerate())


def test_a_reader_that_is_dropped_ends_the_export(scan: WorksScan) -> None:
    for _ in scan.reader():
        break
    with pytest.raises(ZeroDivisionError):
        for batch in scan.reader():
            _ = batch.num_rows / 0


def test_a_reader_that_was_never_read(scan: WorksScan) -> None:
    scan.reader().close()
    with scan.reader():
        pass


EXITS = """
import sys
from devrev_async.arrow import scan_works
reader = scan_works(sys.argv[1], base_url=sys.argv[2]).reader()
assert reader.read_next_batch().num_rows == 1000
print("read", flush=True)
"""


@pytest.mark.parametrize(
    ("ending", "code"),
    [
        pytest.param("", 0, marks=pytest.mark.slow),
        pytest.param("sys.exit(3)", 3, marks=pytest.mark.slow),
        ("keep = [reader]; keep.append(keep); del reader", 0),
    ],
)
def test_the_interpreter_may_exit_in_the_middle(sandbox: Sandbox, ending: str, code: int) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", EXITS + ending, sandbox.token, sandbox.url],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout, done.stderr) == (code, "read\n", "")


WAITS = """
import signal, sys
from devrev_async.arrow import scan_works
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell starts what runs in its background with it ignored
try:
    scan_works(sys.argv[1], base_url=sys.argv[2]).reader().read_all()
except KeyboardInterrupt:
    import threading
    # a library may be on the way in; nothing ends an import
    print([thread.name for thread in threading.enumerate() if "import" not in thread.name])
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGINT to send")
def test_ctrl_c_ends_a_reading_that_waits_for_the_server() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        command = [sys.executable, "-W", "error", "-c", WAITS, "token", url]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as reading:
            connection, _ = silent.accept()
            with connection:
                assert connection.recv(1)
                reading.send_signal(signal.SIGINT)
                out, _ = reading.communicate(timeout=60)
    assert (reading.returncode, out) == (0, "['MainThread']\n")


# --- errors ---


@pytest.fixture
def failing(sandbox: Sandbox) -> Generator[WorksScan]:
    """One page comes, what is after it is refused."""
    with run_in_thread(Sandbox(works=1500, seed=2, quirks=Quirks(cap=300))) as refusing:
        refusing.fail_next("works.export", status=None)
        refusing.fail_next("works.export", status=403, times=10_000)
        refusing.fail_next("works.list", status=403, times=10_000)
        yield scan_works(refusing.token, base_url=refusing.url)


def pyarrow_table(scan: WorksScan) -> object:
    return pa.table(scan)


def duckdb_query(scan: WorksScan) -> object:
    with duckdb.connect() as connection:
        return connection.sql("select count(*) from scan").fetchall()


def polars_frame(scan: WorksScan) -> object:
    return pl.DataFrame(scan)


def pandas_frame(scan: WorksScan) -> Any:
    if hasattr(pd.DataFrame, "from_arrow"):
        return pd.DataFrame.from_arrow(scan)
    return scan.reader().read_pandas()  # pandas before 3 takes a reader only


def test_an_error_arrives_as_it_is_where_pyarrow_reads(failing: WorksScan) -> None:
    with pytest.raises(ForbiddenError) as raised:
        for _ in failing.reader():
            pass
    assert (raised.value.status, raised.value.endpoint) == (403, "works.export")
    with pytest.raises(ForbiddenError):
        failing.reader().read_all()


@pytest.mark.parametrize("read", [pyarrow_table, duckdb_query, polars_frame, pandas_frame])
def test_an_error_ends_a_query_with_our_words_in_it(failing: WorksScan, read: Callable[[WorksScan], object]) -> None:
    with pytest.raises(Exception, match=r"works\.export: 403") as raised:
        read(failing)
    assert "ForbiddenError" in str(raised.value) or isinstance(raised.value, ForbiddenError)
    assert "_transport" not in str(raised.value)  # engines print the traceback, and ours is of no use to anyone there


def test_a_reading_after_a_failed_one_starts_anew(sandbox: Sandbox, scan: WorksScan) -> None:
    sandbox.fail_next("works.export", status=400)
    with pytest.raises(BadRequestError):
        scan.reader().read_all()
    assert scan.reader().read_all().num_rows == COUNT


def test_a_wrong_token_is_an_error_of_the_reading(sandbox: Sandbox) -> None:
    with pytest.raises(DevRevError, match="401"):
        scan_works("wrong-token", base_url=sandbox.url).reader().read_all()


# --- arguments ---


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        ({"columns": ["tilte"]}, InvalidArgumentError, "did you mean 'title'"),
        ({"depth": 0}, InvalidArgumentError, "depth takes"),
        ({"tpye": ["issue"]}, (TypeError, ValueError), "tpye"),
        ({"resume": "x"}, (TypeError, ValueError), "resume"),
        ({"type": "issue"}, (TypeError, ValueError), "type"),
        ({"created_date": "2024-01-01"}, (TypeError, ValueError), "created_date"),
        ({"base_url": "http://example.com"}, ConfigurationError, "https"),
        ({"options": {"max_retires": 1}}, InvalidArgumentError, "'max_retires'; did you mean 'max_retries'"),
        ({"options": {"session": object()}}, InvalidArgumentError, "session is not taken"),
        ({"options": {"token": "t"}}, InvalidArgumentError, "token is an argument of scan_works"),
        ({"options": {"max_retries": -1}}, (ConfigurationError, InvalidArgumentError), "max_retries"),
        ({"options": [1]}, TypeError, "options takes a mapping"),
    ],
)
def test_arguments_are_refused_at_the_call(
    sandbox: Sandbox, arguments: dict[str, Any], error: type[Exception] | tuple[type[Exception], ...], says: str
) -> None:
    before = sandbox.request_count
    secret = "secret-token-of-the-test-0123"
    with pytest.raises(error, match=says) as raised:
        call: Any = {"token": secret, "base_url": sandbox.url, **arguments}
        scan_works(**call)
    assert sandbox.request_count == before
    for frame, _ in list(traceback.walk_tb(raised.tb))[1:]:
        assert secret not in repr(frame.f_locals)


def test_no_token_is_an_error_of_the_call() -> None:
    with pytest.raises(ConfigurationError, match="DEVREV_TOKEN"):
        scan_works()


def test_token_and_url_come_from_the_environment(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEVREV_TOKEN", sandbox.token)
    monkeypatch.setenv("DEVREV_BASE_URL", sandbox.url)
    assert pa.table(scan_works(columns=["id"], type=["task"])).num_rows > 0


def test_a_token_may_be_a_callable(sandbox: Sandbox) -> None:
    async def token() -> str:
        return sandbox.token

    assert pa.table(scan_works(token, base_url=sandbox.url, columns=["id"])).num_rows == COUNT


def test_options_reach_the_client(sandbox: Sandbox) -> None:
    options = {"headers": {"X-Test": "seen"}, "max_retries": 0}
    scan = scan_works(sandbox.token, base_url=sandbox.url, columns=["id"], options=options)
    options.clear()
    assert pa.table(scan).num_rows == COUNT
    assert sandbox.requests[-1].headers["X-Test"] == "seen"


def test_the_token_is_not_shown_and_not_pickled(sandbox: Sandbox) -> None:
    scan = scan_works(sandbox.token, base_url=sandbox.url, type=["ticket"])
    assert repr(scan) == f"<WorksScan of {sandbox.url} type=['ticket']>"
    assert sandbox.token not in repr(vars(scan)) + repr(scan.reader())
    with pytest.raises(TypeError, match="token"):
        pickle.dumps(scan)


def test_dates_of_filters(sandbox: Sandbox, truth: list[dict[str, Any]]) -> None:
    dates = sorted(row["created_date"] for row in truth)
    middle: datetime = dates[COUNT // 2].astimezone(UTC)
    scan = scan_works(
        sandbox.token, base_url=sandbox.url, columns=["created_date", "raw"], created_date=DateRange(after=middle)
    )
    table = pa.table(scan)
    assert table.num_rows == sum(date >= middle for date in dates)
    assert json.dumps(table.column("raw").to_pylist()) == json.dumps([None] * table.num_rows)
