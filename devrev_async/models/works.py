"""The works themselves: issues, tickets, tasks, opportunities, and those of types that are not known yet."""

from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Any, ClassVar, Final, Literal, Self, TypeAlias, TypeVar, cast

import msgspec
from msgspec import structs

from devrev_async._json.stack import with_whole_stack
from devrev_async._json.text import parse

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

_encode_key: Final = msgspec.json.Encoder().encode
_copy: Final[Callable[[Any], Any]] = getattr(msgspec.Struct, "__copy__")  # noqa: B009 - its stubs do not know it


_DEEP: Final = 100
"""Levels beyond which a work is pickled and copied by its JSON: Python's own ways end at some 490, decoders at 990."""

_NESTING: Final = frozenset((dict, list, tuple, EnumValue, GroupSummary))
"""Where free-form values stand."""


class _InvalidFields:
    """A place beside the fields for those that do not fit their type.

    It is a slot and no field: so it is no key of the wire, costs works that fit eight bytes and no time, and leaves the
    class of a work as it is.
    """

    __slots__ = ("_invalid",)

    _invalid: Mapping[str, bytes]


class WorkBase(Model, _InvalidFields, frozen=True, kw_only=True):
    """The fields that all works share.

    Only `type` and `id` are always there (of an `UnknownWork`, not even those). Any other field may be None: the API
    omits what is empty, what the token may not see and, in old data, what its spec calls required. A field whose value
    does not fit its type is None too, and its value is in `invalid`.

    `custom_fields` is free-form JSON with keys as in ``"tnt__team"``. `body` may contain mentions as ``<don:...>``.
    `id_v1`, `state` and `references` are in no spec, but in real responses.
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

    @property
    def invalid(self) -> dict[str, Any] | None:
        """The JSON values of the fields that do not fit their type and therefore are None, by name; None without any.

        A number beyond Python's float is an int where it is a whole one, else (and beyond 4300 digits) its text.
        """
        texts: Mapping[str, bytes] | None = getattr(self, "_invalid", None)  # the slot of a work that fits is empty
        return None if texts is None else {name: parse(text) for name, text in texts.items()}

    def to_dict(self) -> dict[str, Any]:
        """The wire form as plain dicts, lists and strings: RFC 3339 timestamps, absent and null fields absent.

        Fields that are `invalid` have the values that the server sent.
        """
        fitting = super().to_dict()
        return fitting if self._invalid_texts() is None else {**fitting, **(self.invalid or {})}

    def to_json(self) -> bytes:
        """The wire form as compact JSON; the values of fields that are `invalid` are the server's bytes."""
        fitting = super().to_json()
        texts = self._invalid_texts()
        if texts is None:
            return fitting
        return b",".join([fitting[:-1], *(_encode_key(name) + b":" + text for name, text in texts.items())]) + b"}"

    def _invalid_texts(self) -> Mapping[str, bytes] | None:
        return getattr(self, "_invalid", None)

    def __eq__(self, other: object) -> bool:
        same = super().__eq__(other)
        if same is not True or not isinstance(other, WorkBase):
            return same
        mine, others = self._invalid_texts(), other._invalid_texts()
        return mine == others or self.invalid == other.invalid  # the same value may have two texts

    def __ne__(self, other: object) -> bool:
        same = self.__eq__(other)
        return same if same is NotImplemented else not same

    def __copy__(self) -> Self:
        made: Self = _copy(self)
        return set_invalid(made, self._invalid_texts())

    def __replace__(self, /, **changes: Any) -> Self:
        texts = {name: text for name, text in (self._invalid_texts() or {}).items() if name not in changes}
        return set_invalid(structs.replace(self, **changes), texts or None)

    def __reduce__(self) -> tuple[Any, ...]:
        texts = self._invalid_texts()
        if _is_deep(self):
            return _decoded, (self.__class__, Model.to_json(self), None if texts is None else dict(texts))
        if texts is None:
            return super().__reduce__()  # type: ignore[return-value]
        return _restored, (self.__class__, structs.asdict(self), dict(texts))

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
    """A work of those who build the product."""

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
    """A work that a customer asked for."""

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
    """A possible sale, with its account and value."""

    type: ClassVar[Literal["opportunity"]] = "opportunity"

    id: str
    account: OrgSummary | None = None
    annual_contract_value: Money | None = None
    contacts: tuple[UserSummary, ...] | None = None
    forecast_category_v2: EnumValue | None = None
    value: Money | None = None


class UnknownWork(WorkBase, frozen=True, kw_only=True):
    """A work of an unknown type, without `type` or `id`, nested too deeply to be decoded, or one that is no object.

    It has the shared fields that fit, and None for the others. `raw` is the whole work as JSON; `to_dict` and `to_json`
    return it, so that nothing is lost.
    """

    id: str | None = None
    type: WorkType | None = None
    raw: bytes = b"null"

    def to_dict(self) -> dict[str, Any]:
        """The parsed JSON of the work; an empty dict where it is no JSON object."""
        value: Any = parse(self.raw)
        return value if is_object(value) else {}

    def to_json(self) -> bytes:
        """The bytes that the server sent."""
        return self.raw


Work: TypeAlias = Issue | Ticket | Task | Opportunity | UnknownWork


_Some = TypeVar("_Some", bound=WorkBase)


def set_invalid(work: _Some, texts: Mapping[str, bytes] | None) -> _Some:
    """Gives a new work the JSON texts of its invalid fields, if there are any; returns the work."""
    if texts is not None:
        structs.force_setattr(work, "_invalid", texts)
    return work


def _is_deep(work: WorkBase) -> bool:
    level: list[Any] = [work]
    for _ in range(_DEEP):
        level = [item for value in level for item in _items(value) if item.__class__ in _NESTING]
        if not level:
            return False
    return True


def _items(value: Any) -> Iterable[Any]:
    if is_object(value):
        return value.values()
    return structs.astuple(value) if isinstance(value, msgspec.Struct) else value


def _decoded(model: type[_Some], text: bytes, texts: Mapping[str, bytes] | None) -> _Some:
    return set_invalid(with_whole_stack(msgspec.json.Decoder(model).decode, text), texts)


def _restored(model: type[_Some], fields: dict[str, Any], texts: Mapping[str, bytes]) -> _Some:
    return set_invalid(model(**fields), texts)
