"""Works as a real Dask DataFrame: planned when asked for, exported when computed, in threads and in processes."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dask
import dask.dataframe as dd
import pytest

from devrev_async import BadRequestError, ConfigurationError, DateRange, InvalidArgumentError, UnauthorizedError
from devrev_async.arrow import works_schema
from devrev_async.dask import read_works
from devrev_async.sandbox import Quirks, Sandbox
from devrev_async.sandbox.server import run_in_thread

WORKS = 1200


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with run_in_thread(Sandbox(works=WORKS, seed=11)) as sandbox:
        yield sandbox


@pytest.fixture(autouse=True)
def in_threads() -> Iterator[None]:
    with dask.config.set(scheduler="threads", num_workers=2):
        yield


def works(sandbox: Sandbox) -> list[dict[str, Any]]:
    return [sandbox.get(id) for id in sandbox.ids()]


def calls(sandbox: Sandbox, endpoint: str) -> int:
    return sum(request.endpoint == endpoint for request in sandbox.requests)


def test_all_works_in_partitions(sandbox: Sandbox) -> None:
    frame = read_works(sandbox.token, base_url=sandbox.url, npartitions=3)
    assert frame.npartitions == 3
    assert list(frame.columns) == works_schema().names
    computed = frame.compute()
    assert sorted(computed["id"]) == sorted(sandbox.ids())
    titles = {work["id"]: work["title"] for work in works(sandbox)}
    assert dict(zip(computed["id"], computed["title"], strict=True)) == titles
    assert str(computed.dtypes["created_date"]) == "timestamp[us, tz=UTC][pyarrow]"
    assert (computed.dtypes == frame.dtypes).all()


def test_it_plans_when_called_and_exports_when_computed(sandbox: Sandbox) -> None:
    before = calls(sandbox, "works.count"), len(sandbox.requests)
    frame = read_works(sandbox.token, base_url=sandbox.url, npartitions=2, columns=["id", "type"])
    planned = len(sandbox.requests)
    assert calls(sandbox, "works.count") > before[0]
    assert planned - before[1] <= 12
    assert len(frame) == WORKS
    first = len(sandbox.requests)
    assert first > planned
    assert len(frame) == WORKS
    assert len(sandbox.requests) > first  # each computation is an export of its own


def test_two_calls_do_not_share_their_results(sandbox: Sandbox) -> None:
    frames = [read_works(sandbox.token, base_url=sandbox.url, npartitions=1, columns=["id"]) for _ in range(2)]
    names = [set(map(str, frame.__dask_graph__())) for frame in frames]
    assert not names[0] & names[1]


def test_columns_filters_and_depth(sandbox: Sandbox) -> None:
    range_ = DateRange(before=datetime(2024, 1, 1, tzinfo=UTC))
    frame = read_works(
        sandbox.token,
        base_url=sandbox.url,
        npartitions=2,
        columns=["modified_date", "id"],
        type=["ticket", "task"],
        created_date=range_,
    )
    computed = frame.compute()
    assert list(computed.columns) == ["modified_date", "id"]
    wanted = [
        work["id"]
        for work in works(sandbox)
        if work["type"] in ("ticket", "task") and datetime.fromisoformat(work["created_date"]) <= range_.before  # type: ignore[operator]
    ]
    assert wanted
    assert sorted(computed["id"]) == sorted(wanted)
    deep = read_works(sandbox.token, base_url=sandbox.url, npartitions=1, columns=["stage"], depth=None)
    assert deep.dtypes["stage"].pyarrow_dtype == works_schema(["stage"], None).field("stage").type


def test_only_the_columns_that_are_needed_are_converted(sandbox: Sandbox) -> None:
    frame = read_works(sandbox.token, base_url=sandbox.url, npartitions=1)
    assert "columns=['title']" in frame[["title"]].optimize().expr.tree_repr()
    assert sorted(frame["title"].compute()) == sorted(work["title"] for work in works(sandbox))
    assert int(frame.groupby("type").size().compute().sum()) == WORKS


@pytest.mark.filterwarnings("default")  # Dask uses what pandas deprecates
def test_what_it_wrote_is_read_back(sandbox: Sandbox, tmp_path: Path) -> None:
    columns = ["id", "owned_by", "created_date"]
    frame: Any = read_works(sandbox.token, base_url=sandbox.url, npartitions=2, columns=columns)
    frame.to_parquet(tmp_path)
    read_parquet: Any = getattr(dd, "read_parquet")  # noqa: B009 - neither checker knows it
    kept = read_parquet(tmp_path, dtype_backend="pyarrow").compute()
    nested = {work["id"]: [owner["id"] for owner in work["owned_by"]] for work in works(sandbox)}
    assert {
        id: [owner["id"] for owner in owners] for id, owners in zip(kept["id"], kept["owned_by"], strict=True)
    } == nested
    assert (kept.dtypes[["owned_by", "created_date"]] == frame.dtypes[["owned_by", "created_date"]]).all()


def test_in_processes(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = read_works(sandbox.token, base_url=sandbox.url, npartitions=2, columns=["id"])
    monkeypatch.setenv("DEVREV_BASE_URL", "https://elsewhere.invalid")  # of the workers: it means nothing
    with dask.config.set(scheduler="processes", num_workers=2):
        assert sorted(frame.compute()["id"]) == sorted(sandbox.ids())


def test_the_environment_is_that_of_the_caller(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEVREV_TOKEN", sandbox.token)
    monkeypatch.setenv("DEVREV_BASE_URL", sandbox.url)
    frame = read_works(columns=["id"])
    assert frame.npartitions == 1  # so few works are not worth a second one
    monkeypatch.delenv("DEVREV_TOKEN")
    monkeypatch.setenv("DEVREV_BASE_URL", "https://elsewhere.invalid")
    assert len(frame) == WORKS
    with pytest.raises(ConfigurationError, match="DEVREV_TOKEN"):
        read_works(base_url=sandbox.url)


def test_no_works_are_a_frame_of_all_columns_without_rows() -> None:
    with run_in_thread(Sandbox(works=0)) as sandbox:
        frame = read_works(sandbox.token, base_url=sandbox.url, npartitions=4)
        assert len(frame) == 0
        assert list(frame.compute().columns) == works_schema().names


@pytest.mark.parametrize("quirks", [Quirks(missing_endpoints=("works.count",)), Quirks(count_cap=50)])
def test_servers_that_do_not_count(quirks: Quirks) -> None:
    with run_in_thread(Sandbox(works=150, seed=2, quirks=quirks)) as sandbox:
        frame = read_works(sandbox.token, base_url=sandbox.url, npartitions=4, columns=["id"])
        assert frame.npartitions == 1
        assert sorted(frame.compute()["id"]) == sorted(sandbox.ids())


def test_wrong_arguments_cost_no_request(sandbox: Sandbox) -> None:
    before = len(sandbox.requests)
    wrong: list[dict[str, Any]] = [{"npartitions": 0}, {"columns": ["ttle"]}, {"columns": []}, {"depth": 0}]
    for arguments in wrong:
        with pytest.raises(InvalidArgumentError):
            read_works(sandbox.token, base_url=sandbox.url, **arguments)
    odd: list[dict[str, Any]] = [{"npartitions": "4"}, {"npartitions": True}, {"columns": "id"}, {"first": 3}]
    for arguments in odd:
        with pytest.raises(TypeError):
            read_works(sandbox.token, base_url=sandbox.url, **arguments)
    assert len(sandbox.requests) == before


def test_a_bad_token_costs_one_request(sandbox: Sandbox) -> None:
    before = len(sandbox.requests)
    with pytest.raises(UnauthorizedError) as caught:
        read_works("a-token-that-is-refused", base_url=sandbox.url, npartitions=8)
    assert len(sandbox.requests) == before + 1
    assert "a-token-that-is-refused" not in str(caught.value)


def test_an_error_of_a_partition_is_the_error_of_the_computation(sandbox: Sandbox) -> None:
    frame = read_works(sandbox.token, base_url=sandbox.url, npartitions=2, columns=["id"])
    sandbox.fail_next("works.export", status=400, times=1)
    with pytest.raises(BadRequestError):
        frame.compute()
    assert len(frame) == WORKS


def test_the_token_is_in_the_pickle_of_the_tasks_alone(sandbox: Sandbox) -> None:
    frame = read_works(sandbox.token, base_url=sandbox.url, npartitions=2)
    graph: dict[Any, Any] = dict(frame.optimize().__dask_graph__())
    (reader,) = (part for part in frame.expr.walk() if "func" in part._parameters)
    shown = f"{frame!r} {frame.expr} {frame.expr.tree_repr()} {graph} {reader.func} {vars(reader.func)}"
    assert sandbox.token not in shown
    assert sandbox.token.encode() in pickle.dumps(reader.func)  # this is how workers get it
