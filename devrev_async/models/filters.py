"""Filters: of dates, of each work type, and the keyword arguments of every query."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias, TypedDict

from msgspec import UNSET, Meta, Struct, UnsetType

from devrev_async.errors import InvalidArgumentError, shown

from .enums import Priority, Severity, SlaStage, SyncInStatus, SyncOutStatus, TicketChannel, WorkType
from .ids import Id

__all__ = [
    "DateFilter",
    "DateRange",
    "Filters",
    "IssueFilter",
    "LastDays",
    "NextDays",
    "OpportunityFilter",
    "SlaFilter",
    "StageFilter",
    "StagedInfoFilter",
    "SyncInFilter",
    "SyncMetadataFilter",
    "SyncOutFilter",
    "TicketFilter",
]

MAX_DAYS = 2**32 - 1
"""The largest number of days of a preset (`date-time-preset-last-n-days` of the spec)."""

Int64 = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
_Days = Annotated[int, Meta(ge=0, le=MAX_DAYS)]


class DateRange(
    Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True, tag_field="type", tag="range"
):
    """A range of aware datetimes from `after` to `before`, both inclusive; either may be left out.

    Raises:
        TypeError: a bound that is no datetime.
        InvalidArgumentError: a naive datetime, or `after` later than `before`.
    """

    after: datetime | None = None
    before: datetime | None = None

    def __post_init__(self) -> None:
        for name in ("after", "before"):
            check_aware(f"DateRange.{name}", getattr(self, name))
        if self.after is not None and self.before is not None and self.after > self.before:
            raise InvalidArgumentError(f"DateRange.after ({self.after}) is later than DateRange.before ({self.before})")


class LastDays(Struct, frozen=True, tag_field="type", tag="preset"):
    """The last `days` days up to now, by the server's clock; 0 to 4294967295."""

    days: int
    preset_type: Literal["last_n_days"] = "last_n_days"

    def __post_init__(self) -> None:
        _check_days("LastDays", self.days)


class NextDays(Struct, frozen=True, tag_field="type", tag="preset"):
    """The next `days` days from now, by the server's clock; 0 to 4294967295."""

    days: int
    preset_type: Literal["next_n_days"] = "next_n_days"

    def __post_init__(self) -> None:
        _check_days("NextDays", self.days)


def check_aware(name: str, value: object) -> None:
    """Raises unless a value is None or an aware datetime; a naive one would mean another instant on each machine."""
    if value is None:
        return
    if not isinstance(value, datetime):
        raise TypeError(f"{name} takes an aware datetime, not {type(value).__name__}")
    if value.utcoffset() is None:
        raise InvalidArgumentError(f"{name} is a naive datetime; give it a time zone, as in datetime.now(timezone.utc)")


def _check_days(name: str, days: object) -> None:
    if isinstance(days, bool) or not isinstance(days, int):
        raise TypeError(f"{name} takes a whole number of days, not {type(days).__name__}")
    if not 0 <= days <= MAX_DAYS:
        raise InvalidArgumentError(f"{name} takes 0 to {MAX_DAYS} days, not {shown(days)}")


if TYPE_CHECKING:
    DateFilter: TypeAlias = DateRange | LastDays | NextDays
else:

    class _Preset(Struct, tag_field="type", tag="preset", forbid_unknown_fields=True):
        # one Struct for both presets, since msgspec distinguishes the members of a union by one tag only
        days: _Days
        preset_type: Literal["last_n_days", "next_n_days"]

    DateFilter = DateRange | _Preset


class _Filter(
    Struct, frozen=True, kw_only=True, omit_defaults=True, repr_omit_defaults=True, forbid_unknown_fields=True
):
    """Base of the filter objects; fields that are not given are not sent."""


class SlaFilter(_Filter, frozen=True, kw_only=True):
    """Filters works by the state of their SLA."""

    stage: Sequence[SlaStage] | UnsetType = UNSET
    target_time: DateFilter | UnsetType = UNSET


class IssueFilter(_Filter, frozen=True, kw_only=True):
    """Filters issues; `priority_v2` takes ids of enum values."""

    accounts: Sequence[Id] | UnsetType = UNSET
    actual_start_date: DateFilter | UnsetType = UNSET
    group: Sequence[Id] | UnsetType = UNSET
    priority: Sequence[Priority] | UnsetType = UNSET
    priority_v2: Sequence[Int64] | UnsetType = UNSET
    rev_orgs: Sequence[Id] | UnsetType = UNSET
    sla_summary: SlaFilter | UnsetType = UNSET
    sprint: Sequence[Id] | UnsetType = UNSET
    subtype: Sequence[str] | UnsetType = UNSET
    target_start_date: DateFilter | UnsetType = UNSET


