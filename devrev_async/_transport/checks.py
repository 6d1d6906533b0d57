"""The options of a client, checked in one place, where the client is built. Sends nothing."""

from __future__ import annotations

import ipaddress
import math
import os
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from devrev_async._limits.retry import RetryPolicy
from devrev_async.errors import ConfigurationError, InvalidArgumentError, shown
from devrev_async.options import ClientEvent, Timeout, as_seconds, as_timeout, check_callback, count_problem

from .proxies import check_host, checked_proxy, environment_proxy, is_address
from .request import DEFAULT_HEADERS
from .session import SessionManager

__all__ = [
    "check_base_url",
    "check_count",
    "check_hook",
    "check_policy",
    "check_session",
    "check_timeout",
    "check_trace_configs",
    "find_headers",
    "headers_of",
    "proxy_of",
]

DEFAULT_BASE_URL: Final = "https://api.devrev.ai"

_HEADER_NAME: Final = re.compile(r"\A[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")
_TAKEN_HEADERS: Final = frozenset(
    {
        *("authorization", "host", "content-type", "content-length", "accept-encoding"),
        *("connection", "expect", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"),
        "proxy-authorization",
    }
)
"""What the client sets, and what is up to the connection: where a server knows no Expect, no write would be sent."""


def check_base_url(given: str | URL | None) -> str:
    name = "base_url"
    if given is None:
        given = os.environ.get("DEVREV_BASE_URL")
        name, given = ("$DEVREV_BASE_URL", given) if given else (name, DEFAULT_BASE_URL)
    if not isinstance(given, str | URL):
        raise TypeError(f"base_url takes a str or a yarl.URL, not {type(given).__name__}")
    # of an enum, its value
    url = (str(given) if isinstance(given, URL) else str.__str__(given)).strip().rstrip("/")
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
        check_host(host)
        url.encode()
        parsed = URL(url)
        if not url.isascii():
            url = str(parsed)
            parts = urlsplit(url)
    except ValueError:
        raise ConfigurationError(f"{name} is not a valid URL, as in {DEFAULT_BASE_URL}") from None
    if not host or parts.port == 0 or parts.scheme not in ("https", "http"):
        raise ConfigurationError(f"{name} must be a URL as in {DEFAULT_BASE_URL}")
    if "@" in parts.netloc or re.search(r"[?#\s\\\x00-\x20\x7f]", url):
        raise ConfigurationError(f"{name} takes no user, query, fragment, backslash or white space")
    if parts.scheme == "http" and not _is_loopback(host):
        raise ConfigurationError(f"{name}: plain http would show the token on the way to {host}; use https")
    # in lower case, which every later look at the scheme relies on
    return f"{parts.scheme}://{parts.netloc.lower()}{parts.path}"


def _is_loopback(host: str) -> bool:
    return host == "localhost" or (is_address(host) and ipaddress.ip_address(host).is_loopback)


def check_session(session: object, base_url: str) -> None:
    """Checks that the user's session can serve, and shows the token to no proxy."""
    if not isinstance(session, aiohttp.ClientSession):
        raise TypeError(f"session takes an aiohttp.ClientSession, not {type(session).__name__}")
    if session.auth is not None:
        raise ConfigurationError("session= has auth=; the client sends an Authorization header of its own")
    if not base_url.startswith("http:"):
        return
    of_session = getattr(session, "_default_proxy", None)
    if of_session or (session.trust_env and environment_proxy(base_url, "http") is not None):
        raise ConfigurationError("session= has a proxy, which would see the token: not with plain http")


def proxy_of(given: str | URL | None, base_url: str, *, trust_env: bool) -> URL | None:
    if given is None and not trust_env:
        return None
    if base_url.startswith("http:"):
        name = "trust_env" if given is None else "proxy"
        raise ConfigurationError(f"{name} cannot be combined with plain http: the proxy would see the token")
    return environment_proxy(base_url) if given is None else checked_proxy(given)


def check_count(name: str, count: int, least: int) -> int:
    problem = count_problem(name, count, least)
    if problem:
        raise ConfigurationError(problem)
    return count


def check_timeout(timeout: Timeout | float | None, default: Timeout) -> Timeout:
    try:
        return as_timeout(timeout, default)
    except InvalidArgumentError as error:
        problem = str(error)
    raise ConfigurationError(problem)


def check_policy(max_retries: int, retry_wait: tuple[float, float], max_rate_limit_wait: float) -> RetryPolicy:
    check_count("max_retries", max_retries, 0)
    if not as_seconds("max_rate_limit_wait", max_rate_limit_wait) >= 0:
        raise ConfigurationError(f"max_rate_limit_wait takes seconds of at least 0, not {shown(max_rate_limit_wait)}")
    if not isinstance(retry_wait, tuple | list) or len(retry_wait) != 2:
        raise TypeError(f"retry_wait takes two numbers, as in (0.5, 30.0), not {shown(retry_wait)}")
    first, longest = (as_seconds("retry_wait", bound) for bound in retry_wait)
    if not 0 <= first <= longest < math.inf:
        raise ConfigurationError(f"retry_wait takes seconds, at least 0 and the longer second, not {shown(retry_wait)}")
    return RetryPolicy(max_retries, (first, longest), max_rate_limit_wait)


def check_hook(on_event: Callable[[ClientEvent], object] | None) -> Callable[[ClientEvent], object] | None:
    check_callback("on_event", on_event)
    return on_event


def find_headers(given: Mapping[str, str] | None) -> tuple[dict[str, str], Exception | None]:
    """Returns the headers, or what is wrong with them: the caller raises it without them, since one may be a token."""
    if given is not None and not isinstance(given, Mapping):
        return {}, TypeError(f"headers takes a mapping, not {type(given).__name__}")
    headers: dict[str, str] = {}
    for name, value in (given or {}).items():
        if not isinstance(name, str) or not isinstance(value, str):
            problem = f"headers takes strings, not {shown(name)} with a value of type {type(value).__name__}"
            return {}, TypeError(problem)
        if name.lower() in _TAKEN_HEADERS:
            return {}, ConfigurationError(f"headers: {name} is up to the client")
        if not _HEADER_NAME.match(name) or any(
            ord(c) < 32 or ord(c) == 127 or "\ud800" <= c <= "\udfff" for c in value
        ):
            return {}, ConfigurationError(f"headers: invalid header name or value: {shown(name)}")
        headers[str.__str__(name)] = str.__str__(value)
    return headers, None


def check_trace_configs(given: Sequence[aiohttp.TraceConfig]) -> tuple[aiohttp.TraceConfig, ...]:
    if isinstance(given, Sequence) and all(isinstance(each, aiohttp.TraceConfig) for each in given):
        return tuple(given)
    raise TypeError("trace_configs takes a sequence of aiohttp.TraceConfig")


def headers_of(own: Mapping[str, str], *, beta: bool, manager: SessionManager) -> dict[str, str]:
    """The headers of each request, beside the default ones of the client's own session."""
    headers = {} if manager.owned else dict(DEFAULT_HEADERS)
    if beta:
        headers["X-Devrev-Scope"] = "beta"
    for name, value in own.items():
        headers = {key: kept for key, kept in headers.items() if key.lower() != name.lower()}
        headers[name] = value
    return headers
