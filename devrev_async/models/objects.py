"""The objects that a work refers to: users, organisations, parts, artifacts, tags, stages, groups, sprints, money."""

from typing import Any

from .base import Model, Timestamp
from .enums import GroupMemberType, OrgType, PartType, UserState, UserType, VistaState, VistaType
from .sync import SyncMetadataSummary


class Atom(Model, frozen=True, kw_only=True):
    """The ids that every object of DevRev has: `id` is a DON, `display_id` a short one as in ``"DEVU-1"``.

    `id_v1` is the id of an older scheme; real responses have it although no spec names it.
    """

    id: str | None = None
    display_id: str | None = None
    id_v1: str | None = None


class ArtifactFile(Model, frozen=True, kw_only=True):
    """The file of an artifact: MIME type, name, size in bytes."""

    type: str | None = None
    name: str | None = None
    size: int | None = None


class Artifact(Atom, frozen=True, kw_only=True):
    """An uploaded file; it belongs to one object, for good."""

    file: ArtifactFile | None = None


class OrgSummary(Atom, frozen=True, kw_only=True):
    """An account, a Rev organisation or the Dev organisation itself; `type` distinguishes them."""

    type: OrgType | None = None
    display_name: str | None = None
    dev_slug: str | None = None


class UserSummary(Atom, frozen=True, kw_only=True):
    """A user of the Dev organisation, a customer, a service account or the system; `type` distinguishes them.

    `external_ref` and `rev_org` belong to customers (``"rev_user"``).
    """

    type: UserType | None = None
    display_name: str | None = None
    display_handle: str | None = None
    display_picture: Artifact | None = None
    email: str | None = None
    external_ref: str | None = None
    full_name: str | None = None
    rev_org: OrgSummary | None = None
    state: UserState | None = None
    thumbnail: str | None = None


class EnumValue(Model, frozen=True, kw_only=True):
    """A value of an enum that the organisation may extend: requests take its `id`, people read its `label`."""

    id: int | None = None
    label: str | None = None
    ordinal: int | None = None
    value: Any = None
    color: str | None = None


class StageDetail(Atom, frozen=True, kw_only=True):
    """The customisable stage behind a stage's name."""

    name: str | None = None
    display_name: str | None = None
    sync_metadata: SyncMetadataSummary | None = None


class StateDetail(Atom, frozen=True, kw_only=True):
    """The state that a stage belongs to; work ends in one that `is_final`."""

    is_final: bool | None = None
    name: str | None = None
    display_name: str | None = None
    sync_metadata: SyncMetadataSummary | None = None


class Stage(Model, frozen=True, kw_only=True):
    """The position of a work in its stage diagram."""

    name: str | None = None
    display_name: str | None = None
    notes: str | None = None
    ordinal: int | None = None
    stage: StageDetail | None = None
    state: StateDetail | None = None


class PartSummary(Atom, frozen=True, kw_only=True):
    """A part of the product hierarchy, of the kind `type`."""

    type: PartType | None = None
    name: str | None = None
    owned_by: tuple[UserSummary, ...] | None = None
    stage: Stage | None = None
    sync_metadata: SyncMetadataSummary | None = None


class TagStyle(Model, frozen=True, kw_only=True):
    """The appearance of a tag."""

    color: str | None = None


class TagSummary(Atom, frozen=True, kw_only=True):
    """A tag; real responses also have `description` and `color`."""

    name: str | None = None
    color: str | None = None
    description: str | None = None
    style_new: TagStyle | None = None
    sync_metadata: SyncMetadataSummary | None = None


class TagWithValue(Model, frozen=True, kw_only=True):
    """A tag on a work and its value there. Some real responses repeat the tag under `id`."""

    tag: TagSummary | None = None
    value: str | None = None
    id: TagSummary | None = None


class GroupSummary(Atom, frozen=True, kw_only=True):
    """A group of users, all of them of one kind (`member_type`).

    Only the typings of the TypeScript SDK have `parents`.
    """

    member_type: GroupMemberType | None = None
    name: str | None = None
    parents: tuple[Any, ...] | None = None
    sync_metadata: SyncMetadataSummary | None = None


class Channel(Atom, frozen=True, kw_only=True):
    """An external communication channel."""


class Sprint(Atom, frozen=True, kw_only=True):
    """The sprint of an issue (an item of a vista's group)."""

    type: VistaType | None = None
    end_date: Timestamp | None = None
    name: str | None = None
    start_date: Timestamp | None = None
    state: VistaState | None = None


class Money(Model, frozen=True, kw_only=True):
    """An amount (a decimal string, as the API has it) in a currency (ISO 4217)."""

    amount: str | None = None
    currency: str | None = None
