"""`scan_works`: the works as a table for synchronous programs, read anew by every query."""

from __future__ import annotations

import copy
import inspect
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Final, Unpack

from devrev_async._requests.bodies import query_body
from devrev_async.client import DevRevClient
from devrev_async.errors import InvalidArgumentError, did_you_mean
from devrev_async.models import Filters, Work

from .annotations import RecordBatchReader, Schema
from .blocking import BlockingIterator
from .conversion import WorksConverter
from .reader import WorksReader
from .schema import works_schema

if TYPE_CHECKING:
    from devrev_async._transport.auth import TokenProvider

    _Held = Callable[[], str | TokenProvider | None]

__all__ = ["WorksScan", "scan_works"]

_ROWS: Final = 1000
"""Works of a record batch at most."""

_NOT_OPTIONS: Final = {
    "token": "is an argument of scan_works itself",
    "base_url": "is an argument of scan_works itself",
    "session": "is not taken: a session belongs to one event loop, and every reading has its own",
}


def scan_works(
    token: str | TokenProvider | None = None,
    *,
    base_url: str | None = None,
    columns: Sequence[str] | None = None,
    depth: int | None = 1,
    options: Mapping[str, Any] | None = None,
    **filters: Unpack[Filters],
) -> WorksScan:
    """The works that match, as a table that DuckDB, Polars, pandas and PyArrow read as it is; synchronous and lazy.

    Nothing is sent before a reading, and every reading is a complete export of its own (`works.export_all`): two
    queries, two exports. To query often, keep what was read: ``pyarrow.table(scan)``.

    Example:
        >>> tickets = scan_works(type=["ticket"], columns=["id", "severity", "created_date"])
        >>> duckdb.sql("select severity, count(*) from tickets group by all")
        >>> polars.DataFrame(tickets)

    Args:
        token: as for `DevRevClient`. None: from the environment, when a reading begins.
        base_url: as for `DevRevClient`.
        columns: as for `works_schema`; fewer are converted faster, but not fetched faster.
        depth: as for `works_schema`.
        options: further arguments of `DevRevClient` by name, as in ``{"max_retries": 8, "proxy": url}``.
        filters: see `Filters`.

    Raises:
        ConfigurationError: there is no token, or an option is refused by `DevRevClient`.
        InvalidArgumentError, TypeError: a filter, a column, `depth` or the name of an option is wrong.
    """
    held = _held(token)
    del token  # tracebacks show local variables
    clients = _Clients(held, base_url, _checked(options))
    query_body(filters, {}, method="scan_works")  # its filters are all that an export takes
    client = clients()
    client.works.export_all(**filters)
    names = None if columns is None else tuple(columns)
    return WorksScan(clients, copy.deepcopy(filters), works_schema(columns, depth), names, depth, client.base_url)


class WorksScan:
    """A table of works that is exported anew each time that it is read; `scan_works` makes it.

    Engines read it through `__arrow_c_stream__`. A reading runs in a thread with an event loop of its own, so it works
    in a notebook too. The thread ends with the reading: at its end, with an error, when the reader is closed or dropped
    (as engines do at a ``limit``), and when the interpreter exits. Works wait in memory for their reader: the pages
    under way, and two batches of 1000.
    """

    def __init__(
        self,
        clients: Callable[[], DevRevClient],
        filters: Filters,
        schema: Schema,
        columns: tuple[str, ...] | None,
        depth: int | None,
        base_url: str,
    ) -> None:
        self._clients = clients
        self._filters = filters
        self._schema = schema
        self._columns = columns
        self._depth = depth
        self._base_url = base_url

    @property
    def schema(self) -> Schema:
        """The schema of every reading; nothing is sent for it."""
        return self._schema

    def reader(self) -> RecordBatchReader:
        """One reading, batch by batch; the export begins with the first batch.

        Errors of the export arrive as they are. Leaving ``with`` early ends the export.

        Example:
            >>> with scan_works(type=["ticket"]).reader() as reader:
            ...     for batch in reader:
            ...         store(batch)
        """
        converter = WorksConverter(self._columns, self._depth)
        return WorksReader(self._schema, BlockingIterator(self._works), converter.convert)

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """One reading as an Arrow C stream (PyCapsule); how engines ask for it."""
        return self.reader().__arrow_c_stream__(requested_schema)

    async def _works(self) -> AsyncGenerator[list[Work], None]:
        async with (
            self._clients() as devrev,
            devrev.works.export_all(**self._filters) as export,
            aclosing(export.batches(_ROWS)) as batches,
        ):
            async for works in batches:
                yield works

    def __repr__(self) -> str:
        filters = "".join(f" {name}={value!r}" for name, value in self._filters.items())
        return f"<WorksScan of {self._base_url}{filters}>"

    def __reduce__(self) -> str:
        raise TypeError("a scan holds a token, and is not to be pickled")


class _Clients:
    """Makes clients, one a reading."""

    def __init__(self, token: _Held, base_url: str | None, options: Mapping[str, Any]) -> None:
        self._token = token
        self._base_url = base_url
        self._options = options

    def __call__(self) -> DevRevClient:
        return DevRevClient(self._token(), base_url=self._base_url, **self._options)


def _held(token: str | TokenProvider | None) -> _Held:
    """The token in a closure: tools that show the local variables of a traceback show attributes too."""
    return lambda: token


def _checked(options: Mapping[str, Any] | None) -> dict[str, Any]:
    if options is None:
        return {}
    if not isinstance(options, Mapping):
        raise TypeError(f"options takes a mapping of arguments of DevRevClient, not {type(options).__name__}")
    known = inspect.signature(DevRevClient).parameters.keys() - _NOT_OPTIONS.keys()
    for name in options:
        if name in _NOT_OPTIONS:
            raise InvalidArgumentError(f"options: {name} {_NOT_OPTIONS[name]}")
        if name not in known:
            raise InvalidArgumentError(
                f"options: DevRevClient has no argument {name!r}{did_you_mean(str(name), known)}"
            )
    return dict(options)
