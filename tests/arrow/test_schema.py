"""The schema: what it is made of, what a golden file says of it, and which arguments it refuses.

``python -m tests.arrow.test_schema`` writes the golden file anew, so that a change of columns shows in review.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pytest
from pyarrow import types

from devrev_async import arrow
from devrev_async.arrow import SCHEMA_VERSION, VERSION_KEY, works_schema
from devrev_async.errors import DevRevError, InvalidArgumentError
from devrev_async.models import Issue, Opportunity, Task, Ticket

GOLDEN = Path(__file__).with_name("works_schema.txt")
DEPTHS: tuple[int | None, ...] = (1, None)


def leaves(field: pa.Field, path: str = "") -> Iterator[str]:
    """One line for each value that is no object."""
    name, kind = f"{path}{field.name}", field.type
    if types.is_list(kind):
        name, kind = f"{name}[]", kind.value_type
    if types.is_struct(kind):
        for member in kind:
            yield from leaves(member, f"{name}.")
    else:
        yield f"{name}: {kind}"


def rendered() -> str:
    parts: list[str] = []
    for depth in DEPTHS:
        lines = [line for field in works_schema(depth=depth) for line in leaves(field)]
        parts.append(f"depth={depth}, version {SCHEMA_VERSION}, {len(lines)} values\n\n" + "\n".join(lines))
    return "\n\n".join(parts) + "\n"


def test_the_golden_file_is_the_schema() -> None:
    assert rendered() == GOLDEN.read_text(), "if this is meant: python -m tests.arrow.test_schema, and a changelog line"


def test_every_field_of_the_four_types_is_a_column_and_nothing_else_is() -> None:
    fields = {f.encode_name for kind in (Issue, Ticket, Task, Opportunity) for f in msgspec.structs.fields(kind)}
    names = works_schema().names
    assert set(names) == (fields - {"invalid"}) | {"type", "raw"}
    assert len(set(names)) == len(names)
    assert names[:7] == ["id", "type", "display_id", "title", "created_date", "modified_date", "state"]
    assert names[-1] == "raw"
    assert names[7:-1] == sorted(names[7:-1])


@pytest.mark.parametrize("depth", [1, 2, None])
def test_everything_may_be_null(depth: int | None) -> None:
    def check(field: pa.Field) -> None:
        assert field.nullable, field
        for index in range(field.type.num_fields):
            check(field.type.field(index))

    for field in works_schema(depth=depth):
        check(field)


def test_what_each_kind_of_field_becomes() -> None:
    one = works_schema()
    assert one.field("created_date").type == pa.timestamp("us", tz="UTC")
    assert one.field("title").type == one.field("custom_fields").type == one.field("references").type == pa.string()
    assert one.field("estimated_effort").type == pa.float64()
    assert one.field("is_spam").type == pa.bool_()
    assert one.field("channels").type == pa.list_(pa.field("element", pa.string()))
    assert one.field("priority_v2").type.field("id").type == pa.int64()
    assert one.field("priority_v2").type.field("value").type == pa.string()
    assert one.field("stage").type.field("state").type == pa.string()
    assert one.field("owned_by").type.value_type.field("rev_org").type == pa.string()
    whole = works_schema(depth=None)
    assert types.is_struct(whole.field("stage").type.field("state").type)
    assert whole.field("stage").type.field("state").type.field("is_final").type == pa.bool_()
    assert whole.field("priority_v2").type.field("value").type == pa.string()


def test_depth_counts_the_levels_of_objects() -> None:
    two = works_schema(depth=2).field("stage").type.field("state").type
    assert types.is_struct(two)
    assert two.field("sync_metadata").type == pa.string()
    assert works_schema(depth=50) == works_schema(depth=None)
    assert len({str(works_schema(depth=depth)) for depth in (1, 2, 3)}) == 3


def test_the_metadata_has_the_version_whatever_the_columns() -> None:
    for schema in (works_schema(), works_schema(depth=None), works_schema(["id"])):
        assert schema.metadata == {VERSION_KEY.encode(): SCHEMA_VERSION.encode()}


def test_columns_come_in_the_order_asked_for_and_raw_only_if_named() -> None:
    assert works_schema(["title", "id"]).names == ["title", "id"]
    assert works_schema(("raw", "id")).names == ["raw", "id"]
    assert works_schema(columns=["stage"], depth=None).field("stage") == works_schema(depth=None).field("stage")
    assert works_schema(works_schema().names) == works_schema()


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        (["id", "tilte"], r"no column 'tilte'; did you mean 'title'"),
        (["ID"], r"no column 'ID'; did you mean 'id'"),
        (["id", "xyzzy"], r"no column 'xyzzy'; works_schema\(\)\.names"),
        (["stage.name"], r"no column 'stage\.name'"),
        (["invalid"], r"no column 'invalid'"),
        (["id", "title", "id"], r"'id' is named twice"),
        (["raw", "raw"], r"'raw' is named twice"),
        ([], r"columns is empty"),
    ],
)
def test_columns_that_are_refused(columns: list[str], says: str) -> None:
    with pytest.raises(InvalidArgumentError, match=says):
        works_schema(columns)


@pytest.mark.parametrize("columns", ["title", b"title", {"title": 1}, 7, [7], {"id"}])
def test_columns_of_a_wrong_type(columns: Any) -> None:
    with pytest.raises(TypeError, match="columns takes"):
        works_schema(columns)


@pytest.mark.parametrize("depth", [0, -1, True, False, 1.0, "1", "all", float("inf")])
def test_depths_that_are_refused(depth: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="depth takes an int of at least 1, or None"):
        works_schema(depth=depth)


def test_the_error_of_arguments_is_a_value_error_and_none_of_a_call() -> None:
    assert issubclass(InvalidArgumentError, ValueError)
    assert not issubclass(InvalidArgumentError, DevRevError)


def test_without_pyarrow_the_error_names_the_extra() -> None:
    code = """
import sys
sys.modules["pyarrow"] = None
try:
    from devrev_async.arrow import works_schema
    works_schema()
except ModuleNotFoundError as error:
    assert "pip install 'devrev-async[arrow]'" in str(error), error
    assert error.name == "pyarrow"
else:
    raise SystemExit("no error")
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_package_itself_loads_no_pyarrow() -> None:
    code = "import sys, devrev_async, devrev_async.client; raise SystemExit('pyarrow' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_module_says_what_it_has_before_it_imports_pyarrow() -> None:
    assert set(arrow.__all__) <= set(dir(arrow))
    with pytest.raises(AttributeError, match=r"module 'devrev_async\.arrow' has no attribute 'works_scheme'"):
        getattr(arrow, "works_scheme")  # noqa: B009 - a type checker knows that there is none


if __name__ == "__main__":
    GOLDEN.write_text(rendered())
