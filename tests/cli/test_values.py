"""From text to values, without a process."""

from __future__ import annotations

import asyncio
import base64
import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from devrev_async import DateRange, DevRevClient, WorkUpdate
from devrev_async.cli.codes import UsageError
from devrev_async.cli.fields import parse_fields
from devrev_async.cli.filters import parse_filters
from devrev_async.cli.options import Connection, FilterOptions
from devrev_async.cli.session import source_of
from devrev_async.cli.values import as_time
from devrev_async.models import UpdateFields
from devrev_async.sinks.jsonl import as_lines


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("title=A = B", "title", "A = B"),
        ("title=123", "title", "123"),
        ("title=true", "title", "true"),
        ('title="quoted"', "title", '"quoted"'),
        ("body=", "body", ""),
        ('body=["a"]', "body", '["a"]'),
        ("priority=p0", "priority", "p0"),
        ("priority_v2=2", "priority_v2", 2),
        ("is_spam=true", "is_spam", True),
        ("probability=0.5", "probability", 0.5),
        ("amount=null", "amount", None),
        ("sprint=null", "sprint", None),
        ("target_close_date=null", "target_close_date", None),
        ("target_close_date=2025-03-01", "target_close_date", datetime(2025, 3, 1, tzinfo=UTC)),
        ("start_date=2025-03-01T10:00:00Z", "start_date", datetime(2025, 3, 1, 10, tzinfo=UTC)),
        ("owned_by=DEVU-1", "owned_by", ["DEVU-1"]),
        ('owned_by=["DEVU-1","DEVU-2"]', "owned_by", ["DEVU-1", "DEVU-2"]),
        ("tags=TAG-1", "tags", ["TAG-1"]),
        ('tags={"add":["TAG-1"]}', "tags", {"add": ["TAG-1"]}),
        ("stage=triage", "stage", "triage"),
        ('stage={"stage":"don:1"}', "stage", {"stage": "don:1"}),
        ('value={"amount":"1","currency":"EUR"}', "value", {"amount": "1", "currency": "EUR"}),
        ("custom_fields.tnt__x=core", "custom_fields", {"tnt__x": "core"}),
        ("custom_fields.tnt__x=5", "custom_fields", {"tnt__x": 5}),
        ('custom_fields.tnt__x="5"', "custom_fields", {"tnt__x": "5"}),
        ("custom_fields.tnt__x=null", "custom_fields", {"tnt__x": None}),
        ("custom_fields.tnt__x=NaN", "custom_fields", {"tnt__x": "NaN"}),
        ('custom_fields={"tnt__x":[1]}', "custom_fields", {"tnt__x": [1]}),
    ],
)
def test_a_setting(text: str, name: str, value: Any) -> None:
    assert parse_fields([text]) == {name: value}


