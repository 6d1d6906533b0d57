"""The filters of export, list and count, compiled to plain functions of a row. Pure but for the clock of the presets.

A type's own filter (`issue`, `ticket`, `opportunity`) with anything in it matches works of that type only.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from . import api_errors, ids, times
from .index import FOREVER
from .quirks import NO_QUIRKS, DateFilterSupport, Quirks
from .row import UNDATED, Row

Predicate = Callable[[Row], bool]
Values = Callable[[Row], Iterable[object]]  # what a row offers to a filter: ids, names, numbers


_EVERYTHING = (-FOREVER, FOREVER)
_DATED = UNDATED + 1  # the lowest bound of a range, which works without the date do not match
_SECOND = 1_000_000


@dataclass(frozen=True, slots=True)
class Query:
    """A compiled filter: two ranges that the indexes answer (bounds included), and predicates for each row."""

    created: tuple[int, int]
    modified: tuple[int, int]
    predicates: tuple[Predicate, ...]
    undated: bool = False
    """Whether rows without the date of a range match it."""

    def matches(self, row: Row) -> bool:
        if row.work is None or not (
            self._within(self.created, row.created) and self._within(self.modified, row.modified)
        ):
            return False
        return all(ask(row) for ask in self.predicates)

    def _within(self, bounds: tuple[int, int], date: int) -> bool:
        return bounds[0] <= date <= bounds[1] or (self.undated and date == UNDATED)


def compile_query(body: Mapping[str, Any], *, now: int, quirks: Quirks = NO_QUIRKS) -> Query:
    """The filters of `body`, a checked request; keys that are no filters are ignored.

    Raises:
        ApiError: 400 invalid_field for a filter that the quirks refuse.
    """
    ranges = Ranges(now, quirks)
    return Query(
        created=ranges.of_index(body, "created_date", quirks.created_date_filter),
        modified=ranges.of_index(body, "modified_date", quirks.modified_date_filter),
        predicates=tuple(_predicates(body, ranges)),
        undated=quirks.undated_in_ranges,
    )


class Ranges:
    """Turns date filters into inclusive bounds on exact dates, whatever the quirks do to dates and bounds."""

    def __init__(self, now: int, quirks: Quirks) -> None:
        self._now = now
        self._quirks = quirks

    def of_index(self, body: Mapping[str, Any], key: str, support: DateFilterSupport) -> tuple[int, int]:
        """The bounds that `body` has under `key`; everything where there is no such filter, or it has no effect."""
        if key not in body or support == "ignored":
            return _EVERYTHING
        if support == "refused":
            raise api_errors.invalid_field(key)
        low, high = self.bounds(body[key])
        return max(low, _DATED), high

    def bounds(self, wanted: Mapping[str, Any]) -> tuple[int, int]:
        """The least and the greatest date, both included, that the filter `wanted` matches."""
        if wanted["type"] == "range":
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


def _predicates(body: Mapping[str, Any], ranges: Ranges) -> Iterable[Predicate]:
    for key, values in _COMMON.items():
        if body.get(key):
            yield _any_of(values, body[key])
    for key in ("actual_close_date", "target_close_date"):
        if key in body:
            yield _in_range(_at(key), body[key], ranges)
    if "vista" in body:
        yield _any_of(_hidden_fields("vista"), [body["vista"]])
    for key, values in _STAGE.items():
        if body.get("stage", {}).get(key):
            yield _any_of(values, body["stage"][key])
    if "is_staged" in body.get("staged_info", {}):
        yield _is(lambda row: bool(row.hidden_fields.get("is_staged")), body["staged_info"]["is_staged"])
    yield from _sync(body.get("sync_metadata", {}), ranges)
    for key, wanted in body.get("custom_fields", {}).items():
        yield _any_of(_at("custom_fields", key), _listed(wanted))
    for work_type, table in _BY_TYPE.items():
        if any(value != {} for value in body.get(work_type, {}).values()):
            yield _is_type(work_type)
            yield from _of_type(table, body[work_type], ranges)


def _of_type(table: Mapping[str, Values], wanted: Mapping[str, Any], ranges: Ranges) -> Iterable[Predicate]:
    for key, value in wanted.items():
        if key in ("is_frozen", "is_spam", "needs_response"):
            yield _is(_flag(key), value)
        elif key in ("actual_start_date", "target_start_date"):
            yield _in_range(_at(key), value, ranges)
        elif key == "sla_summary":
            if value.get("stage"):
                yield _any_of(_at("sla_summary", "stage"), value["stage"])
            if "target_time" in value:
                yield _in_range(_at("sla_summary", "target_time"), value["target_time"], ranges)
        elif key in table and value:
            yield _any_of(table[key], value)


def _sync(wanted: Mapping[str, Any], ranges: Ranges) -> Iterable[Predicate]:
    for key in ("external_reference", "origin_system"):
        if wanted.get(key):
            yield _any_of(_at("sync_metadata", key), wanted[key])
    for side in ("last_sync_in", "last_sync_out"):
        part = wanted.get(side, {})
        if part.get("status"):
            yield _any_of(_at("sync_metadata", side, "status"), part["status"])
        if part.get("sync_unit"):
            yield _any_of(_refs("sync_metadata", side, "sync_unit"), part["sync_unit"])
        if part.get("sync_history"):
            yield _any_of(_hidden_fields(f"{side}.sync_history"), part["sync_history"])
        if "sync_date" in part:
            yield _in_range(_at("sync_metadata", side, "sync_date"), part["sync_date"], ranges)


def _any_of(values: Values, wanted: Collection[object]) -> Predicate:
    texts = frozenset(form for item in wanted if isinstance(item, str) for form in ids.forms(item))
    if all(isinstance(item, str) for item in wanted):
        return lambda row: any(value in texts for value in values(row) if isinstance(value, str))
    # Numbers, booleans and whatever a custom field holds: 1 and True are different things on the wire.
    return lambda row: any(_same(value, item) for value in values(row) for item in wanted)


def _same(one: object, other: object) -> bool:
    return isinstance(one, bool) == isinstance(other, bool) and one == other


def _is(flag: Predicate, wanted: bool) -> Predicate:
    return lambda row: flag(row) == wanted


def _is_type(work_type: str) -> Predicate:
    return lambda row: row.work is not None and row.work.get("type") == work_type


def _in_range(values: Values, wanted: Mapping[str, Any], ranges: Ranges) -> Predicate:
    low, high = ranges.bounds(wanted)

    def inside(row: Row) -> bool:
        for value in values(row):
            try:
                return isinstance(value, str) and low <= times.parse_quickly(value) <= high
            except ValueError:
                return False
        return False

    return inside


def _walk(row: Row, path: tuple[str, ...]) -> list[Any]:
    """Every non-null value at `path`; arrays on the way are entered."""
    found: list[Any] = [row.work]
    for key in path:
        found = [inner for item in found for inner in _step(item, key)]
    return found


def _step(item: Any, key: str) -> Sequence[Any]:
    # Users put works of any shape into the sandbox, so nothing is taken for granted here.
    value: Any = cast("dict[str, Any]", item).get(key) if isinstance(item, dict) else None
    if value is None:
        return ()
    return _listed(value)


def _at(*path: str) -> Values:
    if len(path) == 1:  # the common case, and twice as fast
        return lambda row: _step(row.work, path[0])
    return lambda row: _walk(row, path)


def _refs(*path: str) -> Values:
    """Both ids of every object at `path`."""
    return lambda row: [ref for item in _walk(row, path) for key in ("id", "display_id") for ref in _step(item, key)]


def _hidden_fields(key: str) -> Values:
    return lambda row: _listed(row.hidden_fields.get(key))


def _listed(value: object) -> list[object]:
    return cast("list[object]", value) if isinstance(value, list) else [value]


def _flag(key: str) -> Predicate:
    return lambda row: row.work is not None and bool(row.work.get(key))


_COMMON: dict[str, Values] = {
    "type": _at("type"),
    "applies_to_part": _refs("applies_to_part"),
    "created_by": _refs("created_by"),
    "external_ref": _at("external_ref"),
    "modified_by": _refs("modified_by"),
    "owned_by": _refs("owned_by"),
    "reported_by": _refs("reported_by"),
    "state": _at("stage", "state", "name"),
    "tags": _refs("tags", "tag"),
}
_STAGE: dict[str, Values] = {"name": _at("stage", "name"), "stages": _refs("stage", "stage")}
_BY_TYPE: dict[str, dict[str, Values]] = {
    "issue": {
        "accounts": _hidden_fields("accounts"),
        "group": _hidden_fields("group"),
        "priority": _at("priority"),
        "priority_v2": _at("priority_v2", "id"),
        "rev_orgs": _hidden_fields("rev_orgs"),
        "sprint": _refs("sprint"),
        "subtype": _at("subtype"),
    },
    "ticket": {
        "account": _refs("account"),
        "brand": _hidden_fields("brand"),
        "channels": _at("channels"),
        "channels_v2": _refs("channels_v2"),
        "group": _refs("group"),
        "rev_org": _refs("rev_org"),
        "severity": _at("severity"),
        "source_channel": _at("source_channel"),
        "source_channel_v2": _refs("source_channel_v2"),
        "subtype": _at("subtype"),
        "visibility": _at("visibility", "id"),
    },
    "opportunity": {
        "account": _refs("account"),
        "contacts": _refs("contacts"),
        "forecast_category_v2": _at("forecast_category_v2", "id"),
        "subtype": _at("subtype"),
    },
}
