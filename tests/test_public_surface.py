"""What the package exports: complete, sorted, importable, documented."""

import importlib
import inspect
import typing
from types import ModuleType

import pytest

import devrev_async
from devrev_async import WorksPager, WorksStream, errors, models
from devrev_async.resources import works
from devrev_async.resources.works import Works

PROMISED = {
    "UNSET", "BulkResult", "BulkRun", "Outcome", "DateRange", "DevRevClient", "Failure", "Issue", "IssueFilter", "LastDays", "ListUpdate",
    "NextDays", "Opportunity", "OpportunityFilter", "RateLimit", "StageFilter", "StageUpdate", "Task", "Ticket",
    "TicketFilter", "Timeout", "UnknownWork", "Work", "WorkUpdate", "WorksCount", "WorksPage",
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
    public = {name for name in vars(devrev_async) if not name.startswith("_")}
    modules = {name for name in public if isinstance(vars(devrev_async)[name], ModuleType)}
    assert public - modules == set(devrev_async.__all__) - {"__version__"}


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
    for member, value in vars(item).items():
        function = value.fget if isinstance(value, property) else getattr(value, "__func__", value)
        if not member.startswith("_") and inspect.isfunction(function):
            assert function.__doc__, f"{name}.{member}"


def test_every_call_takes_bounds_of_its_own() -> None:
    calls = [name for name in vars(Works) if not name.startswith("_")]
    assert {"count", "create", "delete", "export", "export_stream", "get", "list", "update"} <= set(calls)
    for name in calls:
        call = getattr(Works, name)
        parameters = set(inspect.signature(call).parameters)
        for annotation in typing.get_type_hints(call, dict(vars(works))).values():
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
