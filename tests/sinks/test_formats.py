"""The formats, read by those who will: Python, DuckDB, Polars, pandas, PyArrow."""

from __future__ import annotations

import ast
import csv
import gzip
import json
import subprocess
import sys
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pytest
from pyarrow import json as pyarrow_json
from pyarrow import parquet

import devrev_async
from devrev_async import DevRevClient, ExportReport, InvalidArgumentError
from devrev_async.arrow import works_schema
from devrev_async.sandbox import Sandbox
from devrev_async.sinks import parquet as parquet_module

from .serve import answering

pytestmark = pytest.mark.anyio

ODD_TITLES = [
    "a\rb",
    "a\nb",
    "a\r\nb",
    'a "quoted" word',
    '"',
    "a,b",
    "nul \x00 inside",
    "\x00",
    "=1+1",
    "-5",
    "@x",
    "\ttab",
    "\r",
    " spaces ",
    "🎉 done 👩‍👩‍👧",
    "line\u2028separator",
    "\x85next line",
    "\x0bvertical\x0cform",
    "NULL",
    "NA",
    "'",
    "é" * 200,
]


def raw_issues(titles: Sequence[str]) -> list[bytes]:
    return [
        json.dumps({"type": "issue", "id": f"don:core:x:devo/1:issue/{n:05}", "title": title}).encode()
        for n, title in enumerate(titles)
    ]


async def exported(path: Path, works: Sequence[bytes], **options: Any) -> ExportReport:
    async with answering(works) as url, DevRevClient("a-token-of-the-tests", base_url=url) as client:
        report = await client.works.export_to(path, **options)
    assert report.complete
    assert report.works == len(works)
    return report


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file, strict=True))
    return sorted(rows, key=lambda row: row.get("id", ""))  # an export has no order


@pytest.mark.parametrize("name", ["w.jsonl", "w.jsonl.gz", "w.csv", "w.parquet"])
@pytest.mark.parametrize("options", [{}, {"rows_per_file": 30}], ids=["one file", "many files"])
async def test_works_with_a_field_that_does_not_fit_are_counted_in_all_formats(
    tmp_path: Path, name: str, options: dict[str, Any]
) -> None:
    works = raw_issues(["x"] * 100)
    for number, odd in [(3, b'"title": 7'), (41, b'"owned_by": [{"id": 1}]'), (99, b'"stage": "x"')]:
        works[number] = works[number].replace(b'"title": "x"', odd)
    works[50] = works[50].replace(b'"issue"', b'"riddle"')
    report = await exported(tmp_path / name, works, **options)
    assert (report.invalid, report.unknown) == (3, 1)


# --- JSON Lines ---

ODD_JSON = [
    b'{"id":"ISS-1","type":"issue","title":"x","n":1.50,"big":123456789012345678901234567890,"e":1e2}',
    b'{ "id" : "ISS-2" , "type":"issue","title":"\\u0041\\/\\ud83d\\ude00" , "later": {"b":1,"a":[ ]} }',
    b'{"id":"ISS-3","type":"issue","title":"cut\\ud83d"}',
    b'{"id":"ISS-4","type":"of tomorrow"}',
    b'{"type":"issue","title":"without an id"}',
    b'{"id":"ISS-6","type":"issue","title":"\xc3\xa9","id":"ISS-6"}',
    b"5",
]


@pytest.mark.parametrize("name", ["works.jsonl", "works.jsonl.gz"])
async def test_the_bytes_of_each_work_are_those_that_were_sent(tmp_path: Path, name: str) -> None:
    await exported(tmp_path / name, ODD_JSON)
    data = (tmp_path / name).read_bytes()
    data = gzip.decompress(data) if name.endswith(".gz") else data
    assert data.endswith(b"\n")
    assert sorted(data.splitlines()) == sorted(ODD_JSON)


