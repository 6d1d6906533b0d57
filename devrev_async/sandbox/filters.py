"""Compiles the filters of works.export, works.list and works.count to functions of a row.

A type's own filter (`issue`, `ticket`, `opportunity`) with anything in it matches works of that type only.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .ids import Ids
from .predicates import Predicate, Ranges, Values, any_of, at, flag, hidden, in_range, is_, is_type, listed, refs
from .quirks import NO_QUIRKS, Quirks
from .row import UNDATED, Row


@dataclass(frozen=True, slots=True)
class Query:
    """A compiled filter: two ranges that the indexes answer (bounds included), and predicates for each row."""

    created: tuple[int, int]
    modified: tuple[int, int]
    predicates: tuple[Predicate, ...]
    undated: bool = False
    """Whether rows without the date of a range match it."""

    def matches(self, row: Row) -> bool:
        if row.source is None:
            return False
        if not self.created[0] <= row.created <= self.created[1] and not (self.undated and row.created == UNDATED):
            return False
        if not self.modified[0] <= row.modified <= self.modified[1] and not (self.undated and row.modified == UNDATED):
            return False
        return all(ask(row) for ask in self.predicates)


def compile_query(body: Mapping[str, Any], *, now: int, ids: Ids, quirks: Quirks = NO_QUIRKS) -> Query:
    """Compiles the filters of `body`, a checked request; other keys are ignored.

    Raises:
        ApiError: 400 invalid_field for a filter that the quirks refuse.
    """
    ranges = Ranges(now, quirks)
    return Query(
        created=ranges.of_index(body, "created_date", quirks.created_date_filter),
        modified=ranges.of_index(body, "modified_date", quirks.modified_date_filter),
        predicates=tuple(_predicates(body, ranges, ids)),
        undated=quirks.undated_in_ranges,
    )


def _predicates(body: Mapping[str, Any], ranges: Ranges, ids: Ids) -> Iterable[Predicate]:
    for key, values in _COMMON.items():
        if body.get(key):
            yield any_of(values, body[key], ids)
    for key in ("actual_close_date", "target_close_date"):
        if key in body:
            yield in_range(at(key), body[key], ranges)
    if "vista" in body:
        yield any_of(hidden("vista"), [body["vista"]], ids)
    for key, values in _STAGE.items():
        if body.get("stage", {}).get(key):
            yield any_of(values, body["stage"][key], ids)
    if "is_staged" in body.get("staged_info", {}):
        yield is_(lambda row: bool(row.hidden_fields.get("is_staged")), body["staged_info"]["is_staged"])
    yield from _sync(body.get("sync_metadata", {}), ranges, ids)
    for key, wanted in body.get("custom_fields", {}).items():
        yield any_of(at("custom_fields", key), listed(wanted), ids)
    for work_type, table in _BY_TYPE.items():
        if any(value != {} for value in body.get(work_type, {}).values()):
            yield is_type(work_type)
            yield from _of_type(table, body[work_type], ranges, ids)


def _of_type(table: Mapping[str, Values], wanted: Mapping[str, Any], ranges: Ranges, ids: Ids) -> Iterable[Predicate]:
    for key, value in wanted.items():
        if key in ("is_frozen", "is_spam", "needs_response"):
            yield is_(flag(key), value)
        elif key in ("actual_start_date", "target_start_date"):
            yield in_range(at(key), value, ranges)
        elif key == "sla_summary":
            if value.get("stage"):
                yield any_of(at("sla_summary", "stage"), value["stage"], ids)
            if "target_time" in value:
                yield in_range(at("sla_summary", "target_time"), value["target_time"], ranges)
        elif key in table and value:
            yield any_of(table[key], value, ids)


def _sync(wanted: Mapping[str, Any], ranges: Ranges, ids: Ids) -> Iterable[Predicate]:
    for key in ("external_reference", "origin_system"):
        if wanted.get(key):
            yield any_of(at("sync_metadata", key), wanted[key], ids)
    for side in ("last_sync_in", "last_sync_out"):
        part = wanted.get(side, {})
        if part.get("status"):
            yield any_of(at("sync_metadata", side, "status"), part["status"], ids)
        if part.get("sync_unit"):
            yield any_of(refs("sync_metadata", side, "sync_unit"), part["sync_unit"], ids)
        if part.get("sync_history"):
            yield any_of(hidden(f"{side}.sync_history"), part["sync_history"], ids)
        if "sync_date" in part:
            yield in_range(at("sync_metadata", side, "sync_date"), part["sync_date"], ranges)


_COMMON: dict[str, Values] = {
    "type": at("type"),
    "applies_to_part": refs("applies_to_part"),
    "created_by": refs("created_by"),
    "external_ref": at("external_ref"),
    "modified_by": refs("modified_by"),
    "owned_by": refs("owned_by"),
    "reported_by": refs("reported_by"),
    "state": at("stage", "state", "name"),
    "tags": refs("tags", "tag"),
}
_STAGE: dict[str, Values] = {"name": at("stage", "name"), "stages": refs("stage", "stage")}
_BY_TYPE: dict[str, dict[str, Values]] = {
    "issue": {
        "accounts": hidden("accounts"),
        "group": hidden("group"),
        "priority": at("priority"),
        "priority_v2": at("priority_v2", "id"),
        "rev_orgs": hidden("rev_orgs"),
        "sprint": refs("sprint"),
        "subtype": at("subtype"),
    },
    "ticket": {
        "account": refs("account"),
        "brand": hidden("brand"),
        "channels": at("channels"),
        "channels_v2": refs("channels_v2"),
        "group": refs("group"),
        "rev_org": refs("rev_org"),
        "severity": at("severity"),
        "source_channel": at("source_channel"),
        "source_channel_v2": refs("source_channel_v2"),
        "subtype": at("subtype"),
        "visibility": at("visibility", "id"),
    },
    "opportunity": {
        "account": refs("account"),
        "contacts": refs("contacts"),
        "forecast_category_v2": at("forecast_category_v2", "id"),
        "subtype": at("subtype"),
    },
}
