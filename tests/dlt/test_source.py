"""The dlt source, loaded into a real DuckDB: once, again with changes, after a failed load, for a range of dates."""

from __future__ import annotations

import json
import traceback
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from devrev_async import ConfigurationError, DevRevError, InvalidArgumentError, LastDays
from devrev_async.dlt import columns, devrev
from devrev_async.sandbox import Sandbox

if TYPE_CHECKING:
    import dlt

pytestmark = pytest.mark.filterwarnings("default")  # dlt's own dependencies warn

WORKS = 120
Load = Callable[..., int]


@pytest.fixture
def pipeline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dlt.Pipeline:
    import dlt  # takes more than a second, which no other test is to wait for

    monkeypatch.chdir(tmp_path)
    for name in ("DEVREV_TOKEN", "DEVREV_API_TOKEN", "DEVREV_API_KEY", "DEVREV_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    return dlt.pipeline(
        "devrev_test",
        destination=dlt.destinations.duckdb(str(tmp_path / "works.duckdb")),
        dataset_name="raw",
        pipelines_dir=str(tmp_path / "pipelines"),
    )


@pytest.fixture
def sandbox(request: pytest.FixtureRequest, devrev_sandbox_factory: Callable[..., Sandbox]) -> Sandbox:
    return devrev_sandbox_factory(works=getattr(request, "param", WORKS), seed=5)


def load(pipeline: dlt.Pipeline, sandbox: Sandbox, **arguments: Any) -> int:
    """Runs the pipeline; returns the number of works that it loaded."""
    pipeline.run(devrev(sandbox.token, base_url=sandbox.url, **arguments))
    trace = pipeline.last_trace
    assert trace is not None
    assert trace.last_normalize_info is not None
    return trace.last_normalize_info.row_counts.get("works", 0)


def rows(pipeline: dlt.Pipeline, query: str) -> list[tuple[Any, ...]]:
    with pipeline.sql_client() as client:
        return [tuple(row) for row in client.execute_sql(query) or ()]


def test_a_first_load_has_every_work_in_declared_columns(pipeline: dlt.Pipeline, sandbox: Sandbox) -> None:
    assert load(pipeline, sandbox) == WORKS
    truth = {work["id"]: work for work in map(sandbox.get, sandbox.ids())}
    loaded = dict(rows(pipeline, "select id, title from works"))
    assert loaded == {id: work.get("title") for id, work in truth.items()}

    declared = pipeline.default_schema.get_table_columns("works")
    assert {name: column.get("data_type") for name, column in declared.items() if not name.startswith("_dlt")} == {
        name: column.get("data_type") for name, column in columns().items()
    }
    assert [name for name in pipeline.default_schema.tables if not name.startswith("_dlt")] == ["works"]
    [(stage,)] = rows(pipeline, "select count(*) from works where json_extract_string(stage, '$.name') is not null")
    assert stage == sum("name" in work.get("stage", {}) for work in truth.values())


def test_a_second_load_has_what_changed_and_nothing_else(pipeline: dlt.Pipeline, sandbox: Sandbox) -> None:
    load(pipeline, sandbox)
    sandbox.clock.advance(timedelta(hours=1))
    assert load(pipeline, sandbox) == 0

    sandbox.clock.advance(timedelta(hours=1))
    changed = sandbox.ids()[:3]
    for number, id in enumerate(changed):
        sandbox.update(id, {"title": f"changed {number}"})
    added = sandbox.add({"type": "issue", "title": "added"})
    sandbox.clock.advance(timedelta(minutes=1))
    before = sandbox.request_count
    assert load(pipeline, sandbox) == 4
    assert sandbox.request_count - before <= 5

    titles = dict(rows(pipeline, "select id, title from works"))
    assert len(titles) == WORKS + 1
    assert [titles[id] for id in changed] == ["changed 0", "changed 1", "changed 2"]
    assert titles[added] == "added"


def test_what_became_visible_late_is_in_the_overlap(pipeline: dlt.Pipeline, sandbox: Sandbox) -> None:
    load(pipeline, sandbox)
    late = sandbox.clock.now() - timedelta(minutes=2)
    sandbox.clock.advance(timedelta(minutes=1))
    id = sandbox.ids()[0]
    sandbox.update(id, {"title": "late", "modified_date": late})
    assert load(pipeline, sandbox) == 1
    assert (id, "late") in rows(pipeline, "select id, title from works")


