"""Counts over the whole export: what they prove, and when they say that too much is missing."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import Enum
from typing import TYPE_CHECKING, Final

from .intervals import moment_of
from .tuning import AHEAD, BLATANT, BLATANT_SHARE

if TYPE_CHECKING:
    from .intervals import Domain

FIRST_DAY: Final = datetime(1900, 1, 1, tzinfo=UTC)
"""Before any work was created."""


class Counted(Enum):
    """What a count is asked for, beside the range of one page."""

    ALL = 0
    DATED = 1
    EARLY = 2
    """With a timestamp, and not after the run's beginning."""


class Ahead:
    """Counts over everything, asked for while what seem to be the last pages are under way: one wait less.

    Such a count is as good as one asked for after those pages, unless a further page had to be asked for.
    """

    def __init__(self) -> None:
        self._asked: list[int] = []
        self._good = False
        self._count: int | None = None

    @property
    def wanted(self) -> bool:
        return not self._good and len(self._asked) < AHEAD

    def ask(self, number: int) -> None:
        """One is asked for by the request of this number."""
        self._asked.append(number)
        self._good = True

    def void(self) -> None:
        """A page is asked for."""
        self._good, self._count = False, None

    def answer(self, number: int, count: int) -> bool:
        """Whether the request of this number was such a count; it is kept if it is still good."""
        if self._good and self._asked[-1] == number:
            self._count = count
        return number in self._asked

    def take(self) -> int | None:
        """The count, once, if there is one."""
        count, self._count = self._count, None
        return count


class LastCount:
    """The last count over everything. Pages that are complete by assumption alone must not show fewer works.

    Attributes:
        checked: whether everything is counted anew, once all is shown.
        exact: whether the server did not say that there are more.
    """

    def __init__(self) -> None:
        self.checked = False
        self.exact = False
        self._works: int | None = None
        self._wrong = False

    @property
    def known(self) -> bool:
        return self._works is not None

    def note(self, question: Counted, works: int, *, exact: bool = True) -> None:
        """Works were counted."""
        if question is not Counted.DATED and not self._wrong:
            self._works, self.exact = works, exact

    def contradict(self) -> None:
        """Pages showed more works than were counted, twice: no count is used from here on."""
        self._works, self._wrong, self.exact = None, True, False

    def says_more(self, shown: int) -> bool:
        """Whether it says that there are more works than those."""
        return self._works is not None and self._works > shown


class Totals:
    """The counts over the user's whole range, asked one after the other while each says that works may be missing.

    Args:
        domain: the user's range.
        begun: when the run began.
    """

    def __init__(self, domain: Domain, begun: datetime) -> None:
        self._domain = domain
        self._begun = begun
        self._exact = False
        self._counts: dict[Counted, int | None] = {}

    def __contains__(self, question: Counted) -> bool:
        return question in self._counts

    def answer(self, question: Counted, count: int | None) -> None:
        self._counts[question] = count

    def end(self) -> None:
        """The server counts nothing."""
        for question in Counted:
            self._counts.setdefault(question, None)

    def ask_again(self) -> None:
        """Asks for all of them once more: they were not of one moment."""
        self._counts.clear()

    def ask_anew(self) -> None:
        """Asks for all of them once more; each that says more than was found is followed by the next one."""
        self._exact = True
        self._counts.clear()

    def range_of(self, question: Counted) -> tuple[datetime | None, datetime | None]:
        """The range to count, inclusive, as wide as that of the first page; None: no bound."""
        after, before = self._domain.bounds(self._domain.low, self._domain.high)
        if question is not Counted.ALL:
            after = after or FIRST_DAY
        if question is Counted.EARLY:
            before = self.early(before)
        return after, before

    def range_from(self, second: int) -> tuple[datetime | None, datetime | None]:
        """The range to count for what was created from a second on, inclusive."""
        return moment_of(second), self._domain.bounds(second, self._domain.high)[1]

    def early(self, before: datetime | None) -> datetime:
        """What was created since the run's beginning does not matter, and would make no count match."""
        return self._begun if before is None else min(before, self._begun)

    def next(self, found: int) -> Counted | None:
        """The next to ask for, None once one says no more than was found, or the last one was asked."""
        for question in self._steps():
            if question not in self._counts:
                return question
            if not self._exceeds(question, found):
                return None
        return None

    def too_many(self, found: int) -> bool:
        """Whether all of them say that there are by far more works than were found."""
        return all(question in self._counts and self._exceeds(question, found) for question in self._steps())

    def show_undated(self) -> bool:
        """Whether the server counts more works without a range than with one."""
        everything, with_date = self._counts.get(Counted.ALL), self._counts.get(Counted.DATED)
        return everything is not None and with_date is not None and everything > with_date

    def unexplained(self, found: int) -> bool:
        """Whether the server counts more works than were found, without a range of the user's."""
        count = self._counts.get(Counted.ALL)
        return count is not None and count > found and not self._domain.limited

    def _steps(self) -> list[Counted]:
        return [Counted.ALL, Counted.EARLY] if self._domain.limited else list(Counted)

    def _exceeds(self, question: Counted, found: int) -> bool:
        count = self._counts[question]
        exact = self._exact or (question is Counted.ALL and not self._domain.limited)
        least = found if exact else max(found + BLATANT - 1, int(found * BLATANT_SHARE))
        return count is not None and count > least
