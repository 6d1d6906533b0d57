"""A connection to a server, looked at step by step: its name, its port, its certificate, its clock."""

from __future__ import annotations

import asyncio
import ssl
import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlsplit

from devrev_async._limits.headers import parse_http_date

from .findings import Finding, certificate_finding, clock_finding

__all__ = ["probe"]

TIMEOUT: Final = 10.0
"""Seconds for each step."""

_LONGEST_HEAD: Final = 65536


async def probe(base_url: str) -> list[Finding]:
    """What is found on the way to a server; the first failure ends it. No token is sent."""
    parts = urlsplit(base_url)
    host, secure = parts.hostname or "", parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    context = ssl.create_default_context() if secure else None
    started = time.monotonic()
    try:
        async with asyncio.timeout(TIMEOUT):
            reader, writer = await asyncio.open_connection(host, port, ssl=context)
    except (OSError, TimeoutError, UnicodeError) as error:
        return [_unreachable(error, host, port)]
    took = (time.monotonic() - started) * 1000
    found = [Finding("reachable", "ok", f"{host}:{port} in {took:.0f} ms")]
    try:
        connection: ssl.SSLObject | None = writer.get_extra_info("ssl_object")
        if connection is None:
            found.append(Finding("TLS", "ok", "none: plain http on loopback"))
        else:
            certificate = connection.getpeercert() or {}
            found.append(certificate_finding(connection.version() or "TLS", certificate, datetime.now(UTC)))
        found.append(clock_finding(await _clock_offset(reader, writer, parts.netloc)))
    finally:
        writer.close()
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(1):
                await writer.wait_closed()
    return found


def _unreachable(error: Exception, host: str, port: int) -> Finding:
    where = f"{host}:{port}"
    if isinstance(error, ssl.SSLCertVerificationError):
        text = f"the certificate of {where} is refused: {error.verify_message}"
        return Finding("TLS", "fail", text, "a proxy that reads TLS needs its authority: set SSL_CERT_FILE to its file")
    if isinstance(error, ssl.SSLError):
        return Finding("TLS", "fail", f"no TLS with {where}: {error.reason}", "does a plain http server listen there?")
    if isinstance(error, TimeoutError):
        text = f"{where} does not answer within {TIMEOUT:.0f} s"
        return Finding("reachable", "fail", text, "look at firewall and VPN; HTTPS_PROXY names a proxy")
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return Finding("reachable", "fail", f"{where}: {reason}", "look at the name, the network, and HTTPS_PROXY")


async def _clock_offset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str) -> float | None:
    """Seconds by which the server's clock is ahead, from the `Date` of an answer to a request without a token."""
    try:
        async with asyncio.timeout(TIMEOUT):
            writer.write(f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
            await writer.drain()
            head = await reader.readuntil(b"\r\n\r\n")
    except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        return None
    now = time.time()
    for line in head[:_LONGEST_HEAD].decode("latin-1").split("\r\n"):
        name, _, value = line.partition(":")
        if name.lower() == "date" and (date := parse_http_date(value.strip())) is not None:
            return date - now
    return None
