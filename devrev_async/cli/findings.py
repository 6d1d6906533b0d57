"""What `doctor` makes of what it sees: one line each, and what to do. Pure."""

from __future__ import annotations

import base64
import json
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal, cast
from urllib.parse import urlsplit

from devrev_async import RateLimit
from devrev_async._transport.auth import TOKEN_VARIABLES, find_token

__all__ = [
    "Finding",
    "State",
    "base_url_finding",
    "certificate_finding",
    "clock_finding",
    "quota_finding",
    "token_finding",
]

State = Literal["ok", "warn", "fail"]

_NEW_TOKEN: Final = "make a new one in DevRev (Settings > Account > Personal access token)"  # noqa: S105 - no token
_BARE: Final = "set the bare token, without 'Bearer' and quotes"
_SOON: Final = timedelta(days=7)
_SKEW: Final = 5.0
"""Seconds by which clocks may differ before it is worth a word."""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        what: a word or two.
        state: ``"warn"`` is worth knowing; ``"fail"`` keeps the client from working.
        text: what was seen.
        advice: what to do; empty where nothing is to be done.
        authorisation: whether the failure is one of the token.
    """

    what: str
    state: State
    text: str
    advice: str = ""
    authorisation: bool = False


def token_finding(environment: Mapping[str, str], now: datetime) -> Finding:
    """Where the token comes from, and until when it is good where it says so. The token itself is in no text."""
    given = [name for name in TOKEN_VARIABLES if environment.get(name)]
    if not given:
        names = " or ".join(TOKEN_VARIABLES)
        advice = f"set {names}; --sandbox needs none"
        return Finding("token", "fail", "none of the variables is set", advice, authorisation=True)
    source, *others = given
    token = environment[source]
    if problem := find_token(token)[1]:
        return Finding("token", "fail", f"{source}: {problem}", _BARE, authorisation=True)
    if token[0] in "\"'":
        return Finding("token", "warn", f"from {source}; it begins with a quote, as no token does", _BARE)
    ignored = f"; {', '.join(others)} not used" if others else ""
    expires = _expiry(token)
    if expires is None:
        return Finding("token", "ok", f"from {source}; it does not say when it expires{ignored}")
    when = expires.strftime("%Y-%m-%d %H:%M UTC")
    if expires <= now:
        return Finding("token", "fail", f"from {source}; it expired on {when}{ignored}", _NEW_TOKEN, True)
    soon = expires - now < _SOON
    return Finding(
        "token", "warn" if soon else "ok", f"from {source}; it expires on {when}{ignored}", _NEW_TOKEN if soon else ""
    )


def _expiry(token: str) -> datetime | None:
    """When a JWT expires; None for any other token, and one that does not say it."""
    try:
        claims: Any = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
        return datetime.fromtimestamp(float(claims["exp"]), UTC)
    except (IndexError, KeyError, TypeError, ValueError, OverflowError, OSError):
        return None


def base_url_finding(url: str, given: str | None, environment: Mapping[str, str], source: str | None = None) -> Finding:
    """Which server is asked, and who says so."""
    if source is None:
        variable = "DEVREV_BASE_URL" if environment.get("DEVREV_BASE_URL") else "the default"
        source = "--base-url" if given else variable
    return Finding("server", "ok", f"{url} ({source})")


def proxy_finding(proxy: str) -> Finding:
    """That requests go through a proxy, whose user and password are in no text."""
    parts = urlsplit(proxy if "//" in proxy else f"//{proxy}")
    where = parts.hostname if parts.port is None else f"{parts.hostname}:{parts.port}"
    return Finding("proxy", "ok", f"through {where}; TLS and the server's clock are not looked at behind it")


def certificate_finding(version: str, certificate: Mapping[str, Any], now: datetime) -> Finding:
    """The TLS version, who issued the certificate, and until when it is valid."""
    until = datetime.fromtimestamp(ssl.cert_time_to_seconds(certificate["notAfter"]), UTC)
    pairs = cast("Sequence[Sequence[tuple[str, str]]]", certificate.get("issuer", ()))
    names = {key: value for pair in pairs for key, value in pair}
    issuer = names.get("organizationName") or names.get("commonName") or "an unnamed issuer"
    text = f"{version}, certificate of {issuer}, valid until {until:%Y-%m-%d}"
    if until - now < _SOON:
        return Finding("TLS", "warn", text, "whoever runs the server must renew the certificate")
    return Finding("TLS", "ok", text)


def clock_finding(offset: float | None) -> Finding:
    """How far the server's clock is ahead of ours, in seconds, as far as a `Date` header says."""
    if offset is None:
        return Finding(
            "clock",
            "warn",
            "the server sends no Date that can be read",
            "waits for the quota rely on this machine's clock",
        )
    if abs(offset) < _SKEW:
        return Finding("clock", "ok", "as the server's, within a few seconds")
    direction = "behind" if offset > 0 else "ahead of"
    return Finding(
        "clock",
        "warn",
        f"this machine is {abs(offset):.0f} s {direction} the server",
        "set the clock (NTP): the client allows for it, but certificates and LastDays filters go by it",
    )


def quota_finding(limit: RateLimit | None, now: datetime) -> Finding:
    """What the server says of the quota."""
    if limit is None or limit.remaining is None:
        return Finding("quota", "ok", "the server reports none")
    of = "" if limit.limit is None else f" of {limit.limit}"
    until = "" if limit.reset_at is None else f", new in {max(0.0, (limit.reset_at - now).total_seconds()):.0f} s"
    text = f"{limit.remaining}{of} requests left{until}"
    if limit.limit and limit.remaining < limit.limit / 10:
        return Finding("quota", "warn", text, "something else uses this token; quota_reserve leaves it a share")
    return Finding("quota", "ok", text)
