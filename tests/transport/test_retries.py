"""What is sent again, what is not, and what the error says: the contract's sections Errors and Retries, line by line."""

import asyncio
import contextlib
import json
import math
import pickle
import random
import socket
import ssl
from datetime import datetime
from typing import Any

import aiohttp
import pytest
import trustme
from aiohttp.abc import AbstractResolver, ResolveResult

from devrev_async import ClientEvent, DevRevClient, Issue, Timeout
from devrev_async.errors import (
    APIConnectionError,
    APIError,
    APITimeoutError,
    ConfigurationError,
    DevRevError,
    InternalServerError,
    LostAnswerError,
    OutcomeUnknownError,
    RateLimitWaitError,
    ServiceUnavailableError,
    TooManyRequestsError,
    TransportError,
    UnauthorizedError,
)
from tests.transport.conftest import TOKEN, Clients
from tests.transport.server import (
    ONE,
    PAGE,
    WORK,
    FaultServer,
    Peer,
    Play,
    answer,
    drop,
    message,
    raw,
    refuse,
    reset,
    silence,
)

pytestmark = pytest.mark.anyio

QUICK = Timeout(connect=5, read=0.1)
DAYS = (1e6, 1e6)
"""A `retry_wait` of which a random share is still longer than a test."""


async def read(client: DevRevClient) -> Any:
    return await client.works.get("ISS-1")


async def count(client: DevRevClient) -> Any:
    return await client.request("works.count", {}, idempotent=True)


async def export(client: DevRevClient) -> Any:
    return await client.works.export()


async def list_(client: DevRevClient) -> Any:
    return [work async for work in client.works.list()]


async def stream(client: DevRevClient) -> Any:
    return [work async for work in client.works.export_stream()]


async def update(client: DevRevClient) -> Any:
    return await client.works.update("ISS-1", title="x")


async def create(client: DevRevClient) -> Any:
    return await client.works.create(type="issue", title="x", applies_to_part="PROD-1", owned_by=["DEVU-1"])


async def delete(client: DevRevClient) -> Any:
    return await client.works.delete("ISS-1")


async def other(client: DevRevClient) -> Any:
    return await client.request("accounts.create", {"display_name": "x"})


READS = [read, count, export, list_, stream]
WRITES = [update, create, delete, other]
BODY = {read: ONE, count: b"{}", export: PAGE, list_: PAGE, stream: PAGE}


@pytest.mark.parametrize("call", READS)
@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
async def test_reads_are_retried_on(server: FaultServer, client: DevRevClient, call: Any, status: int) -> None:
    server.play(*[refuse(status)] * 4, answer(BODY[call]))
    await call(client)
    assert len(server.requests) == 5


@pytest.mark.parametrize(
    "play", [drop, reset, silence, raw(message()[:-5], then="silence"), raw(b"HTTP", then="reset")]
)
@pytest.mark.parametrize("call", READS)
async def test_reads_are_retried_when_no_answer_comes(
    server: FaultServer, connect: Clients, call: Any, play: Play
) -> None:
    server.play(*[play] * 4, answer(BODY[call]))
    await call(connect(timeout=QUICK))
    assert len(server.requests) == 5


@pytest.mark.parametrize("call", READS)
@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 409, 410, 413, 422, 501, 505, 600])
async def test_nothing_else_is(server: FaultServer, client: DevRevClient, call: Any, status: int) -> None:
    server.usual = refuse(status, headers={"Retry-After": "0"})
    with pytest.raises(APIError) as caught:
        await call(client)
    assert (caught.value.status, caught.value.attempts, len(server.requests)) == (status, 1, 1)


@pytest.mark.parametrize("call", READS)
async def test_the_last_failure_is_raised_with_what_it_took(server: FaultServer, connect: Clients, call: Any) -> None:
    server.play(drop, refuse(502), refuse(500, reference_id="r-1", headers={"X-Request-Id": "q"}))
    with pytest.raises(InternalServerError) as caught:
        await call(connect(max_retries=2))
    error = caught.value
    assert (error.attempts, error.status, error.reference_id, error.request_id) == (3, 500, "r-1", "q")
    assert error.endpoint == server.requests[0].target[1:].partition("?")[0]
    assert not error.outcome_unknown
    assert error.__cause__ is None
    assert error.__context__ is None


async def test_a_stream_is_not_retried_once_a_work_was_yielded(server: FaultServer, client: DevRevClient) -> None:
    body = b'{"works": [' + b",".join([ONE[9:-1].replace(b"One", b"x" * 3000)] * 40)
    server.usual = raw(message(body + b"]}")[:-9], then="close")
    got = 0
    with pytest.raises(APIConnectionError) as caught:
        async for _ in client.works.export_stream():
            got += 1
    assert got > 0
    assert (caught.value.endpoint, caught.value.attempts, len(server.requests)) == ("works.export", 1, 1)


