"""The counts that were asked for, and what each is for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeAlias, TypeVar

from .doubts import Doubts
from .intervals import LATEST, UNDATED, micros
from .messages import Request
from .totals import Ahead, Counted, LastCount, Totals
from .tuning import AGAIN

if TYPE_CHECKING:
    from datetime import datetime

    from .halves import Halves
    from .intervals import Domain
    from .pages import AwaitingCount

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class OfPage(Generic[T]):
    """A count over the range of one page that awaits it."""

    page: AwaitingCount[T]


@dataclass(frozen=True, slots=True)
class OfEverything:
    """A count over the user's whole range.

    Attributes:
        kind: of what.
        opening: whether it is the one beside the first page.
    """

    kind: Counted
    opening: bool = False


@dataclass(frozen=True, slots=True)
class OfHalf:
    """A count of what was created from a second on, within the user's range."""


Question: TypeAlias = OfPage[T] | OfEverything | OfHalf


class Counts(Generic[T]):
    """Questions by the number of their request, and the answers that hold for the whole run.

    Attributes:
        expected: the answer of the count beside the first page; None before it, and where the server does not count.
        last: the last count over everything.
        opening: whether that count was asked for.
        recounted: how often it was asked for again, with the first page.
        made_before: whether `expected` was counted before the run began.
        probed: whether the server was asked for works of a time at which there are none.
        sized: whether no more is asked for than is left; not after a page that proved nothing for that.
        undated_recounts: how often counts were asked for anew because passes of `works.list` showed no work without a
            date, and proved nothing.
        halves: where a count cut what is left in two.
        misjudged: how often a count said something else than what a full page passes.
    """

    def __init__(self, domain: Domain, now: datetime) -> None:
        self.totals = Totals(domain, now)
        self.ahead = Ahead()
        self.doubts = Doubts(micros(now))
        self.last = LastCount()
        self.expected: int | None = None
        self.opening = False
        self.recounted = 0
        self._beside: tuple[int | None, int] | None = None
        self.made_before = False
        self.probed = False
        self.sized = True
        self.undated_recounts = 0
        self.misjudged = 0
        self.halves: Halves | None = None
        self._questions: dict[int, Question[T]] = {}

    @property
    def asked(self) -> bool:
        """Whether any count is under way."""
        return bool(self._questions)

    @property
    def asked_of_everything(self) -> bool:
        """Whether a count over everything is under way."""
        return any(isinstance(each, OfEverything) and each.kind is Counted.ALL for each in self._questions.values())

    def of_everything(self, number: int, kind: Counted, *, opening: bool = False) -> Request:
        """Returns a request for a count over the user's whole range."""
        self._questions[number] = OfEverything(kind, opening)
        self.opening = self.opening or opening
        after, before = self.totals.range_of(kind)
        return Request("count", number, UNDATED, LATEST, after, before)

    def of_page(self, number: int, page: AwaitingCount[T]) -> Request:
        """Returns a request for a count over the range of a page."""
        self._questions[number] = OfPage(page)
        asked = page.request
        return Request("count", number, asked.low, asked.high, asked.after, self.totals.early(asked.before))

    def of_half(self, number: int, second: int) -> Request:
        """Returns a request for a count from a second on."""
        self._questions[number] = OfHalf()
        after, before = self.totals.range_from(second)
        return Request("count", number, second, LATEST, after, before)

    def answered(self, request: Request) -> Question[T]:
        """Returns what the request was for."""
        return self._questions.pop(request.number)

    def counted_before(self, count: int) -> None:
        """Works were counted before the run began: if the first page shows as many, no other count is needed."""
        self.expected, self.opening, self.made_before = count, True, True
        self.last.note(Counted.ALL, count)

    def ask_anew(self) -> None:
        """What was counted before the run began is not what the first page shows: works may have changed since."""
        self.expected, self.opening, self.made_before = None, False, False

    def ask_again(self, shown: int) -> bool:
        """Returns whether the first page, which shows so many works, and the count beside it are asked for once more.

        They are once, and then while they change: works come and go.
        """
        before, self._beside = self._beside, (self.expected, shown)
        if self.recounted == AGAIN or before == self._beside:
            return False
        self.expected, self.opening = None, False
        self.recounted += 1
        return True
