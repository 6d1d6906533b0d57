"""The clients that are compared, each doing the same: POST works.export with ``{"first": 5000}`` and keep all works.

A client is an async context manager over a base URL. It imports, opens and warms up what it needs (one `works.get`, so
that there is a connection), and gives the function that is measured. That one calls `first()` as soon as it holds a
work, and returns the works. All are set up as their documentation says; where one needs a push to reach a loopback
server, it is said here.
"""

# ruff: noqa: PLC0415 - a process imports only what it measures

from __future__ import annotations

import asyncio
import socket
import zlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

__all__ = ["EXPORTS", "GETTERS", "Fetch"]

TOKEN = "benchmark-token"
HEADERS = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
BODY = b'{"first":5000}'

First = Callable[[], None]
Fetch = Callable[[First], Awaitable[list[Any]]]
Opened = AsyncGenerator[Fetch, None]


@asynccontextmanager
async def ours(url: str) -> Opened:
    import devrev_async

    async with devrev_async.DevRevClient(TOKEN, base_url=url) as devrev:
        await devrev.works.get("ISS-1")

        async def fetch(first: First) -> list[Any]:
            works = await devrev.works.export(first=5000)
            first()
            return list(works)

        yield fetch


@asynccontextmanager
async def ours_streamed(url: str) -> Opened:
    import devrev_async

    async with devrev_async.DevRevClient(TOKEN, base_url=url) as devrev:
        await devrev.works.get("ISS-1")

        async def fetch(first: First) -> list[Any]:
            works: list[Any] = []
            async with devrev.works.export_stream(first=5000) as stream:
                async for work in stream:
                    if not works:
                        first()
                    works.append(work)
            return works

        yield fetch


@asynccontextmanager
async def ours_dropping(url: str) -> Opened:
    import devrev_async

    async with devrev_async.DevRevClient(TOKEN, base_url=url) as devrev:
        await devrev.works.get("ISS-1")

        async def fetch(first: First) -> list[Any]:
            ids: list[Any] = []
            async with devrev.works.export_stream(first=5000) as stream:
                async for work in stream:
                    if not ids:
                        first()
                    ids.append(work.id)
            return ids

        yield fetch


@asynccontextmanager
async def python_sdk(url: str) -> Opened:
    import devrev
    import httpx

    async with devrev.AsyncDevRevClient(api_token=TOKEN, base_url="https://127.0.0.1") as client:
        client._http._client.base_url = httpx.URL(url)  # noqa: SLF001 - it takes https only; spare it the cost of TLS
        await client.works.get("ISS-1")

        async def fetch(first: First) -> list[Any]:
            works = await client.works.export(first=5000)
            first()
            return list(works)

        yield fetch


@asynccontextmanager
async def httpx_orjson(url: str) -> Opened:
    import httpx
    import orjson

    async with httpx.AsyncClient(headers=HEADERS, timeout=60) as client:
        await client.get(f"{url}/works.get", params={"id": "ISS-1"})

        async def fetch(first: First) -> list[Any]:
            response = await client.post(f"{url}/works.export", content=BODY)
            response.raise_for_status()
            works: list[Any] = orjson.loads(response.content)["works"]
            first()
            return works

        yield fetch


def _aiohttp(
    prepare: Callable[[], Callable[[bytes], list[Any]]],
) -> Callable[[str], AbstractAsyncContextManager[Fetch]]:
    @asynccontextmanager
    async def opened(url: str) -> Opened:
        import aiohttp

        decode = prepare()
        async with aiohttp.ClientSession(headers=HEADERS, raise_for_status=True) as session:
            async with session.get(f"{url}/works.get", params={"id": "ISS-1"}) as response:
                await response.read()

            async def fetch(first: First) -> list[Any]:
                async with session.post(f"{url}/works.export", data=BODY) as response:
                    works = decode(await response.read())
                    first()
                    return works

            yield fetch

    return opened


def _orjson() -> Callable[[bytes], list[Any]]:
    import orjson

    def decode(body: bytes) -> list[Any]:
        works: list[Any] = orjson.loads(body)["works"]
        return works

    return decode


def _structs(*, gc: bool) -> Callable[[Any], list[Any]]:
    from benchmarks.structs import page_decoder

    return page_decoder(gc=gc)


