"""Which HTTP proxy requests go through: the one that was given, or the environment's. Knows no HTTP client."""

from __future__ import annotations

from urllib.request import getproxies_environment, proxy_bypass_environment  # type: ignore[attr-defined]

from yarl import URL

from devrev_async.errors import ConfigurationError

__all__ = ["checked_proxy", "environment_proxy"]


def checked_proxy(given: str | URL, name: str = "proxy") -> URL:
    """The proxy's URL. Errors do not repeat it, since it may hold a password.

    Raises:
        ConfigurationError: it is no URL of an HTTP proxy.
        TypeError: it is no str and no `yarl.URL`.
    """
    if not isinstance(given, str | URL):
        raise TypeError(f"{name} takes a str or a yarl.URL, not {type(given).__name__}")
    try:
        url = URL(given)
    except ValueError:
        url = URL()
    if url.scheme not in ("http", "https") or not url.host or url.path not in ("", "/") or url.query or url.fragment:
        raise ConfigurationError(f"{name} must be the URL of an HTTP proxy, as in http://127.0.0.1:8080")
    return url


def environment_proxy(base_url: str) -> URL | None:
    """What ``HTTPS_PROXY`` (else ``ALL_PROXY``) says for requests to `base_url`, unless ``NO_PROXY`` names its host."""
    host = URL(base_url).host or ""
    proxies: dict[str, str] = getproxies_environment()
    proxy = proxies.get("https") or proxies.get("all")
    if not proxy or proxy_bypass_environment(host, proxies):
        return None
    return checked_proxy(proxy if "://" in proxy else f"http://{proxy}", "HTTPS_PROXY or ALL_PROXY")