@pytest.mark.parametrize("interruptions", [0, 2])
def test_every_reader_reads_all_members_of_a_gzip_file(tmp_path: Path, interruptions: int) -> None:
    from devrev_async.sinks.jsonl import as_gzip, in_pieces

    works = raw_issues([str(n) for n in range(300)])
    path = tmp_path / "works.jsonl.gz"
    step = len(works) // (interruptions + 1)
    members = (as_gzip(in_pieces(works[at : at + step])) for at in range(0, len(works), step))
    path.write_bytes(b"".join(chain.from_iterable(members)))
    assert len(gzip.decompress(path.read_bytes()).splitlines()) == 300
    assert duckdb.sql(f"select count(*) from read_json('{path}')").fetchall() == [(300,)]
    assert pl.read_ndjson(path).height == 300
    assert pl.scan_ndjson(path).collect().height == 300
    assert len(pd.read_json(path, lines=True)) == 300
    assert pyarrow_json.read_json(path).num_rows == 300
    if sys.platform != "win32":
        lines = subprocess.run(["gzip", "-dc", str(path)], capture_output=True, check=True).stdout
        assert lines.count(b"\n") == 300


# --- CSV ---


async def test_odd_titles_come_back_from_csv(tmp_path: Path) -> None:
    path = tmp_path / "works.csv"
    await exported(path, raw_issues(ODD_TITLES))
    assert [row["title"] for row in rows_of(path)] == ODD_TITLES
    read = f"select title from read_csv('{path}', all_varchar = true) order by id"
    assert [title for (title,) in duckdb.sql(read).fetchall()] == ODD_TITLES
    pandas = pd.read_csv(path, dtype=str, keep_default_na=False).sort_values("id")
    assert pandas["title"].tolist() == ODD_TITLES
    assert pl.read_csv(path, infer_schema=False).sort("id")["title"].to_list() == ODD_TITLES


async def test_csv_is_rfc_4180(tmp_path: Path) -> None:
    path = tmp_path / "works.csv"
    works = [
        b'{"id":"ISS-1","type":"issue","title":"","created_date":"2024-05-01T12:00:00.120+02:00"}',
        b'{"id":"TKT-2","type":"ticket","is_spam":true,"needs_response":false,"owned_by":[{"id":"u","display_name":"U"}]}',
        b'{"id":"TKT-3","type":"issue","estimated_effort":0.5,"custom_fields":{"tnt__b":"\\"","tnt__a":[1]},"tags":[]}',
    ]
    columns = ["id", "title", "created_date", "is_spam", "needs_response", "owned_by"]
    await exported(path, works, columns=[*columns, "estimated_effort", "custom_fields", "tags"])
    header, *rows = path.read_bytes().decode().splitlines(keepends=True)
    assert header + "".join(sorted(rows)) == (
        "id,title,created_date,is_spam,needs_response,owned_by,estimated_effort,custom_fields,tags\r\n"
        'ISS-1,"",2024-05-01T12:00:00.120000+02:00,,,,,,\r\n'
        'TKT-2,,,true,false,"[{""id"":""u"",""display_name"":""U""}]",,,\r\n'
        'TKT-3,,,,,,0.5,"{""tnt__b"":""\\"""",""tnt__a"":[1]}",[]\r\n'
    )


async def test_r57_a_cell_of_any_length_is_written_whole(tmp_path: Path) -> None:
    path = tmp_path / "works.csv"
    await exported(path, raw_issues(["x" * 200_000]), columns=["id", "title"])
    assert duckdb.sql(f"select length(title) from read_csv('{path}')").fetchall() == [(200_000,)]
    before = csv.field_size_limit(200_000)
    try:
        assert [len(row["title"]) for row in rows_of(path)] == [200_000]
    finally:
        csv.field_size_limit(before)


def test_r48_arrow_formats_no_timestamp() -> None:
    """That takes a database of time zones, which Windows does not have."""
    calls: set[str] = set()
    for path in Path(devrev_async.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "compute"
            ) or (isinstance(node, ast.Attribute) and node.attr in ("cast", "write_csv")):
                calls.add(node.attr)
    assert calls == {"min_max"}


async def test_csv_has_the_columns_of_the_schema(tmp_path: Path) -> None:
    await exported(tmp_path / "all.csv", ODD_JSON[:1])
    header = (tmp_path / "all.csv").read_bytes().partition(b"\r\n")[0].decode()
    assert header.split(",") == works_schema().names
    assert header.endswith(",raw")