@pytest.mark.parametrize("retries", [0, 1, 3])
async def test_max_retries_bounds_the_attempts(server: FaultServer, client: DevRevClient, retries: int) -> None:
    server.usual = refuse(503)
    with pytest.raises(ServiceUnavailableError) as caught:
        await client.works.get("ISS-1", max_retries=retries)
    assert (caught.value.attempts, len(server.requests)) == (retries + 1, retries + 1)


# -- writes --------------------------------------------------------------------------------------------------------

OPEN = {
    "408": (refuse(408), True),
    "500": (refuse(500), True),
    "502": (refuse(502), True),
    "503": (refuse(503), True),
    "504": (refuse(504), True),
    "507": (refuse(507), True),
    "500 that asks for patience": (refuse(500, headers={"Retry-After": "0"}), True),
    "a body that cannot be read": (answer("<html>"), True),
    "a body of another shape": (answer("[]"), True),
    "400": (refuse(400), False),
    "401": (refuse(401), False),
    "403": (refuse(403), False),
    "404": (refuse(404), False),
    "409": (refuse(409), False),
    "413": (refuse(413), False),
    "301": (refuse(301, headers={"Location": "/elsewhere"}), False),
    "307": (refuse(307, headers={"Location": "/elsewhere"}), False),
    "hung up": (drop, True),
    "reset": (reset, True),
    "silence": (silence, True),
    "half a head": (raw(b"HTTP/1.1 200", then="close"), True),
    "half a body": (raw(message()[:-3], then="close"), True),
    "half a body, then silence": (raw(message()[:-3], then="silence"), True),
}


@pytest.mark.parametrize("call", WRITES)
@pytest.mark.parametrize("name", OPEN)
async def test_a_write_is_never_sent_again(server: FaultServer, connect: Clients, call: Any, name: str) -> None:
    play, unknown = OPEN[name]
    if call is other and name == "a body of another shape":
        pytest.skip("any JSON is right where no type was asked for")
    server.usual = play
    with pytest.raises(DevRevError) as caught:
        await call(connect(timeout=QUICK))
    error = caught.value
    assert (error.outcome_unknown, error.attempts, len(server.requests)) == (unknown, 1, 1)
    assert isinstance(error, OutcomeUnknownError) is unknown
    lost = play in (drop, reset, silence) or name.startswith("half")
    assert isinstance(error, LostAnswerError) is lost
    assert isinstance(error, TransportError) is lost
    assert isinstance(error, APITimeoutError) is name.endswith("silence")
    assert type(pickle.loads(pickle.dumps(error))) is type(error)
    assert error.endpoint == server.requests[0].target[1:]


@pytest.mark.parametrize("call", WRITES)
@pytest.mark.parametrize("status", [429, 503])
async def test_a_write_that_was_turned_away_is_sent_again(
    server: FaultServer, client: DevRevClient, call: Any, status: int
) -> None:
    server.play(*[refuse(status, headers={"Retry-After": "0"})] * 2)
    await call(client)
    assert len(server.requests) == 3
    assert len({request.body for request in server.requests}) == 1


@pytest.mark.parametrize("call", WRITES)
@pytest.mark.parametrize("status", [429, 503])
async def test_and_its_error_is_no_open_question(server: FaultServer, connect: Clients, call: Any, status: int) -> None:
    server.usual = refuse(status, headers={"Retry-After": "0"})
    with pytest.raises(APIError) as caught:
        await call(connect(max_retries=1))
    assert (caught.value.status, caught.value.attempts, caught.value.outcome_unknown) == (status, 2, False)


async def test_a_deadline_in_a_pause_leaves_nothing_open(server: FaultServer, connect: Clients) -> None:
    client = connect()
    server.play(refuse(429, headers={"Retry-After": "0.2"}))
    waiting = asyncio.create_task(client.works.get("ISS-1"))
    await server.arrived(1)
    while not client._transport.manager.limiter.paused:
        await asyncio.sleep(0)
    with pytest.raises(APITimeoutError) as caught:
        await client.works.update("ISS-1", title="x", timeout=0.05)
    assert (caught.value.attempts, caught.value.outcome_unknown) == (0, False)
    await waiting
    assert [request.method for request in server.requests] == ["GET", "GET"]


async def test_a_deadline_in_the_wait_of_a_refused_write_leaves_nothing_open(
    server: FaultServer, connect: Clients
) -> None:
    client = connect(timeout=0.3)
    server.play(refuse(429, headers={"Retry-After": "0.1"}), raw(then="silence"))
    # what waits now was refused; the second attempt is what is sent and never answered
    with pytest.raises(OutcomeUnknownError):
        await client.works.update("ISS-1", title="x")
    assert len(server.requests) == 2
    client._transport.manager.limiter.pause(0.0)
    server.play(refuse(429, headers={"Retry-After": "0.1"}))
    held = asyncio.create_task(client.works.update("ISS-1", title="x"))
    await server.arrived(3)
    client._transport.manager.limiter.pause(100)
    with pytest.raises((APITimeoutError, TooManyRequestsError)) as caught:
        await held
    assert (caught.value.outcome_unknown, len(server.requests)) == (False, 3)


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


