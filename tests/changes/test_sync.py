"""`works.sync` over real HTTP and a real disk. Tests that play a public report of a fault name it: R4 to R65."""

from __future__ import annotations

import asyncio
import csv
import json
import logging
import os
import random
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

from devrev_async import (
    DateRange,
    DevRevClient,
    InvalidArgumentError,
    LastDays,
    ServiceUnavailableError,
    SyncReport,
    SyncStateError,
    UnauthorizedError,
)
from devrev_async.changes.run import Run
from devrev_async.changes.state import State, render
from devrev_async.changes.sync import _organisation_of
from devrev_async.sandbox import Quirks, Sandbox
from devrev_async.sandbox.server import run_in_thread
from devrev_async.sinks._lock import FileLock

from .serving import NOON, serving
from .syncing import Synced, ended, files, newest, records, started, truth

pytestmark = pytest.mark.anyio

FORMATS = ["jsonl", "jsonl.gz", "csv", "parquet"]


@pytest.fixture
def synced(tmp_path: Path) -> Synced:
    return Synced(tmp_path)


# --- what a run writes ---


@pytest.mark.parametrize("format", FORMATS)
async def test_each_run_writes_what_changed_and_the_newest_of_each_id_is_the_truth(synced: Synced, format: str) -> None:
    if format in ("csv", "parquet"):
        pytest.importorskip("pyarrow")
    async with serving(works=120) as (sandbox, client):
        first = await synced.run(client, format=format)
        assert (first.works, first.new, first.repeated, first.run, first.first) == (120, 120, 0, 1, True)
        assert first.file == str(synced.folder / f"works-000001.{format}")
        assert first.until == NOON.replace(microsecond=0)
        for run in (2, 3):
            sandbox.clock.advance(3600)
            for id in sandbox.ids()[run : run + 5]:
                sandbox.update(id, {"title": f"run {run}"})
            sandbox.clock.advance(1)
            report = await synced.run(client, format=format)
            assert (report.works, report.run) == (5, run)
        assert files(synced.folder) == [f"works-00000{run}.{format}" for run in (1, 2, 3)]
        assert {id: work["title"] for id, work in newest(synced.folder, format).items()} == {
            id: work["title"] for id, work in truth(sandbox).items()
        }


async def test_r29_r26_nothing_new_writes_no_file_and_moves_the_state(synced: Synced) -> None:
    async with serving(works=10) as (sandbox, client):
        await synced.run(client)
        before, requests = synced.values(), sandbox.request_count
        sandbox.clock.advance(60)
        report = await synced.run(client)
        assert (report.works, report.file, report.run) == (0, None, 1)
        assert report.requests == sandbox.request_count - requests <= 4
        assert files(synced.folder) == ["works-000001.jsonl"]
        after = synced.values()
        assert (before["until"], after["until"]) == ("2026-03-01T12:00:00Z", "2026-03-01T12:01:00Z")
        assert (after["run"], after["file"]) == (1, "works-000001.jsonl")


async def test_a_first_run_without_works_uses_no_number_up(synced: Synced) -> None:
    async with serving(works=0) as (sandbox, client):
        assert (await synced.run(client)).run == 0
        sandbox.add({"title": "new"})
        sandbox.clock.advance(1)
        assert (await synced.run(client)).run == 1


async def test_json_lines_are_the_servers_bytes_r33_half_a_surrogate_pair_too(synced: Synced) -> None:
    async with serving() as (sandbox, client):
        sandbox.add({"title": "cut\ud83dend", "unheard_of": 1})
        sandbox.clock.advance(1)
        await synced.run(client)
        (line,) = (synced.folder / "works-000001.jsonl").read_bytes().splitlines()
        assert b'"cut\\ud83dend"' in line
        assert b'"unheard_of":1' in line


