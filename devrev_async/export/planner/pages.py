"""The states of a page that proves nothing by itself yet, and what ends each of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from .intervals import SECOND, UNDATED, Domain, Interval, Key, chosen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from .messages import Page, Request

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class AwaitingOtherEnd(Generic[T]):
    """A full page, the first one of its server: the other end of its interval is asked for.

    Ends: proved by order, if the two pages show that the server sorts; `AwaitingCount`, if together they show as many
    works as were counted; else its interval is bisected.
    """

    request: Request
    page: Page[T]


class Ends(Generic[T]):
    """Pages of a server that may sort, until two ends of an interval are there to compare.

    Attributes:
        first: a full page that is to be compared.
        other_end: the request for the other end, perhaps sent before the first page was there.
        behind: the request for what stands behind the first page.
        middle: a second between the two ends, where dates are even.
        from_middle: the requests for what stands before and behind it.
    """

    def __init__(self) -> None:
        self.first: AwaitingOtherEnd[T] | None = None
        self.other_end: Request | None = None
        self.behind: Request | None = None
        self.middle: int | None = None
        self.from_middle: list[Request] = []
        self._answers: dict[int, Page[T]] = {}

    @property
    def works(self) -> int:
        """Works that they keep in memory."""
        first = 0 if self.first is None else len(self.first.page.keys)
        return first + sum(len(page.keys) for page in self._answers.values())

    @property
    def unproved(self) -> list[Request]:
        """The requests whose pages prove nothing before the two ends do."""
        return [*([] if self.behind is None else [self.behind]), *self.from_middle]

    def add(self, request: Request, page: Page[T]) -> None:
        """Takes in an answer."""
        self._answers[request.number] = page

    def pop(self, request: Request | None) -> Page[T] | None:
        """Returns the answer to a request, if it is there, and keeps it no longer."""
        return None if request is None else self._answers.pop(request.number, None)


@dataclass(frozen=True, eq=False, slots=True)
class AwaitingCount(Generic[T]):
    """A page that is shorter than what was asked for, and than the longest one of its server: maybe all there is.

    Ends: proved by count, if `works.count` counts exactly as many, over everything or over the page's own range;
    incomplete, if it counts more; judged by order, by list, or by the cap alone, if it cannot be used.

    Attributes:
        passed: whether it is what a full page passes: bisected, if a count of its range says anything else.
    """

    request: Request
    page: Page[T]
    ordered: list[tuple[Key, T]]
    passed: bool = False

    def shown(self, now: int) -> set[Key]:
        """Returns what a count of the same range should count: not what was created since `now`, in microseconds."""
        everything = self.request.after is None and self.request.before is None
        return {key for key in self.page.keys if key[0] <= now and not (everything and key[0] == UNDATED * SECOND)}

    def closes(self, intervals: Iterable[Interval], domain: Domain) -> set[Key]:
        """Returns what it would close the open intervals with, works that the user's range excludes too."""
        low, high = self.request.low, self.request.high
        if domain.whole(low, high):
            low = UNDATED
        return {key for interval in intervals for key, _ in chosen(interval, low, high, self.ordered)}


class AwaitingCounts(Generic[T]):
    """All pages that await a count."""

    def __init__(self) -> None:
        self._pages: list[AwaitingCount[T]] = []
        self._asked: set[int] = set()

    def __iter__(self) -> Iterator[AwaitingCount[T]]:
        return iter(self._pages)

    def __len__(self) -> int:
        return len(self._pages)

    @property
    def works(self) -> int:
        """Works that they keep in memory."""
        return sum(len(page.ordered) for page in self._pages)

    def add(self, page: AwaitingCount[T]) -> None:
        """Takes in a page."""
        self._pages.append(page)

    def remove(self, page: AwaitingCount[T]) -> None:
        """The page was judged."""
        self._pages.remove(page)
        self._asked.discard(page.request.number)  # together with a page from its other end it may wait once more

    def clear(self) -> list[AwaitingCount[T]]:
        """Returns all pages, and keeps none."""
        pages, self._pages = self._pages, []
        return pages

    def drop_unless(self, is_open: Callable[[int, int], object]) -> None:
        """Forgets the pages whose interval was closed by others."""
        self._pages = [page for page in self._pages if is_open(page.request.low, page.request.high)]

    def cover(self, low: int, high: int) -> bool:
        """Returns whether a page that waits is for a part of this interval."""
        return any(page.request.low < high and page.request.high > low for page in self._pages)

    def beside(self, part: Request, works: int) -> list[AwaitingCount[T]]:
        """Returns a page next to what a full page passes, itself such a part of at most so many works."""
        return [
            page
            for page in self._pages
            if page.passed
            and page.request.number not in self._asked
            and (page.request.high == part.low or page.request.low == part.high)
            and len(page.ordered) <= works
        ][:1]

    def would_show(self, intervals: Sequence[Interval], domain: Domain) -> int:
        """Returns how many works they would close the open intervals with, those that the user's range excludes too."""
        return len(set[Key]().union(*(page.closes(intervals, domain) for page in self._pages)))

    def next_to_count(self, telling: Callable[[Request], bool]) -> AwaitingCount[T] | None:
        """Returns the page whose range to count next: one that can show whether a count was right, else the longest."""
        page = max(
            (page for page in self._pages if page.request.number not in self._asked),
            key=lambda page: (telling(page.request), len(page.ordered)),
            default=None,
        )
        if page is not None:
            self._asked.add(page.request.number)
        return page
