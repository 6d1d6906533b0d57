"""A short soak, as a maintainer runs the long one, and what it relies on."""

import asyncio
import os
import random
import subprocess
import sys
from typing import Any

import pytest

from tests.soak.environment import PROJECT
from tests.soak.network import FATES, Network

SENT = bytes(range(100))
AFTER = 40


class Fate(random.Random):
    """Chooses the same for each connection."""

    def __init__(self, fate: str) -> None:
        super().__init__()
        self._fate = fate

    def random(self) -> float:
        return 1.0

    def choice(self, seq: Any) -> Any:
        assert self._fate in seq
        return self._fate

    def randrange(self, start: Any, stop: Any = None, step: Any = 1) -> int:
        return AFTER


@pytest.mark.anyio
@pytest.mark.parametrize("fate", FATES)
async def test_the_network_loses_the_end_of_an_answer_and_nothing_in_the_middle(fate: str) -> None:
    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(SENT)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with Network(server.sockets[0].getsockname()[1], Fate(fate)) as network:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(network.url.rpartition(":")[2]))
        whole = fate == "drip"
        try:
            assert await reader.readexactly(len(SENT) if whole else AFTER) == SENT[: None if whole else AFTER]
        except ConnectionResetError:
            assert fate == "reset"
        writer.close()
    server.close()


@pytest.mark.slow
@pytest.mark.skipif(
    "SOAK" not in os.environ, reason="what it meets depends on the timing of the machine: SOAK=1 runs it"
)
@pytest.mark.skipif(sys.platform == "win32", reason="processes are stopped and disks are small as on POSIX")
def test_five_seconds_of_all_that_goes_wrong_leave_nothing() -> None:
    command = [sys.executable, "-m", "tests.soak", "--seconds", "5", "--users", "8"]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False, timeout=110)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "left: nothing"), done.stdout + done.stderr
