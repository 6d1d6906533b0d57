"""The requests of a complete export over the transport: whole pages, typed or as they came, and counts."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, TypeVar

import msgspec

from ._decode import decode_count
from ._pages import Pages, drain
from ._stream import PageStream, raw_page, works_page
from ._transport import Failure, Incoming, Request
from .models import DECODE_ERRORS, UnknownWork, Work, decode_one
from .models._base import Timestamp

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["Answer", "Endpoint", "Fetcher", "RawWork"]

T = TypeVar("T")
Endpoint = Literal["works.export", "works.list"]

_TURN: Final = 250
"""Works looked at between two turns of the event loop."""

_KNOWN_TYPES: Final = frozenset({"issue", "ticket", "task", "opportunity"})


class RawWork(NamedTuple):
    """A work as the server sent it, and whether it is of no known type or lacks its id."""

    json: bytes
    unknown: bool


class Answer(msgspec.Struct):
    """One answer of `works.export` or `works.list`, and what it took.

    Attributes:
        works: `Work` or `RawWork`.
        marks: the `created_date` and `id` of each, None where it has none.
    """

    works: list[Any]
    marks: Sequence[tuple[datetime | None, str | None]]
    next_cursor: str | None = None
    bytes: int = 0
    retries: int = 0


class _Stub(msgspec.Struct):
    type: str | None = None
    id: str | None = None
    created_date: Timestamp | None = None


class Fetcher:
    """Sends requests; retries included.

    Args:
        pages: decodes answers, and warns about works that do not fit their type.
        prepare: makes a request of an endpoint and a body.
    """

    def __init__(self, pages: Pages, prepare: Callable[[str, Mapping[str, Any]], Request]) -> None:
        self._pages = pages
        self._prepare = prepare

    async def page(self, endpoint: Endpoint, body: Mapping[str, Any], *, raw: bool) -> Answer:
        """A whole answer, its works as `RawWork` if `raw`."""
        request = self._prepare(endpoint, body)
        if not raw:
            works, stream, size, retries = await self._fetch(request, lambda: works_page(self._pages.decoder))
            self._pages.warn(endpoint, stream.misfits, len(works))
            shown = [(work.created_date, work.id) for work in works]
            return Answer(works, shown, stream.next_cursor, size, retries)
        texts, plain, size, retries = await self._fetch(request, raw_page)
        raws: list[RawWork] = []
        marks: list[tuple[datetime | None, str | None]] = []
        for start in range(0, len(texts), _TURN):
            for text in texts[start : start + _TURN]:
                work, mark = _marked(text)
                raws.append(work)
                marks.append(mark)
            await asyncio.sleep(0)
        return Answer(raws, marks, plain.next_cursor, size, retries)

    async def count(self, body: Mapping[str, Any]) -> int | None:
        """The number of works, or None if the server says that there are more."""
        counted = await self._pages.transport.fetch(self._prepare("works.count", body), decode_count)
        return None if counted.has_more else counted.count

    async def _fetch(
        self, request: Request, stream: Callable[[], PageStream[T]]
    ) -> tuple[list[T], PageStream[T], int, int]:
        call = self._pages.transport.call(request)
        works, page, size = await self._pages.transport.run(call, lambda incoming: _read(incoming, stream()))
        return works, page, size, call.attempts - 1


async def _read(incoming: Incoming, page: PageStream[T]) -> tuple[list[T], PageStream[T], int] | Failure:
    works: list[T] = []
    failure = await drain(page, incoming, works)
    return (works, page, incoming.size) if failure is None else failure


_stub: Final = msgspec.json.Decoder(_Stub).decode


def _marked(text: bytes) -> tuple[RawWork, tuple[datetime | None, str | None]]:
    try:
        stub = _stub(text)
        if stub.id:
            return RawWork(text, stub.type not in _KNOWN_TYPES), (stub.created_date, stub.id)
    except DECODE_ERRORS:
        pass
    work: Work = decode_one(text)[0]
    return RawWork(text, isinstance(work, UnknownWork)), (work.created_date, work.id)
