"""docs/examples/fastapi_app.py in a process of its own, asked over HTTP: what callers get, and what is left behind."""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import re
import signal
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from devrev_async import DevRevClient
from devrev_async.sandbox import Sandbox

pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")
pytestmark = [pytest.mark.anyio, pytest.mark.filterwarnings("ignore::ResourceWarning")]

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
COMMAND = ["-m", "uvicorn", "fastapi_app:app", "--port", "0", "--timeout-graceful-shutdown", "1", "--no-access-log"]


ALL = [("type", type) for type in ("issue", "ticket", "task", "opportunity")]
"""Some 15 MB of 5000 works, which no buffers of sockets hold."""


class App:
    """The example, served by uvicorn."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.interrupted = False


@asynccontextmanager
async def serving_app(sandbox: Sandbox) -> AsyncGenerator[tuple[App, aiohttp.ClientSession]]:
    env = {**os.environ, "DEVREV_BASE_URL": sandbox.url, "DEVREV_TOKEN": sandbox.token}
    env["PYTHONWARNINGS"] = "error::ResourceWarning"
    process = await asyncio.create_subprocess_exec(
        sys.executable, *COMMAND, cwd=EXAMPLES, env=env, stderr=asyncio.subprocess.PIPE
    )
    assert process.stderr is not None
    log: list[str] = []
    try:
        async with asyncio.timeout(60):
            while not (found := re.search(r"running on (http://[0-9.:]+)", "".join(log))):
                line = await process.stderr.readline()
                assert line, "".join(log)
                log.append(line.decode())
        reading = asyncio.create_task(read(process.stderr, log))
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(found[1], connector=connector) as session:
            app = App(process)
            yield app, session
        if process.returncode is None:
            process.terminate()
        async with asyncio.timeout(20):
            await process.wait()
            await reading
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    # uvicorn's own word for a response that it cancels is a traceback
    if not app.interrupted:
        assert "Traceback" not in "".join(log)


async def read(stream: asyncio.StreamReader, log: list[str]) -> None:
    while line := await stream.readline():
        log.append(line.decode())


async def until_idle(sandbox: Sandbox) -> None:
    async with asyncio.timeout(10):
        while sandbox.requests_in_flight:
            await asyncio.sleep(0.001)


async def test_works_updates_and_errors() -> None:
    async with Sandbox(works=60, seed=3) as sandbox, serving_app(sandbox) as (_, session):
        id = next(id for id in sandbox.ids() if ":issue/" in id and "target_close_date" in sandbox.get(id))
        display_id = sandbox.get(id)["display_id"]
        for name in (id, display_id):
            async with session.get(f"/works/{name}") as response:
                assert (response.status, response.content_type) == (200, "application/json")
                work = await response.json()
                assert [work[key] for key in ("id", "title", "owned_by")] == [
                    sandbox.get(id)[key] for key in ("id", "title", "owned_by")
                ]
        edit = {"title": "by a caller", "target_close_date": None}
        async with session.patch(f"/works/{display_id}", json=edit) as response:
            assert response.status == 200
            assert (await response.json())["title"] == "by a caller"
        assert "target_close_date" not in sandbox.get(id)

        async with session.get("/works/ISS-404404") as response:
            assert response.status == 404
            assert "404 not_found" in (await response.json())["detail"]
        before = len(sandbox.requests)
        async with session.patch(f"/works/{display_id}", json={"title": ""}) as response:
            assert response.status == 422
            assert "title" in (await response.json())["detail"]
        assert len(sandbox.requests) == before

        sandbox.fail_next("works.update", status=500)
        async with session.patch(f"/works/{display_id}", json={"title": "perhaps"}) as response:
            assert response.status == 502
            assert (await response.json())["may_have_been_applied"] is True
        sandbox.fail_next("works.get", status=503, retry_after=3.5)  # longer than the app lets its callers wait
        async with session.get(f"/works/{display_id}") as response:
            assert response.status == 503
            assert response.headers["Retry-After"] == "4"

        async with session.get("/health") as response:
            quota = (await response.json())["quota"]
            assert 0 < quota["remaining"] < quota["limit"] == 1_000_000


async def test_an_export_is_streamed_as_json_lines_and_a_refusal_is_no_empty_200() -> None:
    async with Sandbox(works=700, seed=3) as sandbox, serving_app(sandbox) as (_, session):
        async with session.get("/export", params=[("type", "ticket"), ("type", "issue")]) as response:
            assert (response.status, response.content_type) == (200, "application/x-ndjson")
            works = [json.loads(line) for line in (await response.read()).splitlines()]
        wanted = [id for id in sandbox.ids() if ":issue/" in id or ":ticket/" in id]
        assert sorted(work["id"] for work in works) == sorted(wanted)
        assert all(work == sandbox.get(work["id"]) for work in works)
        sandbox.fail_next("works.export", status=403)
        async with session.get("/export", params={"type": "ticket"}) as response:
            assert response.status == 403
            assert "403" in (await response.json())["detail"]


async def test_a_caller_who_reads_slowly_slows_the_export_and_one_who_leaves_ends_it() -> None:
    async with Sandbox(works=5000) as sandbox, serving_app(sandbox) as (_, session):

        async def begin() -> aiohttp.ClientResponse:
            response = await session.get("/export", params=ALL, read_bufsize=1024)
            assert response.status == 200
            await response.content.readany()
            return response

        response = await begin()
        for _ in range(50):  # were it not held back, the app would have read it all by now
            async with session.get("/health") as health:
                assert health.status == 200
        assert sandbox.requests_in_flight == 1
        response.close()
        await until_idle(sandbox)
        for response in await asyncio.gather(*(begin() for _ in range(40))):  # more than there are slots
            response.close()
        await until_idle(sandbox)
        async with session.get("/works/ISS-1") as response:
            assert response.status == 200
        assert sandbox.open_connections == 1  # the one that was used just now


async def test_a_caller_who_left_before_the_answer_began_ends_the_export(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [str(EXAMPLES), *sys.path])
    module: Any = importlib.import_module("fastapi_app")

    async def left() -> dict[str, str]:
        return {"type": "http.disconnect"}

    async def send(_: object) -> None:
        await asyncio.sleep(0)

    async with Sandbox(works=5000) as sandbox, DevRevClient(sandbox.token, base_url=sandbox.url) as devrev:
        stream = await devrev.works.export_stream().__aenter__()
        response = module.WorksResponse(stream)
        assert sandbox.requests_in_flight == 1
        await response({"type": "http", "asgi": {"spec_version": "2.3"}}, left, send)
        await until_idle(sandbox)
        del response  # until here its export is not ended by being collected


async def test_two_hundred_callers_under_a_quota_are_all_answered() -> None:
    async with Sandbox(works=60, quota=80, window=1) as sandbox, serving_app(sandbox) as (_, session):

        async def call(number: int) -> int:
            async with session.get(f"/works/ISS-{number % 9 + 1}") as response:
                if response.status == 503:
                    assert int(response.headers["Retry-After"]) >= 1
                    assert (await response.json())["detail"]
                else:
                    await response.read()
                return response.status

        async with asyncio.timeout(60):
            answers = await asyncio.gather(*(call(number) for number in range(200)))
        assert set(answers) <= {200, 503}
        assert answers.count(200) >= 80
        assert sandbox.requests_in_flight == 0

    async with Sandbox(works=60, quota=40, window=300) as sandbox, serving_app(sandbox) as (_, session):
        async with asyncio.timeout(30):  # nobody waits for a quota that comes in five minutes
            answers = await asyncio.gather(*(call(number) for number in range(200)))
        assert answers.count(503) >= 150
        assert set(answers) <= {200, 503}


async def test_an_app_that_is_ended_during_a_stream_and_started_again_leaves_nothing() -> None:
    async with Sandbox(works=5000) as sandbox:
        for sent in (signal.SIGTERM, signal.SIGKILL, None):
            async with serving_app(sandbox) as (app, session):
                async with session.get("/works/ISS-1") as served:
                    assert served.status == 200
                if sent is None:
                    continue
                responses = [await session.get("/export", params=ALL, read_bufsize=1024) for _ in range(3)]
                for response in responses:
                    await response.content.readany()
                assert sandbox.requests_in_flight == 3
                app.interrupted = True
                app.process.send_signal(sent)
                async with asyncio.timeout(20):
                    await app.process.wait()
                await until_idle(sandbox)
                async with asyncio.timeout(10):
                    while sandbox.open_connections:
                        await asyncio.sleep(0.001)
                for response in responses:
                    response.close()


async def test_nothing_is_imported_while_the_loop_runs_and_no_caller_waits_for_a_collection_of_all_modules() -> None:
    code = """
