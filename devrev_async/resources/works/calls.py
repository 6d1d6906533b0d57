"""The calls of `works.*` that are one request each, or a pager; and their endpoints."""

from __future__ import annotations

import builtins
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final, Literal, Unpack
from urllib.parse import quote

from msgspec import UNSET, UnsetType
from yarl import URL

from devrev_async._decoders.misfits import Decoded
from devrev_async._decoders.responses import decode_count, decode_nothing, work_under
from devrev_async._requests.bodies import MAX_FIRST, create_body, encode_body, query_body, update_content
from devrev_async._transport.page_reader import PageReader
from devrev_async._transport.request import Request
from devrev_async._transport.transport import Transport
from devrev_async.errors import InvalidArgumentError, shown
from devrev_async.models import CreateFields, Filters, UpdateFields, Work
from devrev_async.models.enums import WorkType
from devrev_async.models.ids import check_id, is_plain
from devrev_async.models.results import WorksCount
from devrev_async.options import Timeout
from devrev_async.resources._base import CallOptions, Endpoint, PageEndpoint, Resource, take_only_options, take_options
from devrev_async.resources.iterators import WorksStream
from devrev_async.resources.pagers import WorksPager, followed, page_limit

__all__ = ["COUNT", "EXPORT", "LIST", "UPDATE", "Calls", "QueryArguments"]


class QueryArguments(Filters, CallOptions, total=False):
    """The keyword arguments of a query."""


class UpdateArguments(UpdateFields, CallOptions, total=False):
    """The keyword arguments of `update`, its id and type apart."""


class CreateArguments(CreateFields, CallOptions, total=False):
    """The optional keyword arguments of `create`."""


decode_work: Final = work_under("work")
GET: Final = Endpoint("works.get", decode_work, idempotent=True)
UPDATE: Final = Endpoint("works.update", decode_work)
CREATE: Final = Endpoint("works.create", decode_work)
DELETE: Final = Endpoint("works.delete", decode_nothing)
COUNT: Final = Endpoint("works.count", decode_count, idempotent=True)
EXPORT: Final = PageEndpoint("works.export")
LIST: Final = PageEndpoint("works.list")
DEFAULT_LIMIT: Final = 50
"""Works in a page of `works.list` that names no `limit`, as documented."""


