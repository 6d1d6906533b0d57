"""The requests of a complete export over the transport: whole pages, typed or as they came, and counts."""

from __future__ import annotations

import time
from collections import Counter
from datetime import datetime
from functools import partial
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

import msgspec

from devrev_async._decoders.envelope import Followed
from devrev_async._decoders.fallback import DECODE_ERRORS, decode_one
from devrev_async._decoders.page_parser import PageParser
from devrev_async._transport.page_reader import PageReader, drain
from devrev_async._transport.request import Request
from devrev_async._transport.response import Response
from devrev_async._transport.turns import Turn, Turns
from devrev_async.models import UnknownWork, Work
from devrev_async.models.base import Timestamp

from .planner import AtLeast, Key, key_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

__all__ = ["Answer", "Endpoint", "ExportSource", "RawWork"]

Endpoint = Literal["works.export", "works.list"]

_KNOWN_TYPES: Final = frozenset({"issue", "ticket", "task", "opportunity"})


class RawWork(NamedTuple):
    """A work as the server sent it, and whether it is of no known type or lacks its id."""

    json: bytes
    unknown: bool


class Answer(msgspec.Struct):
    """One answer of `works.export` or `works.list`, and what it took.

    Attributes:
        works: `Work` or `RawWork`.
        keys: the key of each.
        waited: seconds until its head was there.
    """

    works: list[Any]
    keys: list[Key]
    next_cursor: str | None = None
    bytes: int = 0
    retries: int = 0
    waited: float = 0.0


class _Count(msgspec.Struct):
    """The body of `works.count`. A count without `has_more` does not say that it is all, and proves nothing."""

    count: int
    has_more: bool


class _Stub(msgspec.Struct):
    type: str | None = None
    id: str | None = None
    created_date: Timestamp | None = None


class ExportSource:
    """Sends requests; retries included.

    Args:
        pages: decodes answers, and warns about works that do not fit their type.
        prepare: makes a request of an endpoint and a body.
    """

    def __init__(self, pages: PageReader, prepare: Callable[[str, Mapping[str, Any]], Request]) -> None:
        self._pages = pages
        self._prepare = prepare
        self._turns = Turns()

    async def page(self, endpoint: Endpoint, body: Mapping[str, Any], *, raw: bool) -> Answer:
        """A whole answer, its works as `RawWork` if `raw`."""
        call = self._pages.transport.call(self._prepare(endpoint, body))
        read = partial(self._read_raw if raw else self._read, endpoint, self._turns.turn())
        asked = began = time.monotonic()

        def read_timed(incoming: Response) -> Awaitable[Answer]:
            nonlocal began
            began = time.monotonic()
            return read(incoming)

        answer = await self._pages.transport.run(call, read_timed)
        answer.retries, answer.waited = call.attempts - 1, began - asked
        return answer

    async def count(self, body: Mapping[str, Any]) -> int | AtLeast:
        """The number of works, `AtLeast` if the server says that there are more."""
        counted = await self._pages.transport.fetch(self._prepare("works.count", body), _decode_count)
        return AtLeast(counted.count) if counted.has_more else counted.count

    async def first_created(self, body: Mapping[str, Any]) -> datetime | None:
        """`created_date` of the first work of an export, or None without any."""
        answer = await self.page("works.export", body, raw=False)
        return next((work.created_date for work in answer.works if work.created_date is not None), None)

    async def _read(self, endpoint: Endpoint, turn: Turn, incoming: Response) -> Answer:
        page, answer, namer = self._pages.parser(_followed(endpoint)), Answer([], []), _Namer()

        def take_in(batch: list[Work]) -> None:
            answer.works += batch
            answer.keys += [key_of(work.created_date, work.id or namer.name(work.to_json())) for work in batch]

        with turn:
            await drain(page, incoming, take_in, turn)
        self._pages.warn(endpoint, page.misfits, page.count)
        return _finished(answer, page, incoming)

    async def _read_raw(self, endpoint: Endpoint, turn: Turn, incoming: Response) -> Answer:
        page, answer, namer = self._pages.raw_parser(_followed(endpoint)), Answer([], []), _Namer()

        def take_in(batch: list[bytes]) -> None:
            for text in batch:
                unknown, created, identity = _looked_into(text)
                answer.works.append(RawWork(text, unknown))
                answer.keys.append(key_of(created, identity or namer.name(text)))

        with turn:
            await drain(page, incoming, take_in, turn)
        return _finished(answer, page, incoming)


def _followed(endpoint: Endpoint) -> Followed:
    return "next" if endpoint == "works.list" else None


def _finished(answer: Answer, page: PageParser[Any], incoming: Response) -> Answer:
    answer.next_cursor, answer.bytes = page.cursors.next_cursor, incoming.size
    return answer


class _Namer:
    """Names for the works of a page that have no id: each goes by its JSON, and by how often that came before."""

    def __init__(self) -> None:
        self._times: Counter[str] = Counter()

    def name(self, text: bytes) -> str:
        digest = blake2b(text, digest_size=16).hexdigest()
        self._times[digest] += 1
        return f"#{digest}.{self._times[digest]}"


_decode_count: Final = msgspec.json.Decoder(_Count).decode
_stub: Final = msgspec.json.Decoder(_Stub).decode


def _looked_into(text: bytes) -> tuple[bool, datetime | None, str | None]:
    """Whether a work is of no known type or lacks its id, when it was created, and its id."""
    try:
        stub = _stub(text)
        if stub.id:
            return stub.type not in _KNOWN_TYPES, stub.created_date, stub.id
    except DECODE_ERRORS:
        pass
    work: Work = decode_one(text)[0]
    return isinstance(work, UnknownWork), work.created_date, work.id
