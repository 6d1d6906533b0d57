"""The server of canned answers, one a module."""

from collections.abc import Generator

import pytest

from tests.models.canned import Canned


@pytest.fixture(scope="module")
def canned() -> Generator[Canned]:
    with Canned.running() as running:
        yield running