async def test_the_state_is_readable_json_that_says_what_it_is(synced: Synced) -> None:
    async with serving(works=10) as (sandbox, client):
        await synced.run(client, type=["ticket", "issue"])
        assert synced.state.read_bytes()[:60].startswith(b'{\n "format": "devrev-async sync state",\n "version": 1,')
        values = synced.values()
        assert values["query"] == {"type": ["issue", "ticket"]}
        assert values["origin"] == sandbox.url
        assert values["organisation"] == "devo/0SandBox"
        assert values["until"] == "2026-03-01T12:00:00Z"
        assert client.base_url == sandbox.url
        assert sandbox.token not in synced.state.read_text()


async def test_r63_names_are_good_on_any_system_and_nothing_else_is_left(synced: Synced) -> None:
    async with serving(works=10) as (_, client):
        await synced.run(client)
        assert files(synced.folder.parent) == ["out", "state.json"]
        assert files(synced.folder) == ["works-000001.jsonl"]


async def test_r40_r42_the_files_of_all_runs_have_one_schema_whatever_their_works_lack(synced: Synced) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    async with serving() as (sandbox, client):
        sandbox.add({"id": "poorest", "type": "ticket", "modified_date": NOON - timedelta(days=1)}, complete=False)
        await synced.run(client, format="parquet")
        sandbox.add({"artifacts": [{"id": "a"}], "custom_fields": {"tnt__x": 1, "tnt__X": {}}, "tags": []})
        sandbox.clock.advance(1)
        await synced.run(client, format="parquet")
        first, second = (parquet.read_schema(synced.folder / name) for name in files(synced.folder))
        assert first.equals(second, check_metadata=True)
        assert parquet.read_table(synced.folder).num_rows == 2


