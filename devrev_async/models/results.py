"""Results of calls that are not works themselves: a page of `works.list`, a count."""

import msgspec

from .works import Work


class WorksPage(msgspec.Struct, frozen=True):
    """One page of `works.list`. A cursor is None where there is no page in its direction."""

    works: list[Work]
    next_cursor: str | None = None
    prev_cursor: str | None = None


class WorksCount(msgspec.Struct, frozen=True):
    """The result of `works.count`; with `has_more` there are more works than `count`, which the server capped."""

    count: int
    has_more: bool = False
