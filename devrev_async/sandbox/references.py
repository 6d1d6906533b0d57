"""The list endpoints of what works refer to: parts, developers, customers, accounts and tags."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial

from . import records, search
from .clock import Clock
from .filters import Query
from .handlers import LIST_DEFAULT, LIST_MOST, Body, Endpoint, Response, cursors_tail
from .ids import Ids
from .index import WorkIndex
from .organisation import Organisation
from .predicates import EVERYTHING, Ranges, Values, any_of, at, in_range, refs
from .quirks import NO_QUIRKS
from .records import Build
from .row import Row
from .shapes import INT32, Boolean, DateFilter, Enum, FreeForm, Id, Integer, ListOf, Record, Shape, Text, Timestamp

_IDS = ListOf(Id())
_TEXTS = ListOf(Text())
_RANGE = Record({"after": Timestamp(), "before": Timestamp()})
_SORTABLE = ("created_date", "modified_date")
_USER_STATES = ("active", "deactivated", "deleted", "locked", "shadow", "unassigned")
_PAGING: dict[str, Shape] = {
    "cursor": Text(),
    "limit": Integer(1, INT32 - 1),
    "mode": Enum(("after", "before")),
    "sort_by": _TEXTS,
}
_DATES = ("created_date", "modified_date")


@dataclass(frozen=True, slots=True)
class ReferenceList:
    """One endpoint: what it lists, and by what it filters.

    Args:
        items: The name of the array in its answers.
        family: The family of the organisation that it lists.
        type: The discriminator that it is limited to; None for all.
        build: Makes the whole object from a summary.
        date_filter: The form of its filters by `created_date` and `modified_date`; None if it has none.
        filters: The filters for which there are values.
        others: The filters of the API for which there are none, so that they match nothing.
    """

    items: str
    family: str
    type: str | None
    build: Build
    date_filter: Shape | None
    filters: Mapping[str, tuple[Shape, Values]]
    others: Mapping[str, Shape]

    def shape(self) -> Record:
        """Returns the shape of its requests."""
        dates = dict.fromkeys(_DATES, self.date_filter) if self.date_filter is not None else {}
        own = {key: shape for key, (shape, _) in self.filters.items()}
        return Record({**_PAGING, **dates, **own, **self.others})

    def query(self, body: Body, now: int, ids: Ids) -> Query:
        ranges = Ranges(now, NO_QUIRKS)
        predicates = [any_of(values, body[key], ids) for key, (_, values) in self.filters.items() if body.get(key)]
        predicates += [_nothing for key in self.others if body.get(key)]
        predicates += [in_range(at(key), body[key], ranges) for key in _DATES if key in body]
        return Query(EVERYTHING, EVERYTHING, tuple(predicates))


@dataclass(slots=True)
class _Known:
    """The objects of one endpoint that were built already, and how many members of the family were seen."""

    index: WorkIndex = field(default_factory=WorkIndex)
    seen: int = 0


class ReferenceHandlers:
    """The endpoints over one organisation."""

    def __init__(self, organisation: Organisation, clock: Clock) -> None:
        self._organisation = organisation
        self._clock = clock
        self._known = {name: _Known() for name in _LISTS}

    def endpoints(self) -> dict[str, Endpoint]:
        """Returns the endpoints by name, such as "parts.list"."""
        return {
            name: Endpoint(partial(self.list_page, name), each.shape(), reads=True) for name, each in _LISTS.items()
        }

    async def list_page(self, name: str, body: Body) -> Response:
        listed = _LISTS[name]
        page = await search.list_page(
            self._index(name, listed),
            listed.query(body, self._clock.micros(), self._organisation.ids),
            search.parse_order(body.get("sort_by", ()), sortable=_SORTABLE),
            limit=min(int(body.get("limit", LIST_DEFAULT)), LIST_MOST),
            cursor=body.get("cursor"),
            backward=body.get("mode") == "before",
        )
        head = b'{"%s":[' % listed.items.encode()
        return Response(head, page.rows, cursors_tail(page.next_cursor, page.prev_cursor))

    def _index(self, name: str, listed: ReferenceList) -> WorkIndex:
        """Returns the index of all that is known; writes and users' own works add to it."""
        known = self._known[name]
        fresh = self._organisation.members(listed.family, start=known.seen)
        for n, summary in enumerate(fresh, known.seen):
            if listed.type in (None, summary.get("type")):
                known.index.add(Row(n, listed.build(summary, n, self._organisation), {}))
        known.seen += len(fresh)
        return known.index


