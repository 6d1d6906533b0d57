"""Reports the connections of a session of the user's, whose connector is not ours, to the attempts that use them."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

import aiohttp

from .connector import HeldBackError, current_connection, has_surplus
from .protocol import StandIn

if TYPE_CHECKING:
    from aiohttp.connector import Connection

__all__ = ["middlewares_of", "report_connection"]

_used: WeakSet[object] = WeakSet()
_classes: dict[type[aiohttp.ClientResponse], type[aiohttp.ClientResponse]] = {}


def middlewares_of(session: aiohttp.ClientSession) -> Sequence[aiohttp.ClientMiddlewareType] | None:
    """Returns the session's middlewares, which those of a request replace, and `report_connection` as the innermost."""
    own = getattr(session, "_middlewares", None)
    return None if own is None else (*own, report_connection)


async def report_connection(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Sends the request; the attempt learns of its connection as soon as there is one."""
    state = current_connection.get()
    if state is not None and type(request).send is aiohttp.ClientRequest.send:
        state.reported = True
        base = request.response_class
        request.response_class = _classes.get(base) or _classes.setdefault(base, _reporting(base))
        # a middleware has no say once there is a connection, and only then is it known what lies in it
        vars(request)["send"] = partial(_send, request.send)
    return await handler(request)


async def _send(
    send: Callable[[Connection], Awaitable[aiohttp.ClientResponse]], connection: Connection
) -> aiohttp.ClientResponse:
    """Sends a request, unless its connection has bytes that would be taken for its response."""
    if connection.protocol in _used and has_surplus(connection):
        raise HeldBackError  # aiohttp closes the connection, and the call takes another one
    return await send(connection)


def _reporting(base: type[aiohttp.ClientResponse]) -> type[aiohttp.ClientResponse]:
    """Returns a subclass whose instances report the connection that they are read from, before they read."""

    async def start(self: Any, connection: Connection) -> aiohttp.ClientResponse:
        state, protocol, transport = current_connection.get(), connection.protocol, connection.transport
        if state is None or protocol is None or transport is None:
            return await base.start(self, connection)
        state.reused = protocol in _used
        _used.add(protocol)
        state.connected = True
        state.fail = protocol.set_exception
        state.waiting_since = time.monotonic()
        # silence is judged by the client, after what has arrived was read: see `ReadTimeoutWatchdog`
        protocol.read_timeout = None
        protocol.start_timeout()
        StandIn(transport, protocol)
        response = await base.start(self, connection)
        state.waiting_since = None  # what the session's own middlewares do now is their time
        return response

    return type("ClientResponse", (base,), {"start": start, "__module__": base.__module__})
