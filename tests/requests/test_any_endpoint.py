"""`client.request`: any endpoint, with the checks and the types of the rest."""

import re
from datetime import UTC, datetime, timedelta, timezone
from types import MappingProxyType
from typing import Annotated, Any

import msgspec
import pydantic
import pytest

from devrev_async import DevRevClient, InvalidArgumentError, NotFoundError, ResponseDecodeError
from devrev_async.models import UserSummary
from tests.models.canned import Canned


class Query(msgspec.Struct, omit_defaults=True):
    limit: int
    cursor: str | None = None
    filter: dict[str, Any] | None = None


class Users(msgspec.Struct):
    dev_users: list[UserSummary]


@pytest.mark.parametrize(
    ("body", "sent"),
    [
        (None, {}),
        ({}, {}),
        ({"limit": 1, "a": (1, None)}, {"limit": 1, "a": [1, None]}),
        (MappingProxyType({"a": MappingProxyType({"b": {1}})}), {"a": {"b": [1]}}),
        (Query(5), {"limit": 5}),
        (Query(5, filter={"a": frozenset([1])}), {"limit": 5, "filter": {"a": [1]}}),
        ({"at": datetime(2024, 1, 1, 2, tzinfo=timezone(timedelta(hours=2)))}, {"at": "2024-01-01T00:00:00Z"}),
    ],
)
def test_bodies(canned: Canned, body: Any, sent: dict[str, Any]) -> None:
    canned.answer({})
    assert canned.sent(canned.devrev.request("dev-users.list", body)) == ("dev-users.list", sent)


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ([1], TypeError),
        ("x", TypeError),
        ({1: "x"}, TypeError),
        ({"x": object()}, TypeError),
        ({"x": b"x"}, TypeError),
        ({"x": float("nan")}, InvalidArgumentError),
        ({"x": datetime(2024, 1, 1, tzinfo=UTC).replace(tzinfo=None)}, InvalidArgumentError),
        ({"x": "\ud83e"}, InvalidArgumentError),
        ({"x": [10**5000]}, InvalidArgumentError),
        (Query(5, filter={"x": float("inf")}), InvalidArgumentError),
    ],
)
def test_bodies_that_json_cannot_say(canned: Canned, body: Any, error: type[Exception]) -> None:
    canned.received.clear()
    with pytest.raises(error):
        canned.run(canned.devrev.request("dev-users.list", body))
    assert canned.received == []


@pytest.mark.parametrize(
    "endpoint", ["", "works", "works.", ".get", "../x.y", "a/b.c", "a.b?c", "a.b\n", "a b.c", "a.b#"]
)
def test_endpoints_that_are_none(canned: Canned, endpoint: str) -> None:
    with pytest.raises(InvalidArgumentError, match="endpoint takes an API method"):
        canned.run(canned.devrev.request(endpoint))


def test_answers_are_typed(canned: Canned) -> None:
    canned.answer({"dev_users": [{"id": "DEVU-1", "type": "dev_user", "of_tomorrow": 1}], "next_cursor": "c"})
    users = canned.run(canned.devrev.request("dev-users.list", response_type=Users))
    assert users == Users([UserSummary(id="DEVU-1", type="dev_user")])
    assert canned.run(canned.devrev.request("dev-users.list"))["next_cursor"] == "c"
    for body in (b"", b"[]", b'{"dev_users":5}', b"<html>"):
        canned.answer(body)
        with pytest.raises(ResponseDecodeError, match=r"dev-users\.list"):
            canned.run(canned.devrev.request("dev-users.list", response_type=Users))
    canned.answer({"message": "route not found"}, 404)
    with pytest.raises(NotFoundError, match="route not found"):
        canned.run(canned.devrev.request("nothing.here"))


class Account(pydantic.BaseModel):
    id: str


class Holder(msgspec.Struct):
    accounts: dict[str, Account | None]
    parent: "Holder | None" = None


class Tree(msgspec.Struct):
    name: str | msgspec.UnsetType = msgspec.UNSET
    children: list["Tree"] = []


OF_PYDANTIC: list[Any] = [Account, list[Account], Account | None, tuple[int, Account], Holder, list[Holder]]


@pytest.mark.parametrize("kind", OF_PYDANTIC)
def test_a_model_of_pydantics_is_refused_anywhere_in_a_type_before_anything_is_sent(canned: Canned, kind: Any) -> None:
    canned.received.clear()
    with pytest.raises(TypeError, match=r"response_type .* Account is a model of pydantic's"):
        canned.run(canned.devrev.request("accounts.create", {}, response_type=kind))
    with pytest.raises(TypeError, match=r"item_type .* Account is a model of pydantic's"):
        canned.devrev.paginate("accounts.list", item_type=kind)
    assert canned.received == []


@pytest.mark.parametrize("kind", [list[re.Pattern[str]], DevRevClient, dict[str, complex], UserSummary | Users, 5])
def test_a_type_that_msgspec_does_not_decode_is_refused_before_anything_is_sent(canned: Canned, kind: Any) -> None:
    canned.received.clear()
    with pytest.raises(TypeError):
        canned.run(canned.devrev.request("accounts.create", {}, response_type=kind))
    with pytest.raises(TypeError):
        canned.devrev.paginate("accounts.list", item_type=kind)
    assert canned.received == []


@pytest.mark.parametrize("kind", [Tree, list[Tree], Tree | None, Annotated[Tree, []]])
def test_a_type_that_contains_itself_is_decoded(canned: Canned, kind: Any) -> None:
    canned.answer(b'{"children":[{"name":"a"}]}' if kind != list[Tree] else b'[{"children":[{"name":"a"}]}]')
    tree = canned.run(canned.devrev.request("parts.get", response_type=kind))
    assert (tree[0] if kind == list[Tree] else tree) == Tree(children=[Tree("a")])
