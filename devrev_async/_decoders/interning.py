"""Decodes works with their repeated parts interned: equal bytes become one frozen object. Pure.

A page of works names the same few users, parts, tags and stages over and over. Decoding each of them once, and
pointing every work to that one object, halves the memory and costs no time. A batch is first decoded into shadow
Structs, which have the fields of the real ones but leave the repeated parts as raw bytes. Then the raw parts are
replaced through a cache, and each shadow becomes its real class.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from itertools import chain, islice, repeat
from operator import attrgetter, concat
from types import GenericAlias
from typing import Any, Final, NamedTuple, cast

import msgspec
from msgspec import Raw, Struct, structs

from devrev_async.models.objects import GroupSummary, OrgSummary, PartSummary, Sprint, Stage, TagWithValue, UserSummary
from devrev_async.models.sla import OrgSchedule, Sla, SlaSummary, SlaTracker
from devrev_async.models.sync import SyncIn, SyncMetadata, SyncOut, SyncUnit
from devrev_async.models.works import Issue, Opportunity, Task, Ticket, Work

MAX_KEPT: Final = 1 << 20
"""The most bytes of JSON that the caches keep as keys before they start anew; works keep the objects they point to."""

MAX_PART: Final = 16 << 10
"""The most bytes of a part that is kept."""

_concat: Final = cast("Callable[[bytes, Raw], bytes]", concat)
_put: Final = structs.force_setattr


class _Cache(dict[bytes, Any]):
    """Maps the JSON of one kind of part to its object: looking up what is missing decodes and keeps it."""

    __slots__ = ("_decode", "_sharing")

    def __init__(self, decode: Callable[[bytes], Any], sharing: InternPool) -> None:
        super().__init__()
        self._decode = decode
        self._sharing = sharing

    def __missing__(self, key: bytes) -> Any:
        value = self._decode(key)
        if len(key) <= MAX_PART:
            self._sharing.make_room(len(key))
            self[key] = value
        return value


class InternPool:
    """Bounded caches from bytes of JSON to frozen objects, one cache per kind of part."""

    __slots__ = ("_caches", "_room")

    def __init__(self) -> None:
        self._caches: dict[object, _Cache] = {}
        self._room = MAX_KEPT

    def items(self, kind: type[Struct]) -> _Cache:
        """The cache of one kind of part, as an item of a list."""
        known = self._caches.get(kind)
        if known is None:
            known = self._caches[kind] = _Cache(msgspec.json.Decoder(kind).decode, self)
        return known

    def fields(self, kind: type[Struct]) -> _Cache:
        """The same objects, as values of a field: it may be null."""
        known = self._caches.get((kind,))
        if known is None:
            item = self.items(kind).__getitem__
            known = self._caches[kind,] = _Cache(lambda key: None if key == b"null" else item(key), self)
        return known

    def lists(self, kind: type[Struct]) -> _Cache:
        """The cache of whole lists of them, which are mostly of one part."""
        known = self._caches.get((list, kind))
        if known is None:
            item = self.items(kind).__getitem__

            def decode(array: bytes) -> tuple[Any, ...] | None:
                raws = _decode_raws(array)
                return None if raws is None else tuple(map(item, _texts(raws)))

            known = self._caches[list, kind] = _Cache(decode, self)
        return known

    @property
    def kept(self) -> int:
        """Bytes of all keys."""
        return sum(map(len, chain.from_iterable(self._caches.values())))

    def make_room(self, size: int) -> None:
        """Forget all that is kept if a key of this size does not fit beside it."""
        self._room -= size
        if self._room < 0:
            for cache in self._caches.values():
                cache.clear()
            self._room = MAX_KEPT - size


_decode_raws: Final = msgspec.json.Decoder(list[Raw] | None).decode

_PART: Final = "part"
_FEW: Final = "list of parts that repeats as a whole"
_MANY: Final = "list of parts that repeat one by one"
_CHILD: Final = "child"

# Field -> what is there; a child is a Struct of its own that has shared parts. Sharing costs about what decoding a user
# does: parts of two or three short fields are not here, since it would save little memory and cost time.
_PARTS: Final[dict[type[Struct], dict[str, tuple[str, type[Struct]]]]] = {
    SlaTracker: {
        "created_by": (_PART, UserSummary),
        "modified_by": (_PART, UserSummary),
        "sla": (_PART, Sla),
    },
    SlaSummary: {"org_schedule": (_PART, OrgSchedule), "sla_tracker": (_CHILD, SlaTracker)},
    SyncIn: {"sync_unit": (_PART, SyncUnit)},
    SyncOut: {"sync_unit": (_PART, SyncUnit)},
    SyncMetadata: {"last_sync_in": (_CHILD, SyncIn), "last_sync_out": (_CHILD, SyncOut)},
}
_OF_WORKS: Final[dict[str, tuple[str, type[Struct]]]] = {
    "created_by": (_PART, UserSummary),
    "modified_by": (_PART, UserSummary),
    "applies_to_part": (_PART, PartSummary),
    "owned_by": (_FEW, UserSummary),
    "reported_by": (_FEW, UserSummary),
    "stage": (_PART, Stage),
    "sync_metadata": (_CHILD, SyncMetadata),
    "tags": (_MANY, TagWithValue),
}
_PARTS.update(
    {
        Issue: {
            **_OF_WORKS,
            "developed_with": (_FEW, PartSummary),
            "sla_summary": (_CHILD, SlaSummary),
            "sprint": (_PART, Sprint),
        },
        Ticket: {
            **_OF_WORKS,
            "account": (_PART, OrgSummary),
            "group": (_PART, GroupSummary),
            "rev_org": (_PART, OrgSummary),
            "sla_summary": (_CHILD, SlaSummary),
        },
        Task: _OF_WORKS,
        Opportunity: {
            **_OF_WORKS,
            "account": (_PART, OrgSummary),
            "contacts": (_FEW, UserSummary),
        },
    }
)


def _shadow(real: type[Struct], made: Mapping[type[Struct], Any]) -> type[Struct]:
    """A subclass of the same layout as `real`, with `Raw` where parts are shared and shadows where children are."""
    fields: list[tuple[str, Any, Any]] = []
    for name, (how, kind) in _PARTS[real].items():
        if how in (_PART, _FEW):
            fields.append((name, Raw, _ABSENT))
        elif how == _MANY:
            fields.append((name, tuple[Raw, ...] | None, None))
        else:
            fields.append((name, made[kind] | None, None))
    return msgspec.defstruct(real.__name__, fields, bases=(real,), frozen=True, kw_only=True)


_ABSENT: Final = Raw(b"null")


class _Shadows(NamedTuple):
    of: Mapping[type[Struct], type[Struct]]
    decode: Callable[[bytes | memoryview], list[Any]]


@cache
def _shadows() -> _Shadows:
    """The shadows of all that has shared parts. Made on first use: who only gets single works never needs them."""
    made: dict[type[Struct], type[Struct]] = {}
    for real in _PARTS:  # children stand before their parents
        made[real] = _shadow(real, made)
    works: Any = made[Issue] | made[Ticket] | made[Task] | made[Opportunity]
    page: Any = GenericAlias(list, (works,))
    return _Shadows(made, msgspec.json.Decoder(page).decode)


_Fill = Callable[[list[Any]], None]


def _filler(real: type[Struct], sharing: InternPool, made: dict[type[Struct], _Fill]) -> _Fill:
    """The function that turns shadows of `real` into `real`s.

    It goes field by field over all of them, not object by object: so the loops run in C, at a third of the cost.
    """
    fields = [(name, attrgetter(name), how, kind) for name, (how, kind) in _PARTS[real].items()]
    parts = [(name, get, sharing.fields(kind)) for name, get, how, kind in fields if how == _PART]
    parts += [(name, get, sharing.lists(kind)) for name, get, how, kind in fields if how == _FEW]
    lists = [(name, get, sharing.items(kind)) for name, get, how, kind in fields if how == _MANY]
    children = [(get, made[kind]) for _, get, how, kind in fields if how == _CHILD]

    def fill(shadows: list[Any]) -> None:
        for name, raw_of, known in parts:
            _run(map(_put, shadows, repeat(name), map(known.__getitem__, _texts(map(raw_of, shadows)))))
        for name, raws_of, known in lists:
            those = [shadow for shadow in shadows if raws_of(shadow)]
            raws = list(map(raws_of, those))
            found = map(known.__getitem__, _texts(chain.from_iterable(raws)))
            _run(map(_put, those, repeat(name), map(tuple, map(islice, repeat(found), map(len, raws)))))
        for child_of, fill_children in children:
            fill_children(list(filter(None, map(child_of, shadows))))
        _run(map(_put, shadows, repeat("__class__"), repeat(real)))

    return fill


def _texts(raws: Iterable[Raw]) -> Iterable[bytes]:
    """Their bytes, at two thirds of the cost of `bytes`."""
    return map(_concat, repeat(b""), raws)


def _run(calls: Iterable[None]) -> None:
    deque(calls, maxlen=0)


class InterningDecoder:
    """Decodes JSON arrays of works, sharing repeated parts; all works must fit their types, or it raises."""

    __slots__ = ("_fill", "sharing")

    def __init__(self) -> None:
        self.sharing = InternPool()
        self._fill: dict[type[Struct], _Fill] | None = None

    def _fillers(self) -> dict[type[Struct], _Fill]:
        fillers: dict[type[Struct], _Fill] = {}
        for real in _PARTS:
            fillers[real] = _filler(real, self.sharing, fillers)
        return {_shadows().of[real]: fill for real, fill in fillers.items()}

    def decode(self, array: bytes | memoryview) -> list[Work]:
        """The works of a JSON array.

        Raises:
            msgspec.MsgspecError, UnicodeDecodeError, RecursionError: whatever msgspec raises; nothing was decoded.
        """
        works = _shadows().decode(array)
        if self._fill is None:
            self._fill = self._fillers()
        for shadow in set(map(type, works)):
            self._fill[shadow]([work for work in works if work.__class__ is shadow])
        return works
