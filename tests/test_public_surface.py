"""What the package exports: complete, sorted, importable, documented."""

import ast
import importlib
import inspect
import pydoc
import re
import subprocess
import sys
import typing
from pathlib import Path
from types import ModuleType

import pytest

import devrev_async
from devrev_async import WorksPager, WorksStream, errors, models
from devrev_async.resources.works import Works, bulk, calls, ingestion
from devrev_async.sinks import _names as sinks
from tests import surface

PROMISED = {
    "UNSET", "BulkResult", "BulkRun", "ChangeBatch", "CreateFields", "DateRange", "DevRevClient", "ExportReport", "Failure", "Filters", "ItemPager",
    "Issue", "IssueFilter", "LastDays", "ListUpdate", "NextDays", "Opportunity", "OpportunityFilter", "Outcome",
    "RateLimit", "StageFilter", "StageUpdate", "Task", "Ticket", "TicketFilter", "Timeout", "UnknownWork",
    "UpdateFields", "Work", "WorkChanges", "WorkExport", "WorkUpdate", "WorksCount", "WorksPage", "WorksPager", "WorksStream",
}  # fmt: skip
EXPORTING = [devrev_async, errors, models, importlib.import_module("devrev_async.sandbox")]


def test_everything_promised_is_exported() -> None:
    assert PROMISED | set(errors.__all__) <= set(devrev_async.__all__)
    assert set(dir(devrev_async)) >= set(devrev_async.__all__)


@pytest.mark.parametrize("module", EXPORTING, ids=lambda module: module.__name__)
def test_all_is_sorted_and_importable(module: ModuleType) -> None:
    names: list[str] = module.__all__
    constants = [name for name in names if name.isupper()]
    classes = [name for name in names if name[0].isupper() and not name.isupper()]
    others = [name for name in names if not name[0].isupper()]
    assert names == sorted(constants) + sorted(classes) + sorted(others)
    assert len(set(names)) == len(names)
    for name in names:
        assert getattr(module, name) is not None


def test_no_other_name_is_public_at_the_top() -> None:
    """Submodules apart, what is not in `__all__` starts with an underscore or is imported machinery of the language."""
    public = {name for name in dir(devrev_async) if not name.startswith("_")}
    machinery = {"TYPE_CHECKING", "Any", "Final", "import_module"}
    modules = {name for name in public if isinstance(getattr(devrev_async, name), ModuleType)}
    assert public - modules - machinery == set(devrev_async.__all__) - {"__version__"}


def test_type_checkers_and_programs_see_the_same_names() -> None:
    tree = ast.parse(Path(devrev_async.__file__).read_text())
    (block,) = [node for node in tree.body if isinstance(node, ast.If)]
    imports = [node for node in block.body if isinstance(node, ast.ImportFrom)]
    static = {alias.name: "." * node.level + (node.module or "") for node in imports for alias in node.names}
    assert static.keys() | {"__version__"} == set(devrev_async.__all__)
    for name, module in static.items():
        assert getattr(devrev_async, name) is getattr(importlib.import_module(module, "devrev_async"), name)
    star: dict[str, object] = {}
    exec("from devrev_async import *", star)
    assert star.keys() - {"__builtins__"} == set(devrev_async.__all__)
    with pytest.raises(AttributeError, match="'devrev_async' has no attribute 'DevrevClient'"):
        _ = devrev_async.DevrevClient


def test_the_surface_is_the_one_that_was_reviewed() -> None:
    """After an intended change: `python -m tests.surface`, and review the diff of the snapshot."""
    assert surface.whole() == surface.SNAPSHOT.read_text(encoding="utf-8")


GET = """
import asyncio, sys
from devrev_async import DevRevClient

async def answer(reader, writer):
    await reader.readuntil(b"\\r\\n\\r\\n")
    body = b'{"work":{"type":"issue","id":"ISS-1"}}'
    writer.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: %d\\r\\n\\r\\n" % len(body) + body)
    writer.close()

async def main():
    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with DevRevClient("token", base_url=f"http://127.0.0.1:{port}") as devrev:
            assert (await devrev.works.get("ISS-1")).id == "ISS-1"

asyncio.run(main())
print(*sys.modules)
"""
PYTEST = """
import pytest, sys
without = ["-p", "no:cacheprovider", "-p", "no:schemathesis", "-p", "no:hypothesispytest"]  # which take a second
assert pytest.main(["--collect-only", "-q", *without, sys.argv[1]]) == 5
print(*sys.modules)
"""


