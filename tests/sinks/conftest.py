"""What the tests of files share."""

import csv
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def limit_of_csv_cells() -> Iterator[None]:
    """Restores the standard library's limit, which belongs to the process: a test of another folder relies on it."""
    before = csv.field_size_limit()
    yield
    csv.field_size_limit(before)
