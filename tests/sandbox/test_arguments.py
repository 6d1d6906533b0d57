"""What a sandbox, its faults and its controls refuse, at once and by name."""

from collections.abc import Callable
from typing import Any

import pytest

from devrev_async.sandbox import Sandbox

NAN, ENDLESS = float("nan"), float("inf")


def refused(arguments: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    ((name, _),) = arguments.items()
    return name, arguments


def all_of(arguments: dict[str, Any], **usual: Any) -> dict[str, Any]:
    return {**usual, **arguments}


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        *(refused({"works": works}) for works in (1.5, True, None, {"title": "one work"}, object())),
        *(refused({"seed": seed}) for seed in ("7", None, True, 1.5)),
        *(refused({"token": token}) for token in (5, b"bytes")),
        *(refused({"port": port}) for port in ("80", True, None)),
        *(refused({"quota": quota}) for quota in ("10", 1.5, True)),
        *(refused({"window": window}) for window in ("60", None)),
        *(refused({"latency": latency}) for latency in ("1", None, True)),
        *(refused({"gzip": gzip}) for gzip in ("yes", 1)),
        *(refused({"organisation": organisation}) for organisation in (5, None)),
        *(refused({"quirks": quirks}) for quirks in (5, None, {"cap": 5})),
    ],
)
def test_arguments_of_a_wrong_type(name: str, arguments: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match=f"^{name} takes"):
        Sandbox(**all_of(arguments, works=0))


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        refused({"works": -1}),
        *(refused({"token": token}) for token in ("", "a b", "a\n", "t\u00f6ken", "a\x00")),
        *(refused({"port": port}) for port in (-1, 65_536)),
        *(refused({"quota": quota}) for quota in (0, -5)),
        *(refused({"window": window}) for window in (0, -1.0, NAN, ENDLESS)),
        *(refused({"latency": latency}) for latency in (-1.0, NAN, ENDLESS)),
        *(refused({"organisation": organisation}) for organisation in ("", "devo/1", "a b")),
    ],
)
def test_arguments_out_of_their_bounds(name: str, arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"^{name} "):
        Sandbox(**all_of(arguments, works=0))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.0.1", "example.com", "", 2130706433])
def test_only_loopback_is_served(host: Any) -> None:
    with pytest.raises(ValueError, match="loopback"):
        Sandbox(works=0, host=host)


@pytest.mark.parametrize("works", [[5], ["ISS-1"], [{"id": "ISS-1"}, None]])
def test_works_that_are_none(works: Any) -> None:
    with pytest.raises(TypeError, match="works and changes of works are mappings"):
        Sandbox(works=works)


@pytest.mark.parametrize(
    ("fault", "error", "says"),
    [
        ({"status": 99}, ValueError, "status takes 200 to 599, not 99"),
        ({"status": 600}, ValueError, "status takes 200 to 599"),
        ({"status": "503"}, TypeError, "status takes an int"),
        ({"status": True}, TypeError, "status takes an int"),
        ({"times": 0}, ValueError, "times must be at least 1"),
        ({"times": 1.5}, TypeError, "times takes an int"),
        ({"headers": 5}, TypeError, "headers takes a mapping"),
        ({"headers": {"X-One": 5}}, TypeError, "headers takes a str for a str"),
        ({"headers": {"X One": "5"}}, ValueError, "no header can have this name"),
        ({"headers": {"X-One": "a\r\nX-Two: b"}}, ValueError, "no header can have this name and value"),
        ({"retry_after": -1}, ValueError, "retry_after must be a finite number of seconds"),
        ({"retry_after": "soon"}, TypeError, "retry_after takes a number of seconds"),
        ({"delay": NAN}, ValueError, "delay must be a finite"),
        ({"delay": None}, TypeError, "delay takes a number"),
        ({"applied": 1}, TypeError, "applied takes a bool"),
        ({"drop": "yes"}, TypeError, "drop takes a bool"),
        ({"body": object()}, TypeError, "object"),
        ({"endpoint": 5}, TypeError, "endpoint takes a str"),
        ({"endpoint": "works.gets"}, ValueError, r"no such endpoint: 'works\.gets'; there are .*works\.get"),
    ],
)
def test_faults_that_cannot_be(fault: dict[str, Any], error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        Sandbox(works=0).fail_next(**fault)


@pytest.mark.parametrize(
    ("hook", "error", "says"),
    [
        ({"callback": 5}, TypeError, "callback takes something that can be called"),
        ({"endpoint": 5}, TypeError, "endpoint takes a str"),
        ({"endpoint": "works.counts"}, ValueError, r"works\.counts"),
        ({"after_works": -1}, ValueError, "after_works must be at least 0"),
        ({"after_works": 1.5}, TypeError, "after_works takes an int"),
    ],
)
def test_hooks_that_cannot_be(hook: dict[str, Any], error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        Sandbox(works=0).on_request(**all_of(hook, callback=print))


def test_controls_that_take_something_else() -> None:
    sandbox = Sandbox(works=2)
    anything: Any = sandbox
    id = sandbox.ids()[0]
    calls: list[tuple[Callable[[], object], str]] = [
        (lambda: anything.add(5), "works and changes of works are mappings"),
        (lambda: anything.update(id, 5), "works and changes of works are mappings"),
        (lambda: anything.update(id, {}, drop="title"), "drop takes a list of str"),
        (lambda: anything.update_many(id, {}), "ids takes a list of ids"),
        (lambda: anything.clock.freeze("2026-01-01"), "takes a datetime"),
        (lambda: anything.clock.set(5), "takes a datetime"),
    ]
    for call, says in calls:
        with pytest.raises(TypeError, match=says):
            call()
