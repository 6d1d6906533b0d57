"""What calls return that is no work itself: a page of `works.list`, a count."""

import msgspec

from .works import Work


class WorksPage(msgspec.Struct, frozen=True):
    """One page of `works.list`. A cursor is None where there is no page in its direction."""

    works: list[Work]
    next_cursor: str | None = None
    prev_cursor: str | None = None


class WorksCount(msgspec.Struct, frozen=True):
    """What `works.count` answers: `has_more` says that there are more works than `count`, which may be capped."""

    count: int
    has_more: bool = False