def test_custom_fields_add_up() -> None:
    texts = ['custom_fields={"tnt__a":1}', "custom_fields.tnt__b=2", "custom_fields.tnt__c.d=3"]
    assert parse_fields(texts) == {"custom_fields": {"tnt__a": 1, "tnt__b": 2, "tnt__c.d": 3}}


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (["title"], "NAME=VALUE"),
        (["=x"], "NAME=VALUE"),
        (["titel=x"], "did you mean 'title'?"),
        (["id=ISS-2"], "no such field 'id'"),
        (["type=issue"], "no such field 'type'"),
        (["stage.name=x"], "no such field 'stage.name'"),
        (["title=null"], "cannot clear"),
        (["owned_by=null"], "cannot clear"),
        (["priority_v2=abc"], "takes a number, not 'abc'"),
        (["priority_v2=true"], "takes a number"),
        (["is_spam=yes"], "takes true or false"),
        (['value={"a"'], "takes a JSON object"),
        (["amount=x"], "takes a number"),
        (["start_date=soon"], "takes a date or a time"),
        (["title=a", "title=b"], "given twice"),
        (["custom_fields.a=1", "custom_fields.a=2"], "given twice"),
        (['custom_fields={"a":1}', "custom_fields.a=2"], "given twice"),
    ],
)
def test_a_setting_that_is_refused(texts: list[str], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_fields(texts)
    assert said in str(caught.value)


def test_the_fields_of_an_update_are_those_of_the_client() -> None:
    assert {*WorkUpdate.__struct_fields__} - {"id", "type"} == {*UpdateFields.__annotations__}


def test_options_become_the_filters_of_the_api() -> None:
    options = FilterOptions(
        type=["issue", "ticket"],
        created_after="2025-01-01",
        created_before="2025-02-01T00:00:00+01:00",
        due_after="2025-01-01",
        tag=["TAG-1"],
        priority=["p0"],
        severity=["high"],
        custom_field=["tnt__a=1", "tnt__a=x", "tnt__b=true"],
        filter=['sync_metadata={"origin_system":["jira"]}', 'vista="v"'],
    )
    assert parse_filters(options) == {
        "type": ["issue", "ticket"],
        "created_date": DateRange(
            after=datetime(2025, 1, 1, tzinfo=UTC), before=datetime(2025, 2, 1, tzinfo=timezone(timedelta(hours=1)))
        ),
        "target_close_date": DateRange(after=datetime(2025, 1, 1, tzinfo=UTC)),
        "tags": ["TAG-1"],
        "issue": {"priority": ["p0"]},
        "ticket": {"severity": ["high"]},
        "custom_fields": {"tnt__a": [1, "x"], "tnt__b": [True]},
        "sync_metadata": {"origin_system": ["jira"]},
        "vista": "v",
    }
    assert parse_filters(FilterOptions()) == {}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (FilterOptions(created_after="yesterday"), "--created-after takes a date"),
        (FilterOptions(due_after="2025-02-01", due_before="2025-01-01"), "--due-after is later than --due-before"),
        (FilterOptions(custom_field=["x"]), "NAME=VALUE"),
        (FilterOptions(filter=["nope=1"]), "no such filter 'nope'"),
        (FilterOptions(filter=["vista=v"]), "takes JSON"),
        (FilterOptions(filter=['type=["issue"]'], type=["ticket"]), "given already"),
    ],
)
def test_filters_that_are_refused(options: FilterOptions, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_filters(options)
    assert said in str(caught.value)


def test_a_time_without_an_offset_is_utc() -> None:
    assert as_time("2025-01-31 12:30", "x") == datetime(2025, 1, 31, 12, 30, tzinfo=UTC)


def test_options_behind_the_command_win() -> None:
    before = Connection(base_url="https://a", max_retries=1, verbose=True)
    assert Connection(max_retries=0).over(before) == Connection(base_url="https://a", max_retries=0, verbose=True)


@pytest.mark.parametrize(
    "connection",
    [
        Connection(sandbox=True, base_url="https://a"),
        Connection(sandbox_works=3),
        Connection(sandbox_seed=3),
        Connection(timeout=0.0),
    ],
)
def test_options_that_contradict(connection: Connection) -> None:
    with pytest.raises(UsageError):
        connection.over(Connection())


def test_lines_hold_no_line_breaks() -> None:
    assert as_lines([]) == b""
    assert as_lines([b'{"a": "x\\ny"}', b"{}"]) == b'{"a": "x\\ny"}\n{}\n'
    assert as_lines([b'{\n "a": 1\r\n}', b"{}"]) == b'{  "a": 1  }\n{}\n'


def test_an_export_belongs_to_the_account_and_not_to_the_token() -> None:
    def source(token: str) -> list[object]:
        return asyncio.run(source_of(Connection(), DevRevClient(token)))

    def jwt(user: str, issued: int) -> str:
        claims = json.dumps({"sub": f"don:identity:dvrv-us-1:devo/1:devu/{user}", "iat": issued}).encode()
        return f"e30.{base64.urlsafe_b64encode(claims).decode().rstrip('=')}.c2ln"

    assert source(jwt("1", 1)) == source(jwt("1", 22)) == source(jwt("1", 333))
    assert source(jwt("1", 1)) != source(jwt("2", 1))
    assert source("opaque-token-1") != source("opaque-token-2")
    nested = base64.urlsafe_b64encode(b"[" * 100_000).decode()
    assert source(f"a.{nested}.b") != source(f"a.{nested}.c")
