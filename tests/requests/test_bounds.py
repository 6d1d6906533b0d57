"""Each documented bound: accepted on it, refused one step outside, and nothing is sent then."""

from collections.abc import AsyncIterable, Callable, Coroutine
from typing import Any

import pytest

from devrev_async import (
    DevRevClient,
    InvalidArgumentError,
    IssueFilter,
    LastDays,
    ListUpdate,
    NextDays,
    OpportunityFilter,
    TicketFilter,
)
from tests.models.canned import Canned

Call = Callable[[DevRevClient, Any], Coroutine[Any, Any, object]]
INT64 = 2**63


def update(field: str, id: str = "ISS-1") -> Call:
    return lambda devrev, value: devrev.works.update(id, **{field: value})


def create(field: str, type: str = "issue") -> Call:
    required: dict[str, Any] = {
        "type": type,
        "title": "t",
        "applies_to_part": "PROD-1",
        "owned_by": ["DEVU-1"],
        "account": "ACC-1",
    }
    if type != "opportunity":
        del required["account"]
    return lambda devrev, value: devrev.works.create(**{**required, field: value})


def query(field: str) -> Call:
    return lambda devrev, value: devrev.works.export(**{field: value})


def ids(count: int) -> list[str]:
    return [f"X-{number}" for number in range(count)]


async def listed(devrev: DevRevClient, limit: Any) -> None:
    async for _ in devrev.works.list(limit=limit):
        pass


BOUNDS: list[tuple[str, Call, list[Any], list[Any], str]] = [
    ("update title", update("title"), ["t", "t" * 256, "\U0001f9a6" * 256], ["", "t" * 257], "1|256"),
    ("create title", create("title"), ["t", "t" * 256], ["", "t" * 257], "1|256"),
    ("update body", update("body"), ["", "b" * 65536, "\U0001f9a6" * 65536], ["b" * 65537], "65536"),
    ("create body", create("body"), ["", "b" * 65536], ["b" * 65537], "65536"),
    ("update owned_by", update("owned_by"), [ids(1), ids(100)], [[], ()], "1"),
    ("create owned_by", create("owned_by"), [ids(1), ids(100)], [[], ()], "1"),
    ("update artifacts", update("artifacts"), [[], ids(50)], [ids(51)], "50"),
    ("update artifacts, added", update("artifacts"), [ListUpdate(add=ids(50))], [ListUpdate(add=ids(51))], "50"),
    (
        "update artifacts, removed",
        update("artifacts"),
        [ListUpdate(remove=ids(50))],
        [ListUpdate(remove=ids(51))],
        "50",
    ),
    ("update artifacts, set", update("artifacts"), [ListUpdate(set=ids(50))], [ListUpdate(set=ids(51))], "50"),
    ("create artifacts", create("artifacts"), [[], ids(50)], [ids(51)], "50"),
    ("update developed_with", update("developed_with"), [[], ids(8)], [ids(9)], "8"),
    ("create developed_with", create("developed_with"), [[], ids(8)], [ids(9)], "8"),
    ("create external_ref", create("external_ref"), ["r", "r" * 512], ["", "r" * 513], "1|512"),
    *(
        (f"{name} {field}", call(field, where), [-INT64, INT64 - 1], [-INT64 - 1, INT64], "9223372036854775")
        for name, call, places in (
            (
                "update",
                update,
                (
                    ("priority_v2", "ISS-1"),
                    ("sentiment", "TKT-1"),
                    ("visibility", "TKT-1"),
                    ("forecast_category_v2", "OPP-1"),
                ),
            ),
            (
                "create",
                create,
                (("priority_v2", "issue"), ("visibility", "ticket"), ("forecast_category_v2", "opportunity")),
            ),
        )
        for field, where in places
    ),
    ("first", query("first"), [1, 5000], [0, -1, 5001], "5000"),
    ("limit", listed, [1, 2**31 - 1], [0, -1, 2**31], "2147483647"),
    (
        "issue.priority_v2",
        lambda d, v: d.works.count(issue=IssueFilter(priority_v2=[v])),
        [-INT64, INT64 - 1],
        [-INT64 - 1, INT64],
        "9223372036854775",
    ),
    (
        "ticket.visibility",
        lambda d, v: d.works.count(ticket=TicketFilter(visibility=[v])),
        [-INT64, INT64 - 1],
        [-INT64 - 1, INT64],
        "9223372036854775",
    ),
    (
        "opportunity.forecast_category_v2",
        lambda d, v: d.works.count(opportunity=OpportunityFilter(forecast_category_v2=[v])),
        [-INT64, INT64 - 1],
        [-INT64 - 1, INT64],
        "9223372036854775",
    ),
    ("last days", lambda d, v: d.works.count(created_date=LastDays(v)), [0, 2**32 - 1], [-1, 2**32], "4294967295"),
    ("next days", lambda d, v: d.works.count(target_close_date=NextDays(v)), [0, 2**32 - 1], [-1, 2**32], "4294967295"),
]


@pytest.mark.parametrize(
    ("call", "inside", "outside", "named"), [row[1:] for row in BOUNDS], ids=[row[0] for row in BOUNDS]
)
def test_bounds(canned: Canned, call: Call, inside: list[Any], outside: list[Any], named: str) -> None:
    canned.answer({"work": {"type": "issue", "id": "ISS-1"}, "works": [], "count": 1, "has_more": False})
    for value in inside:
        assert canned.sent(call(canned.devrev, value))
    canned.received.clear()
    for value in outside:
        with pytest.raises(InvalidArgumentError, match=named):
            canned.run(call(canned.devrev, value))
    assert canned.received == []


