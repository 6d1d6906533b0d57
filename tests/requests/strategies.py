"""Arguments of the calls at random, made from the types that the calls have."""

import types
import typing
from collections import deque
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, timezone
from types import MappingProxyType
from typing import Any

import msgspec
from hypothesis import strategies as st
from msgspec import UNSET, UnsetType

from devrev_async import DateRange, LastDays, ListUpdate, NextDays, StageUpdate
from devrev_async.models import filters, updates
from devrev_async.models.updates import CREATE_FIELDS_OF, UPDATE_FIELDS_OF

TYPES = ("issue", "opportunity", "task", "ticket")
PREFIXES = {"issue": "ISS", "opportunity": "OPP", "task": "TASK", "ticket": "TKT"}
PRIORITIES = ("p0", "p1", "p2", "p3")

Strategy = st.SearchStrategy[Any]

texts = st.text(max_size=20)
ids = st.one_of(
    st.sampled_from(["PROD-1", "DEVU-14", "don:identity:dvrv-us-1:devo/0aB:devu/1", "don:core:dvrv-us-1:stock_sf/123"]),
    st.text(
        st.characters(exclude_categories=("Cs", "Cc", "Zs", "Zl", "Zp"), exclude_characters="/"),
        min_size=1,
        max_size=20,
    ),
)
times = st.datetimes(
    min_value=datetime.fromisoformat("0002-01-01"),
    max_value=datetime.fromisoformat("9998-01-01"),
    timezones=st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes))),
)
dates = st.one_of(
    st.tuples(st.none() | times, st.none() | times)
    .filter(lambda pair: pair[0] is None or pair[1] is None or pair[0] <= pair[1])
    .map(lambda pair: DateRange(after=pair[0], before=pair[1])),
    st.integers(0, 2**32 - 1).map(LastDays),
    st.integers(0, 2**32 - 1).map(NextDays),
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts | times,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)
custom_fields = st.dictionaries(
    st.sampled_from(["tnt__a", "tnt__b", "ctype__c", "app__d"]), json_values, max_size=3
).map(lambda made: made if len(made) % 2 else MappingProxyType(made))


def optional(required: Mapping[str, Strategy], others: Mapping[str, Strategy]) -> Strategy:
    return st.fixed_dictionaries(dict(required), optional=dict(others))


tags = ids | optional({"id": ids}, {"value": texts})
texts_list = st.lists(texts, max_size=2)
unresolved = optional({}, dict.fromkeys(("devrev_field_name", "external_display_name", "external_field_name"), texts))
money = st.fixed_dictionaries({"amount": texts, "currency": st.sampled_from(["EUR", "USD", "JPY"])})
schema_spec = optional(
    {},
    {
        "apps": texts_list,
        "drop": optional({}, {"apps": texts_list, "subtype": st.booleans()}),
        "subtype": texts,
        "tenant_fragment": st.booleans(),
        "validate_required_fields": st.booleans(),
    },
)

NAMED: dict[str, Strategy] = {
    "annual_contract_value": money,
    "channels": st.lists(st.sampled_from(["email", "plug", "slack", "twilio", "twilio_sms"]), max_size=3),
    "custom_fields": custom_fields,
    "custom_schema_spec": schema_spec,
    "UpdateFields.staged_info": optional(
        {},
        {
            "sync_in_unresolved_fields": st.lists(unresolved, max_size=2),
            "sync_out_unresolved_fields": st.lists(unresolved, max_size=2),
            "unresolved_fields": texts_list,
        },
    ),
    "surveys": st.just({}),
    "type": st.lists(st.sampled_from(TYPES), max_size=4),
    "value": money,
    "IssueFilter.priority": st.lists(st.sampled_from(PRIORITIES), max_size=3),
    "SlaFilter.stage": st.lists(st.sampled_from(["breached", "completed", "paused", "running", "warning"]), max_size=3),
    "SyncInFilter.status": st.lists(st.sampled_from(["failed", "modified", "staged", "succeeded"]), max_size=3),
    "SyncOutFilter.status": st.lists(st.sampled_from(["failed", "modified", "succeeded"]), max_size=3),
    "TicketFilter.severity": st.lists(st.sampled_from(["blocker", "high", "low", "medium"]), max_size=3),
    "UpdateFields.artifacts": st.lists(ids, max_size=50)
    | optional({}, dict.fromkeys(("add", "remove", "set"), st.lists(ids, max_size=50)))
    .filter(bool)
    .map(lambda parts: ListUpdate(**parts)),
    "UpdateFields.tags": st.lists(tags, max_size=3)
    | optional({}, {"add": st.lists(tags), "remove": st.lists(ids), "set": st.lists(tags)})
    .filter(bool)
    .map(lambda parts: ListUpdate(**parts)),
    "UpdateFields.priority": st.sampled_from(PRIORITIES),
    "UpdateFields.severity": st.sampled_from(["blocker", "high", "low", "medium"]),
    "UpdateFields.stage": texts
    | optional({}, {"name": texts, "stage": ids}).filter(bool).map(lambda parts: StageUpdate(**parts)),
    "CreateFields.tags": st.lists(tags, max_size=3),
}
for _name in ("priority", "severity", "stage"):
    NAMED[f"CreateFields.{_name}"] = NAMED[f"UpdateFields.{_name}"]


