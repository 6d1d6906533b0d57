"""Pages of works: list with its cursors, and the export that is yielded while it arrives."""

from __future__ import annotations

import asyncio
import json
from typing import Any, Literal

import pytest
from aiohttp import web

from devrev_async import (
    APIConnectionError,
    APITimeoutError,
    ClientClosedError,
    DevRevClient,
    ResponseDecodeError,
    Timeout,
    WorksPage,
)
from devrev_async.sandbox import Sandbox
from tests.servers import serving, work

pytestmark = pytest.mark.anyio


def ids(works: list[Any]) -> list[str]:
    return [each.display_id for each in works]


# -- works.list ----------------------------------------------------------------------------------------------------


async def test_list_goes_through_all_pages() -> None:
    async with Sandbox(works=250, seed=3) as sandbox, DevRevClient(sandbox.token, base_url=sandbox.url) as devrev:
        whole = await devrev.works.export(sort_by=["created_date:asc"])
        listed = [each async for each in devrev.works.list(sort_by=["created_date:asc"], limit=30)]
        assert len(listed) == 250
        assert listed == whole
        assert [r.json["limit"] for r in sandbox.requests if r.endpoint == "works.list"] == [30] * 9


async def test_pages_have_cursors_that_go_on_from_there() -> None:
    async with Sandbox(works=25) as sandbox, DevRevClient(sandbox.token, base_url=sandbox.url) as devrev:
        pages = [page async for page in devrev.works.list(limit=10).pages()]
        assert [len(page.works) for page in pages] == [10, 10, 5]
        assert all(isinstance(page, WorksPage) for page in pages)
        assert pages[-1].next_cursor is None
        again = [each async for each in devrev.works.list(limit=10, cursor=pages[0].next_cursor)]
        assert ids(again) == ids(pages[1].works) + ids(pages[2].works)


async def test_mode_before_goes_backwards_from_the_end_page_by_page() -> None:
    async with Sandbox(works=25) as sandbox, DevRevClient(sandbox.token, base_url=sandbox.url) as devrev:
        forwards = ids([each async for each in devrev.works.list(limit=10)])
        pages = [ids(page.works) async for page in devrev.works.list(limit=10, mode="before").pages()]
        assert [id for page in reversed(pages) for id in page] == forwards


ODD_CURSORS = ("5", "true", "[]", '{"a": 1}', '"\\ud800"')


async def test_a_cursor_that_comes_again_is_an_error_and_no_loop() -> None:
    asked: list[object] = []
    busy = 1

    async def handler(request: web.Request) -> web.Response:
        nonlocal busy
        cursor = (await request.json()).get("cursor")
        if cursor == "c0" and busy:
            busy -= 1
            return web.Response(status=500)
        asked.append(cursor)
        answer = {"works": [work(f"ISS-{len(asked)}")], "next_cursor": f"c{len(asked) % 3}"}
        return web.json_response(answer, headers={"X-Request-Id": f"r-{len(asked)}"})

    async with serving(handler) as url, DevRevClient("t", base_url=url, retry_wait=(0, 0)) as devrev:
        got: list[Any] = []
        with pytest.raises(ResponseDecodeError, match="cursor that it gave before") as caught:
            async for each in devrev.works.list():
                got.append(each)  # noqa: PERF401 - what came before the error counts
    assert asked == [None, "c1", "c2", "c0"]
    assert ids(got) == ["ISS-1", "ISS-2", "ISS-3", "ISS-4"]
    error = caught.value
    assert (error.endpoint, error.attempts, error.request_id) == ("works.list", 2, "r-4")


async def test_the_cursor_given_at_the_start_counts_as_seen() -> None:
    async def handler(_: web.Request) -> web.Response:
        return web.json_response({"works": [], "next_cursor": "same"})

    async with serving(handler) as url, DevRevClient("t", base_url=url) as devrev:
        with pytest.raises(ResponseDecodeError, match="cursor that it gave before"):
            [each async for each in devrev.works.list(cursor="same")]


