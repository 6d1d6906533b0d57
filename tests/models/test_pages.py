"""The examples of the three reference pages, served over HTTP."""

import codecs
import json
from pathlib import Path
from typing import Any

import pytest

from devrev_async import (
    APIError,
    BadRequestError,
    ForbiddenError,
    InternalServerError,
    Issue,
    NotFoundError,
    ServiceUnavailableError,
    TooManyRequestsError,
    UnauthorizedError,
    Work,
)
from tests.models.canned import Canned
from tests.models.wire import assert_no_leaf_lost, leaves

DATA = Path(__file__).parents[1] / "data"
PAGES: dict[str, dict[str, Any]] = {
    f"works.{page.stem.partition('-')[0]}": json.loads(page.read_text()) for page in sorted(DATA.glob("*-work*.json"))
}
CLASSES: dict[int, type[APIError]] = {
    400: BadRequestError,
    401: UnauthorizedError,
    403: ForbiddenError,
    404: NotFoundError,
    429: TooManyRequestsError,
    500: InternalServerError,
    503: ServiceUnavailableError,
}
ERRORS = [(endpoint, int(status)) for endpoint, answers in PAGES.items() for status in answers if status != "200"]


async def call(canned: Canned, endpoint: str) -> list[Work]:
    works = canned.devrev.works
    if endpoint == "works.export":
        return await works.export()
    return [await (works.get("ISS-12345") if endpoint == "works.get" else works.update("ISS-12345", title="t"))]


def test_all_three_are_here() -> None:
    assert list(PAGES) == ["works.export", "works.get", "works.update"]
    assert [sum(1 for _ in leaves(page["200"])) for page in PAGES.values()] == [240, 240, 183]
    assert len(ERRORS) == 6 + 7 + 7


@pytest.mark.parametrize("endpoint", PAGES)
def test_no_leaf_of_an_example_is_lost(canned: Canned, endpoint: str) -> None:
    example = PAGES[endpoint]["200"]
    canned.answer(example)
    (work,) = canned.run(call(canned, endpoint))
    assert type(work) is Issue
    (wire,) = example["works"] if "works" in example else [example["work"]]
    assert_no_leaf_lost(work, wire)


@pytest.mark.parametrize(("endpoint", "status"), ERRORS)
def test_each_error_example_raises_its_class_with_its_fields(canned: Canned, endpoint: str, status: int) -> None:
    example = PAGES[endpoint][str(status)]
    canned.answer(example, status)
    with pytest.raises(APIError) as caught:
        canned.run(call(canned, endpoint))
    error = caught.value
    assert isinstance(error, CLASSES[status])
    assert type(error).__name__ == CLASSES[status].__name__
    assert {name: getattr(error, name) for name in example} == example
    assert (error.status, error.endpoint, error.attempts) == (status, endpoint, 1)
    assert json.loads(error.body) == example
    assert str(error).startswith(f"{endpoint}: {status} {example['type']}")


SHAPELESS = {
    "empty": b"",
    "html": b"<html><body><h1>Bad Gateway</h1></body></html>",
    "a list": b'[{"message":"m"}]',
    "a string": b'"no"',
    "null": b"null",
    "not UTF-8": b"\xff\xfe{}",
    "bytes": bytes(range(1, 256)),
    **{
        f"{what} in {encoding}{' with a BOM' if bom else ''}": bom + text.encode(encoding)
        for what, text in (("JSON", '{"message":"m","type":"t"}'), ("text", "forbidden"))
        for encoding, mark in (("utf-16-le", codecs.BOM_UTF16_LE), ("utf-16-be", codecs.BOM_UTF16_BE))
        for bom in (b"", mark)
    },
    "cut": b'{"type":"bad_r',
    "deep": b"[" * 100_000,
    "fields of other types": b'{"message":{"a":1},"type":5,"detail":[],"field_name":1.5,"allowed_values":"x","is_same":'
    b'"yes","dependencies":{"a":1},"retry_after":"soon","reference_id":7,"allowed_types":[1,null]}',
}


@pytest.mark.parametrize("status", [400, 401, 403, 404, 408, 409, 413, 418, 429, 500, 502, 503, 504])
@pytest.mark.parametrize("body", SHAPELESS.values(), ids=SHAPELESS)
def test_bodies_that_are_not_the_documented_shape(canned: Canned, status: int, body: bytes) -> None:
    canned.answer(body, status)
    with pytest.raises(APIError) as caught:
        canned.run(call(canned, "works.export"))
    error = caught.value
    assert error.status == status
    assert (error.type, error.message, error.detail) == (None, None, None)
    assert error.body == body[: 64 << 10]
    assert f"works.export: {status}" in str(error)
    if isinstance(error, BadRequestError):
        assert (error.field_name, error.allowed_values, error.is_same, error.dependencies) == (None, None, None, None)
        assert error.allowed_types in (None, [])
    if isinstance(error, TooManyRequestsError | ServiceUnavailableError):
        assert error.retry_after is None
    if isinstance(error, InternalServerError):
        assert error.reference_id is None


BAD_REQUESTS: dict[str, dict[str, Any]] = {
    "invalid_field": {"field_name": "severity"},
    "missing_required_field": {"field_name": "title"},
    "invalid_enum_value": {"field_name": "type", "allowed_values": ["issue", "ticket"], "value": "isue"},
    "value_not_permitted": {"field_name": "x", "allowed_values": ["1"], "reason": "r", "pattern": "^a$"},
    "unexpected_json_type": {"field_name": "title", "expected": "string", "actual": "null"},
    "unexpected_id_type": {"field_name": "owned_by", "value": "PROD-1", "allowed_types": ["dev_user"]},
    "invalid_id": {"field_name": "id"},
    "invalid_api_version": {"value": "1999-01-01"},
    "customization_validation_error": {"subtype": "field_required", "reason": "r", "field_name": "tnt__x"},
    "missing_dependency": {
        "dependencies": [
            {
                "dependent_field_name": "a",
                "dependent_field_value": "b",
                "provided_field_name": "c",
                "provided_field_value": "d",
            }
        ]
    },
    "artifact_already_attached_to_a_parent": {"existing_parent": "ISS-1", "is_same": False},
    "a_type_of_tomorrow": {"field_name": "x"},
}
OWN = (
    "field_name", "allowed_values", "value", "reason", "pattern", "expected", "actual", "subtype", "allowed_types",
    "existing_parent", "is_same", "dependencies",
)  # fmt: skip


@pytest.mark.parametrize("type_", BAD_REQUESTS)
def test_a_bad_request_has_the_fields_of_its_type(canned: Canned, type_: str) -> None:
    fields = BAD_REQUESTS[type_]
    canned.answer({"type": type_, "message": "m", **fields}, 400)
    with pytest.raises(BadRequestError) as caught:
        canned.run(call(canned, "works.update"))
    assert {name: getattr(caught.value, name) for name in OWN} == dict.fromkeys(OWN) | fields
    assert (caught.value.type, caught.value.message) == (type_, "m")


def test_an_unknown_route_says_what_the_server_said(canned: Canned) -> None:
    canned.answer({"message": "route not found"}, 404)
    with pytest.raises(NotFoundError, match=r"route not found .*no such endpoint.*base_url") as caught:
        canned.run(call(canned, "works.get"))
    assert caught.value.type is None
    canned.answer({"type": "not_found", "message": "no work"}, 404)
    with pytest.raises(NotFoundError, match="no work") as caught:
        canned.run(call(canned, "works.get"))
    assert caught.value.hint is None
