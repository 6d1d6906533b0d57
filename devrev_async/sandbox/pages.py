"""Chooses the works of an answer, its cursors and its counts, as the quirks have it."""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from . import api_errors, search, times
from .filters import Query
from .quirks import Quirks
from .row import Row
from .search import OWN_ORDER, ListPage, Order
from .store import Store

_BY_AGE = {"ascending": Order(("created_date:asc",)), "descending": Order(("created_date:desc",))}


class Pages:
    """Chooses the works of each answer over one store."""

    def __init__(self, store: Store, quirks: Quirks, seed: int) -> None:
        unknown = set(quirks.unsortable) - set(search.SORTABLE)
        if unknown:
            raise ValueError(f"unsortable names no sort field: {', '.join(sorted(unknown))}")
        self._store = store
        self._quirks = quirks
        self._rng = random.Random(f"quirks {seed}")
        self._answers: Counter[str] = Counter()

    async def export_page(self, query: Query, sort_by: Sequence[str], first: int) -> list[Row]:
        """Returns the works of one answer of works.export."""
        order = self._order(sort_by)
        answer = self._next_answer("works.export")
        limit = self._quirks.page_size(first, answer, self._rng)
        if self._quirks.leaves_empty(answer):
            return []
        match self._quirks.sort_by:
            case "random":
                rows = await self._sample(query, limit)
            case "sorted_after_random_cap":
                rows = sorted(await self._sample(query, limit), key=order.key())
            case "sorted_after_cap":
                rows = (await search.find(self._store, query, OWN_ORDER, limit=limit)).rows
                rows.sort(key=order.key())
            case "ignored":
                rows = (await search.find(self._store, query, OWN_ORDER, limit=limit)).rows
            case _:
                rows = (await search.find(self._store, query, order, limit=limit)).rows
        return self._within_bytes(rows)

    async def list_page(
        self, query: Query, sort_by: Sequence[str], *, limit: int, cursor: str | None, backward: bool
    ) -> ListPage:
        """Returns one page of works.list, after `cursor` or, if `backward`, before it."""
        order = self._order(sort_by)
        if self._quirks.sort_by not in ("honoured", "refused", "undated_last", *_BY_AGE):
            order = OWN_ORDER
        limit = min(limit, self._quirks.list_cap or limit)
        if self._quirks.leaves_empty(self._next_answer("works.list")):
            again = cursor or search.encode_cursor(order, ())
            return ListPage((), prev_cursor=again) if backward else ListPage((), next_cursor=again)
        if self._quirks.offset_cursors:
            return await self._by_offset(query, order, limit, cursor, backward=backward)
        return await search.list_page(self._store, query, order, limit=limit, cursor=cursor, backward=backward)

    async def count(self, query: Query, now: int) -> tuple[int, bool]:
        """Returns the answer of works.count: a number, and whether there are more than that."""
        delay = times.micros_of(self._quirks.count_delay)
        if delay:
            low, high = query.created
            query = replace(query, created=(low, min(high, now - delay)))
        return self._quirks.counted(await search.count(self._store, query), self._rng)

    def _order(self, sort_by: Sequence[str]) -> Order:
        if sort_by and self._quirks.sort_by == "refused":
            raise api_errors.not_permitted("sort_by", "the server does not sort")
        sortable = [field for field in search.SORTABLE if field not in self._quirks.unsortable]
        order = search.parse_order(sort_by, sortable=sortable, undated_last=self._quirks.sort_by == "undated_last")
        return _BY_AGE.get(self._quirks.sort_by, order)

    def _next_answer(self, endpoint: str) -> int:
        self._answers[endpoint] += 1
        return self._answers[endpoint]

    async def _sample(self, query: Query, limit: int) -> list[Row]:
        rows = await search.find_all(self._store, query, OWN_ORDER)
        return self._rng.sample(rows, min(limit, len(rows)))

    def _within_bytes(self, rows: list[Row]) -> list[Row]:
        if self._quirks.cap_bytes is None:
            return rows
        left = self._quirks.cap_bytes
        for n, row in enumerate(rows):
            left -= len(self._store.encode(row) or b"")
            if left < 0:
                return rows[: max(1, n)]
        return rows

    async def _by_offset(
        self, query: Query, order: Order, limit: int, cursor: str | None, *, backward: bool
    ) -> ListPage:
        key = search.decode_cursor(cursor, order, key_length=1) if cursor else ()
        rows = await search.find_all(self._store, query, order)
        if backward:
            stop = min(key[0] if key else len(rows), len(rows))
            start = max(0, stop - limit)
        else:
            start = key[0] if key else 0
            stop = start + limit
        return ListPage(
            rows[start:stop],
            next_cursor=search.encode_cursor(order, (stop,)) if stop < len(rows) else None,
            prev_cursor=search.encode_cursor(order, (start,)) if start else None,
        )
