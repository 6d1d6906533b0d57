"""What a server says is quoted in the log, in errors and in events to a few hundred characters, and never in full."""

import json
from collections.abc import AsyncIterable, Awaitable, Callable
from typing import Any

import pytest

from devrev_async import ClientEvent, DevRevClient, DevRevError
from tests.transport.conftest import Clients
from tests.transport.server import ONE, WORK, FaultServer, Play, answer, message, raw

pytestmark = pytest.mark.anyio

LONG = "x" * 60_000
LONGEST_LINE = 600
LONGEST_ERROR = 2700
"""Five texts of the server, of 500 characters each, and our own words."""


async def collected(items: AsyncIterable[Any]) -> None:
    async for _ in items:
        pass


CALLS: dict[str, Callable[[DevRevClient], Awaitable[object]]] = {
    "get": lambda client: client.works.get("ISS-1"),
    "update": lambda client: client.works.update("ISS-1", title="x"),
    "delete": lambda client: client.works.delete("ISS-1"),
    "count": lambda client: client.works.count(),
    "export": lambda client: client.works.export(),
    "export_stream": lambda client: collected(client.works.export_stream()),
    "export_all": lambda client: collected(client.works.export_all()),
    "raw_batches": lambda client: collected(client.works.export_all().raw_batches()),
    "list": lambda client: collected(client.works.list()),
    "paginate": lambda client: collected(client.paginate("parts.list")),
    "changes": lambda client: collected(client.works.changes()),
    "plan_slices": lambda client: client.works.plan_slices(3),
    "get_many": lambda client: client.works.get_many(["ISS-1"]),
    "request": lambda client: client.request("a.b", {}, response_type=int, idempotent=True),
}

WORKS: dict[str, Any] = {
    "a type": WORK | {"type": LONG},
    "no id": {"type": LONG},
    "an id": WORK | {"id": LONG, "display_id": LONG},
    "dates": WORK | {"created_date": LONG, "modified_date": LONG},
    "all fields": {name: LONG if name in ("id", "type") else 5 for name in (*WORK, "body", "tags", "owned_by", "stage")},
    "keys": WORK | {LONG: 1, "custom_fields": {LONG: LONG}, "stage": {"name": {LONG: LONG}}},
    "control characters": WORK | {"type": "\0" * 10_000},
    "no object": LONG,
    "many invalid fields": WORK | dict.fromkeys(
        ("applies_to_part", "artifacts", "body", "created_by", "created_date", "custom_fields", "modified_by",
         "modified_date", "owned_by", "reported_by", "sprint", "stage", "tags", "target_close_date", "title"), 5,
    ),
}  # fmt: skip

TEXTS = ("type", "message", "detail", "field_name", "value", "reason", "pattern", "expected", "reference_id")
REFUSALS: dict[str, str] = {
    "all texts": json.dumps(dict.fromkeys(TEXTS, LONG)),
    "a field": json.dumps({"type": "invalid_field", "field_name": LONG, "message": "\0" * 10_000}),
    "lists": json.dumps({"allowed_values": [LONG], "dependencies": [{LONG: LONG}]}),
    "plain text": LONG,
    "markup": f"<{LONG}>",
}
HEADERS = (
    "Location", "X-Request-Id", "Retry-After", "Date", "X-Ratelimit-Limit", "X-Ratelimit-Remaining",
    "X-Ratelimit-Reset", "Content-Encoding", "Content-Type",
)  # fmt: skip


class Texts:
    """Calls, and keeps every text that a user may see of it."""

    def __init__(self, connect: Clients, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level("DEBUG", "devrev_async")
        self.events: list[ClientEvent] = []
        self.client = connect(max_retries=1, on_event=self.events.append)
        self.caplog = caplog

    async def check(self, *names: str) -> None:
        for name in names or CALLS:
            try:
                await CALLS[name](self.client)
            except DevRevError as error:
                assert len(str(error)) < LONGEST_ERROR, name
                assert len(repr(error)) < LONGEST_ERROR + 50, name
            lines = [record.getMessage() for record in self.caplog.records if record.name.startswith("devrev_async")]
            assert max(map(len, lines), default=0) < LONGEST_LINE, name
            assert max(len(event.reason) for event in self.events) <= 300, name


@pytest.fixture
def texts(connect: Clients, caplog: pytest.LogCaptureFixture) -> Texts:
    return Texts(connect, caplog)


@pytest.mark.parametrize("name", WORKS)
async def test_of_a_work(server: FaultServer, texts: Texts, name: str) -> None:
    work = WORKS[name]
    page = {"work": work, "works": [work], "parts": [work], "count": 1, "has_more": False, "next_cursor": LONG}
    server.usual = answer(json.dumps(page))
    await texts.check()
    server.usual = answer(json.dumps(page | {"next_cursor": None}))
    await texts.check()


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 409, 413, 429, 500, 503])
@pytest.mark.parametrize("name", REFUSALS)
async def test_of_a_refusal(server: FaultServer, texts: Texts, name: str, status: int) -> None:
    server.usual = answer(REFUSALS[name], status, {"Location": f"/{LONG}"})
    await texts.check("get", "update", "export_all", "list", "changes", "get_many")


@pytest.mark.parametrize("value", [LONG, "9" * 5000])
@pytest.mark.parametrize("name", HEADERS)
async def test_of_a_head(server: FaultServer, texts: Texts, name: str, value: str) -> None:
    for status in (200, 301, 429, 503):
        server.usual = answer(ONE, status, {name: value})
        await texts.check("get", "update")


@pytest.mark.parametrize(
    "play",
    [
        raw(message(b"", 404).replace(b" X\r", b" " + LONG.encode() + b"\r")),
        raw(LONG.encode() + b"\r\n\r\n", then="close"),
        raw(message(ONE, headers={"Content-Length": LONG})),
        raw(message(ONE, headers={"Transfer-Encoding": LONG})),
        raw(message(LONG)),
        answer(json.dumps({LONG: LONG})),
    ],
    ids=["a reason", "no HTTP", "a length", "a coding", "no JSON", "another object"],
)
async def test_of_what_is_no_response(server: FaultServer, texts: Texts, play: Play) -> None:
    server.usual = play
    await texts.check("get", "update", "export", "request")


async def test_of_what_a_hook_raises(server: FaultServer, connect: Clients, caplog: pytest.LogCaptureFixture) -> None:
    def hook(_: ClientEvent) -> None:
        raise ValueError(LONG)

    await connect(on_event=hook).works.get("ISS-1")
    assert caplog.records
    assert max(len(record.getMessage()) for record in caplog.records) < LONGEST_LINE
