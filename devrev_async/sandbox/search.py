"""Finding works: order, pages and cursors.

A cursor says after which work to go on, so that works which come and go meanwhile neither repeat nor hide others.
"""

import asyncio
import base64
import binascii
from bisect import bisect_left, bisect_right
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import NamedTuple

import msgspec

from . import api_errors
from .filters import Query
from .store import Row, Store, timestamp

SORTABLE = (
    "created_date",
    "modified_date",
    "target_close_date",
    "actual_close_date",
    "target_start_date",
    "actual_start_date",
)
_BLOCK = 2_000  # rows asked between two turns of the event loop

Key = tuple[int, ...]


class Page(NamedTuple):
    rows: list[Row]
    more: bool  # whether there is another match in the direction of the walk


class Cursor(msgspec.Struct, array_like=True):
    """What a cursor string holds: the order it belongs to, and where in it."""

    order: list[str]
    key: list[int]


@dataclass(frozen=True, slots=True)
class Order:
    """A total order of rows: the sort fields, then age. The API promises no default; here it is newest first."""

    fields: tuple[str, ...]

    @classmethod
    def parse(cls, sort_by: Sequence[str]) -> "Order":
        """`sort_by` as sent: ``field:asc`` or ``field:desc``, most significant first.

        Raises:
            ApiError: 400 value_not_permitted, for a bare ``-field`` too.
        """
        for item in sort_by:
            name, colon, direction = item.partition(":")
            if not colon or direction not in ("asc", "desc") or name not in SORTABLE:
                allowed = [f"{field}:{way}" for field in SORTABLE for way in ("asc", "desc")]
                raise api_errors.not_permitted("sort_by", "must be field:asc or field:desc", allowed)
        return cls(tuple(sort_by) or ("created_date:desc",))

    def key(self) -> Callable[[Row], Key]:
        """A function that gives each row its place; works without a date come last in either direction."""
        parts = [(field, direction == "desc") for field, _, direction in (item.partition(":") for item in self.fields)]
        # Ties go the way of the last field, so that :desc is exactly :asc backwards and one index serves both.
        sign = -1 if parts[-1][1] else 1

        def place(row: Row) -> Key:
            key: list[int] = []
            for field, descending in parts:
                value = _value(row, field)
                key += (1, 0) if value is None else (0, -value if descending else value)
            return (*key, sign * row.seq)

        return place

    @property
    def index(self) -> str | None:
        """The one index that is in this order (or exactly in the reverse of it)."""
        name = self.fields[0].partition(":")[0]
        return name if len(self.fields) == 1 and name in ("created_date", "modified_date") else None

    def candidates(self, store: Store, query: Query) -> list[Row]:
        """A snapshot of the rows within the query's date ranges, sorted if an index can; else the smaller set."""
        if self.index == "modified_date":
            rows = store.modified_between(*query.modified)
        elif self.index == "created_date":
            rows = store.created_between(*query.created)
        else:
            rows = min(store.created_between(*query.created), store.modified_between(*query.modified), key=len)
        if self.index and self.fields[0].endswith(":desc"):
            rows.reverse()
        return rows


async def find(
    store: Store, query: Query, order: Order, *, limit: int, cursor: Cursor | None = None, backward: bool = False
) -> Page:
    """At most `limit` matches in `order`, after `cursor` (before it if `backward`: then the nearest to it)."""
    place = order.key()
    rows = order.candidates(store, query)
    if order.index is None:
        # The keys are made in the blocks' pace and the sort itself is quick, so that the loop is not held for long.
        keyed = [(place(row), row) async for block in _matching(rows, query) for row in block]
        keyed.sort(key=itemgetter(0))
        rows = [row for _, row in keyed]
    if cursor is not None:
        key = tuple(cursor.key)
        rows = rows[: bisect_left(rows, key, key=place)] if backward else rows[bisect_right(rows, key, key=place) :]
    found: list[Row] = []
    async for block in _matching(reversed(rows) if backward else rows, query, limit):
        found += block
        if len(found) > limit:
            break
    page = found[:limit]
    return Page(page[::-1] if backward else page, len(found) > limit)


async def count(store: Store, query: Query) -> int:
    """How many match."""
    rows = Order(("target_close_date:asc",)).candidates(store, query)
    return sum([len(block) async for block in _matching(rows, query)])


def encode_cursor(order: Order, row: Row) -> str:
    cursor = Cursor(list(order.fields), list(order.key()(row)))
    return base64.urlsafe_b64encode(msgspec.json.encode(cursor)).decode().rstrip("=")


def decode_cursor(text: str, order: Order) -> Cursor:
    """Raises a ApiError (400 value_not_permitted) for what `encode_cursor` did not make for this order."""
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        cursor = msgspec.json.decode(raw, type=Cursor)
    except (binascii.Error, UnicodeError, ValueError, msgspec.MsgspecError):
        raise api_errors.not_permitted("cursor", "not a cursor of this endpoint") from None
    if tuple(cursor.order) != order.fields or len(cursor.key) != 2 * len(order.fields) + 1:
        raise api_errors.not_permitted("cursor", "made for another sort_by")
    return cursor


async def _matching(rows: Iterable[Row], query: Query, most: int = _BLOCK) -> AsyncIterator[list[Row]]:
    """The matches, block by block: other tasks of the loop get their turn in between."""
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
        case _:
            value = (row.work or {}).get(field)
            return timestamp(value) if isinstance(value, str) else None
