"""The stream: what was modified between two points in time of the server's clock."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import aclosing
from datetime import datetime
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final, final

from pyspark.sql.datasource import DataSourceStreamReader, InputPartition

from devrev_async._engines.planning import run
from devrev_async._engines.reading import ROWS, batches_of
from devrev_async.arrow.annotations import RecordBatch
from devrev_async.changes.iteration import clock_of
from devrev_async.models import Work

from .options import Options

__all__ = ["ChangesReader"]

_AVAILABLE_NOW: Final = "pyspark.sql.streaming.datasource"
"""The module of `SupportsTriggerAvailableNow`, which Spark 4.2 and later have."""

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
        self._target: str | None = None
        options.access.client().works.changes(**options.filters)  # refuses what it would refuse later

    def initialOffset(self) -> dict[str, Any]:  # noqa: N802 - the name is Spark's
        """The offset before all works, those without `modified_date` included."""
        return {_UNTIL: None}

    def latestOffset(self, start: object = None, limit: object = None) -> dict[str, Any]:  # noqa: ARG002, N802 - Spark's
        """The server's clock, for one request; it never goes back.

        Spark 4.2 and later give arguments, which mean nothing here. With the trigger
        `availableNow` it is the clock when the run began.
        """
        if self._target is not None:
            return {_UNTIL: self._target}
        now = run(_clock(self._options)).isoformat()
        self._latest = now if self._latest is None else max(now, self._latest)
        return {_UNTIL: self._latest}

    def prepareForTriggerAvailableNow(self) -> None:  # noqa: N802 - the name is Spark's
        """Keeps where a run with the trigger `availableNow` ends: the server's clock when it began."""
        self._target = self.latestOffset()[_UNTIL]

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


_available_now: Any = import_module(_AVAILABLE_NOW) if find_spec(_AVAILABLE_NOW) else None
if hasattr(_available_now, "SupportsTriggerAvailableNow"):
    # With the trigger `availableNow`, Spark gives a source that is none of these one batch: a run after a crash repeats
    # the batch that was cut off, and ends without what was modified since.
    _available_now.SupportsTriggerAvailableNow.register(ChangesReader)


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
