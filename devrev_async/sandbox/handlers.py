"""The works.* endpoints: from a checked body to an answer, without HTTP."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from . import api_errors, schema
from .clock import Clock
from .filters import Query, compile_query
from .ids import Ids
from .pages import Pages
from .quirks import Quirks
from .row import Row
from .shapes import Record, Shape, check
from .store import Store
from .writes import WorkWriter

Body = Mapping[str, Any]

LIST_DEFAULT, LIST_MOST = 50, 100
_EXPORT_DEFAULT = 50


@dataclass(frozen=True, slots=True)
class Response:
    """A JSON body in parts: `head`, the works of `rows` separated by commas, and `tail`."""

    head: bytes
    rows: Sequence[Row] = ()
    tail: bytes = b""
    status: int = 200


@dataclass(frozen=True, slots=True)
class Endpoint:
    """How an endpoint is called: by POST, and by GET if `reads`. Where `shape` is None, the handler checks the body."""

    handler: Callable[[Body], Awaitable[Response]]
    shape: Record | None
    reads: bool

    @property
    def methods(self) -> tuple[str, ...]:
        return ("GET", "POST") if self.reads else ("POST",)


class WorksHandlers:
    """The works.* endpoints over one store."""

    def __init__(self, store: Store, pages: Pages, writer: WorkWriter, ids: Ids, clock: Clock, quirks: Quirks) -> None:
        self._store = store
        self._ids = ids
        self._pages = pages
        self._writer = writer
        self._clock = clock
        self._quirks = quirks

    def endpoints(self) -> dict[str, Endpoint]:
        """Returns the endpoints by name, such as "works.export"."""
        return {
            "works.get": Endpoint(self.get, schema.BY_ID, reads=True),
            "works.export": Endpoint(self.export, schema.EXPORT, reads=True),
            "works.list": Endpoint(self.list, schema.LIST, reads=True),
            "works.count": Endpoint(self.count, schema.COUNT, reads=True),
            "works.create": Endpoint(self.create, None, reads=False),
            "works.update": Endpoint(self.update, None, reads=False),
            "works.delete": Endpoint(self.delete, schema.BY_ID, reads=False),
        }

    async def get(self, body: Body) -> Response:
        return self._one(self._find(body["id"]))

    async def export(self, body: Body) -> Response:
        first = int(body.get("first", _EXPORT_DEFAULT))
        rows = await self._pages.export_page(self._query(body), body.get("sort_by", ()), first)
        return Response(b'{"works":[', rows, b"]}")

    async def list(self, body: Body) -> Response:
        page = await self._pages.list_page(
            self._query(body),
            body.get("sort_by", ()),
            limit=min(int(body.get("limit", LIST_DEFAULT)), LIST_MOST),
            cursor=body.get("cursor"),
            backward=body.get("mode") == "before",
        )
        return Response(b'{"works":[', page.rows, cursors_tail(page.next_cursor, page.prev_cursor))

    async def count(self, body: Body) -> Response:
        matches, more = await self._pages.count(self._query(body), self._clock.micros())
        return Response(msgspec.json.encode({"count": matches, "has_more": more}))

    async def create(self, body: Body) -> Response:
        _check_typed(body, schema.CREATE, schema.CREATE_BY_TYPE, schema.CREATE_REQUIRED)
        with self._store.lock:
            external_ref = body.get("external_ref")
            if external_ref is not None and self._store.find_external(body["type"], external_ref):
                raise api_errors.ApiError(409, api_errors.documented_body(409))
            row = self._store.add(*self._writer.create(body))
        return self._one(row, status=201)

    async def update(self, body: Body) -> Response:
        _check_typed(body, schema.UPDATE, schema.UPDATE_BY_TYPE, ("id",))
        with self._store.lock:
            row = self._find(body["id"])
            work = row.work or {}
            if body.get("type", work.get("type")) != work.get("type"):
                raise api_errors.not_permitted("type", "the work is of another type", [str(work.get("type"))])
            changed, hidden_fields = self._writer.update(work, body)
            row = self._store.replace(row, changed, {**row.hidden_fields, **hidden_fields})
        return self._one(row)

    async def delete(self, body: Body) -> Response:
        with self._store.lock:
            self._store.delete(self._find(body["id"]))
        return Response(b"{}")

    def _query(self, body: Body) -> Query:
        return compile_query(body, now=self._clock.micros(), ids=self._ids, quirks=self._quirks)

    def _find(self, ref: str) -> Row:
        row = self._store.find(ref)
        if row is None:
            raise api_errors.not_found("work")
        return row

    def _one(self, row: Row, *, status: int = 200) -> Response:
        # It is encoded at once, so that a write answers with its own result and no later one.
        return Response(b'{"work":' + (self._store.encode(row) or b"null") + b"}", status=status)


def cursors_tail(next_cursor: str | None, prev_cursor: str | None) -> bytes:
    """Returns what follows the items of a page."""
    cursors = {"next_cursor": next_cursor, "prev_cursor": prev_cursor}
    given = {name: cursor for name, cursor in cursors.items() if cursor is not None}
    return b"]," + msgspec.json.encode(given)[1:] if given else b"]}"


def _check_typed(
    body: Body, common: Mapping[str, Shape], by_type: Mapping[str, Mapping[str, Shape]], required: tuple[str, ...]
) -> None:
    """Checks a body whose `type` decides which further fields it may have."""
    work_type = body.get("type")
    if "type" in body:
        check(common["type"], work_type, "type")
    own = by_type.get(str(work_type), {})
    if work_type == "opportunity" and "type" in required:
        required = (*required, "account")
    check(Record({**common, **own}, required), dict(body))