def of_type(hint: Any, name: str) -> Strategy:
    """Values of a type, its bounds included; `None` where the type has it."""
    short = name.rpartition(".")[2]
    if name in NAMED or short in NAMED:
        return NAMED.get(name, NAMED.get(short, st.nothing()))
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        return bounded(arguments[0], arguments[1], name)
    if origin in (types.UnionType, typing.Union):
        if DateRange in arguments:
            return dates
        return st.one_of(*(of_type(argument, name) for argument in arguments if argument is not UnsetType))
    if origin is Sequence:
        return collections_of(of_type(arguments[0], name))
    if origin is typing.Literal:
        return st.sampled_from(arguments)
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return optional({}, of_fields(hint)).map(lambda parts: hint(**parts))
    simple: dict[Any, Strategy] = {
        type(None): st.none(),
        bool: st.booleans(),
        float: st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**60), 2**60),
        str: texts,
    }
    return simple[hint]


def bounded(hint: Any, meta: msgspec.Meta, name: str) -> Strategy:
    if hint is datetime:
        return times
    if hint is int:
        return st.integers(meta.ge, meta.le) | st.sampled_from([meta.ge, meta.le])  # type: ignore[arg-type]
    if hint is str and meta.pattern:
        return ids
    if hint is str:
        return st.text(min_size=meta.min_length or 0, max_size=min(300, meta.max_length or 300))
    (item,) = typing.get_args(hint)
    return collections_of(of_type(item, name), meta.min_length or 0, meta.max_length or 4)


def collections_of(item: Strategy, least: int = 0, most: int = 4) -> Strategy:
    lists = st.lists(item, min_size=least, max_size=min(most, 8))
    return lists | lists.map(tuple) | lists.map(deque)


def of_fields(model: Any) -> dict[str, Strategy]:
    hints = typing.get_type_hints(model, include_extras=True)
    return {name: of_type(hint, f"{model.__name__}.{name}") for name, hint in hints.items()}


every_filter = optional({}, of_fields(filters.Filters))
_updates = of_fields(updates.UpdateFields)
_creates = of_fields(updates.CreateFields)
_of_one_type = frozenset[str]().union(*UPDATE_FIELDS_OF.values(), *CREATE_FIELDS_OF.values())
sort_by = st.lists(st.sampled_from(["created_date:asc", "modified_date:desc", "custom_fields.tnt__x:asc"]), max_size=2)


@st.composite
def an_update(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """The type of a work, and keyword arguments of `update` that are right for it, `id` included."""
    type_ = draw(st.sampled_from(TYPES))
    fields = {
        name: made for name, made in _updates.items() if name not in _of_one_type or name in UPDATE_FIELDS_OF[type_]
    }
    if type_ == "opportunity":
        fields["account"] = ids
    work_id = draw(
        st.sampled_from([f"{PREFIXES[type_]}-14", f"don:core:dvrv-us-1:devo/0aB:{type_}/14", "X-1", "don:core:x"])
    )
    told = draw(st.booleans()) or work_id in ("X-1", "don:core:x")
    unset = dict.fromkeys(draw(st.sets(st.sampled_from(sorted(_updates)), max_size=3)), UNSET)
    return type_, {**unset, **draw(optional({}, fields)), "id": work_id, "type": type_ if told else None}


@st.composite
def a_create(draw: st.DrawFn) -> dict[str, Any]:
    """Keyword arguments of `create`."""
    type_ = draw(st.sampled_from(TYPES))
    fields = {
        name: made for name, made in _creates.items() if name not in _of_one_type or name in CREATE_FIELDS_OF[type_]
    }
    required: dict[str, Strategy] = {
        "type": st.just(type_),
        "title": st.text(min_size=1, max_size=256),
        "applies_to_part": ids,
        "owned_by": collections_of(ids, 1),
    }
    if type_ == "opportunity":
        required["account"] = fields.pop("account")
    made: dict[str, Any] = draw(optional(required, fields))
    return made
