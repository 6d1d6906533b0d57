"""`works.export_to`: interrupted and continued, begun anew, refused by the disk; over HTTP, on real files."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import errno
import json
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest
from pyarrow import parquet

from devrev_async import (
    APIConnectionError,
    APITimeoutError,
    ClientClosedError,
    ConfigurationError,
    DevRevClient,
    ExportReport,
    IncompleteExportError,
    ServerError,
    Timeout,
)
from devrev_async.sandbox import Quirks, Sandbox

pytestmark = pytest.mark.anyio

WORKS = 3000
CAP = 150
"""Works in one answer, so that an export has many."""

FORMATS = ["works.jsonl", "works.jsonl.gz", "works.csv", "works.parquet"]
GLOBS = ["*.json", "*.jsonl", "*.gz", "*.csv", "*.parquet", ".*.json", ".*.jsonl", ".*.gz", ".*.csv", ".*.parquet"]


@pytest.fixture(scope="module")
def served() -> Sandbox:
    return Sandbox(works=WORKS, seed=3, quirks=Quirks(cap=CAP))


@pytest.fixture
async def sandbox(served: Sandbox, anyio_backend: str) -> AsyncGenerator[Sandbox]:
    async with served:
        yield served


@pytest.fixture
async def devrev(sandbox: Sandbox) -> AsyncGenerator[DevRevClient]:
    async with client_of(sandbox) as client:
        yield client


def client_of(sandbox: Sandbox, **options: Any) -> DevRevClient:
    return DevRevClient(sandbox.token, base_url=sandbox.url, **options)


def files_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def ids_in(path: Path) -> list[str]:
    return [json.loads(line)["id"] for line in path.read_bytes().splitlines()]


class StopError(Exception):
    """Raised by the tests' own code."""


def stop_after(works: int) -> Callable[[ExportReport], None]:
    def progress(report: ExportReport) -> None:
        if report.works >= works:
            raise StopError

    return progress


