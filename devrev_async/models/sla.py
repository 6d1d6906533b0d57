"""Service level agreements: the agreement for a work, and the state of its clocks."""

from .base import Model, Timestamp
from .enums import OrgScheduleStatus, SlaStage, SlaStatus, SlaTrackerAppliesTo, SlaType
from .objects import Atom, UserSummary


class OrgSchedule(Atom, frozen=True, kw_only=True):
    """The working hours that SLA clocks run by."""

    name: str | None = None
    status: OrgScheduleStatus | None = None
    timezone: str | None = None
    valid_until: Timestamp | None = None
    version_number: int | None = None


class Sla(Atom, frozen=True, kw_only=True):
    """The agreement itself."""

    name: str | None = None
    sla_type: SlaType | None = None
    status: SlaStatus | None = None


class MetricDefinition(Atom, frozen=True, kw_only=True):
    """The definition of an SLA metric."""

    name: str | None = None


class MetricTarget(Model, frozen=True, kw_only=True):
    """One metric of one work: its target, and whether it was met."""

    breached_at: Timestamp | None = None
    completed_at: Timestamp | None = None
    completed_in: int | None = None
    completed_in_seconds: int | None = None
    in_policy: bool | None = None
    is_out_of_schedule: bool | None = None
    metric_definition: MetricDefinition | None = None
    next_schedule_transition: Timestamp | None = None
    org_schedule: OrgSchedule | None = None
    org_schedule_version: int | None = None
    remaining_time: int | None = None
    stage: str | None = None
    status: str | None = None
    target_time: Timestamp | None = None
    warning_target_time: Timestamp | None = None


class RemovedMetric(Model, frozen=True, kw_only=True):
    """A metric that was taken off the work."""

    metric_definition: MetricDefinition | None = None
    removed_at: Timestamp | None = None
    removed_by: UserSummary | None = None


class SlaTracker(Atom, frozen=True, kw_only=True):
    """The clocks of one work."""

    created_by: UserSummary | None = None
    created_date: Timestamp | None = None
    modified_by: UserSummary | None = None
    modified_date: Timestamp | None = None
    applies_to_id: str | None = None
    applies_to_type: SlaTrackerAppliesTo | None = None
    metric_target_summaries: tuple[MetricTarget, ...] | None = None
    removed_sla_metric_history: tuple[RemovedMetric, ...] | None = None
    sla: Sla | None = None
    sla_policy_id: str | None = None
    stage: str | None = None
    status: str | None = None


class SlaTrackerSummary(Atom, frozen=True, kw_only=True):
    """A reference to the clocks of one work."""

    applies_to_type: SlaTrackerAppliesTo | None = None


class SlaSummary(Model, frozen=True, kw_only=True):
    """The state of a work's SLA: the metric nearest to its breach, and the tracker behind it."""

    closest_to_breach_metric: str | None = None
    org_schedule: OrgSchedule | None = None
    remaining_time: int | None = None
    sla_tracker: SlaTracker | None = None
    stage: SlaStage | None = None
    target_time: Timestamp | None = None
