"""`doctor`: one line for each thing that it looks at, what to do for each that is wrong, and an exit code."""

from __future__ import annotations

import asyncio
import base64
import json
import socket
import ssl
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import trustme

from devrev_async import RateLimit
from devrev_async.cli.findings import certificate_finding, clock_finding, proxy_finding, quota_finding, token_finding
from devrev_async.cli.probe import probe
from devrev_async.sandbox import Quirks, Sandbox, run_in_thread

from .conftest import SMALL, Ended

Here = Callable[..., Ended]
NOW = datetime(2026, 5, 1, tzinfo=UTC)
SECRET = "the-secret-part-of-a-token"


def lines(ended: Ended) -> dict[str, tuple[str, str]]:
    """What was found, by its name: state and text, the advice included."""
    found: dict[str, tuple[str, str]] = {}
    name = ""
    for line in ended.stdout.decode().splitlines():
        if line.startswith(" "):
            state, text = found[name]
            found[name] = state, f"{text} {line.strip()}"
        else:
            name, state, text = line[:14].strip(), line[14:20].strip(), line[20:]
            found[name] = state, text
    return found


def jwt(**claims: Any) -> str:
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"head.{body}.{SECRET}"


def test_all_is_well_with_the_sandbox_on_one_screen(here: Here) -> None:
    ended = here("doctor", "--deep", *SMALL)
    assert (ended.code, ended.stderr) == (0, "")
    assert len(ended.stdout.splitlines()) <= 24
    found = lines(ended)
    assert {state for state, _ in found.values()} == {"ok"}
    assert list(found) == [
        "versions", "server", "reachable", "TLS", "clock", "access", "quota",
        "sort_by", "created_date", "modified_date", "works.count", "page size",
    ]  # fmt: skip
    assert "devrev-async " in found["versions"][1]
    assert found["server"][1].endswith("(sandbox)")
    assert found["works.count"][1].startswith("60 works; ")


def test_json(here: Here) -> None:
    found = here("doctor", "--json", *SMALL).works
    assert [each["what"] for each in found][:3] == ["versions", "server", "reachable"]
    assert set(found[0]) == {"what", "state", "text", "advice", "authorisation"}


