"""The proxy of the environment, and of the command line."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from devrev_async.cli.export import pasteable

from .conftest import SMALL, Ended

Here = Callable[..., Ended]
Remote = Callable[..., Ended]


class Proxy:
    """Refuses every connection with a 403, and keeps the request lines that it was sent."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.asked: list[str] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                self.asked.append(connection.recv(65536).decode("latin-1").partition("\r\n")[0])
                connection.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(10)


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    made = Proxy()
    yield made
    made.close()


@pytest.fixture
def remote(here: Here, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ended]:
    """The command, with a server that nobody can reach but a proxy."""
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("DEVREV_TOKEN", "a-token-of-the-tests")
    monkeypatch.setenv("DEVREV_BASE_URL", "https://api.devrev.invalid")

    def run(*args: str, **env: str) -> Ended:
        for name, value in env.items():
            monkeypatch.setenv(name, value)
        return here(*args)

    return run


def test_the_proxy_of_the_environment_is_used(remote: Remote, proxy: Proxy) -> None:
    ended = remote("works", "count", "--max-retries", "0", HTTPS_PROXY=proxy.url)
    assert proxy.asked == ["CONNECT api.devrev.invalid:443 HTTP/1.1"]
    assert ended.code == 1
    assert proxy.url.removeprefix("http://") in ended.error
    assert "403" in ended.error


def test_the_environment_may_name_servers_to_reach_directly(remote: Remote, proxy: Proxy) -> None:
    ended = remote("works", "count", "--max-retries", "0", HTTPS_PROXY=proxy.url, NO_PROXY="devrev.invalid")
    assert ended.code == 1
    assert proxy.asked == []


def test_the_option_wins(remote: Remote, proxy: Proxy) -> None:
    remote("works", "count", "--max-retries", "0", "--proxy", proxy.url, HTTPS_PROXY="http://127.0.0.1:9", NO_PROXY="*")
    assert proxy.asked == ["CONNECT api.devrev.invalid:443 HTTP/1.1"]


def test_this_machine_is_reached_without_it(here: Here, proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy.url)
    ended = here("works", "count", *SMALL)
    assert (ended.code, ended.stdout, proxy.asked) == (0, b"60\n", [])


@pytest.mark.parametrize("option", [["--proxy", "127.0.0.1:8080"], ["--proxy", "http://127.0.0.1:8080", *SMALL]])
def test_a_mistaken_proxy(remote: Remote, option: list[str]) -> None:
    ended = remote("works", "count", *option)
    assert ended.code == 2
    assert "proxy" in ended.error


def test_the_line_to_go_on_with_holds_no_password() -> None:
    line = pasteable(["works", "export", "--proxy", "http://user:secret@proxy:8080", "-o", "a b.csv"])
    assert line == "devrev-async works export --proxy 'http://user:***@proxy:8080' -o 'a b.csv'"
    assert pasteable(["-o", "a\nb'c"]) == "devrev-async -o $'a\\nb\\'c'"
