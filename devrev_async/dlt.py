"""A dlt source of works (extra ``[dlt]``): merged on `id`, incremental on `modified_date`, every column declared.

A load reads what `works.changes` yields, so each is complete or fails. The position is kept in dlt's state only: the
server's clock when the read began, never the newest work seen, whose date may lie in the future. A load looks
`overlap` back before it, and the merge on `id` absorbs what that repeats.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Iterator, Mapping
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Unpack, cast

try:
    import dlt
except ModuleNotFoundError as error:
    if error.name != "dlt":
        raise
    raise ModuleNotFoundError(
        "devrev_async.dlt needs dlt: pip install 'devrev-async[dlt]'", name=error.name, path=error.path
    ) from None

from dlt.common.data_types import TDataType
from dlt.common.schema.typing import TColumnSchema

from devrev_async.arrow.blocking import BlockingIterator
from devrev_async.arrow.fields import RAW, Field, Kind, fields_of_works
from devrev_async.changes.iteration import checked_overlap
from devrev_async.changes.query import checked_query, differences, words_of
from devrev_async.client import DevRevClient
from devrev_async.errors import InvalidArgumentError
from devrev_async.models import Filters, UnknownWork, Work
from devrev_async.models.base import is_array, is_object
from devrev_async.options import OVERLAP

if TYPE_CHECKING:
    from dlt.extract import DltResource

__all__ = ["devrev"]

_PAGE: Final = 1000
"""Works that are yielded at once; `add_limit` of dlt counts such pages."""

_QUERY: Final = "query"
"""What dlt's state of the resource has the filters under."""

_ANEW: Final = "Run once with refresh='drop_resources' to load everything anew"

_LEAST: Final = datetime.min.replace(tzinfo=UTC)

_INT64: Final = range(-(1 << 63), 1 << 63)

_NUL: Final = "\0"
"""What dlt leaves out of a text that it writes as SQL, since databases refuse it; nested in JSON it is escaped."""

_DEEPEST: Final = 200
"""Levels of nested JSON in a column at most: dlt writes with orjson, which refuses more than 254 in all."""

_DATA_TYPES: Final[Mapping[Kind, TDataType]] = {
    Kind.TEXT: "text",
    Kind.INTEGER: "bigint",
    Kind.NUMBER: "double",
    Kind.FLAG: "bool",
    Kind.TIME: "timestamp",
}
"""Of columns; whatever else a field is, lists included, is a column of type json."""


class _Page(NamedTuple):
    """Works of a load, as rows.

    Attributes:
        rows: of works; none in the last page.
        until: the position of the next load, in the last page.
    """

    rows: list[dict[str, Any]]
    until: datetime | None = None