def test_no_token_is_said_with_what_to_do_and_the_server_is_looked_at(
    here: Here, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DEVREV_TOKEN")
    ended = here("doctor")
    assert ended.code == 4
    found = lines(ended)
    assert found["token"][0] == "fail"
    assert "-> set DEVREV_TOKEN or " in found["token"][1]
    assert found["reachable"][0] == "ok"
    assert found["server"][1].endswith("(DEVREV_BASE_URL)")


def test_a_token_that_the_server_refuses(here: Here, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEVREV_TOKEN", SECRET)
    ended = here("doctor")
    assert ended.code == 4
    state, text = lines(ended)["access"]
    assert state == "fail"
    assert "401" in text
    assert "-> make a new token" in text
    assert SECRET not in ended.stdout.decode() + ended.stderr


def test_access_that_is_refused_or_fails(here: Here, sandbox: Sandbox) -> None:
    for status, code in ((403, 4), (404, 1), (500, 1)):
        sandbox.fail_next("works.list", status=status)
        ended = here("doctor", "--max-retries", "0")
        assert ended.code == code
        state, text = lines(ended)["access"]
        assert state == "fail"
        assert str(status) in text
        assert "-> " in text


def test_a_quota_that_is_used_up_is_a_warning(here: Here, sandbox: Sandbox) -> None:
    sandbox.fail_next("works.list", status=429, times=99, retry_after=9999)
    ended = here("doctor")
    assert lines(ended)["access"][0] == "warn"
    assert "wait for the quota; something else uses this token" in lines(ended)["access"][1]


@pytest.mark.parametrize("token", ["a-token", None])
def test_a_base_url_that_no_client_takes(
    here: Here, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, token: str | None
) -> None:
    monkeypatch.setenv("DEVREV_BASE_URL", "http://api.example.com")
    if token is None:
        monkeypatch.delenv("DEVREV_TOKEN", raising=False)
    ended = here("doctor")
    assert ended.code != 0
    assert lines(ended)["configuration"][0] == "fail"
    assert sandbox.request_count == 0


def test_without_works_there_is_nothing_to_try_filters_with(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    with run_in_thread(Sandbox(works=0)) as empty:
        monkeypatch.setenv("DEVREV_BASE_URL", empty.url)
        monkeypatch.setenv("DEVREV_TOKEN", empty.token)
        found = lines(here("doctor", "--deep"))
    assert found["filters"] == ("ok", "no works to try them with")


def test_a_port_where_nobody_listens(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEVREV_TOKEN", SECRET)
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        ended = here("doctor", "--base-url", f"http://127.0.0.1:{held.getsockname()[1]}")
    assert ended.code == 1
    state, text = lines(ended)["reachable"]
    assert state == "fail"
    assert "-> " in text
    assert "access" not in lines(ended)


@contextmanager
def answering(answer: bytes, context: ssl.SSLContext | None = None) -> Generator[int]:
    """A server that answers the first request of each connection so; over TLS, if there is a context."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                plain, _ = listener.accept()
            except OSError:
                return
            with suppress(OSError), plain if context is None else context.wrap_socket(plain, server_side=True) as peer:
                if peer.recv(65536):
                    peer.sendall(answer)
                    while peer.recv(65536):  # else what is unread would reset the connection
                        pass
            plain.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


@contextmanager
def tls_server(*, trusted: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Generator[int]:
    """A TLS server that answers everything with 401; its authority is trusted or not."""
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)  # pyright: ignore[reportUnknownMemberType] - its own gap
    if trusted:
        authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    answer = b"HTTP/1.1 401 Unauthorized\r\nDate: Fri, 01 May 2026 00:00:00 GMT\r\nContent-Length: 2\r\n\r\n{}"
    with answering(answer, context) as port:
        yield port


def test_tls(here: Here, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setenv("DEVREV_TOKEN", SECRET)
    with tls_server(trusted=False, monkeypatch=monkeypatch, tmp_path=tmp_path) as port:
        ended = here("doctor", "--base-url", f"https://localhost:{port}")
        assert ended.code == 1
        state, text = lines(ended)["TLS"]
        assert (state, "is refused" in text, "SSL_CERT_FILE" in text) == ("fail", True, True)
    with tls_server(trusted=True, monkeypatch=monkeypatch, tmp_path=tmp_path) as port:
        found = lines(here("doctor", "--base-url", f"https://localhost:{port}"))
        assert found["TLS"][0] == "ok"
        assert found["TLS"][1].startswith("TLSv1")
        assert found["clock"][0] == "warn"  # the server lives in May 2026
        assert found["access"][0] == "fail"


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nDate: yesterday\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000,
    ],
)
def test_a_server_whose_answer_has_no_date(answer: bytes) -> None:
    with answering(answer) as port:
        *_, clock = asyncio.run(probe(f"http://127.0.0.1:{port}"))
    assert (clock.what, clock.state, clock.text) == ("clock", "warn", "the server sends no Date that can be read")


def test_a_server_that_hangs_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def hang_up() -> None:
            peer, _ = listener.accept()
            with peer:
                peer.recv(65536)

        thread = threading.Thread(target=hang_up)
        thread.start()
        found = asyncio.run(probe(f"http://127.0.0.1:{listener.getsockname()[1]}"))
        thread.join()
    assert [(each.what, each.state) for each in found] == [("reachable", "ok"), ("TLS", "ok"), ("clock", "warn")]


def test_a_server_that_speaks_plain_http_where_tls_is_due() -> None:
    with answering(b"HTTP/1.1 400 Bad Request\r\n\r\n") as port:
        (found,) = asyncio.run(probe(f"https://127.0.0.1:{port}"))
    assert (found.what, found.state, found.advice) == ("TLS", "fail", "does a plain http server listen there?")
    assert found.text.startswith(f"no TLS with 127.0.0.1:{port}: ")


def test_a_server_that_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("devrev_async.cli.probe.TIMEOUT", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        (found,) = asyncio.run(probe(f"https://127.0.0.1:{port}"))
    assert (found.what, found.state) == ("reachable", "fail")
    assert found.text.startswith(f"127.0.0.1:{port} does not answer within ")
    assert "firewall" in found.advice


@pytest.mark.parametrize(
    ("quirks", "what", "words"),
    [
        ({"sort_by": "ignored"}, "sort_by", "ignored"),
        ({"sort_by": "refused"}, "sort_by", "refused"),
        ({"created_date_filter": "ignored"}, "created_date", "ignored"),
        ({"modified_date_filter": "ignored"}, "modified_date", "ignored"),
        ({"modified_date_filter": "refused"}, "modified_date", "refused"),
        ({"missing_endpoints": ("works.count",)}, "works.count", "there is none"),
        ({"count": "low"}, "works.count", "in which works.export shows"),
        ({"count_cap": 100}, "works.count", "only that there are more works"),
        ({"date_offset": timedelta(seconds=90)}, "clock", "behind the server"),
    ],
)
def test_what_a_server_does_otherwise(
    here: Here, monkeypatch: pytest.MonkeyPatch, quirks: dict[str, Any], what: str, words: str
) -> None:
    server = Sandbox(works=300, quirks=Quirks(**quirks))
    with run_in_thread(server):
        monkeypatch.setenv("DEVREV_BASE_URL", server.url)
        monkeypatch.setenv("DEVREV_TOKEN", server.token)
        ended = here("doctor", "--deep")
    assert ended.code == 0
    state, text = lines(ended)[what]
    assert state == "warn"
    assert words in text
    assert "-> " in text
    assert {name for name, (state, _) in lines(ended).items() if state != "ok"} == {what}


def test_a_quota_that_ends_during_the_trials_is_worth_a_word(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    server = Sandbox(works=60, quota=3)
    with run_in_thread(server):
        monkeypatch.setenv("DEVREV_BASE_URL", server.url)
        monkeypatch.setenv("DEVREV_TOKEN", server.token)
        ended = here("doctor", "--deep")
    assert ended.code == 0
    assert lines(ended)["trial"][0] == "warn"
    assert b"wait for the quota" in ended.stdout


@pytest.mark.parametrize(
    ("date", "words"),
    [
        ("Thu, 01 Jan 2099 00:00:00 GMT", "behind the server"),
        ("Thu Jan  1 00:00:00 2099", "behind the server"),  # the form of asctime, in which no zone is named
        ("Thu, 01 Jan 2099 00:00:00 -0000", "behind the server"),
        ("Thu, 01 Jan 2099 00:00:00", "behind the server"),
        ("soon", "sends no Date that can be read"),
        ("", "sends no Date that can be read"),
    ],
)
def test_dates_of_any_form(here: Here, monkeypatch: pytest.MonkeyPatch, date: str, words: str) -> None:
    body = b'{"works":[]}'
    head = f"HTTP/1.1 200 OK\r\nDate: {date}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    with answering(head.encode() + body) as port:
        monkeypatch.setenv("DEVREV_BASE_URL", f"http://127.0.0.1:{port}")
        monkeypatch.setenv("DEVREV_TOKEN", SECRET)
        ended = here("doctor")
    assert ended.code == 0
    state, text = lines(ended)["clock"]
    assert (state, words in text) == ("warn", True)


def test_exclusive_bounds_of_modified_date_are_worth_a_word(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    server = Sandbox(works=60, quirks=Quirks(excludes_after=True))
    with run_in_thread(server):
        monkeypatch.setenv("DEVREV_BASE_URL", server.url)
        monkeypatch.setenv("DEVREV_TOKEN", server.token)
        found = lines(here("doctor", "--deep"))
    assert found["modified_date"][0] == "ok"
    assert found["modified_date"][1].startswith("filtered; bounds are exclusive")


@pytest.mark.parametrize(
    ("environment", "state", "words"),
    [
        ({"DEVREV_TOKEN": "opaque"}, "ok", "from DEVREV_TOKEN; it does not say when it expires"),
        ({"DEVREV_API_KEY": "opaque"}, "ok", "from DEVREV_API_KEY"),
        ({"DEVREV_TOKEN": "a", "DEVREV_API_KEY": "b"}, "ok", "DEVREV_API_KEY not used"),
        ({"DEVREV_TOKEN": jwt(exp=NOW.timestamp() + 86400 * 30)}, "ok", "it expires on 2026-05-31 00:00 UTC"),
        ({"DEVREV_TOKEN": jwt(exp=NOW.timestamp() + 3600)}, "warn", "it expires on 2026-05-01 01:00 UTC"),
        ({"DEVREV_TOKEN": jwt(exp=NOW.timestamp() - 1)}, "fail", "it expired on 2026-04-30 23:59 UTC"),
        ({"DEVREV_TOKEN": jwt(exp="x")}, "ok", "does not say"),
        ({"DEVREV_TOKEN": jwt(exp=1e300)}, "ok", "does not say"),
        ({"DEVREV_TOKEN": f"Bearer {SECRET}"}, "fail", "'Bearer'"),
        ({"DEVREV_TOKEN": f"{SECRET}é"}, "fail", "another character that no token has"),
        ({"DEVREV_TOKEN": f"'{SECRET}'"}, "fail", "in quotes"),
        ({"DEVREV_TOKEN": f"'{SECRET}"}, "warn", "begins with a quote"),
        ({"DEVREV_TOKEN": f"{SECRET}\n"}, "fail", "white space"),
        ({"DEVREV_TOKEN": ""}, "fail", "none of the variables is set"),
    ],
)
def test_what_is_said_of_each_token_without_showing_it(environment: dict[str, str], state: str, words: str) -> None:
    finding = token_finding(environment, NOW)
    assert (finding.state, finding.authorisation) == (state, state == "fail")
    assert words in finding.text
    assert bool(finding.advice) == (state != "ok")
    assert SECRET not in repr(finding)


@pytest.mark.parametrize(
    ("limit", "state", "text"),
    [
        (None, "ok", "the server reports none"),
        (RateLimit(1000, 998, NOW + timedelta(seconds=42)), "ok", "998 of 1000 requests left, new in 42 s"),
        (RateLimit(None, 3, None), "ok", "3 requests left"),
        (RateLimit(1000, 4, NOW - timedelta(seconds=1)), "warn", "4 of 1000 requests left, new in 0 s"),
    ],
)
def test_what_is_said_of_each_state_of_the_quota(limit: RateLimit | None, state: str, text: str) -> None:
    finding = quota_finding(limit, NOW)
    assert (finding.state, finding.text) == (state, text)


def test_certificates_clocks_and_proxies() -> None:
    issuer = ((("countryName", "US"),), (("organizationName", "An Authority"),))
    soon = {"notAfter": "May  3 00:00:00 2026 GMT", "issuer": issuer}
    late = {"notAfter": "Dec 13 00:00:00 2026 GMT", "issuer": ()}
    assert certificate_finding("TLSv1.3", soon, NOW).state == "warn"
    assert certificate_finding("TLSv1.3", soon, NOW).text == (
        "TLSv1.3, certificate of An Authority, valid until 2026-05-03"
    )
    assert certificate_finding("TLSv1.3", late, NOW).state == "ok"
    assert clock_finding(None).state == "warn"
    assert clock_finding(1.9).state == "ok"
    assert clock_finding(90.0).text == "this machine is 90 s behind the server"
    assert clock_finding(-90.0).text == "this machine is 90 s ahead of the server"
    assert "secret" not in proxy_finding("http://user:secret@proxy.example:8080").text
    assert "proxy.example:8080" in proxy_finding("http://user:secret@proxy.example:8080").text


@pytest.mark.parametrize("way", ["HTTPS_PROXY", "ALL_PROXY", "option"])
def test_a_proxy_is_named_without_its_password(here: Here, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    monkeypatch.setenv("DEVREV_TOKEN", SECRET)
    proxy = "http://user:secret@127.0.0.1:9"
    options = ["--base-url", "https://localhost:9", "--max-retries", "0"]
    if way != "option":
        monkeypatch.setenv(way, proxy)
        monkeypatch.setenv("NO_PROXY", "")
    else:
        options += ["--proxy", proxy]
    ended = here("doctor", *options)
    assert ended.code == 1
    assert lines(ended)["proxy"][1].startswith("through 127.0.0.1:9")
    assert "secret@" not in ended.stdout.decode()
    if way != "option":
        monkeypatch.setenv("NO_PROXY", "localhost")
        assert "proxy" not in lines(here("doctor", *options))


def test_the_example_of_the_help_runs(here: Here, sandbox: Sandbox) -> None:
    assert "Example: devrev-async doctor" in here("doctor", "--help").stdout.decode()
    assert here("doctor").code == 0
