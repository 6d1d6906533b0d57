"""Debug lines, and the records that `on_event` is given."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from devrev_async.options import ClientEvent

__all__ = ["dispatch", "log"]

log: Final = logging.getLogger("devrev_async.transport")

_LONGEST: Final = 500
"""Characters of a hook's error that are logged: it may quote the event."""


def dispatch(event: ClientEvent, hook: Callable[[ClientEvent], object], shown: Callable[[str], str]) -> None:
    """Call the user's hook; what it raises is logged, and the call goes on."""
    try:
        hook(event)
    except Exception as error:  # noqa: BLE001 - a user's hook never ends a call
        problem = shown(f"{type(error).__name__}: {error}")[:_LONGEST]
    else:
        return
    log.error("on_event raised %s", problem)