class Calls(Resource):
    """One short method for each endpoint."""

    def __init__(self, transport: Transport, base_url: str) -> None:
        super().__init__(transport, base_url)
        self._get_url = URL(f"{base_url}/works.get", encoded=True)
        self._pages = PageReader(transport, "works")

    async def get(self, id: str, *, timeout: Timeout | float | None = None, max_retries: int | None = None) -> Work:
        """One work, by display id (``"TKT-1042"``) or DON.

        Raises:
            NotFoundError: there is no such work for this token.
        """
        # the usual id needs neither a check nor quoting, nor a URL to be parsed
        if isinstance(id, str) and is_plain(id):
            url = self._get_url.with_query("id=" + id)  # of an enum, its value
        else:
            url = URL(f"{self._get_url}?id={quote(check_id(id), safe='')}", encoded=True)
        request = Request("works.get", url, None, True)
        if timeout is not None or max_retries is not None:
            request = self._bounded(request, timeout, max_retries)
        return self._single(GET, await self._transport.fetch(request, decode_work, follow=True))

    async def update(
        self,
        id: str,
        *,
        type: WorkType | UnsetType | None = None,
        **fields: Unpack[UpdateArguments],
    ) -> Work:
        """Change a work: only the fields given are sent, and None clears the field.

        Args:
            id: display id or DON.
            type: the work's type. None, or `UNSET`, derives it from the id where a type-specific field needs it.
            fields: see `UpdateFields` and `CallOptions`.

        Returns:
            The work after the change.

        Raises:
            OutcomeUnknownError: sent, and the answer was lost.
            NotFoundError: there is no such work for this token.
        """
        options = take_options(fields)
        content = update_content(id, type, fields, options.get("extra_body"))
        return self._single(UPDATE, await self._send(UPDATE, content, options))

    async def create(
        self,
        *,
        type: WorkType,
        title: str,
        applies_to_part: str,
        owned_by: Sequence[str],
        **fields: Unpack[CreateArguments],
    ) -> Work:
        """Create a work. It is never sent twice, unless the server has said that it did not take the first.

        Args:
            type: of the work.
            title: 1 to 256 characters.
            applies_to_part: the id of the part it is about.
            owned_by: ids of users, at least one.
            fields: see `CreateFields` and `CallOptions`; an opportunity needs `account`. A unique `external_ref` lets
                you find out with `list(external_ref=[...])` whether a create with a lost answer was applied.

        Raises:
            OutcomeUnknownError: sent, and the answer was lost.
            ConflictError: the `external_ref` is taken by another work of this type.
        """
        required = {"type": type, "title": title, "applies_to_part": applies_to_part, "owned_by": owned_by}
        options = take_options(fields)
        return self._single(CREATE, await self._call(CREATE, create_body(required, fields), options))

    async def delete(self, id: str, **options: Unpack[CallOptions]) -> None:
        """Delete a work, by display id or DON; this needs the scope ``<type>:all``."""
        await self._call(DELETE, {"id": check_id(id)}, take_only_options(options, "delete"))

    async def count(self, **filters: Unpack[QueryArguments]) -> WorksCount:
        """How many works match; `has_more` says that there are more than that. See `Filters` and `CallOptions`."""
        options = take_options(filters)
        return await self._call(COUNT, query_body(filters, {}, method="count"), options)

    async def export(
        self,
        *,
        first: int = MAX_FIRST,
        sort_by: Sequence[str] | None = None,
        **filters: Unpack[QueryArguments],
    ) -> builtins.list[Work]:
        """The first works that match, in one request; there is no next page (`export_all` has them all).

        Args:
            first: how many at most, 1 to 5000.
            sort_by: as in ``["created_date:asc"]``. The API documents no order without it.
            filters: see `Filters` and `CallOptions`.
        """
        request, _ = self._query(EXPORT, filters, {"first": first, "sort_by": sort_by}, method="export")
        return (await self._pages.fetch(request)).items

    def export_stream(
        self,
        *,
        first: int = MAX_FIRST,
        sort_by: Sequence[str] | None = None,
        **filters: Unpack[QueryArguments],
    ) -> WorksStream:
        """The same as `export`, each work as soon as its bytes have arrived.

        Iterate over it; leave the loop early inside ``async with`` to end the request at once. It is not retried
        once a work was yielded: then a failure raises.
        """
        request, _ = self._query(EXPORT, filters, {"first": first, "sort_by": sort_by}, method="export_stream")
        return WorksStream(self._pages, request)

    def list(
        self,
        *,
        sort_by: Sequence[str] | None = None,
        limit: int | None = None,
        cursor: str | None = None,
        mode: Literal["after", "before"] | None = None,
        max_items: int | None = None,
        **filters: Unpack[QueryArguments],
    ) -> WorksPager:
        """All works that match, page by page, in the server's order.

        Args:
            sort_by: as in ``["created_date:asc"]``.
            limit: works a page; the API documents no maximum (50 if not given) and may give fewer.
            cursor: where to start, from an earlier `WorksPage`.
            mode: ``"after"`` the cursor (the default) or ``"before"`` it, from the end if there is no cursor.
            max_items: so many works at most, in no more requests than they need; 0 sends none.
            filters: see `Filters` and `CallOptions`.
        """
        if mode not in (None, UNSET, "after", "before"):
            raise InvalidArgumentError(f"mode takes 'after' or 'before', not {shown(mode)}")
        start: object = cursor  # it may be UNSET, as any field
        if start is not None and start is not UNSET and (not isinstance(start, str) or not start):
            raise InvalidArgumentError("cursor must be a non-empty cursor from WorksPage")
        paging = {
            "sort_by": sort_by,
            "limit": page_limit(limit, max_items, default=DEFAULT_LIMIT),
            "cursor": cursor,
            "mode": mode,
        }
        request, body = self._query(LIST, filters, paging, method="list")
        return WorksPager(partial(self._pages.fetch, follow=followed(body)), request, body, max_items)

    def _query(
        self, endpoint: PageEndpoint, filters: QueryArguments, paging: Mapping[str, Any], *, method: str
    ) -> tuple[Request, dict[str, Any]]:
        """The request of a query, and its body before it was encoded."""
        options = take_options(filters)
        body, extra = query_body(filters, paging, method=method), options.get("extra_body")
        return self._request(endpoint, encode_body(body, extra), options), {**body, **(extra or {})}

    def _single(self, endpoint: Endpoint[Any], decoded: Decoded[Work]) -> Work:
        work, misfit = decoded
        if misfit is not None:
            self._pages.warn(endpoint.name, [misfit], 1)
        return work
