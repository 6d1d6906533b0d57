"""Synchronisation of an object with systems outside of DevRev."""

from .base import Model, Timestamp
from .enums import ExternalSystemType, SyncInStatus, SyncOutStatus, SyncProgressState, SyncRunMode, SyncType


class SyncProgress(Model, frozen=True, kw_only=True):
    """The progress of a synchronisation run."""

    state: SyncProgressState | None = None


class SyncRun(Model, frozen=True, kw_only=True):
    """One run of a sync unit."""

    mode: SyncRunMode | None = None
    progress: SyncProgress | None = None


class SyncUnit(Model, frozen=True, kw_only=True):
    """A unit of synchronisation with an external system."""

    id: str | None = None
    display_id: str | None = None
    id_v1: str | None = None
    external_sync_unit_name: str | None = None
    external_system_id: str | None = None
    external_system_name: str | None = None
    external_system_type: ExternalSystemType | None = None
    is_archived: bool | None = None
    name: str | None = None
    sync_run: SyncRun | None = None
    sync_type: SyncType | None = None


class SyncIn(Model, frozen=True, kw_only=True):
    """The last synchronisation into DevRev."""

    status: SyncInStatus | None = None
    sync_date: Timestamp | None = None
    sync_unit: SyncUnit | None = None


class SyncOut(Model, frozen=True, kw_only=True):
    """The last synchronisation out of DevRev."""

    status: SyncOutStatus | None = None
    sync_date: Timestamp | None = None
    sync_unit: SyncUnit | None = None


class SyncMetadata(Model, frozen=True, kw_only=True):
    """Where a work comes from and how its synchronisation stands."""

    external_record_id: str | None = None
    external_record_type: str | None = None
    external_reference: str | None = None
    last_sync_in: SyncIn | None = None
    last_sync_out: SyncOut | None = None
    origin_system: str | None = None


class SyncMetadataSummary(Model, frozen=True, kw_only=True):
    """The same in short, as parts, groups, stages and states carry it."""

    external_reference: str | None = None
    last_sync_in: SyncIn | None = None
    last_sync_out: SyncOut | None = None
    origin_system: str | None = None