import asyncio, gc, sys
import fastapi_app

server = fastapi_app.server(port=0)

async def main():
    loaded = set(sys.modules)
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.001)
    loaded |= {name for name in sys.modules if name.startswith("fastapi.")}  # by itself, and small
    port = server.servers[0].sockets[0].getsockname()[1]
    for path in ("/health", "/works/ISS-1", "/works/ISS-404404", "/export?type=issue"):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"GET {path} HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n".encode())
        assert b" 200 " in await reader.read() or "404404" in path
        writer.close()
    print(sorted(set(sys.modules) - loaded), gc.get_freeze_count() > 10_000)
    server.should_exit = True
    await serving

asyncio.run(main())
"""
    async with Sandbox(works=60) as sandbox:
        env = {**os.environ, "DEVREV_BASE_URL": sandbox.url, "DEVREV_TOKEN": sandbox.token}
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", code, cwd=EXAMPLES, env=env, stdout=asyncio.subprocess.PIPE
        )
        said, _ = await process.communicate()
    assert (process.returncode, said.decode().splitlines()[-1]) == (0, "[] True")


async def test_a_burst_of_callers_begins_over_many_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [str(EXAMPLES), *sys.path])
    module: Any = importlib.import_module("fastapi_app")
    begun = 0

    async def app(*_: object) -> None:
        nonlocal begun
        begun += 1

    gate = module.Gate(app)
    callers = [asyncio.create_task(gate({}, None, None)) for _ in range(200)]
    most, before = 0, 0
    while not all(caller.done() for caller in callers):
        await asyncio.sleep(0)
        most, before = max(most, begun - before), begun
    assert (begun, most) == (200, 16)
