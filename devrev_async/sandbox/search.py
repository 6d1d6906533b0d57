"""Finding works: order, pages and cursors.

A cursor names the last work of its page, so that works which are created or deleted meanwhile neither repeat nor hide
others.
"""

import asyncio
import base64
import binascii
from bisect import bisect_left, bisect_right
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import NamedTuple, Protocol

import msgspec

from . import api_errors
from .filters import Query
from .row import UNDATED, Row, timestamp

SORTABLE = (
    "created_date",
    "modified_date",
    "target_close_date",
    "actual_close_date",
    "target_start_date",
    "actual_start_date",
)
_BLOCK = 2_000  # rows examined between two turns of the event loop

Key = tuple[int, ...]


class Page(NamedTuple):
    rows: list[Row]
    more: bool  # whether there is another match in the direction of the walk


class Searchable(Protocol):
    """What can be searched: a store of works, or an index of what they refer to."""

    def created_between(self, low: int, high: int, *, undated: bool = False) -> list[Row]: ...
    def modified_between(self, low: int, high: int, *, undated: bool = False) -> list[Row]: ...


@dataclass(frozen=True, slots=True)
class ListPage:
    """One page of a list endpoint."""

    rows: Sequence[Row]
    next_cursor: str | None = None
    prev_cursor: str | None = None


class Cursor(msgspec.Struct, array_like=True):
    """What a cursor string encodes: an order, and a place in it. An empty key is the beginning."""

    order: list[str]
    key: list[int]


@dataclass(frozen=True, slots=True)
class Order:
    """A total order of rows: the sort fields, then age. The API promises no default; here it is newest first."""

    fields: tuple[str, ...]
    undated_last: bool = False
    """Whether works without a created_date or modified_date come last in either direction, not before all others."""

    def key(self) -> Callable[[Row], Key]:
        """Returns a function that gives each row its place. Without any other date it is last in either direction."""
        parts = [(field, direction == "desc") for field, _, direction in (item.partition(":") for item in self.fields)]
        # Ties follow the direction of the last field, so that :desc is exactly :asc reversed and one index serves both.
        sign = -1 if parts[-1][1] else 1

        def place(row: Row) -> Key:
            key: list[int] = []
            for field, descending in parts:
                value = _value(row, field)
                if value is None or (self.undated_last and value == UNDATED):
                    key += (1, 0)
                else:
                    key += (0, -value if descending else value)
            return (*key, sign * row.seq)

        return place

    @property
    def key_length(self) -> int:
        return 2 * len(self.fields) + 1

    @property
    def index(self) -> str | None:
        """The index that has this order or its exact reverse; None if there is none."""
        name = self.fields[0].partition(":")[0]
        indexed = len(self.fields) == 1 and name in ("created_date", "modified_date") and not self.undated_last
        return name if indexed else None

    def candidates(self, store: Searchable, query: Query) -> list[Row]:
        """Returns a snapshot of the rows in the query's date ranges, in this order if an index has it."""
        if self.index == "modified_date":
            rows = store.modified_between(*query.modified, undated=query.undated)
        elif self.index == "created_date":
            rows = store.created_between(*query.created, undated=query.undated)
        else:
            rows = min(
                store.created_between(*query.created, undated=query.undated),
                store.modified_between(*query.modified, undated=query.undated),
                key=len,
            )
        if self.index and self.fields[0].endswith(":desc"):
            rows.reverse()
        return rows


OWN_ORDER = Order(("own:asc",))  # follows no date: that of a server which ignores `sort_by`


def parse_order(sort_by: Sequence[str], *, sortable: Sequence[str] = SORTABLE, undated_last: bool = False) -> Order:
    """Parses `sort_by`: ``field:asc`` or ``field:desc``, most significant first.

    Raises:
        ApiError: 400 value_not_permitted, for a bare ``-field`` too.
    """
    for item in sort_by:
        name, colon, direction = item.partition(":")
        if not colon or direction not in ("asc", "desc") or name not in sortable:
            allowed = [f"{field}:{way}" for field in sortable for way in ("asc", "desc")]
            raise api_errors.not_permitted("sort_by", "must be field:asc or field:desc", allowed)
    return Order(tuple(sort_by) or ("created_date:desc",), undated_last)


