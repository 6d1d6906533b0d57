"""A run of `works.sync` that was killed is repeated under its name, and the repeat has all that stood there."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from devrev_async import DevRevClient, SyncReport, SyncStateError
from devrev_async.changes.cut_run import CutRun, content_of
from devrev_async.sandbox import Sandbox
from devrev_async.sandbox.server import run_in_thread

from .syncing import Synced, ended, files, newest, records, started, truth

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")

FORMATS = ["jsonl", "jsonl.gz", "csv", "parquet"]
WORKS = [{"id": f"don:core:dvrv-us-1:devo/0SandBox:issue/{n}", "display_id": f"ISS-{n}"} for n in range(1, 8)]
CUT = WORKS[1]["id"], WORKS[2]["id"]
"""What the run that is cut off writes."""


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with run_in_thread(Sandbox(works=WORKS)) as sandbox:
        sandbox.clock.freeze(datetime(2026, 3, 1, 12, tzinfo=UTC))
        yield sandbox


@pytest.fixture
def synced(tmp_path: Path) -> Synced:
    return Synced(tmp_path)


def need(format: str) -> str:
    if format in ("csv", "parquet"):
        pytest.importorskip("pyarrow")
    return format


def sync(sandbox: Sandbox, synced: Synced, **options: Any) -> SyncReport:
    async def run() -> SyncReport:
        async with DevRevClient(sandbox.token, base_url=sandbox.url) as client:
            return await synced.run(client, **options)

    return asyncio.run(run())


def edit(sandbox: Sandbox, *ids: str, title: str) -> None:
    sandbox.clock.advance(3600)
    for id in ids:
        sandbox.update(id, {"title": title})
    sandbox.clock.advance(5)


def cut_off(sandbox: Sandbox, synced: Synced, kill_at: str = "", **options: Any) -> None:
    """A second run, which writes two works, killed as soon as its file stands, or another file."""
    sync(sandbox, synced, **options)
    edit(sandbox, *CUT, title='a "cut"\r\nrun, é')
    kill_at = kill_at or f"works-000002.{options.get('format', 'jsonl')}"
    assert ended(started(sandbox, synced, kill_at, **options)) == -signal.SIGKILL
    assert synced.values()["run"] == 1


def rows(synced: Synced, format: str) -> dict[str, dict[str, Any]]:
    """The last file's rows by id, each there once."""
    (path,) = synced.folder.glob(f"works-000002.{format}")
    alone = path.parent.with_name("alone")
    alone.mkdir(exist_ok=True)
    (alone / path.name).write_bytes(path.read_bytes())
    found = list(records(alone, format))
    assert len({row["id"] for row in found}) == len(found)
    return {row["id"]: row for row in found}


def note_of(synced: Synced) -> Path:
    return synced.state.with_name(".state.json.pending")


def without_note(synced: Synced) -> None:
    """Leaves the state as a release did that made no note beside it."""
    note_of(synced).unlink()


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("gone", [0, 1])
def test_the_repeat_has_the_works_of_the_cut_run_that_are_gone(
    sandbox: Sandbox, synced: Synced, format: str, gone: int, caplog: pytest.LogCaptureFixture
) -> None:
    cut_off(sandbox, synced, format=need(format))
    before = rows(synced, format)
    sandbox.delete(CUT[gone])
    edit(sandbox, "ISS-5", title="later")
    with caplog.at_level(logging.INFO, "devrev_async.changes"):
        report = sync(sandbox, synced, format=format)
    assert files(synced.folder) == [f"works-000001.{format}", f"works-000002.{format}"]
    after = rows(synced, format)
    assert set(after) == {*CUT, WORKS[4]["id"]}
    assert [after[id] for id in CUT] == [before[id] for id in CUT]
    assert (report.works, report.new, report.run, report.file) == (
        3,
        3,
        2,
        str(synced.folder / f"works-000002.{format}"),
    )
    assert (synced.values()["run"], note_of(synced).exists()) == (2, False)
    assert [(each.levelname, each.getMessage()) for each in caplog.records if each.name == "devrev_async.changes"] == [
        ("INFO", f"{report.file}: keeps works of a run that was cut off, as this one does not find them (1)")
    ]


@pytest.mark.parametrize("format", FORMATS)
def test_a_repeat_that_finds_nothing_leaves_the_file_and_uses_its_number(
    sandbox: Sandbox, synced: Synced, format: str
) -> None:
    cut_off(sandbox, synced, format=need(format))
    path = synced.folder / f"works-000002.{format}"
    before = path.read_bytes()
    for id in CUT:
        sandbox.delete(id)
    report = sync(sandbox, synced, format=format)
    assert (report.works, report.new, report.run, report.file) == (2, 2, 2, str(path))
    assert path.read_bytes() == before
    assert (synced.values()["run"], synced.values()["file"]) == (2, path.name)
    edit(sandbox, "ISS-5", title="later")
    assert sync(sandbox, synced, format=format).run == 3


