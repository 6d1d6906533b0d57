"""What the command writes: files of all formats, numbers for machines, schemas, a line for a shell; and full pipes."""

from __future__ import annotations

import csv
import gzip
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa
import pytest
from pyarrow import json as pyarrow_json
from pyarrow import parquet

from devrev_async.arrow import works_schema
from devrev_async.cli.display import numbers
from devrev_async.options import RateLimit
from devrev_async.sandbox import Sandbox

from .conftest import COMMAND, SMALL, Command, Ended

Here = Callable[..., Ended]
posix = pytest.mark.skipif(sys.platform == "win32", reason="pipes of POSIX")


def rows_in(path: Path, format: str) -> int:
    if format == "parquet":
        return int(parquet.read_metadata(path).num_rows)
    if format == "csv":
        with path.open(newline="", encoding="utf-8") as file:
            return len(list(csv.DictReader(file)))
    data = path.read_bytes()
    return len((gzip.decompress(data) if format == "jsonl.gz" else data).splitlines())


@pytest.mark.parametrize("format", ["jsonl", "jsonl.gz", "csv", "parquet"])
@pytest.mark.parametrize("by_name", [True, False])
def test_formats(here: Here, tmp_path: Path, format: str, by_name: bool) -> None:
    name = f"w.{format}" if by_name else "w"
    ended = here("works", "export", "-o", name, *([] if by_name else ["--format", format]), *SMALL)
    assert (ended.code, ended.stdout) == (0, b"")
    assert ended.error.startswith(f"60 works in {name} (")
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert rows_in(tmp_path / name, format) == 60


def test_columns_depth_and_numbered_files(here: Here, tmp_path: Path) -> None:
    options = ["--columns", "id, stage", "--depth", "all", "--rows-per-file", "25"]
    assert here("works", "export", "-o", "w.parquet", *options, *SMALL).code == 0
    files = sorted(tmp_path.iterdir())
    assert [path.name for path in files] == ["w-00000.parquet", "w-00001.parquet", "w-00002.parquet"]
    assert [parquet.read_metadata(path).num_rows for path in files] == [25, 25, 10]
    assert parquet.read_schema(files[0]).equals(works_schema(["id", "stage"], None), check_metadata=False)


