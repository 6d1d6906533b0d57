"""The pytest fixture `devrev_sandbox`, known to pytest wherever devrev-async is installed."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from . import Sandbox


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "devrev_sandbox(works=100, **options): the arguments of the Sandbox that the fixture starts"
    )


@pytest.fixture
def devrev_sandbox(request: pytest.FixtureRequest) -> Iterator["Sandbox"]:
    """A fresh, running `Sandbox` of 100 works for one test.

    It serves from a thread with a loop of its own, so that it works the same in tests under anyio, pytest-asyncio or
    no plugin at all (`asyncio.run` in a plain test). For other data or a quota, mark the test::

        @pytest.mark.devrev_sandbox(works=5000, seed=7, quota=100)
        def test_export(devrev_sandbox): ...
    """
    from . import Sandbox, run_in_thread  # noqa: PLC0415 - keeps pytest's start fast

    marker = request.node.get_closest_marker("devrev_sandbox")
    args = marker.args if marker else ()
    options: dict[str, Any] = dict(marker.kwargs) if marker else {}
    if not args:
        options.setdefault("works", 100)
    with run_in_thread(Sandbox(*args, **options)) as sandbox:
        yield sandbox
