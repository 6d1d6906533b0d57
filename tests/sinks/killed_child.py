"""Runs exports in forked children and kills them; a program of its own, since it must fork before any thread starts.

Arguments: base URL, token, target, options as JSON, number of kills, seed. Prints one JSON object.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sys
import time
from pathlib import Path
from typing import Any

from devrev_async import DevRevClient
from devrev_async.cli.process import spare_memory
from devrev_async.sinks import parquet

assert parquet.GROUP_ROWS, "it is imported here, once, and not in each child"
spare_memory()  # else pyarrow imports pandas in each child, which takes longer than the export


async def export(url: str, token: str, target: str, options: dict[str, Any]) -> None:
    async with DevRevClient(token, base_url=url) as client:
        report = await client.works.export_to(target, **options)
        assert report.complete


def child(url: str, token: str, target: str, options: dict[str, Any]) -> int:
    pid = os.fork()
    if pid:
        return pid
    try:
        asyncio.run(export(url, token, target, options))
    except BaseException as error:
        sys.stderr.write(f"{error!r}\n")
        os._exit(1)
    os._exit(0)


def main() -> None:
    url, token, target, text, kills, seed = sys.argv[1:]
    options, chance = json.loads(text), random.Random(int(seed))
    folder = Path(target).parent
    begun = time.monotonic()
    assert os.waitpid(child(url, token, target, options), 0)[1] == 0
    whole = time.monotonic() - begun
    undisturbed = {path.name: path.stat().st_size for path in folder.iterdir()}
    for path in folder.iterdir():
        path.rename(folder.parent / f"undisturbed-{path.name}")
    killed, parts = 0, 0
    while killed < int(kills):
        pid = child(url, token, target, options)
        time.sleep(chance.uniform(0, whole))
        os.kill(pid, signal.SIGKILL)
        status = os.waitpid(pid, 0)[1]
        if os.WIFSIGNALED(status):
            killed += 1
            parts += any(path.name.endswith(".part") for path in folder.iterdir())
            shown = [path for path in folder.iterdir() if not path.name.startswith(".")]
            if "rows_per_file" not in options:
                assert {path.name for path in shown} <= undisturbed.keys()
                for path in shown:
                    assert path.stat().st_size > 0
        else:
            assert status == 0, status
            for path in folder.iterdir():  # it was faster; the next one begins anew
                path.unlink()
    assert os.waitpid(child(url, token, target, options), 0)[1] == 0
    sys.stdout.write(json.dumps({"killed": killed, "parts": parts, "seconds": whole}))


main()
