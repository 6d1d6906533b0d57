"""The time to connect, on an event loop whose time jumps, and on a real one that is blocked while a client connects."""

import asyncio
import ssl
import time

import pytest
import trustme

from devrev_async import Timeout
from devrev_async._transport.connect_timeout import ConnectTimeout
from tests.limits.virtual import VirtualLoop, run
from tests.transport.conftest import Clients
from tests.transport.server import FaultServer


def test_it_ends_what_takes_longer() -> None:
    loop = VirtualLoop()

    async def main() -> None:
        begun = loop.time()
        with pytest.raises(TimeoutError):
            async with ConnectTimeout(8.0):
                await asyncio.sleep(60)
        assert loop.time() - begun == pytest.approx(8.0)
        async with ConnectTimeout(8.0):
            await asyncio.sleep(7.9)
        await asyncio.sleep(60)  # and it ends nothing later

    run(main(), loop)


@pytest.mark.anyio
async def test_a_cancellation_by_others_passes() -> None:
    async def wait() -> None:
        async with ConnectTimeout(60):
            await asyncio.Event().wait()

    task = asyncio.create_task(wait())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.anyio
async def test_a_loop_that_is_always_late_has_twice_as_long() -> None:
    turns = 0
    with pytest.raises(TimeoutError):
        async with ConnectTimeout(0.004):
            while turns < 1000:
                turns += 1
                time.sleep(0.002)
                await asyncio.sleep(0)


@pytest.mark.anyio
async def test_a_loop_that_is_blocked_while_it_connects_loses_no_connection(connect: Clients) -> None:
    authority = trustme.CA()
    context, trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("127.0.0.1").configure_cert(context)  # pyright: ignore[reportUnknownMemberType]
    authority.configure_trust(trusting)  # pyright: ignore[reportUnknownMemberType] - untyped for want of pyOpenSSL
    async with FaultServer(context=context) as secure:
        client = connect(base_url=secure.url, ssl=trusting, max_retries=0, timeout=Timeout(connect=0.5))
        call = asyncio.create_task(client.works.get("ISS-1"))
        await asyncio.sleep(0)  # it has begun to connect
        time.sleep(0.8)
        assert (await call).display_id == "ISS-1"
        await client.close()
