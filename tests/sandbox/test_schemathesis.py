"""schemathesis against the sandbox: requests made from the strict schema, answers checked against it."""

from collections.abc import Generator
from typing import Any

import hypothesis
import pytest
import schemathesis
import schemathesis.checks
from hypothesis import strategies as st

from devrev_async.sandbox import Sandbox, run_in_thread
from devrev_async.sandbox.search import SORTABLE
from tests.spec import document, is_list, is_object

openapi: Any = schemathesis.openapi  # its types do not satisfy strict checkers

# Formats that JSON Schema does not know; without them every id would be noise.
openapi.format("id", st.sampled_from(["ISS-1", "TKT-1", "OPP-1", "TASK-1", "DEVU-1", "PROD-1", "TAG-1"]))
openapi.format("sort-by", st.builds("{}:{}".format, st.sampled_from(SORTABLE), st.sampled_from(["asc", "desc"])))


_NUMBERS = ("double", "int32", "int64")


def without_number_formats(node: Any) -> Any:
    """The document without formats of numbers: schemathesis takes numbers that fit for violations of them."""
    if is_object(node):
        kept = {key: value for key, value in node.items() if key != "format" or value not in _NUMBERS}
        return {key: without_number_formats(value) for key, value in kept.items()}
    return [without_number_formats(item) for item in node] if is_list(node) else node


requests: Any = openapi.from_dict(without_number_formats(document())).include(
    path_regex="^/works.(export|get|update)$", method="POST"
)

lists: Any = openapi.from_dict(without_number_formats(document("lists"))).include(method="POST")

# Valid by the schema and refused all the same is right here: the id of nothing, `first` above 5000, issues as owners.
# The other direction, nonsense that is accepted, is checked.
checks: Any = schemathesis.checks
excluded: Any = [checks.CHECKS.get_one("positive_data_acceptance")]


pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def sandbox() -> Generator[Sandbox]:
    with run_in_thread(Sandbox(works=200, seed=1)) as running:
        yield running


def headers_of(sandbox: Sandbox) -> dict[str, str]:
    return {"Authorization": f"Bearer {sandbox.token}"}


def check(case: Any, sandbox: Sandbox) -> None:
    case.call_and_validate(base_url=sandbox.url, headers=headers_of(sandbox), excluded_checks=excluded)


relaxed: Any = hypothesis.settings(
    max_examples=25, deadline=None, suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture]
)


def check_list(case: Any, sandbox: Sandbox) -> None:
    check(case, sandbox)


test_nothing_is_found: Any = requests.parametrize()(relaxed(check))
test_nothing_is_found_in_lists: Any = lists.parametrize()(hypothesis.settings(relaxed, max_examples=10)(check_list))


def test_a_right_request_is_let_in(sandbox: Sandbox) -> None:
    """Fails if every request were rejected for its token, so that nothing is tested."""
    case = requests["/works.get"]["POST"].Case(body={"id": "ISS-1"}, media_type="application/json")
    assert case.call(base_url=sandbox.url, headers=headers_of(sandbox)).status_code == 200
