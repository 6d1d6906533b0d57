"""What users are surrounded by: a server that can be stopped, one behind TLS, and a disk that is too small."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import signal
import ssl
import subprocess
import sys
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import trustme

from tests.transport.server import FaultServer

SMALL = 300_000
"""Bytes of the small disk, or of a file on it."""

PROJECT = Path(__file__).parents[2]


class Server:
    """The process of `tests.soak.server`."""

    def __init__(self, process: subprocess.Popen[bytes], url: str, token: str) -> None:
        self._process = process
        self.port = int(url.rpartition(":")[2])
        self.token = token

    def stop(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def heal(self) -> None:
        """Makes it fail no request any more."""
        self.go_on()
        assert self._process.stdin is not None
        self._process.stdin.write(b"\n")
        self._process.stdin.flush()


@asynccontextmanager
async def serving(seed: int) -> AsyncGenerator[Server]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.soak.server", str(seed)],
        cwd=PROJECT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with process:
        try:
            assert process.stdout is not None
            yield Server(process, **json.loads(await asyncio.to_thread(process.stdout.readline)))
        finally:
            process.kill()


@asynccontextmanager
async def serving_tls() -> AsyncGenerator[tuple[FaultServer, ssl.SSLContext]]:
    """A server behind TLS, and a context that trusts it."""
    authority = trustme.CA()
    context, trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("127.0.0.1").configure_cert(context)  # pyright: ignore[reportUnknownMemberType]
    authority.configure_trust(trusting)  # pyright: ignore[reportUnknownMemberType] - untyped for want of pyOpenSSL
    async with FaultServer(context=context) as server:
        yield server, trusting


@contextmanager
def small_disk(folder: Path) -> Generator[tuple[str, Callable[[], object]]]:
    """A small file system, where one may be mounted, else small files; yields what it is, and what makes it large."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SMALL}", "tmpfs", str(folder)]
    if sys.platform == "linux" and os.geteuid() == 0 and subprocess.run(mount, check=False).returncode == 0:
        grow = ["mount", "-o", "remount,size=100m", str(folder)]
        try:
            yield f"a file system of {SMALL:,} bytes", lambda: subprocess.run(grow, check=True)
        finally:
            subprocess.run(["umount", "-l", str(folder)], check=True)
        return
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (SMALL, before[1]))
    try:
        yield f"files of at most {SMALL:,} bytes", lambda: resource.setrlimit(resource.RLIMIT_FSIZE, before)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