async def test_what_columns_cannot_say_is_in_raw(tmp_path: Path) -> None:
    path = tmp_path / "works.csv"
    await exported(path, ODD_JSON, columns=["id", "type", "raw"])
    by_id = {row["id"]: row for row in rows_of(path)}
    assert json.loads(by_id["ISS-4"]["raw"]) == {"id": "ISS-4", "type": "of tomorrow"}
    assert by_id["ISS-1"]["raw"] == ""
    assert len(rows_of(path)) == len(ODD_JSON)


async def test_null_and_the_empty_string_are_two_things(tmp_path: Path) -> None:
    path = tmp_path / "works.csv"
    works = [b'{"id":"ISS-1","type":"issue","title":""}', b'{"id":"ISS-2","type":"issue"}']
    await exported(path, works, columns=["id", "title"])
    assert path.read_bytes() == b'id,title\r\nISS-1,""\r\nISS-2,\r\n'
    options = "header = true, all_varchar = true, allow_quoted_nulls = false"
    assert duckdb.sql(f"from read_csv('{path}', {options})").fetchall() == [("ISS-1", ""), ("ISS-2", None)]
    assert pl.read_csv(path, infer_schema=False)["title"].to_list() == ["", None]


async def test_a_table_of_one_column_has_a_line_for_every_work(tmp_path: Path) -> None:
    path = tmp_path / "works.csv"
    await exported(path, [b'{"id":"ISS-1","type":"issue"}', b'{"id":"ISS-2","type":"issue"}'], columns=["title"])
    assert len(pd.read_csv(path, dtype=str)) == len(rows_of(path)) == 2


async def test_safe_cells_run_in_no_spreadsheet(tmp_path: Path) -> None:
    path = tmp_path / "works.csv"
    await exported(path, raw_issues(ODD_TITLES), csv_safe=True, columns=["id", "title"])
    expected = [f"'{title}" if title[0] in "=+-@\t\r" else title for title in ODD_TITLES]
    assert [row["title"] for row in rows_of(path)] == expected
    assert "'=1+1" in expected


async def test_nested_values_are_json_at_their_whole_depth(tmp_path: Path) -> None:
    path = tmp_path / "works.csv"
    async with Sandbox(works=300, seed=3) as sandbox, DevRevClient(sandbox.token, base_url=sandbox.url) as client:
        await client.works.export_to(path)
        works = {work.id: work.to_dict() for work in await client.works.export()}
    csv.field_size_limit(1 << 24)
    for row in rows_of(path):
        work = works[row["id"]]
        assert {name for name, cell in row.items() if cell} == {name for name, value in work.items() if value != ""}
        for name, value in work.items():
            assert (json.loads(row[name]) if isinstance(value, dict | list) else row[name]) == (
                value if isinstance(value, str | dict | list) else json.dumps(value)
            )


# --- Parquet ---


async def test_parquet_is_the_works(tmp_path: Path) -> None:
    path = tmp_path / "works.parquet"
    async with Sandbox(works=3000, seed=3) as sandbox, DevRevClient(sandbox.token, base_url=sandbox.url) as client:
        report = await client.works.export_to(path)
        truth = [sandbox.get(id) for id in sandbox.ids()]
    assert report.works == 3000
    query = f"select type, stage.name as stage, count(*) from '{path}' group by all order by all"
    counted: dict[tuple[str, str], int] = {}
    for work in truth:
        key = (work["type"], work["stage"]["name"])
        counted[key] = counted.get(key, 0) + 1
    assert {(kind, stage): count for kind, stage, count in duckdb.sql(query).fetchall()} == counted
    polars = pl.scan_parquet(path).group_by("type", pl.col("stage").struct.field("name")).len().collect()
    assert {(kind, stage): count for kind, stage, count in polars.rows()} == counted
    table = parquet.read_table(path)
    assert sorted(table.column("id").to_pylist()) == sorted(sandbox.ids())
    assert table.schema.equals(works_schema(), check_metadata=False)
    assert table.schema.metadata[b"devrev_async.schema_version"] == b"1"
    assert parquet.ParquetFile(path).metadata.row_group(0).column(0).compression == "ZSTD"


async def test_half_a_surrogate_pair_costs_one_cell(tmp_path: Path) -> None:
    await exported(tmp_path / "works.parquet", ODD_JSON)
    table = parquet.read_table(tmp_path / "works.parquet", columns=["id", "title", "raw"])
    rows = {row["id"]: row for row in table.to_pylist()}
    assert table.num_rows == len(ODD_JSON)
    assert rows["ISS-3"]["title"] is None
    assert rows["ISS-3"]["raw"] is not None