def test_what_a_smaller_overlap_does_not_find_is_kept(sandbox: Sandbox, synced: Synced) -> None:
    sync(sandbox, synced)
    late = sandbox.add({"title": "late", "modified_date": sandbox.clock.now() - timedelta(minutes=3)})
    edit(sandbox, "ISS-5", title="next")
    assert ended(started(sandbox, synced, "works-000002.jsonl")) == -signal.SIGKILL
    assert late in rows(synced, "jsonl")
    assert sync(sandbox, synced, overlap=timedelta(0)).run == 2
    assert newest(synced.folder) == truth(sandbox)


def test_a_first_run_keeps_its_name_too(sandbox: Sandbox, synced: Synced) -> None:
    assert ended(started(sandbox, synced, "works-000001.jsonl")) == -signal.SIGKILL
    sandbox.delete(CUT[0])
    edit(sandbox, CUT[1], title="later")
    report = sync(sandbox, synced)
    assert (report.first, report.works, report.run) == (True, 7, 1)
    assert files(synced.folder) == ["works-000001.jsonl"]
    assert newest(synced.folder).keys() == {work["id"] for work in WORKS}
    assert newest(synced.folder).items() >= truth(sandbox).items()


def test_a_first_run_above_the_files_of_a_lost_state_keeps_its_name(sandbox: Sandbox, synced: Synced) -> None:
    for run in (1, 2, 3):
        edit(sandbox, CUT[0], title=f"{run}")
        sync(sandbox, synced)
    for name in (".state.json.pending", "works-000004.jsonl"):  # killed once the note stands, then once the file does
        synced.state.unlink()
        assert ended(started(sandbox, synced, name)) == -signal.SIGKILL
        edit(sandbox, CUT[0], title=name)
        report = sync(sandbox, synced)
        assert (report.run, report.first) == (4, True)
        assert newest(synced.folder) == truth(sandbox)
        (synced.folder / "works-000004.jsonl").unlink()


def test_the_state_is_as_it_was_until_the_file_stands(sandbox: Sandbox, synced: Synced) -> None:
    assert ended(started(sandbox, synced, "works-000001.jsonl")) == -signal.SIGKILL
    assert not synced.state.exists()
    sync(sandbox, synced)
    before = synced.state.read_bytes()
    edit(sandbox, *CUT, title="cut")
    assert ended(started(sandbox, synced, "works-000002.jsonl")) == -signal.SIGKILL
    assert synced.state.read_bytes() == before


def test_the_note_of_another_query_is_not_heeded(sandbox: Sandbox, synced: Synced) -> None:
    assert ended(started(sandbox, synced, "works-000001.jsonl", type=["issue"])) == -signal.SIGKILL
    sandbox.delete(CUT[0])
    assert sync(sandbox, synced).run == 2
    assert newest(synced.folder).keys() == {work["id"] for work in WORKS}


def test_a_full_refresh_after_a_cut_run_keeps_nothing_that_is_gone(sandbox: Sandbox, synced: Synced) -> None:
    cut_off(sandbox, synced)
    sandbox.delete(CUT[0])
    assert sync(sandbox, synced, full_refresh=True).run == 2
    assert files(synced.folder) == ["works-000002.jsonl"]
    assert newest(synced.folder) == truth(sandbox)
    assert not note_of(synced).exists()


# --- older copies of the state ---


@pytest.mark.parametrize("full_refresh", [False, True])
@pytest.mark.parametrize("noted", [False, True])
def test_with_an_older_copy_of_the_state_the_newest_record_is_in_the_last_file(
    sandbox: Sandbox, synced: Synced, noted: bool, full_refresh: bool, caplog: pytest.LogCaptureFixture
) -> None:
    if noted:
        cut_off(sandbox, synced)
    else:
        sync(sandbox, synced)
    older = synced.state.read_bytes()
    for title in ("one", "two", "three"):
        edit(sandbox, *CUT, title=title)
        sync(sandbox, synced)
    edit(sandbox, CUT[0], title="four")
    synced.state.write_bytes(older)
    assert sync(sandbox, synced, full_refresh=full_refresh).run == 5
    assert newest(synced.folder) == truth(sandbox)
    assert len(files(synced.folder)) == (1 if full_refresh else 5)
    assert "that the state does not know: this one becomes run 5" in caplog.text


