"""The commands and their options, and nothing else: what they do stands in the modules beside this one."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated, Any, Final, Protocol, TypeAlias, runtime_checkable

import typer

from devrev_async import __version__
from devrev_async.options import OVERLAP

from .bulk import update_from
from .codes import Code, CommandError, UsageError, describe
from .doctor import diagnose
from .export import Output, export_works
from .filters import parse_filters
from .list import Listing, list_items
from .options import SANDBOX_WORKS, Connection, FilterOptions, StatelessFilterOptions, grouped
from .output import drop_stdout, say
from .schema import Reader, print_schema
from .serve import HARDLY_ANY_LIMIT, Served, serve
from .sync import SyncCommand, sync_works
from .works import count_works, get_works, update_work

__all__ = ["run_app"]

# Frames and colours are for a terminal: a pipe gets plain help, whatever the environment says of colours.
_MARKUP: Final = "rich" if sys.stdout is not None and sys.stdout.isatty() else None  # pyright: ignore[reportUnnecessaryComparison]


@runtime_checkable
class _Usage(Protocol):
    """A usage error of typer's. Its class is click's or typer's own, by the version; this much is common to them."""

    ctx: Any
    exit_code: int

    def format_message(self) -> str:
        """The error's text."""
        ...


_ARGS: Final = "devrev_async.args"
"""Where the context keeps all arguments of the command."""

Json: TypeAlias = Annotated[bool, typer.Option("--json", help="End with a line of numbers as JSON, on stderr.")]

app = typer.Typer(name="devrev-async", rich_markup_mode=_MARKUP, pretty_exceptions_enable=False)
works = typer.Typer(rich_markup_mode=_MARKUP, help="Issues, tickets, tasks, opportunities.")
app.add_typer(works, name="works")


def run_app(args: Sequence[str]) -> int:
    """Runs the command; every failure is one line on stderr and an exit code."""
    try:
        return _run(list(args) or ["--help"])
    except CommandError as error:
        say(f"error: {error}")
        return error.code
    except typer.Abort:
        return Code.INTERRUPTED
    except BrokenPipeError:
        drop_stdout()  # its reader has all it wanted
        return Code.DONE
    except SystemExit as error:
        if not isinstance(error.__context__, BrokenPipeError):
            raise
        drop_stdout()
        return Code.DONE
    except OSError as error:
        drop_stdout()
        say(f"error: stdout: {describe(error)}")
        return Code.ERROR
    except Exception as error:
        if not isinstance(error, _Usage):
            raise
        where = "devrev-async" if error.ctx is None else error.ctx.command_path
        text = " ".join(error.format_message().split()).replace("Value error, ", "")
        say(f"error: {text.rstrip('.')} (see {where} --help)")
        return Code.USAGE


