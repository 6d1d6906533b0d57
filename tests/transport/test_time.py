"""Silence, drips and cancellation: everything is bounded by `Timeout`, and nothing is left when a call is ended."""

import asyncio
import os
import socket
import ssl
import threading
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any

import aiohttp
import anyio
import pytest
import trustme
from yarl import URL

from devrev_async import DevRevClient, Timeout, WorkUpdate
from devrev_async._transport.request import Request
from devrev_async.errors import APIConnectionError, APITimeoutError, ClientClosedError, DevRevError, OutcomeUnknownError
from tests.transport.conftest import TOKEN, Clients, free_slots, in_flight
from tests.transport.server import ONE, PAGE, FaultServer, Play, answer, chunked, drip, message, raw, refuse, silence
from tests.transport.test_retries import DAYS, READS, WRITES, export, read, stream, update

pytestmark = pytest.mark.anyio

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n"

SILENT = {
    "no answer": silence,
    "half a head": raw(b"HTTP/1.1 200 OK\r\nContent-", then="silence"),
    "a head alone": raw(HEAD, then="silence"),
    "half a body": raw(HEAD, b'{"work": ', then="silence"),
    "half a chunk": raw(chunked(ONE, end=b"")[:-9], then="silence"),
    "half an error": raw(message(b"x" * 100, 500)[:-9], then="silence"),
}
DRIPPING = {
    "slow headers": drip(b"X: y\r\n", b"HTTP/1.1 200 OK\r\n"),
    "a slow head": drip(b"x", b"HTTP/1.1 200 "),
    "a slow body": drip(b" ", HEAD),
    "slow chunks": drip(b"1\r\n \r\n", chunked(end=b"")),
    "a body without end": drip(b" " * 60000, b"HTTP/1.1 200 OK\r\n\r\n", 0.0),
    "a slow error": drip(b" ", message(b" " * 90000, 503)[:-90000]),
}


@pytest.mark.parametrize("name", SILENT)
async def test_silence_is_bounded_by_read(server: FaultServer, connect: Clients, name: str) -> None:
    client = connect(timeout=Timeout(read=0.1), max_retries=1)
    server.usual = SILENT[name]
    with pytest.raises(DevRevError) as caught:
        await client.works.get("ISS-1")
    assert caught.value.attempts == len(server.requests) == 2
    if name != "half an error":  # of which the status says enough
        assert isinstance(caught.value, APITimeoutError)
        assert isinstance(caught.value, TimeoutError)
        assert str(caught.value) == "works.get: no data received for 0.1 s (Timeout.read)"
    with pytest.raises(DevRevError) as caught:
        await client.works.update("ISS-1", title="x")
    assert caught.value.outcome_unknown
    assert len(server.requests) == 3


SLOW_HEADS = {name: DRIPPING[name] for name in ("slow headers", "a slow head")}


@pytest.mark.parametrize("name", SILENT | SLOW_HEADS)
async def test_silence_is_bounded_in_a_session_of_ones_own(server: FaultServer, name: str) -> None:
    server.usual = (SILENT | SLOW_HEADS)[name]
    async with aiohttp.ClientSession() as session:
        client = DevRevClient(TOKEN, base_url=server.url, session=session, timeout=Timeout(read=0.1), max_retries=0)
        with pytest.raises(DevRevError):
            await client.works.get("ISS-1")
    await server.all_gone()


async def test_each_call_has_its_own_patience(server: FaultServer, connect: Clients) -> None:
    client = connect(timeout=Timeout(read=30), max_retries=0)
    server.usual = silence
    ended: list[float] = []

    async def get(seconds: float | None) -> None:
        timeout = None if seconds is None else Timeout(read=seconds)
        try:
            await client.works.get("ISS-1", timeout=timeout)
        except APITimeoutError:
            assert seconds is not None
            ended.append(seconds)

    async with anyio.create_task_group() as group:
        group.start_soon(get, None)
        await server.arrived(1)
        await asyncio.gather(get(0.3), get(0.1))
        group.cancel_scope.cancel()
    assert ended == [0.1, 0.3]


