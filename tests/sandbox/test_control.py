"""What tests do to a sandbox past its API: works that change, and functions called while requests are served."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from devrev_async.sandbox import ReceivedRequest, Sandbox, run_in_thread
from tests.sandbox.conftest import Api

pytestmark = pytest.mark.anyio

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


async def changed_since(api: Api, after: str) -> set[str]:
    body = {"first": 5000, "modified_date": {"type": "range", "after": after}}
    async with api.session.post(f"{api.sandbox.url}/works.export", json=body) as response:
        return {work["display_id"] for work in (await response.json())["works"]}


async def test_works_of_chosen_dates(api: Api) -> None:
    ref = api.sandbox.add({"created_date": NOON, "modified_date": NOON + timedelta(milliseconds=1_500)})
    work = api.sandbox.get(ref)
    assert (work["created_date"], work["modified_date"]) == ("2026-03-01T12:00:00Z", "2026-03-01T12:00:01.5Z")
    assert await changed_since(api, "2026-03-01T12:00:01.5Z") == {work["display_id"]}
    assert await changed_since(api, "2026-03-01T12:00:01.501Z") == set()
    with pytest.raises(ValueError, match="created_date needs a datetime with a time zone"):
        api.sandbox.add({"created_date": NOON.replace(tzinfo=None)})


async def test_an_update_past_the_api_takes_any_value_and_moves_modified_date(api: Api) -> None:
    sandbox = api.sandbox
    sandbox.clock.freeze(NOON)
    before = sandbox.get("ISS-1")
    sandbox.update("ISS-1", {"title": "changed", "body": None, "surprise": {"a": [1]}})
    assert sandbox.get("ISS-1") == before | {
        "title": "changed", "body": None, "surprise": {"a": [1]}, "modified_date": "2026-03-01T12:00:00Z"
    }  # fmt: skip
    assert await changed_since(api, "2026-03-01T12:00:00Z") == {"ISS-1"}
    sandbox.update("ISS-1", {"modified_date": "2024-01-01T00:00:00Z"})
    assert await changed_since(api, "2026-03-01T00:00:00Z") == set()
    sandbox.update("ISS-1", drop=["modified_date", "body"])
    assert not {"modified_date", "body"} & set(sandbox.get("ISS-1"))
    assert (await api.post("works.get", {"id": "ISS-2"}))["work"]["title"] != "by the system"
    sandbox.update("ISS-2", {"title": "by the system"}, touch=False)
    assert sandbox.get("ISS-2")["title"] == "by the system"
    assert await changed_since(api, "2026-03-01T00:00:00Z") == set()
    assert (await api.post("works.get", {"id": "ISS-2"}))["work"]["title"] == "by the system"


async def test_a_bulk_edit_bears_one_date(api: Api) -> None:
    sandbox = api.sandbox
    sandbox.clock.freeze(NOON)
    sandbox.update_many(["ISS-1", "ISS-2", "ISS-1"], {"title": "two"})
    assert await changed_since(api, "2026-03-01T12:00:00Z") == {"ISS-1", "ISS-2"}
    sandbox.clock.advance(1)
    sandbox.update_many(None, {"title": "all"})
    assert len(await changed_since(api, "2026-03-01T12:00:01Z")) == 300
    assert {sandbox.get(ref)["modified_date"] for ref in sandbox.ids()} == {"2026-03-01T12:00:01Z"}
    sandbox.update_many(sandbox.ids()[:150], {"created_date": "2020-01-01T00:00:00Z"})
    old = {"created_date": {"type": "range", "before": "2020-12-31T00:00:00Z"}}
    assert (await api.post("works.count", old))["count"] == 150
    sandbox.delete(sandbox.ids()[0])  # the indexes are in order
    assert (await api.post("works.count", old))["count"] == 149


async def test_mistaken_updates(api: Api) -> None:
    for changes, drop in (({"id": "x"}, ()), ({}, ["display_id"])):
        with pytest.raises(ValueError, match="ids of a work"):
            api.sandbox.update("ISS-1", changes, drop=drop)
    for call in (api.sandbox.update, api.sandbox.delete, api.sandbox.get):
        with pytest.raises(KeyError, match="ISS-999999"):
            call("ISS-999999")
    with pytest.raises(TypeError):
        api.sandbox.update("ISS-1", {"title": {1, 2}.__iter__})


async def test_a_work_that_is_deleted_past_the_api_is_gone_for_it(api: Api) -> None:
    api.sandbox.delete("ISS-1")
    await api.post("works.get", {"id": "ISS-1"}, 404)
    assert len(api.sandbox) == (await api.post("works.count", {}))["count"] == 299
    with pytest.raises(KeyError):
        api.sandbox.delete("ISS-1")


async def test_works_as_they_are_given() -> None:
    odd: list[dict[str, Any]] = [
        {},
        {"id": "ISS-1", "type": "issue"},
        {"type": "issue", "title": "half \ud83d", "big": 2**70, "custom_fields": {"tnt__A": 1, "tnt__a": 2}},
    ]
    async with Sandbox(works=0) as sandbox, Api.over(sandbox) as api:
        refs = [sandbox.add(work, complete=False) for work in odd]
        assert refs == ["", "ISS-1", ""]
        assert sandbox.ids() == ["ISS-1"]
        assert len(sandbox) == 3
        async with api.session.post(f"{sandbox.url}/works.export", json={}) as response:
            assert b'"half \\ud83d"' in await response.read()
            works = await response.json()
        assert sorted(works["works"], key=len) == sorted(odd, key=len)


async def test_odd_text_and_large_bodies(api: Api) -> None:
    given = {"title": "=1\r\x00\ud83d", "body": "x" * 5_000_000, "target_close_date": "9999-12-31T23:59:59Z"}
    ref = api.sandbox.add(given)
    assert api.sandbox.get(ref).items() >= given.items()
    async with api.session.post(f"{api.sandbox.url}/works.get", json={"id": ref}) as response:
        assert (await response.json())["work"].items() >= given.items()


async def test_functions_called_before_each_answer(api: Api) -> None:
    calls: list[str] = []
    end = api.sandbox.on_request(lambda request: calls.append(request.endpoint))
    api.sandbox.on_request(lambda _: api.sandbox.add({}), "works.count")
    assert (await api.post("works.count", {}))["count"] == 301
    await api.post("works.get", {"id": "ISS-1"})
    assert (await api.post("works.count", {}))["count"] == 302
    end()
    end()
    assert (await api.post("works.count", {}))["count"] == 303
    assert calls == ["works.count", "works.get", "works.count"]


async def test_functions_called_within_an_answer(api: Api) -> None:
    oldest_first = api.sandbox.ids()
    lengths: list[int] = []

    def write(request: ReceivedRequest) -> None:
        lengths.append(len(request.body))
        api.sandbox.update(oldest_first[0], {"title": "too late for this page"})
        api.sandbox.update(oldest_first[-1], {"title": "in time"})
        if len(lengths) == 1:
            api.sandbox.delete(oldest_first[-2])

    api.sandbox.on_request(write, "works.export", after_works=100)
    body = {"first": 300, "sort_by": ["created_date:asc"]}
    works = (await api.post("works.export", body))["works"]
    assert len(lengths) == 1
    assert works[0]["title"] != "too late for this page"
    assert works[-1]["title"] == "in time"
    assert [work["id"] for work in works] == [*oldest_first[:-2], oldest_first[-1]]
    await api.post("works.export", {"first": 2})  # shorter than that: called at its end
    assert len(lengths) == 2


async def test_connections_and_requests_in_flight(api: Api) -> None:
    sandbox = api.sandbox
    assert (sandbox.open_connections, sandbox.requests_in_flight) == (0, 0)
    sandbox.fail_next("works.get", status=None, delay=30, times=2)
    slow = [asyncio.create_task(api.post("works.get", {"id": "ISS-1"})) for _ in range(2)]
    async with asyncio.timeout(10):
        while sandbox.requests_in_flight < 2:
            await asyncio.sleep(0.001)
    assert (sandbox.open_connections, sandbox.requests_in_flight) == (2, 2)
    for task in slow:
        task.cancel()
    await asyncio.gather(*slow, return_exceptions=True)
    async with asyncio.timeout(10):  # their handlers go on for half a minute
        while sandbox.open_connections or sandbox.requests_in_flight:
            await asyncio.sleep(0.001)
    await api.post("works.get", {"id": "ISS-1"})
    assert (sandbox.open_connections, sandbox.requests_in_flight) == (1, 0)


def test_changes_from_another_thread() -> None:
    with run_in_thread(Sandbox(works=5)) as sandbox:
        sandbox.update("ISS-1", {"title": "changed"})
        sandbox.delete(sandbox.ids()[-1])
        assert len(sandbox) == 4
