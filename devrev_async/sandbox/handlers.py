"""The endpoints: a checked body in, an answer out. They know no HTTP."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from . import api_errors, schema, search, times
from .filters import compile_query
from .organisation import Organisation
from .shapes import Record, Shape, check
from .store import Row, Store
from .writes import WorkWriter

Body = Mapping[str, Any]

_LIST_DEFAULT, _LIST_MOST = 50, 100
_EXPORT_DEFAULT = 50


@dataclass(frozen=True, slots=True)
class Response:
    """JSON: `head`, the works of `rows` separated by commas, `tail`."""

    head: bytes
    rows: Sequence[Row] = ()
    tail: bytes = b""
    status: int = 200


class WorksHandlers:
    """The works.* endpoints over one store."""

    def __init__(self, store: Store, organisation: Organisation) -> None:
        self._store = store
        self._writer = WorkWriter(organisation, store)

    async def get(self, body: Body) -> Response:
        return self._one(self._find(body["id"]))

    async def export(self, body: Body) -> Response:
        order = search.Order.parse(body.get("sort_by", ()))
        query = compile_query(body, now=times.now())
        page = await search.find(self._store, query, order, limit=int(body.get("first", _EXPORT_DEFAULT)))
        return Response(b'{"works":[', page.rows, b"]}")

    async def list(self, body: Body) -> Response:
        order = search.Order.parse(body.get("sort_by", ()))
        cursor = search.decode_cursor(body["cursor"], order) if body.get("cursor") else None
        backward = body.get("mode") == "before"
        limit = min(int(body.get("limit", _LIST_DEFAULT)), _LIST_MOST)
        query = compile_query(body, now=times.now())
        page = await search.find(self._store, query, order, limit=limit, cursor=cursor, backward=backward)
        # Behind a cursor lies at least the work it was made of; where the walk goes, `more` knows.
        before, after = (page.more, cursor is not None) if backward else (cursor is not None, page.more)
        tail = {}
        if page.rows and after:
            tail["next_cursor"] = search.encode_cursor(order, page.rows[-1])
        if page.rows and before:
            tail["prev_cursor"] = search.encode_cursor(order, page.rows[0])
        cursors = msgspec.json.encode(tail)[1:]
        return Response(b'{"works":[', page.rows, b"]," + cursors if tail else b"]}")

    async def count(self, body: Body) -> Response:
        matches = await search.count(self._store, compile_query(body, now=times.now()))
        return Response(msgspec.json.encode({"count": matches, "has_more": False}))

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
            self._store.replace(row, changed, {**row.hidden_fields, **hidden_fields})
        return self._one(row)

    async def delete(self, body: Body) -> Response:
        with self._store.lock:
            self._store.delete(self._find(body["id"]))
        return Response(b"{}")

    def _find(self, ref: str) -> Row:
        row = self._store.find(ref)
        if row is None:
            raise api_errors.not_found("work")
        return row

    def _one(self, row: Row, *, status: int = 200) -> Response:
        # Encoded here and now: what a write answers is what that write made.
        return Response(b'{"work":' + (self._store.encode(row) or b"null") + b"}", status=status)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """How an endpoint is asked: by POST always, by GET where `reads`; None as `shape` where the handler checks."""

    handler: Callable[[WorksHandlers, Body], Awaitable[Response]]
    shape: Record | None
    reads: bool

    @property
    def methods(self) -> tuple[str, ...]:
        return ("GET", "POST") if self.reads else ("POST",)


ENDPOINTS: dict[str, Endpoint] = {
    "works.get": Endpoint(WorksHandlers.get, schema.BY_ID, reads=True),
    "works.export": Endpoint(WorksHandlers.export, schema.EXPORT, reads=True),
    "works.list": Endpoint(WorksHandlers.list, schema.LIST, reads=True),
    "works.count": Endpoint(WorksHandlers.count, schema.COUNT, reads=True),
    "works.create": Endpoint(WorksHandlers.create, None, reads=False),
    "works.update": Endpoint(WorksHandlers.update, None, reads=False),
    "works.delete": Endpoint(WorksHandlers.delete, schema.BY_ID, reads=False),
}


def _check_typed(
    body: Body, common: Mapping[str, Shape], by_type: Mapping[str, Mapping[str, Shape]], required: tuple[str, ...]
) -> None:
    """Checks a body whose `type` decides which other fields it may have; without it, none of a type's own."""
    work_type = body.get("type")
    if "type" in body:
        check(common["type"], work_type, "type")
    own = by_type.get(str(work_type), {})
    if work_type == "opportunity" and "type" in required:
        required = (*required, "account")
    check(Record({**common, **own}, required), dict(body))