async def test_columns_and_depth(tmp_path: Path) -> None:
    for depth in (1, 2, None):
        path = tmp_path / "works.parquet"
        await exported(path, ODD_JSON, columns=["stage", "id"], depth=depth)
        assert parquet.read_schema(path).equals(works_schema(["stage", "id"], depth), check_metadata=False)


async def test_row_groups_are_bounded_by_rows(tmp_path: Path) -> None:
    path = tmp_path / "works.parquet"
    await exported(path, raw_issues(["x"] * 40_000), columns=["id", "title"])
    metadata = parquet.ParquetFile(path).metadata
    assert [metadata.row_group(n).num_rows for n in range(metadata.num_row_groups)] == [16_384, 16_384, 7232]


async def test_row_groups_are_bounded_by_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet_module, "GROUP_BYTES", 60 << 10)  # a thousandth of what it is
    path = tmp_path / "works.parquet"
    await exported(path, raw_issues([f"{n:04}" * 250 for n in range(3000)]), columns=["id", "title"])
    metadata = parquet.ParquetFile(path).metadata
    groups = [metadata.row_group(n) for n in range(metadata.num_row_groups)]
    assert len(groups) > 1
    assert sum(group.num_rows for group in groups) == 3000


async def test_a_work_larger_than_a_batch(tmp_path: Path) -> None:
    works = raw_issues(["small", "x" * (9 << 20), "small"])
    await exported(tmp_path / "works.parquet", works, columns=["title"])
    assert sorted(map(len, parquet.read_table(tmp_path / "works.parquet").column("title").to_pylist())) == [
        5,
        5,
        9 << 20,
    ]


# --- many files, and none ---


@pytest.mark.parametrize("ending", ["jsonl", "jsonl.gz", "csv", "parquet"])
@pytest.mark.parametrize(("works", "per_file", "files"), [(10, 4, [4, 4, 2]), (8, 4, [4, 4]), (0, 4, [0]), (3, 4, [3])])
async def test_numbered_files(tmp_path: Path, ending: str, works: int, per_file: int, files: list[int]) -> None:
    for number in range(7):
        (tmp_path / f"w-{number:05}.{ending}").write_bytes(b"of an earlier export")
    await exported(tmp_path / f"w.{ending}", raw_issues(["x"] * works), rows_per_file=per_file)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == [f"w-{number:05}.{ending}" for number in range(len(files))]
    assert [rows_in(tmp_path / name) for name in names] == files
    if ending == "parquet":
        assert duckdb.sql(f"select count(*) from '{tmp_path}/*.parquet'").fetchall() == [(works,)]
        assert {parquet.read_schema(tmp_path / name).to_string() for name in names} == {works_schema().to_string()}


def rows_in(path: Path) -> int:
    if path.name.endswith(".parquet"):
        return int(parquet.read_metadata(path).num_rows)
    if path.name.endswith(".csv"):
        return len(rows_of(path))
    data = path.read_bytes()
    return (gzip.decompress(data) if path.name.endswith(".gz") else data).count(b"\n")


async def test_numbered_files_in_batches(tmp_path: Path) -> None:
    """Files end within a batch of the conversion, and beyond it."""
    works = raw_issues([str(n) for n in range(5000)])
    await exported(tmp_path / "w.csv", works, rows_per_file=1500, columns=["title"])
    titles = [row["title"] for number in range(4) for row in rows_of(tmp_path / f"w-{number:05}.csv")]
    assert sorted(titles, key=int) == [str(n) for n in range(5000)]


@pytest.mark.parametrize("name", ["w.jsonl", "w.jsonl.gz", "w.csv", "w.parquet"])
async def test_no_works_are_a_valid_file(tmp_path: Path, name: str) -> None:
    await exported(tmp_path / name, [])
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert rows_in(tmp_path / name) == 0
    if name.endswith(".parquet"):
        assert pl.read_parquet(tmp_path / name).columns == works_schema().names


