"""The requests of works.*, a table for each: the union of the beta API of 2025-10 and of 2026-01."""

from .shapes import (
    INT32,
    Boolean,
    DateFilter,
    Enum,
    FreeForm,
    Id,
    Integer,
    ListOf,
    Nullable,
    Number,
    Record,
    Shape,
    Text,
    Timestamp,
)

WORK_TYPES = ("issue", "opportunity", "task", "ticket")

_TEXTS = ListOf(Text())
_IDS = ListOf(Id())
_INTS = ListOf(Integer())
_PRIORITY = Enum(("p0", "p1", "p2", "p3"))
_SEVERITY = Enum(("blocker", "high", "low", "medium"))
_CHANNELS = ListOf(Enum(("email", "plug", "slack", "twilio", "twilio_sms")))
_FORECAST = Enum(("commit", "omitted", "pipeline", "strong_upside", "upside", "won"))
_TITLE = Text(1, 256)
_BODY = Text(0, 65_536)
_MONEY = Record({"amount": Text(), "currency": Text()}, required=("amount", "currency"))
_TAG = Record({"id": Id(), "value": Text()}, required=("id",))
_ARTIFACTS = ListOf(Id(), high=50)
_OWNERS = ListOf(Id(), low=1)
_SCHEMA_SPEC = Record(
    {
        "apps": _TEXTS,
        "drop": Record({"apps": _TEXTS, "subtype": Boolean()}),
        "subtype": Text(),
        "tenant_fragment": Boolean(),
        "validate_required_fields": Boolean(),
    }
)
_SLA = Record(
    {
        "stage": ListOf(Enum(("breached", "completed", "paused", "running", "warning"))),
        "target_time": DateFilter(),
    }
)


def _sync(*statuses: str) -> Record:
    return Record(
        {
            "status": ListOf(Enum(statuses)),
            "sync_date": DateFilter(),
            "sync_history": _IDS,
            "sync_unit": _IDS,
        }
    )


_FILTERS: dict[str, Shape] = {
    "type": ListOf(Enum(WORK_TYPES)),
    "actual_close_date": DateFilter(),
    "applies_to_part": _IDS,
    "created_by": _IDS,
    "created_date": DateFilter(),
    "custom_fields": FreeForm(),
    "external_ref": _TEXTS,
    "issue": Record(
        {
            "accounts": _IDS,
            "actual_start_date": DateFilter(),
            "group": _IDS,
            "priority": ListOf(_PRIORITY),
            "priority_v2": _INTS,
            "rev_orgs": _IDS,
            "sla_summary": _SLA,
            "sprint": _IDS,
            "subtype": _TEXTS,
            "target_start_date": DateFilter(),
        }
    ),
    "modified_by": _IDS,
    "modified_date": DateFilter(),
    "opportunity": Record(
        {"account": _IDS, "contacts": _IDS, "forecast_category_v2": _INTS, "subtype": _TEXTS},
    ),
    "owned_by": _IDS,
    "reported_by": _IDS,
    "stage": Record({"name": _TEXTS, "stages": _IDS}),
    "staged_info": Record({"is_staged": Boolean()}),
    "state": _TEXTS,
    "sync_metadata": Record(
        {
            "external_reference": _TEXTS,
            "last_sync_in": _sync("failed", "modified", "staged", "succeeded"),
            "last_sync_out": _sync("failed", "modified", "succeeded"),
            "origin_system": _TEXTS,
        }
    ),
    "tags": _IDS,
    "target_close_date": DateFilter(),
    "ticket": Record(
        {
            "account": _IDS,
            "brand": _IDS,
            "channels": _CHANNELS,
            "channels_v2": _IDS,
            "group": _IDS,
            "is_frozen": Boolean(),
            "is_spam": Boolean(),
            "needs_response": Boolean(),
            "rev_org": _IDS,
            "severity": ListOf(_SEVERITY),
            "sla_summary": _SLA,
            "source_channel": _TEXTS,
            "source_channel_v2": _IDS,
            "subtype": _TEXTS,
            "surveys": Record({}),
            "visibility": _INTS,
        }
    ),
    "vista": Id(),
}

EXPORT = Record(_FILTERS | {"first": Integer(1, 5000), "sort_by": _TEXTS})
LIST = Record(
    # A limit above 100 is clamped, as clients in the wild report, and not refused.
    _FILTERS | {"cursor": Text(), "limit": Integer(1, INT32 - 1), "mode": Enum(("after", "before")), "sort_by": _TEXTS}
)
COUNT = Record(_FILTERS)
BY_ID = Record({"id": Id()}, required=("id",))