def test_a_full_refresh_over_no_works_leaves_no_file_above_an_older_copy_of_the_state(
    sandbox: Sandbox, synced: Synced
) -> None:
    sync(sandbox, synced)
    older = synced.state.read_bytes()
    for title in ("one", "two"):
        edit(sandbox, *CUT, title=title)
        sync(sandbox, synced)
    for id in sandbox.ids():
        sandbox.delete(id)
    synced.state.write_bytes(older)
    sync(sandbox, synced, full_refresh=True)
    assert files(synced.folder) == []


def test_where_the_state_of_the_first_run_is_lost_it_is_made_again(sandbox: Sandbox, synced: Synced) -> None:
    sync(sandbox, synced)
    synced.state.unlink()
    edit(sandbox, *CUT, title="new")
    assert sync(sandbox, synced).run == 1
    assert files(synced.folder) == ["works-000001.jsonl"]
    assert newest(synced.folder) == truth(sandbox)


def test_where_the_state_of_the_first_run_is_lost_and_a_work_is_gone_its_file_is_kept(
    sandbox: Sandbox, synced: Synced
) -> None:
    sync(sandbox, synced)
    synced.state.unlink()
    sandbox.delete(CUT[0])
    assert sync(sandbox, synced).run == 2
    assert files(synced.folder) == ["works-000001.jsonl", "works-000002.jsonl"]


