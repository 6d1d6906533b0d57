"""Pages that wait for a count: all that there is in their ranges, if the server's cap stays the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from .intervals import SECOND, UNDATED, Domain, Gap, Key, chosen, second_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from .messages import Page, Request

T = TypeVar("T")

_LIES: Final = 6
"""Pages in a row that a count contradicts, though they were asked for because of a count and brought nothing."""

_SUSPECTS: Final = 4
_BORNE_OUT: Final = -24
"""Where to begin to tell lies once a count was right to contradict a page."""

_HAD_ROOM: Final = 0.75
"""Of the length of the page before it: what is that much shorter was hardly cut short itself."""


@dataclass(eq=False, slots=True)
class Held(Generic[T]):
    """A page shorter than the longest seen."""

    request: Request
    page: Page[T]
    ordered: list[tuple[Key, T]]
    asked: bool = False

    def shown(self, now: int) -> set[Key]:
        """What a count over the same range should count: not what was created since `now`, in microseconds."""
        everything = self.request.after is None and self.request.before is None
        return {key for key in self.page.keys if key[0] <= now and not (everything and key[0] == UNDATED * SECOND)}


class HeldPages(Generic[T]):
    """All pages that wait."""

    def __init__(self) -> None:
        self._pages: list[Held[T]] = []

    def __iter__(self) -> Iterator[Held[T]]:
        return iter(self._pages)

    def __len__(self) -> int:
        return len(self._pages)

    @property
    def items(self) -> int:
        """Works that they keep in memory."""
        return sum(len(held.ordered) for held in self._pages)

    def add(self, held: Held[T]) -> None:
        self._pages.append(held)

    def remove(self, held: Held[T]) -> None:
        self._pages.remove(held)

    def take_all(self) -> list[Held[T]]:
        pages, self._pages = self._pages, []
        return pages

    def drop_unless(self, is_open: Callable[[int, int], object]) -> None:
        """Forget the pages whose stretch was closed by others."""
        self._pages = [held for held in self._pages if is_open(held.request.low, held.request.high)]

    def cover(self, low: int, high: int) -> bool:
        """Whether a page that waits is for a part of this stretch."""
        return any(held.request.low < high and held.request.high > low for held in self._pages)

    def would_bring(self, gaps: Iterable[Gap], domain: Domain) -> int:
        """How many works they would hand over."""
        works: set[Key] = set()
        for held in self._pages:
            low, high = held.request.low, held.request.high
            if domain.whole(low, high):
                low = UNDATED
            for gap in gaps:
                keys = (key for key, _ in chosen(gap, low, high, held.ordered))
                works.update(key for key in keys if domain.admits(key))
        return len(works)

    def next_to_ask(self, doubts: Doubts) -> Held[T] | None:
        """The page whose range to count next: one that can tell whether a count was right, else the longest."""
        held = max(
            (held for held in self._pages if not held.asked),
            key=lambda held: (doubts.parent(held.request) is not None, len(held.ordered)),
            default=None,
        )
        if held is not None:
            held.asked = True
        return held


class Doubts:
    """Whether counts that contradict pages are borne out by what is fetched because of them."""

    def __init__(self, now: int) -> None:
        self._now = now
        self._suspects: list[tuple[int, int, set[Key]]] = []
        self._lies = 0

    def parent(self, request: Request) -> set[Key] | None:
        """The works of the last page that a count contradicted and that the range of this request was cut from."""
        for low, high, keys in reversed(self._suspects):
            if low <= request.low and request.high <= high:
                return keys
        return None

    def look(self, request: Request, keys: Iterable[Key]) -> None:
        """A page came: works that the one before it did not show bear the count out."""
        parent = self.parent(request)
        if parent is not None and any(
            request.low <= second_of(key) < request.high and key[0] <= self._now and key not in parent for key in keys
        ):
            self._lies = _BORNE_OUT

    def contradicted(self, request: Request, shown: set[Key]) -> bool:
        """A count says that there is more than `shown`; False once the server's counts cannot be believed any more."""
        inside = {key for key in shown if request.low <= second_of(key) < request.high}
        parent = self.parent(request)
        if parent is not None and inside <= parent and len(inside) <= _HAD_ROOM * len(parent):
            self._lies += 1
        if self._lies >= _LIES:
            return False
        self._suspects = [*self._suspects[-_SUSPECTS:], (request.low, request.high, inside)]
        return True
