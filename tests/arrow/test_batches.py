"""`arrow_batches` of exports and of streams, over HTTP: rows, sizes, arguments, checkpoints, failures, the event loop."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from devrev_async import DevRevClient, InvalidArgumentError
from devrev_async.arrow import WorksConverter, works_schema
from devrev_async.errors import APIConnectionError
from devrev_async.sandbox import Sandbox
from tests.transport.server import FaultServer, message, raw

pytestmark = pytest.mark.anyio
WAYS = ["export_all", "export_stream"]


@pytest.fixture(scope="module")
def served() -> Sandbox:
    return Sandbox(works=2500, seed=3)


@pytest.fixture
async def sandbox(served: Sandbox, anyio_backend: str) -> AsyncGenerator[Sandbox]:
    async with served:
        yield served


@pytest.fixture
async def devrev(sandbox: Sandbox) -> AsyncGenerator[DevRevClient]:
    async with DevRevClient(sandbox.token, base_url=sandbox.url) as client:
        yield client


@pytest.mark.parametrize("way", WAYS)
async def test_the_batches_are_the_works(devrev: DevRevClient, way: str) -> None:
    works = {work.id: work for work in await devrev.works.export()}
    for n, sizes in ((1000, [1000, 1000, 500]), (1250, [1250, 1250]), (10_000, [2500])):
        async with getattr(devrev.works, way)() as export:
            batches = [batch async for batch in export.arrow_batches(n)]
        assert [batch.num_rows for batch in batches] == sizes
        for batch in batches:
            assert batch.schema.equals(works_schema(), check_metadata=True)
            in_order = [works[id] for id in batch.column("id").to_pylist()]
            assert batch.equals(WorksConverter().convert(in_order))
        assert sum(batch.num_rows for batch in batches) == len({i for b in batches for i in b.column("id").to_pylist()})


@pytest.mark.parametrize("way", WAYS)
async def test_columns_and_depth(devrev: DevRevClient, way: str) -> None:
    async with getattr(devrev.works, way)(type=["issue"]) as export:
        batches = [batch async for batch in export.arrow_batches(columns=["stage", "id"], depth=None)]
    assert batches
    for batch in batches:
        assert batch.schema.equals(works_schema(["stage", "id"], depth=None), check_metadata=True)


@pytest.mark.parametrize("way", WAYS)
async def test_no_works_are_no_batches(devrev: DevRevClient, way: str) -> None:
    async with getattr(devrev.works, way)(external_ref=["none has it"]) as export:
        assert [batch async for batch in export.arrow_batches()] == []


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"columns": ["tilte"]}, InvalidArgumentError),
        ({"columns": "title"}, TypeError),
        ({"depth": 0}, InvalidArgumentError),
        ({"n": 0}, InvalidArgumentError),
        ({"n": "1"}, TypeError),
        ({"n": True}, TypeError),
    ],
)
async def test_arguments_are_refused_at_the_call(
    devrev: DevRevClient, sandbox: Sandbox, way: str, arguments: dict[str, Any], error: type[Exception]
) -> None:
    before = sandbox.request_count
    export = getattr(devrev.works, way)()
    with pytest.raises(error):
        export.arrow_batches(**arguments)
    assert sandbox.request_count == before


async def test_the_report_counts_what_was_yielded(devrev: DevRevClient) -> None:
    async with devrev.works.export_all() as export:
        async for _ in export.arrow_batches(1000):
            assert export.report.works == 1000
            break
    assert not export.report.complete
    async with devrev.works.export_all() as export:
        seen = [batch.num_rows async for batch in export.arrow_batches(1000)]
    assert export.report.works == sum(seen) == 2500
    assert export.report.complete


async def test_an_export_goes_on_from_its_checkpoint(devrev: DevRevClient) -> None:
    ids: list[str] = []
    async with devrev.works.export_all() as export:
        async for batch in export.arrow_batches(700):
            ids += batch.column("id").to_pylist()
            if len(ids) == 1400:
                break
    async with devrev.works.export_all(resume=export.checkpoint) as rest:
        async for batch in rest.arrow_batches(700):
            ids += batch.column("id").to_pylist()
    assert len(ids) == len(set(ids)) == 2500


class BusyExecutor(ThreadPoolExecutor):
    """The loop's threads, all of them busy until the end of the block; what is to run in one waits."""

    def __init__(self) -> None:
        super().__init__(max_workers=1)
        self._free = threading.Event()
        self._submitted = asyncio.Event()

    def submit(self, *work: Any, **options: Any) -> Any:
        future = super().submit(*work, **options)
        self._submitted.set()
        return future

    def __enter__(self) -> BusyExecutor:
        self.submit(self._free.wait)
        self._submitted.clear()
        asyncio.get_running_loop().set_default_executor(self)
        return self

    async def until_one_waits(self) -> None:
        await self._submitted.wait()

    def __exit__(self, *error: object) -> None:
        self._free.set()