@dlt.source(name="devrev", max_table_nesting=0)
def devrev(
    token: str | None = dlt.secrets.value,
    *,
    start_date: datetime | None = None,
    end_date: datetime | None = None,
    base_url: str | None = None,
    overlap: timedelta = OVERLAP,
    options: Mapping[str, Any] | None = None,
    **filters: Unpack[Filters],
) -> DltResource:
    """The works of a DevRev organisation, as the resource `works`.

    Example:
        >>> pipeline = dlt.pipeline("devrev", destination="duckdb", dataset_name="raw")
        >>> pipeline.run(devrev(type=["ticket"]))

    Each run loads what was modified since the run before. The API does not list deletions: run with
    ``write_disposition="replace"`` and ``refresh="drop_resources"`` now and then to drop what was deleted.

    Args:
        token: of DevRev, found by dlt as ``sources.devrev.token`` too. None: from ``$DEVREV_TOKEN`` and the like, as
            by `DevRevClient`.
        start_date: where the first run begins; None loads everything, works without a `modified_date` included. Later
            runs go on from where the last one ended: a later date changes nothing then, and an earlier one is refused.
        end_date: loads only what was modified before it, and keeps no position; it needs `start_date`.
        base_url: as for `DevRevClient`.
        overlap: how far before the position of the last run a run looks, for works that became visible late.
        options: further arguments of `DevRevClient` by name, as in ``{"quota_reserve": 0.2}``.
        filters: see `Filters`; `modified_date` is not one of them here. Runs with other filters are refused, since they
            would go on from where the last one ended; give their resource a name of its own, by `with_name`.

    Raises:
        InvalidArgumentError, TypeError: an argument is wrong. Nothing was sent.
        ConfigurationError: there is no token, or an option is refused by `DevRevClient`.
    """
    connect = _Connector(token, base_url, options)
    del token, options  # tracebacks show local variables
    bounds = [_aware("start_date", start_date), _aware("end_date", end_date)]
    if end_date is not None and start_date is None:
        raise InvalidArgumentError("end_date needs start_date: together they are the range to load")
    if start_date is not None and end_date is not None and start_date > end_date:
        raise InvalidArgumentError(f"start_date ({start_date}) is later than end_date ({end_date})")
    checked_overlap(overlap)
    if "modified_date" in filters:
        raise InvalidArgumentError("filters take no modified_date: start_date and end_date say which range to load")
    words = words_of(checked_query(filters, None, method="devrev"))
    connect()  # a bad option is refused before the pipeline begins
    position = dlt.sources.incremental[datetime](
        "modified_date",
        initial_value=bounds[0],
        end_value=bounds[1],
        on_cursor_value_missing="include",
    )

    @dlt.resource(primary_key="id", write_disposition="merge", columns=columns())
    def works(modified_date: dlt.sources.incremental[datetime] = position) -> Iterator[list[dict[str, Any]]]:
        _check_state(modified_date, words)
        yield from _load(connect, filters, modified_date, _start_of(modified_date, overlap))

    return works


class _Connector:
    """Makes clients; raises what `DevRevClient` does, or TypeError.

    The token is in a closure, through which no error passes: tracebacks show local variables and their attributes.
    """

    def __init__(self, token: str | None, base_url: str | None, options: Mapping[str, Any] | None) -> None:
        def attempt() -> DevRevClient | Exception:
            try:
                return DevRevClient(token, base_url=base_url, **(options or {}))
            except Exception as error:  # noqa: BLE001 - it is raised by who asked
                return error.with_traceback(None)

        self._attempt = attempt

    def __call__(self) -> DevRevClient:
        made = self._attempt()
        if isinstance(made, Exception):
            raise made
        return made


def columns() -> dict[str, TColumnSchema]:
    """The declaration of each column: the fields of all work types, then `raw`."""
    declared: dict[str, TColumnSchema] = {}
    for field in (*fields_of_works(0), Field(RAW, Kind.TEXT)):
        data_type: TDataType = "json" if field.repeated else _DATA_TYPES.get(field.kind, "json")
        declared[field.name] = {"name": field.name, "data_type": data_type, "nullable": field.name != "id"}
    return declared


def _load(
    connect: _Connector, filters: Filters, position: dlt.sources.incremental[datetime], since: datetime | None
) -> Iterator[list[dict[str, Any]]]:
    end = position.end_value
    until = None if end is None else end.astimezone(UTC) - timedelta(microseconds=1)
    if until is not None and since is not None and until < since:
        return  # a range from a time to the same time, which is excluded, has no works
    pages = BlockingIterator(partial(_pages, connect, filters, since, until))
    position.advance(None)  # type: ignore[arg-type]  # documented: dlt filters no rows, and the position stays
    try:
        for page in pages:
            if page.rows:
                yield page.rows
            if page.until is not None:
                # the server's clock, whatever date a work bears; only once all is read, which `add_limit` may prevent
                position.advance(page.until)
    finally:
        pages.close()


def _start_of(position: dlt.sources.incremental[datetime], overlap: timedelta) -> datetime | None:
    """Where a load begins; None: it loads everything.

    dlt's own `start_value` never lies before `start_date`, so that a later one would leave out what was modified
    between the last run and it.
    """
    if position.end_value is not None:
        return position.initial_value.astimezone(UTC) if position.initial_value else None
    first, last = (_kept(position).get(name) for name in ("initial_value", "last_value"))
    if last is None:
        return None
    first, last = _LEAST if first is None else first.astimezone(UTC), last.astimezone(UTC)
    return first if last - first <= overlap else last - overlap


