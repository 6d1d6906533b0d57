"""The server of all benchmarks, in a process of its own: it knows a few prepared bodies and how to put them on a wire.

It prints its port. A base URL is ``http://127.0.0.1:PORT/WIRE/FORM``: `wire` says how the body is sent ("plain" with a
Content-Length, "chunked", "gzip", or "paced-25" for MB/s), `form` which prepared file it is. ``GET /last`` tells when
(CLOCK_MONOTONIC, which processes share) the last byte of the last export was handed to the kernel.
"""

from __future__ import annotations

import argparse
import itertools
import socket
import sys
import threading
import time
from email.utils import formatdate
from pathlib import Path
from typing import NamedTuple

CHUNK = 64 << 10
"""Bytes of one chunk of a chunked body."""

QUOTA = 10**9
WINDOW = 60
"""Seconds of a window of the quota, of which nobody sees the end here."""

_answered = itertools.count()


class _Request(NamedTuple):
    method: str
    path: str
    body: bytes


class _Last:
    sent = 0.0


def _read(connection: socket.socket, buffer: bytearray) -> _Request | None:
    while (end := buffer.find(b"\r\n\r\n")) < 0:
        data = connection.recv(1 << 16)
        if not data:
            return None
        buffer += data
    head = bytes(buffer[:end]).decode("latin-1")
    del buffer[: end + 4]
    lines = head.split("\r\n")
    fields = dict(line.lower().split(":", 1) for line in lines[1:])
    if "authorization" not in fields and "/last" not in lines[0]:
        raise ValueError("a request without authorisation")
    length = int(fields.get("content-length", "0"))
    while len(buffer) < length:
        buffer += connection.recv(1 << 16)
    body = bytes(buffer[:length])
    del buffer[:length]
    method, path, _ = lines[0].split(" ", 2)
    return _Request(method, path, body)


def _head(*lines: str) -> bytes:
    """A response's head, with the headers that the API sends with each one."""
    now = time.time()
    common = (
        "HTTP/1.1 200 OK",
        "Content-Type: application/json",
        f"Date: {formatdate(now, usegmt=True)}",
        f"X-Ratelimit-Limit: {QUOTA}",
        f"X-Ratelimit-Remaining: {QUOTA - next(_answered)}",
        f"X-Ratelimit-Reset: {int(now // WINDOW + 1) * WINDOW}",
    )
    return "\r\n".join((*common, *lines, "", "")).encode()


def _export(connection: socket.socket, wire: str, body: memoryview) -> None:
    if wire == "chunked":
        connection.sendall(_head("Transfer-Encoding: chunked"))
        for start in range(0, len(body), CHUNK):
            part = body[start : start + CHUNK]
            connection.sendall(b"".join((f"{len(part):x}\r\n".encode(), part, b"\r\n")))
        connection.sendall(b"0\r\n\r\n")
    else:
        encoding = ("Content-Encoding: gzip",) if wire == "gzip" else ()
        connection.sendall(_head(f"Content-Length: {len(body)}", *encoding))
        if wire.startswith("paced-"):
            _send_paced(connection, body, float(wire.removeprefix("paced-")) * 1e6)
        else:
            connection.sendall(body)
    _Last.sent = time.monotonic()


def _send_paced(connection: socket.socket, body: memoryview, rate: float) -> None:
    start, sent = time.monotonic(), 0
    while sent < len(body):
        due = min(len(body), int((time.monotonic() - start) * rate))
        if due > sent:
            connection.sendall(body[sent:due])
            sent = due
        time.sleep(0.0005)


def _serve(connection: socket.socket, folder: Path, bodies: dict[str, memoryview], single: bytes) -> None:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    buffer = bytearray()
    with connection:
        while (request := _read(connection, buffer)) is not None:
            if "/works.get" in request.path:
                connection.sendall(_head(f"Content-Length: {len(single)}") + single)
            elif "/last" in request.path:
                said = repr(_Last.sent).encode()
                connection.sendall(_head(f"Content-Length: {len(said)}") + said)
            else:
                _, wire, form, endpoint = request.path.split("/")
                if endpoint != "works.export" or b"5000" not in request.body:
                    raise ValueError(f"not the request that all clients are to send: {request}")
                name = f"{form}.gz" if wire == "gzip" else f"{form}.json"
                if name not in bodies:
                    bodies[name] = memoryview((folder / name).read_bytes())
                _export(connection, wire, bodies[name])


def _serve_quietly(connection: socket.socket, folder: Path, bodies: dict[str, memoryview], single: bytes) -> None:
    try:
        _serve(connection, folder, bodies, single)
    except ConnectionError:
        pass  # a client that leaves early is part of the measurement
    except ValueError as error:
        print(error, file=sys.stderr)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args().folder
    work = (folder / "work.json").read_bytes()
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    print(listener.getsockname()[1], flush=True)
    bodies: dict[str, memoryview] = {}
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=_serve_quietly, args=(connection, folder, bodies, work), daemon=True).start()


if __name__ == "__main__":
    main()
