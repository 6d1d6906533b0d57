"""What `works.sync(compare=True)` takes for the same content of a work."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from devrev_async.changes.compare import Comparison, rows_of_file, rows_of_works
from devrev_async.changes.run_files import RunFile
from devrev_async.errors import SyncStateError
from devrev_async.sinks._names import FileFormat

DATED = b'"type":"issue","id":"ISS-1","modified_date":"2025-01-31T12:00:00Z"'
BIG = b"9" * 30


def work(fields: bytes) -> bytes:
    return b"{%s,%s}" % (DATED, fields)


def content(text: bytes, format: Any) -> bytes:
    (row,) = rows_of_works([text], format)
    return row.content


@pytest.mark.parametrize("format", ["jsonl", "csv", "parquet"])
@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (b'"custom_fields":{"a":1,"b":2}', b'"custom_fields":{"b":2,"a":1}', True),
        (b'"custom_fields":{"a":1,"b":2}', b'"custom_fields":{"a":2,"b":1}', False),
        (b'"custom_fields":{"x":[{"a":1,"b":2}]}', b'"custom_fields":{"x":[{"b":2,"a":1}]}', True),
        (b'"custom_fields":{"x":[1,2]}', b'"custom_fields":{"x":[2,1]}', False),
        (b'"custom_fields":{"a":%s,"b":2}' % BIG, b'"custom_fields":{"b":2,"a":%s}' % BIG, True),
        (b'"custom_fields":{"a":%s}' % BIG, b'"custom_fields":{"a":%s8}' % BIG[1:], False),
        (
            b'"stage":{"name":"a","state":{"id":"1","name":"b"}}',
            b'"stage":{"state":{"name":"b","id":"1"},"name":"a"}',
            True,
        ),
        (
            b'"stage":{"name":"a","state":{"id":"1","name":"b"}}',
            b'"stage":{"state":{"name":"c","id":"1"},"name":"a"}',
            False,
        ),
        (b'"title":"a","body":"b"', b'"body":"b","title":"a"', True),
        (b'"title":"[a]","body":"{"', b'"body":"{","title":"[a] "', False),
        (b'"title":{"a":1,"b":2}', b'"title":{"b":2,"a":1}', True),
        (b'"title":{"a":1,"b":"\\ud83d"}', b'"title":{"b":"\\ud83d","a":1}', True),
        (b'"title":{"a":1,"b":2}', b'"title":{"b":2,"a":2}', False),
        (b'"type":"riddle","a":1', b'"a":1,"type":"riddle"', True),
        (b'"type":"riddle","title":"a"', b'"title":"b","type":"riddle"', False),
    ],
)
def test_the_order_of_keys_is_no_difference(one: bytes, other: bytes, same: bool, format: str) -> None:
    if format != "jsonl":
        pytest.importorskip("pyarrow")
    assert (content(work(one), format) == content(work(other), format)) is same


FORMATS: list[FileFormat] = ["jsonl", "jsonl.gz", "csv", "parquet"]


def issue(n: int, title: str = "title", modified: str | None = "2025-01-31T12:00:00.250Z") -> bytes:
    return json.dumps({"type": "issue", "id": f"ISS-{n}", "modified_date": modified, "title": title}).encode()


NAMELESS = b'{"type":"issue","title":"without an id"}'


def written(folder: Path, number: int, format: FileFormat, *works: bytes) -> tuple[int, FileFormat, Path]:
    """The file of a run."""
    if format in ("csv", "parquet"):
        pytest.importorskip("pyarrow")
    path = folder / f"works-{number:06}.{format}"
    file = RunFile(path, format)
    file.write(works)
    file.end()
    file.publish()
    return number, format, path


@pytest.mark.parametrize("format", FORMATS)
def test_the_rows_of_a_run_file_are_those_of_the_works_it_was_written_of(tmp_path: Path, format: FileFormat) -> None:
    works = [issue(2, "a\r\nb\rc\n"), NAMELESS, issue(1, '[1, "\u00e9"]'), issue(3, modified=None), b"{}"]
    works += [
        issue(4, "=1+1"),
        work(b'"owned_by":[{"id":"U-1"}],"stage":{"state":{"name":"x"}},"custom_fields":{"a":{}}'),
    ]
    _, _, path = written(tmp_path, 1, format, *works)
    rows = list(rows_of_file(path, format))
    assert [row.id for row in rows] == ["ISS-2", "ISS-1", "ISS-3", "ISS-4", "ISS-1"]
    assert rows == list(rows_of_works(works, format))
    assert len({row.content for row in rows}) == 5
    assert rows[0].modified == rows[1].modified != rows[2].modified


def test_json_lines_keep_keys_that_no_type_has_and_so_they_are_compared() -> None:
    plain, first, second = work(b'"title":"x"'), work(b'"title":"x","level":1'), work(b'"level":2,"title":"x"')
    assert len({content(text, "jsonl") for text in (plain, first, second)}) == 3
    assert content(first, "jsonl") == content(work(b'"level":1,"title":"x"'), "jsonl")
    assert len({content(text, "csv") for text in (plain, first, second)}) == 1


@pytest.mark.parametrize("format", FORMATS)
def test_a_run_file_has_works_beyond_one_batch(tmp_path: Path, format: FileFormat) -> None:
    _, _, path = written(tmp_path, 1, format, *map(issue, range(2500)))
    assert [row.id for row in rows_of_file(path, format)] == [f"ISS-{n}" for n in range(2500)]


LATER = "2025-02-01T00:00:00Z"

PAIRS: list[tuple[FileFormat, FileFormat]] = [
    *zip(FORMATS, FORMATS, strict=True),
    ("csv", "jsonl"),
    ("parquet", "jsonl.gz"),
]
"""The formats of two runs."""


CASES: list[tuple[tuple[list[bytes], list[bytes]], list[bytes], list[str], list[str]]] = [
    (([], []), [issue(1)], [], []),
    (([issue(1), issue(2)], []), [issue(1), issue(2)], [], []),
    (([issue(3), issue(1), issue(2)], [issue(4)]), [issue(2)], ["ISS-1", "ISS-3", "ISS-4"], []),
    # what the last run that had a work wrote of it counts
    (([issue(1, "old")], [issue(1, "new")]), [issue(1, "new")], [], []),
    (([issue(1, "new")], [issue(1, "old")]), [issue(1, "new")], [], ["ISS-1"]),
    (([issue(2), issue(1)], [issue(3)]), [issue(3, "x"), issue(2, "x"), issue(1)], [], ["ISS-2", "ISS-3"]),
    # a change that shows, and works that no run wrote yet, are what the next run is for
    (([issue(1)], []), [issue(1, "new", LATER), issue(2)], [], []),
    (([issue(1, modified=None)], []), [issue(1, "new", None)], [], ["ISS-1"]),
]
"""What two runs wrote, what the export has, and what is missing from it and differs."""


@pytest.mark.parametrize("formats", PAIRS)
@pytest.mark.parametrize(("runs", "export", "missing", "differing"), CASES)
def test_what_is_missing_from_an_export_and_what_differs(
    tmp_path: Path,
    formats: tuple[FileFormat, FileFormat],
    runs: tuple[list[bytes], list[bytes]],
    export: list[bytes],
    missing: list[str],
    differing: list[str],
) -> None:
    files = [written(tmp_path, n, formats[n], *works) for n, works in enumerate(runs)]
    comparison = Comparison(files)
    comparison.see(export[:1])
    comparison.see(export[1:])
    assert comparison.missing() == missing
    assert comparison.differing() == differing


@pytest.mark.parametrize(
    ("format", "content"),
    [
        ("jsonl", b'{"id"'), ("jsonl", issue(1)), ("jsonl.gz", b"\x1f\x8b"), ("jsonl.gz", b"text"),
        ("jsonl.gz", gzip.compress(issue(1) + b"\n", mtime=0)[:-9]), ("csv", b""), ("csv", b"id,modified_date\r\nISS-1,"),
        ("csv", b"id,modified_date\r\nISS-1,\n"), ("csv", b"id\r\nISS-1\r\n"), ("csv", b"modified_date\r\n\r\n"),
        ("csv", b'id,modified_date\r\n"ISS-1"x,\r\n'), ("csv", b"id,modified_date\r\nISS-1\r\n"), ("csv", b"\r\n"),
        ("csv", b"id,modified_date\r\n\xff,\r\n"), ("parquet", b""), ("parquet", b"PAR1"),
    ],
)  # fmt: skip
def test_a_run_file_that_is_not_whole_is_named(tmp_path: Path, format: FileFormat, content: bytes) -> None:
    if format == "parquet":
        pytest.importorskip("pyarrow")
    path = tmp_path / "works-000001"
    path.write_bytes(content)
    with pytest.raises(SyncStateError, match=rf"works-000001: is no whole {format} file: .") as caught:
        list(rows_of_file(path, format))
    assert caught.value.path == str(path)
    assert caught.value.hint == "restore it from a backup, or start anew with full_refresh=True (--full-refresh)"


def test_a_csv_file_may_end_with_its_header_and_python_reads_cells_as_before(tmp_path: Path) -> None:
    limit = csv.field_size_limit()
    path = tmp_path / "works-000001.csv"
    path.write_bytes(b"id,modified_date\r\n")
    assert list(rows_of_file(path, "csv")) == []
    path.write_bytes(b"id,x,modified_date\r\nISS-1,%b,now\r\n" % (b"x" * 2 * limit))
    assert [(row.id, row.modified) for row in rows_of_file(path, "csv")] == [("ISS-1", "now")]
    assert csv.field_size_limit() == limit


def test_long_cells_are_read_where_another_reading_has_ended_meanwhile(tmp_path: Path) -> None:
    """The bound of Python's reader is one for all threads."""
    limit, path = csv.field_size_limit(), tmp_path / "works-000001.csv"
    path.write_text("id,modified_date,title\r\nISS-1,,a\r\n" + f"ISS-2,,{'a' * (limit + 1)}\r\n", newline="")
    one, other = rows_of_file(path, "csv"), rows_of_file(path, "csv")
    assert (next(one).id, next(other).id) == ("ISS-1", "ISS-1")
    assert [row.id for row in one] == ["ISS-2"]
    assert [row.id for row in other] == ["ISS-2"]
    assert csv.field_size_limit() == limit