def test_a_failed_load_moves_nothing(pipeline: dlt.Pipeline, sandbox: Sandbox) -> None:
    load(pipeline, sandbox)
    sandbox.clock.advance(timedelta(hours=1))
    id = sandbox.ids()[7]
    sandbox.update(id, {"title": "after the failure"})
    sandbox.fail_next("works.export", status=403)
    from dlt.pipeline.exceptions import PipelineStepFailed

    with pytest.raises(PipelineStepFailed) as caught:
        load(pipeline, sandbox)
    assert sandbox.token not in str(caught.value)
    sandbox.clock.advance(timedelta(hours=1))
    assert load(pipeline, sandbox) == 1
    assert (id, "after the failure") in rows(pipeline, "select id, title from works")


def test_r22_an_earlier_start_is_refused_once_there_is_a_state(pipeline: dlt.Pipeline, sandbox: Sandbox) -> None:
    from dlt.pipeline.exceptions import PipelineStepFailed

    dates = sorted(datetime.fromisoformat(sandbox.get(id)["modified_date"]) for id in sandbox.ids())
    assert load(pipeline, sandbox, start_date=dates[60]) == 60
    assert load(pipeline, sandbox, start_date=dates[60]) == 0
    assert load(pipeline, sandbox, start_date=dates[90]) == 0
    for earlier in (dates[30], None):
        with pytest.raises(PipelineStepFailed, match=r"start_date was .*Run once with refresh='drop_resources'"):
            load(pipeline, sandbox, start_date=earlier)
    assert load(pipeline, sandbox, start_date=dates[30], end_date=dates[60]) == 30
    pipeline.run(devrev(sandbox.token, base_url=sandbox.url), refresh="drop_resources")
    assert rows(pipeline, "select count(*) from works") == [(WORKS,)]


def test_a_later_start_leaves_nothing_out_and_an_overlap_may_be_as_long_as_can_be(
    pipeline: dlt.Pipeline, sandbox: Sandbox
) -> None:
    start = sandbox.clock.now() - timedelta(days=9999)
    assert load(pipeline, sandbox, start_date=start) == WORKS
    sandbox.clock.advance(timedelta(days=3).total_seconds())
    changed = sandbox.ids()[:4]
    for id in changed:
        sandbox.update(id, {"title": "new"})
    sandbox.clock.advance(timedelta(days=3).total_seconds())
    assert load(pipeline, sandbox, start_date=sandbox.clock.now() - timedelta(days=1)) == len(changed)
    assert load(pipeline, sandbox, start_date=start, overlap=timedelta.max) == WORKS


def test_an_overlap_may_be_as_long_as_can_be_without_a_start(pipeline: dlt.Pipeline, sandbox: Sandbox) -> None:
    assert load(pipeline, sandbox) == WORKS
    assert load(pipeline, sandbox, overlap=timedelta.max) == WORKS


def _locals_of(error: BaseException | None) -> Iterator[str]:
    """What the frames of `devrev_async` hold in the tracebacks of an error and of what it came from."""
    while error is not None:
        for frame, _ in traceback.walk_tb(error.__traceback__):
            if "devrev_async" in frame.f_code.co_filename:
                yield from map(repr, frame.f_locals.values())
        error = error.__cause__ or error.__context__


@pytest.mark.parametrize("wrong", [{"end_date": datetime(2026, 1, 1, tzinfo=UTC)}, {"options": {"max_concurrency": 0}}])
def test_no_local_variable_of_a_refusal_has_the_token(sandbox: Sandbox, wrong: dict[str, Any]) -> None:
    with pytest.raises((DevRevError, InvalidArgumentError)) as caught:
        devrev(sandbox.token, base_url=sandbox.url, **wrong)
    shown = [*_locals_of(caught.value)]
    assert shown
    assert not [text for text in shown if sandbox.token in text]


def test_no_local_variable_of_a_failed_load_has_the_token(pipeline: dlt.Pipeline, sandbox: Sandbox) -> None:
    sandbox.fail_next("works.count", status=401)
    with pytest.raises(Exception, match="401") as caught:
        load(pipeline, sandbox)
    shown = [*_locals_of(caught.value)]
    assert any("incremental" in text.lower() for text in shown)
    assert not [text for text in shown if sandbox.token in text]


