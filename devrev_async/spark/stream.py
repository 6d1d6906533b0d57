"""The stream: what was modified between two points in time of the server's clock."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import aclosing
from datetime import datetime
from functools import partial
from typing import Any, Final, final

from pyspark.sql.datasource import DataSourceStreamReader, InputPartition

from devrev_async._engines.planning import run
from devrev_async._engines.reading import ROWS, batches_of
from devrev_async.arrow.annotations import RecordBatch
from devrev_async.changes.iteration import clock_of
from devrev_async.models import Work

from .options import Options

__all__ = ["ChangesReader"]

_UNTIL: Final = "until"
"""The key of an offset: works modified up to this time were read; None: none were."""


@final
class ChangesReader(DataSourceStreamReader):
    """Reads in each batch what was modified since the one before, as `works.changes` does.

    An offset is a time of the server's clock, so that a batch that is read again asks for the same interval. A work
    modified meanwhile has left it, and is in a later one: at least once, whatever happens.
    """

    def __init__(self, options: Options, columns: tuple[str, ...]) -> None:
        self._options = options
        self._columns = columns
        self._latest: str | None = None
        options.access.client().works.changes(**options.filters)  # refuses what it would refuse later

    def initialOffset(self) -> dict[str, Any]:  # noqa: N802 - the name is Spark's
        """The offset before all works, those without `modified_date` included."""
        return {_UNTIL: None}

    def latestOffset(self) -> dict[str, Any]:  # noqa: N802 - the name is Spark's
        """The server's clock, for one request; it never goes back."""
        now = run(_clock(self._options)).isoformat()
        self._latest = now if self._latest is None else max(now, self._latest)
        return {_UNTIL: self._latest}

    def partitions(self, start: Mapping[str, Any], end: Mapping[str, Any]) -> Sequence[InputPartition]:
        """One, from `overlap` before the end of the last batch."""
        since, until = _moment(start), _moment(end)
        if until is None or (since is not None and since >= until):
            return []
        return [InputPartition((None if since is None else since - self._options.overlap, until))]

    def read(self, partition: InputPartition) -> Iterator[RecordBatch]:
        """The works of the interval; leaving early ends the requests."""
        since, until = partition.value
        works = partial(_changes, self._options, since, until)
        return batches_of(works, self._columns, self._options.depth)


async def _changes(options: Options, since: datetime | None, until: datetime) -> AsyncGenerator[Sequence[Work], None]:
    async with (
        options.access.client(max_concurrency=1) as devrev,
        devrev.works.changes(since, until=until, **options.filters) as changes,
        aclosing(changes.batches(ROWS)) as batches,
    ):
        async for batch in batches:
            yield batch.works


async def _clock(options: Options) -> datetime:
    async with options.access.client() as devrev, devrev.works.changes(**options.filters) as changes:
        return await clock_of(changes)


def _moment(offset: Mapping[str, Any]) -> datetime | None:
    text = offset[_UNTIL]
    return None if text is None else datetime.fromisoformat(text)
