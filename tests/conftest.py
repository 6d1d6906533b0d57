"""What all tests share: one backend, one fixture."""

import pytest


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
