"""What a user's hook is given, and that nothing it does ends a call."""

import logging

import pytest

from devrev_async import ClientEvent
from devrev_async._transport.events import dispatch


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