async def test_empty_pages_without_end_are_an_error_and_no_loop() -> None:
    asked = 0

    async def handler(_: web.Request) -> web.Response:
        nonlocal asked
        asked += 1
        return web.json_response({"works": [], "next_cursor": f"c{asked}"})

    async with serving(handler) as url, DevRevClient("t", base_url=url) as devrev:
        with pytest.raises(ResponseDecodeError, match="100 empty pages in a row"):
            [each async for each in devrev.works.list()]
    assert asked == 100


@pytest.mark.parametrize("end", [{}, {"next_cursor": None}, {"next_cursor": ""}])
async def test_a_list_ends_where_no_next_cursor_is_given(end: dict[str, Any]) -> None:
    async def handler(request: web.Request) -> web.Response:
        first = "cursor" not in await request.json()
        return web.json_response({"works": None, "next_cursor": "c"} if first else {"works": [work("ISS-1")], **end})

    async with serving(handler) as url, DevRevClient("t", base_url=url) as devrev:
        assert ids([each async for each in devrev.works.list()]) == ["ISS-1"]


@pytest.mark.parametrize(("mode", "followed", "other"), [("after", "next", "prev"), ("before", "prev", "next")])
@pytest.mark.parametrize("odd", ODD_CURSORS)
async def test_an_odd_cursor_sinks_a_page_only_where_it_is_followed(
    mode: Literal["after", "before"], followed: str, other: str, odd: str
) -> None:
    """To end there would hide that there is more."""
    which = other

    async def handler(_: web.Request) -> web.Response:
        return web.Response(text=f'{{"works": [{json.dumps(work("ISS-1"))}], "{which}_cursor": {odd}}}')

    async with serving(handler) as url, DevRevClient("t", base_url=url, max_retries=0) as devrev:
        pagers = devrev.works.list(mode=mode), devrev.paginate("works.list", {"mode": mode})
        (page,) = [page async for page in pagers[0].pages()]
        assert (ids(page.works), page.next_cursor, page.prev_cursor) == (["ISS-1"], None, None)
        assert len([each async for each in pagers[1]]) == 1
        which = followed
        for pager in pagers:
            with pytest.raises(ResponseDecodeError):
                [each async for each in pager.pages()]


@pytest.mark.parametrize("odd", ODD_CURSORS)
async def test_a_page_of_an_export_has_no_cursor_that_could_sink_it(odd: str) -> None:
    async def handler(request: web.Request) -> web.Response:
        if request.path == "/works.count":
            return web.json_response({"count": 1, "has_more": False})
        issue = json.dumps(work("ISS-1"))
        return web.Response(text=f'{{"next_cursor": {odd}, "works": [{issue}], "prev_cursor": {odd}}}')

    async with serving(handler) as url, DevRevClient("t", base_url=url, max_retries=0) as devrev:
        assert ids(await devrev.works.export()) == ["ISS-1"]
        assert ids([each async for each in devrev.works.export_stream()]) == ["ISS-1"]
        assert ids([each async for each in devrev.works.export_all()]) == ["ISS-1"]
        for export in (devrev.works.export_stream(), devrev.works.export_all()):
            assert sum([len(batch) async for batch in export.raw_batches()]) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"mode": "sideways"}, "mode"), ({"cursor": ""}, "cursor"), ({"limit": 0}, "limit"), ({"limit": -1}, "limit")],
)
async def test_list_refuses_nonsense_before_anything_is_sent(arguments: dict[str, Any], message: str) -> None:
    client: Any = DevRevClient("t", base_url="http://127.0.0.1:9")
    with pytest.raises(ValueError, match=message):
        client.works.list(**arguments)


# -- works.export, streamed ----------------------------------------------------------------------------------------


async def test_a_stream_is_the_export_in_its_order() -> None:
    async with Sandbox(works=400, seed=1) as sandbox, DevRevClient(sandbox.token, base_url=sandbox.url) as devrev:
        whole = await devrev.works.export(type=["issue", "ticket"], first=300, sort_by=["created_date:desc"])
        stream = devrev.works.export_stream(type=["issue", "ticket"], first=300, sort_by=["created_date:desc"])
        assert [each async for each in stream] == whole
        assert sandbox.requests[0].json == sandbox.requests[1].json


