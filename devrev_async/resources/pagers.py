"""Lists that come page by page: the works of `works.list`, and the items of any other ``*.list`` endpoint."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Generic, Literal, TypeAlias

from devrev_async import errors
from devrev_async._requests.bodies import encode_body
from devrev_async._transport.page_reader import Page
from devrev_async._transport.request import Request
from devrev_async.models import Work, WorksPage
from devrev_async.options import count_problem

from .closing import Closable

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    T = TypeVar("T", default=dict[str, Any])
else:
    from typing import TypeVar

    T = TypeVar("T")

__all__ = ["Fetch", "ItemPager", "WorksPager", "followed", "page_limit"]

EMPTY_PAGES: Final = 100
"""Empty pages in a row, each with another cursor, after which a list counts as endless."""

U = TypeVar("U")


Fetch: TypeAlias = Callable[[Request], Awaitable[Page[U]]]
"""Sends a request and reads its page."""


class Pager(Closable, Generic[T]):
    """Iterates over the pages of a list; each iteration starts at the first page.

    Args:
        fetch: sends a request and reads its page.
        request: of the first page.
        body: that of the request before it was encoded.
        max_items: where to stop; None stops at the end.
    """

    def __init__(
        self,
        fetch: Fetch[T],
        request: Request,
        body: Mapping[str, Any],
        max_items: int | None,
    ) -> None:
        super().__init__(request.endpoint)
        self._fetch = fetch
        self._request = request
        self._body = body
        self._max_items = max_items

    def __aiter__(self) -> AsyncIterator[T]:
        return self._items()

    async def _items(self) -> AsyncGenerator[T, None]:
        async with aclosing(self._walk(self._fetch)) as pages:
            async for page in pages:
                for item in page.items:
                    yield item

    async def _walk(self, fetch: Fetch[U]) -> AsyncGenerator[Page[U], None]:
        """Yields page by page, up to `max_items` items."""
        request, left = self._request, self._max_items
        guard = _Guard(self._endpoint, self._body.get("cursor"))
        backwards = followed(self._body) == "prev"
        while left != 0:
            page = await self._wait(partial(fetch, request))
            if left is not None:
                page = page._replace(items=page.items[:left])
                left -= len(page.items)
            yield page
            cursor = page.prev_cursor if backwards else page.next_cursor
            if cursor is None or left == 0:
                return
            guard.pass_page(page, cursor)
            request = self._request._replace(body=encode_body({**self._body, "cursor": cursor}, None))


def followed(body: Mapping[str, Any]) -> Literal["next", "prev"]:
    """Returns which cursor of its pages a list with this body follows."""
    return "prev" if body.get("mode") == "before" else "next"


def page_limit(limit: int | None, max_items: int | None, *, default: int | None = None) -> int | None:
    """Returns the `limit` to send: `max_items` where a page would have more.

    Args:
        limit: as the user gave it; it is checked with the other arguments.
        max_items: as the user gave it.
        default: the items of a page without `limit`; None where that is not known.

    Raises:
        InvalidArgumentError: `max_items` is no number of items.
    """
    if max_items is None:
        return limit
    problem = count_problem("max_items", max_items, 0)
    if problem:
        raise errors.InvalidArgumentError(problem)
    usual = default if limit is None else limit
    return max_items if isinstance(usual, int) and 0 < max_items < usual else limit


class _Guard:
    """Detects a list that a server would never end.

    Args:
        endpoint: of the list.
        cursor: of the first page, as the user gave it; None where there is none.
    """

    def __init__(self, endpoint: str, cursor: object) -> None:
        self._endpoint = endpoint
        self._seen = {cursor} if isinstance(cursor, str) else set[str]()
        self._empty = 0

    def pass_page(self, page: Page[Any], cursor: str) -> None:
        """Raises after too many empty pages in a row, and where the next page's cursor was sent before."""
        self._empty = 0 if page.items else self._empty + 1
        if self._empty >= EMPTY_PAGES:
            raise self._error(page, f"{EMPTY_PAGES} empty pages in a row")
        if cursor in self._seen:
            raise self._error(page, "a cursor that it gave before")
        self._seen.add(cursor)

    def _error(self, page: Page[Any], what: str) -> errors.ResponseDecodeError:
        text = f"{self._endpoint}: the server gave {what}; stopped"
        error = errors.ResponseDecodeError(text, status=200, request_id=page.request_id)
        error.endpoint, error.attempts = self._endpoint, page.attempts
        return error


class ItemPager(Pager[T]):
    """The items of all pages of a ``*.list`` endpoint: iterate over it for all of them, or over `pages()`.

    A cursor that repeats, or 100 empty pages in a row, is a `ResponseDecodeError`.
    """

    def __init__(
        self, fetch: Fetch[T], fetch_raw: Fetch[bytes], request: Request, body: Mapping[str, Any], max_items: int | None
    ) -> None:
        super().__init__(fetch, request, body, max_items)
        self._fetch_raw = fetch_raw

    async def pages(self) -> AsyncGenerator[list[T], None]:
        """Yields the items page by page; a page may be empty."""
        async with aclosing(self._walk(self._fetch)) as pages:
            async for page in pages:
                yield page.items

    async def raw_batches(self) -> AsyncGenerator[list[bytes], None]:
        """Yields the items page by page, each as the JSON bytes that the server sent, without empty pages."""
        async with aclosing(self._walk(self._fetch_raw)) as pages:
            async for page in pages:
                if page.items:
                    yield page.items


class WorksPager(Pager[Work]):
    """The works of `works.list`: iterate over it for all of them, or over `pages()`.

    A cursor that repeats, or 100 empty pages in a row, is a `ResponseDecodeError`.
    """

    async def pages(self) -> AsyncGenerator[WorksPage, None]:
        """Yields page by page. The cursors of a page that `max_items` cuts are those of the whole page."""
        async with aclosing(self._walk(self._fetch)) as pages:
            async for page in pages:
                yield WorksPage(page.items, page.next_cursor, page.prev_cursor)
