"""Which of several pages that arrive side by side is decoded next: one after the other, not all at the same pace.

The first is done soonest that way, so that what follows from it can be asked for; and hardly more than one is in memory
half decoded. One whose bytes are late lets the next one go on: of a slow network all connections are used.
"""

from __future__ import annotations

import asyncio
from bisect import insort
from operator import attrgetter
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from types import TracebackType

    from .response import Response

__all__ = ["Turn", "Turns"]

LATE: Final = 0.001
"""Seconds without bytes after which the next page goes on. What the kernel has already is there sooner."""


class Turns:
    """Pages whose bodies arrive, in the order in which they were asked for."""

    def __init__(self) -> None:
        self._arriving: list[Turn] = []
        self._asked = 0

    def turn(self) -> Turn:
        """Returns the place of a page that is asked for now, to be entered when its body begins."""
        self._asked += 1
        return Turn(self, self._asked)

    def begin(self, turn: Turn) -> None:
        """A body begins."""
        insort(self._arriving, turn, key=attrgetter("number"))

    def end(self, turn: Turn) -> None:
        """It ends, or is given up."""
        self._arriving.remove(turn)
        self.pass_on()

    def is_due(self, turn: Turn) -> bool:
        """Returns whether the pages before this one are all late."""
        return all(page.late for page in self._arriving[: self._arriving.index(turn)])

    def pass_on(self) -> None:
        """Lets the first page go on that waits for its turn, if it is due."""
        for page in self._arriving:
            if page.due is not None and self.is_due(page):
                page.due.set_result(None)
                page.due = None
                return


class Turn:
    """One page's place in the order.

    Attributes:
        number: of the page.
        late: whether its bytes are.
        due: what it waits for, if it waits for its turn.
    """

    def __init__(self, turns: Turns, number: int) -> None:
        self.number = number
        self.late = False
        self.due: asyncio.Future[None] | None = None
        self._turns = turns

    def __enter__(self) -> Self:
        self._turns.begin(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._turns.end(self)

    async def next_piece(self, incoming: Response) -> bytes | None:
        """Returns the next piece of the body, None at its end, once it is this page's turn."""
        timer = asyncio.get_running_loop().call_later(LATE, self._be_late)
        try:
            piece = await incoming.next()
        finally:
            timer.cancel()
            self.late = False
        await self.wait()
        return piece

    async def wait(self) -> None:
        """Waits while a page before this one has something to decode."""
        while not self._turns.is_due(self):
            self.due = asyncio.get_running_loop().create_future()
            try:
                await self.due
            finally:
                self.due = None

    def _be_late(self) -> None:
        self.late = True
        self._turns.pass_on()