async def interrupted(client: DevRevClient, path: Path, **options: Any) -> None:
    with pytest.raises(StopError):
        await client.works.export_to(path, on_progress=stop_after(WORKS // 2), **options)


@pytest.mark.parametrize("name", FORMATS)
async def test_the_same_call_goes_on(devrev: DevRevClient, sandbox: Sandbox, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"older")
    before = sandbox.request_count
    await interrupted(devrev, path)
    assert path.read_bytes() == b"older"
    assert files_in(tmp_path) == sorted([f".{name}.part", f".{name}.part.state", name])
    assert [match.name for glob in GLOBS for match in tmp_path.glob(glob)] == [name] * sum(
        path.match(glob) for glob in GLOBS
    )
    half = sandbox.request_count - before
    progress: list[int] = []
    report = await devrev.works.export_to(path, on_progress=lambda report: progress.append(report.works))
    assert sandbox.request_count - before - half < WORKS // CAP * 3 // 4, "it fetched again what was there"
    assert progress[0] >= WORKS // 2 - 1000
    assert progress == sorted(progress)
    assert (report.works, report.complete, report.restarted) == (WORKS, True, False)
    assert report.proofs.keys() == ExportReport().proofs.keys()
    assert sum(report.proofs.values()) == report.works
    assert report.expected in (None, WORKS)
    assert files_in(tmp_path) == [name]
    if name == "works.jsonl":
        assert sorted(ids_in(path)) == sorted(sandbox.ids())
    if name == "works.parquet":
        assert sorted(parquet.read_table(path, columns=["id"]).column("id").to_pylist()) == sorted(sandbox.ids())


@pytest.mark.parametrize(
    "other",
    [{"type": ["issue"]}, {"format": "jsonl.gz"}, {"extra_body": {"type": ["ticket"]}}, {"format": "csv"}],
    ids=["filters", "compressed", "extra_body", "csv"],
)
async def test_another_query_or_format_starts_anew(
    devrev: DevRevClient, tmp_path: Path, caplog: pytest.LogCaptureFixture, other: dict[str, Any]
) -> None:
    path = tmp_path / "works.jsonl"
    await interrupted(devrev, path)
    report = await devrev.works.export_to(path, **other)
    assert report.restarted
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert caplog.records[0].name == "devrev_async.sinks"
    assert str(path) in caplog.text
    assert report.complete
    assert sum(report.proofs.values()) == report.works
    assert files_in(tmp_path) == ["works.jsonl"]


async def test_a_part_that_has_lost_its_state_starts_anew_and_says_so(
    devrev: DevRevClient, sandbox: Sandbox, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "works.jsonl"
    await interrupted(devrev, path)
    (tmp_path / ".works.jsonl.part.state").unlink()
    report = await devrev.works.export_to(path)
    assert (report.restarted, report.works, report.complete) == (True, WORKS, True)
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "without its state" in caplog.text
    assert sorted(ids_in(path)) == sorted(sandbox.ids())


async def test_works_with_a_field_that_does_not_fit_are_counted_by_all_calls_together(tmp_path: Path) -> None:
    start = datetime(2024, 1, 1, tzinfo=UTC)
    works = [
        {"type": "issue", "title": "x", "created_date": (start + timedelta(minutes=n)).isoformat()}
        for n in range(WORKS)
    ]
    async with Sandbox(works=works, quirks=Quirks(cap=CAP)) as sandbox, client_of(sandbox) as client:
        for id in sandbox.ids()[::10]:
            sandbox.update(id, {"title": 5}, touch=False)
        path = tmp_path / "works.jsonl"
        await interrupted(client, path)
        found = json.loads((tmp_path / ".works.jsonl.part.state").read_bytes())["report"]["invalid"]
        seen: list[int] = []
        report = await client.works.export_to(path, on_progress=lambda report: seen.append(report.invalid))
    assert 0 < found < report.invalid == WORKS // 10
    assert seen == sorted(seen)
    assert seen[0] >= found


async def test_what_only_the_conversion_needs_may_change(
    devrev: DevRevClient, sandbox: Sandbox, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await interrupted(devrev, tmp_path / "works.csv")
    report = await devrev.works.export_to(tmp_path / "works.csv", columns=["id"], csv_safe=True, rows_per_file=2000)
    assert not report.restarted
    assert not caplog.records
    assert files_in(tmp_path) == ["works-00000.csv", "works-00001.csv"]


@pytest.mark.parametrize(
    ("other", "files"),
    [
        ({"columns": ["id"]}, ["works-00000.csv", "works-00001.csv", "works-00002.csv"]),
        ({"rows_per_file": 2000}, ["works-00000.csv", "works-00001.csv"]),
        (
            {"rows_per_file": None, "columns": ["id"]},
            ["works-00000.csv", "works-00001.csv", "works-00002.csv", "works.csv"],
        ),
    ],
    ids=["columns", "rows_per_file", "one file"],
)
async def test_files_that_wait_for_their_names_are_not_taken_for_those_of_a_call_that_wants_others(
    devrev: DevRevClient,
    sandbox: Sandbox,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    other: dict[str, Any],
    files: list[str],
) -> None:
    """A call was killed once its files were written, and before all of them had their names."""
    replace = Path.replace

    def refuse(source: Path, target: Path) -> Path:
        if Path(target).name == "works-00001.csv":
            raise OSError(errno.EIO, "the disk is gone")
        return replace(source, target)

    options: dict[str, Any] = {"rows_per_file": 1000, "columns": ["id", "type"]}
    with monkeypatch.context() as patch, pytest.raises(OSError, match="the disk is gone"):
        patch.setattr(Path, "replace", refuse)
        await devrev.works.export_to(tmp_path / "works.csv", **options)
    assert ".works.csv.part.00001" in files_in(tmp_path)
    before = sandbox.request_count
    report = await devrev.works.export_to(tmp_path / "works.csv", **{**options, **other})
    assert (report.works, report.complete, sandbox.request_count - before) == (WORKS, True, 0)
    assert files_in(tmp_path) == files
    wanted = (tmp_path / files[-1]).read_text().splitlines()
    assert wanted[0] == ",".join(other.get("columns", options["columns"]))
    rows = [(tmp_path / file).read_text().splitlines()[1:] for file in files if files[-1] != "works.csv"]
    assert sum(map(len, rows or [wanted[1:]])) == WORKS


async def test_resume_may_be_refused(
    devrev: DevRevClient, sandbox: Sandbox, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "works.jsonl"
    await interrupted(devrev, path)
    report = await devrev.works.export_to(path, resume=False)
    assert not report.restarted
    assert not caplog.records
    assert sorted(ids_in(path)) == sorted(sandbox.ids())


async def test_works_of_two_accounts_are_not_mixed(tmp_path: Path) -> None:
    def token(user: str, issued: int) -> str:
        claims = json.dumps({"sub": f"don:identity:dvrv-us-1:devo/1:devu/{user}", "iat": issued}).encode()
        return f"e30.{base64.urlsafe_b64encode(claims).decode().rstrip('=')}.c2ln"

    path, port = tmp_path / "works.jsonl", 0
    for user, issued, restarted in [("1", 1, None), ("1", 22, False), ("2", 3, True)]:
        secret = token(user, issued)
        async with Sandbox(works=WORKS, seed=3, token=secret, port=port, quirks=Quirks(cap=CAP)) as sandbox:
            port = int(sandbox.url.rpartition(":")[2])
            # a callable, so that the token is not known before the first request
            async with DevRevClient(partial(str, secret), base_url=sandbox.url) as client:
                if restarted is not None:
                    assert (await client.works.export_to(path)).restarted == restarted
                await interrupted(client, path)
        state = (tmp_path / ".works.jsonl.part.state").read_text()
        assert secret not in state
        assert "devu/" not in state


@pytest.mark.parametrize(
    ("name", "advice"), [("first", "; it writes all works"), ("sort_by", ""), ("tpye", "; did you mean 'type'?")]
)
async def test_an_unknown_argument_is_refused_under_its_own_name(tmp_path: Path, name: str, advice: str) -> None:
    arguments: dict[str, Any] = {name: []}
    async with DevRevClient("t", base_url="http://127.0.0.1:9") as client:
        with pytest.raises(TypeError) as caught:
            await client.works.export_to(tmp_path / "works.jsonl", **arguments)
    assert str(caught.value) == f"export_to() got an unexpected keyword argument {name!r}{advice}"
    assert files_in(tmp_path) == []


async def test_a_token_callable_that_does_not_return_is_ended_by_close(tmp_path: Path) -> None:
    asked = asyncio.Event()

    async def token() -> str:
        asked.set()
        await asyncio.Event().wait()
        return ""

    client = DevRevClient(token, base_url="http://127.0.0.1:9")
    call = asyncio.create_task(client.works.export_to(tmp_path / "works.jsonl"))
    await asked.wait()
    await client.close()
    with pytest.raises(ClientClosedError):
        await call
    assert files_in(tmp_path) == []


@pytest.mark.parametrize("of_the_call", [False, True])
async def test_a_token_callable_that_does_not_return_is_bounded_by_total(tmp_path: Path, of_the_call: bool) -> None:
    async def token() -> str:
        await asyncio.Event().wait()
        return ""

    bound = Timeout(total=0.05)
    options: dict[str, Any] = {} if of_the_call else {"timeout": bound}
    async with DevRevClient(token, base_url="http://127.0.0.1:9", **options) as client:
        with pytest.raises(APITimeoutError, match=r"Timeout\.total"):
            await client.works.export_to(tmp_path / "works.jsonl", timeout=bound if of_the_call else None)
    assert files_in(tmp_path) == []


async def test_a_token_callable_that_fails_is_asked_once(tmp_path: Path) -> None:
    asked: list[None] = []

    def token() -> str:
        asked.append(None)
        raise OSError("no vault")

    async with DevRevClient(token, base_url="http://127.0.0.1:9") as client:
        with pytest.raises(ConfigurationError, match="the token callable raised OSError"):
            await client.works.export_to(tmp_path / "works.jsonl")
    assert len(asked) == 1
    assert files_in(tmp_path) == []


async def test_a_failure_keeps_what_there_is(tmp_path: Path) -> None:
    async with Sandbox(works=WORKS, seed=3, quirks=Quirks(cap=CAP)) as sandbox, client_of(sandbox) as client:
        await a_failure_keeps_what_there_is(client, sandbox, tmp_path)


async def a_failure_keeps_what_there_is(devrev: DevRevClient, sandbox: Sandbox, tmp_path: Path) -> None:
    path = tmp_path / "works.parquet"

    def fail(report: ExportReport) -> None:
        if report.works >= WORKS // 2:
            sandbox.fail_next("*", status=500, times=50)

    with pytest.raises(ServerError):
        await devrev.works.export_to(path, on_progress=fail, max_retries=0)
    assert files_in(tmp_path) == [".works.parquet.part", ".works.parquet.part.state"]


async def test_no_server_leaves_nothing(tmp_path: Path) -> None:
    async with DevRevClient("x", base_url="http://127.0.0.1:9", max_retries=0) as client:
        with pytest.raises(APIConnectionError):
            await client.works.export_to(tmp_path / "works.csv")
    assert files_in(tmp_path) == []


async def test_what_cannot_be_proved_says_what_there_is(tmp_path: Path) -> None:
    quirks = Quirks(cap=CAP, sort_by="ignored", created_date_filter="ignored", missing_endpoints=("works.list",))
    async with Sandbox(works=WORKS, seed=3, quirks=quirks) as sandbox, client_of(sandbox) as client:
        with pytest.raises(IncompleteExportError) as raised:
            await client.works.export_to(tmp_path / "works.csv")
        assert isinstance(raised.value.report, ExportReport)
        assert not raised.value.report.complete
    assert not (tmp_path / "works.csv").exists()


# --- cancellation ---


@pytest.mark.parametrize("name", FORMATS)
async def test_a_cancelled_call_keeps_what_there_is(
    devrev: DevRevClient, sandbox: Sandbox, tmp_path: Path, name: str
) -> None:
    path = tmp_path / name
    enough = asyncio.Event()

    def progress(report: ExportReport) -> None:
        if report.works >= WORKS // 2:
            enough.set()

    task = asyncio.create_task(devrev.works.export_to(path, on_progress=progress))
    await enough.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert files_in(tmp_path) == [f".{name}.part", f".{name}.part.state"]
    state = json.loads((tmp_path / f".{name}.part.state").read_bytes())
    assert state["works"] > 0
    assert (await devrev.works.export_to(path)).works == WORKS


@pytest.mark.parametrize("way", ["asyncio", "anyio"])
async def test_a_cancelled_conversion_costs_no_request(
    devrev: DevRevClient, sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    from devrev_async.sinks import csv

    loop, path = asyncio.get_running_loop(), tmp_path / "works.csv"
    begun = asyncio.Event()
    cancelled = threading.Event()
    write = csv.CsvWriter.write

    def slow(self: csv.CsvWriter, lines: list[bytes]) -> None:
        loop.call_soon_threadsafe(begun.set)
        cancelled.wait(30)
        write(self, lines)

    with monkeypatch.context() as patch:
        patch.setattr(csv.CsvWriter, "write", slow)
        async with anyio.create_task_group() as group:
            scope = anyio.CancelScope()

            async def run() -> None:
                with scope:
                    await devrev.works.export_to(path)

            if way == "anyio":
                group.start_soon(run)
                await begun.wait()
                scope.cancel()
                loop.call_later(0.05, cancelled.set)
            else:
                task = asyncio.create_task(devrev.works.export_to(path))
                await begun.wait()
                task.cancel()
                loop.call_later(0.05, task.cancel)  # nobody hurries it
                loop.call_later(0.1, cancelled.set)
                with pytest.raises(asyncio.CancelledError):
                    await task
    assert files_in(tmp_path) == [".works.csv.part", ".works.csv.part.state"]
    before = sandbox.request_count
    report = await devrev.works.export_to(path)
    assert sandbox.request_count == before
    assert (report.works, report.complete) == (WORKS, True)
    assert files_in(tmp_path) == ["works.csv"]


@pytest.mark.parametrize("name", ["works.jsonl", "works.parquet"])
async def test_files_are_written_beside_the_event_loop(
    devrev: DevRevClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Everything that waits for a disk or converts a batch runs in another thread than the loop."""
    from devrev_async.sinks import _atomic, _conversion

    threads: set[str] = set()

    def watched(call: Callable[..., Any]) -> Callable[..., Any]:
        def watch(*args: Any, **kwargs: Any) -> Any:
            threads.add(f"{call.__name__} {threading.current_thread() is threading.main_thread()}")
            return call(*args, **kwargs)

        return watch

    for module, function in [(os, "fsync"), (os, "write"), (_atomic, "create_new"), (_conversion, "read_batches")]:
        monkeypatch.setattr(module, function, watched(getattr(module, function)))
    await devrev.works.export_to(tmp_path / name)
    assert {"fsync False", "write False", "create_new False"} <= threads
    assert not any(thread.endswith("True") for thread in threads), threads


async def test_a_report_is_complete_only_with_the_file(devrev: DevRevClient, tmp_path: Path) -> None:
    report = await interrupted_at_conversion(devrev, tmp_path / "works.csv", {})
    assert (report.works, report.complete) == (WORKS, False)
    assert (await devrev.works.export_to(tmp_path / "works.csv")).complete


# --- two at once ---


async def test_of_three_exports_to_one_file_at_once_two_are_refused(
    devrev: DevRevClient, sandbox: Sandbox, tmp_path: Path
) -> None:
    path = tmp_path / "works.jsonl"
    results = await asyncio.gather(*(devrev.works.export_to(path) for _ in range(3)), return_exceptions=True)
    refused = [error for error in results if isinstance(error, BaseException)]
    assert len(refused) == 2
    for error in refused:
        assert isinstance(error, BlockingIOError)
        assert error.filename == str(path)
        assert "another export is writing this file" in str(error)
    assert sorted(ids_in(path)) == sorted(sandbox.ids())
    assert files_in(tmp_path) == ["works.jsonl"]


# --- disks ---


@contextlib.contextmanager
def mounted(folder: Path, size: str) -> Generator[Path]:
    folder.mkdir()
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        pytest.skip("only root can mount a file system")
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], check=False)
    if mount.returncode:
        pytest.skip("file systems cannot be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, too small for any export of the tests."""
    with mounted(tmp_path / "disk", "8m") as folder:
        yield folder


@pytest.mark.skipif(sys.platform != "linux", reason="mounts as Linux does")
@pytest.mark.parametrize("name", FORMATS)
async def test_a_full_disk(devrev: DevRevClient, sandbox: Sandbox, disk: Path, name: str) -> None:
    path = disk / name
    path.write_bytes(b"older")
    filler = disk / "filler"
    filler.write_bytes(bytes(int(7.8e6) if name.endswith(".gz") else 1))
    with pytest.raises(OSError, match="No space left") as raised:
        await devrev.works.export_to(path)
    assert raised.value.errno == errno.ENOSPC
    assert raised.value.filename == str(path)
    assert path.read_bytes() == b"older"
    assert [match.name for glob in GLOBS for match in disk.glob(glob)] == [name] * sum(path.match(g) for g in GLOBS)
    filler.unlink()
    subprocess.run(["mount", "-o", "remount,size=100m", str(disk)], check=True)
    report = await devrev.works.export_to(path)
    assert (report.works, report.restarted) == (WORKS, False)
    assert files_in(disk) == [name]


@pytest.mark.skipif(sys.platform != "linux", reason="mounts as Linux does")
@pytest.mark.parametrize("name", ["works.csv", "works.parquet", "works-many.csv"])
async def test_a_disk_that_the_conversion_fills(devrev: DevRevClient, sandbox: Sandbox, disk: Path, name: str) -> None:
    path = disk / name
    options: dict[str, Any] = {"rows_per_file": 100} if "many" in name else {}
    subprocess.run(["mount", "-o", "remount,size=40m", str(disk)], check=True)
    async with client_of(sandbox) as client:  # the part alone
        await interrupted_at_conversion(client, path, options)
    room = os.statvfs(disk)
    (disk / "filler").write_bytes(bytes((room.f_bavail - 4) * room.f_frsize))
    with pytest.raises(OSError, match="No space left") as raised:
        await devrev.works.export_to(path, **options)
    before = sandbox.request_count
    assert raised.value.filename == str(path)
    assert files_in(disk) == sorted([f".{name}.part", f".{name}.part.state", "filler"])
    (disk / "filler").unlink()
    report = await devrev.works.export_to(path, **options)
    assert sandbox.request_count == before
    assert (report.works, report.complete) == (WORKS, True)


async def interrupted_at_conversion(client: DevRevClient, path: Path, options: dict[str, Any]) -> ExportReport:
    reports: list[ExportReport] = []

    def last(report: ExportReport) -> None:
        if report.complete:
            reports.append(report)
            asyncio.get_running_loop().call_soon(task.cancel)

    task = asyncio.create_task(client.works.export_to(path, on_progress=last, **options))
    with pytest.raises(asyncio.CancelledError):
        await task
    return reports[0]


@pytest.mark.parametrize("beside", ["part.lock", "part.state", "part"])
async def test_an_error_names_the_file_and_none_beside_it(devrev: DevRevClient, tmp_path: Path, beside: str) -> None:
    (tmp_path / f".works.jsonl.{beside}").mkdir()
    with pytest.raises(OSError, match=r"works\.jsonl") as raised:
        await devrev.works.export_to(tmp_path / "works.jsonl")
    assert raised.value.filename == str(tmp_path / "works.jsonl")


@pytest.mark.skipif(sys.platform != "linux", reason="mounts as Linux does")
async def test_a_folder_that_cannot_be_written(devrev: DevRevClient, sandbox: Sandbox, disk: Path) -> None:
    before = sandbox.request_count
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    with pytest.raises(OSError, match="not writable") as raised:
        await devrev.works.export_to(disk / "works.csv")
    assert raised.value.filename == str(disk / "works.csv")
    assert sandbox.request_count == before


async def test_a_folder_with_the_name_of_a_numbered_file_costs_no_request_and_no_older_file(
    devrev: DevRevClient, sandbox: Sandbox, tmp_path: Path
) -> None:
    older = [tmp_path / f"works-0000{number}.csv" for number in (0, 1, 3)]
    for path in older:
        path.write_bytes(b"older")
    folder = tmp_path / "works-00002.csv"
    folder.mkdir()
    before = sandbox.request_count
    with pytest.raises(IsADirectoryError, match="in the place of a numbered file") as raised:
        await devrev.works.export_to(tmp_path / "works.csv", rows_per_file=WORKS)
    assert raised.value.filename == str(folder)
    assert sandbox.request_count == before
    assert files_in(tmp_path) == sorted([folder.name, *(path.name for path in older)])


@pytest.mark.skipif(sys.platform != "linux", reason="root without its powers, as Linux has it")
def test_numbered_files_of_a_folder_that_cannot_be_listed_cost_no_request(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir(mode=0o300)
    code = (
        "import asyncio, sys\n"
        "from devrev_async import DevRevClient\n"
        "async def main():\n"
        "    async with DevRevClient('x', base_url='http://127.0.0.1:9', max_retries=0) as client:\n"
        "        await client.works.export_to(sys.argv[1], rows_per_file=5)\n"
        "asyncio.run(main())\n"
    )
    weak = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
    if weak and (shutil.which("setpriv") is None or subprocess.run([*weak, "true"], check=False).returncode):
        pytest.skip("root cannot lay down its powers here")
    done = subprocess.run(
        [*weak, sys.executable, "-c", code, str(folder / "works.csv")], capture_output=True, text=True, check=False
    )
    assert done.stderr.splitlines()[-1] == (
        f"PermissionError: [Errno 13] the folder {folder} cannot be listed: '{folder / 'works.csv'}'"
    )
    folder.chmod(0o700)
    assert files_in(folder) == []


@pytest.mark.skipif(sys.platform != "linux", reason="mounts as Linux does")
async def test_a_link_to_another_file_system(devrev: DevRevClient, sandbox: Sandbox, disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,size=100m", str(disk)], check=True)
    link = disk.parent / "works.jsonl"
    link.symlink_to(disk / "real.jsonl")
    await devrev.works.export_to(link)
    assert link.is_symlink()
    assert files_in(disk) == ["real.jsonl"]
    assert files_in(disk.parent) == ["disk", "works.jsonl"]
    assert sorted(ids_in(link)) == sorted(sandbox.ids())


@pytest.mark.parametrize("name", ["works.jsonl", "works.parquet"])
async def test_r58_everything_temporary_lies_beside_its_target(
    devrev: DevRevClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "of another file system that is gone"))
    await devrev.works.export_to(tmp_path / name)
    assert files_in(tmp_path) == [name]


@pytest.mark.skipif(sys.platform != "linux", reason="mounts as Linux does")
async def test_r59_a_mounted_file_says_what_to_do_and_keeps_what_there_is(
    devrev: DevRevClient, sandbox: Sandbox, tmp_path: Path
) -> None:
    source, target = tmp_path / "of the host", tmp_path / "works.jsonl"
    for path in (source, target):
        path.write_bytes(b"older")
    if os.geteuid() != 0 or subprocess.run(["mount", "--bind", str(source), str(target)], check=False).returncode:
        pytest.skip("files cannot be mounted here")
    try:
        with pytest.raises(OSError, match="mount its folder instead") as raised:
            await devrev.works.export_to(target)
        assert raised.value.filename == str(target)
        assert target.read_bytes() == b"older"
        before = sandbox.request_count
    finally:
        subprocess.run(["umount", str(target)], check=True)
    await devrev.works.export_to(target)
    assert sandbox.request_count == before
    assert sorted(ids_in(target)) == sorted(sandbox.ids())