def test_safe_cells(here: Here, sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.add({"type": "issue", "title": "=1+1"})
    assert here("works", "export", "-o", "w.csv", "--columns", "title", "--csv-safe").code == 0
    assert b"'=1+1" in (tmp_path / "w.csv").read_bytes().splitlines()


@pytest.mark.parametrize("output", ["w.jsonl", "-"])
def test_the_last_line_as_json(here: Here, output: str) -> None:
    ended = here("works", "export", "-o", output, "--json", *SMALL)
    told = json.loads(ended.error)
    assert (told["works"], told["complete"], told["restarted"], told["output"]) == (60, True, False, output)
    assert told["requests"] >= 1
    assert told["seconds"] > 0
    assert sum(told["proofs"].values()) == 60


@posix
@pytest.mark.skipif(sys.platform == "darwin", reason="its file system takes names of UTF-8 only")
@pytest.mark.parametrize(
    ("name", "told", "locale"),
    [
        (b"b\xff", "b\ufffd", {}),
        ("soft\xadhyphen".encode(), "soft\xadhyphen", {}),
        ("wörk€".encode(), "wörk€", {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}),
    ],
)
@pytest.mark.parametrize("which", ["export", "sync", "list"])
def test_the_last_line_as_json_of_a_file_whose_name_is_no_text(
    command: Command, name: bytes, told: str, locale: dict[str, str], which: str
) -> None:
    target = os.fsdecode(name)
    args = {
        "export": ["works", "export", "-o", f"{target}.jsonl"],
        "sync": ["works", "sync", "--state", f"{target}.state", "-o", target],
        "list": ["list", "accounts.list", "-o", f"{target}.jsonl"],
    }[which]
    ended = command(*args, "--json", *SMALL, env=locale)
    assert ended.code == 0
    last = json.loads(ended.stderr.splitlines()[-1])
    assert (last["file"] if which == "sync" else last["output"]).startswith(told)
    assert any(name in os.fsencode(path.name) for path in command.folder.iterdir())


def test_the_last_line_of_a_failure_as_json(here: Here, sandbox: Sandbox) -> None:
    sandbox.fail_next("*", status=500, times=10)
    ended = here("works", "export", "-o", "w.jsonl", "--json", "--max-retries", "0")
    error, told = ended.stderr.splitlines()
    assert ended.code == 1
    assert error.startswith("error: works.")
    assert json.loads(told)["complete"] is False


def test_an_extra_that_is_missing(command: Command) -> None:
    code = "import sys; sys.modules['pyarrow'] = None; from devrev_async.cli import main; sys.exit(main(sys.argv[1:]))"
    args = [sys.executable, "-c", code, "works", "export", "-o", "w.parquet", "--sandbox"]
    done = subprocess.run(
        args, cwd=command.folder, env=command.env, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "error: columns need pyarrow: pip install 'devrev-async[arrow]'\n"


@pytest.mark.parametrize("name", ["w.parquet", "w.csv"])
def test_pandas_is_not_imported(command: Command, name: str) -> None:
    """pyarrow imports it with the first list that it converts, which takes 45 MB and up to a second."""
    code = "import sys; from devrev_async.cli import main; main(); print('pyarrow' in sys.modules, 'pandas' in sys.modules)"
    args = [sys.executable, "-c", code, "works", "export", "-o", name, "--sandbox", "--sandbox-works", "10"]
    done = subprocess.run(
        args, cwd=command.folder, env=command.env, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "True False\n"


# --- targets that cannot be ---


@posix
@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("loop.jsonl", "symbolic links"),
        (f"{'a' * 300}.jsonl", "File name too long"),
        ("file/w.jsonl", "Not a directory"),
    ],
)
def test_a_target_that_cannot_be(here: Here, tmp_path: Path, target: str, said: str) -> None:
    (tmp_path / "loop.jsonl").symlink_to(tmp_path / "loop.jsonl")
    (tmp_path / "file").touch()
    ended = here("works", "export", "-o", target, *SMALL)
    assert (ended.code, ended.stdout) == (2, b"")
    assert said in ended.error


@posix
def test_a_current_folder_that_is_gone(command: Command) -> None:
    folder = command.folder / "gone"
    line = f"mkdir gone; cd gone; rmdir ../gone; {shlex.join(COMMAND)} works export -o w.jsonl {shlex.join(SMALL)}"
    done = subprocess.run(
        ["sh", "-c", line], cwd=command.folder, env=command.env, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 2
    assert done.stderr == "error: -o w.jsonl: No such file or directory\n"
    assert not folder.exists()


# --- stdout ---

OTHERS = [["--version"], ["works", "export", "--help"], ["schema", "--for", "polars"]]


@posix
@pytest.mark.parametrize(
    "args",
    [["--help"], ["schema", "--for", "duckdb"], *(pytest.param(each, marks=pytest.mark.slow) for each in OTHERS)],
)
def test_a_full_stdout(command: Command, args: list[str]) -> None:
    with Path("/dev/full").open("wb") as full:
        ended = command(*args, stdout=full)
    assert ended.code == 1
    assert ended.error == "error: stdout: No space left on device"


@posix
@pytest.mark.parametrize(
    "args",
    [["--help"], ["works", "count", *SMALL], *(pytest.param(each, marks=pytest.mark.slow) for each in OTHERS)],
)
def test_a_stdout_that_nobody_reads(command: Command, args: list[str]) -> None:
    reads, writes = os.pipe()
    os.close(reads)
    with os.fdopen(writes, "wb") as pipe:
        ended = command(*args, stdout=pipe)
    assert (ended.code, ended.stderr) == (0, "")


@posix
def test_an_export_to_a_reader_that_has_gone(command: Command) -> None:
    reads, writes = os.pipe()
    os.close(reads)
    with os.fdopen(writes, "wb") as pipe:
        ended = command("works", "export", *SMALL, "-o", "-", stdout=pipe)
    assert (ended.code, ended.stderr) == (0, "")


# --- progress ---


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((0, None, None, 0, None), "0 works, 0 requests"),
        ((1200, None, 600.0, 1, None), "1,200 works, 600/s, 1 request"),
        (
            (1200, 4200, 50.0, 3, RateLimit(100, 97, None)),
            "1,200 of 4,200 works, 50/s, 3 requests, quota 97 of 100, 1:00 left",
        ),
        ((4200, 4200, 50.0, 3, None), "4,200 of 4,200 works, 50/s, 3 requests"),
    ],
)
def test_the_numbers_of_the_progress_line(values: Any, expected: str) -> None:
    assert numbers(*values) == expected