def test_r21_other_filters_are_refused_or_have_a_name_of_their_own(pipeline: dlt.Pipeline, sandbox: Sandbox) -> None:
    from dlt.pipeline.exceptions import PipelineStepFailed

    assert load(pipeline, sandbox, type=["ticket", "task"]) > 0
    assert load(pipeline, sandbox, type=["task", "ticket"]) == 0
    with pytest.raises(PipelineStepFailed, match=r'type was \["task", "ticket"\] and is \["issue"\]'):
        load(pipeline, sandbox, type=["issue"])
    pipeline.run(devrev(sandbox.token, base_url=sandbox.url, type=["issue"]).works.with_name("issues"))
    issues = sum(sandbox.get(id)["type"] == "issue" for id in sandbox.ids())
    assert rows(pipeline, "select count(*) from issues") == [(issues,)]


def test_r53_timestamps_are_utc_whatever_their_offset(pipeline: dlt.Pipeline, sandbox: Sandbox) -> None:
    dates = ("2026-01-05T04:00:00.5+05:30", "2026-01-04T22:30:00.500Z", "2026-01-04T14:30:00.5-08:00")
    added = {sandbox.add({"type": "issue", "target_close_date": date, "created_date": date}) for date in dates}
    load(pipeline, sandbox)
    for column in ("target_close_date", "created_date"):
        found = rows(pipeline, f"select id, epoch_ms({column}) from works where {column} = '2026-01-04 22:30:00.5+00'")
        assert {id for id, _ in found} == added
        assert len({moment for _, moment in found}) == 1


def test_a_date_in_the_future_does_not_move_the_position(pipeline: dlt.Pipeline, sandbox: Sandbox) -> None:
    future = sandbox.ids()[0]
    sandbox.update(future, {"title": "from the future", "modified_date": sandbox.clock.now() + timedelta(days=300)})
    assert load(pipeline, sandbox) == WORKS
    sandbox.clock.advance(timedelta(hours=1))
    sandbox.update(sandbox.ids()[1], {"title": "today"})
    sandbox.clock.advance(timedelta(minutes=1))
    assert load(pipeline, sandbox) == 1


def test_what_the_columns_cannot_say_is_in_raw(pipeline: dlt.Pipeline, sandbox: Sandbox) -> None:
    odd = sandbox.add({"type": "issue", "title": "odd", "target_close_date": "soon"})
    large = sandbox.add({"type": "issue", "title": "large", "custom_fields": {"tnt__n": 1 << 80}})
    undated = sandbox.add({"type": "task", "title": "undated", "modified_date": None})
    unknown = sandbox.add({"type": "epic", "title": "unknown"})
    assert sandbox.add({"type": "issue", "title": "nameless"}, complete=False) == ""
    assert load(pipeline, sandbox) == WORKS + 5
    found = {
        id: (title, date, fields, raw)
        for id, title, date, fields, raw in rows(
            pipeline, "select id, title, target_close_date, custom_fields, raw from works"
        )
    }
    assert found[odd][:2] == ("odd", None)
    assert '"target_close_date":"soon"' in found[odd][3].replace(" ", "")
    assert found[large][2] is None
    assert str(1 << 80) in found[large][3]
    assert found[undated][0] == "undated"
    assert found[unknown][0] == "unknown"
    assert found[unknown][3] is not None
    [nameless] = [id for id, (title, *_) in found.items() if title == "nameless"]
    assert nameless.startswith("unknown:")
    assert sum(raw is not None for *_, raw in found.values()) == 4


def test_a_nul_in_a_text_is_in_raw_and_one_in_json_stays(pipeline: dlt.Pipeline, sandbox: Sandbox) -> None:
    text = sandbox.add({"type": "task", "title": "a\0b", "body": "whole"})
    nested = sandbox.add({"type": "task", "title": "nested", "custom_fields": {"tnt__a\0": "x\0y"}})
    assert load(pipeline, sandbox) == WORKS + 2
    [(title, body, raw)] = rows(pipeline, f"select title, body, raw from works where id = '{text}'")
    assert (title, body, json.loads(raw)["title"]) == (None, "whole", "a\0b")
    [(fields, raw)] = rows(pipeline, f"select custom_fields, raw from works where id = '{nested}'")
    assert (json.loads(fields), raw) == ({"tnt__a\0": "x\0y"}, None)


def test_a_date_that_no_year_of_utc_has_is_in_raw_and_ends_no_load(pipeline: dlt.Pipeline, sandbox: Sandbox) -> None:
    moments = ["9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+14:00"]
    fields = ["target_close_date", "created_date", "modified_date"]
    odd = {sandbox.add({"type": "issue", field: moment}): (field, moment) for field in fields for moment in moments}
    assert load(pipeline, sandbox) == WORKS + len(odd)
    for id, (field, moment) in odd.items():
        [(value, raw)] = rows(pipeline, f"select {field}, raw from works where id = '{id}'")
        assert value is None
        assert f'"{field}":"{moment}"' in raw