@pytest.mark.parametrize("way", WAYS)
async def test_works_are_converted_in_a_thread_while_the_loop_goes_on(devrev: DevRevClient, way: str) -> None:
    export = getattr(devrev.works, way)()
    async with export:
        batches = export.arrow_batches(1000)
        with BusyExecutor() as busy:
            coming = asyncio.ensure_future(anext(batches))
            await busy.until_one_waits()
            assert (await devrev.works.count()).count == 2500
            assert not coming.done()
        assert (await coming).num_rows == 1000


async def test_a_batch_that_was_cancelled_while_it_was_converted_comes_again(devrev: DevRevClient) -> None:
    async with devrev.works.export_all() as export:
        batches = export.arrow_batches(1000)
        ids: list[str] = (await anext(batches)).column("id").to_pylist()
        with BusyExecutor() as busy:
            coming = asyncio.ensure_future(anext(batches))
            await busy.until_one_waits()
            coming.cancel()
            with pytest.raises(asyncio.CancelledError):
                await coming
    async with devrev.works.export_all(resume=export.checkpoint) as rest:
        async for batch in rest.arrow_batches(1000):
            ids += batch.column("id").to_pylist()
    assert len(ids) == len(set(ids)) == 2500


async def test_leaving_a_stream_early_closes_its_connection(devrev: DevRevClient, sandbox: Sandbox) -> None:
    before = sandbox.open_connections
    async with devrev.works.export_stream() as stream:
        batches = stream.arrow_batches(10)
        assert (await anext(batches)).num_rows == 10
    while sandbox.open_connections > before:
        await asyncio.sleep(0)
    await batches.aclose()


async def test_a_second_loop_over_a_stream_goes_on_where_the_first_was_left(devrev: DevRevClient) -> None:
    ids: list[str] = []
    async with devrev.works.export_stream() as stream:
        async for batch in stream.arrow_batches(7):
            ids += batch.column("id").to_pylist()
            break
        async for batch in stream.arrow_batches(1000):
            ids += batch.column("id").to_pylist()
    assert len(ids) == len(set(ids)) == 2500


async def test_works_that_arrived_before_a_failure_come_before_it(anyio_backend: str) -> None:
    works = b",".join(b'{"type":"task","id":"TASK-%d"}' % n for n in range(25))
    whole = message(b'{"works":[' + works + b"]}")
    async with FaultServer() as server, DevRevClient("t", base_url=server.url, max_retries=0) as devrev:
        server.play(raw(whole[:-5], then="close"))
        ids: list[str] = []
        with pytest.raises(APIConnectionError):
            async with devrev.works.export_stream() as stream:
                async for batch in stream.arrow_batches(10):
                    ids += batch.column("id").to_pylist()
    assert ids == [f"TASK-{n}" for n in range(24)]


async def test_without_pyarrow_the_error_names_the_extra() -> None:
    code = """
import sys
sys.modules["pyarrow"] = None
from devrev_async import DevRevClient
devrev = DevRevClient("t", base_url="http://127.0.0.1:9")
for export in (devrev.works.export_all(), devrev.works.export_stream()):
    try:
        export.arrow_batches()
    except ModuleNotFoundError as error:
        assert "pip install 'devrev-async[arrow]'" in str(error), error
    else:
        raise SystemExit("no error")
"""
    subprocess.run([sys.executable, "-c", code], check=True)