@posix
def test_the_wait_counts_down(command: Command, sandbox: Sandbox) -> None:
    from .test_terminal import read_all

    sandbox.fail_next("works.export", status=429, retry_after=2)
    ours, theirs = os.openpty()
    env = {"TERM": "xterm-256color", "COLUMNS": "200"}
    process = command.start("works", "export", "-o", "works.jsonl", stderr=theirs, env=env)
    os.close(theirs)
    shown = read_all(ours).decode()
    os.close(ours)
    assert process.wait(timeout=30) == 0
    seconds = [int(number) for number in re.findall(r"waits (\d+) s: ", shown)]
    assert set(seconds) >= {2, 1}
    assert seconds == sorted(seconds, reverse=True)


# --- schema ---

LATE = {
    "type": "issue",
    "id": "ISS-late",
    "title": "last",
    "actual_close_date": "2025-03-01T10:00:00Z",
    "estimated_effort": 0.5,
    "stage": {"name": "done", "state": {"name": "closed"}},
    "custom_fields": {"tnt__Foo": 1, "tnt__foo": 2},
    "tags": [{"tag": {"name": "x"}, "value": "y"}],
}


def late_keys(path: Path) -> str:
    """Works of which only the last has the keys: later than DuckDB, Polars and PyArrow look."""
    early = [json.dumps({"type": "issue", "id": f"ISS-{n}", "estimated_effort": 1}) for n in range(20_500)]
    path.write_text("\n".join([*early, json.dumps(LATE)]) + "\n")
    return str(path)


def schema_for(here: Here, reader: str, *args: str) -> str:
    ended = here("schema", "--for", reader, *args)
    assert ended.code == 0
    assert ended.error.startswith("use it as: ")
    return ended.stdout.decode()


@pytest.mark.parametrize("depth", ["1", "2", "all"])
def test_duckdb_reads_late_keys(here: Here, tmp_path: Path, depth: str) -> None:
    columns = schema_for(here, "duckdb", "--depth", depth)
    path = late_keys(tmp_path / "works.jsonl")
    query = (
        "select title, actual_close_date::varchar, estimated_effort, stage.name, custom_fields->>'tnt__foo',"
        f" tags[1].value from read_json('{path}', columns = {columns}) where id = 'ISS-late'"
    )
    connection = duckdb.connect()
    connection.sql("set TimeZone = 'UTC'")
    [row] = connection.sql(query).fetchall()
    assert row[:1] + row[2:5] == ("last", 0.5, "done", "2")
    assert row[1].startswith("2025-03-01 10:00:00")
    assert row[5] == "y"
    assert connection.sql(f"select count(*) from read_json('{path}', columns = {columns})").fetchall() == [(20_501,)]
    python: dict[str, str] = eval(columns)
    assert connection.read_json(path, columns=python).columns == works_schema().names[:-1]


@pytest.mark.parametrize("depth", ["1", "2"])
def test_polars_reads_late_keys(here: Here, tmp_path: Path, depth: str) -> None:
    schema: dict[str, Any] = eval(schema_for(here, "polars", "--depth", depth), {"pl": pl})
    path = late_keys(tmp_path / "works.jsonl")
    for read in (pl.read_ndjson(path, schema=schema), pl.scan_ndjson(path, schema=schema).collect()):
        assert read.columns == works_schema().names[:-1]
        [row] = read.filter(pl.col("id") == "ISS-late").to_dicts()
        assert row["title"] == "last"
        assert row["estimated_effort"] == 0.5
        assert row["actual_close_date"].isoformat() == "2025-03-01T10:00:00+00:00"
        assert row["stage"]["name"] == "done"
        assert json.loads(row["custom_fields"]) == {"tnt__Foo": 1, "tnt__foo": 2}


def test_pyarrow_reads_late_keys(here: Here, tmp_path: Path) -> None:
    schema: pa.Schema = eval(schema_for(here, "arrow"), {"pa": pa})
    options = pyarrow_json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore")
    table = pyarrow_json.read_json(late_keys(tmp_path / "works.jsonl"), parse_options=options)
    row = table.slice(table.num_rows - 1).to_pylist()[0]
    assert (row["title"], row["estimated_effort"], row["stage"]["state"]["name"]) == ("last", 0.5, "closed")
    assert row["actual_close_date"].isoformat() == "2025-03-01T10:00:00+00:00"


def test_a_real_export_fits_the_schema(here: Here, tmp_path: Path) -> None:
    assert here("works", "export", "-o", "w.jsonl", "--sandbox", "--sandbox-works", "600").code == 0
    columns = schema_for(here, "duckdb")
    query = f"select count(distinct id) from read_json('{tmp_path / 'w.jsonl'}', columns = {columns})"
    assert duckdb.sql(query).fetchall() == [(600,)]
    schema: dict[str, Any] = eval(schema_for(here, "polars"), {"pl": pl})
    assert pl.read_ndjson(tmp_path / "w.jsonl", schema=schema)["id"].n_unique() == 600