async def test_r60_r61_a_link_stays_a_link_and_a_state_keeps_its_rights(synced: Synced, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    synced.state.symlink_to(kept / "real.json")
    async with serving(works=3) as (sandbox, client):
        await synced.run(client)
        assert synced.state.is_symlink()
        (kept / "real.json").chmod(0o640)
        sandbox.clock.advance(60)
        await synced.run(client)
        assert synced.state.is_symlink()
        assert (kept / "real.json").stat().st_mode & 0o777 == 0o640
        assert files(kept) == ["real.json"]


async def test_what_a_killed_run_left_is_removed_by_one_with_nothing_new(synced: Synced) -> None:
    async with serving(works=3) as (sandbox, client):
        await synced.run(client)
        (synced.folder / ".works-000002.jsonl.part").write_bytes(b"{")
        sandbox.clock.advance(60)
        await synced.run(client)
        assert files(synced.folder) == ["works-000001.jsonl"]


# --- full refresh, compare ---


async def test_a_full_refresh_writes_all_and_removes_the_files_before(synced: Synced) -> None:
    async with serving(works=30) as (sandbox, client):
        await synced.run(client)
        sandbox.clock.advance(600)
        sandbox.update(sandbox.ids()[0])
        sandbox.clock.advance(1)
        await synced.run(client)
        sandbox.delete(sandbox.ids()[5])
        report = await synced.run(client, full_refresh=True, format="jsonl.gz")
        assert (report.run, report.works) == (3, 29)
        assert files(synced.folder) == ["works-000003.jsonl.gz"]
        assert newest(synced.folder, "jsonl.gz") == truth(sandbox)
        sandbox.clock.advance(600)
        sandbox.update(sandbox.ids()[1])
        sandbox.clock.advance(1)
        assert (await synced.run(client)).run == 4


@pytest.mark.parametrize("format", FORMATS)
async def test_r16_r17_compare_lists_what_is_gone_and_what_differs_at_an_equal_modified_date(
    synced: Synced, format: str
) -> None:
    if format in ("csv", "parquet"):
        pytest.importorskip("pyarrow")
    async with serving(works=50) as (sandbox, client):
        await synced.run(client, format=format)
        gone, stale = sorted(sandbox.ids()[3:6]), sandbox.ids()[10]
        for id in gone:
            sandbox.delete(id)
        sandbox.update(stale, {"title": "changed by the system"}, touch=False)
        sandbox.clock.advance(600)
        sandbox.update(sandbox.ids()[20], {"title": "changed by a user"})
        sandbox.add({"title": "new"})
        sandbox.clock.advance(1)
        quiet = await synced.run(client, format=format)
        assert (quiet.works, quiet.missing, quiet.differing) == (2, [], [])
        before = sandbox.request_count
        report = await synced.run(client, format=format, compare=True)
        assert (report.works, report.missing, report.differing) == (0, gone, [stale])
        assert report.requests == sandbox.request_count - before


async def test_r18_a_listing_that_was_cut_short_reports_nothing_as_gone(synced: Synced) -> None:
    async with serving(works=50, max_retries=0) as (sandbox, client):
        await synced.run(client)
        sandbox.delete(sandbox.ids()[0])
        left = {"requests": 3}

        def fail(_: object) -> None:
            left["requests"] -= 1
            if left["requests"] == 0:
                sandbox.fail_next(status=503, times=99)

        sandbox.on_request(fail)
        with pytest.raises(ServiceUnavailableError):
            await synced.run(client, compare=True)


# --- R21 to R28: the damage table ---


def altered(values: dict[str, Any], **changes: Any) -> bytes:
    values = {**values, **changes}
    values.pop("check")
    return render(msgspec.convert(values, State))


async def refused(synced: Synced, client: DevRevClient, **options: Any) -> SyncStateError:
    before = synced.seen()
    with pytest.raises(SyncStateError) as caught:
        await synced.run(client, **options)
    assert synced.seen() == before  # nothing written, and the file untouched
    assert caught.value.path == str(synced.state)
    assert caught.value.hint
    return caught.value


@pytest.mark.parametrize("format", FORMATS)
async def test_compare_names_a_run_file_that_is_not_whole(synced: Synced, format: str) -> None:
    if format in ("csv", "parquet"):
        pytest.importorskip("pyarrow")
    async with serving(works=30) as (_, client):
        report = await synced.run(client, format=format)
        assert report.file is not None
        path = Path(report.file)
        for size in (path.stat().st_size - 5, 20, 0):
            path.write_bytes(path.read_bytes()[:size])
            if size == 0 and format.startswith("jsonl"):
                report = await synced.run(client, format=format, compare=True)  # a file of no works
                assert (report.missing, report.differing) == ([], [])
                break
            with pytest.raises(SyncStateError, match=rf"{path.name}: is no whole {format} file") as refused:
                await synced.run(client, format=format, compare=True)
            assert refused.value.path == str(path)


async def test_files_whose_state_is_missing_are_kept_below_those_of_a_first_run(
    synced: Synced, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(works=20) as (sandbox, client):
        for run in range(3):
            sandbox.update(sandbox.ids()[0], {"title": f"run {run}"})
            sandbox.clock.advance(1)
            await synced.run(client)
        synced.state.unlink()
        sandbox.update(sandbox.ids()[0], {"title": "now"})
        sandbox.clock.advance(1)
        report = await synced.run(client)
        assert (report.first, report.works, report.run) == (True, 20, 4)
        assert newest(synced.folder) == truth(sandbox)
        (warning,) = (each.getMessage() for each in caplog.records if each.levelno >= logging.WARNING)
        assert warning == (
            f"{synced.folder}: has files of earlier runs, whose state is missing; all works are written again, with a "
            "higher number. If they are of another state, give each state a folder of its own"
        )


@pytest.mark.parametrize("format", FORMATS)
async def test_two_states_in_one_folder_overwrite_no_file_of_each_other(
    synced: Synced, format: str, caplog: pytest.LogCaptureFixture
) -> None:
    if format in ("csv", "parquet"):
        pytest.importorskip("pyarrow")
    async with serving(works=40) as (sandbox, client):
        reports: list[SyncReport] = []
        for _ in range(3):
            for type in ("issue", "ticket"):
                state = synced.state.with_name(f"{type}.json")
                reports.append(await synced.run(client, state=state, type=[type], format=format))
            sandbox.clock.advance(600)
            for id in sandbox.ids():
                sandbox.update(id, {"title": f"{sandbox.clock.now()}"})
            sandbox.clock.advance(1)
        assert [report.run for report in reports] == [1, 2, 3, 4, 5, 6]
        assert [report.file for report in reports] == [str(synced.folder / name) for name in files(synced.folder)]
        assert caplog.text.count("give each state a folder of its own") == 5


async def test_a_state_waits_for_none_that_writes_into_its_folder(synced: Synced) -> None:
    async with serving(works=5) as (sandbox, client):
        await synced.run(client)
        sandbox.clock.advance(600)
        part = synced.folder / ".works-000002.jsonl.part"
        part.write_bytes(b"of a run that goes on")
        lock = FileLock(synced.folder / ".works-files.lock", str(synced.folder))
        try:
            assert (await synced.run(client)).file is None  # it needs no name in the folder
            sandbox.add({"title": "new"})
            sandbox.clock.advance(1)
            error = await refused(synced, client)
            assert "another run is writing into the folder" in str(error)
            assert part.exists()
        finally:
            lock.release()
        assert (await synced.run(client)).run == 2
        assert files(synced.folder) == ["works-000001.jsonl", "works-000002.jsonl"]


async def test_a_run_that_was_cut_off_before_its_state_stood_is_repeated_into_its_name(
    synced: Synced, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(works=9) as (sandbox, client):
        await synced.run(client)
        before = synced.state.read_bytes()
        sandbox.clock.advance(600)
        sandbox.update(sandbox.ids()[0], {"title": "once"})
        sandbox.clock.advance(1)
        await synced.run(client)
        synced.state.write_bytes(before)
        sandbox.update(sandbox.ids()[1], {"title": "later"})
        sandbox.clock.advance(1)
        report = await synced.run(client)
        assert (report.run, report.works) == (2, 2)
        assert newest(synced.folder) == truth(sandbox)
        assert not caplog.records


async def test_a_full_refresh_without_works_leaves_no_file_and_names_none(synced: Synced) -> None:
    async with serving(works=3) as (sandbox, client):
        await synced.run(client)
        for id in sandbox.ids():
            sandbox.delete(id)
        report = await synced.run(client, full_refresh=True)
        assert (report.works, report.file) == (0, None)
        assert (files(synced.folder), synced.values()["file"], synced.values()["run"]) == ([], None, 1)
        sandbox.add({"title": "new"})
        sandbox.clock.advance(1)
        assert (await synced.run(client)).run == 2


async def test_no_file_is_a_first_run(synced: Synced) -> None:
    async with serving(works=5) as (_, client):
        assert (await synced.run(client)).first


@pytest.mark.parametrize("damage", ["empty", "spaces", "cut", "altered", "not ours", "no JSON", "binary"])
async def test_r23_r24_a_state_that_is_empty_cut_altered_or_not_ours_is_refused(synced: Synced, damage: str) -> None:
    async with serving(works=5) as (sandbox, client):
        await synced.run(client)
        good = synced.state.read_bytes()
        synced.state.write_bytes(
            {
                "empty": b"",
                "spaces": b" \n",
                "cut": good[: len(good) // 2],
                "altered": good.replace(b'"run": 1', b'"run": 2'),
                "not ours": b'{"bookmarks": {}}',
                "no JSON": b"hello",
                "binary": b"\xff\x00\xfe",
            }[damage]
        )
        sandbox.update(sandbox.ids()[0])
        error = await refused(synced, client)
        assert "full" in error.hint or damage == "not ours"
        report = await synced.run(client, full_refresh=True)
        assert (report.run, files(synced.folder)) == (2, ["works-000002.jsonl"])


async def test_r25_a_newer_version_is_refused_and_both_are_named(synced: Synced) -> None:
    async with serving(works=5) as (_, client):
        await synced.run(client)
        synced.state.write_bytes(json.dumps({**synced.values(), "version": 99}).encode())
        error = await refused(synced, client)
        assert "version 99" in str(error)
        assert "up to 1" in str(error)


async def test_r25_a_version_before_the_first_is_refused(synced: Synced) -> None:
    async with serving(works=5) as (_, client):
        await synced.run(client)
        synced.state.write_bytes(altered(synced.values(), version=0))
        await refused(synced, client)


async def test_r21_another_query_is_refused_and_both_are_spelt_out(synced: Synced) -> None:
    async with serving(works=20) as (_, client):
        await synced.run(client, type=["ticket"])
        error = await refused(synced, client, type=["issue"])
        assert 'type was ["ticket"] and is ["issue"]' in str(error)
        assert "full_refresh" in error.hint
        report = await synced.run(client, type=["issue"], full_refresh=True)
        assert synced.values()["query"] == {"type": ["issue"]}
        assert report.run == 2


async def test_the_meaning_of_a_query_counts_and_not_its_spelling(synced: Synced) -> None:
    async with serving(works=20) as (_, client):
        await synced.run(client, type=["ticket", "issue"])
        assert (await synced.run(client, type=["issue", "ticket"], overlap=timedelta(0))).works == 0


async def test_another_origin_is_refused_even_for_a_full_refresh(synced: Synced) -> None:
    async with serving(works=5) as (_, client):
        await synced.run(client)
    async with serving(works=5) as (_, client):
        for full_refresh in (False, True):
            error = await refused(synced, client, full_refresh=full_refresh)
            assert client.base_url in str(error)


async def test_another_organisation_is_refused_before_a_file_stands(synced: Synced) -> None:
    async with serving(works=5) as (sandbox, client):
        await synced.run(client)
        synced.state.write_bytes(altered(synced.values(), organisation="devo/other"))
        sandbox.clock.advance(600)
        await refused(synced, client)  # nothing has changed
        sandbox.update(sandbox.ids()[0])
        sandbox.clock.advance(1)
        for full_refresh in (False, True):
            error = await refused(synced, client, full_refresh=full_refresh)
            assert "devo/other" in str(error)
            assert "devo/0SandBox" in str(error)


@pytest.mark.parametrize("changed", [0, 3])
async def test_an_organisation_is_looked_for_where_the_first_works_do_not_say_it(synced: Synced, changed: int) -> None:
    async with serving(works=5) as (sandbox, client):
        await synced.run(client)
        first = synced.values()
        sandbox.clock.advance(600)
        sandbox.add({"id": "ISS-99001", "type": "issue", "modified_date": sandbox.clock.now()}, complete=False)
        for id in [id for id in sandbox.ids() if id.startswith("don:")][:changed]:
            sandbox.clock.advance(0.2)
            sandbox.update(id)
        sandbox.clock.advance(1)
        synced.state.write_bytes(altered(first, organisation="devo/other"))
        await refused(synced, client)
        synced.state.write_bytes(altered(first))
        assert (await synced.run(client)).works == 1 + changed
        assert synced.values()["organisation"] == "devo/0SandBox"


@pytest.mark.parametrize("fields", ['"x":1', '"x":%s' % ("[" * 50_000 + "]" * 50_000), '"title":"\\ud800"', '"type":5'])
def test_the_organisation_of_a_work_is_found_whatever_else_it_has(fields: str) -> None:
    assert _organisation_of(b'{"id":"don:core:dvrv-us-1:devo/0aB:issue/1",%b}' % fields.encode()) == "devo/0aB"


async def test_a_state_later_than_the_servers_clock_is_refused(synced: Synced) -> None:
    async with serving(works=5) as (sandbox, client):
        await synced.run(client)
        sandbox.clock.advance(-3600)
        error = await refused(synced, client)
        assert "clock" in str(error)
        sandbox.update(sandbox.ids()[0])
        sandbox.clock.advance(1)
        await refused(synced, client)


async def test_r24_a_state_that_cannot_be_read_is_no_first_run(synced: Synced) -> None:
    async with serving(works=5) as (_, client):
        synced.state.mkdir()
        with pytest.raises(SyncStateError, match="cannot be read"):
            await synced.run(client)
        assert files(synced.folder) == []
        assert synced.state.is_dir()


async def test_r27_a_second_run_on_the_state_ends_at_once_and_the_lock_dies_with_its_process(synced: Synced) -> None:
    async with serving(works=2000) as (sandbox, client):
        arrived = asyncio.Event()
        sandbox.on_request(lambda _: arrived.set(), "works.count")
        sandbox.fail_next("works.count", status=None, delay=0.3)
        running = asyncio.create_task(synced.run(client))
        await arrived.wait()
        with pytest.raises(SyncStateError, match="another run is using the state") as caught:
            await synced.run(client)
        assert caught.value.hint
        assert (await running).works == 2000
        assert (await synced.run(client)).works == 0


async def test_r26_a_run_that_fails_leaves_the_state_as_it_was(synced: Synced) -> None:
    async with serving(works=5) as (sandbox, client):
        await synced.run(client)
        before = synced.seen()
        async with DevRevClient("wrong", base_url=sandbox.url) as other:
            with pytest.raises(UnauthorizedError):
                await synced.run(other)
        assert synced.seen() == before


async def test_a_run_that_is_cancelled_at_any_moment_leaves_nothing_open(synced: Synced) -> None:
    async with serving(works=50) as (sandbox, client):
        for turns in range(60):
            task = asyncio.create_task(synced.run(client))
            for _ in range(turns):
                await asyncio.sleep(0)
            complete = not task.cancel()
            await asyncio.wait([task])
            assert complete or task.cancelled()
            assert [name for name in files(synced.folder.parent) if name not in ("out", "state.json")] == []
            assert [name for name in files(synced.folder) if not name.startswith("works-")] == []
        await synced.run(client)
        assert newest(synced.folder) == truth(sandbox)


async def test_r20_r37_a_run_that_fails_midway_leaves_no_file_that_a_glob_matches(synced: Synced) -> None:
    async with serving(works=12_000, max_retries=0) as (sandbox, client):
        seen: list[int] = []

        def fail(report: Any) -> None:
            if report.works and not seen:
                seen.append(report.works)
                sandbox.fail_next("works.export", times=1)

        with pytest.raises(ServiceUnavailableError):
            await synced.run(client, on_progress=fail)
        assert seen
        assert (synced.state.exists(), files(synced.folder)) == (False, [])


async def test_r28_r64_a_disk_that_refuses_leaves_the_state_as_it_was(
    synced: Synced, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(works=5) as (sandbox, client):
        await synced.run(client)
        sandbox.update(sandbox.ids()[0])
        sandbox.clock.advance(1)
        before = synced.seen()

        def full(descriptor: int) -> None:
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patched:
            patched.setattr(os, "fsync", full)
            with pytest.raises(OSError, match=r"works-000002\.jsonl"):
                await synced.run(client)
        assert synced.seen() == before
        assert (await synced.run(client)).run == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"format": "xml"}, "format takes one of"),
        ({"state": "a\0b"}, "state has a NUL character"),
        ({"directory": "\ud800"}, "directory has half a surrogate pair"),
        ({"directory": ""}, "directory is empty"),
        ({"state": ""}, "state is empty"),
        ({"overlap": timedelta(-1)}, "overlap"),
        ({"bogus": 1}, r"^sync\(\) got an unexpected keyword argument 'bogus'"),
        ({"until": NOON}, r"^sync\(\) got an unexpected keyword argument 'until'"),
        ({"sort_by": ["created_date:asc"]}, r"^sync\(\) got an unexpected keyword argument 'sort_by'"),
        ({"created_date": LastDays(7)}, r"sync\(\) takes a DateRange"),
        ({"extra_body": 5}, "extra_body takes a mapping"),
        ({"extra_body": {"first": 5}}, "extra_body has what each request sets by itself: first"),
        ({"extra_body": {"type": ["issue"]}, "type": ["issue"]}, "extra_body repeats what is given already: type"),
        ({"full_refresh": 1}, "full_refresh takes a bool"),
        ({"compare": "yes"}, "compare takes a bool"),
    ],
)
async def test_arguments_are_refused_before_anything_is_touched(synced: Synced, options: Any, message: str) -> None:
    async with serving(works=5) as (sandbox, client):
        with pytest.raises((InvalidArgumentError, TypeError), match=message):
            await synced.run(client, **options)
        assert (synced.seen(), len(sandbox.requests)) == ((None, []), 0)


@pytest.mark.parametrize("below", ["", "deeper/still"])
async def test_a_folder_that_cannot_be_made_costs_no_request(synced: Synced, below: str) -> None:
    async with serving(works=5) as (sandbox, client):
        synced.folder.write_text("a file")
        with pytest.raises(NotADirectoryError, match="is not a folder") as caught:
            await client.works.sync(synced.state, synced.folder / below)
        assert caught.value.filename == str(synced.folder / below)
        assert not sandbox.requests
        assert not synced.state.exists()


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write any folder")
async def test_a_folder_that_may_not_be_written_costs_no_request(synced: Synced) -> None:
    async with serving(works=5) as (sandbox, client):
        synced.folder.mkdir(mode=0o500)
        with pytest.raises(PermissionError, match="is not writable"):
            await synced.run(client)
        assert not sandbox.requests


@pytest.mark.parametrize("folder", ["s", "s/works", "s/../s", "link"])
async def test_a_state_with_the_name_of_the_folder_is_refused(synced: Synced, tmp_path: Path, folder: str) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "s")
    async with serving(works=5) as (sandbox, client):
        synced.state, synced.folder = tmp_path / "s", tmp_path / folder
        with pytest.raises(InvalidArgumentError, match="state is to be a file"):
            await synced.run(client)
        assert not sandbox.requests
    assert not (tmp_path / "s").exists()


