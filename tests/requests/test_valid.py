"""What arrives at a server of random calls is valid by the strict schema, and has all that was given."""

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from devrev_async import UNSET
from devrev_async.models import CreateFields, Filters, UpdateFields
from devrev_async.models.updates import UPDATE_FIELDS_OF
from tests.effort import examples
from tests.models.canned import Canned
from tests.requests import strategies as some
from tests.spec import validate_request

QUICK = settings(max_examples=examples(120), suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
WORK = {"work": {"type": "issue", "id": "ISS-1"}}
PAGE: dict[str, Any] = {"works": []}


def given_ones(arguments: dict[str, Any]) -> set[str]:
    return {name for name, value in arguments.items() if value is not UNSET}


@given(some.an_update())
@QUICK
def test_every_update_fits_the_spec_and_has_its_type_where_a_field_needs_it(
    canned: Canned, update: tuple[str, dict[str, Any]]
) -> None:
    type_, arguments = update
    canned.answer(WORK)
    endpoint, body = canned.sent(canned.devrev.works.update(**arguments))
    assert endpoint == "works.update"
    validate_request(endpoint, body)
    special = given_ones(arguments) & UPDATE_FIELDS_OF[type_]
    assert body.get("type") == (type_ if special or arguments["type"] else None)
    assert body["id"] == arguments["id"]
    assert set(body) - {"custom_schema_spec"} == (given_ones(arguments) - {"type", "custom_schema_spec"}) | (
        {"type"} if special or arguments["type"] else set()
    )
    for name in given_ones(arguments):
        if arguments[name] is None and name != "type":
            assert body[name] is None


@given(some.a_create())
@QUICK
def test_creates(canned: Canned, arguments: dict[str, Any]) -> None:
    canned.answer(WORK, 201)
    endpoint, body = canned.sent(canned.devrev.works.create(**arguments))
    assert endpoint == "works.create"
    validate_request(endpoint, body)
    assert set(body) - {"custom_schema_spec"} == set(arguments) - {"custom_schema_spec"}


@given(some.every_filter, st.integers(1, 5000) | st.none(), some.sort_by | st.none())
@QUICK
def test_exports(canned: Canned, filters: dict[str, Any], first: int | None, sort_by: list[str] | None) -> None:
    canned.answer(PAGE)
    options: dict[str, Any] = {} if first is None else {"first": first}
    endpoint, body = canned.sent(canned.devrev.works.export(**filters, **options, sort_by=sort_by))
    assert endpoint == "works.export"
    validate_request(endpoint, body)
    assert body["first"] == (first or 5000)
    assert set(body) - {"first"} == set(filters) | ({"sort_by"} if sort_by is not None else set())


@given(
    some.every_filter,
    st.integers(1, 2**31 - 1) | st.none(),
    st.sampled_from(["after", "before", None]),
    st.text(min_size=1) | st.none(),
)
@settings(QUICK, max_examples=examples(60))
def test_lists(canned: Canned, filters: dict[str, Any], limit: int | None, mode: Any, cursor: str | None) -> None:
    canned.answer(PAGE)

    async def call() -> None:
        assert [work async for work in canned.devrev.works.list(**filters, limit=limit, mode=mode, cursor=cursor)] == []

    endpoint, body = canned.sent(call())
    assert endpoint == "works.list"
    validate_request(endpoint, body)
    assert {name: body[name] for name in ("limit", "mode", "cursor") if name in body} == {
        name: value for name, value in (("limit", limit), ("mode", mode), ("cursor", cursor)) if value is not None
    }
    assert set(filters) <= set(body)


@given(some.every_filter)
@settings(QUICK, max_examples=examples(60))
def test_every_count_fits_the_spec(canned: Canned, filters: dict[str, Any]) -> None:
    canned.answer({"count": 3, "has_more": False})
    endpoint, body = canned.sent(canned.devrev.works.count(**filters))
    assert endpoint == "works.count"
    validate_request(endpoint, body)
    assert set(body) == set(filters)


@given(some.ids)
@QUICK
def test_gets_and_deletes(canned: Canned, id: str) -> None:
    canned.answer(WORK)
    assert canned.sent(canned.devrev.works.get(id)) == ("works.get", {"id": id})
    canned.answer({})
    endpoint, body = canned.sent(canned.devrev.works.delete(id))
    assert (endpoint, body) == ("works.delete", {"id": id})
    validate_request(endpoint, body)


def test_every_argument_is_drawn() -> None:
    """The strategies above follow the types; this says that they leave nothing out."""
    for model in (Filters, UpdateFields, CreateFields):
        assert set(some.of_fields(model)) == set(model.__annotations__)