async def find(
    store: Searchable, query: Query, order: Order, *, limit: int, key: Key = (), backward: bool = False
) -> Page:
    """Returns at most `limit` matches in `order`: those next after `key` or, if `backward`, next before it."""
    rows = await _ordered(store, query, order)
    if key:
        place = order.key()
        rows = rows[: bisect_left(rows, key, key=place)] if backward else rows[bisect_right(rows, key, key=place) :]
    found: list[Row] = []
    async for block in _matching(reversed(rows) if backward else rows, query, limit):
        found += block
        if len(found) > limit:
            break
    page = found[:limit]
    return Page(page[::-1] if backward else page, len(found) > limit)


async def find_all(store: Searchable, query: Query, order: Order) -> list[Row]:
    """Returns every match, in `order`."""
    rows = await _ordered(store, query, order)
    return [row async for block in _matching(rows, query) for row in block]


async def count(store: Searchable, query: Query) -> int:
    """Returns the number of matches."""
    rows = OWN_ORDER.candidates(store, query)
    return sum([len(block) async for block in _matching(rows, query)])


async def list_page(
    store: Searchable, query: Query, order: Order, *, limit: int, cursor: str | None, backward: bool
) -> ListPage:
    """Returns the page after `cursor` or, if `backward`, before it.

    Raises:
        ApiError: 400 value_not_permitted for a cursor that is none, or of another order.
    """
    key = decode_cursor(cursor, order, key_length=order.key_length) if cursor else ()
    page = await find(store, query, order, limit=limit, key=key, backward=backward)
    # Behind the cursor is at least the work that it names; whether there is one ahead, `more` says.
    before, after = (page.more, bool(key)) if backward else (bool(key), page.more)
    place = order.key()
    return ListPage(
        page.rows,
        next_cursor=encode_cursor(order, place(page.rows[-1])) if page.rows and after else None,
        prev_cursor=encode_cursor(order, place(page.rows[0])) if page.rows and before else None,
    )


def encode_cursor(order: Order, key: Key) -> str:
    cursor = Cursor(list(order.fields), list(key))
    return base64.urlsafe_b64encode(msgspec.json.encode(cursor)).decode().rstrip("=")


def decode_cursor(text: str, order: Order, *, key_length: int) -> Key:
    """Returns the key of a cursor that was made for this order.

    Raises:
        ApiError: 400 value_not_permitted for any other text.
    """
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        cursor = msgspec.json.decode(raw, type=Cursor)
    except (binascii.Error, UnicodeError, ValueError, msgspec.MsgspecError):
        raise api_errors.not_permitted("cursor", "not a cursor of this endpoint") from None
    if tuple(cursor.order) != order.fields or len(cursor.key) not in (0, key_length):
        raise api_errors.not_permitted("cursor", "made for another sort_by")
    return tuple(cursor.key)


async def _ordered(store: Searchable, query: Query, order: Order) -> list[Row]:
    """Returns the candidates in `order`; where no index has that order, only those that match."""
    rows = order.candidates(store, query)
    if order.index is None:
        # Keys are computed block by block and the sort itself is fast, so that the loop is not blocked for long.
        place = order.key()
        keyed = [(place(row), row) async for block in _matching(rows, query) for row in block]
        keyed.sort(key=itemgetter(0))
        rows = [row for _, row in keyed]
    return rows


async def _matching(rows: Iterable[Row], query: Query, most: int = _BLOCK) -> AsyncIterator[list[Row]]:
    """Yields the matches, block by block; other tasks of the loop run in between."""
    block: list[Row] = []
    for n, row in enumerate(rows, 1):
        if query.matches(row):
            block.append(row)
        if len(block) > most or n % _BLOCK == 0:
            yield block
            block = []
            await asyncio.sleep(0)
    yield block


def _value(row: Row, field: str) -> int | None:
    match field:
        case "created_date":
            return row.created
        case "modified_date":
            return row.modified
        case "own":
            return row.seq * 2_654_435_761 % 2**32  # Knuth's multiplicative hash: scattered, and always the same
        case _:
            value = row.value(field)
            return timestamp(value) if isinstance(value, str) else None