async def test_a_state_with_the_name_of_a_run_file_is_refused(synced: Synced) -> None:
    async with serving(works=5) as (sandbox, client):
        synced.state = synced.folder / "works-000002.csv"
        with pytest.raises(InvalidArgumentError, match="name of a file that a run writes"):
            await synced.run(client)
        assert (synced.seen(), len(sandbox.requests)) == ((None, []), 0)


async def test_r22_a_start_date_is_refused_and_an_earlier_range_is_another_query(synced: Synced) -> None:
    async with serving(works=5) as (_, client):
        for name, value in (("since", NOON), ("start_date", NOON), ("modified_date", DateRange(after=NOON))):
            with pytest.raises((InvalidArgumentError, TypeError), match=rf"^sync\(\).*{name}"):
                await synced.run(client, **{name: value})
        await synced.run(client, created_date=DateRange(after=NOON - timedelta(days=9)))
        with pytest.raises(SyncStateError, match=r"another query: created_date was .* and is "):
            await synced.run(client, created_date=DateRange(after=NOON - timedelta(days=99)))


async def test_r57_a_cell_of_any_length_is_written_and_compared_whole(synced: Synced) -> None:
    pytest.importorskip("pyarrow")
    async with serving() as (sandbox, client):
        sandbox.add({"title": "long", "custom_fields": {"tnt__text": "x" * 200_000}})
        report = await synced.run(client, format="csv")
        report = await synced.run(client, format="csv", compare=True)
        assert (report.missing, report.differing) == ([], [])
        with pytest.raises(csv.Error, match="field larger than field limit"):
            list(records(synced.folder, "csv"))


