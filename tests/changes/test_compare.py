"""What `works.sync(compare=True)` takes for the same content of a work."""

from __future__ import annotations

from typing import Any

import pytest

from devrev_async.changes.compare import rows_of_works

DATED = b'"type":"issue","id":"ISS-1","modified_date":"2025-01-31T12:00:00Z"'
BIG = b"9" * 30


def work(fields: bytes) -> bytes:
    return b"{%s,%s}" % (DATED, fields)


def content(text: bytes, format: Any) -> bytes:
    (row,) = rows_of_works([text], format)
    return row.content


@pytest.mark.parametrize("format", ["jsonl", "csv", "parquet"])
@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (b'"custom_fields":{"a":1,"b":2}', b'"custom_fields":{"b":2,"a":1}', True),
        (b'"custom_fields":{"a":1,"b":2}', b'"custom_fields":{"a":2,"b":1}', False),
        (b'"custom_fields":{"x":[{"a":1,"b":2}]}', b'"custom_fields":{"x":[{"b":2,"a":1}]}', True),
        (b'"custom_fields":{"x":[1,2]}', b'"custom_fields":{"x":[2,1]}', False),
        (b'"custom_fields":{"a":%s,"b":2}' % BIG, b'"custom_fields":{"b":2,"a":%s}' % BIG, True),
        (b'"custom_fields":{"a":%s}' % BIG, b'"custom_fields":{"a":%s8}' % BIG[1:], False),
        (
            b'"stage":{"name":"a","state":{"id":"1","name":"b"}}',
            b'"stage":{"state":{"name":"b","id":"1"},"name":"a"}',
            True,
        ),
        (
            b'"stage":{"name":"a","state":{"id":"1","name":"b"}}',
            b'"stage":{"state":{"name":"c","id":"1"},"name":"a"}',
            False,
        ),
        (b'"title":"a","body":"b"', b'"body":"b","title":"a"', True),
        (b'"title":"[a]","body":"{"', b'"body":"{","title":"[a] "', False),
        (b'"title":{"a":1,"b":2}', b'"title":{"b":2,"a":1}', True),
        (b'"title":{"a":1,"b":"\\ud83d"}', b'"title":{"b":"\\ud83d","a":1}', True),
        (b'"title":{"a":1,"b":2}', b'"title":{"b":2,"a":2}', False),
        (b'"type":"riddle","a":1', b'"a":1,"type":"riddle"', True),
        (b'"type":"riddle","title":"a"', b'"title":"b","type":"riddle"', False),
    ],
)
def test_the_order_of_keys_is_no_difference(one: bytes, other: bytes, same: bool, format: str) -> None:
    if format != "jsonl":
        pytest.importorskip("pyarrow")
    assert (content(work(one), format) == content(work(other), format)) is same