async def test_works_come_before_the_body_has_ended() -> None:
    go_on = asyncio.Event()

    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        works = [work(f"ISS-{n}", body="x" * 500) for n in range(200)]
        await response.write(b'{"works":[' + b",".join(json.dumps(each).encode() for each in works))
        await go_on.wait()  # set by the one who has the first work
        await response.write(b"]}")
        return response

    async with serving(handler) as url, DevRevClient("t", base_url=url) as devrev:
        got: list[Any] = []
        async for each in devrev.works.export_stream():
            got.append(each)
            go_on.set()
    assert ids(got) == [f"ISS-{n}" for n in range(200)]


@pytest.mark.parametrize("comma_first", [True, False])
@pytest.mark.parametrize("size", [10, 9_000, 30_000])
async def test_each_work_comes_when_its_bytes_have_come(size: int, comma_first: bool) -> None:
    """The server sends a work only once the one before has been yielded."""
    asked = asyncio.Semaphore(1)

    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b'{"works": [')
        for number in range(20):
            await asked.acquire()
            text = json.dumps(work(f"ISS-{number}", body="x" * size)).encode()
            await response.write(b", " + text if comma_first and number else text)
            if not comma_first and number < 19:
                await response.write(b", ")
        await asked.acquire()
        await response.write(b"]}")
        return response

    got: list[Any] = []
    async with serving(handler) as url, DevRevClient("t", base_url=url) as devrev:
        async for each in devrev.works.export_stream():
            got.append(each)
            asked.release()
    assert ids(got) == [f"ISS-{n}" for n in range(20)]


async def test_what_arrived_whole_before_silence_is_yielded() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b'{"works":[' + b",".join(json.dumps(work(f"ISS-{n}")).encode() for n in (1, 2)))
        await asyncio.Event().wait()
        return response

    got: list[Any] = []
    async with serving(handler) as url, DevRevClient("t", base_url=url, timeout=Timeout(read=0.3)) as devrev:
        with pytest.raises(APITimeoutError):
            async for each in devrev.works.export_stream():
                got.append(each)  # noqa: PERF401 - what came before the error counts
    assert ids(got) == ["ISS-1", "ISS-2"]


def cut_server(cuts: list[int]) -> Any:
    """Answers 300 works, cut after so many bytes of the body as the next entry says; whole once there is none."""
    body = json.dumps({"works": [work(f"ISS-{n}", body="y" * 300) for n in range(300)]}).encode()

    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": str(len(body))})
        await response.prepare(request)
        end = cuts.pop(0) if cuts else len(body)
        await response.write(body[:end])
        if end < len(body):
            assert request.transport is not None
            request.transport.close()
        return response

    return handler


async def test_a_stream_is_retried_before_its_first_work() -> None:
    async with serving(cut_server([0, 50])) as url, DevRevClient("t", base_url=url) as devrev:
        assert len([each async for each in devrev.works.export_stream()]) == 300


async def test_a_stream_is_not_retried_after_its_first_work() -> None:
    async with serving(cut_server([60_000])) as url, DevRevClient("t", base_url=url) as devrev:
        got: list[Any] = []
        with pytest.raises(APIConnectionError) as caught:
            async for each in devrev.works.export_stream():
                got.append(each)  # noqa: PERF401 - what came before the error counts
    assert ids(got) == [f"ISS-{n}" for n in range(len(got))]
    assert 0 < len(got) < 300
    assert (caught.value.endpoint, caught.value.attempts) == ("works.export", 1)


async def test_an_export_cut_short_is_retried_and_whole() -> None:
    async with serving(cut_server([0, 50, 60_000])) as url, DevRevClient("t", base_url=url) as devrev:
        assert ids(await devrev.works.export()) == [f"ISS-{n}" for n in range(300)]


async def test_leaving_a_stream_early_ends_its_request() -> None:
    gone = asyncio.Event()

    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b'{"works":[')
        try:
            for number in range(1_000_000):
                await response.write(json.dumps(work(f"ISS-{number}", body="z" * 1000)).encode() + b",")
        except ConnectionError:
            gone.set()
            raise
        return response

    async with serving(handler) as url, DevRevClient("t", base_url=url, max_concurrency=1) as devrev:
        async with devrev.works.export_stream() as stream:
            async for each in stream:
                assert each.display_id == "ISS-0"
                break
        await gone.wait()


