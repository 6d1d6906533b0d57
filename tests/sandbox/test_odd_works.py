"""Works of any shape can be served: that is how tests play tomorrow's answers."""

from typing import Any

import aiohttp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devrev_async.sandbox import Sandbox
from devrev_async.sandbox.filters import compile_query
from devrev_async.sandbox.ids import Ids
from devrev_async.sandbox.row import Row
from devrev_async.sandbox.search import SORTABLE, parse_order
from tests.effort import examples
from tests.sandbox.test_filters import CASES
from tests.spec import document

_SCHEMAS = document()["components"]["schemas"]
KEYS = sorted({*_SCHEMAS["work--issue"]["properties"], *_SCHEMAS["work--ticket"]["properties"]} - {"id", "display_id"})
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]))
    | st.sampled_from(["issue", "ticket", "2024-01-01T00:00:00Z", "2024-99-01T00:00:00Z"])
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["id", "display_id", "tag", "name", "stage", "state", "x"]), inner, max_size=3
        )
    ),
    max_leaves=5,
)
WORKS = st.dictionaries(st.sampled_from(KEYS) | st.text(st.characters(exclude_categories=["Cs"])), VALUES, max_size=8)


@settings(max_examples=examples(150))
@given(WORKS)
def test_any_work_is_kept_as_it_is_and_can_be_asked_about(given_work: dict[str, Any]) -> None:
    given_work = {key: value for key, value in given_work.items() if key not in ("id", "display_id")}
    sandbox = Sandbox(works=0)
    work = sandbox.get(sandbox.add(given_work))
    assert {key: work[key] for key in given_work} == given_work
    row = Row(1, work, {})
    for body, _ in CASES:
        assert compile_query(body, now=0, ids=Ids()).matches(row) in (True, False)
    for field in SORTABLE:
        assert len(parse_order([f"{field}:asc"]).key()(row)) == 3


@pytest.mark.anyio
async def test_odd_works_travel_beside_good_ones(anyio_backend: str) -> None:
    odd: list[dict[str, Any]] = [
        {"type": None},
        {"stage": 5},
        {"created_date": [], "tags": [None]},
        {"artifacts": [None, {"id": 1}]},
        {"sprint": {}},
    ]
    sandbox = Sandbox(works=[{"title": "good"}, *odd])
    async with sandbox, aiohttp.ClientSession(headers={"Authorization": sandbox.token}) as session:
        for sort_by in ([], ["target_close_date:asc"], ["modified_date:desc"]):
            async with session.post(f"{sandbox.url}/works.export", json={"sort_by": sort_by}) as response:
                works = (await response.json())["works"]
            assert len(works) == 6
