"""One call of the API, and the options that apply to it."""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

import aiohttp
from yarl import URL

from devrev_async._limits.retry import RetryPolicy
from devrev_async._version import __version__
from devrev_async.options import ClientEvent, Timeout

__all__ = ["DEFAULT_HEADERS", "HEAD_BOUNDS", "NO_TIMEOUT", "Request", "Settings", "client_timeout"]

DEFAULT_HEADERS: Final = {
    "Accept": "application/json",
    "Accept-Encoding": "gzip, deflate",
    "User-Agent": f"devrev-async/{__version__} Python/{platform.python_version()} aiohttp/{aiohttp.__version__}",
}
"""Headers of every request, unless the user's options replace them."""


HEAD_BOUNDS: Final = {"max_line_size": 64 << 10, "max_field_size": 64 << 10, "max_headers": 1000}
"""Bounds of a response's head: bytes of one line, and lines. A proxy's cookies and policies exceed aiohttp's own."""


NO_TIMEOUT: Final = aiohttp.ClientTimeout(total=None)
"""For the client's own session: its connector bounds connecting, and the watchdog the silence."""


def client_timeout(timeout: Timeout) -> aiohttp.ClientTimeout:
    """For a session of the user's, whose connector may also let a request wait for a free connection."""
    return aiohttp.ClientTimeout(
        total=None, connect=timeout.connect, sock_connect=timeout.connect, sock_read=timeout.read
    )


class Settings(NamedTuple):
    """The options of a client that concern each call; a copy of the client may have others."""

    headers: Mapping[str, str]
    timeout: Timeout
    retries: RetryPolicy
    max_response_bytes: int
    on_event: Callable[[ClientEvent], object] | None


class Request(NamedTuple):
    """One call of the API.

    Attributes:
        endpoint: the API method, as in ``"works.get"``.
        url: with the query, if there is one.
        body: JSON; None sends a GET, else a POST.
        idempotent: repeating the request changes nothing.
        timeout: None for that of the client.
        max_retries: None for those of the client.
        leaves: requests of the reported quota that it leaves to others.
    """

    endpoint: str
    url: URL
    body: bytes | None = None
    idempotent: bool = False
    timeout: Timeout | None = None
    max_retries: int | None = None
    leaves: int = 0