async def test_a_consumer_may_call_the_client_in_the_loop_with_one_slot() -> None:
    async with (
        Sandbox(works=120) as sandbox,
        DevRevClient(sandbox.token, base_url=sandbox.url, max_concurrency=1) as devrev,
    ):
        count = 0
        async for each in devrev.works.export_stream():
            if count % 40 == 0:
                assert await devrev.works.get(each.id or "") == each
            count += 1
        assert count == 120


async def test_a_consumer_may_call_the_client_for_what_arrived_before_a_failure() -> None:
    begun, cut = asyncio.Event(), asyncio.Event()
    body = b'{"works":[' + b",".join(json.dumps(work(f"ISS-{n}", body="y" * 300)).encode() for n in range(100))

    async def handler(request: web.Request) -> web.StreamResponse:
        if request.path.endswith("works.get"):
            return web.json_response({"work": work("ISS-0")})
        response = web.StreamResponse(headers={"Content-Length": str(len(body) + 1000)})
        await response.prepare(request)
        await response.write(body)
        await begun.wait()
        await response.write(b" " * 10)  # it is lost, so that what came before it was not yet a batch
        assert request.transport is not None
        request.transport.close()
        cut.set()
        return response

    got: list[str] = []
    async with serving(handler) as url, DevRevClient("t", base_url=url, max_concurrency=1) as devrev:
        with pytest.raises(APIConnectionError, match=r"works\.export"):
            async for each in devrev.works.export_stream():
                got.append(each.display_id or "")
                begun.set()
                await cut.wait()
                await devrev.with_options(timeout=Timeout(total=5)).works.get("ISS-0")
    assert got == [f"ISS-{n}" for n in range(100)]


async def test_closing_the_client_ends_a_stream() -> None:
    async with Sandbox(works=300) as sandbox:
        devrev = DevRevClient(sandbox.token, base_url=sandbox.url)
        with pytest.raises(ClientClosedError):
            async for _ in devrev.works.export_stream():
                await devrev.close()


async def test_unknown_works_of_a_stream_are_warned_of_once(caplog: pytest.LogCaptureFixture) -> None:
    async def handler(_: web.Request) -> web.Response:
        odd = {"type": "incident", "id": "don:x:incident/1", "title": "kept"}
        return web.json_response({"works": [work("ISS-1"), odd, odd, work("ISS-2")]})

    async with serving(handler) as url, DevRevClient("t", base_url=url) as devrev:
        got = [each async for each in devrev.works.export_stream()]
    assert [each.title for each in got] == ["title of ISS-1", "kept", "kept", "title of ISS-2"]
    warnings = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert len(warnings) == 1
    assert "2 of 4 works came as UnknownWork; the first is number 1" in warnings[0]
    assert "incident" in warnings[0]


@pytest.mark.parametrize("way", ["export", "export_stream"])
async def test_a_cancelled_export_shows_no_word_of_the_server(way: str) -> None:
    token = "a-token-that-the-server-echoes"

    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b'{"works":[' + json.dumps(work("ISS-1")).encode() + b', {"' + token.encode())
        await asyncio.Event().wait()
        return response

    async with serving(handler) as url, DevRevClient(token, base_url=url) as devrev:
        with pytest.raises(TimeoutError) as caught:
            async with asyncio.timeout(0.3):
                if way == "export":
                    await devrev.works.export()
                async for _ in devrev.works.export_stream():
                    pass
    seen, error = 0, caught.value.__cause__ or caught.value.__context__  # Python 3.11.2 sets no cause
    assert isinstance(error, asyncio.CancelledError)
    trace = error.__traceback__
    while trace is not None:
        frame, trace = trace.tb_frame, trace.tb_next
        if frame.f_code.co_filename != __file__:
            seen += 1
            for value in frame.f_locals.values():
                inside = [getattr(value, name, None) for name in dir(value) if not name.startswith("__")]
                assert token not in repr([value, *inside])
    assert seen > 3
