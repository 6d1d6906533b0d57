"""What the client tells while it works: debug lines, and events for `on_event`."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from devrev_async.options import ClientEvent

__all__ = ["log", "tell"]

log: Final = logging.getLogger("devrev_async")


def tell(event: ClientEvent, hook: Callable[[ClientEvent], object] | None, shown: Callable[[str], str]) -> None:
    """Tell the log and the user's hook; what the hook raises is logged, and the call goes on."""
    log.debug(
        "%s: %s of %.3f s after attempt %d: %s", event.endpoint, event.kind, event.delay, event.attempt, event.reason
    )
    if hook is None:
        return
    try:
        hook(event)
    except Exception as error:  # noqa: BLE001 - a user's hook never ends a call
        problem = shown(f"{type(error).__name__}: {error}")
    else:
        return
    log.error("on_event raised %s", problem)
