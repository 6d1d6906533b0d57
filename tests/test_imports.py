"""What is imported when: an import while the event loop runs holds everything else that the loop has to do."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

SCRIPT = """
import asyncio, json, sys, tempfile, threading
from pathlib import Path

from devrev_async import DevRevClient
from devrev_async.sandbox import Sandbox

imported = []

def record(event, arguments):
    if event == "import" and threading.current_thread() is threading.main_thread():
        imported.append(arguments[0])

async def main():
    async with Sandbox(works=30) as sandbox, DevRevClient(sandbox.token, base_url=sandbox.url) as devrev:
        sys.addaudithook(record)
        works = devrev.works
        [some, *_] = await works.export(first=3)
        await works.get(some.id)
        await works.update(some.id, title="new")
        await works.get_many([some.id])
        await works.count()
        async with works.export_stream() as stream:
            async for _ in stream:
                pass
        async for _ in works.list(limit=10):
            pass
        async for _ in works.changes():
            pass
        async with works.export_all() as export:
            async for _ in export.arrow_batches():
                pass
        with tempfile.TemporaryDirectory() as folder:
            for name in ("works.jsonl", "works.csv", "works.parquet"):
                await works.export_to(Path(folder, name))
            await works.sync(state=Path(folder, "state.json"), directory=Path(folder, "runs"), format="parquet")

asyncio.run(main())
print(json.dumps(imported))
"""

IN_A_THREAD = {
    "devrev_async.changes.sync",
    "devrev_async.export.planner.judge",
    "devrev_async.export.planner.planner",
    "devrev_async.sinks.export",
}
"""What takes 10 ms and more to import, or is imported by what does."""


def test_no_call_imports_a_library_while_the_loop_runs() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], check=True, capture_output=True, text=True)
    imported = set(json.loads(done.stdout))
    assert "devrev_async.export.opening" in imported
    assert not imported & IN_A_THREAD
    assert not {name.partition(".")[0] for name in imported} - {"devrev_async", *sys.stdlib_module_names}


def test_the_package_runs_as_a_module() -> None:
    command = [sys.executable, "-m", "devrev_async", "--version"]
    assert subprocess.run(command, check=True, capture_output=True, text=True).stdout.startswith("devrev-async ")


@pytest.mark.parametrize(
    ("module", "missing", "advice"),
    [
        ("dlt", "dlt", "pip install 'devrev-async[dlt]'"),
        ("dask", "dask", "pip install 'devrev-async[dask]'"),
        ("spark", "pyspark", "pip install pyspark"),
        ("arrow.scan", "pyarrow", "pip install 'devrev-async[arrow]'"),
    ],
)
def test_without_its_library_a_module_says_what_to_install(module: str, missing: str, advice: str) -> None:
    script = f"import sys; sys.modules[{missing!r}] = None; import devrev_async.{module}"
    done = subprocess.run([sys.executable, "-c", script], check=False, capture_output=True, text=True)
    assert done.returncode == 1
    assert advice in done.stderr.splitlines()[-1]
