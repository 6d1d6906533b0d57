"""What a user's hook is given, and that nothing it does ends a call."""

import logging
import sys

import pytest

from devrev_async import ClientEvent, DevRevError
from devrev_async._transport.events import dispatch
from tests.transport.conftest import Clients
from tests.transport.server import ONE, FaultServer, Play, answer, drop, message, raw

FAILURES: dict[str, Play] = {
    "refused": answer("{}", 400),
    "unavailable": answer("{}", 503),
    "hung up": drop,
    "cut short": raw(message(ONE)[:-6], then="close"),
    "no JSON": answer("<html>"),
    "an unknown encoding": answer(ONE, headers={"Content-Encoding": "odd"}),
}


def test_a_hook_is_given_the_event() -> None:
    seen: list[ClientEvent] = []
    event = ClientEvent("retry", "works.get", 0.5, 1, 503, "why")
    dispatch(event, seen.append, str)
    assert seen == [event]


def test_what_a_hook_raises_is_logged_without_what_must_not_be_shown(caplog: pytest.LogCaptureFixture) -> None:
    def hook(event: ClientEvent) -> None:
        raise ValueError("secret")

    dispatch(ClientEvent("retry", "works.get", 0.5), hook, lambda text: text.replace("secret", "[token]"))
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("devrev_async.transport", logging.ERROR)
    assert record.getMessage() == "on_event raised ValueError: [token]"
    assert record.exc_info is None


def test_a_hook_may_end_the_program() -> None:
    def hook(event: ClientEvent) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        dispatch(ClientEvent("retry", "works.get", 0.5), hook, str)


@pytest.mark.parametrize("how", FAILURES)
@pytest.mark.anyio
async def test_a_hook_is_called_while_no_error_is_handled(server: FaultServer, connect: Clients, how: str) -> None:
    """Else whatever it raises or logs would show, as its context, frames that hold what the server sent."""
    server.usual = FAILURES[how]
    handled: list[BaseException | None] = []

    def hook(event: ClientEvent) -> None:
        handled.append(sys.exc_info()[1])

    client = connect(max_retries=1, on_event=hook)
    with pytest.raises(DevRevError) as caught:
        await client.works.get("ISS-1")
    with pytest.raises(DevRevError):
        [work async for work in client.works.export_stream()]
    assert len(handled) >= 4
    assert set(handled) == {None}
    assert (caught.value.__context__, caught.value.__cause__) == (None, None)
