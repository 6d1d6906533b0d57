"""The works themselves: issues, tickets, tasks, opportunities, and whatever else the API may answer one day."""

import json
from collections.abc import Hashable
from typing import Any, ClassVar, Literal, TypeAlias, cast

from .base import Model, Timestamp, is_object
from .enums import Priority, Severity, TicketChannel, WorkType
from .objects import (
    Artifact,
    Channel,
    EnumValue,
    GroupSummary,
    Money,
    OrgSummary,
    PartSummary,
    Sprint,
    Stage,
    TagWithValue,
    UserSummary,
)
from .sla import SlaSummary, SlaTrackerSummary
from .sync import SyncMetadata


class WorkBase(Model, frozen=True, kw_only=True):
    """What all works share.

    Only `type` and `id` are sure to be there (neither is of an `UnknownWork`); any other field may be None: the API
    leaves out what is empty, what the token may not see, and in old data what its spec calls required.

    `custom_fields` is free-form JSON, keys as in ``"tnt__team"``. `body` may hold mentions as ``<don:...>``.
    `id_v1`, `state` and `references` are in no spec, yet in real answers.
    """

    id: str | None
    display_id: str | None = None
    id_v1: str | None = None
    created_by: UserSummary | None = None
    created_date: Timestamp | None = None
    modified_by: UserSummary | None = None
    modified_date: Timestamp | None = None
    actual_close_date: Timestamp | None = None
    applies_to_part: PartSummary | None = None
    artifacts: tuple[Artifact, ...] | None = None
    body: str | None = None
    custom_fields: dict[str, Any] | None = None
    custom_schema_fragments: tuple[str, ...] | None = None
    external_ref: str | None = None
    owned_by: tuple[UserSummary, ...] | None = None
    references: tuple[dict[str, Any], ...] | None = None
    reported_by: tuple[UserSummary, ...] | None = None
    stage: Stage | None = None
    state: str | None = None
    state_display_name: str | None = None
    stock_schema_fragment: str | None = None
    subtype: str | None = None
    sync_metadata: SyncMetadata | None = None
    tags: tuple[TagWithValue, ...] | None = None
    target_close_date: Timestamp | None = None
    title: str | None = None

    def __hash__(self) -> int:
        # by identity of the work: the generated hash would fail on `custom_fields`, a dict
        return hash((self.__class__, cast("Hashable", self.id)))

    def __repr__(self) -> str:
        stage = self.stage.name if self.stage is not None else None
        shown = [self.display_id or self.id or "(no id)"]
        shown += [repr(self.title)] if self.title is not None else []
        shown += [f"[{stage}]"] if stage is not None else []
        return f"<{self.__class__.__name__} {' '.join(shown)}>"


class Issue(WorkBase, frozen=True, kw_only=True, tag_field="type", tag="issue"):
    """Work of those who build the product."""

    type: ClassVar[Literal["issue"]] = "issue"

    id: str
    actual_start_date: Timestamp | None = None
    developed_with: tuple[PartSummary, ...] | None = None
    estimated_effort: float | None = None
    priority: Priority | None = None
    priority_v2: EnumValue | None = None
    sla_summary: SlaSummary | None = None
    sla_tracker: SlaTrackerSummary | None = None
    sprint: Sprint | None = None
    target_start_date: Timestamp | None = None


class Ticket(WorkBase, frozen=True, kw_only=True, tag_field="type", tag="ticket"):
    """Work that a customer asked for."""

    type: ClassVar[Literal["ticket"]] = "ticket"

    id: str
    account: OrgSummary | None = None
    channels: tuple[TicketChannel, ...] | None = None
    channels_v2: tuple[Channel, ...] | None = None
    group: GroupSummary | None = None
    is_archived: bool | None = None
    is_frozen: bool | None = None
    is_spam: bool | None = None
    needs_response: bool | None = None
    rev_org: OrgSummary | None = None
    sentiment: EnumValue | None = None
    sentiment_modified_date: Timestamp | None = None
    sentiment_summary: str | None = None
    severity: Severity | None = None
    sla_summary: SlaSummary | None = None
    sla_tracker: SlaTrackerSummary | None = None
    source_channel: str | None = None
    source_channel_v2: Channel | None = None
    visibility: EnumValue | None = None


class Task(WorkBase, frozen=True, kw_only=True, tag_field="type", tag="task"):
    """A piece of work that belongs to other work."""

    type: ClassVar[Literal["task"]] = "task"

    id: str


class Opportunity(WorkBase, frozen=True, kw_only=True, tag_field="type", tag="opportunity"):
    """A chance to sell: to whom, for how much, and how likely it is to succeed."""

    type: ClassVar[Literal["opportunity"]] = "opportunity"

    id: str
    account: OrgSummary | None = None
    annual_contract_value: Money | None = None
    contacts: tuple[UserSummary, ...] | None = None
    forecast_category_v2: EnumValue | None = None
    value: Money | None = None


class UnknownWork(WorkBase, frozen=True, kw_only=True):
    """A work that the types above do not fit: a new type, a field of another type than documented, no id, ...

    The shared fields that fit are there, the others None. `raw` is the whole work as JSON; `to_dict` and `to_json`
    answer from it, so nothing is lost.
    """

    id: str | None = None
    type: WorkType | None = None
    raw: bytes = b"null"

    def to_dict(self) -> dict[str, Any]:
        """The work as it came, parsed; an empty dict where it is no JSON object."""
        value: Any = json.loads(self.raw)
        return value if is_object(value) else {}

    def to_json(self) -> bytes:
        """The work as it came."""
        return self.raw


Work: TypeAlias = Issue | Ticket | Task | Opportunity | UnknownWork