class _Addresses(AbstractResolver):
    """Finds these addresses for every host."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses

    async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[ResolveResult]:
        return [
            {
                "hostname": host,
                "host": address,
                "port": port,
                "family": socket.AF_INET6 if ":" in address else socket.AF_INET,
                "proto": 0,
                "flags": 0,
            }
            for address in self.addresses
        ]

    async def close(self) -> None:
        pass


REFUSED, REFUSED_TOO = "127.0.0.1", "127.0.0.2"
UNREACHABLE, UNREACHABLE_TOO = "255.255.255.255", "ff02::1"  # without a packet: TCP has no broadcast and no multicast


@pytest.mark.parametrize(
    ("addresses", "reasons"),
    [
        ((REFUSED, UNREACHABLE), 2),
        ((UNREACHABLE, REFUSED), 2),
        ((REFUSED, UNREACHABLE_TOO), 2),
        ((REFUSED, REFUSED_TOO, UNREACHABLE, UNREACHABLE_TOO), 2),
        ((REFUSED, REFUSED_TOO), 1),
        ((REFUSED,), 1),
    ],
)
async def test_a_host_whose_addresses_fail_in_different_ways_has_all_reasons(
    connect: Clients, monkeypatch: pytest.MonkeyPatch, addresses: tuple[str, ...], reasons: int
) -> None:
    client = connect(base_url=f"https://two.example:{free_port()}", max_retries=0)
    monkeypatch.setattr(client._transport.manager.session().connector, "_resolver", _Addresses(*addresses))
    with pytest.raises(APIConnectionError, match=r"cannot connect to two\.example:.*(refused|Errno 111)") as caught:
        await client.works.get("ISS-1")
    text = str(caught.value)
    assert ("unreachable" in text or "denied" in text) == (reasons == 2)
    assert "Multiple" not in text


async def test_addresses_may_also_fail_in_tls(connect: Clients, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one has a certificate that nobody trusts, the other refuses."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("two.example").configure_cert(context)  # pyright: ignore[reportUnknownMemberType]
    async with FaultServer(context=context) as secure:
        client = connect(base_url=f"https://two.example:{secure.port}", max_retries=0)
        monkeypatch.setattr(
            client._transport.manager.session().connector, "_resolver", _Addresses(REFUSED, REFUSED_TOO)
        )
        with pytest.raises(APIConnectionError, match=r"certificate verify failed.*; Connection refused"):
            await client.works.get("ISS-1")


async def test_a_session_of_ones_own_has_the_reasons_that_aiohttp_gives(connect: Clients) -> None:
    resolver = _Addresses(REFUSED, UNREACHABLE_TOO)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(resolver=resolver)) as session:
        client = connect(base_url=f"https://two.example:{free_port()}", session=session, max_retries=0)
        with pytest.raises(APIConnectionError) as caught:
            await client.works.get("ISS-1")
    text = str(caught.value)
    assert "cannot connect to two.example" in text
    assert "127.0.0.1" in text
    assert text.count("Errno") == 2


@pytest.mark.parametrize("call", [read, *WRITES])
async def test_a_connection_that_was_never_made_is_tried_again(connect: Clients, call: Any) -> None:
    client = connect(base_url=f"http://127.0.0.1:{free_port()}", max_retries=3)
    with pytest.raises(APIConnectionError) as caught:
        await call(client)
    assert (caught.value.attempts, caught.value.outcome_unknown) == (4, False)


@pytest.mark.parametrize("call", [read, *WRITES])
async def test_and_found_once_the_server_is_there(
    server: FaultServer, connect: Clients, call: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = connect()
    manager = client._transport.manager
    connector = manager.session().connector
    assert connector is not None
    make, tries = connector._create_connection, 0

    async def flaky(*args: Any) -> Any:
        nonlocal tries
        tries += 1
        if tries <= 2:
            raise aiohttp.ClientConnectorError(args[0].connection_key, OSError(111, "refused"))
        return await make(*args)

    monkeypatch.setattr(connector, "_create_connection", flaky)
    await call(client)
    assert (tries, len(server.requests)) == (3, 1)


# -- stale connections ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("call", READS)
@pytest.mark.parametrize("play", [drop, reset])
async def test_a_stale_connection_costs_a_read_nothing(
    server: FaultServer, connect: Clients, call: Any, play: Play
) -> None:
    client = connect(max_retries=0)
    server.usual = answer(BODY[call])
    await call(client)
    server.play(play)
    await call(client)
    assert [request.connection for request in server.requests] == [1, 1, 2]


@pytest.mark.parametrize("call", READS)
async def test_nor_do_many(server: FaultServer, connect: Clients, call: Any) -> None:
    client = connect(max_retries=0)
    together = asyncio.Barrier(10)
    body = BODY[call]

    async def wait(peer: Any) -> None:
        await together.wait()
        await peer.send(message(body))

    server.play(*[wait] * 10)
    await asyncio.gather(*(call(client) for _ in range(10)))
    assert server.accepted == 10
    server.play(*[drop] * 10)  # every one of the ten is stale
    server.usual = answer(body)
    await call(client)
    assert server.requests[-1].connection == 11
    assert server.accepted == 11


async def test_what_a_stale_connection_takes_is_counted(server: FaultServer, connect: Clients) -> None:
    client = connect(max_retries=0)
    await client.works.get("ISS-1")
    server.play(drop, refuse(500))
    with pytest.raises(InternalServerError) as caught:
        await client.works.get("ISS-1")
    assert (caught.value.attempts, len(server.requests)) == (2, 3)


async def test_a_write_on_a_stale_connection_is_not_sent_again(server: FaultServer, client: DevRevClient) -> None:
    await client.works.get("ISS-1")
    server.play(drop)
    with pytest.raises(OutcomeUnknownError):
        await client.works.update("ISS-1", title="x")
    assert len(server.requests) == 2


@pytest.mark.parametrize("own", [False, True], ids=["our session", "the user's session"])
@pytest.mark.parametrize("write", [False, True])
@pytest.mark.parametrize("surplus", [answer(ONE), answer("{}", 408)], ids=["a work", "408"])
async def test_what_nobody_asked_for_is_no_response_to_the_next_request(
    server: FaultServer, connect: Clients, own: bool, write: bool, surplus: Play
) -> None:
    sent = asyncio.Event()

    async def twice(peer: Any) -> None:
        await answer(ONE)(peer)
        await sent.wait()
        await surplus(peer)
        sent.clear()

    async with aiohttp.ClientSession() as session:
        client = connect(max_retries=0, **({"session": session} if own else {}))
        server.play(twice)
        await client.works.get("ISS-1")
        sent.set()
        while sent.is_set():
            await asyncio.sleep(0)
        for _ in range(5):
            await asyncio.sleep(0)  # the event loop reads it
        server.usual = answer(json.dumps({"work": {**WORK, "display_id": "ISS-2"}}))
        for _ in range(2):
            work = await (client.works.update("ISS-2", title="x") if write else client.works.get("ISS-2"))
            assert work.display_id == "ISS-2"
    assert [request.connection for request in server.requests] == [1, 2, 2]


async def test_a_new_connection_that_is_lost_is_not_stale(server: FaultServer, connect: Clients) -> None:
    server.usual = drop
    with pytest.raises(APIConnectionError) as caught:
        await connect(max_retries=0).works.export()
    assert (caught.value.attempts, len(server.requests)) == (1, 1)


# -- the token -----------------------------------------------------------------------------------------------------


def guarded(good: str) -> Play:
    async def play(peer: Any) -> None:
        right = peer.request.headers["authorization"] == f"Bearer {good}"
        await peer.send(message(ONE) if right else message('{"type": "token_expired"}', 401))

    return play


@pytest.mark.parametrize("is_async", [False, True])
async def test_a_callable_is_asked_once_and_once_more_after_a_401(
    server: FaultServer, connect: Clients, is_async: bool
) -> None:
    asked: list[int] = []

    def give() -> str:
        asked.append(1)
        return f"token-number-{len(asked)}"

    async def give_later() -> str:
        await asyncio.sleep(0)
        return give()

    client = connect(give_later if is_async else give)
    server.usual = guarded("token-number-1")
    await asyncio.gather(*(client.works.get("ISS-1") for _ in range(50)))
    assert len(asked) == 1
    server.usual = guarded("token-number-2")
    await asyncio.gather(*(client.works.get("ISS-1") for _ in range(200)))
    assert len(asked) == 2
    server.usual = guarded("no token ever")
    with pytest.raises(UnauthorizedError) as caught:
        await client.works.update("ISS-1", title="x")
    assert (len(asked), caught.value.attempts, caught.value.type) == (3, 2, "token_expired")


async def test_a_renewal_while_a_call_waits_is_not_taken_for_its_own(server: FaultServer, connect: Clients) -> None:
    asked: list[int] = []

    def give() -> str:
        asked.append(1)
        return f"token-number-{len(asked)}"

    client = connect(give, max_concurrency=1)
    server.usual = guarded("token-number-3")
    await asyncio.gather(client.works.get("ISS-1"), client.works.get("ISS-1"))
    sent = [request.headers["authorization"][-1] for request in server.requests]
    assert (sent, len(asked)) == (["1", "2", "3", "3"], 3)


@pytest.mark.parametrize("failing", [0, 1])
async def test_a_callable_that_fails_is_asked_once_for_all_that_wait_for_it(
    server: FaultServer, connect: Clients, failing: int
) -> None:
    """A token service that is down takes its time to say so; were it asked for each call, the last would wait for all."""
    asked: list[int] = []

    async def give() -> str:
        asked.append(1)
        number = len(asked)
        if number in (failing + 1, failing + 2):
            waiting: Any = client._transport.manager.auth._renewing
            for _ in range(1000):  # passes of the loop, until the others wait
                if len(waiting._waiters or ()) == 19:
                    break
                await asyncio.sleep(0)
            raise OSError("no service")
        return f"token-number-{number}"

    client = connect(give)
    server.usual = guarded(f"token-number-{failing + 3}")
    for round_ in (1, 2):
        answers = await asyncio.gather(*(client.works.get("ISS-1") for _ in range(20)), return_exceptions=True)
        assert {type(answer) for answer in answers} == {ConfigurationError}
        assert len(asked) == failing + round_
    await asyncio.gather(*(client.works.get("ISS-1") for _ in range(20)))
    assert len(asked) == failing + 3


async def test_who_waits_for_a_renewal_that_is_cancelled_asks_for_the_token_anew(
    server: FaultServer, connect: Clients
) -> None:
    asked: list[int] = []

    async def give() -> str:
        asked.append(1)
        if len(asked) == 1:
            await asyncio.Event().wait()
        return TOKEN

    client = connect(give)
    calls = [asyncio.ensure_future(client.works.get("ISS-1")) for _ in range(5)]
    while not asked:
        await asyncio.sleep(0)
    calls[0].cancel()
    first, *others = await asyncio.gather(*calls, return_exceptions=True)
    assert isinstance(first, asyncio.CancelledError)
    assert all(isinstance(other, Issue) for other in others)
    assert len(asked) == 2


async def test_a_plain_token_is_not_renewed(server: FaultServer, client: DevRevClient) -> None:
    server.usual = refuse(401, "token_revoked")
    with pytest.raises(UnauthorizedError) as caught:
        await client.works.get("ISS-1")
    assert (caught.value.attempts, caught.value.type, len(server.requests)) == (1, "token_revoked", 1)
    assert caught.value.hint


@pytest.mark.parametrize(
    "bad", [None, "", "a b", "a\r\nb", "Bearer abcdefgh", b"bytes", "tökèn", ValueError("secret-value"), KeyError("k")]
)
async def test_a_callable_that_fails_is_a_configuration_error(server: FaultServer, connect: Clients, bad: Any) -> None:
    def give() -> Any:
        if isinstance(bad, Exception):
            raise bad
        return bad

    with pytest.raises(ConfigurationError) as caught:
        await connect(give).works.get("ISS-1")
    assert (caught.value.endpoint, caught.value.attempts, len(server.requests)) == ("works.get", 0, 0)
    assert "secret-value" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


@pytest.mark.parametrize("apart", [False, True])
@pytest.mark.parametrize("known", [False, True])
async def test_a_callable_that_waits_for_its_own_client_is_told_so(
    server: FaultServer, connect: Clients, apart: bool, known: bool
) -> None:
    clients: list[DevRevClient] = []
    given = ["token-number-1"] * known

    async def give() -> str:
        if given:
            return given.pop()
        call = clients[0].request("auth-tokens.create")
        return str(await (asyncio.create_task(call) if apart else call))

    clients.append(connect(give))
    server.usual = guarded("token-number-2")
    with pytest.raises(ConfigurationError, match="give it another client"):
        await clients[0].works.get("ISS-1")
    assert len(server.requests) == 2 * known  # that of the callable, too


async def test_a_callable_may_use_another_client_and_what_it_began_its_own(
    server: FaultServer, connect: Clients
) -> None:
    clients: list[DevRevClient] = []
    begun: list[asyncio.Task[Any]] = []
    answered = asyncio.Event()

    async def later() -> object:
        await answered.wait()
        return await clients[0].works.get("ISS-1")

    async def give() -> str:
        begun.append(asyncio.create_task(later()))
        await clients[1].works.get("ISS-1")
        return "token-number-1"

    clients += [connect(give), connect("another-token")]
    await clients[0].works.get("ISS-1")
    answered.set()
    await begun[0]
    assert [request.headers["authorization"][7:] for request in server.requests] == [
        "another-token", "token-number-1", "token-number-1",
    ]  # fmt: skip


# -- what is told --------------------------------------------------------------------------------------------------


async def test_on_event_is_told_of_retries_pauses_and_waits(server: FaultServer, connect: Clients) -> None:
    events: list[ClientEvent] = []
    client = connect(on_event=events.append)
    server.play(refuse(500), refuse(429, headers={"Retry-After": "0.05"}))
    await client.works.get("ISS-1")
    assert [(event.kind, event.status, event.attempt) for event in events] == [
        ("request", None, 1),
        ("response", 500, 1),
        ("retry", 500, 1),
        ("request", None, 2),
        ("pause", 429, 2),
        ("response", 429, 2),
        ("retry", 429, 2),
        ("wait", None, 2),
        ("request", None, 3),
        ("response", 200, 3),
    ]
    assert {event.endpoint for event in events} == {"works.get"}
    assert all((event.duration > 0) is (event.kind == "response") for event in events)
    assert "said so" in events[1].reason
    assert events[-1].reason == ""
    events = [event for event in events if event.kind not in ("request", "response")]
    assert [event.delay for event in events[:3]] == [0.0, 0.05, 0.05]
    assert 0 < events[3].delay <= 0.05
    assert "said so" in events[0].reason
    with pytest.raises(AttributeError):
        events[0].kind = "pause"  # type: ignore[misc]


async def test_a_hook_that_raises_is_logged_and_the_call_goes_on(
    server: FaultServer, connect: Clients, caplog: pytest.LogCaptureFixture
) -> None:
    events: list[ClientEvent] = []

    def hook(event: ClientEvent) -> None:
        events.append(event)
        raise ValueError(f"hook {TOKEN}\r\n failed")

    server.play(refuse(500), refuse(429, headers={"Retry-After": "0.01"}))
    assert (await connect(on_event=hook).works.get("ISS-1")).display_id == "ISS-1"
    told = [record for record in caplog.records if record.levelname == "ERROR"]
    assert len(told) == len(events) >= 9  # on a busy machine the pause is over before anyone waits for it
    assert told[0].name == "devrev_async.transport"
    assert told[0].getMessage() == r"on_event raised ValueError: hook [token]\u000d\u000a failed"
    assert told[0].exc_info is None


# -- Retry-After ---------------------------------------------------------------------------------------------------


async def test_longer_than_the_bound_raises_at_once_and_later_calls_do_not_ask(
    server: FaultServer, connect: Clients
) -> None:
    client = connect(max_rate_limit_wait=5)
    server.play(refuse(429, "too_many_requests", headers={"Retry-After": "3600", "X-Request-Id": "q"}))
    with pytest.raises(RateLimitWaitError) as caught:
        await client.works.get("ISS-1")
    error = caught.value
    assert (error.retry_after, error.attempts, error.status, error.request_id) == (3600.0, 1, 429, "q")
    assert (error.message, error.type, error.outcome_unknown) == ("said so", "too_many_requests", False)
    for call in (*READS, *WRITES):
        with pytest.raises(RateLimitWaitError) as caught:
            await call(client)
        assert (caught.value.attempts, caught.value.outcome_unknown) == (0, False)
        assert caught.value.retry_after is not None
        assert 3500 < caught.value.retry_after <= 3600
        assert caught.value.endpoint
    assert len(server.requests) == 1


BEYOND_ALL_BOUNDS = {
    "header": refuse(429, headers={"Retry-After": "99999999999"}),
    "date": refuse(429, headers={"Retry-After": "Fri, 31 Dec 9999 23:59:59 GMT"}),
    "body": refuse(429, retry_after=1e300),
    "header that no float holds": refuse(429, headers={"Retry-After": "9" * 400}),
    "body that no float holds": refuse(429, retry_after=10**400),
}


@pytest.mark.parametrize("play", BEYOND_ALL_BOUNDS.values(), ids=list(BEYOND_ALL_BOUNDS))
@pytest.mark.parametrize("bound", [330.0, math.inf])
async def test_a_wait_of_more_than_a_year_raises_and_stops_no_other_call(
    server: FaultServer, connect: Clients, play: Play, bound: float
) -> None:
    client = connect(max_rate_limit_wait=bound)
    server.play(play, play)
    for call in (READS[0], WRITES[0]):
        with pytest.raises(RateLimitWaitError, match=r"which is more than (max_rate_limit_wait|a year)") as caught:
            await call(client)
        assert (caught.value.attempts, caught.value.outcome_unknown) == (1, False)
        assert caught.value.retry_after is not None
        assert caught.value.retry_after > 366 * 86400
        assert len(str(caught.value)) < 200
    await client.works.get("ISS-1")
    assert len(server.requests) == 3


async def test_a_503_that_asks_for_more_than_a_year_leaves_nothing_open(
    server: FaultServer, client: DevRevClient
) -> None:
    server.play(refuse(503, headers={"Retry-After": "99999999999"}))
    with pytest.raises(ServiceUnavailableError) as caught:
        await client.works.update("ISS-1", title="x")
    assert (caught.value.retry_after, caught.value.outcome_unknown) == (99999999999.0, False)
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("form", ["%a, %d %b %Y %H:%M:%S GMT", "%Y-%m-%dT%H:%M:%SZ"])
async def test_a_retry_after_in_the_body_may_be_a_date(
    server: FaultServer, connect: Clients, form: str, status: int
) -> None:
    client = connect(max_rate_limit_wait=5)
    date = "Sun, 29 Nov 2026 12:00:00 GMT"
    server.play(refuse(status, headers={"Date": date}, retry_after=datetime(2026, 11, 29, 13).strftime(form)))  # noqa: DTZ001
    with pytest.raises(TooManyRequestsError if status == 429 else ServiceUnavailableError) as caught:
        await client.works.update("ISS-1", title="x")
    error = caught.value
    assert isinstance(error, TooManyRequestsError | ServiceUnavailableError)
    assert (error.retry_after, error.outcome_unknown) == (3600.0, False)
    assert len(server.requests) == 1


async def test_a_patient_copy_shares_the_pause(server: FaultServer, connect: Clients) -> None:
    client = connect(max_rate_limit_wait=0)
    patient = client.with_options(max_rate_limit_wait=5)
    server.play(refuse(429, headers={"Retry-After": "0.05"}))
    with pytest.raises(RateLimitWaitError):
        await client.works.get("ISS-1")
    await patient.works.get("ISS-1")
    assert len(server.requests) == 2


async def test_a_wait_of_just_the_bound_is_waited(
    server: FaultServer, connect: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("devrev_async._limits.limiter.random.uniform", max)  # the latest way out
    client = connect(max_rate_limit_wait=0.05)
    server.play(refuse(429, headers={"Retry-After": "0.05"}))
    await client.works.get("ISS-1")
    assert len(server.requests) == 2


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504])
async def test_other_refusals_that_ask_too_much_raise_as_they_are(
    server: FaultServer, client: DevRevClient, status: int
) -> None:
    server.play(refuse(status, headers={"Retry-After": "3600"}))
    with pytest.raises(APIError) as caught:
        await client.works.get("ISS-1")
    assert (caught.value.status, caught.value.attempts) == (status, 1)
    assert not isinstance(caught.value, RateLimitWaitError)
    if status == 503:
        assert isinstance(caught.value, ServiceUnavailableError)
        assert caught.value.retry_after == 3600
    await client.works.get("ISS-1")  # what is down is not a quota: the next call may ask


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
@pytest.mark.parametrize("where", ["header", "body"])
async def test_a_retry_after_stops_every_task(server: FaultServer, connect: Clients, status: int, where: str) -> None:
    if where == "body" and status not in (429, 503):
        pytest.skip("only those have the field")
    client = connect()
    turns: list[float] = []
    loop = asyncio.get_running_loop()
    told = asyncio.Event()

    async def ask(peer: Any) -> None:
        headers = {"Retry-After": "0.3"} if where == "header" else {}
        body = '{"retry_after": 0.3}' if where == "body" else "{}"
        turns.append(loop.time())
        await peer.send(message(body, status, headers))
        told.set()

    async def answer_late(peer: Any) -> None:
        turns.append(loop.time())
        await peer.send(message(ONE))

    server.play(ask)
    server.usual = answer_late
    first = asyncio.create_task(client.works.get("ISS-1"))
    await told.wait()
    while not client._transport.manager.limiter.paused:
        await asyncio.sleep(0)
    await asyncio.gather(first, *(client.works.get(f"ISS-{n}") for n in range(20)))
    assert len(turns) == 22
    assert min(turns[1:]) - turns[0] >= 0.3
    assert max(turns[1:]) > min(turns[1:])


async def test_two_hundred_tasks_that_meet_a_429_send_nothing_while_it_lasts(
    server: FaultServer, connect: Clients
) -> None:
    client = connect(max_concurrency=32)
    loop = asyncio.get_running_loop()
    together = asyncio.Barrier(32)
    refused: list[float] = []
    passed: list[float] = []

    async def refuse_all(peer: Any) -> None:
        await together.wait()
        await peer.send(message("{}", 429, {"Retry-After": "0.5"}))
        refused.append(loop.time())

    async def note(peer: Any) -> None:
        passed.append(loop.time())
        await peer.send(message(ONE))

    server.play(*[refuse_all] * 32)
    server.usual = note
    works = await asyncio.gather(*(client.works.get(f"ISS-{n}") for n in range(200)))
    assert len(works) == 200
    assert len(server.requests) == 232
    assert len(refused) == 32
    assert min(passed) - min(refused) >= 0.5
    assert sorted(passed)[31] - min(passed) > 0.001  # spread, not at one instant


@pytest.mark.parametrize("status", [429, 503])
async def test_a_pause_begins_with_the_head_of_the_response_however_long_its_body_takes(
    server: FaultServer, connect: Clients, status: int
) -> None:
    paused, rest = asyncio.Event(), asyncio.Event()
    events: list[ClientEvent] = []

    def note(event: ClientEvent) -> None:
        events.append(event)
        if event.kind == "pause":
            paused.set()

    async def half_a_body(peer: Peer) -> None:
        await peer.send(message("{}", status, {"Retry-After": "60"})[:-1])
        await rest.wait()
        await peer.send(b"}")

    client = connect(max_rate_limit_wait=300, on_event=note)
    server.play(half_a_body)
    async with asyncio.TaskGroup() as group:
        refused = group.create_task(client.works.get("ISS-1"))
        await paused.wait()
        strict = client.with_options(max_rate_limit_wait=30)
        for call in (*READS, *WRITES):
            with pytest.raises(RateLimitWaitError):
                await call(strict)
        assert not refused.done()
        rest.set()
        while not any(event.kind == "retry" for event in events):
            await asyncio.sleep(0.001)
        refused.cancel()
    assert len(server.requests) == 1
    assert [event.delay for event in events if event.kind == "pause"] == [60]


async def test_what_connects_while_a_pause_begins_is_held_back(
    server: FaultServer, connect: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = connect()
    manager = client._transport.manager
    connector = manager.session().connector
    assert connector is not None
    make, connecting, go = connector._create_connection, asyncio.Event(), asyncio.Event()

    async def slowly(*args: Any) -> Any:
        connecting.set()
        await go.wait()
        return await make(*args)

    monkeypatch.setattr(connector, "_create_connection", slowly)
    call = asyncio.create_task(client.works.update("ISS-1", title="x"))
    await connecting.wait()
    manager.limiter.pause(0.2)
    go.set()
    await call
    assert not manager.limiter.paused
    assert (len(server.requests), server.accepted) == (1, 1)


async def test_a_deadline_does_not_wait_for_what_lies_beyond_it(server: FaultServer, client: DevRevClient) -> None:
    server.play(refuse(429, headers={"Retry-After": "60"}))
    with pytest.raises(TooManyRequestsError) as caught:
        await client.works.get("ISS-1", timeout=1)
    assert (caught.value.retry_after, caught.value.attempts) == (60, 1)
    assert not isinstance(caught.value, RateLimitWaitError)


async def test_own_waits_beyond_the_deadline_are_not_begun(server: FaultServer, connect: Clients) -> None:
    server.usual = refuse(500)
    with pytest.raises(InternalServerError) as caught:
        await connect(timeout=1, retry_wait=DAYS).works.get("ISS-1")
    assert caught.value.attempts == 1


@pytest.mark.parametrize("status", [500, 502, 429])
async def test_the_longer_of_both_waits_counts(
    server: FaultServer, connect: Clients, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    monkeypatch.setattr("backoff.full_jitter", float)
    events: list[ClientEvent] = []
    server.play(refuse(status, headers={"Retry-After": "0.01"}), refuse(status, headers={"Retry-After": "0.06"}))
    await connect(retry_wait=(0.05, 0.05), on_event=events.append).works.get("ISS-1")
    assert [event.delay for event in events if event.kind == "retry"] == [0.05, 0.06]


# -- what the error says of another try ----------------------------------------------------------------------------

RETRYABLE: dict[str, tuple[Play, bool, bool]] = {  # for a read, for a write
    "400": (refuse(400), False, False),
    "401": (refuse(401), False, False),
    "404": (refuse(404), False, False),
    "408": (refuse(408), True, False),
    "429": (refuse(429), True, True),
    "500": (refuse(500), True, False),
    "501": (refuse(501), False, False),
    "503": (refuse(503), True, False),
    "503 with Retry-After": (refuse(503, headers={"Retry-After": "0"}), True, True),
    "hung up": (drop, True, False),
    "silence": (silence, True, False),
    "half a body": (raw(message()[:-3], then="close"), True, False),
    "another shape": (answer("[]"), False, False),
}


@pytest.mark.parametrize("name", RETRYABLE)
async def test_retryable_is_what_may_succeed_later_without_harm(
    server: FaultServer, connect: Clients, name: str
) -> None:
    server.usual, for_a_read, for_a_write = RETRYABLE[name]
    client = connect(timeout=QUICK, max_retries=0)
    for call, expected in ((client.works.get("ISS-1"), for_a_read), (client.works.delete("ISS-1"), for_a_write)):
        with pytest.raises(DevRevError) as caught:
            await call
        assert caught.value.retryable is expected
        assert pickle.loads(pickle.dumps(caught.value)).retryable is expected


async def test_a_429_without_any_hint_waits_at_least_the_first_wait_and_longer_each_time(
    server: FaultServer, connect: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()  # the waits are the client's own again
    monkeypatch.setattr(random, "uniform", min)  # the shortest that jitter allows
    events: list[ClientEvent] = []
    server.play(*[refuse(429)] * 3)
    await connect(retry_wait=(0.02, 30), on_event=events.append).works.get("ISS-1")
    assert [event.delay for event in events if event.kind == "retry"] == [0.02, 0.04, 0.08]


async def test_waits_can_be_switched_off(
    server: FaultServer, connect: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    events: list[ClientEvent] = []
    server.play(refuse(500), refuse(429))
    await connect(retry_wait=(0, 0), on_event=events.append).works.get("ISS-1")
    assert [event.delay for event in events if event.kind == "retry"] == [0, 0]


# -- every request has a start and an end --------------------------------------------------------------------------


async def test_every_request_that_starts_ends(server: FaultServer, connect: Clients) -> None:
    events: list[ClientEvent] = []
    server.play(answer(ONE), refuse(404), drop, raw(message()[:-3], then="close"), answer("[]"), silence, silence)
    for expected in (None, "404", "closed", "payload", "invalid", "no data received"):
        events.clear()
        client = connect(on_event=events.append, timeout=QUICK, max_retries=0)
        with contextlib.suppress(DevRevError):
            await client.works.get("ISS-1")
        begun, ended = events
        assert (begun.kind, begun.attempt, ended.kind, ended.attempt) == ("request", 1, "response", 1)
        assert (expected or "") in ended.reason
        assert bool(ended.reason) is (expected is not None)
    events.clear()
    client = connect(on_event=events.append)
    task = asyncio.create_task(client.works.get("ISS-1"))
    await server.arrived(7)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert [(event.kind, event.status, event.reason) for event in events] == [
        ("request", None, ""),
        ("response", None, "cancelled"),
    ]
    events.clear()
    server.usual = answer(PAGE)
    async with client.works.export_stream() as stream:
        async for _ in stream:
            break
    assert [(event.kind, event.status) for event in events] == [("request", None), ("response", 200)]
