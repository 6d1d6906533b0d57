"""Groups of options that several commands share, and how a command takes a whole group."""

from __future__ import annotations

import dataclasses
import functools
import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from .codes import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Connection", "FilterOptions", "StatelessFilterOptions", "grouped"]

SANDBOX_WORKS = 12_000
"""More than two answers of `works.export` hold, so that a trial export has to go on after the first."""

_Texts = list[str] | None


def _filter(text: str, name: str, metavar: str) -> Any:
    return typer.Option(name, help=text, metavar=metavar, show_default=False, rich_help_panel="Filters")


def _server(text: str, *names: str, metavar: str | None = None, least: int | None = None) -> Any:
    return typer.Option(*names, help=text, metavar=metavar, min=least, show_default=False, rich_help_panel="Connection")


@dataclass(frozen=True)
class Connection:
    """Which server is asked, and how. Each option stands before or behind the command; behind it wins."""

    base_url: Annotated[
        str | None, _server("(default: $DEVREV_BASE_URL, or https://api.devrev.ai)", "--base-url", metavar="URL")
    ] = None
    max_retries: Annotated[
        int | None, _server("Attempts after the first. (default: 4)", "--max-retries", metavar="N", least=0)
    ] = None
    timeout: Annotated[
        float | None,
        _server("For one call, or one page of an export. (default: no bound)", "--timeout", metavar="SECONDS"),
    ] = None
    proxy: Annotated[
        str | None,
        _server("An HTTP proxy. (default: $HTTPS_PROXY, unless $NO_PROXY names the server)", "--proxy", metavar="URL"),
    ] = None
    verbose: Annotated[bool, _server("Log each response, retry and wait to stderr.", "--verbose", "-v")] = False
    sandbox: Annotated[
        bool, _server("Ask a fresh sandbox of made-up works, always the same; needs no token.", "--sandbox")
    ] = False
    sandbox_works: Annotated[
        int | None,
        _server(f"Works in the sandbox. (default: {SANDBOX_WORKS})", "--sandbox-works", metavar="N", least=0),
    ] = None
    sandbox_seed: Annotated[
        int | None, _server("Another seed makes other works. (default: 0)", "--sandbox-seed", metavar="N")
    ] = None

    def over(self, outer: Connection) -> Connection:
        """These options where given, else those of `outer`.

        Raises:
            UsageError: they contradict each other.
        """
        mine = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        given = {name: value for name, value in mine.items() if value is not None and value is not False}
        both = dataclasses.replace(outer, **given)
        if both.sandbox and both.base_url is not None:
            raise UsageError("--sandbox brings its own server: leave --base-url out")
        if both.sandbox and both.proxy is not None:
            raise UsageError("--sandbox is on this machine: leave --proxy out")
        if not both.sandbox and not (both.sandbox_works is None and both.sandbox_seed is None):
            raise UsageError("--sandbox-works and --sandbox-seed need --sandbox")
        if both.timeout is not None and not both.timeout > 0:
            raise UsageError("--timeout takes seconds above 0")
        return both


@dataclass(frozen=True)
class StatelessFilterOptions:
    """The filters of a command whose --state is something else."""

    type: Annotated[
        _Texts,
        _filter("issue, ticket, task or opportunity. Repeatable, as is every filter but times.", "--type", "TYPE"),
    ] = None
    created_after: Annotated[str | None, _filter("From this time on, itself included.", "--created-after", "TIME")] = (
        None
    )
    created_before: Annotated[
        str | None,
        _filter("Up to this time, itself included; a date is its first instant in UTC.", "--created-before", "TIME"),
    ] = None
    modified_after: Annotated[str | None, _filter("By the last change.", "--modified-after", "TIME")] = None
    modified_before: Annotated[str | None, _filter("By the last change.", "--modified-before", "TIME")] = None
    closed_after: Annotated[str | None, _filter("By the actual close date.", "--closed-after", "TIME")] = None
    closed_before: Annotated[str | None, _filter("By the actual close date.", "--closed-before", "TIME")] = None
    due_after: Annotated[str | None, _filter("By the target close date.", "--due-after", "TIME")] = None
    due_before: Annotated[str | None, _filter("By the target close date.", "--due-before", "TIME")] = None
    stage: Annotated[_Texts, _filter("The name of a stage, such as triage.", "--stage", "STAGE")] = None
    owned_by: Annotated[_Texts, _filter("A user.", "--owned-by", "ID")] = None
    created_by: Annotated[_Texts, _filter("A user.", "--created-by", "ID")] = None
    modified_by: Annotated[_Texts, _filter("A user.", "--modified-by", "ID")] = None
    reported_by: Annotated[_Texts, _filter("A user.", "--reported-by", "ID")] = None
    applies_to_part: Annotated[_Texts, _filter("A part, without the parts below it.", "--applies-to-part", "ID")] = None
    tag: Annotated[_Texts, _filter("A tag.", "--tag", "ID")] = None
    external_ref: Annotated[_Texts, _filter("The name in another system.", "--external-ref", "REF")] = None
    priority: Annotated[_Texts, _filter("Of issues: p0 to p3.", "--priority", "PRIORITY")] = None
    severity: Annotated[_Texts, _filter("Of tickets: blocker, high, medium, low.", "--severity", "SEVERITY")] = None
    custom_field: Annotated[
        _Texts, _filter("Such as tnt__team=core; VALUE is JSON if it parses as JSON.", "--custom-field", "NAME=VALUE")
    ] = None
    filter: Annotated[
        _Texts, _filter("Any filter of the API, as in ticket='{\"is_spam\":false}'.", "--filter", "NAME=JSON")
    ] = None


@dataclass(frozen=True)
class FilterOptions(StatelessFilterOptions):
    """Which works: a work must match all options given, and of a repeated one any value."""

    state: Annotated[_Texts, _filter("Such as open, in_progress, closed.", "--state", "STATE")] = None


def grouped(command: Callable[..., None]) -> Callable[..., None]:
    """Let typer see the fields of a command's dataclass parameters as options of their own.

    Without it, each command would repeat every option of a group, once to declare it and once to pass it on.
    """
    hints = get_type_hints(command, include_extras=True)
    groups: dict[str, Any] = {name: hint for name, hint in hints.items() if dataclasses.is_dataclass(hint)}
    parameters: list[inspect.Parameter] = []
    for parameter in inspect.signature(command).parameters.values():
        if parameter.name in groups:
            parameters += _options_of(groups[parameter.name])
        else:
            parameters.append(parameter.replace(annotation=hints[parameter.name], kind=inspect.Parameter.KEYWORD_ONLY))

    @functools.wraps(command)
    def called(**values: Any) -> None:
        for name, group in groups.items():
            values[name] = group(**{field.name: values.pop(field.name) for field in dataclasses.fields(group)})
        command(**values)

    called.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    called.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return called


def _options_of(group: Any) -> list[inspect.Parameter]:
    hints = get_type_hints(group, include_extras=True)
    return [
        inspect.Parameter(
            field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=hints[field.name]
        )
        for field in dataclasses.fields(group)
    ]
