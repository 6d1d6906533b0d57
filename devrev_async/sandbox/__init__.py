"""A DevRev stand-in on loopback, for the quick start, for benchmarks, and for your own tests.

    async with Sandbox(works=20_000, seed=7) as sandbox:
        async with DevRevClient(sandbox.token, base_url=sandbox.url) as devrev:
            ...

It implements all of works.* as the API documents it (filters, order, cursors, limits, errors, the effects of writes,
the quota headers) and, read only, the lists of what works refer to. `Quirks` makes it deviate from the documents as
real servers may. It shares no code with the client, so that a misspelt field cannot agree with itself. pytest has it
as the fixtures `devrev_sandbox` and `devrev_sandbox_factory`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .clock import Clock
    from .quirks import Quirks
    from .requests import ReceivedRequest
    from .server import Sandbox, run_in_thread

__all__ = ["Clock", "Quirks", "ReceivedRequest", "Sandbox", "run_in_thread"]

_MODULES = {
    "Clock": "clock",
    "Quirks": "quirks",
    "ReceivedRequest": "requests",
    "Sandbox": "server",
    "run_in_thread": "server",
}


def __getattr__(name: str) -> Any:
    # On first use only: pytest imports this package in every run, for the fixture, and a web server is a lot to import.
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f".{_MODULES[name]}", __name__), name)
    return value
