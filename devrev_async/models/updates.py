"""The fields of create and update, list and stage updates, and the fields that each work type has.

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
"""The most items of each list of an update, and of a create."""

Artifacts = Annotated[Sequence[Id], Meta(max_length=MAX_ARTIFACTS)]
Owners = Annotated[Sequence[Id], Meta(min_length=1)]
Parts = Annotated[Sequence[Id], Meta(max_length=8)]
ForecastCategory: TypeAlias = Literal["commit", "omitted", "pipeline", "strong_upside", "upside", "won"]


class TagValue(TypedDict):
    """A tag by its id, and its value on the work."""

    id: str
    value: NotRequired[str]


class MoneyValue(TypedDict):
    """An amount, as a decimal string, in a currency (ISO 4217)."""

    amount: str
    currency: str


class SchemaDrop(TypedDict, total=False):
    """The schema fragments that a write removes from the work."""

    apps: Sequence[str]
    subtype: bool


class SchemaSpec(TypedDict, total=False):
    """The schemas that the custom fields of a write belong to."""

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
    """The fields that a synchronisation left unresolved."""

    sync_in_unresolved_fields: Sequence[UnresolvedField]
    sync_out_unresolved_fields: Sequence[UnresolvedField]
    unresolved_fields: Sequence[str]


class ListUpdate(
    Struct, frozen=True, kw_only=True, omit_defaults=True, repr_omit_defaults=True, forbid_unknown_fields=True
):
    """A change of a list of a work: items to `add`, to `remove`, or the whole list to `set`.

    The API takes it for `artifacts` (ids, at most 50 in each) and `tags` (ids or ``{"id": ..., "value": ...}``).
    """

    add: Sequence[_Tag] | UnsetType = UNSET
    remove: Sequence[_Tag] | UnsetType = UNSET
    set: Sequence[_Tag] | UnsetType = UNSET


class StageUpdate(
    Struct, frozen=True, kw_only=True, omit_defaults=True, repr_omit_defaults=True, forbid_unknown_fields=True
):
    """The new stage of a work, by `name` or by `stage`, an id, which takes precedence over the name."""

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
    """The keyword arguments of `works.update`; `UNSET` is not sent.

    None clears the field where its type allows None; the API cannot clear the others. A sequence replaces the list as
    a whole. Users, parts and other objects are named by id. The fields of one type need that type: the client takes it
    from `type=` or from the id.

    Attributes:
        applies_to_part: the part that the work is about.
        artifacts: at most 50 files; a sequence or a `ListUpdate`.
        body: at most 65536 characters.
        custom_fields: values by key, as in ``{"tnt__team": "core"}``; the client names the tenant's schema itself.
        custom_schema_fragments, custom_schema_spec: schemas of the custom fields.
        owned_by: users, at least one.
        reported_by: users.
        stage: the name of a stage, or a `StageUpdate`.
        stage_validation_options: ``["allow_invalid_transition"]`` permits any change of stage.
        staged_info: the fields that a synchronisation left unresolved.
        tags: ids or ``{"id": ..., "value": ...}``; a sequence or a `ListUpdate`.
        target_close_date: an aware datetime.
        title: 1 to 256 characters.
        developed_with: of an issue: at most 8 parts.
        priority: of an issue or task, as in ``"p1"``.
        priority_v2: of an issue: the id of an enum value.
        sprint: of an issue.
        target_start_date: of an issue: an aware datetime.
        account: of a ticket or opportunity; only that of a ticket can be cleared.
        channels, channels_v2: of a ticket: names, as in ``"email"``, or ids.
        group, rev_org, source_channel_v2: of a ticket.
        is_archived, is_frozen, is_spam, needs_response: of a ticket.
        sentiment, visibility: of a ticket: ids of enum values.
        sentiment_modified_date, sentiment_summary: of a ticket.
        severity: of a ticket, as in ``"high"``.
        amount, customer_budget: of an opportunity.
        annual_contract_value, value: of an opportunity, as in ``{"amount": "9.50", "currency": "EUR"}``.
        contacts: of an opportunity: users.
        forecast_category_v2: of an opportunity: the id of an enum value.
        probability: of an opportunity.
        embedded: of a task.
        start_date: of a task: an aware datetime.
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
    """The optional keyword arguments of `works.create`; `UNSET` is not sent, and None is refused.

    Attributes:
        external_ref: 1 to 512 characters, unique among the works of its type; it finds the work after a lost response.
        stage_validation_options: ``["allow_non_start"]`` permits any stage.
        source_channel: of a ticket: a name.
        forecast_category: of an opportunity, as in ``"commit"``.
        artifacts, body, custom_fields, custom_schema_fragments, custom_schema_spec, reported_by, stage, tags,
            target_close_date: as in `UpdateFields`, lists as plain sequences.
        developed_with, priority, priority_v2, sprint, target_start_date: of an issue, as in `UpdateFields`.
        account, channels, channels_v2, group, is_spam, needs_response, rev_org, severity, source_channel_v2,
            visibility: of a ticket, as in `UpdateFields`; an opportunity needs `account`.
        amount, annual_contract_value, contacts, customer_budget, forecast_category_v2, probability, value: of an
            opportunity, as in `UpdateFields`.
        embedded, start_date: of a task, as in `UpdateFields`.
    """

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


class WorkUpdate(Struct, frozen=True, kw_only=True, repr_omit_defaults=True):
    """One input of `works.update_many`: an `id`, and the fields of `works.update` (see `UpdateFields`)."""

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
"""The fields of an update that only works of a type have."""

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
"""The fields of a create that only works of a type have."""
