"""Batches in Parquet files, read back by three engines: poor and rich works, empty objects, years 1 and 9999."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
from pyarrow import dataset, parquet

from devrev_async.arrow import WorksConverter
from devrev_async.models import (
    Artifact,
    Issue,
    Money,
    Opportunity,
    Stage,
    SyncMetadata,
    TagSummary,
    TagWithValue,
    Task,
    UserSummary,
    Work,
)

FIRST, LAST = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)

POOR: list[Work] = [
    Task(id="TASK-1"),
    Task(id="TASK-2", tags=(), owned_by=(), custom_fields={}, sync_metadata=SyncMetadata(), stage=Stage()),
]
RICH: list[Work] = [
    Issue(
        id="ISS-1",
        title='a\x00b\r\n"=1+1\U0001f9a6',
        tags=(TagWithValue(tag=TagSummary(name="t"), value="v"),),
        owned_by=(UserSummary(id="U-1"), UserSummary(id="U-2")),
        artifacts=(Artifact(id="A-1"),),
        custom_fields={"tnt__Foo": 1, "tnt__foo": 2},
        custom_schema_fragments=("f",),
        target_close_date=LAST,
        created_date=FIRST,
        priority="p1",
    ),
    Opportunity(id="OPP-1", value=Money(amount="1.50", currency="EUR")),
]


@pytest.fixture(params=[1, None], ids=["one level", "whole depth"])
def files(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, list[dict[str, Any]]]:
    """A folder of two files, the poorest first, and all their rows."""
    converter = WorksConverter(depth=request.param)
    rows: list[dict[str, Any]] = []
    for name, works in (("1", POOR), ("2", RICH)):
        batch = converter.convert(works)
        rows += batch.to_pylist()
        with parquet.ParquetWriter(tmp_path / f"{name}.parquet", batch.schema) as writer:
            writer.write_batch(batch)
    return tmp_path, rows


def test_pyarrow_reads_files_as_they_were_written(files: tuple[Path, list[dict[str, Any]]]) -> None:
    folder, rows = files
    assert dataset.dataset(folder).to_table().to_pylist() == rows
    first, second = (parquet.read_schema(path) for path in sorted(folder.iterdir()))
    assert first.equals(second, check_metadata=True)


def test_duckdb_reads_a_glob_without_options(files: tuple[Path, list[dict[str, Any]]]) -> None:
    folder, rows = files
    with duckdb.connect() as connection:
        found = connection.sql(f"select * from read_parquet('{folder}/*.parquet') order by filename, file_row_number")
        table = found.to_arrow_table().to_pylist()
    assert [row["id"] for row in table] == [row["id"] for row in rows]
    for name in ("title", "custom_fields", "target_close_date", "created_date", "tags", "owned_by", "value", "stage"):
        assert [row[name] for row in table] == [row[name] for row in rows], name


def test_polars_scans_a_glob_without_options(files: tuple[Path, list[dict[str, Any]]]) -> None:
    folder, rows = files
    assert pl.scan_parquet(folder / "*.parquet").collect().to_dicts() == rows
