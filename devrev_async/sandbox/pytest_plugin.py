"""The pytest fixtures `devrev_sandbox` and `devrev_sandbox_factory`, available wherever devrev-async is installed."""

# pytest imports this module in every run of every project that has devrev-async installed, so it imports nothing else.
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from . import Sandbox


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "devrev_sandbox(works=100, **options): the arguments of the Sandbox that the fixture starts"
    )


@pytest.fixture
def devrev_sandbox(request: pytest.FixtureRequest, devrev_sandbox_factory: "Callable[..., Sandbox]") -> "Sandbox":
    """A fresh, running `Sandbox` of 100 works for one test.

    It serves from a thread with a loop of its own, so that it works the same in tests under anyio, pytest-asyncio or
    no plugin at all (`asyncio.run` in a plain test). For other data, a quota or quirks, mark the test with the
    arguments of `Sandbox`::

        @pytest.mark.devrev_sandbox(works=5000, seed=7, quota=100)
        def test_export(devrev_sandbox): ...

    or run it with several, each a mapping of arguments or a number of works::

        @pytest.mark.parametrize("devrev_sandbox", [{"quirks": Quirks(cap=10)}, 5000], indirect=True)
        def test_export(devrev_sandbox): ...

    A parameter goes before the mark where they name the same argument. For several sandboxes in one test, or one
    whose arguments are known in the test only, use `devrev_sandbox_factory`.
    """
    marker = request.node.get_closest_marker("devrev_sandbox")
    args = marker.args if marker else ()
    options: dict[str, Any] = dict(marker.kwargs) if marker else {}
    param: object = getattr(request, "param", None)
    if isinstance(param, int):
        args, options["works"] = (), param
    elif isinstance(param, Mapping):
        args = () if "works" in param else args
        options |= param
    elif param is not None:
        raise TypeError(f"a parameter of devrev_sandbox must be a mapping of arguments or an int, not {param!r}")
    return devrev_sandbox_factory(*args, **options)


@pytest.fixture
def devrev_sandbox_factory() -> "Iterator[Callable[..., Sandbox]]":
    """A function that takes the arguments of `Sandbox` (100 works, if not given) and returns it, running.

    Each call starts another sandbox, in a thread of its own; all of them are closed when the test ends::

        def test_two_organisations(devrev_sandbox_factory):
            one, other = devrev_sandbox_factory(works=10), devrev_sandbox_factory(works=tmp_path / "works.jsonl")
    """
    with ExitStack() as running:

        def start(*args: Any, **options: Any) -> "Sandbox":
            from . import Sandbox, run_in_thread  # noqa: PLC0415 - keeps pytest's start fast

            if not args:
                options.setdefault("works", 100)
            return running.enter_context(run_in_thread(Sandbox(*args, **options)))

        yield start
