"""The record of quirks: what it accepts."""

from datetime import timedelta
from typing import Any

import pytest

from devrev_async.sandbox import Quirks, Sandbox


@pytest.mark.parametrize(
    ("wrong", "error", "says"),
    [
        ({"cap": 0}, ValueError, "cap must be at least 1"),
        ({"cap": True}, TypeError, "cap must be an int or None"),
        ({"cap_bytes": "8k"}, TypeError, "cap_bytes must be an int"),
        ({"list_cap": 0}, ValueError, "list_cap"),
        ({"empty_pages": -1}, ValueError, "empty_pages must be at least 0"),
        ({"empty_pages": None}, TypeError, "empty_pages must be an int,"),
        ({"empty_every": 1}, ValueError, "empty_every must be at least 2"),
        ({"count_cap": -1}, ValueError, "count_cap"),
        ({"modified_ties": 1.5}, TypeError, "modified_ties"),
        ({"sort_by": "none"}, ValueError, "sort_by must be one of honoured, refused"),
        ({"modified_date_filter": True}, ValueError, "modified_date_filter must be one of"),
        ({"count": "wrong"}, ValueError, "count must be one of exact"),
        ({"cap_pattern": "random"}, ValueError, "needs cap"),
        ({"trims_shown": 1}, TypeError, "trims_shown must be a bool"),
        ({"visible_after": 5}, TypeError, "visible_after must be a timedelta"),
        ({"visible_after": timedelta(seconds=-1)}, ValueError, "visible_after must not be negative"),
        ({"missing_endpoints": "works.count"}, TypeError, "missing_endpoints must be a tuple of str"),
        ({"unsortable": [1]}, TypeError, "unsortable"),
        ({"unheard_of": 1}, TypeError, "unheard_of"),
    ],
)
def test_mistaken_quirks_are_refused(wrong: dict[str, Any], error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        Quirks(**wrong)


def test_a_missing_endpoint_must_exist() -> None:
    with pytest.raises(ValueError, match=r"works\.counts"):
        Sandbox(works=0, quirks=Quirks(missing_endpoints=("works.counts",)))
    with pytest.raises(ValueError, match="modifieddate"):
        Sandbox(works=0, quirks=Quirks(unsortable=("modifieddate",)))


def test_quirks_are_values() -> None:
    assert Quirks() == Quirks()
    assert {Quirks(cap=5), Quirks(cap=5)} == {Quirks(cap=5)}
    assert repr(Quirks(cap=5, trims_shown=True)) == "Quirks(cap=5, trims_shown=True)"
    assert repr(Quirks()) == "Quirks()"
    assert Quirks(clock_offset=timedelta(hours=-1)) != Quirks()
    with pytest.raises(AttributeError):
        Quirks().cap = 5  # type: ignore[misc]
