"""What the planner and its runner exchange: a request to send, the page that answers it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from operator import itemgetter
from typing import TYPE_CHECKING, Generic, Literal, NamedTuple, TypeVar

from .intervals import dated

if TYPE_CHECKING:
    from datetime import datetime

    from .intervals import Key

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Request:
    """One request to send. `after` and `before` replace the user's range of `created_date`; both None: as it is.

    Attributes:
        number: of the request within its plan, from 1.
        low, high: the interval it is for, in seconds; the range asked for is a little wider.
        first: works to ask for at most, of `works.export`.
    """

    kind: Literal["export", "list", "count"]
    number: int
    low: int
    high: int
    after: datetime | None = None
    before: datetime | None = None
    descending: bool = False
    cursor: str | None = None
    first: int = 0


class AtLeast(NamedTuple):
    """A count of a server that says that there are more."""

    works: int


@dataclass(frozen=True)
class Page(Generic[T]):
    """An answer: the keys in its order, the works beside them (whatever stands for a work), the cursor of a list."""

    keys: list[Key]
    items: list[T]
    cursor: str | None = None

    @cached_property
    def times(self) -> list[int]:
        """The timestamps that it shows, in its order."""
        return dated(self.keys)

    def ordered(self) -> list[tuple[Key, T]]:
        """Returns works with their keys, in the order of these."""
        return sorted(zip(self.keys, self.items, strict=True), key=itemgetter(0))
