"""Decoding works with their repeated parts shared: equal bytes give one frozen object.

A page of works names the same few users, parts, tags and stages over and over. Decoding each of them once, and
pointing every work to that one object, halves the memory and costs nothing in time. To that end a batch is decoded
into shadow Structs, which have the fields of the real ones but leave the repeated parts as raw bytes; then the raw
parts are replaced through a cache, and each shadow becomes its real class.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any, Final, cast

import msgspec
from msgspec import Raw, Struct, structs

from .objects import (
    Channel,
    EnumValue,
    GroupSummary,
    OrgSummary,
    PartSummary,
    Sprint,
    Stage,
    TagWithValue,
    UserSummary,
)
from .sla import MetricDefinition, MetricTarget, OrgSchedule, RemovedMetric, Sla, SlaSummary, SlaTracker
from .sync import SyncIn, SyncMetadata, SyncOut, SyncUnit
from .works import Issue, Opportunity, Task, Ticket

MAX_KEPT: Final = 1 << 20
"""Bytes of JSON that a cache holds as keys before it starts anew; what works point to lives on with them."""

MAX_PART: Final = 16 << 10
"""A part of more bytes than this is not worth keeping."""

_become: Final[Callable[[object, type], None]] = cast("Any", object.__dict__["__class__"]).__set__
_put: Final = structs.force_setattr


class Sharing:
    """Bounded caches from bytes of JSON to frozen objects, one cache per kind of part."""

    __slots__ = ("_caches", "_room")

    def __init__(self) -> None:
        self._caches: dict[str, dict[bytes, Any]] = {}
        self._room = MAX_KEPT

    def cache(self, how: str, name: str) -> tuple[dict[bytes, Any], Callable[[bytes], Any]]:
        """The cache of one kind of part, and the function that decodes and keeps what is not in it."""
        cache = self._caches.setdefault(f"{how} {name}", {})
        decode = msgspec.json.Decoder(_PART_TYPES[name] | None).decode
        if how == _LIST:
            decode = _list_decoder(*self.cache(_SINGLE, name))

        def miss(key: bytes) -> Any:
            value = decode(key)
            if len(key) <= MAX_PART:
                self._keep(cache, key, value)
            return value

        return cache, miss

    def _keep(self, cache: dict[bytes, Any], key: bytes, value: object) -> None:
        self._room -= len(key)
        if self._room < 0:
            for every in self._caches.values():
                every.clear()
            self._room = MAX_KEPT - len(key)
        cache[key] = value


def _list_decoder(cache: dict[bytes, Any], miss: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
    def decode(array: bytes) -> tuple[Any, ...] | None:
        raws = _decode_raws(array)
        if raws is None:
            return None
        parts: list[Any] = []
        for raw in raws:
            key = bytes(raw)
            part = cache.get(key) or miss(key)
            if part is None:  # no array of the API holds a null; whoever decodes the work alone will say where
                raise msgspec.ValidationError("Expected `object`, got `null`")
            parts.append(part)
        return tuple(parts)

    return decode


_decode_raws: Final = msgspec.json.Decoder(list[Raw] | None).decode

_PART_TYPES: Final[dict[str, Any]] = {
    "channel": Channel,
    "enum": EnumValue,
    "group": GroupSummary,
    "metric": MetricDefinition,
    "org": OrgSummary,
    "part": PartSummary,
    "schedule": OrgSchedule,
    "sla": Sla,
    "sprint": Sprint,
    "stage": Stage,
    "str": str,
    "strs": tuple[str, ...],
    "tag": TagWithValue,
    "unit": SyncUnit,
    "user": UserSummary,
}

_SINGLE: Final = "single"
_LIST: Final = "list"
_CHILD: Final = "child"
_CHILDREN: Final = "children"

# field -> how it is shared; a child is a Struct of its own that has shared parts
_PARTS: Final[dict[type[Struct], dict[str, tuple[str, Any]]]] = {
    MetricTarget: {"metric_definition": (_SINGLE, "metric"), "org_schedule": (_SINGLE, "schedule")},
    RemovedMetric: {"metric_definition": (_SINGLE, "metric"), "removed_by": (_SINGLE, "user")},
    SlaTracker: {
        "created_by": (_SINGLE, "user"),
        "modified_by": (_SINGLE, "user"),
        "metric_target_summaries": (_CHILDREN, MetricTarget),
        "removed_sla_metric_history": (_CHILDREN, RemovedMetric),
        "sla": (_SINGLE, "sla"),
    },
    SlaSummary: {"org_schedule": (_SINGLE, "schedule"), "sla_tracker": (_CHILD, SlaTracker)},
    SyncIn: {"sync_unit": (_SINGLE, "unit")},
    SyncOut: {"sync_unit": (_SINGLE, "unit")},
    SyncMetadata: {"last_sync_in": (_CHILD, SyncIn), "last_sync_out": (_CHILD, SyncOut)},
}
_WORK_PARTS: Final[dict[str, tuple[str, Any]]] = {
    "created_by": (_SINGLE, "user"),
    "modified_by": (_SINGLE, "user"),
    "applies_to_part": (_SINGLE, "part"),
    "custom_schema_fragments": (_SINGLE, "strs"),
    "owned_by": (_LIST, "user"),
    "reported_by": (_LIST, "user"),
    "stage": (_SINGLE, "stage"),
    "stock_schema_fragment": (_SINGLE, "str"),
    "sync_metadata": (_CHILD, SyncMetadata),
    "tags": (_LIST, "tag"),
}
_PARTS.update(
    {
        Issue: {
            **_WORK_PARTS,
            "developed_with": (_LIST, "part"),
            "priority_v2": (_SINGLE, "enum"),
            "sla_summary": (_CHILD, SlaSummary),
            "sprint": (_SINGLE, "sprint"),
        },
        Ticket: {
            **_WORK_PARTS,
            "account": (_SINGLE, "org"),
            "channels_v2": (_LIST, "channel"),
            "group": (_SINGLE, "group"),
            "rev_org": (_SINGLE, "org"),
            "sentiment": (_SINGLE, "enum"),
            "sla_summary": (_CHILD, SlaSummary),
            "source_channel_v2": (_SINGLE, "channel"),
            "visibility": (_SINGLE, "enum"),
        },
        Task: _WORK_PARTS,
        Opportunity: {
            **_WORK_PARTS,
            "account": (_SINGLE, "org"),
            "contacts": (_LIST, "user"),
            "forecast_category_v2": (_SINGLE, "enum"),
        },
    }
)



def _shadow(real: type[Struct], made: dict[type[Struct], type[Struct]]) -> type[Struct]:
    """A subclass of the same layout as `real`, with `Raw` where parts are shared and shadows where children are."""
    annotations: dict[str, Any] = {}
    for name, (how, what) in _PARTS[real].items():
        if how == _CHILD:
            annotations[name] = made[what] | None
        elif how == _CHILDREN:
            annotations[name] = tuple[made[what], ...] | None
        else:
            annotations[name] = Raw
    fields = [(name, kind, None) for name, kind in annotations.items()]
    return msgspec.defstruct(real.__name__, fields, bases=(real,), frozen=True, kw_only=True)


_SHADOWS: Final[dict[type[Struct], type[Struct]]] = {}
for _real in _PARTS:  # children stand before their parents
    _SHADOWS[_real] = _shadow(_real, _SHADOWS)

SHADOW_WORK: Final[Any] = _SHADOWS[Issue] | _SHADOWS[Ticket] | _SHADOWS[Task] | _SHADOWS[Opportunity]
_decode_shadows: Final = msgspec.json.Decoder(list[SHADOW_WORK]).decode

_Fill = Callable[[Any], None]


def _filler(real: type[Struct], sharing: Sharing, made: dict[type[Struct], _Fill]) -> _Fill:
    """The function that turns a shadow of `real` into a `real`. It runs for every object of an export: hence its form."""
    parts = {name: what for name, (how, what) in _PARTS[real].items() if how in (_SINGLE, _LIST)}
    names = tuple(parts)
    get = _getter(names)
    caches = [(name, *sharing.cache(_PARTS[real][name][0], what)) for name, what in parts.items()]
    children = [(attrgetter(name), made[what], how) for name, (how, what) in _PARTS[real].items() if what in made]

    def fill(shadow: Any) -> None:
        for raw, (name, cache, miss) in zip(get(shadow), caches, strict=False):
            if raw is not None:
                key = bytes(raw)
                _put(shadow, name, cache[key] if key in cache else miss(key))
        for child_of, fill_child, how in children:
            child = child_of(shadow)
            if child is not None:
                for each in child if how == _CHILDREN else (child,):
                    fill_child(each)
        _become(shadow, real)

    return fill


def _getter(names: tuple[str, ...]) -> Callable[[Any], tuple[Any, ...]]:
    # attrgetter gives a bare value for one name; with the first one twice there are always two
    return cast("Any", attrgetter(*names, names[0])) if names else lambda _shadow: ()


class SharedDecoder:
    """Decodes JSON arrays of works, sharing repeated parts; all works must fit their types, or it raises."""

    __slots__ = ("_fill",)

    def __init__(self) -> None:
        sharing = Sharing()
        fillers: dict[type[Struct], _Fill] = {}
        for real in _PARTS:
            fillers[real] = _filler(real, sharing, fillers)
        self._fill = {_SHADOWS[real]: fill for real, fill in fillers.items()}

    def decode(self, array: bytes | bytearray | memoryview) -> list[Issue | Ticket | Task | Opportunity]:
        """The works of a JSON array.

        Raises:
            msgspec.MsgspecError, UnicodeDecodeError, RecursionError: whatever msgspec raises; nothing was decoded.
        """
        works: list[Any] = _decode_shadows(array)
        fill = self._fill
        for work in works:
            fill[work.__class__](work)
        return works