_CUSTOM: dict[str, Shape] = {
    "custom_fields": FreeForm(),
    "custom_schema_fragments": _IDS,
    "custom_schema_spec": _SCHEMA_SPEC,
}
_UNRESOLVED = ListOf(
    Record({"devrev_field_name": Text(), "external_display_name": Text(), "external_field_name": Text()})
)
UPDATE: dict[str, Shape] = {
    "type": Enum(WORK_TYPES),
    "applies_to_part": Id(),
    "artifacts": Record({"add": _ARTIFACTS, "remove": _ARTIFACTS, "set": _ARTIFACTS}),
    "body": _BODY,
    **_CUSTOM,
    "id": Id(),
    "owned_by": Record({"set": _OWNERS}),
    "reported_by": Record({"set": _IDS}),
    "stage": Record({"name": Text(), "stage": Id()}),
    "stage_validation_options": ListOf(Enum(("allow_invalid_transition",))),
    "staged_info": Record(
        {
            "sync_in_unresolved_fields": _UNRESOLVED,
            "sync_out_unresolved_fields": _UNRESOLVED,
            "unresolved_fields": _TEXTS,
        }
    ),
    "tags": Record(
        {"add": ListOf(_TAG), "remove": ListOf(Record({"id": Id()}, required=("id",))), "set": ListOf(_TAG)}
    ),
    "target_close_date": Nullable(Timestamp()),
    "title": _TITLE,
}
UPDATE_BY_TYPE: dict[str, dict[str, Shape]] = {
    "issue": {
        "developed_with": Record({"set": ListOf(Id(), high=8)}),
        "priority": _PRIORITY,
        "priority_v2": Integer(),
        "sprint": Nullable(Id()),
        "target_start_date": Nullable(Timestamp()),
    },
    "ticket": {
        "account": Nullable(Id()),
        "channels": Record({"set": _CHANNELS}),
        "channels_v2": _IDS,
        "group": Nullable(Id()),
        "is_archived": Boolean(),
        "is_frozen": Boolean(),
        "is_spam": Boolean(),
        "needs_response": Boolean(),
        "rev_org": Nullable(Id()),
        "sentiment": Integer(),
        "sentiment_modified_date": Timestamp(),
        "sentiment_summary": Text(),
        "severity": _SEVERITY,
        "source_channel_v2": Nullable(Id()),
        "visibility": Integer(),
    },
    "opportunity": {
        "account": Id(),
        "amount": Nullable(Number()),
        "annual_contract_value": _MONEY,
        "contacts": Record({"set": _IDS}, required=("set",)),
        "customer_budget": Nullable(Number()),
        "forecast_category_v2": Integer(),
        "probability": Nullable(Number()),
        "value": _MONEY,
    },
    "task": {"embedded": Boolean(), "priority": _PRIORITY, "start_date": Timestamp()},
}

CREATE: dict[str, Shape] = {
    "type": Enum(WORK_TYPES),
    "applies_to_part": Id(),
    "artifacts": _IDS,
    "body": _BODY,
    **_CUSTOM,
    "external_ref": Text(1, 512),
    "owned_by": _OWNERS,
    "reported_by": _IDS,
    "stage": Record({"id": Id(), "name": Text()}),
    "stage_validation_options": ListOf(Enum(("allow_non_start",))),
    "tags": ListOf(_TAG),
    "target_close_date": Timestamp(),
    "title": _TITLE,
}
CREATE_BY_TYPE: dict[str, dict[str, Shape]] = {
    "issue": {
        "developed_with": ListOf(Id(), high=8),
        "priority": _PRIORITY,
        "priority_v2": Integer(),
        "sprint": Id(),
        "target_start_date": Timestamp(),
    },
    "ticket": {
        "account": Id(),
        "channels": _CHANNELS,
        "channels_v2": _IDS,
        "group": Id(),
        "is_spam": Boolean(),
        "needs_response": Boolean(),
        "rev_org": Id(),
        "severity": _SEVERITY,
        "source_channel": Text(),
        "source_channel_v2": Id(),
        "visibility": Integer(),
    },
    "opportunity": {
        "account": Id(),
        "amount": Number(),
        "annual_contract_value": _MONEY,
        "contacts": _IDS,
        "customer_budget": Number(),
        "forecast_category": _FORECAST,
        "forecast_category_v2": Integer(),
        "priority": _PRIORITY,
        "probability": Number(),
        "value": _MONEY,
    },
    "task": {"embedded": Boolean(), "priority": _PRIORITY, "start_date": Timestamp()},
}
CREATE_REQUIRED = ("type", "applies_to_part", "owned_by", "title")
