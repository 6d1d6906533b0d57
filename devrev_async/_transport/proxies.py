"""Which HTTP proxy requests go through: the one that was given, or the environment's. Knows no HTTP client."""

from __future__ import annotations

import ipaddress
import re
from base64 import b64encode
from typing import Final
from urllib.request import getproxies_environment, proxy_bypass_environment  # type: ignore[attr-defined]  # typeshed lacks them

from yarl import URL

from devrev_async.errors import ConfigurationError

__all__ = ["authorisation", "check_host", "checked_proxy", "environment_proxy", "is_address"]

_IS_NO_PROXY: Final = "must be the URL of an HTTP proxy, as in http://127.0.0.1:8080"

_LONGEST_NAME: Final = 253
_NAME: Final = re.compile(r"\A(\w[\w-]*\.)*\w[\w-]*\Z", re.ASCII)
_LAST_IS_NUMBER: Final = re.compile(r"(\A|\.)\d+\Z")
"""A name that ends in a number is a mistaken IPv4 address (WHATWG URL, 3.5)."""


def checked_proxy(given: str | URL) -> URL:
    """The proxy's URL. Errors do not repeat it, since it may hold a password.

    Raises:
        ConfigurationError: it is no URL of an HTTP proxy.
        TypeError: it is no str and no `yarl.URL`.
    """
    if not isinstance(given, str | URL):
        raise TypeError(f"proxy takes a str or a yarl.URL, not {type(given).__name__}")
    url = _parsed_proxy(given)
    if url is None:
        del given  # tracebacks show local variables
        raise ConfigurationError(f"proxy {_IS_NO_PROXY}")
    return url


def _parsed_proxy(given: str | URL) -> URL | None:
    """The URL of an HTTP proxy, or None where it is none."""
    try:
        url = given if isinstance(given, URL) else URL(str.__str__(given))
        check_host(url.host or "")
    except ValueError:
        return None
    wrong = (
        url.scheme not in ("http", "https")
        or not url.host
        or url.port == 0
        or url.path not in ("", "/")
        or url.query
        or url.fragment
        or ":" in (url.user or "")  # which Basic authorisation cannot say
    )
    return None if wrong else url


def authorisation(proxy: URL) -> str | None:
    """The Proxy-Authorization header of what the URL names as user and password, or None; in UTF-8 (RFC 7617)."""
    if proxy.user is None and proxy.password is None:
        return None
    credentials = f"{proxy.user or ''}:{proxy.password or ''}"
    return f"Basic {b64encode(credentials.encode()).decode()}"


def environment_proxy(base_url: str, scheme: str = "https") -> URL | None:
    """What ``HTTPS_PROXY`` (else ``ALL_PROXY``) says for requests to `base_url`, unless ``NO_PROXY`` names its host."""
    url = URL(base_url)
    host = url.host or ""
    proxies: dict[str, str] = getproxies_environment()
    proxy = proxies.get(scheme) or proxies.get("all")
    for name in (host, f"{host}:{url.port}"):
        if proxy_bypass_environment(name, proxies):
            return None
    if not proxy:
        return None
    found = _parsed_proxy(proxy if "://" in proxy else f"http://{proxy}")
    if found is None:
        del proxies, proxy  # tracebacks show local variables
        raise ConfigurationError(f"HTTPS_PROXY or ALL_PROXY {_IS_NO_PROXY}")
    return found


def is_address(host: str) -> bool:
    """Whether it is an IP address."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def check_host(host: str) -> None:
    """Checks that a host of a URL may be looked up.

    Raises:
        ValueError: it is neither an address nor a name.
    """
    if is_address(host):
        return
    name = host.removesuffix(".").encode("idna").decode()
    if len(name) > _LONGEST_NAME or not _NAME.match(name) or _LAST_IS_NUMBER.search(name):
        raise ValueError("neither an address nor a name")
