"""`DevRevDataSource`: what Spark asks for its schema and its readers."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, final

from pyspark.sql.datasource import DataSource, DataSourceReader, InputPartition
from pyspark.sql.pandas.types import from_arrow_schema
from pyspark.sql.types import StructType

from devrev_async._engines.planning import plan
from devrev_async._engines.reading import slice_batches
from devrev_async.arrow.annotations import RecordBatch
from devrev_async.arrow.schema import works_schema

from .options import Options, read_options
from .projection import columns_of
from .stream import ChangesReader

__all__ = ["DevRevDataSource"]

log: Final = logging.getLogger("devrev_async.spark")


@final
class DevRevDataSource(DataSource):
    """DevRev works for Spark: each action is a complete export of its own, so write first, and then query.

    A read plans once per loaded DataFrame, on the driver, and has a partition for each slice of the export, which
    sends one request at a time. A stream reads what `works.changes` does; it is at least once, to be merged on `id`.

    Example:
        >>> spark.dataSource.register(DevRevDataSource)
        >>> works = spark.read.format("devrev").option("filters", '{"type": ["ticket"]}').load()
        >>> works.write.parquet("works")

    Options, whose names Spark compares without regard to case:
        token: of DevRev. Left out: `$DEVREV_TOKEN` and the like, of the driver, when the session began.
        baseUrl: as `base_url` of `DevRevClient`.
        filters: the keyword arguments of `works.export_all` as a JSON object; a range is
            ``{"after": ..., "before": ...}`` in RFC 3339.
        numPartitions: how many at most. Left out: one for each 25,000 works, at most 8.
        depth: as for `arrow.works_schema`; ``none`` for the whole depth.
        overlapSeconds: how far before the end of the last batch a batch of a stream begins, 300 if left out; for
            changes that become visible late.

    A schema given with ``.schema("id string, title string")`` names the columns that are wanted.

    Raises:
        ConfigurationError, InvalidArgumentError, TypeError: an option is wrong; nothing was sent.
    """

    def __init__(self, options: Mapping[str, str]) -> None:
        self._options = read_options(options)
        del options  # tracebacks show local variables
        super().__init__({})  # it would keep the token in an attribute

    @classmethod
    def name(cls) -> str:
        """The name of the format."""
        return "devrev"

    def schema(self) -> StructType:
        """The schema of all works, `arrow.works_schema`; nothing is sent for it."""
        return from_arrow_schema(works_schema(depth=self._options.depth))

    def reader(self, schema: StructType) -> DataSourceReader:
        """What plans and reads an export."""
        return _SliceReader(self._options, columns_of(schema, self._options.depth))

    def streamReader(self, schema: StructType) -> ChangesReader:  # noqa: N802 - the name is Spark's
        """What reads the changes between two points in time."""
        return ChangesReader(self._options, columns_of(schema, self._options.depth))


@final
class _SliceReader(DataSourceReader):
    """Plans on the driver; its copies read one slice each.

    It has no `pushFilters`, on purpose: Spark 4 keeps the plan that was made for one filter with the relation, and uses
    it for a later query of the same DataFrame with another filter, or with none, which then lacks rows. Filters are an
    option instead.
    """

    def __init__(self, options: Options, columns: tuple[str, ...]) -> None:
        self._options = options
        self._columns = columns

    def partitions(self) -> Sequence[InputPartition]:
        """The slices; the first request authorises, so that a token that is refused costs one."""
        planned = plan(self._options.access, self._options.filters, self._options.partitions)
        works = sum(part.works for part in planned.slices)
        log.info("%d slices of about %d works, planned with %d requests", len(planned.slices), works, planned.requests)
        return [InputPartition(part) for part in planned.slices]

    def read(self, partition: InputPartition) -> Iterator[RecordBatch]:
        """The works of one slice; leaving early ends the export."""
        part: Any = partition.value
        return slice_batches(self._options.access, part, self._columns, self._options.depth)