# --- sandbox ---


@posix
def test_a_shell_can_eval_the_line_of_the_sandbox(command: Command) -> None:
    (command.folder / "own.jsonl").write_text('{"type": "issue", "title": "mine"}\n')
    options = ["--works", "own.jsonl", "--token", 'it\'s-a-"$HOME"-token', "--quota", "50", "--latency", "0.01"]
    process = command.start("sandbox", *options)
    assert process.stdout is not None
    line = process.stdout.readline().decode()
    run = f'eval "$LINE"; {shlex.join(COMMAND)} works export -o -'
    done = subprocess.run(
        ["sh", "-c", run], env={**command.env, "LINE": line}, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["title"] == "mine"
    process.terminate()
    assert process.wait(timeout=30) == 143


@pytest.mark.parametrize(
    ("content", "said"), [(None, "No such file"), ("{}\nnonsense\n", "line 2"), ("[]\n", "line 1")]
)
def test_a_file_that_the_sandbox_cannot_serve(here: Here, tmp_path: Path, content: str | None, said: str) -> None:
    if content is not None:
        (tmp_path / "own.jsonl").write_text(content)
    ended = here("sandbox", "--works", "own.jsonl")
    assert ended.code == 2
    assert said in ended.error


def test_a_sandbox_that_would_never_answer(here: Here) -> None:
    assert here("sandbox", "--latency", "inf").error.startswith("error: --latency must be a finite number")


# --- help ---


def commands() -> list[list[str]]:
    return [
        ["works", "export"], ["works", "get"], ["works", "update"], ["works", "count"], ["works", "sync"],
        ["list"], ["doctor"], ["schema"], ["sandbox"],
    ]  # fmt: skip


def test_every_command_is_known_here(here: Here) -> None:
    for group in ([], ["works"]):
        text = here(*group, "--help").stdout.decode()
        names = re.findall(r"^  ([a-z-]+)  ", text.partition("Commands:")[2], re.MULTILINE)
        assert names, text
        assert {(*group, name) for name in names if name != "works"} <= {tuple(name) for name in commands()}


@pytest.mark.parametrize("name", commands(), ids=" ".join)
def test_the_example_of_a_command_runs(here: Here, command: Command, name: list[str]) -> None:
    (command.folder / "edits.jsonl").write_text('{"id": "ISS-1", "priority": "p2"}\n')
    examples = re.findall(r"^ *Example: devrev-async (.*)$", here(*name, "--help").stdout.decode(), re.MULTILINE)
    assert len(examples) == 1
    args = shlex.split(examples[0])
    if name == ["sandbox"]:
        process = command.start(*args)
        assert process.stdout is not None
        assert process.stdout.readline().startswith(b"export DEVREV_BASE_URL=")
        return
    if name != ["schema"]:
        args = [arg for arg in args if arg != "--sandbox"] + SMALL  # some are for an account, and all for more works
    ended = here(*args)
    assert ended.code == 0, ended.stderr


@pytest.mark.parametrize(
    ("args", "error"),
    [
        (
            ["works", "export", "-o", "."],
            "-o takes a file that ends in one of .jsonl, .jsonl.gz, .csv, .parquet, not '.'",
        ),
        (["works", "export", "-o", "~/w.csv"], "-o begins with a ~, which is not expanded"),
        (["works", "sync", "--state", "~/s", "-o", "d", *SMALL], "--state begins with a ~, which is not expanded"),
        (["works", "sync", "--state", "s", "-o", "~", *SMALL], "-o begins with a ~, which is not expanded"),
        (["works", "export", "-o", "", "--format", "csv"], "-o is empty"),
        (["works", "sync", "--state", "", "-o", "d", *SMALL], "--state is empty"),
        (["works", "sync", "--state", "s", "-o", "", *SMALL], "-o is empty"),
        (["list", "accounts.list", "-o", "~/w.jsonl"], "-o begins with a ~, which is not expanded"),
    ],
)
def test_a_target_that_is_refused_is_shown_as_it_was_given(
    here: Here, tmp_path: Path, args: list[str], error: str
) -> None:
    ended = here(*args)
    assert ended.code == 2
    assert f"error: {error}" in ended.error
    assert list(tmp_path.iterdir()) == []