def test_the_name_of_a_file_that_stays_is_on_the_disk_before_the_state_moves(
    sandbox: Sandbox, synced: Synced, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is new in the repeat, and the run that was killed may not have come to this step."""
    cut_off(sandbox, synced)
    for id in CUT:
        sandbox.delete(id)
    folder, steps, fsync, replace = synced.folder.stat(), list[str](), os.fsync, os.replace

    def noted_fsync(descriptor: int) -> None:
        if os.path.samestat(os.fstat(descriptor), folder):
            steps.append("folder")
        fsync(descriptor)

    def noted_replace(source: Any, target: Any) -> None:
        steps.append("state")
        replace(source, target)

    monkeypatch.setattr("os.fsync", noted_fsync)
    monkeypatch.setattr("os.replace", noted_replace)
    assert sync(sandbox, synced).run == 2
    assert steps == ["folder", "state"]


# --- files of others ---


@pytest.mark.parametrize("cut_at", [".state.json.pending", "works-000002.jsonl"])
def test_a_file_of_another_state_under_the_name_is_never_touched(
    sandbox: Sandbox, synced: Synced, cut_at: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It came after the note, or in the place of the file that was noted."""
    cut_off(sandbox, synced, cut_at)
    path = synced.folder / "works-000002.jsonl"
    path.write_text('{"id":"of another state"}\n')
    report = sync(sandbox, synced)
    assert (report.run, report.works) == (3, 2)
    assert path.read_text() == '{"id":"of another state"}\n'
    assert "give each state a folder of its own" in caplog.text


@pytest.mark.parametrize("name", ["works-000001.jsonl", "works-000002.jsonl"])
def test_a_pipe_under_the_name_is_never_read(sandbox: Sandbox, synced: Synced, name: str) -> None:
    """Reading would wait until somebody writes."""
    if name == "works-000002.jsonl":
        cut_off(sandbox, synced)
        (synced.folder / name).unlink()
    else:
        synced.folder.mkdir()
    os.mkfifo(synced.folder / name)
    assert sync(sandbox, synced).run == int(name[6:12]) + 1
    assert (synced.folder / name).is_fifo()


def test_a_file_of_another_format_under_the_number_is_never_touched(sandbox: Sandbox, synced: Synced) -> None:
    cut_off(sandbox, synced)
    path = synced.folder / "works-000002.jsonl.gz"
    path.write_bytes(b"of another state")
    assert sync(sandbox, synced).run == 3
    assert path.read_bytes() == b"of another state"


def test_a_cut_run_that_took_another_number_keeps_that_one(sandbox: Sandbox, synced: Synced) -> None:
    sync(sandbox, synced)
    path = synced.folder / "works-000002.jsonl"
    path.write_text('{"id":"of another state"}\n')
    edit(sandbox, *CUT, title="cut")
    assert ended(started(sandbox, synced, "works-000003.jsonl")) == -signal.SIGKILL
    sandbox.delete(CUT[0])
    report = sync(sandbox, synced)
    assert (report.run, report.works) == (3, 2)
    assert files(synced.folder) == [f"works-00000{run}.jsonl" for run in (1, 2, 3)]
    assert path.read_text() == '{"id":"of another state"}\n'


def test_the_name_is_used_again_where_a_consumer_took_the_file_away(sandbox: Sandbox, synced: Synced) -> None:
    cut_off(sandbox, synced)
    (synced.folder / "works-000002.jsonl").unlink()
    sandbox.delete(CUT[0])
    assert sync(sandbox, synced).run == 2
    assert rows(synced, "jsonl").keys() == {CUT[1]}


# --- another query, another format, another release ---


def test_another_query_is_refused_and_the_file_stays(sandbox: Sandbox, synced: Synced) -> None:
    cut_off(sandbox, synced)
    before = synced.seen()
    with pytest.raises(SyncStateError, match="another query"):
        sync(sandbox, synced, type=["ticket"])
    assert synced.seen() == before


@pytest.mark.parametrize(("gone", "left"), [(True, ["2.jsonl", "3.csv"]), (False, ["2.csv"])])
def test_a_file_of_another_format_is_replaced_only_if_it_has_nothing_else(
    sandbox: Sandbox, synced: Synced, gone: bool, left: list[str]
) -> None:
    pytest.importorskip("pyarrow")
    cut_off(sandbox, synced)
    if gone:
        sandbox.delete(CUT[0])
    sync(sandbox, synced, format="csv")
    assert files(synced.folder) == ["works-000001.jsonl", *(f"works-00000{name}" for name in left)]


@pytest.mark.parametrize("format", ["csv", "parquet"])
def test_a_file_of_a_release_with_other_columns_is_kept(
    sandbox: Sandbox, synced: Synced, format: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pa = pytest.importorskip("pyarrow")
    cut_off(sandbox, synced, format=format)
    sandbox.delete(CUT[0])
    monkeypatch.setattr("devrev_async.changes.cut_run._schema", lambda: pa.schema([("id", pa.string())]))
    assert sync(sandbox, synced, format=format).run == 3
    assert len(files(synced.folder)) == 3


@pytest.mark.parametrize(("gone", "run"), [(True, 3), (False, 2)])
def test_a_state_without_a_note_is_read_and_its_files_are_only_replaced_by_all_they_have(
    sandbox: Sandbox, synced: Synced, gone: bool, run: int
) -> None:
    cut_off(sandbox, synced)
    without_note(synced)
    if gone:
        sandbox.delete(CUT[0])
    assert sync(sandbox, synced).run == run


# --- kills at each step ---


@pytest.mark.timeout(600)
@pytest.mark.parametrize("what", ["first run", "next run", "repeat"])
def test_killed_at_any_step_the_run_is_repeated_under_its_name_and_loses_nothing(tmp_path: Path, what: str) -> None:
    """Each time, a work of those that stand in the file is deleted before the run is repeated."""
    at = 1
    while True:
        one = Synced(tmp_path / f"{at}")
        with run_in_thread(Sandbox(works=WORKS)) as sandbox:
            sandbox.clock.freeze(datetime(2026, 3, 1, 12, tzinfo=UTC))
            if what == "next run":
                sync(sandbox, one)
                edit(sandbox, *CUT, title="cut")
            elif what == "repeat":
                cut_off(sandbox, one)
                sandbox.delete(CUT[0])
                edit(sandbox, CUT[1], WORKS[3]["id"], title="cut again")
            name = f"works-00000{1 if what == 'first run' else 2}.jsonl"
            code = ended(started(sandbox, one, at))
            stood = [record["id"] for record in records(one.folder)]
            sandbox.delete(CUT[1])
            edit(sandbox, "ISS-5", title="later")
            if code == 0:
                break
            if one.state.is_file() and one.values()["file"] == name:  # killed once all was done
                name = name.replace("1.", "2.") if what == "first run" else name.replace("2.", "3.")
            assert sync(sandbox, one).file == str(one.folder / name)
        assert files(one.folder)[-1] == name
        assert set(stood) <= newest(one.folder).keys()
        assert newest(one.folder).items() >= truth(sandbox).items()
        loaded = [(record["id"], record["modified_date"]) for record in records(one.folder)]
        assert len(loaded) == len(set(loaded))
        assert files(one.folder.parent) == ["out", "state.json"]
        at += 2  # before a step is after the one before it
    assert at > 11


# --- what tells files and works apart ---


@pytest.mark.parametrize("at", [0, (1 << 20) - 1, 1 << 20, (5 << 20) // 2])
def test_two_files_of_one_size_that_differ_anywhere_are_told_apart(tmp_path: Path, at: int) -> None:
    content = bytearray(b"a" * ((5 << 20) // 2 + 1))
    path = tmp_path / "works-000002.jsonl"
    path.write_bytes(content)
    before = content_of(path)
    content[at] ^= 1
    path.write_bytes(content)
    assert content_of(path) != before


def test_works_without_an_id_cannot_be_known_again_and_are_not_kept(tmp_path: Path) -> None:
    path = tmp_path / "works-000002.jsonl"
    path.write_bytes(b'{"type":"issue"}\n{"type":"issue","id":""}\n{"type":"issue","id":"ISS-1"}\n')
    assert CutRun(path, 2, "jsonl", content_of(path)).left == 1
