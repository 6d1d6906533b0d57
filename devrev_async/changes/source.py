"""The requests of `changes` over the transport: counts, with the server's clock, and complete exports of a window."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from hashlib import blake2b
from typing import Any, Final, Protocol

import msgspec

from devrev_async import errors
from devrev_async._decoders.fallback import DECODE_ERRORS, decode_one
from devrev_async._decoders.responses import decode_count
from devrev_async._decoders.unknown_keys import unknown_keys
from devrev_async._limits.headers import parse_http_date
from devrev_async._requests.bodies import encode_body, query_body
from devrev_async._transport.page_reader import PageReader
from devrev_async._transport.request import Request
from devrev_async.export.iteration import WorkExport
from devrev_async.export.opening import open_export
from devrev_async.models import DateRange, Work
from devrev_async.models.base import Timestamp
from devrev_async.models.results import WorksCount

from .instants import SECOND, UNDATED, UNREADABLE, micros
from .windows import MANY, ROOM

__all__ = ["ChangesSource", "Counted", "described", "described_raw"]

_SIDE_BY_SIDE: Final = 2
"""Pages under way at most: a window fits one page, and of one that does not, each page takes memory."""


@dataclass(frozen=True, slots=True)
class Counted:
    """What the server answered to a count.

    Attributes:
        count: `MANY` if it says only that there are more than fit; None if it did not count.
        date: its clock, in microseconds since 1970, rounded down to a second; None if it sent none.
        refused: whether it refused the request, and so perhaps the filter by `modified_date`.
    """

    count: int | None
    date: int | None
    refused: bool = False


class Post(Protocol):
    """Makes the request of an endpoint and an encoded body."""

    def __call__(self, endpoint: str, content: bytes, /) -> Request: ...


class ChangesSource:
    """Sends the requests of one call of `changes`; retries included.

    Args:
        pages: decodes pages of works.
        post: makes requests.
        filters: the keyword arguments of the query.
        extra_body: further keys of every body.
    """

    def __init__(
        self, pages: PageReader, post: Post, filters: Mapping[str, Any], extra_body: Mapping[str, Any] | None
    ) -> None:
        self._pages = pages
        self._post = post
        self._filters = dict(filters)
        self._extra_body = extra_body

    async def count(self, after: datetime | None, before: datetime | None) -> Counted:
        """How many works were modified in a range, both ends inclusive; None: no bound."""
        body = query_body(self._filters | _range(after, before), {}, method="changes")
        transport = self._pages.transport
        call = transport.call(self._post("works.count", encode_body(body, self._extra_body)))
        counted, refused = None, False
        try:
            counted = _fitting(await transport.finish(call, decode_count))
        except (errors.UnauthorizedError, errors.TooManyRequestsError):
            raise
        except errors.BadRequestError:
            refused = after is not None or before is not None
        except (errors.APIError, errors.ResponseDecodeError):
            pass  # the server does not count: a complete read does without
        date = parse_http_date(call.date)
        return Counted(counted, None if date is None else int(date // 1) * SECOND, refused)

    def export(self, after: datetime | None, before: datetime | None, count: int | None) -> WorkExport:
        """A complete export of the works that were modified in a range, of which so many were counted just before."""
        return open_export(
            self._pages,
            self._post,
            self._filters | _range(after, before),
            extra_body=self._extra_body,
            max_parallel=_SIDE_BY_SIDE,
            counted=count,
        )


def described(works: Iterable[Work]) -> Iterator[tuple[datetime | None, int, str, Work]]:
    """Works with their `modified_date`, the same as a stamp, and what distinguishes them.

    That is their id. A stamp of a whole second may be one that the server trimmed, so that two changes in that second
    bear the same: then what the work says counts, too, lest the second one is taken for the first.
    """
    for work in works:
        changed, stamp = work.modified_date, _stamp_of(work)
        yield changed, stamp, _identity(work.id, stamp, work.to_json), work


def described_raw(texts: Iterable[bytes]) -> Iterator[tuple[datetime | None, int, str, bytes]]:
    """The same of works that are JSON; of what they say, keys count that their type does not have, too."""
    for text in texts:
        changed, stamp, id = _looked_into(text)
        yield changed, stamp, _identity(id, stamp, partial(_content_of, text)), text


class _Stub(msgspec.Struct):
    id: str | None = None
    modified_date: Timestamp | None = None


_stub: Final = msgspec.json.Decoder(_Stub).decode


def _looked_into(text: bytes) -> tuple[datetime | None, int, str | None]:
    try:
        stub = _stub(text)
    except DECODE_ERRORS:
        work: Work = decode_one(text)[0]
        return work.modified_date, _stamp_of(work), work.id
    return stub.modified_date, micros(stub.modified_date), stub.id


def _stamp_of(work: Work) -> int:
    changed = work.modified_date
    if changed is None and work.invalid is not None and "modified_date" in work.invalid:
        return UNREADABLE
    return micros(changed)


def _content_of(text: bytes) -> bytes:
    known = decode_one(text)[0].to_json()
    return known + unknown_keys(text, known)


def _identity(id: str | None, stamp: int, content: Callable[[], bytes]) -> str:
    """The id, and a digest of the content where the id is missing or the stamp may have been trimmed."""
    if id and (stamp % SECOND or stamp in (UNDATED, UNREADABLE)):
        return id
    return f"{id or ''}#{blake2b(content(), digest_size=16).hexdigest()}"


def _range(after: datetime | None, before: datetime | None) -> dict[str, DateRange]:
    return {} if after is None and before is None else {"modified_date": DateRange(after=after, before=before)}


def _fitting(counted: WorksCount) -> int | None:
    if not counted.has_more:
        return counted.count
    return MANY if counted.count > ROOM else None
