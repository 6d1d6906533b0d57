"""Pages that arrive side by side: which is decoded next."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

import pytest

from devrev_async._decoders.item_decoders import RAW
from devrev_async._decoders.page_parser import PageParser
from devrev_async._transport.page_reader import drain
from devrev_async._transport.turns import Turn, Turns

if TYPE_CHECKING:
    from devrev_async._transport.response import Response

pytestmark = pytest.mark.anyio


class Body:
    """The pieces of a body as they arrive; one work each."""

    def __init__(self, works: int) -> None:
        self.arrived: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.works = works

    def arrive(self, *, ends: bool = True) -> None:
        for number in range(self.works):
            self.arrived.put_nowait(b'%s{"id":"%d"}' % (b"," if number else b'{"works":[', number))
        if ends:
            self.end()

    def end(self) -> None:
        self.arrived.put_nowait(b"]}")
        self.arrived.put_nowait(None)

    async def next(self) -> bytes | None:
        return await self.arrived.get()


async def read(turn: Turn, name: str, body: Body, decoded: list[str]) -> None:
    def take_in(batch: list[bytes]) -> None:
        decoded.extend(name for _ in batch)

    with turn:
        await drain(PageParser("works", RAW, first_batch=40, batch=40), cast("Response", body), take_in, turn)


async def test_what_was_asked_for_first_is_decoded_first() -> None:
    turns, decoded = Turns(), list[str]()
    bodies = Body(30), Body(30), Body(30)
    asked = [turns.turn() for _ in bodies]
    for body in bodies:
        body.arrive()
    await asyncio.gather(
        *(read(asked[number], "abc"[number], bodies[number], decoded) for number in (0, 2, 1))  # as they begin
    )
    assert "".join(decoded) == "a" * 30 + "b" * 30 + "c" * 30


async def test_while_the_bytes_of_one_are_late_the_next_one_goes_on() -> None:
    turns, decoded = Turns(), list[str]()
    late, next_ = Body(5), Body(30)
    first, second = turns.turn(), turns.turn()
    next_.arrive()
    late.arrive(ends=False)
    reading = asyncio.ensure_future(read(first, "a", late, decoded))
    await asyncio.sleep(0)
    await read(second, "b", next_, decoded)
    late.end()
    await reading
    assert decoded.count("a") == 5
    assert "".join(decoded).strip("a") == "b" * 30


@pytest.mark.parametrize("ended", [0, 1])
async def test_a_page_that_is_given_up_lets_the_others_go_on(ended: int) -> None:
    turns, decoded = Turns(), list[str]()
    bodies = Body(400), Body(400), Body(400)
    asked = [turns.turn() for _ in bodies]
    for body in bodies:
        body.arrive()
    reading = [
        asyncio.ensure_future(read(turn, name, body, decoded))
        for turn, name, body in zip(asked, "abc", bodies, strict=True)
    ]
    for _ in range(20):
        await asyncio.sleep(0)
    reading[ended].cancel()
    done = await asyncio.gather(*reading, return_exceptions=True)
    assert isinstance(done[ended], asyncio.CancelledError)
    left = "abc".replace("abc"[ended], "")
    assert "".join(decoded).replace("abc"[ended], "") == left[0] * 400 + left[1] * 400