async def test_r58_everything_temporary_lies_beside_its_target(
    synced: Synced, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "of another file system that is gone"))
    async with serving(works=5) as (_, client):
        assert (await synced.run(client)).works == 5


# --- kill -9 ---


def check(sandbox: Sandbox, synced: Synced) -> None:
    """Newest per id is the truth, and no record is loaded twice by a glob."""
    loaded = [(record["id"], record["modified_date"]) for record in records(synced.folder)]
    assert len(loaded) == len(set(loaded))
    assert newest(synced.folder) == truth(sandbox)
    assert [name for name in files(synced.folder) if not name.startswith("works-")] == []
    assert files(synced.folder.parent) == ["out", "state.json"]


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
@pytest.mark.timeout(600)
@pytest.mark.parametrize("what", ["first run", "next run", "full refresh"])
def test_r28_a_kill_between_any_two_steps_loses_and_repeats_nothing(synced: Synced, what: str, tmp_path: Path) -> None:
    works = [{"id": f"don:core:dvrv-us-1:devo/0SandBox:issue/{n}", "display_id": f"ISS-{n}"} for n in range(1, 8)]
    at, run = 1, 0
    while True:
        run += 1
        one = Synced(tmp_path / f"{run}")
        with run_in_thread(Sandbox(works=works)) as sandbox:
            sandbox.clock.advance(5)
            if what != "first run":
                assert ended(started(sandbox, one)) == 0
                sandbox.clock.advance(3600)
                sandbox.update("ISS-1", {"title": "next"})
                sandbox.clock.advance(5)
            code = ended(started(sandbox, one, at, full_refresh=what == "full refresh"))
            sandbox.clock.advance(3600)
            sandbox.update("ISS-2", {"title": "later"})
            sandbox.clock.advance(5)
            asyncio.run(finished(sandbox, one))
            check(sandbox, one)
        if code == 0:
            break
        at += 2  # before a step is after the one before it
    assert run > 5