MANY_DIGITS = 10**5000
"""More than Python writes."""


class Unprintable:
    def __repr__(self) -> str:
        raise RuntimeError


TOO_LONG: list[tuple[Call, str]] = [
    (query("first"), "first"),
    (listed, "limit"),
    (lambda d, v: drained(d.works.list(max_items=v)), "max_items takes"),
    (lambda d, v: drained(d.works.list(mode=v)), "mode takes"),
    (lambda d, v: drained(d.paginate("accounts.list", items=v)), "items takes"),
    (lambda d, v: d.works.count(created_date=LastDays(v)), "LastDays takes"),
    (lambda d, v: d.works.get("ISS-1", max_retries=v), "max_retries takes"),
    (lambda d, v: d.works.count(timeout=v), "Timeout.total"),
    (lambda d, v: drained(d.works.get_many(["ISS-1"], on_error=v)), "on_error takes"),
    (lambda d, v: d.request(v), "endpoint takes"),
    (lambda d, v: d.works.update("X-1", type=v, priority="p1"), "type"),
    (lambda d, v: d.works.export(sort_by=[v]), "sort_by"),
]


@pytest.mark.parametrize(
    "value", [MANY_DIGITS, -MANY_DIGITS, "x" * 5000, Unprintable()], ids=["int", "-int", "str", "repr"]
)
@pytest.mark.parametrize(("call", "named"), TOO_LONG)
def test_values_that_are_too_long_to_show_are_refused_briefly(
    canned: Canned, call: Call, named: str, value: object
) -> None:
    if (value == MANY_DIGITS and named.startswith("max_")) or (isinstance(value, str) and named == "items takes"):
        return  # as many as there are, and a key
    canned.received.clear()
    with pytest.raises((InvalidArgumentError, TypeError), match=named) as caught:
        canned.run(call(canned.devrev, value))
    assert type(caught.value) in (InvalidArgumentError, TypeError)
    assert len(str(caught.value)) < 400
    assert canned.received == []


async def drained(items: AsyncIterable[object]) -> None:
    async for _ in items:
        pass


BAD_IDS = [
    "",
    " ",
    "ISS 1",
    "ISS-1\n",
    "\tISS-1",
    "ISS-1\x00",
    "ISS\x7f-1",
    "\x85",
    "\xa0ISS-1",
    "ISS\u2028",
    "ISS-1/2",
    "a/../b",
    "/",
    "don:core:x:issue/1 2",
    "don:core:x:issue/1\r\n",
    "\ud83e",
]
GOOD_IDS = [
    "ISS-1",
    "X",
    "ünï-1",
    "don:core:dvrv-us-1:devo/0aB:issue/14",
    "don:DEV-0aB:issue:98",
    "a&b=c%2F?#",
    "..",
    "+1",
]


@pytest.mark.parametrize("id", BAD_IDS)
def test_what_no_id_can_be_is_refused_everywhere(canned: Canned, id: str) -> None:
    works = canned.devrev.works
    canned.received.clear()
    calls: list[Callable[[], Coroutine[Any, Any, object]]] = [
        lambda: works.get(id),
        lambda: works.delete(id),
        lambda: works.update(id, title="t"),
        lambda: works.update("ISS-1", applies_to_part=id),
        lambda: works.update("ISS-1", owned_by=["DEVU-1", id]),
        lambda: works.update("ISS-1", reported_by=[id]),
        lambda: works.update("ISS-1", sprint=id),
        lambda: works.update("ISS-1", tags=[id]),
        lambda: works.update("ISS-1", tags=[{"id": id}]),
        lambda: works.update("ISS-1", tags=ListUpdate(add=[id])),
        lambda: works.update("ISS-1", artifacts=[id]),
        lambda: works.update("ISS-1", artifacts=ListUpdate(remove=[id])),
        lambda: works.update("ISS-1", custom_schema_fragments=[id]),
        lambda: works.create(type="issue", title="t", applies_to_part=id, owned_by=["DEVU-1"]),
        lambda: works.create(type="issue", title="t", applies_to_part="PROD-1", owned_by=[id]),
        lambda: works.export(applies_to_part=[id]),
        lambda: works.export(vista=id),
        lambda: works.count(issue=IssueFilter(sprint=[id])),
        lambda: works.count(ticket=TicketFilter(rev_org=[id])),
    ]
    for call in calls:
        with pytest.raises(InvalidArgumentError, match=r"id|empty|length >= 1"):
            canned.run(call())
    assert canned.received == []


@pytest.mark.parametrize("id", GOOD_IDS)
def test_ids_arrive_as_they_are(canned: Canned, id: str) -> None:
    canned.answer({"work": {"type": "issue", "id": "ISS-1"}, "works": []})
    works = canned.devrev.works
    assert canned.sent(works.get(id)).body == {"id": id}
    assert canned.sent(works.update(id, title="t")).body["id"] == id
    assert canned.sent(works.export(owned_by=[id])).body["owned_by"] == [id]


@pytest.mark.parametrize("id", [1, None, b"ISS-1", 1.5, ["ISS-1"], True])
def test_ids_are_strings(canned: Canned, id: Any) -> None:
    for call in (canned.devrev.works.get, canned.devrev.works.delete, canned.devrev.works.update):
        with pytest.raises(TypeError, match="id takes a str"):
            canned.run(call(id))
