"""Fields of many works at once: which have no value, and which values are one object."""

from __future__ import annotations

from typing import Any, cast

import pytest

from devrev_async import Issue, Task, Ticket
from devrev_async.arrow.values import columns_of, distinct, values_of

ISSUE, TASK, TICKET = Issue(id="I", title="x"), Task(id="T"), Ticket(id="K", severity="high")


@pytest.mark.parametrize(
    ("works", "expected"),
    [
        ([], [None, None, None]),
        ([ISSUE], [["I"], ["x"], None]),
        ([TASK, TASK], [["T", "T"], None, None]),
        ([TASK, ISSUE, TASK], [["T", "I", "T"], [None, "x", None], None]),
        ([TASK, TICKET], [["T", "K"], None, [None, "high"]]),
        ([TICKET, ISSUE], [["K", "I"], [None, "x"], ["high", None]]),
    ],
)
def test_a_column_without_a_value_is_none(works: list[Any], expected: list[Any]) -> None:
    assert columns_of(works, ["id", "title", "severity"]) == expected


def test_an_object_of_another_kind_is_no_object_without_values() -> None:
    with pytest.raises(AttributeError):
        values_of([ISSUE, {"title": "a dict"}], "title")


@pytest.mark.parametrize(
    ("values", "objects", "places", "marked", "spread"),
    cast(
        "list[tuple[Any, ...]]",
        [
            ([], [], None, {0}, [0]),
            ([ISSUE, TASK], [ISSUE, TASK], None, {1}, [1]),
            ([ISSUE, TASK, ISSUE], [ISSUE, TASK], [0, 1, 0], {0}, [0, 2]),
            ([None, TASK, None], [TASK], [None, 0, None], {0}, [1]),
            ([None], [], [None], (), []),
        ],
    ),
)
def test_values_are_told_apart_by_their_identity(
    values: list[Any], objects: list[Any], places: Any, marked: Any, spread: list[int]
) -> None:
    found = distinct(values)
    assert (list(found.objects), found.places) == (objects, places)
    assert list(found.spread(marked)) == spread
