"""The files of runs, on a real disk: their names, when they appear, which of them go, and what their errors name."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from devrev_async.changes.run_files import RunFile, RunFiles, is_name_of_a_run
from devrev_async.sinks._names import FileFormat

from .test_compare import FORMATS, PAIRS, issue
from .test_sync_cut_off import largest_file, open_files


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def needs(format: str) -> None:
    if format in ("csv", "parquet"):
        pytest.importorskip("pyarrow")


def put(folder: Path, number: int, format: FileFormat, works: Sequence[bytes]) -> None:
    """Makes the file of a run, as a run does."""
    needs(format)
    file = RunFiles(folder).create(number, format)
    file.write(works)
    file.end()
    file.publish()


# --- names ---


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        ("works-000001.jsonl", True), ("works-123456.csv", True), ("works-1234567.parquet", True),
        ("works-000001.jsonl.gz", True), ("works-00001.jsonl", False), ("works-000001.xml", False),
        ("works-000001", False), ("works-000001xjsonl", False), ("works-000001.jsonlxgz", False),
        (".works-000001.jsonl.part", False), ("works-000001.jsonl.part", False), ("my-works-000001.jsonl", False),
        ("WORKS-000001.JSONL", False), ("works--00001.csv", False), ("works-123456789012345.csv", True),
        ("works-1234567890123456.csv", False), ("works-\u0661\u0661\u0661\u0661\u0661\u0661.csv", False),
    ],
)  # fmt: skip
def test_names_that_a_run_may_write(tmp_path: Path, name: str, is_one: bool) -> None:
    assert is_name_of_a_run(name) is is_one
    (tmp_path / name).write_bytes(b"")
    assert len(RunFiles(tmp_path).all()) == is_one


@pytest.mark.parametrize("column", ["id", "title"])
def test_a_parquet_file_of_somebody_else_is_kept(tmp_path: Path, column: str) -> None:
    pa, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    parquet.write_table(pa.table({column: pa.array([None, None], pa.string())}), tmp_path / "works-000002.parquet")
    files = RunFiles(tmp_path)
    file = files.create(2, "parquet")
    file.write([issue(1)])
    file.end()
    assert files.choose_number(file, 2, "parquet", replaces=False) == 3
    file.abandon()


def test_the_files_there_are_come_by_number_and_not_by_name(tmp_path: Path) -> None:
    there: list[tuple[int, FileFormat, str]] = [
        (1, "parquet", "works-000001.parquet"),
        (2, "csv", "works-000002.csv"),
        (2, "jsonl.gz", "works-000002.jsonl.gz"),
        (999_999, "jsonl", "works-999999.jsonl"),
        (1_000_000, "jsonl", "works-1000000.jsonl"),
    ]
    for _, _, name in there:
        (tmp_path / name).write_bytes(b"")
    assert RunFiles(tmp_path).all() == [(number, format, tmp_path / name) for number, format, name in there]


def test_a_folder_that_is_not_there_has_no_files_and_is_made_with_those_above(tmp_path: Path) -> None:
    files = RunFiles(tmp_path / "a" / "b")
    files.check()
    files.remove_parts()
    files.lock()  # there is nothing to lock yet
    files.unlock()
    assert files.all() == []
    assert names(tmp_path) == []
    files.make()
    files.make()
    files.check()
    assert (files.folder.is_dir(), files.all()) == (True, [])


# --- when a file appears ---


@pytest.mark.parametrize("format", FORMATS)
def test_a_file_appears_whole_and_an_abandoned_one_never(tmp_path: Path, format: FileFormat) -> None:
    needs(format)
    files = RunFiles(tmp_path)
    name = f"works-000012.{format}"
    for publishes in (False, True):
        file = files.create(12, format)
        file.write([issue(1)])
        assert names(tmp_path) == [f".{name}.part"]
        file.write([issue(2), b'{"type":"issue","title":"without an id"}'])
        file.end()
        assert file.ids() == {"ISS-1", "ISS-2"}
        assert names(tmp_path) == [f".{name}.part"]
        if publishes:
            file.publish()
        file.abandon()
        assert names(tmp_path) == ([name] if publishes else [])
        assert open_files(tmp_path) == []
    file = files.create(12, format)
    file.write([issue(3)])
    file.abandon()
    assert names(tmp_path) == [name]
    assert open_files(tmp_path) == []


def test_a_parquet_file_has_the_schema_that_works_have_by_default(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    from devrev_async.arrow import works_schema

    put(tmp_path, 1, "parquet", [issue(1)])
    assert parquet.read_schema(tmp_path / "works-000001.parquet").equals(works_schema())


def test_a_file_is_on_the_disk_before_it_has_its_name_and_its_name_is_there_when_publish_returns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    sync, replace = os.fsync, os.replace

    def noted_sync(descriptor: int) -> None:
        at = os.fstat(descriptor)
        steps.append("folder" if os.path.samestat(at, tmp_path.stat()) else f"{at.st_size} bytes")
        sync(descriptor)

    def noted_replace(source: Any, target: Any) -> None:
        steps.append("name")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", noted_sync)
    monkeypatch.setattr(os, "replace", noted_replace)
    put(tmp_path, 1, "jsonl", [issue(1)])
    assert steps == [f"{len(issue(1)) + 1} bytes", "name", "folder"]
    steps.clear()
    RunFiles(tmp_path).remove_others(None, number=1, earlier=False)
    RunFiles(tmp_path).remove_others(None, number=1, earlier=False)
    assert steps == ["folder"]


def test_what_a_killed_run_left_is_written_anew(tmp_path: Path) -> None:
    (tmp_path / ".works-000001.jsonl.part").write_bytes(b"of an earlier run, and longer than what follows" * 99)
    put(tmp_path, 1, "jsonl", [issue(1)])
    assert names(tmp_path) == ["works-000001.jsonl"]
    assert (tmp_path / "works-000001.jsonl").read_bytes() == issue(1) + b"\n"


# --- which number, which files go ---


@pytest.mark.parametrize(
    ("there", "mine", "chosen"),
    [
        ((), [1], 2),
        ([(1, [7])], [1], 2),
        ([(2, [1, 2])], [1, 2, 3], 2),  # of this run, which was cut off before its state moved
        ([(2, [1]), (3, [1])], [1], 4),  # the state is an older copy
        ([(3, [1])], [1], 4),
        ([(2, "empty")], [1], 3),
        ([(2, "without id")], [1], 3),
        ([(2, "folder")], [1], 3),
        ([(2, [1, 2])], [2, 3], 3),  # of another state
        ([(1, [1]), (2, [9]), (5, [7])], [1], 6),
        ([(2, [9]), (999_999, [8])], [1], 1_000_000),
        ([(2, "damaged")], [1], 3),
    ],
)
@pytest.mark.parametrize(("format", "mine_is"), PAIRS)
def test_a_file_takes_a_free_number_where_its_own_has_works_that_it_has_not(
    tmp_path: Path,
    there: Sequence[tuple[int, list[int] | str]],
    mine: list[int],
    chosen: int,
    format: FileFormat,
    mine_is: FileFormat,
) -> None:
    for number, works in there:
        if works == "damaged":
            needs(format)
            (tmp_path / f"works-{number:06}.{format}").write_bytes(b"damaged")
        elif works == "folder":
            (tmp_path / f"works-{number:06}.{format}").mkdir()
        elif works == "without id":
            put(tmp_path, number, format, [b'{"type":"issue","title":"of somebody else"}'])
        else:
            put(tmp_path, number, format, [] if works == "empty" else [issue(int(n)) for n in works])
    needs(mine_is)
    before, files = names(tmp_path), RunFiles(tmp_path)
    file = files.create(2, mine_is)
    file.write([issue(n) for n in mine])
    file.end()
    assert files.choose_number(file, 2, mine_is, replaces=False) == chosen
    assert file.target == tmp_path / f"works-{chosen:06}.{mine_is}"
    file.publish()
    assert names(tmp_path) == sorted({*before, file.target.name})
    assert file.target.stat().st_size


@pytest.mark.parametrize(
    ("kept", "earlier", "left"),
    [
        ("works-000003.csv", False, ["works-000001.csv", "works-000002.csv", "works-000003.csv", "works-000004.csv"]),
        (None, False, ["works-000001.csv", "works-000002.csv", "works-000004.csv"]),
        ("works-000003.csv", True, ["works-000003.csv", "works-000004.csv"]),
        (None, True, ["works-000004.csv"]),
    ],
)
def test_the_files_in_other_formats_go_and_after_a_full_refresh_the_earlier_ones(
    tmp_path: Path, kept: str | None, earlier: bool, left: list[str]
) -> None:
    for name in ("000001.csv", "000002.csv", "000003.csv", "000003.jsonl", "000003.jsonl.gz", "000004.csv"):
        (tmp_path / f"works-{name}").write_bytes(b"")
    others = ["notes.txt", "works-1.csv"]
    for name in others:
        (tmp_path / name).write_bytes(b"")
    RunFiles(tmp_path).remove_others(None if kept is None else tmp_path / kept, number=3, earlier=earlier)
    assert names(tmp_path) == sorted([*others, *left])


def test_the_parts_of_runs_go_and_nothing_else(tmp_path: Path) -> None:
    others = [
        ".works-all.jsonl.part",
        ".works-2026.csv.part",
        ".works-000001.txt.part",
        ".state.json.part",
        ".works-000001.jsonl",
        "works-000001.jsonl",
        "works-000001.jsonl.part",
    ]
    for name in [*others, ".works-000001.jsonl.part", ".works-1000000.parquet.part"]:
        (tmp_path / name).write_bytes(b"")
    RunFiles(tmp_path).remove_parts()
    assert names(tmp_path) == sorted(others)


# --- what errors name ---


def test_the_lock_of_a_folder_names_the_folder(tmp_path: Path) -> None:
    files, others = RunFiles(tmp_path), RunFiles(tmp_path)
    files.lock()
    files.lock()
    with pytest.raises(BlockingIOError) as caught:
        others.lock()
    assert caught.value.filename == str(tmp_path)
    assert names(tmp_path) == [".works-files.lock"]  # runs of any version keep each other out
    files.unlock()
    others.lock()
    with pytest.raises(BlockingIOError):
        files.lock()
    others.unlock()
    assert names(tmp_path) == []


@pytest.mark.parametrize("below", ["", "deeper", "deeper/still"])
@pytest.mark.parametrize("kind", ["file", "link to a file"])
def test_what_is_no_folder_is_named_with_the_folder_that_was_wanted(tmp_path: Path, below: str, kind: str) -> None:
    place = tmp_path / "place"
    if kind == "file":
        place.write_bytes(b"")
    else:
        (tmp_path / "file").write_bytes(b"")
        place.symlink_to(tmp_path / "file")
    with pytest.raises(NotADirectoryError) as caught:
        RunFiles(place / below).check()
    assert (caught.value.errno, caught.value.filename) == (errno.ENOTDIR, str(place / below))
    assert caught.value.strerror == f"{os.path.realpath(place)} is not a folder"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may use any folder")
@pytest.mark.parametrize(
    ("mode", "below", "words"),
    [(0o500, "", "is not writable"), (0o500, "deeper", "is not writable"), (0o300, "", "cannot be listed")],
)
def test_a_folder_that_may_not_be_used_is_named(tmp_path: Path, mode: int, below: str, words: str) -> None:
    place = tmp_path / "place"
    place.mkdir(mode=mode)
    with pytest.raises(PermissionError) as caught:
        RunFiles(place / below).check()
    assert (caught.value.errno, caught.value.filename) == (errno.EACCES, str(place / below))
    assert caught.value.strerror == f"the folder {os.path.realpath(place)} {words}"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may use any folder")
def test_a_folder_below_one_that_cannot_be_listed_can_be_made(tmp_path: Path) -> None:
    place = tmp_path / "place"
    place.mkdir(mode=0o300)
    RunFiles(place / "deeper").check()


def test_what_the_disk_refuses_names_the_file_that_was_wanted(tmp_path: Path) -> None:
    target = tmp_path / "gone" / "works-000001.jsonl"
    with pytest.raises(FileNotFoundError) as caught:
        RunFile(target, "jsonl")
    assert caught.value.filename == str(target)
    taken = RunFiles(tmp_path).create(2, "jsonl")
    taken.end()
    (tmp_path / "works-000002.jsonl").mkdir()
    with pytest.raises(IsADirectoryError) as refused:
        taken.publish()
    assert (refused.value.filename, refused.value.filename2) == (str(taken.target), None)
    taken.abandon()
    assert names(tmp_path) == ["works-000002.jsonl"]


@pytest.mark.skipif(os.name == "nt", reason="limits of a process are POSIX's")
@pytest.mark.parametrize("works", [1, 1000])
def test_a_full_disk_names_the_file_and_an_abandoned_one_takes_no_room(tmp_path: Path, works: int) -> None:
    file = RunFiles(tmp_path).create(1, "jsonl")
    with largest_file(10):
        with pytest.raises(OSError) as caught:
            file.write([issue(n) for n in range(works)])
            file.end()
        assert caught.value.filename == str(tmp_path / "works-000001.jsonl")
        file.abandon()
    assert names(tmp_path) == []
    assert open_files(tmp_path) == []


def test_a_writer_that_finds_no_memory_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")

    def refuse(*_: object, **__: object) -> None:
        raise MemoryError

    with monkeypatch.context() as patched, pytest.raises(MemoryError):
        patched.setattr(parquet, "ParquetWriter", refuse)
        RunFiles(tmp_path).create(1, "parquet")
    assert names(tmp_path) == []
    assert open_files(tmp_path) == []