# --- arguments ---


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"path": "a\0b.jsonl"}, "path has a NUL character"),
        ({"path": "\ud800.jsonl"}, "path has half a surrogate pair"),
        ({"path": "works.xlsx"}, "ends in one of .jsonl, .jsonl.gz, .csv, .parquet"),
        ({"path": "works"}, "ends in one of"),
        ({"path": "."}, "ends in one of"),
        ({"path": "works.csv", "format": "xlsx"}, "format takes one of jsonl, jsonl.gz, csv, parquet"),
        ({"path": "works.csv", "columns": ["titel"]}, "titel"),
        ({"path": "works.csv", "columns": []}, "columns"),
        ({"path": "works.csv", "depth": 0}, "depth takes"),
        ({"path": "works.jsonl", "depth": 0}, "depth takes"),
        ({"path": "works.jsonl", "resume": "no"}, "resume takes a bool, not str"),
        ({"path": "works.csv", "csv_safe": 1}, "csv_safe takes a bool, not int"),
        ({"path": "works.parquet", "rows_per_file": 0}, "rows_per_file takes at least 1"),
        ({"path": "works.jsonl", "columns": ["id"]}, "columns is for csv and parquet"),
        ({"path": "works.jsonl", "csv_safe": True}, "csv_safe is for csv"),
        ({"path": "works.csv", "type": ["issue"], "created_date": 5}, "created_date"),
    ],
)
async def test_mistaken_arguments_send_nothing_and_write_nothing(
    tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    async with Sandbox(works=5) as sandbox, DevRevClient(sandbox.token, base_url=sandbox.url) as client:
        with pytest.raises((InvalidArgumentError, TypeError), match=message):
            await client.works.export_to(tmp_path / options.pop("path"), **options)
        assert sandbox.request_count == 0
    assert list(tmp_path.iterdir()) == []


async def test_an_empty_path_is_not_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    async with Sandbox(works=5) as sandbox, DevRevClient(sandbox.token, base_url=sandbox.url) as client:
        with pytest.raises(InvalidArgumentError, match="path is empty"):
            await client.works.export_to("", format="csv")
        assert sandbox.request_count == 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("path", ["~/works.csv", "~someone/works.csv", "~"])
async def test_a_home_is_not_expanded_and_no_folder_of_its_name_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "~").mkdir()
    async with Sandbox(works=5) as sandbox, DevRevClient(sandbox.token, base_url=sandbox.url) as client:
        with pytest.raises(InvalidArgumentError, match="path begins with a ~, which is not expanded"):
            await client.works.export_to(path, format="csv")
        with pytest.raises(InvalidArgumentError, match="directory begins with a ~, which is not expanded"):
            await client.works.sync("state.json", path)
        with pytest.raises(InvalidArgumentError, match="state begins with a ~, which is not expanded"):
            await client.works.sync(path, "folder")
        assert sandbox.request_count == 0
        await client.works.export_to("~works.csv")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["~", "~works.csv"]
    assert list((tmp_path / "~").iterdir()) == []


@pytest.mark.parametrize(
    ("name", "format", "numbered"),
    [
        ("works.out", "csv", "works-00000.out"),
        ("works", "parquet", "works-00000"),
        ("works.jsonl", "csv", "works-00000.jsonl"),
        ("WORKS.CSV", None, "WORKS-00000.CSV"),
        ("a.b.jsonl.gz", None, "a.b-00000.jsonl.gz"),
        ("works.csv.gz", "csv", "works.csv-00000.gz"),
    ],
)
async def test_the_name_may_be_any_where_the_format_is_given(
    tmp_path: Path, name: str, format: Any, numbered: str
) -> None:
    await exported(tmp_path / name, raw_issues(["x"]), format=format)
    await exported(tmp_path / name, raw_issues(["x"]), format=format, rows_per_file=1)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([name, numbered])
    files = [(tmp_path / each).read_bytes() for each in (name, numbered)]
    assert len({gzip.decompress(data) if name.endswith("jsonl.gz") else data for data in files}) == 1


def test_without_pyarrow_the_extra_is_named() -> None:
    code = (
        "import asyncio, sys\n"
        "sys.modules['pyarrow'] = None\n"
        "from devrev_async import DevRevClient\n"
        "async def main():\n"
        "    async with DevRevClient('x') as client:\n"
        "        await client.works.export_to('works.parquet')\n"
        "asyncio.run(main())\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert "pip install 'devrev-async[arrow]'" in done.stderr