async def finished(sandbox: Sandbox, synced: Synced) -> None:
    async with DevRevClient(sandbox.token, base_url=sandbox.url) as client:
        await synced.run(client)


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
@pytest.mark.timeout(300)
@pytest.mark.slow
def test_r27_r28_kills_at_random_moments_twenty_times(synced: Synced) -> None:
    rng = random.Random(11)
    with run_in_thread(Sandbox(works=600)) as sandbox:
        for _ in range(20):
            for id in rng.sample(sandbox.ids(), 9):
                sandbox.update(id, {"title": f"{rng.random()}"})
            process = started(sandbox, synced)
            time.sleep(rng.uniform(0.0, 0.3))
            process.kill()
            ended(process)
            sandbox.clock.advance(30)
        sandbox.clock.advance(5)
        asyncio.run(finished(sandbox, synced))
        assert newest(synced.folder) == truth(sandbox)
        loaded = [(record["id"], record["modified_date"]) for record in records(synced.folder)]
        assert len(loaded) == len(set(loaded))


# --- the size of the state ---


async def test_r4_the_state_stays_small_after_a_bulk_edit(synced: Synced, monkeypatch: pytest.MonkeyPatch) -> None:
    """More works of one timestamp than are remembered: the state keeps its bound, and what repeats is said."""
    monkeypatch.setattr("devrev_async.changes.iteration.Run", partial(Run[Any], most=500))
    async with serving(works=700, quirks=Quirks(modified_ties=700)) as (sandbox, client):
        tied = datetime.fromisoformat(sandbox.get(sandbox.ids()[0])["modified_date"])
        sandbox.clock.freeze((tied + timedelta(seconds=9)).astimezone(UTC))
        reports = [await synced.run(client) for _ in range(3)]
        assert synced.state.stat().st_size < 10_000
        assert [(report.works, report.new, report.repeated) for report in reports] == [
            (700, 700, 0),
            (200, 0, 200),
            (200, 0, 200),
        ]
