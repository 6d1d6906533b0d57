"""The fixture, in tests of every kind."""

import asyncio
import gc
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import aiohttp
import pytest

import devrev_async
from devrev_async.sandbox import Sandbox, run_in_thread

pytest_plugins = ["pytester"]


async def title(sandbox: Sandbox, ref: str) -> Any:
    headers = {"Authorization": sandbox.token}
    async with aiohttp.request("GET", f"{sandbox.url}/works.get?id={ref}", headers=headers) as response:
        return (await response.json()).get("work", {}).get("title")


def test_a_sandbox_in_a_thread_serves_several_loops() -> None:
    with run_in_thread(Sandbox(works=3)) as sandbox:
        assert asyncio.run(title(sandbox, "ISS-1")) == asyncio.run(title(sandbox, "ISS-1")) is not None
        ref = sandbox.add({"title": "added from the test's thread"})
        assert asyncio.run(title(sandbox, ref)) == "added from the test's thread"
        sandbox.fail_next("works.get")
        assert asyncio.run(title(sandbox, ref)) is None
        assert len(sandbox.requests) == 4
    assert "devrev-sandbox" not in {thread.name for thread in threading.enumerate()}


def hang_up_before_a_delayed_answer() -> None:
    arrived = threading.Event()
    with run_in_thread(Sandbox(works=0)) as sandbox:
        sandbox.on_request(lambda _: arrived.set())
        sandbox.fail_next("works.count", status=None, delay=600)
        client = socket.create_connection(("127.0.0.1", int(sandbox.url.rpartition(":")[2])))
        client.sendall(f"GET /works.count HTTP/1.1\r\nHost: x\r\nAuthorization: {sandbox.token}\r\n\r\n".encode())
        assert arrived.wait(10)
        client.close()
        while sandbox.open_connections:
            time.sleep(0.001)


def test_an_answer_that_nobody_waits_for_leaves_no_task(caplog: pytest.LogCaptureFixture) -> None:
    hang_up_before_a_delayed_answer()
    gc.collect()
    assert caplog.records == []  # asyncio complains of a task that is destroyed before its end


def test_a_sandbox_that_cannot_start_leaves_no_thread() -> None:
    with run_in_thread(Sandbox(works=0)) as first:
        port = int(first.url.rpartition(":")[2])
        with pytest.raises(OSError), run_in_thread(Sandbox(works=0, port=port)):
            pass
        assert [thread.name for thread in threading.enumerate()].count("devrev-sandbox") == 1


def test_adding_while_serving_is_safe() -> None:
    async def export(sandbox: Sandbox) -> list[int]:
        async with aiohttp.ClientSession(headers={"Authorization": sandbox.token}) as session:
            counts: list[int] = []
            for _ in range(15):
                async with session.post(f"{sandbox.url}/works.export", json={"first": 5000}) as response:
                    counts.append(len((await response.json())["works"]))
            return counts

    with run_in_thread(Sandbox(works=0)) as sandbox:
        adder = threading.Thread(target=lambda: [sandbox.add({"title": str(n)}) for n in range(1000)])
        adder.start()
        counts = asyncio.run(export(sandbox))
        adder.join()
        assert counts == sorted(counts)
        assert len(sandbox) == 1000


def test_the_fixture(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import asyncio, aiohttp, pytest

        async def count(sandbox):
            async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {sandbox.token}"}) as session:
                async with session.post(sandbox.url + "/works.count", json={}) as response:
                    return (await response.json())["count"]

        def test_plain(devrev_sandbox):
            assert asyncio.run(count(devrev_sandbox)) == 100

        @pytest.mark.anyio
        @pytest.mark.parametrize("anyio_backend", ["asyncio"])
        async def test_anyio(devrev_sandbox, anyio_backend):
            assert await count(devrev_sandbox) == 100

        @pytest.mark.devrev_sandbox(works=7, token="mine")
        def test_marked(devrev_sandbox):
            assert devrev_sandbox.token == "mine"
            assert asyncio.run(count(devrev_sandbox)) == 7

        @pytest.mark.devrev_sandbox(8)
        def test_marked_without_a_name(devrev_sandbox):
            assert len(devrev_sandbox) == 8
        """
    )
    result = pytester.runpytest_inprocess("--strict-markers", "-W", "error")
    result.assert_outcomes(passed=4)


def test_the_fixture_with_parameters(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.devrev_sandbox(5, token="mine")
        @pytest.mark.parametrize(
            ("devrev_sandbox", "length", "token"),
            [({"works": 3}, 3, "mine"), ({"token": "other"}, 5, "other"), (4, 4, "mine")],
            indirect=["devrev_sandbox"],
        )
        def test_parameters(devrev_sandbox, length, token):
            assert (len(devrev_sandbox), devrev_sandbox.token) == (length, token)

        @pytest.mark.parametrize("devrev_sandbox", ["five"], indirect=True)
        def test_mistaken(devrev_sandbox): ...
        """
    )
    result = pytester.runpytest_inprocess("--strict-markers", "-W", "error")
    result.assert_outcomes(passed=3, errors=1)
    result.stdout.fnmatch_lines(["*TypeError: a parameter of devrev_sandbox must be a mapping*'five'"])


def test_the_factory(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import threading
        import pytest

        started = []

        def test_several(devrev_sandbox_factory, devrev_sandbox):
            started.extend([devrev_sandbox_factory(works=2), devrev_sandbox_factory(3), devrev_sandbox_factory(seed=1)])
            assert [len(sandbox) for sandbox in started] == [2, 3, 100]
            assert len({sandbox.url for sandbox in [*started, devrev_sandbox]}) == 4

        def test_all_are_closed():
            for sandbox in started:
                with pytest.raises(RuntimeError):
                    sandbox.url
            assert "devrev-sandbox" not in {thread.name for thread in threading.enumerate()}
        """
    )
    result = pytester.runpytest_inprocess("--strict-markers", "-W", "error")
    result.assert_outcomes(passed=2)


def test_pytest_does_not_pay_for_the_fixture() -> None:
    """The plugin loads itself and the empty package around it, and of the standard library only what pytest has."""
    code = """
import sys, types, pytest
sys.modules["devrev_async"] = package = types.ModuleType("devrev_async")  # what that loads is its own test's business
package.__path__ = [sys.argv[1]]
before = set(sys.modules)
import devrev_async.sandbox.pytest_plugin
print(*sorted(set(sys.modules) - before))
"""
    folder = str(Path(devrev_async.__file__).parent)
    loaded = subprocess.run([sys.executable, "-c", code, folder], capture_output=True, text=True, check=True).stdout
    assert loaded.split() == ["devrev_async.sandbox", "devrev_async.sandbox.pytest_plugin"]