def _nothing(_: Row) -> bool:
    return False


_LISTS = {
    "parts.list": ReferenceList(
        items="parts",
        family="part",
        type=None,
        build=records.part,
        date_filter=None,
        filters={
            "type": (
                ListOf(Enum(("capability", "enhancement", "feature", "linkable", "product", "runnable"))),
                at("type"),
            ),
            "created_by": (_IDS, refs("created_by")),
            "modified_by": (_IDS, refs("modified_by")),
            "name": (_TEXTS, at("name")),
            "owned_by": (_IDS, refs("owned_by")),
        },
        others={
            "custom_fields": FreeForm(),
            "enhancement": Record(
                {
                    "accounts": _IDS,
                    "opportunities": _IDS,
                    "rev_score_tier": ListOf(Enum(("high", "low", "medium"))),
                    "stage_v2": _IDS,
                    "state_v2": _TEXTS,
                    "tickets": _IDS,
                    **dict.fromkeys(
                        ("actual_close_date", "actual_start_date", "target_close_date", "target_start_date"), _RANGE
                    ),
                    **dict.fromkeys(
                        (
                            "actual_close_date_v2",
                            "actual_start_date_v2",
                            "target_close_date_v2",
                            "target_start_date_v2",
                        ),
                        DateFilter(),
                    ),
                }
            ),
            "parent_part": Record({"level": Integer(1, INT32 - 1), "parts": ListOf(Id(), low=1)}, required=("parts",)),
            "subtype": _TEXTS,
            "tags": _IDS,
        },
    ),
    "dev-users.list": ReferenceList(
        items="dev_users",
        family="user",
        type="dev_user",
        build=records.user,
        date_filter=DateFilter(),
        filters={"email": (_TEXTS, at("email")), "state": (ListOf(Enum(_USER_STATES)), at("state"))},
        others={
            "custom_fields": FreeForm(),
            "external_identity": ListOf(Record({"id": Text(), "issuer": Text()})),
        },
    ),
    "rev-users.list": ReferenceList(
        items="rev_users",
        family="user",
        type="rev_user",
        build=records.rev_user,
        date_filter=_RANGE,
        filters={
            "created_by": (_IDS, refs("created_by")),
            "email": (_TEXTS, at("email")),
            "external_ref": (_TEXTS, at("external_ref")),
            "rev_org": (_IDS, refs("rev_org")),
        },
        others={
            "associations": _IDS,
            "custom_fields": FreeForm(),
            "external_refs": _TEXTS,
            "is_verified": Boolean(),
            "phone_numbers": _TEXTS,
            "tags": _TEXTS,
        },
    ),
    "accounts.list": ReferenceList(
        items="accounts",
        family="account",
        type=None,
        build=records.account,
        date_filter=_RANGE,
        filters={
            "created_by": (_IDS, refs("created_by")),
            "display_name": (_TEXTS, at("display_name")),
            "domains": (_TEXTS, at("domains")),
            "external_refs": (_TEXTS, at("external_refs")),
            "owned_by": (_IDS, refs("owned_by")),
            "tier": (_TEXTS, at("tier")),
        },
        others={
            "custom_fields": FreeForm(),
            "stage": _IDS,
            "subtype": _TEXTS,
            "tags": _TEXTS,
            "websites": _TEXTS,
        },
    ),
    "tags.list": ReferenceList(
        items="tags",
        family="tag",
        type=None,
        build=records.tag,
        date_filter=None,
        filters={"name": (_TEXTS, at("name"))},
        others={},
    ),
}