@asynccontextmanager
async def floor(url: str) -> Opened:
    """No HTTP client at all: a blocking socket, a buffer whose pages are there beforehand, one decode."""
    decode = _structs(gc=False)
    buffer = bytearray(b"\xff") * (88 << 20)
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname or "", parts.port or 0)) as connection:

        async def fetch(first: First) -> list[Any]:
            view = memoryview(buffer)
            head = f"POST {parts.path}/works.export HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n"
            connection.sendall(f"{head}Content-Length: {len(BODY)}\r\n\r\n".encode() + BODY)
            have = connection.recv_into(view)
            while (end := buffer.find(b"\r\n\r\n", 0, have)) < 0:
                have += connection.recv_into(view[have:])
            fields = bytes(buffer[:end]).lower()
            if b"chunked" in fields:
                while buffer[have - 7 : have] != b"\r\n0\r\n\r\n":
                    have += connection.recv_into(view[have:])
                body = view[end + 4 : _moved_together(buffer, end + 4)]
            else:
                length = int(fields.split(b"content-length:")[1].split(b"\r\n")[0])
                while have < end + 4 + length:
                    have += connection.recv_into(view[have:])
                body = view[end + 4 : have]
            works = decode(zlib.decompress(body, wbits=31) if b"gzip" in fields else body)
            first()
            return works

        yield fetch


def _moved_together(buffer: bytearray, start: int) -> int:
    """Move a chunked body together where it stands; the answer is its end."""
    view, at, end = memoryview(buffer), start, start
    while True:
        line = buffer.index(b"\r\n", at)
        size = int(buffer[at:line], 16)
        if size == 0:
            return end
        view[end : end + size] = view[line + 2 : line + 2 + size]
        end += size
        at = line + 2 + size + 2


EXPORTS: dict[str, Callable[[str], AbstractAsyncContextManager[Fetch]]] = {
    "devrev-async export": ours,
    "devrev-async export_stream": ours_streamed,
    "devrev-async stream, dropped": ours_dropping,
    "floor": floor,
    "aiohttp + msgspec, gc=False": _aiohttp(lambda: _structs(gc=False)),
    "aiohttp + msgspec": _aiohttp(lambda: _structs(gc=True)),
    "aiohttp + orjson": _aiohttp(_orjson),
    "httpx + orjson": httpx_orjson,
    "devrev-python-sdk": python_sdk,
}


async def _side_by_side(get: Callable[[], Awaitable[object]], count: int, concurrency: int) -> None:
    async def worker() -> None:
        for _ in range(count // concurrency):
            await get()

    await asyncio.gather(*(worker() for _ in range(concurrency)))


async def get_ours(url: str, count: int, concurrency: int) -> None:
    import devrev_async

    async with devrev_async.DevRevClient(TOKEN, base_url=url) as devrev:
        await _side_by_side(lambda: devrev.works.get("ISS-1"), count, concurrency)


async def get_many_ours(url: str, count: int, concurrency: int) -> None:
    import devrev_async

    async with devrev_async.DevRevClient(TOKEN, base_url=url, max_concurrency=concurrency) as devrev:
        result = await devrev.works.get_many([f"ISS-{number}" for number in range(count)])  # equal ids are asked once
        result.raise_for_failures()


@asynccontextmanager
async def _bare(url: str) -> AsyncGenerator[Callable[[str], Awaitable[object]], None]:
    import aiohttp

    from benchmarks.structs import single_decoder

    decode = single_decoder(gc=False)
    async with aiohttp.ClientSession(headers=HEADERS) as session:

        async def get(id: str) -> object:
            async with session.get(f"{url}/works.get", params={"id": id}) as response:
                if response.status != 200:
                    raise ValueError(response.status)
                return decode(await response.read())

        yield get


async def get_bare(url: str, count: int, concurrency: int) -> None:
    async with _bare(url) as get:
        await _side_by_side(lambda: get("ISS-1"), count, concurrency)


async def get_many_bare(url: str, count: int, concurrency: int) -> None:
    """As many ids as `get_many` is given, whose works are kept as it keeps them."""
    ids = iter([f"ISS-{number}" for number in range(count)])
    works: dict[str, object] = {}
    async with _bare(url) as get:

        async def get_next() -> None:
            id = next(ids)
            works[id] = await get(id)

        await _side_by_side(get_next, count, concurrency)


async def get_python_sdk(url: str, count: int, concurrency: int) -> None:
    import devrev
    import httpx

    async with devrev.AsyncDevRevClient(api_token=TOKEN, base_url="https://127.0.0.1") as client:
        client._http._client.base_url = httpx.URL(url)  # noqa: SLF001 - see above
        await _side_by_side(lambda: client.works.get("ISS-1"), count, concurrency)


async def get_httpx(url: str, count: int, concurrency: int) -> None:
    import httpx
    import orjson

    async with httpx.AsyncClient(headers=HEADERS) as client:

        async def get() -> object:
            response = await client.get(f"{url}/works.get", params={"id": "ISS-1"})
            return orjson.loads(response.content)["work"]

        await _side_by_side(get, count, concurrency)


GETTERS: dict[str, Callable[[str, int, int], Awaitable[None]]] = {
    "devrev-async": get_ours,
    "devrev-async, get_many": get_many_ours,
    "aiohttp + msgspec": get_bare,
    "aiohttp + msgspec, works kept": get_many_bare,
    "httpx + orjson": get_httpx,
    "devrev-python-sdk": get_python_sdk,
}