def _run(args: list[str]) -> int:
    # standalone_mode off: typer would print frames around errors, and end the process itself.
    code = int(app(args, standalone_mode=False, prog_name="devrev-async", obj=args) or 0)
    if sys.stdout is not None:  # pyright: ignore[reportUnnecessaryComparison] - so it is under `>&-`
        sys.stdout.flush()
    return code


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

    Exit codes: 0 done, 1 error, 2 usage, 3 some items failed, 4 authorisation, 130 interrupted, 143 ended by SIGTERM.
    """
    context.meta[_ARGS] = context.obj or ()
    context.obj = connection


@works.command("export")
@grouped
def export_command(
    context: typer.Context,
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="FILE", help="A file, or - for JSON Lines on stdout.")
    ],
    filters: FilterOptions,
    connection: Connection,
    format: Annotated[
        str | None,
        typer.Option(metavar="FORMAT", help="jsonl, jsonl.gz, csv or parquet. (default: as FILE ends)"),
    ] = None,
    columns: Annotated[
        str | None, typer.Option(metavar="NAME,NAME", help="Of CSV and Parquet, in this order. (default: all)")
    ] = None,
    depth: Annotated[
        str | None,
        typer.Option(metavar="N", help="Levels of objects in Parquet, or all; those below are JSON. (default: 1)"),
    ] = None,
    rows_per_file: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Write numbered files, FILE-00000 and so on, of N works.")
    ] = None,
    csv_safe: Annotated[
        bool, typer.Option("--csv-safe", help="Put ' before cells that a spreadsheet would run as a formula.")
    ] = False,
    limit: Annotated[int | None, typer.Option(min=1, metavar="N", help="Any N of the works, no more.")] = None,
    json: Json = False,
) -> None:
    """Write every work that matches into a file, in no particular order.

    FILE ends in .jsonl, .jsonl.gz, .csv or .parquet (the last two need the extra [arrow]), and appears when it is
    complete. An export that was cut off, by Ctrl-C, an error or a crash, goes on where it stopped when the same command
    is run again; until then, .FILE.part and .FILE.part.state keep what there is.

    Example: devrev-async works export -o tickets.parquet --type ticket --sandbox
    """
    wanted = Output(
        path=output,
        format=format,
        columns=columns,
        depth=depth,
        rows_per_file=rows_per_file,
        csv_safe=csv_safe,
        limit=limit,
        json=json,
        again=context.meta[_ARGS],
    )
    raise typer.Exit(export_works(connection.over(context.obj), parse_filters(filters), wanted))


@works.command("sync")
@grouped
def sync_command(
    context: typer.Context,
    state: Annotated[str, typer.Option("--state", metavar="FILE", help="Says where to go on; made by the first run.")],
    output: Annotated[str, typer.Option("--output", "-o", metavar="DIR", help="The folder of the files, one a run.")],
    filters: StatelessFilterOptions,
    connection: Connection,
    format: Annotated[str, typer.Option(metavar="FORMAT", help="jsonl, jsonl.gz, csv or parquet.")] = "jsonl",
    overlap: Annotated[
        float, typer.Option(min=0, metavar="SECONDS", help="Look back so far for changes that became visible late.")
    ] = OVERLAP.total_seconds(),
    full_refresh: Annotated[
        bool, typer.Option("--full-refresh", help="Write all works, and remove the files of earlier runs.")
    ] = False,
    compare: Annotated[
        bool, typer.Option("--compare", help="Print ids of works that are gone, or differ without a new modified_date.")
    ] = False,
    json: Json = False,
) -> None:
    """Write what was modified since the last run into a file of its own, such as works-000018.jsonl.

    The first run writes all works. Where nothing changed there is no file, and the exit code is 0, so that this can be
    run by cron. A run that was cut off is repeated by the next one into a file of the same name. A work that is
    modified again is in a later file again: the newest record of each id counts. Deletions do not show, except with
    --compare, which reads everything.

    Example: devrev-async works sync --state works.state -o works --sandbox
    """
    command = SyncCommand(
        state=state,
        directory=output,
        format=format,
        overlap=overlap,
        full_refresh=full_refresh,
        compare=compare,
        json=json,
    )
    raise typer.Exit(sync_works(connection.over(context.obj), parse_filters(filters), command))


@works.command("get")
@grouped
def get_command(
    context: typer.Context,
    ids: Annotated[list[str], typer.Argument(metavar="ID", help="Display ids (TKT-42) or DONs.")],
    connection: Connection,
    json: Json = False,
) -> None:
    """Print works by id, one JSON object a line, in the order asked for.

    Exits with 3 if there is one that could not be had; each of those has a line on stderr.

    Example: devrev-async works get TKT-1 ISS-1 --sandbox
    """
    raise typer.Exit(get_works(connection.over(context.obj), ids, json=json))


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
    json: Json = False,
    type: Annotated[
        str | None, typer.Option(metavar="TYPE", help="Of the work, where a field needs it and a DON does not say it.")
    ] = None,
) -> None:
    """Change fields of a work, and print it as it is then; or of many works, with --from.

    A field of text takes VALUE as it is, even if it looks like a number. Other fields take JSON: numbers, true,
    false, lists and objects; a single value for a list is a list of one. A time is a date or time as in 2025-01-31
    or 2025-01-31T12:00:00Z, in UTC unless it says otherwise. null clears any field that can be cleared. Custom
    fields are custom_fields.NAME=VALUE, where VALUE is JSON if it parses as JSON ('"5"' is the text 5), else text.

    With --from, each line of FILE is an object with an id and fields of the API, as in
    {"id": "ISS-1", "priority": "p2"}. It is read line by line; all lines are checked before the first is sent. Lines
    that failed go to a file beside it (edits.failed.jsonl), which can be given to --from again; those that may have
    been applied, since their answers are lost, to another (edits.unknown.jsonl). Exits with 3 if there are any.

    Example: devrev-async works update --from edits.jsonl
    """
    if source is not None:
        if id is not None or settings or type is not None:
            raise UsageError("--from takes neither an ID nor --set nor --type: each line has its own")
        raise typer.Exit(update_from(connection.over(context.obj), source, dry_run=dry_run, json=json))
    if id is None or not settings or dry_run:
        raise UsageError("works update takes an ID and --set, or --from, which --dry-run belongs to")
    raise typer.Exit(update_work(connection.over(context.obj), id, type, settings, json=json))


@works.command("count")
@grouped
def count_command(context: typer.Context, filters: FilterOptions, connection: Connection, json: Json = False) -> None:
    """Print how many works match.

    Example: devrev-async works count --type ticket --sandbox
    """
    raise typer.Exit(count_works(connection.over(context.obj), parse_filters(filters), json=json))


@app.command("list")
@grouped
def list_command(
    context: typer.Context,
    endpoint: Annotated[str, typer.Argument(metavar="ENDPOINT", help="Any *.list endpoint, such as dev-users.list.")],
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="FILE", help="A .jsonl or .jsonl.gz file, or - for stdout.")
    ],
    connection: Connection,
    body: Annotated[
        str | None, typer.Option(metavar="JSON", help="Of the requests, as the API takes it: filters, page size.")
    ] = None,
    items: Annotated[
        str | None, typer.Option(metavar="KEY", help="Of the items in an answer. (default: the endpoint's own name)")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=0, metavar="N", help="The first N of the items.")] = None,
    json: Json = False,
) -> None:
    """Write what a list endpoint has, one JSON object a line, as the API sends it.

    Users, parts, accounts and tags, for instance, which works refer to by id. FILE appears when it is complete.

    Example: devrev-async list dev-users.list -o users.jsonl
    """
    listing = Listing(endpoint=endpoint, output=output, body=body, items=items, limit=limit, json=json)
    raise typer.Exit(list_items(connection.over(context.obj), listing))


@app.command("doctor")
@grouped
def doctor_command(
    context: typer.Context,
    connection: Connection,
    deep: Annotated[
        bool, typer.Option("--deep", help="Try out what complete exports hope of the server; some ten requests.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="One JSON object a line, for scripts.")] = False,
) -> None:
    """Look at token, network, TLS, clock, access and quota, and say what to do for each thing that is wrong.

    Exits with 1 if something keeps the client from working, with 4 if it is the token.

    Example: devrev-async doctor
    """
    raise typer.Exit(diagnose(connection.over(context.obj), deep=deep, json=json))


@app.command("schema")
def schema_command(
    reader: Annotated[Reader, typer.Option("--for", help="Who reads the works.", show_default=False)],
    depth: Annotated[
        str, typer.Option(metavar="N", help="Levels of objects that are columns, or all; those below are JSON.")
    ] = "1",
) -> None:
    """Print the columns of works for readers of JSON Lines, which overlook keys that come late without it.

    Prints what DuckDB takes as columns =, Polars as schema=, and pyarrow.json as explicit_schema=.

    Example: devrev-async schema --for duckdb
    """
    if depth != "all" and not depth.isdecimal():
        raise UsageError(f"--depth takes a number of at least 1, or all, not {depth!r}")
    raise typer.Exit(print_schema(reader, None if depth == "all" else int(depth)))


@app.command("sandbox")
def sandbox_command(
    works: Annotated[
        str, typer.Option(metavar="N|FILE", help="How many works to make up, or a file of JSON Lines that has them.")
    ] = str(SANDBOX_WORKS),
    seed: Annotated[int, typer.Option(metavar="S", help="The same seed and number make the same works.")] = 0,
    token: Annotated[
        str | None, typer.Option(metavar="TOKEN", help="What clients must send. (default: a random one)")
    ] = None,
    quota: Annotated[int, typer.Option(min=1, metavar="N", help="Requests a minute.")] = HARDLY_ANY_LIMIT,
    latency: Annotated[float, typer.Option(min=0, metavar="SECONDS", help="Before each answer.")] = 0.0,
    port: Annotated[int, typer.Option(min=0, max=65535, metavar="P", help="0 takes a free one.")] = 0,
) -> None:
    """Serve made-up works on loopback as DevRev would, until Ctrl-C.

    Prints one line that a shell can eval: it sets DEVREV_BASE_URL and DEVREV_TOKEN. The token is no secret: it opens
    nothing but this server.

    Example: devrev-async sandbox --works 1000 --quota 60
    """
    served = Served(works=works, seed=seed, token=token, quota=quota, latency=latency, port=port)
    raise typer.Exit(serve(served))
