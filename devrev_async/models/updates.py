"""What a user may say of a work: the fields of create and update, list and stage updates, and which type has which.

Bounds and nullability are those of the beta specs of 2025-10 and 2026-01 (schemas `works-create-request*` and
`works-update-request*`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal, NotRequired, TypeAlias, TypedDict

from msgspec import UNSET, Meta, Struct, UnsetType

from .base import Timestamp
from .enums import Priority, Severity, TicketChannel, WorkType
from .filters import Int64
from .ids import Id

__all__ = [
    "CREATE_FIELDS_OF",
    "UPDATE_FIELDS_OF",
    "CreateFields",
    "ListUpdate",
    "StageUpdate",
    "UpdateFields",
    "WorkUpdate",
]

Title = Annotated[str, Meta(min_length=1, max_length=256)]
Body = Annotated[str, Meta(max_length=65536)]
ExternalRef = Annotated[str, Meta(min_length=1, max_length=512)]
MAX_ARTIFACTS = 50
"""Of each list of an update, and of a create."""

Artifacts = Annotated[Sequence[Id], Meta(max_length=MAX_ARTIFACTS)]
Owners = Annotated[Sequence[Id], Meta(min_length=1)]
Parts = Annotated[Sequence[Id], Meta(max_length=8)]
ForecastCategory: TypeAlias = Literal["commit", "omitted", "pipeline", "strong_upside", "upside", "won"]


class TagValue(TypedDict):
    """A tag (its id) and the value it is to have on the work."""

    id: str
    value: NotRequired[str]


class MoneyValue(TypedDict):
    """An amount, as a decimal string, in a currency (ISO 4217)."""

    amount: str
    currency: str


class SchemaDrop(TypedDict, total=False):
    """Which schema fragments a write takes off the work."""

    apps: Sequence[str]
    subtype: bool


class SchemaSpec(TypedDict, total=False):
    """Which schemas the custom fields of a write belong to."""

    apps: Sequence[str]
    drop: SchemaDrop
    subtype: str
    tenant_fragment: bool
    validate_required_fields: bool


class UnresolvedField(TypedDict, total=False):
    """A field that a synchronisation could not resolve."""

    devrev_field_name: str
    external_display_name: str
    external_field_name: str


class StagedInfo(TypedDict, total=False):
    """What a synchronisation has left unresolved."""

    sync_in_unresolved_fields: Sequence[UnresolvedField]
    sync_out_unresolved_fields: Sequence[UnresolvedField]
    unresolved_fields: Sequence[str]


class ListUpdate(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """How to change a list of a work: `add` to it, `remove` from it, or `set` it whole.

    Of `artifacts` (ids, at most 50 in each) and `tags` (ids or ``{"id": ..., "value": ...}``).
    """

    add: Sequence[_Tag] | UnsetType = UNSET
    remove: Sequence[_Tag] | UnsetType = UNSET
    set: Sequence[_Tag] | UnsetType = UNSET


class StageUpdate(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """The stage that a work is to have: by `name`, or by `stage` (an id, which wins over the name)."""

    name: str | UnsetType = UNSET
    stage: Id | UnsetType = UNSET


if TYPE_CHECKING:
    _Tag: TypeAlias = str | TagValue
    _Money: TypeAlias = MoneyValue
    _SchemaSpec: TypeAlias = SchemaSpec
    _StagedInfo: TypeAlias = StagedInfo
else:
    # The same shapes for the check at run time, where a misspelt key must be refused and not dropped.
    class _TagValue(Struct, forbid_unknown_fields=True, omit_defaults=True):
        id: Id
        value: str | UnsetType = UNSET

    class _Money(Struct, forbid_unknown_fields=True):
        amount: str
        currency: str

    class _SchemaDrop(Struct, forbid_unknown_fields=True, omit_defaults=True):
        apps: Sequence[str] | UnsetType = UNSET
        subtype: bool | UnsetType = UNSET

    class _SchemaSpec(Struct, forbid_unknown_fields=True, omit_defaults=True):
        apps: Sequence[str] | UnsetType = UNSET
        drop: _SchemaDrop | UnsetType = UNSET
        subtype: str | UnsetType = UNSET
        tenant_fragment: bool | UnsetType = UNSET
        validate_required_fields: bool | UnsetType = UNSET

    class _UnresolvedField(Struct, forbid_unknown_fields=True, omit_defaults=True):
        devrev_field_name: str | UnsetType = UNSET
        external_display_name: str | UnsetType = UNSET
        external_field_name: str | UnsetType = UNSET

    class _StagedInfo(Struct, forbid_unknown_fields=True, omit_defaults=True):
        sync_in_unresolved_fields: Sequence[_UnresolvedField] | UnsetType = UNSET
        sync_out_unresolved_fields: Sequence[_UnresolvedField] | UnsetType = UNSET
        unresolved_fields: Sequence[str] | UnsetType = UNSET

    _Tag = Id | _TagValue


class UpdateFields(TypedDict, total=False):
    """The keyword arguments of `works.update`. Those whose type allows None clear the field; others cannot be cleared.

    Lists replace the list as a whole; `artifacts` and `tags` also take a `ListUpdate`. `priority_v2`, `sentiment`,
    `visibility` and `forecast_category_v2` are ids of enum values. Bounds: `title` 1 to 256 characters, `body` at most
    65536, `owned_by` not empty, `developed_with` at most 8, `artifacts` at most 50.
    """

    applies_to_part: Id | UnsetType
    artifacts: Artifacts | ListUpdate | UnsetType
    body: Body | UnsetType
    custom_fields: Mapping[str, Any] | UnsetType
    custom_schema_fragments: Sequence[Id] | UnsetType
    custom_schema_spec: _SchemaSpec | UnsetType
    owned_by: Owners | UnsetType
    reported_by: Sequence[Id] | UnsetType
    stage: str | StageUpdate | UnsetType
    stage_validation_options: Sequence[Literal["allow_invalid_transition"]] | UnsetType
    staged_info: _StagedInfo | UnsetType
    tags: Sequence[_Tag] | ListUpdate | UnsetType
    target_close_date: Timestamp | UnsetType | None
    title: Title | UnsetType
    # issue
    developed_with: Parts | UnsetType
    priority: Priority | UnsetType
    priority_v2: Int64 | UnsetType
    sprint: Id | UnsetType | None
    target_start_date: Timestamp | UnsetType | None
    # ticket
    account: Id | UnsetType | None
    channels: Sequence[TicketChannel] | UnsetType
    channels_v2: Sequence[Id] | UnsetType
    group: Id | UnsetType | None
    is_archived: bool | UnsetType
    is_frozen: bool | UnsetType
    is_spam: bool | UnsetType
    needs_response: bool | UnsetType
    rev_org: Id | UnsetType | None
    sentiment: Int64 | UnsetType
    sentiment_modified_date: Timestamp | UnsetType
    sentiment_summary: str | UnsetType
    severity: Severity | UnsetType
    source_channel_v2: Id | UnsetType | None
    visibility: Int64 | UnsetType
    # opportunity
    amount: float | UnsetType | None
    annual_contract_value: _Money | UnsetType
    contacts: Sequence[Id] | UnsetType
    customer_budget: float | UnsetType | None
    forecast_category_v2: Int64 | UnsetType
    probability: float | UnsetType | None
    value: _Money | UnsetType
    # task
    embedded: bool | UnsetType
    start_date: Timestamp | UnsetType


class CreateFields(TypedDict, total=False):
    """The optional keyword arguments of `works.create`; bounds as of `UpdateFields`, `external_ref` 1 to 512."""

    artifacts: Artifacts | UnsetType
    body: Body | UnsetType
    custom_fields: Mapping[str, Any] | UnsetType
    custom_schema_fragments: Sequence[Id] | UnsetType
    custom_schema_spec: _SchemaSpec | UnsetType
    external_ref: ExternalRef | UnsetType
    reported_by: Sequence[Id] | UnsetType
    stage: str | StageUpdate | UnsetType
    stage_validation_options: Sequence[Literal["allow_non_start"]] | UnsetType
    tags: Sequence[_Tag] | UnsetType
    target_close_date: Timestamp | UnsetType
    # issue
    developed_with: Parts | UnsetType
    priority: Priority | UnsetType
    priority_v2: Int64 | UnsetType
    sprint: Id | UnsetType
    target_start_date: Timestamp | UnsetType
    # ticket
    account: Id | UnsetType
    channels: Sequence[TicketChannel] | UnsetType
    channels_v2: Sequence[Id] | UnsetType
    group: Id | UnsetType
    is_spam: bool | UnsetType
    needs_response: bool | UnsetType
    rev_org: Id | UnsetType
    severity: Severity | UnsetType
    source_channel: str | UnsetType
    source_channel_v2: Id | UnsetType
    visibility: Int64 | UnsetType
    # opportunity
    amount: float | UnsetType
    annual_contract_value: _Money | UnsetType
    contacts: Sequence[Id] | UnsetType
    customer_budget: float | UnsetType
    forecast_category: ForecastCategory | UnsetType
    forecast_category_v2: Int64 | UnsetType
    probability: float | UnsetType
    value: _Money | UnsetType
    # task
    embedded: bool | UnsetType
    start_date: Timestamp | UnsetType


class WorkUpdate(Struct, frozen=True, kw_only=True):
    """One entry of `works.update_many`: an `id` and the fields of `works.update`."""

    id: str
    type: WorkType | UnsetType | None = None
    applies_to_part: str | UnsetType = UNSET
    artifacts: Sequence[str] | ListUpdate | UnsetType = UNSET
    body: str | UnsetType = UNSET
    custom_fields: Mapping[str, Any] | UnsetType = UNSET
    custom_schema_fragments: Sequence[str] | UnsetType = UNSET
    custom_schema_spec: _SchemaSpec | UnsetType = UNSET
    owned_by: Sequence[str] | UnsetType = UNSET
    reported_by: Sequence[str] | UnsetType = UNSET
    stage: str | StageUpdate | UnsetType = UNSET
    stage_validation_options: Sequence[Literal["allow_invalid_transition"]] | UnsetType = UNSET
    staged_info: _StagedInfo | UnsetType = UNSET
    tags: Sequence[_Tag] | ListUpdate | UnsetType = UNSET
    target_close_date: Timestamp | UnsetType | None = UNSET
    title: str | UnsetType = UNSET
    developed_with: Sequence[str] | UnsetType = UNSET
    priority: Priority | UnsetType = UNSET
    priority_v2: int | UnsetType = UNSET
    sprint: str | UnsetType | None = UNSET
    target_start_date: Timestamp | UnsetType | None = UNSET
    account: str | UnsetType | None = UNSET
    channels: Sequence[TicketChannel] | UnsetType = UNSET
    channels_v2: Sequence[str] | UnsetType = UNSET
    group: str | UnsetType | None = UNSET
    is_archived: bool | UnsetType = UNSET
    is_frozen: bool | UnsetType = UNSET
    is_spam: bool | UnsetType = UNSET
    needs_response: bool | UnsetType = UNSET
    rev_org: str | UnsetType | None = UNSET
    sentiment: int | UnsetType = UNSET
    sentiment_modified_date: Timestamp | UnsetType = UNSET
    sentiment_summary: str | UnsetType = UNSET
    severity: Severity | UnsetType = UNSET
    source_channel_v2: str | UnsetType | None = UNSET
    visibility: int | UnsetType = UNSET
    amount: float | UnsetType | None = UNSET
    annual_contract_value: _Money | UnsetType = UNSET
    contacts: Sequence[str] | UnsetType = UNSET
    customer_budget: float | UnsetType | None = UNSET
    forecast_category_v2: int | UnsetType = UNSET
    probability: float | UnsetType | None = UNSET
    value: _Money | UnsetType = UNSET
    embedded: bool | UnsetType = UNSET
    start_date: Timestamp | UnsetType = UNSET


UPDATE_FIELDS_OF: dict[str, frozenset[str]] = {
    "issue": frozenset({"developed_with", "priority", "priority_v2", "sprint", "target_start_date"}),
    "ticket": frozenset(
        {
            "account", "channels", "channels_v2", "group", "is_archived", "is_frozen", "is_spam", "needs_response",
            "rev_org", "sentiment", "sentiment_modified_date", "sentiment_summary", "severity", "source_channel_v2",
            "visibility",
        }
    ),
    "opportunity": frozenset(
        {
            "account", "amount", "annual_contract_value", "contacts", "customer_budget", "forecast_category_v2",
            "probability", "value",
        }
    ),
    "task": frozenset({"embedded", "priority", "start_date"}),
}  # fmt: skip
"""The fields that only works of a type have, in an update."""

CREATE_FIELDS_OF: dict[str, frozenset[str]] = {
    "issue": UPDATE_FIELDS_OF["issue"],
    "ticket": frozenset(
        {
            "account", "channels", "channels_v2", "group", "is_spam", "needs_response", "rev_org", "severity",
            "source_channel", "source_channel_v2", "visibility",
        }
    ),
    "opportunity": UPDATE_FIELDS_OF["opportunity"] | {"forecast_category", "priority"},
    "task": UPDATE_FIELDS_OF["task"],
}  # fmt: skip
"""The same for a create."""