def test_what_is_nested_deeper_than_dlt_writes_is_in_raw_and_ends_no_load(
    pipeline: dlt.Pipeline, sandbox: Sandbox
) -> None:
    depths: dict[str, int] = {}
    for depth in (150, 260, 490, 700):
        fields: dict[str, Any] = {}
        for _ in range(depth):
            fields = {"tnt__x": fields}
        depths[sandbox.add({"type": "issue", "custom_fields": fields})] = depth
    assert load(pipeline, sandbox) == WORKS + len(depths)
    for id, depth in depths.items():
        [(value, raw)] = rows(pipeline, f"select custom_fields, raw from works where id = '{id}'")
        whole, other = (value, raw) if depth < 200 else (raw, value)
        assert whole.count("tnt__x") == depth
        assert other is None


def test_a_range_of_dates_excludes_its_end_and_keeps_no_position(pipeline: dlt.Pipeline, sandbox: Sandbox) -> None:
    dates = sorted(datetime.fromisoformat(sandbox.get(id)["modified_date"]) for id in sandbox.ids())
    start, end = dates[30], dates[90]
    expected = sum(start <= date < end for date in dates)
    assert load(pipeline, sandbox, start_date=start, end_date=end) == expected
    assert load(pipeline, sandbox, start_date=start, end_date=end) == expected
    assert load(pipeline, sandbox, start_date=start, end_date=start) == 0
    [(count,)] = rows(pipeline, "select count(*) from works")
    assert count == expected


@pytest.mark.parametrize("sandbox", [1100], indirect=True)
def test_a_limit_counts_pages_and_the_next_load_has_the_rest(pipeline: dlt.Pipeline, sandbox: Sandbox) -> None:
    source = devrev(sandbox.token, base_url=sandbox.url)
    source.works.add_limit(1)
    pipeline.run(source)
    [(count,)] = rows(pipeline, "select count(*) from works")
    assert count == 1000
    assert load(pipeline, sandbox) == 1100
    [(count,)] = rows(pipeline, "select count(*) from works")
    assert count == 1100


def test_the_token_is_in_no_file(pipeline: dlt.Pipeline, sandbox: Sandbox, tmp_path: Path) -> None:
    load(pipeline, sandbox)
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert written
    assert not [path for path in written if sandbox.token.encode() in path.read_bytes()]


def test_the_token_may_come_from_the_usual_environment(
    pipeline: dlt.Pipeline, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEVREV_TOKEN", sandbox.token)
    monkeypatch.setenv("DEVREV_BASE_URL", sandbox.url)
    pipeline.run(devrev(type=["task"]))
    [(tasks,)] = rows(pipeline, "select count(*) from works where type = 'task'")
    assert tasks == sum(sandbox.get(id)["type"] == "task" for id in sandbox.ids())


def test_nothing_is_sent_with_a_wrong_argument(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    def make(**arguments: Any) -> object:
        return devrev(sandbox.token, base_url=sandbox.url, **arguments)

    with pytest.raises(InvalidArgumentError, match="start_date has no time zone"):
        make(start_date=datetime(2026, 1, 1))  # noqa: DTZ001 - that is the mistake
    with pytest.raises(InvalidArgumentError, match="end_date needs start_date"):
        make(end_date=datetime(2026, 1, 1, tzinfo=UTC))
    with pytest.raises(InvalidArgumentError, match="is later than end_date"):
        make(start_date=datetime(2026, 1, 2, tzinfo=UTC), end_date=datetime(2026, 1, 1, tzinfo=UTC))
    with pytest.raises(InvalidArgumentError, match="overlap"):
        make(overlap=timedelta(seconds=-1))
    with pytest.raises(TypeError, match="overlap takes a timedelta"):
        make(overlap=300)
    with pytest.raises(InvalidArgumentError, match=r"devrev\(\) takes a DateRange"):
        make(created_date=LastDays(7))
    with pytest.raises(InvalidArgumentError, match="modified_date"):
        make(modified_date=None)
    with pytest.raises((InvalidArgumentError, TypeError), match="typ"):
        make(typ=["issue"])
    for name in ("DEVREV_TOKEN", "DEVREV_API_TOKEN", "DEVREV_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ConfigurationError, match="DEVREV_TOKEN"):
        devrev(base_url=sandbox.url)
    assert sandbox.request_count == 0
