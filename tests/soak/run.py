"""Runs users for a while, heals what was broken, and looks at what is left."""

from __future__ import annotations

import asyncio
import errno
import random
import tempfile
import threading
import time
import traceback
from collections import Counter
from collections.abc import Awaitable
from contextlib import AsyncExitStack
from pathlib import Path

from devrev_async import DevRevClient, Timeout
from devrev_async.errors import DevRevError
from tests.soak import leftovers
from tests.soak.environment import Server, serving, serving_tls, small_disk
from tests.soak.network import Network
from tests.soak.users import USERS, World, export_of
from tests.transport.conftest import free_slots, in_flight
from tests.transport.proxy import Proxy

LONGEST_TURN = 120.0
"""Seconds; a user who takes longer hangs."""

CONNECTIONS = 20

REFUSED = b"HTTP/1.1 %d No\r\nContent-Length: 0\r\n\r\n"

FULL = {errno.ENOSPC, errno.EFBIG, errno.EDQUOT, errno.EAGAIN}
"""What a disk says that is too small, and a target that another user writes."""


async def soak(seconds: float, seed: int, users: int) -> int:
    """Returns the exit code: 0 where nothing is left."""
    with leftovers.complaints() as complaints:
        findings = await _soak(seconds, seed, users)
    findings += [f"a complaint: {text}" for text in complaints]
    for text in findings:
        print("left:", text)
    print("left: nothing" if not findings else f"{len(findings)} findings")
    return 1 if findings else 0


async def _soak(seconds: float, seed: int, users: int) -> list[str]:
    findings: list[str] = []
    chance = random.Random(seed)
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        disk, grow = stack.enter_context(small_disk(folder / "disk"))
        server = await stack.enter_async_context(serving(seed))
        network = await stack.enter_async_context(Network(server.port, chance))
        secure, context = await stack.enter_async_context(serving_tls())
        proxies = [await stack.enter_async_context(proxy) for proxy in _proxies()]
        (folder / "files").mkdir()
        folders = [folder / "files", folder / "disk"]
        world = World(network.url, server.token, chance, folders, (secure.url, context), proxies)
        async with DevRevClient(server.token, base_url=f"http://127.0.0.1:{server.port}", max_retries=50) as direct:
            world.ids = [str(work.display_id) async for work in direct.works.list()]
            await direct.works.export_to(folders[0] / "first.parquet")  # opens what stays open

        print(f"{seconds:g} s, seed {seed}, {users} users at a time; the small disk: {disk}; {_size()}", flush=True)
        tasks, files = leftovers.tasks(), leftovers.open_files()
        async with world.client(
            timeout=Timeout(total=3, connect=0.5, read=1), max_connections=CONNECTIONS
        ) as world.shared:
            await _run_users(world, server, seconds, users, findings)
            network.healthy = True
            server.heal()
            grow()
            await _finish(world, findings)
            manager = world.shared._transport.manager
            if free_slots(world.shared) != CONNECTIONS or in_flight(world.shared) or manager.registry.calls:
                findings.append("a slot or a call of the shared client")
        await _until_quiet(tasks)
        findings += [f"a task: {task!r}" for task in leftovers.tasks() - tasks]
        more = Counter(leftovers.open_files()) - Counter(files)
        findings += [f"{count} open files: {name}" for name, count in more.items()]
        if connections := network.open_connections + secure.open_connections:
            findings.append(f"{connections} connections")
        findings += [f"a part file: {name}" for name in leftovers.hidden_files(folder)]
        print(f"at the end {threading.active_count()} threads, {_size()}")
    return findings


def _proxies() -> list[Proxy]:
    silent = [Proxy(b"", then_close=False), Proxy(b"HTTP/1.1 2", then_close=False)]
    return [Proxy(), Proxy(), *silent, Proxy(REFUSED % 407), Proxy(REFUSED % 502), Proxy(b"")]


def _size() -> str:
    return f"{leftovers.resident_megabytes():.0f} MB"


async def _run_users(world: World, server: Server, seconds: float, users: int, findings: list[str]) -> None:
    outcomes: dict[str, Counter[str]] = {user.__name__: Counter() for user in USERS}
    end = time.monotonic() + seconds

    async def take_turns() -> None:
        while time.monotonic() < end:
            user = world.chance.choice(USERS)
            outcomes[user.__name__][await _turn(user.__name__, user(world), findings)] += 1

    async def report() -> None:
        while True:
            await asyncio.sleep(60)
            turns = sum(counter.total() for counter in outcomes.values())
            left = end - time.monotonic()
            print(
                f"{left:.0f} s to go: {turns} turns, {len(leftovers.open_files())} open files, {_size()}",
                flush=True,
            )

    aside = [asyncio.create_task(each) for each in (_stop_now_and_then(server, world.chance), report())]
    await asyncio.gather(*(take_turns() for _ in range(users)))
    for task in aside:
        task.cancel()
    await asyncio.gather(*aside, return_exceptions=True)
    for name, counter in outcomes.items():
        print(f"{name:<38}", ", ".join(f"{count} {outcome}" for outcome, count in counter.most_common()))


async def _turn(name: str, turn: Awaitable[None], findings: list[str]) -> str:
    try:
        async with asyncio.timeout(LONGEST_TURN):
            await turn
    except DevRevError as error:
        return type(error).__name__
    except OSError as error:
        if error.errno in FULL:
            return errno.errorcode[error.errno or 0]
        findings.append(f"{name}: {error!r}")
    except Exception:
        findings.append(f"{name}: {traceback.format_exc()}")
    return "done"


async def _stop_now_and_then(server: Server, chance: random.Random) -> None:
    while True:
        await asyncio.sleep(chance.uniform(0.5, 4))
        server.stop()
        try:
            await asyncio.sleep(chance.uniform(0.1, 1.2))
        finally:
            server.go_on()
        if chance.random() < 0.2:
            time.sleep(0.4)  # this process may be stopped, too


async def _finish(world: World, findings: list[str]) -> None:
    """Goes on with every export and every run that was cut off, now that all is well."""
    patient = world.shared.with_options(timeout=Timeout(connect=10, read=30), max_retries=20)
    for path in sorted(world.written):
        work = patient.works.sync(path / "state.json", path) if path.name == "runs" else export_of(patient, path)
        try:
            await work
        except (DevRevError, OSError) as error:
            findings.append(f"{path}: {error!r}")


async def _until_quiet(tasks: set[asyncio.Task[object]]) -> None:
    """Waits until the servers have seen that their clients are gone."""
    for _ in range(200):
        if not leftovers.tasks() - tasks:
            return
        await asyncio.sleep(0.05)