async def test_a_body_that_keeps_coming_is_not_silent(server: FaultServer, connect: Clients) -> None:
    client = connect(timeout=Timeout(read=0.2), max_retries=0)

    async def slowly(peer: Any) -> None:
        whole = message(ONE)
        for start in range(0, len(whole), 1 + len(whole) // 8):
            await peer.send(whole[start : start + 1 + len(whole) // 8])
            await asyncio.sleep(0.05)

    server.usual = slowly
    assert (await client.works.get("ISS-1")).display_id == "ISS-1"


@pytest.mark.parametrize("name", DRIPPING | SILENT)
async def test_nothing_outlives_total(server: FaultServer, connect: Clients, name: str) -> None:
    client = connect(timeout=Timeout(total=0.15, read=30))
    server.usual = (DRIPPING | SILENT)[name]
    for call in (read, export, stream):
        with pytest.raises(APITimeoutError) as caught:
            await call(client)
        assert "not done within 0.15 s (Timeout.total)" in str(caught.value)
        assert caught.value.attempts >= 1
        assert not caught.value.outcome_unknown
    with pytest.raises(DevRevError) as unknown:
        await client.works.update("ISS-1", title="x")
    assert unknown.value.outcome_unknown
    assert free_slots(client) == 32


async def test_a_part_that_never_waits_is_bounded_by_total(client: DevRevClient) -> None:
    """As of a stream, where some event loops have read more by the time that the part before it is decoded."""
    transport = client._transport
    call = transport.call(Request("works.export", URL("http://127.0.0.1")))
    call.deadline = time.monotonic()

    async def at_hand() -> None:
        pass

    with pytest.raises(APITimeoutError, match=r"Timeout\.total"):
        await transport.guarded(call, at_hand)


async def test_a_streams_consumer_has_all_the_time_it_wants(server: FaultServer, connect: Clients) -> None:
    """Neither `read` nor `total` counts what happens between two works, nor before the first."""
    client = connect(timeout=Timeout(read=0.1, total=0.2), max_retries=0)
    body = b'{"works": [' + b",".join([ONE[9:-1].replace(b"One", b"x" * 3000)] * 400) + b"]}"
    server.usual = answer(body)
    works, waits = 0, iter([0.3, 0.3])
    async with client.works.export_stream() as stream:
        await asyncio.sleep(0.3)
        async for _ in stream:
            works += 1
            await asyncio.sleep(next(waits, 0))
    assert works == 400


async def test_total_covers_all_attempts_and_waits(server: FaultServer, connect: Clients) -> None:
    client = connect(timeout=0.3, max_retries=1000)

    async def slowly(peer: Any) -> None:
        await asyncio.sleep(0.03)
        await peer.send(message("{}", 503, {"Retry-After": "0.04"}))

    server.usual = slowly
    with pytest.raises(DevRevError) as caught:
        await client.works.get("ISS-1")
    assert 2 <= caught.value.attempts <= 5


async def test_each_page_of_a_list_has_its_own_total(server: FaultServer, connect: Clients) -> None:
    client = connect(timeout=0.3)

    def page(n: int) -> Play:
        async def play(peer: Any) -> None:
            await asyncio.sleep(0.12)
            await peer.send(message(b'{"works": [], "next_cursor": "c%d"}' % n if n < 4 else b'{"works": []}'))

        return play

    server.play(*(page(n) for n in range(5)))
    assert [work async for work in client.works.list()] == []
    assert len(server.requests) == 5


# -- TLS -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def trusting(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)  # pyright: ignore[reportUnknownMemberType] - untyped for want of pyOpenSSL
    return context


@pytest.fixture
async def tls(anyio_backend: str, authority: trustme.CA) -> AsyncGenerator[FaultServer]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)  # pyright: ignore[reportUnknownMemberType]
    async with FaultServer(context=context) as one:
        yield one


async def test_tls_works_with_a_context_of_ones_own(tls: FaultServer, authority: trustme.CA) -> None:
    async with DevRevClient(TOKEN, base_url=tls.url, ssl=trusting(authority)) as client:
        assert (await client.works.get("ISS-1")).display_id == "ISS-1"
    await tls.all_gone()


async def test_a_certificate_is_verified_and_nothing_is_sent_without(tls: FaultServer, authority: trustme.CA) -> None:
    async with DevRevClient(TOKEN, base_url=tls.url) as client:
        for call in (read, update):
            with pytest.raises(APIConnectionError) as caught:
                await call(client)
            assert (caught.value.attempts, caught.value.outcome_unknown) == (1, False)
            assert "certificate verify failed" in str(caught.value)
    other_name = tls.url.replace("127.0.0.1", "localhost")
    async with DevRevClient(TOKEN, base_url=other_name, ssl=trusting(authority), max_retries=0) as client:
        with pytest.raises(APIConnectionError):
            await client.works.get("ISS-1")
    assert tls.requests == []


@pytest.mark.parametrize("call", [read, update])
async def test_a_slow_handshake_is_bounded_by_connect(
    connect: Clients, authority: trustme.CA, call: Callable[[DevRevClient], Awaitable[Any]]
) -> None:
    accepted: list[asyncio.StreamWriter] = []

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted.append(writer)
        while await reader.read(1000):
            pass
        writer.close()

    async with await asyncio.start_server(say_nothing, "127.0.0.1", 0) as listening:
        port = listening.sockets[0].getsockname()[1]
        client = connect(
            base_url=f"https://127.0.0.1:{port}",
            ssl=trusting(authority),
            timeout=Timeout(connect=0.1),
            max_retries=1,
        )
        with pytest.raises(APITimeoutError) as caught:
            await call(client)
        assert (caught.value.attempts, caught.value.outcome_unknown) == (2, False)
        assert "no connection within 0.1 s (Timeout.connect)" in str(caught.value)
        assert len(accepted) == 2
        with pytest.raises(APITimeoutError) as caught:
            await client.works.update("ISS-1", title="x", timeout=0.05)
        assert (caught.value.attempts, caught.value.outcome_unknown) == (1, False)
        for writer in accepted:
            writer.close()
            await writer.wait_closed()


# -- cancellation --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("call", [*READS, *WRITES])
async def test_inside_asyncio_timeout(server: FaultServer, client: DevRevClient, call: Any) -> None:
    server.usual = silence
    with pytest.raises(TimeoutError) as caught:
        async with asyncio.timeout(0.05):
            await call(client)
    assert not isinstance(caught.value, DevRevError)
    server.usual = answer(ONE)
    assert (await client.works.get("ISS-1")).display_id == "ISS-1"


async def test_inside_anyio_scopes(server: FaultServer, client: DevRevClient) -> None:
    server.usual = silence
    with anyio.move_on_after(0.05) as scope:
        await client.works.get("ISS-1")
    assert scope.cancelled_caught
    with pytest.raises(TimeoutError):
        with anyio.fail_after(0.05):
            await client.works.export()
    async with anyio.create_task_group() as group:
        for _ in range(50):
            group.start_soon(client.works.get, "ISS-1")
        await server.arrived(33)
        group.cancel_scope.cancel()
    server.usual = answer(ONE)
    assert (await client.works.get("ISS-1")).display_id == "ISS-1"


async def settle() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


GOOD: list[tuple[Any, list[Play]]] = [
    (read, [answer(ONE)]),
    (read, [raw(*(message(ONE)[n : n + 60] for n in range(0, len(message(ONE)), 60)))]),
    (read, [refuse(500), refuse(429, headers={"Retry-After": "0.005"}), answer(ONE)]),
    (update, [refuse(503, headers={"Retry-After": "0.001"}), answer(ONE)]),
    (export, [raw(chunked(*(PAGE[n : n + 500] for n in range(0, len(PAGE), 500))))]),
    (stream, [raw(chunked(*(PAGE[n : n + 500] for n in range(0, len(PAGE), 500))))]),
]


@pytest.mark.parametrize("case", range(len(GOOD)))
async def test_cancelled_at_any_point(server: FaultServer, connect: Clients, case: int) -> None:
    """The call is cancelled after one turn of the loop, then after two, and so on until it is done before that."""
    call, plays = GOOD[case]
    client = connect(max_concurrency=2)
    turns, done = 0, False
    while not done:
        turns += 1
        server.plays.clear()
        server.play(*plays)
        task = asyncio.create_task(call(client))
        for _ in range(turns):
            await asyncio.sleep(0)
        done = task.done()
        task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            assert task.cancelled()
        await settle()
        assert free_slots(client) == 2
        assert in_flight(client) == 0
        assert not client._transport.manager.registry.calls
        client._transport.manager.limiter.paused_until = 0.0
    assert turns > 5
    server.plays.clear()
    assert (await client.works.get("ISS-1")).display_id == "ISS-1"
    assert server.open_connections <= 64


async def test_cancelled_while_waiting_for_a_slot(server: FaultServer, connect: Clients) -> None:
    client = connect(max_concurrency=1)
    server.play(silence)
    first = asyncio.create_task(client.works.get("ISS-1"))
    await server.arrived(1)
    waiting = [asyncio.create_task(client.works.get("ISS-1")) for _ in range(20)]
    await settle()
    for task in waiting[::2]:
        task.cancel()
    first.cancel()
    results = await asyncio.gather(first, *waiting, return_exceptions=True)
    assert [isinstance(result, asyncio.CancelledError) for result in results] == [True] + [True, False] * 10
    assert len(server.requests) == 11


async def test_cancelled_just_as_the_slot_is_given(server: FaultServer, connect: Clients) -> None:
    client = connect(max_concurrency=1)
    client._transport.manager.session()
    limiter = client._transport.manager.limiter
    for _ in range(50):
        await limiter.slots.acquire()
        waiting = asyncio.create_task(client.works.get("ISS-1"))
        await settle()
        limiter.slots.release()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert free_slots(client) == 1


async def test_leaving_a_stream_early_gives_everything_back(server: FaultServer, connect: Clients) -> None:
    client = connect(max_concurrency=1)
    body = b'{"works": [' + b",".join([ONE[9:-1].replace(b"One", b"x" * 3000)] * 400)
    server.usual = raw(message(body + b"]}")[:-9], then="silence")
    for _ in range(5):
        async with client.works.export_stream() as works:
            async for work in works:
                assert work.display_id == "ISS-1"
                break
        assert free_slots(client) == 1
    await asyncio.wait_for(server.all_gone(), 5)
    server.usual = answer(ONE)
    async with client.works.export_stream() as works:
        pass
    await client.works.get("ISS-1")


async def test_a_streams_consumer_may_call_the_client(server: FaultServer, connect: Clients) -> None:
    client = connect(max_concurrency=1)
    server.play(answer(PAGE))
    async for work in client.works.export_stream():
        assert work.display_id
        assert (await client.works.get("ISS-1")).display_id == "ISS-1"
    assert len(server.requests) == 21


# -- close ---------------------------------------------------------------------------------------------------------


async def start_all(server: FaultServer, client: DevRevClient, calls: list[Any]) -> list[asyncio.Task[Any]]:
    tasks = [asyncio.create_task(call(client)) for call in calls]
    await settle()
    return tasks


async def all_closed(tasks: list[asyncio.Task[Any]]) -> None:
    for task in tasks:
        with pytest.raises(ClientClosedError) as caught:
            await task
        assert isinstance(caught.value, RuntimeError)
        assert caught.value.endpoint
        assert caught.value.__context__ is None
        assert task.cancelling() == 0


@pytest.mark.parametrize("call", [*READS, *WRITES])
@pytest.mark.parametrize("name", SILENT)
async def test_close_ends_what_is_sent_or_read(server: FaultServer, client: DevRevClient, call: Any, name: str) -> None:
    server.usual = SILENT[name]
    tasks = await start_all(server, client, [call])
    await server.arrived(1)
    for _ in range(20):
        await asyncio.sleep(0)  # let the answer come, as far as it does
    await client.close()
    await all_closed(tasks)


async def test_close_ends_what_waits_for_a_slot(server: FaultServer, connect: Clients) -> None:
    client = connect(max_concurrency=1)
    server.usual = silence
    tasks = await start_all(server, client, [read, *READS, *WRITES])
    await server.arrived(1)
    await client.close()
    await all_closed(tasks)
    assert len(server.requests) == 1


async def test_close_ends_what_waits_to_retry(server: FaultServer, connect: Clients) -> None:
    client = connect(retry_wait=DAYS)
    server.usual = refuse(500)
    tasks = await start_all(server, client, [read, export])
    await server.arrived(2)
    while client._transport.manager.limiter.slots._value < 32:
        await asyncio.sleep(0)
    await client.close()
    await all_closed(tasks)


async def test_close_ends_what_waits_in_a_pause_or_for_the_quota(server: FaultServer, connect: Clients) -> None:
    for hold in ("pause", "quota"):
        client = connect()
        client._transport.manager.session()
        limiter = client._transport.manager.limiter
        if hold == "pause":
            limiter.pause(60)
        else:
            limiter.quota.remaining, limiter.quota.reset = 0, asyncio.get_running_loop().time() + 60
        tasks = await start_all(server, client, [read, update])
        await client.close()
        await all_closed(tasks)
    assert server.requests == []


async def test_close_ends_what_asks_for_a_token(connect: Clients) -> None:
    async def never() -> str:
        await asyncio.Event().wait()
        return ""

    client = connect(never)
    client._transport.manager.session()
    tasks = await start_all(connect.server, client, [read, read, update])
    await client.close()
    await all_closed(tasks)


async def test_close_ends_what_connects(connect: Clients, monkeypatch: pytest.MonkeyPatch) -> None:
    client = connect()
    connector = client._transport.manager.session().connector
    assert connector is not None

    async def never(*args: Any) -> Any:
        await asyncio.Event().wait()

    monkeypatch.setattr(connector, "_create_connection", never)
    tasks = await start_all(connect.server, client, [read, update])
    await client.close()
    await all_closed(tasks)


async def test_close_ends_a_stream_whose_consumer_is_busy(server: FaultServer, client: DevRevClient) -> None:
    body = b'{"works": [' + b",".join([ONE[9:-1].replace(b"One", b"x" * 3000)] * 400)
    server.usual = raw(message(body + b"]}")[:-9], then="silence")
    with pytest.raises(ClientClosedError) as caught:
        async for _ in client.works.export_stream():
            await client.close()
    assert caught.value.endpoint == "works.export"


async def test_a_cancellation_that_is_not_closes_stays_one(server: FaultServer, client: DevRevClient) -> None:
    server.usual = silence
    tasks = await start_all(server, client, [read, update])
    await server.arrived(2)
    for task in tasks:
        task.cancel()
    await client.close()
    for task in tasks:
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_close_is_told_from_an_earlier_cancellation(server: FaultServer, client: DevRevClient) -> None:
    server.usual = silence

    async def clean_up() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await client.works.get("ISS-1")

    task = asyncio.create_task(clean_up())
    await settle()
    task.cancel()
    await server.arrived(1)
    await client.close()
    with pytest.raises(ClientClosedError):
        await task
    assert task.cancelling() == 1


async def test_close_inside_asyncio_timeout(server: FaultServer, client: DevRevClient) -> None:
    server.usual = silence

    async def call() -> None:
        async with asyncio.timeout(60):
            await client.works.get("ISS-1", timeout=60)

    task = asyncio.create_task(call())
    await server.arrived(1)
    await client.close()
    with pytest.raises(ClientClosedError):
        await task


async def test_a_write_that_close_ends_is_known_to_be_open(server: FaultServer, client: DevRevClient) -> None:
    server.usual = silence
    tasks = await start_all(server, client, [update])
    await server.arrived(1)
    await client.close()
    with pytest.raises(ClientClosedError) as caught:
        await tasks[0]
    assert caught.value.outcome_unknown
    assert isinstance(caught.value, OutcomeUnknownError)


# -- a loop that was blocked ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("own_session", [False, True])
@pytest.mark.parametrize("call", [read, update], ids=["read", "write"])
@pytest.mark.parametrize("first", [b"", b"HTTP/1.1 2", message()[:-20]], ids=["nothing", "half a head", "half a body"])
async def test_silence_is_judged_after_what_has_arrived_was_read(
    server: FaultServer, connect: Clients, call: Any, first: bytes, own_session: bool
) -> None:
    """The rest arrives while the loop is blocked for longer than `read`: that is a success, of a write too."""
    session = aiohttp.ClientSession() if own_session else None
    client = connect(timeout=Timeout(read=0.2), max_retries=0, session=session)
    sent = threading.Event()

    async def play(peer: Any) -> None:
        await peer.send(first)
        sock = peer.writer.get_extra_info("socket")
        rest = message()[len(first) :]

        def later() -> None:
            sent.wait()
            os.write(sock.fileno(), rest)

        thread = threading.Thread(target=later)
        thread.start()
        await asyncio.sleep(0.05)  # the client is waiting by now
        sent.set()
        thread.join()
        time.sleep(0.4)  # the loop, client's and server's, is blocked

    server.usual = play
    await call(client)
    assert len(server.requests) == 1
    if session is not None:
        await session.close()


@pytest.mark.parametrize("own_session", [False, True])
async def test_a_write_is_not_sent_over_a_connection_that_was_closed_while_the_loop_was_held(
    connect: Clients, own_session: bool
) -> None:
    """The server knows nothing of such a write, and its outcome would be unknown."""
    held, closed = threading.Event(), threading.Event()
    received: list[bytes] = []

    def serve(listener: socket.socket) -> None:
        for _ in range(3):
            peer, _ = listener.accept()
            with peer:
                received.append(peer.recv(65536))
                peer.sendall(message())
                held.wait()
                held.clear()
            closed.set()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        session = aiohttp.ClientSession() if own_session else None
        client = connect(base_url=f"http://127.0.0.1:{listener.getsockname()[1]}", session=session)
        for _ in range(3):
            await client.works.update("ISS-1", title="x")
            held.set()
            time.sleep(0.1)  # the loop is blocked
            closed.wait()
            closed.clear()
        thread.join()
    assert len(received) == 3
    if session is not None:
        await session.close()


@pytest.mark.parametrize("ending", ["close", "reset"])
@pytest.mark.parametrize("own_session", [False, True])
async def test_a_write_is_not_sent_over_a_connection_that_was_closed_right_after_its_response(
    server: FaultServer, connect: Clients, own_session: bool, ending: str
) -> None:
    server.usual = raw(message(), then=ending)  # without a word of it in the head
    session = aiohttp.ClientSession() if own_session else None
    client = connect(session=session)
    for _ in range(5):
        await client.works.update("ISS-1", title="x")
    await client.works.update_many([WorkUpdate(id=f"ISS-{n}", title="x") for n in range(50)], on_error="raise")
    assert len(server.requests) == 55
    if session is not None:
        await session.close()


async def test_connect_bounds_the_name_lookup(connect: Clients, monkeypatch: pytest.MonkeyPatch) -> None:
    client = connect(base_url="https://devrev.example", timeout=Timeout(connect=0.1), max_retries=1)
    connector: Any = client._transport.manager.session().connector

    async def never(*args: Any, **options: Any) -> Any:
        await asyncio.Event().wait()

    monkeypatch.setattr(connector._resolver, "resolve", never)
    with pytest.raises(APITimeoutError, match=r"no connection within 0.1 s \(Timeout.connect\)") as caught:
        async with asyncio.timeout(10):
            await client.works.get("ISS-1")
    assert caught.value.attempts == 2
    for task in connector._resolve_host_tasks:
        task.cancel()


async def test_a_server_that_does_not_read_is_bounded_by_read(connect: Clients) -> None:
    """The body of the request is larger than all buffers on the way."""
    with socket.create_server(("127.0.0.1", 0)) as listener:  # the kernel accepts, and nobody reads
        port = listener.getsockname()[1]
        client = connect(base_url=f"http://127.0.0.1:{port}", timeout=Timeout(read=0.2), max_retries=0)
        with pytest.raises(APITimeoutError) as caught:
            async with asyncio.timeout(20):
                await client.request("x.create", {"a": "b" * 30_000_000})
        assert caught.value.outcome_unknown
        await client.close()


# -- the pool of the user's session --------------------------------------------------------------------------------


@pytest.mark.parametrize("limits", [{"limit": 1}, {"limit_per_host": 1}])
async def test_the_wait_for_a_connection_of_ones_own_session_is_no_failure(
    server: FaultServer, connect: Clients, limits: Any
) -> None:
    async def slow(peer: Any) -> None:
        await asyncio.sleep(0.2)
        await peer.send(message())

    server.usual = slow
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(**limits)) as session:
        client = connect(session=session, max_retries=0, timeout=Timeout(connect=0.1, read=5))
        await asyncio.gather(*(client.works.get("ISS-1") for _ in range(4)))
    assert server.most_open == 1


async def test_a_stream_that_holds_the_only_connection_of_a_session_is_named(
    server: FaultServer, connect: Clients
) -> None:
    server.usual = raw(message(PAGE)[:-100], then="silence")
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1)) as session:
        client = connect(session=session, max_retries=0, timeout=Timeout(connect=0.1, read=5))
        with pytest.raises(
            APITimeoutError, match=r"Timeout\.connect\); .* session= counts \(see its connector's limit"
        ):
            async with client.works.export_stream() as stream:
                async for _ in stream:
                    await client.works.get("ISS-1")
