"""The way to the server: it cuts, drips, stalls and resets what comes back."""

from __future__ import annotations

import asyncio
import random
from typing import Self

FATES = ("cut", "reset", "stall", "drip")


class Network:
    """Forwards connections to a port on loopback; one in eight does not live long."""

    def __init__(self, port: int, chance: random.Random) -> None:
        self._target = port
        self._chance = chance
        self._tasks: set[asyncio.Task[None]] = set()
        self.healthy = False

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *error: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def open_connections(self) -> int:
        return len(self._tasks)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        there, to_there = await asyncio.open_connection("127.0.0.1", self._target)
        fate = None if self.healthy or self._chance.random() < 7 / 8 else self._chance.choice(FATES)
        after = self._chance.randrange(100_000)
        forward = asyncio.create_task(_forward(reader, to_there))
        back = asyncio.create_task(_spoil(there, writer, fate, after))
        try:
            await asyncio.wait([forward, back], return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            pass
        finally:
            to_there.transport.abort()
            writer.transport.abort()
            for end in (forward, back):
                end.cancel()
            self._tasks.discard(task)


async def _forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass


async def _spoil(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, fate: str | None, after: int) -> None:
    passed = 0
    try:
        while data := await reader.read(65536):
            if fate is not None and passed + len(data) > after:
                rest = after - passed
                writer.write(data[:rest])
                await _end(reader, writer, fate, data[rest:])
                return
            passed += len(data)
            writer.write(data)
            await writer.drain()
    except OSError:
        pass


async def _end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, fate: str, rest: bytes) -> None:
    match fate:
        case "cut":
            writer.close()
        case "reset":
            writer.transport.abort()
        case "stall":
            await asyncio.Event().wait()
        case _:
            while rest:
                for byte in rest:
                    writer.write(bytes([byte]))
                    await writer.drain()
                    await asyncio.sleep(0.01)
                rest = await reader.read(65536)
