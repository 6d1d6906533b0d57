"""Predicates on rows, of which filters consist. Works may have any shape, so none is taken for granted."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, cast

from . import api_errors, times
from .ids import Ids
from .index import FOREVER
from .quirks import DateFilterSupport, Quirks
from .row import UNDATED, Row

Predicate = Callable[[Row], bool]
Values = Callable[[Row], Iterable[object]]  # what a row offers to a filter: ids, names, numbers

EVERYTHING = (-FOREVER, FOREVER)
_DATED = UNDATED + 1  # the lowest bound of a range, which works without the date do not match
_SECOND = 1_000_000


class Ranges:
    """Turns date filters into inclusive bounds on exact dates, with what the quirks do to dates and bounds."""

    def __init__(self, now: int, quirks: Quirks) -> None:
        self._now = now
        self._quirks = quirks

    def of_index(self, body: Mapping[str, Any], key: str, support: DateFilterSupport) -> tuple[int, int]:
        """Returns the bounds of the filter `key`; without such a filter, or if it has no effect, all of time."""
        if key not in body or support == "ignored":
            return EVERYTHING
        if support == "refused":
            raise api_errors.invalid_field(key)
        low, high = self.bounds(body[key])
        return max(low, _DATED), high

    def bounds(self, wanted: Mapping[str, Any]) -> tuple[int, int]:
        """Returns the least and the greatest date that the filter `wanted` matches."""
        if wanted.get("type", "range") == "range":
            after, before = wanted.get("after"), wanted.get("before")
            return (
                self._low(times.parse(after)) if after else -FOREVER,
                self._high(times.parse(before)) if before else FOREVER,
            )
        days = int(wanted["days"]) * times.DAY
        if wanted["preset_type"] == "last_n_days":
            return self._low(self._now - days), self._high(self._now)
        return self._low(self._now), self._high(self._now + days)

    def _low(self, bound: int) -> int:
        bound = _floor(bound) if self._quirks.trims_bounds else bound
        if not self._quirks.trims_compared:
            return bound + self._quirks.excludes_after
        # A date that is rounded down reaches the bound from the next whole second on, the bound itself included.
        return _floor(bound) + _SECOND if self._quirks.excludes_after else -_floor(-bound)

    def _high(self, bound: int) -> int:
        bound = _floor(bound) if self._quirks.trims_bounds else bound
        if not self._quirks.trims_compared:
            return bound - self._quirks.excludes_before
        if self._quirks.excludes_before and bound % _SECOND == 0:
            return bound - 1
        return _floor(bound) + _SECOND - 1  # every date of the bound's second is rounded down to it, or below


def _floor(date: int) -> int:
    return date // _SECOND * _SECOND


def any_of(values: Values, wanted: Collection[object], ids: Ids) -> Predicate:
    texts = frozenset(form for item in wanted if isinstance(item, str) for form in ids.forms(item))
    if all(isinstance(item, str) for item in wanted):
        return lambda row: any(value in texts for value in values(row) if isinstance(value, str))
    # Numbers, booleans and whatever a custom field holds: 1 and True are different things on the wire.
    return lambda row: any(_same(value, item) for value in values(row) for item in wanted)


def _same(one: object, other: object) -> bool:
    return isinstance(one, bool) == isinstance(other, bool) and one == other


def is_(flag: Predicate, wanted: bool) -> Predicate:
    return lambda row: flag(row) == wanted


def is_type(work_type: str) -> Predicate:
    return lambda row: bool(row.value("type") == work_type)


def in_range(values: Values, wanted: Mapping[str, Any], ranges: Ranges) -> Predicate:
    low, high = ranges.bounds(wanted)

    def inside(row: Row) -> bool:
        for value in values(row):
            try:
                return isinstance(value, str) and low <= times.parse_quickly(value) <= high
            except ValueError:
                return False
        return False

    return inside


def _walk(row: Row, path: tuple[str, ...]) -> Sequence[Any]:
    """Returns every non-null value at `path`, within arrays too."""
    found: Sequence[Any] = _present(row.value(path[0]))
    for key in path[1:]:
        found = [inner for item in found for inner in _step(item, key)]
    return found


def _step(item: Any, key: str) -> Sequence[Any]:
    return _present(cast("dict[str, Any]", item).get(key) if isinstance(item, dict) else None)


def _present(value: object) -> Sequence[Any]:
    return () if value is None else listed(value)


def at(*path: str) -> Values:
    if len(path) == 1:  # the common case, and twice as fast
        return lambda row: _present(row.value(path[0]))
    return lambda row: _walk(row, path)


def refs(*path: str) -> Values:
    """Returns a function for both ids of every object at `path`."""
    return lambda row: [ref for item in _walk(row, path) for key in ("id", "display_id") for ref in _step(item, key)]


def hidden(key: str) -> Values:
    return lambda row: listed(row.hidden_fields.get(key))


def listed(value: object) -> list[object]:
    return cast("list[object]", value) if isinstance(value, list) else [value]


def flag(key: str) -> Predicate:
    return lambda row: bool(row.value(key))