def loaded(code: str, *args: str) -> set[str]:
    done = subprocess.run([sys.executable, "-c", code, *args], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


def test_an_import_loads_nothing_before_it_is_used() -> None:
    found = loaded("import sys, devrev_async; print(*sys.modules)")
    assert {name for name in found if name.startswith("devrev_async")} == {"devrev_async", "devrev_async._version"}
    assert not found & {"aiohttp", "msgspec", "anyio", "backoff"}


def test_a_get_loads_nothing_of_extras_and_tools() -> None:
    found = loaded(GET)
    assert "aiohttp" in found
    for unwanted in ("arrow", "changes", "cli", "export", "resources.bulk", "sandbox", "sinks", "spark", "dask", "dlt"):
        assert f"devrev_async.{unwanted}" not in found
    assert not found & {"anyio._backends._asyncio", "pyarrow", "typer", "rich", "pydantic", "dlt", "dask", "pyspark"}


def test_a_test_run_without_the_fixture_loads_the_plugin_alone(tmp_path: Path) -> None:
    found = loaded(PYTEST, str(tmp_path))
    ours = {name for name in found if name.startswith("devrev_async")}
    assert ours == {
        "devrev_async",
        "devrev_async._version",
        "devrev_async.sandbox",
        "devrev_async.sandbox.pytest_plugin",
    }
    assert not found & {"aiohttp", "msgspec", "backoff"}


def documented() -> dict[str, object]:
    """Everything that a user can name, and the classes that calls hand him."""
    found: dict[str, object] = {
        f"{module.__name__}.{name}": getattr(module, name) for module in EXPORTING for name in module.__all__
    }
    handed = {"works": Works, "list": WorksPager, "export_stream": WorksStream}
    return {
        name: item for name, item in {**found, **handed}.items() if inspect.isclass(item) or inspect.isfunction(item)
    }


@pytest.mark.parametrize("name", documented())
def test_everything_public_has_a_docstring(name: str) -> None:
    item = documented()[name]
    assert item.__doc__
    assert len(item.__doc__) > 20
    for member, value in inspect.getmembers_static(item):
        function = value.fget if isinstance(value, property) else getattr(value, "__func__", value)
        if not member.startswith("_") and inspect.isfunction(function):
            assert function.__doc__, f"{name}.{member}"


@pytest.mark.parametrize("name", ["Filters", "UpdateFields", "CreateFields"])
def test_help_shows_every_argument(name: str) -> None:
    arguments = getattr(models, name)
    text = pydoc.plain(pydoc.render_doc(arguments))
    described = set(re.findall(r"\w+", text.split("Attributes:")[1].split("Method resolution order")[0]))
    assert set(arguments.__annotations__) <= described


def test_every_call_takes_bounds_of_its_own() -> None:
    names = {
        **vars(sinks),
        **{name: getattr(devrev_async, name) for name in devrev_async.__all__},
        **vars(bulk),
        **vars(calls),
        **vars(ingestion),
    }
    public = [name for name in dir(Works) if not name.startswith("_")]
    assert {"count", "create", "delete", "export", "export_stream", "get", "list", "update"} <= set(public)
    for name in public:
        call = getattr(Works, name)
        parameters = set(inspect.signature(call).parameters)
        for annotation in typing.get_type_hints(call, names).values():
            if typing.get_origin(annotation) is typing.Unpack:
                parameters |= set(typing.get_type_hints(typing.get_args(annotation)[0]))
        assert {"timeout", "max_retries"} <= parameters, name
        # GET has no body
        assert ("extra_body" in parameters) == (name not in ("get", "get_many")), name


@pytest.mark.parametrize("wrong", [-1, True, 1.5, "2"])
def test_every_call_refuses_a_wrong_number_of_retries(wrong: typing.Any) -> None:
    client: typing.Any = devrev_async.DevRevClient("test-token-0123456789")
    calls: list[typing.Callable[[], object]] = [
        lambda: client.works.get("ISS-1", max_retries=wrong).send(None),
        lambda: client.works.delete("ISS-1", max_retries=wrong).send(None),
        lambda: client.works.update("ISS-1", title="x", max_retries=wrong).send(None),
        lambda: client.works.count(max_retries=wrong).send(None),
        lambda: client.works.export_stream(max_retries=wrong),
        lambda: client.works.list(max_retries=wrong),
        lambda: client.request("accounts.list", max_retries=wrong).send(None),
    ]
    for call in calls:
        with pytest.raises(errors.InvalidArgumentError, match="max_retries takes an int of at least 0"):
            call()


def test_a_misspelt_option_is_refused() -> None:
    client = devrev_async.DevRevClient("test-token-0123456789")
    calls: list[typing.Any] = [client.works.delete, client.works.update, client.works.get]
    for call in calls:
        with pytest.raises(TypeError, match="max_retrys"):
            call("ISS-1", max_retrys=1).send(None)


def test_work_is_the_union_of_all_works() -> None:
    assert set(typing.get_args(devrev_async.Work)) == {
        devrev_async.Issue,
        devrev_async.Ticket,
        devrev_async.Task,
        devrev_async.Opportunity,
        devrev_async.UnknownWork,
    }


def test_the_error_tree() -> None:
    """As the documentation draws it."""
    bases = {
        name: tuple(base.__name__ for base in getattr(errors, name).__bases__)
        for name in errors.__all__
        if name != "DevRevError"
    }
    assert bases == {
        "ConfigurationError": ("DevRevError", "ValueError"),
        "ClientClosedError": ("DevRevError", "RuntimeError"),
        "TransportError": ("DevRevError",),
        "APIConnectionError": ("TransportError",),
        "APITimeoutError": ("TransportError", "TimeoutError"),
        "OutcomeUnknownError": ("DevRevError",),
        "LostAnswerError": ("TransportError", "OutcomeUnknownError"),
        "MissingTokenError": ("ConfigurationError",),
        "InvalidArgumentError": ("ValueError",),
        "SyncStateError": ("DevRevError",),
        "APIError": ("DevRevError",),
        "BadRequestError": ("APIError",),
        "UnauthorizedError": ("APIError",),
        "ForbiddenError": ("APIError",),
        "NotFoundError": ("APIError",),
        "ConflictError": ("APIError",),
        "TooManyRequestsError": ("APIError",),
        "RateLimitWaitError": ("TooManyRequestsError",),
        "ServerError": ("APIError",),
        "InternalServerError": ("ServerError",),
        "ServiceUnavailableError": ("ServerError",),
        "ResponseDecodeError": ("DevRevError",),
        "ResponseTooLargeError": ("DevRevError",),
        "IncompleteExportError": ("DevRevError",),
    }
    assert errors.DevRevError.__bases__ == (Exception,)
