"""One call of the API, and the options that apply to it."""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

import aiohttp
from yarl import URL

from devrev_async._version import __version__
from devrev_async.options import ClientEvent, Timeout

__all__ = ["DEFAULT_HEADERS", "Request", "Settings"]

DEFAULT_HEADERS: Final = {
    "Accept": "application/json",
    "Accept-Encoding": "gzip, deflate",
    "User-Agent": f"devrev-async/{__version__} Python/{platform.python_version()} aiohttp/{aiohttp.__version__}",
}
"""What every request says unless the user says otherwise."""


class Settings(NamedTuple):
    """What of a client's options concerns each call; a copy of the client may have others."""

    headers: Mapping[str, str]
    timeout: Timeout
    max_retries: int
    max_rate_limit_wait: float
    max_response_bytes: int
    on_event: Callable[[ClientEvent], object] | None


class Request(NamedTuple):
    """One call of the API. `read` says that repeating it changes nothing."""

    endpoint: str
    url: URL
    body: bytes | None = None
    read: bool = False
    timeout: Timeout | None = None
    max_retries: int | None = None