def _kept(position: dlt.sources.incremental[datetime]) -> Mapping[str, datetime | None]:
    """What dlt's state has of the position: its first `initial_value`, and the `last_value`."""
    state = dlt.current.resource_state(cast("str", position.resource_name))
    return cast("Mapping[str, datetime | None]", state["incremental"][position.cursor_path])


async def _pages(
    connect: _Connector, filters: Filters, since: datetime | None, until: datetime | None
) -> AsyncGenerator[_Page, None]:
    async with connect() as client, client.works.changes(since=since, until=until, **filters) as changes:
        async with aclosing(changes.batches(_PAGE)) as batches:
            async for batch in batches:
                yield _Page([_row(work) for work in batch.works])
        yield _Page([], changes.until)


def _check_state(position: dlt.sources.incremental[datetime], words: dict[str, str]) -> None:
    """Refuses what dlt's state does not fit: runs go on from it, so that what was changed before would be missing.

    Raises:
        InvalidArgumentError: the filters are others than in earlier runs, or the start is before that of the first one.
    """
    if position.end_value is not None:
        return
    state: dict[str, Any] = dlt.current.resource_state(cast("str", position.resource_name))
    if different := differences(state.setdefault(_QUERY, words), words):
        raise InvalidArgumentError(
            f"the works of earlier runs were of another query: {'; '.join(different)}. {_ANEW}, "
            "or give the resource another name: devrev(...).works.with_name('tickets')"
        )
    first = _kept(position).get("initial_value")
    start = position.initial_value
    if first is not None and (start is None or start < first):
        raise InvalidArgumentError(
            f"start_date was {first.isoformat()} when the first run began, and is "
            f"{'not given' if start is None else start.isoformat()}. {_ANEW}, or load the range alone, with end_date"
        )


def _row(work: Work) -> dict[str, Any]:
    """The work as a row: nested values as plain JSON data, timestamps as datetimes, what does not fit in `raw`."""
    wire, row = work.to_dict(), dict[str, Any]()
    lossy = isinstance(work, UnknownWork) or work.invalid is not None
    for field in fields_of_works(0):
        value = getattr(work, field.name, None)
        if value is None:
            continue
        if field.kind is not Kind.TIME:
            value = wire[field.name]
        if not _is_storable(value) or (isinstance(value, str) and _NUL in value):
            lossy = True
            continue
        row[field.name] = value
    if lossy:
        row[RAW] = work.to_json().decode("utf-8", "replace")
    row.setdefault("id", f"unknown:{blake2b(work.to_json(), digest_size=16).hexdigest()}")
    return row


def _is_storable(value: object) -> bool:
    """Whether dlt can write the value, whatever is nested in it."""
    level = [value]
    for _ in range(_DEEPEST):
        if not all(map(_is_writable, level)):
            return False
        level = [item for container in level for item in _items(container)]
        if not level:
            return True
    return False


def _items(value: object) -> Iterable[object]:
    if is_object(value):
        return value.values()
    return value if is_array(value) else ()


def _is_writable(value: object) -> bool:
    """Whether dlt can write a value, apart from its items: integers of 64 bits, and the years 1 to 9999 of UTC."""
    if isinstance(value, int):
        return value in _INT64
    return not isinstance(value, datetime) or _is_within_utc(value)


def _is_within_utc(moment: datetime) -> bool:
    try:
        moment.astimezone(UTC)
    except OverflowError:
        return False
    return True


def _aware(name: str, moment: datetime | None) -> datetime | None:
    if moment is None:
        return None
    if not isinstance(moment, datetime):
        raise TypeError(f"{name} takes a datetime, not {type(moment).__name__}")
    if moment.tzinfo is None:
        raise InvalidArgumentError(f"{name} has no time zone: give an aware datetime")
    return moment.astimezone(UTC)
