"""The ways in which servers may deviate from the documented API, as one record without I/O."""

from collections.abc import Collection
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from random import Random
from typing import Any, Literal, get_args

SortBy = Literal[
    "honoured",
    "refused",
    "ignored",
    "ascending",
    "descending",
    "random",
    "undated_last",
    "sorted_after_cap",
    "sorted_after_random_cap",
]
DateFilterSupport = Literal["honoured", "ignored", "refused"]
CapPattern = Literal["constant", "random", "falling"]
CountAccuracy = Literal["exact", "one_less", "low", "high", "random", "unsure"]

_CHOICES: dict[str, tuple[str, ...]] = {
    "sort_by": get_args(SortBy),
    "created_date_filter": get_args(DateFilterSupport),
    "modified_date_filter": get_args(DateFilterSupport),
    "cap_pattern": get_args(CapPattern),
    "count": get_args(CountAccuracy),
}
_LOWEST = {
    "cap": 1,
    "cap_bytes": 1,
    "list_cap": 1,
    "empty_pages": 0,
    "empty_every": 2,
    "count_cap": 0,
    "created_ties": 0,
    "modified_ties": 0,
}
_OPTIONAL = ("cap", "cap_bytes", "list_cap", "empty_every", "count_cap")
_DURATIONS = ("count_delay", "clock_offset", "date_offset", "visible_after", "stamp_resolution")
_SIGNED = ("clock_offset", "date_offset")
_NAMES = ("unsortable", "missing_endpoints")
_ZERO = timedelta()


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Quirks:
    """The ways in which a server deviates from the documented API; without arguments, in none.

    `Sandbox(quirks=Quirks(cap=1000, sort_by="ignored"))` plays them over HTTP; models of servers in tests can use the
    same record. Quirks combine freely.

    Raises:
        ValueError: a value is out of its bounds, or not one of those listed.
        TypeError: a value is of the wrong type.
    """

    cap: int | None = None
    """The most works that one answer of works.export has, whatever `first` asks for. At least 1."""
    cap_pattern: CapPattern = "constant"
    """How `cap` varies from one answer to the next: "random" is a third of it to all of it, "falling" is all of it
    in the first answer and a fifth in those after it."""
    cap_bytes: int | None = None
    """The most bytes of works that one answer of works.export has. The first work is in it, however large."""
    list_cap: int | None = None
    """The most works that one page of works.list has, whatever `limit` asks for. At least 1."""
    empty_pages: int = 0
    """This many answers of works.export, and then of works.list, have no works although some match. A cursor of such a
    page of works.list leads to the works that it left out."""
    empty_every: int | None = None
    """With n, every n-th answer of works.export and of works.list is empty in the same way. At least 2."""
    offset_cursors: bool = False
    """A cursor of works.list is an offset and names no work, so that writes between two pages shift the pages."""

    sort_by: SortBy = "honoured"
    """What becomes of `sort_by`.

    - "refused": a 400 of type value_not_permitted whose field_name is "sort_by".
    - "ignored": works come in an order of the server's own, the same each time, that follows no date.
    - "ascending", "descending": by created_date in that direction, whatever is asked.
    - "random": works.export chooses and orders at random in each answer; works.list ignores `sort_by`.
    - "undated_last": honoured, but works without a date come last in either direction, not before all others.
    - "sorted_after_cap": works.export takes the first works in an order of its own, then sorts only those.
    - "sorted_after_random_cap": works.export takes works at random, then sorts only those.
    """
    unsortable: tuple[str, ...] = ()
    """Fields, such as "modified_date", that `sort_by` refuses with the same 400."""

    created_date_filter: DateFilterSupport = "honoured"
    """Whether the filter is honoured, has no effect, or is a 400 of type invalid_field."""
    modified_date_filter: DateFilterSupport = "honoured"
    """Whether the filter is honoured, has no effect, or is a 400 of type invalid_field."""
    trims_bounds: bool = False
    """The bounds of date filters are rounded down to whole seconds before they are used."""
    trims_compared: bool = False
    """Works' dates are rounded down to whole seconds before date filters compare them."""
    trims_shown: bool = False
    """Works' dates are rounded down to whole seconds in answers."""
    excludes_after: bool = False
    """A date equal to the lower bound `after` does not match."""
    excludes_before: bool = False
    """A date equal to the upper bound `before` does not match."""
    undated_in_ranges: bool = False
    """Works without a created_date (modified_date) match every range of it; otherwise they match none."""

    missing_endpoints: tuple[str, ...] = ()
    """Endpoints, such as "works.count", that the server does not have: a 404 for an unknown route."""
    count: CountAccuracy = "exact"
    """What works.count answers for n matching works: "one_less" is n - 1, but at least 0, "low" is n // 2, "high" is
    2n + 20, "random" is 0 to 2n + 20, "unsure" is n, in a third of the answers with has_more true."""
    count_cap: int | None = None
    """works.count answers at most this number; if more works match, with has_more true."""
    count_delay: timedelta = _ZERO
    """works.count does not count works that were created less than this long ago."""

    clock_offset: timedelta = _ZERO
    """How far the server's clock is ahead of this machine's (negative: behind): its `Date`, and the dates it writes.
    `Sandbox.clock` is this clock, and setting it overrides the offset."""
    date_offset: timedelta = _ZERO
    """How far the `Date` header is ahead of the server's clock (negative: behind)."""
    date_frozen: bool = False
    """The `Date` header stays that of the first answer."""

    visible_after: timedelta = _ZERO
    """works.export, works.list and works.count know of a write only this long after the date that it bears (of a date
    in the future: after the write). Until then they show the work as it was before. works.get shows writes at once."""
    keeps_modified_date: bool = False
    """Updates leave modified_date as it was."""
    stamp_resolution: timedelta = _ZERO
    """Dates of writes are rounded down to a multiple of this, so that many works bear one. Zero is a millisecond."""
    created_ties: int = 0
    """This many of the works that the sandbox generates, or all if there are fewer, bear one created_date."""
    modified_ties: int = 0
    """This many of the works that the sandbox generates, or all if there are fewer, bear one modified_date, later than
    those of the others."""

    def __post_init__(self) -> None:
        for field in fields(self):
            _check(field.name, getattr(self, field.name))
        if self.cap_pattern != "constant" and self.cap is None:
            raise ValueError(f"cap_pattern={self.cap_pattern!r} needs cap")

    def __repr__(self) -> str:
        values = ((field.name, getattr(self, field.name), field.default) for field in fields(self))
        return f"Quirks({', '.join(f'{name}={value!r}' for name, value, usual in values if value != usual)})"

    def in_range(self, date: datetime | None, after: datetime | None, before: datetime | None) -> bool:
        """Returns whether a work of that date matches a range, of which at least one bound is given."""
        if date is None:
            return self.undated_in_ranges
        if self.trims_compared:
            date = whole_second(date)
        if self.trims_bounds:
            after, before = after and whole_second(after), before and whole_second(before)
        if after is not None and (date < after or (self.excludes_after and date == after)):
            return False
        return before is None or not (date > before or (self.excludes_before and date == before))

    def page_size(self, first: int, answer: int, rng: Random) -> int:
        """Returns how many works the `answer`-th answer of works.export has at most, counted from 1."""
        cap = self.cap
        if cap is None:
            return first
        if self.cap_pattern == "random":
            cap = rng.randint(max(1, cap // 3), cap)
        elif self.cap_pattern == "falling" and answer > 1:
            cap = max(1, cap // 5)
        return min(first, cap)

    def leaves_empty(self, answer: int) -> bool:
        """Returns whether the `answer`-th answer of an endpoint has no works although some match; counted from 1."""
        return answer <= self.empty_pages or (self.empty_every is not None and answer % self.empty_every == 0)

    def counted(self, matching: int, rng: Random) -> tuple[int, bool]:
        """Returns what works.count answers for so many matching works: a number, and has_more."""
        high = 2 * matching + 20
        answers = {
            "exact": matching,
            "one_less": max(0, matching - 1),
            "low": matching // 2,
            "high": high,
            "random": rng.randint(0, high),
            "unsure": matching,
        }
        count = answers[self.count]
        if self.count_cap is not None and count > self.count_cap:
            return self.count_cap, True
        return count, self.count == "unsure" and rng.randrange(3) == 0

    def shown(self, date: datetime) -> datetime:
        """Returns the date of a work as answers show it."""
        return whole_second(date) if self.trims_shown else date


def whole_second(date: datetime) -> datetime:
    """Returns `date` rounded down."""
    return date.replace(microsecond=0)


def _check(name: str, value: Any) -> None:
    if name in _CHOICES:
        _check_choice(name, value, _CHOICES[name])
    elif name in _LOWEST:
        _check_number(name, value, _LOWEST[name], optional=name in _OPTIONAL)
    elif name in _DURATIONS:
        _check_duration(name, value)
    elif name in _NAMES:
        if not isinstance(value, tuple) or not all(isinstance(item, str) for item in value):  # pyright: ignore[reportUnknownVariableType] - any tuple
            raise TypeError(f"{name} must be a tuple of str, not {value!r}")
    elif not isinstance(value, bool):
        raise TypeError(f"{name} must be a bool, not {value!r}")


def _check_choice(name: str, value: object, choices: Collection[str]) -> None:
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(choices)}, not {value!r}")


def _check_number(name: str, value: object, lowest: int, *, optional: bool) -> None:
    if value is None and optional:
        return
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{name} must be an int{' or None' if optional else ''}, not {value!r}")
    if value < lowest:
        raise ValueError(f"{name} must be at least {lowest}, not {value}")


def _check_duration(name: str, value: object) -> None:
    if not isinstance(value, timedelta):
        raise TypeError(f"{name} must be a timedelta, not {value!r}")
    if value < _ZERO and name not in _SIGNED:
        raise ValueError(f"{name} must not be negative")


NO_QUIRKS = Quirks()
