"""The filters of export, list and count, compiled to plain functions of a row. Pure but for the clock of the presets.

A type's own filter (`issue`, `ticket`, `opportunity`) with anything in it matches works of that type only.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from . import ids, times
from .store import FOREVER, Row

Predicate = Callable[[Row], bool]
Values = Callable[[Row], Iterable[object]]  # what a row offers to a filter: ids, names, numbers


@dataclass(frozen=True, slots=True)
class Query:
    """A compiled filter: two ranges that the indexes answer (both ends included), and what is left to ask each row."""

    created: tuple[int, int]
    modified: tuple[int, int]
    predicates: tuple[Predicate, ...]

    def matches(self, row: Row) -> bool:
        if row.work is None or not self.created[0] <= row.created <= self.created[1]:
            return False
        return self.modified[0] <= row.modified <= self.modified[1] and all(ask(row) for ask in self.predicates)


def compile_query(body: Mapping[str, Any], *, now: int) -> Query:
    """`body` is a checked request; keys that are no filters are ignored."""
    return Query(
        created=_range(body.get("created_date"), now),
        modified=_range(body.get("modified_date"), now),
        predicates=tuple(_predicates(body, now)),
    )


def _predicates(body: Mapping[str, Any], now: int) -> Iterable[Predicate]:
    for key, values in _COMMON.items():
        if body.get(key):
            yield _any_of(values, body[key])
    for key in ("actual_close_date", "target_close_date"):
        if key in body:
            yield _in_range(_at(key), body[key], now)
    if "vista" in body:
        yield _any_of(_hidden_fields("vista"), [body["vista"]])
    for key, values in _STAGE.items():
        if body.get("stage", {}).get(key):
            yield _any_of(values, body["stage"][key])
    if "is_staged" in body.get("staged_info", {}):
        yield _is(lambda row: bool(row.hidden_fields.get("is_staged")), body["staged_info"]["is_staged"])
    yield from _sync(body.get("sync_metadata", {}), now)
    for key, wanted in body.get("custom_fields", {}).items():
        yield _any_of(_at("custom_fields", key), _listed(wanted))
    for work_type, table in _BY_TYPE.items():
        if any(value != {} for value in body.get(work_type, {}).values()):
            yield _is_type(work_type)
            yield from _of_type(table, body[work_type], now)


def _of_type(table: Mapping[str, Values], wanted: Mapping[str, Any], now: int) -> Iterable[Predicate]:
    for key, value in wanted.items():
        if key in ("is_frozen", "is_spam", "needs_response"):
            yield _is(_flag(key), value)
        elif key in ("actual_start_date", "target_start_date"):
            yield _in_range(_at(key), value, now)
        elif key == "sla_summary":
            if value.get("stage"):
                yield _any_of(_at("sla_summary", "stage"), value["stage"])
            if "target_time" in value:
                yield _in_range(_at("sla_summary", "target_time"), value["target_time"], now)
        elif key in table and value:
            yield _any_of(table[key], value)


def _sync(wanted: Mapping[str, Any], now: int) -> Iterable[Predicate]:
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
            yield _in_range(_at("sync_metadata", side, "sync_date"), part["sync_date"], now)


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


def _in_range(values: Values, wanted: Mapping[str, Any], now: int) -> Predicate:
    low, high = _range(wanted, now)

    def inside(row: Row) -> bool:
        for value in values(row):
            try:
                return isinstance(value, str) and low <= times.parse_quickly(value) <= high
            except ValueError:
                return False
        return False

    return inside


def _range(wanted: Mapping[str, Any] | None, now: int) -> tuple[int, int]:
    if wanted is None:
        return -FOREVER, FOREVER
    if wanted["type"] == "range":
        after, before = wanted.get("after"), wanted.get("before")
        return times.parse(after) if after else -FOREVER, times.parse(before) if before else FOREVER
    days = int(wanted["days"]) * times.DAY
    return (now - days, now) if wanted["preset_type"] == "last_n_days" else (now, now + days)


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
