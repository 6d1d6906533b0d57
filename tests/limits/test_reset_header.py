"""A 429 that names no wait but X-Ratelimit-Reset, by a server whose clock is not ours."""

import time
from email.utils import formatdate

import pytest
from aiohttp import web

from devrev_async import ClientEvent, DevRevClient
from tests.servers import serving

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("skew", [-7200, 7200])
async def test_the_reset_is_read_against_the_answers_own_date(skew: int) -> None:
    answered = 0

    async def handler(_: web.Request) -> web.Response:
        nonlocal answered
        answered += 1
        if answered > 1:
            return web.json_response({"count": 1, "has_more": False})
        now = int(time.time()) + skew
        headers = {"Date": formatdate(now, usegmt=True), "X-Ratelimit-Reset": str(now + 1)}
        return web.json_response({"type": "too_many_requests"}, status=429, headers=headers)

    events: list[ClientEvent] = []
    async with serving(handler) as url, DevRevClient("t", base_url=url, on_event=events.append) as devrev:
        assert (await devrev.works.count()).count == 1
    [pause] = [event for event in events if event.kind == "pause"]
    assert 0 < pause.delay <= 1.1
    assert pause.status == 429
