"""The API's enums, all of them open: editors complete the known values, and any other string is accepted as it is."""

# ruff: noqa: PYI051 - the known values are for editors

from typing import TYPE_CHECKING, Literal, TypeAlias

# To a type checker an enum is its known values or any other string; msgspec sees `str`, since it takes no
# union of the two, and since a closed enum would sink the page on the first new value.
if TYPE_CHECKING:
    ExternalSystemType: TypeAlias = (
        Literal[
            "adaas",
            "confluence",
            "github",
            "hubspot",
            "jira",
            "jira_data_center",
            "linear",
            "rocketlane",
            "s3",
            "salesforce_sales",
            "salesforce_service",
            "servicenow",
            "zendesk",
        ]
        | str
    )
    GroupMemberType: TypeAlias = Literal["dev_user", "rev_user"] | str
    OrgScheduleStatus: TypeAlias = Literal["archived", "draft", "published"] | str
    OrgType: TypeAlias = Literal["account", "dev_org", "rev_org"] | str
    PartType: TypeAlias = Literal["capability", "enhancement", "feature", "linkable", "product", "runnable"] | str
    Priority: TypeAlias = Literal["p0", "p1", "p2", "p3"] | str
    Severity: TypeAlias = Literal["blocker", "high", "low", "medium"] | str
    SlaStage: TypeAlias = Literal["breached", "completed", "paused", "running", "warning"] | str
    SlaStatus: TypeAlias = Literal["archived", "draft", "published"] | str
    SlaTrackerAppliesTo: TypeAlias = Literal["conversation", "incident", "issue", "ticket"] | str
    SlaType: TypeAlias = Literal["external", "internal"] | str
    SyncInStatus: TypeAlias = Literal["failed", "modified", "staged", "succeeded"] | str
    SyncOutStatus: TypeAlias = Literal["failed", "modified", "succeeded"] | str
    SyncProgressState: TypeAlias = (
        Literal[
            "completed",
            "delete_in_progress",
            "deleted",
            "deletion_error",
            "extract_attachments",
            "extract_attachments_error",
            "extraction",
            "extraction_error",
            "loading",
            "loading_attachments",
            "loading_attachments_error",
            "loading_error",
            "orchestration_error",
            "recipe_discovery",
            "recipe_discovery_error",
            "recipe_discovery_waiting_for_user_input",
            "starting",
            "transformation",
            "transformation_error",
        ]
        | str
    )
    SyncRunMode: TypeAlias = Literal["initial", "sync_from_devrev", "sync_to_devrev"] | str
    SyncType: TypeAlias = Literal["manual", "periodic"] | str
    TicketChannel: TypeAlias = Literal["email", "plug", "slack", "twilio", "twilio_sms"] | str
    UserState: TypeAlias = Literal["active", "deactivated", "deleted", "locked", "shadow", "unassigned"] | str
    UserType: TypeAlias = Literal["dev_user", "rev_user", "service_account", "sys_user"] | str
    VistaState: TypeAlias = Literal["active", "completed", "planned"] | str
    VistaType: TypeAlias = Literal["curated", "dynamic"] | str
    WorkType: TypeAlias = Literal["issue", "opportunity", "task", "ticket"] | str
else:
    ExternalSystemType = GroupMemberType = OrgScheduleStatus = OrgType = PartType = Priority = Severity = str
    SlaStage = SlaStatus = SlaTrackerAppliesTo = SlaType = SyncInStatus = SyncOutStatus = SyncProgressState = str
    SyncRunMode = SyncType = TicketChannel = UserState = UserType = VistaState = VistaType = WorkType = str
