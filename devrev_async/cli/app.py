"""The commands and their options, and nothing else: what they do stands in the modules beside this one."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any, Final, cast

import typer

from devrev_async import __version__
from devrev_async.sinks._atomic import TargetError

from .bulk import update_from
from .codes import Code, UsageError
from .export import export_works
from .filters import parse_filters
from .options import SANDBOX_WORKS, Connection, FilterOptions, grouped
from .output import drop_stdout, say
from .serve import serve
from .works import count_works, get_works, update_work

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["run_app"]

# Frames and colours are for a terminal: a pipe gets plain help, whatever the environment says of colours.
_MARKUP: Final = "rich" if sys.stdout is not None and sys.stdout.isatty() else None  # pyright: ignore[reportUnnecessaryComparison]
_ERRORS: Final = cast("type[Exception]", typer.BadParameter.__mro__[2])
"""typer's own base of usage errors, which older versions take from click and newer ones bring along."""

app = typer.Typer(name="devrev-async", rich_markup_mode=_MARKUP, pretty_exceptions_enable=False)
works = typer.Typer(rich_markup_mode=_MARKUP, help="Issues, tickets, tasks, opportunities.")
app.add_typer(works, name="works")


def run_app(args: Sequence[str]) -> int:
    """Run the command; every failure is one line on stderr and an exit code."""
    try:
        # standalone_mode off: typer would print frames around errors, and end the process itself.
        return int(app(list(args) or ["--help"], standalone_mode=False, prog_name="devrev-async") or 0)
    except (UsageError, TargetError) as error:
        say(f"error: {error}")
        return Code.USAGE
    except typer.Abort:
        return Code.INTERRUPTED
    except _ERRORS as error:
        say(f"error: {_without_stop(error)} (see {_path(error)} --help)")
        return Code.USAGE
    finally:
        _flush()


def _without_stop(error: Any) -> str:
    return str(error.format_message()).rstrip(".")


def _path(error: Any) -> str:
    context = getattr(error, "ctx", None)
    return context.command_path if context is not None else "devrev-async"


def _flush() -> None:
    try:
        if sys.stdout is not None:  # pyright: ignore[reportUnnecessaryComparison]
            sys.stdout.flush()
    except OSError:
        drop_stdout()


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"devrev-async {__version__}")
        raise typer.Exit


@app.callback()
@grouped
def root(
    context: typer.Context,
    connection: Connection,
    version: Annotated[  # noqa: ARG001 - its callback has shown it
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Work with DevRev from a shell.

    The token is taken from DEVREV_TOKEN, DEVREV_API_TOKEN or DEVREV_API_KEY, never from an argument. Data goes to
    stdout, all else to stderr.

    Exit codes: 0 done, 1 error, 2 usage, 3 some items failed, 4 authorisation, 130 interrupted.
    """
    context.obj = connection


@works.command("export")
@grouped
def export_command(
    context: typer.Context,
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="FILE", help="A .jsonl or .jsonl.gz file, or - for stdout.")
    ],
    filters: FilterOptions,
    connection: Connection,
    limit: Annotated[int | None, typer.Option(min=1, metavar="N", help="Any N of the works, no more.")] = None,
) -> None:
    """Write every work that matches, one JSON object a line, in no particular order.

    FILE appears when it is complete. An export that was cut off, by Ctrl-C, an error or a crash, goes on where it
    stopped when the same command is run again; until then, .FILE.part and .FILE.part.json keep what there is.
    """
    raise typer.Exit(export_works(connection.over(context.obj), parse_filters(filters), output, limit))


@works.command("get")
@grouped
def get_command(
    context: typer.Context,
    ids: Annotated[list[str], typer.Argument(metavar="ID", help="Display ids (TKT-42) or DONs.")],
    connection: Connection,
) -> None:
    """Print works by id, one JSON object a line, in the order asked for.

    Exits with 3 if there is one that could not be had; each of those has a line on stderr.
    """
    raise typer.Exit(get_works(connection.over(context.obj), ids))


@works.command("update")
@grouped
def update_command(
    context: typer.Context,
    connection: Connection,
    id: Annotated[str | None, typer.Argument(metavar="[ID]", help="A display id (TKT-42) or DON.")] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", show_default=False, help="A field; repeatable.")
    ] = None,
    source: Annotated[
        str | None,
        typer.Option("--from", metavar="FILE", help="Many updates: JSON Lines, each with an id; - is stdin."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Of --from: print the bodies, one a line, and send nothing.")
    ] = False,
    type: Annotated[
        str | None, typer.Option(metavar="TYPE", help="Of the work, where a field needs it and a DON does not tell.")
    ] = None,
) -> None:
    """Change fields of a work, and print it as it is then; or of many works, with --from.

    A field of text takes VALUE as it is, even if it looks like a number. Other fields take JSON: numbers, true,
    false, lists and objects; a single value for a list is a list of one. A time is a date or time as in 2025-01-31
    or 2025-01-31T12:00:00Z, in UTC unless it says otherwise. null clears any field that can be cleared. Custom
    fields are custom_fields.NAME=VALUE, where VALUE is JSON if it parses as JSON ('"5"' is the text 5), else text.

    With --from, each line of FILE is an object with an id and fields of the API, as in
    {"id": "ISS-1", "priority": "p2"}. All lines are checked before the first is sent. Lines that failed go to a file
    beside it (edits.failed.jsonl), which can be given to --from again; those that may have been applied, since their
    answers are lost, to another (edits.unknown.jsonl). Exits with 3 if there are any.

    Example: devrev-async works update --from edits.jsonl
    """
    if source is not None:
        if id is not None or settings or type is not None:
            raise UsageError("--from takes neither an ID nor --set nor --type: each line has its own")
        raise typer.Exit(update_from(connection.over(context.obj), source, dry_run=dry_run))
    if id is None or not settings or dry_run:
        raise UsageError("works update takes an ID and --set, or --from, which --dry-run belongs to")
    raise typer.Exit(update_work(connection.over(context.obj), id, type, settings))


@works.command("count")
@grouped
def count_command(context: typer.Context, filters: FilterOptions, connection: Connection) -> None:
    """Print how many works match."""
    raise typer.Exit(count_works(connection.over(context.obj), parse_filters(filters)))


@app.command("sandbox")
def sandbox_command(
    works: Annotated[int, typer.Option(min=0, metavar="N", help="How many works.")] = SANDBOX_WORKS,
    seed: Annotated[int, typer.Option(metavar="S", help="The same seed and number make the same works.")] = 0,
    port: Annotated[int, typer.Option(min=0, max=65535, metavar="P", help="0 takes a free one.")] = 0,
) -> None:
    """Serve made-up works on loopback as DevRev would, until Ctrl-C.

    Prints one line: the base URL and the token.
    """
    raise typer.Exit(serve(works, seed, port))