class TicketFilter(_Filter, frozen=True, kw_only=True):
    """Of tickets; `visibility` takes the ids of the enum's values (1 internal, 2 external).

    `surveys` is an empty object in every spec; it is there for what may come.
    """

    account: Sequence[Id] | UnsetType = UNSET
    brand: Sequence[Id] | UnsetType = UNSET
    channels: Sequence[TicketChannel] | UnsetType = UNSET
    channels_v2: Sequence[Id] | UnsetType = UNSET
    group: Sequence[Id] | UnsetType = UNSET
    is_frozen: bool | UnsetType = UNSET
    is_spam: bool | UnsetType = UNSET
    needs_response: bool | UnsetType = UNSET
    rev_org: Sequence[Id] | UnsetType = UNSET
    severity: Sequence[Severity] | UnsetType = UNSET
    sla_summary: SlaFilter | UnsetType = UNSET
    source_channel: Sequence[str] | UnsetType = UNSET
    source_channel_v2: Sequence[Id] | UnsetType = UNSET
    subtype: Sequence[str] | UnsetType = UNSET
    surveys: Mapping[str, Any] | UnsetType = UNSET
    visibility: Sequence[Int64] | UnsetType = UNSET


class OpportunityFilter(_Filter, frozen=True, kw_only=True):
    """Filters opportunities; `forecast_category_v2` takes ids of enum values."""

    account: Sequence[Id] | UnsetType = UNSET
    contacts: Sequence[Id] | UnsetType = UNSET
    forecast_category_v2: Sequence[Int64] | UnsetType = UNSET
    subtype: Sequence[str] | UnsetType = UNSET


class StageFilter(_Filter, frozen=True, kw_only=True):
    """Filters works by stage: any of those named by `name`, or by the ids in `stages`."""

    name: Sequence[str] | UnsetType = UNSET
    stages: Sequence[Id] | UnsetType = UNSET


class StagedInfoFilter(_Filter, frozen=True, kw_only=True):
    """Filters works that a synchronisation has staged, or those that none has."""

    is_staged: bool | UnsetType = UNSET


class SyncInFilter(_Filter, frozen=True, kw_only=True):
    """Filters by the last synchronisation into DevRev."""

    status: Sequence[SyncInStatus] | UnsetType = UNSET
    sync_date: DateFilter | UnsetType = UNSET
    sync_history: Sequence[Id] | UnsetType = UNSET
    sync_unit: Sequence[Id] | UnsetType = UNSET


class SyncOutFilter(_Filter, frozen=True, kw_only=True):
    """Filters by the last synchronisation out of DevRev."""

    status: Sequence[SyncOutStatus] | UnsetType = UNSET
    sync_date: DateFilter | UnsetType = UNSET
    sync_history: Sequence[Id] | UnsetType = UNSET
    sync_unit: Sequence[Id] | UnsetType = UNSET


class SyncMetadataFilter(_Filter, frozen=True, kw_only=True):
    """Filters works that are synchronised with systems outside of DevRev."""

    external_reference: Sequence[str] | UnsetType = UNSET
    last_sync_in: SyncInFilter | UnsetType = UNSET
    last_sync_out: SyncOutFilter | UnsetType = UNSET
    origin_system: Sequence[str] | UnsetType = UNSET


class StatelessFilters(TypedDict, total=False):
    """The keyword arguments of `Filters` but for `state`, which means something else to `works.sync`."""

    type: Sequence[WorkType] | UnsetType
    actual_close_date: DateFilter | UnsetType
    applies_to_part: Sequence[Id] | UnsetType
    created_by: Sequence[Id] | UnsetType
    created_date: DateFilter | UnsetType
    custom_fields: Mapping[str, Any] | UnsetType
    external_ref: Sequence[str] | UnsetType
    issue: IssueFilter | UnsetType
    modified_by: Sequence[Id] | UnsetType
    modified_date: DateFilter | UnsetType
    opportunity: OpportunityFilter | UnsetType
    owned_by: Sequence[Id] | UnsetType
    reported_by: Sequence[Id] | UnsetType
    stage: Sequence[str] | StageFilter | UnsetType
    staged_info: StagedInfoFilter | UnsetType
    sync_metadata: SyncMetadataFilter | UnsetType
    tags: Sequence[Id] | UnsetType
    target_close_date: DateFilter | UnsetType
    ticket: TicketFilter | UnsetType
    vista: Id | UnsetType


class Filters(StatelessFilters, total=False):
    """The keyword arguments of every query, with the wire's names. A work must match all of them; `UNSET` is not sent.

    A sequence matches works that have any of its values. Users and other objects are named by id.

    Attributes:
        type: work types, as in ``["issue", "ticket"]``.
        actual_close_date, created_date, modified_date, target_close_date: a `DateRange`, `LastDays` or `NextDays`.
        applies_to_part: parts; those below them are not included.
        created_by, modified_by, owned_by, reported_by: users.
        custom_fields: values by key, as in ``{"tnt__team": ["core"]}``.
        external_ref: references that were given to `works.create`.
        issue, opportunity, ticket: the filters of one type: `IssueFilter`, `OpportunityFilter`, `TicketFilter`.
        stage: names of stages, or a `StageFilter`.
        staged_info: a `StagedInfoFilter`.
        state: states, as in ``["open", "in_progress", "closed"]``.
        sync_metadata: a `SyncMetadataFilter`.
        tags: tags.
        vista: a vista, whose filters apply too.
    """

    state: Sequence[str] | UnsetType
