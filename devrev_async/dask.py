"""A Dask DataFrame of works (extra ``[dask]``): a partition for each slice of a complete export."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import TYPE_CHECKING, Any, Final, Unpack, final
from uuid import uuid4

try:
    import dask.dataframe as dd
    import pandas as pd
except ModuleNotFoundError as error:
    if error.name is None or not error.name.startswith(("dask", "pandas", "pyarrow")):
        raise
    raise ModuleNotFoundError(
        "devrev_async.dask needs Dask's data frames: pip install 'devrev-async[dask]'", name=error.name, path=error.path
    ) from None

from ._engines.access import Access, hold
from ._engines.planning import plan
from ._engines.reading import slice_batches
from ._requests.bodies import query_body
from .arrow._pyarrow import pa
from .arrow.schema import works_schema
from .errors import InvalidArgumentError
from .models import Filters

if TYPE_CHECKING:
    from ._transport.auth import TokenProvider
    from .export.slices import WorkSlice

__all__ = ["read_works"]

_TYPES: Final = pd.ArrowDtype


def read_works(
    token: str | TokenProvider | None = None,
    *,
    base_url: str | None = None,
    npartitions: int | None = None,
    columns: Sequence[str] | None = None,
    depth: int | None = 1,
    **filters: Unpack[Filters],
) -> dd.DataFrame:
    """The works that match, as a Dask DataFrame whose partitions are the slices of `works.plan_slices`.

    It plans when it is called, with one count that authorises and some more that divide the works; it exports when it
    is computed, each time anew. To compute often, keep what was read: ``persist()`` or ``to_parquet()``. pandas cannot
    read the types of nested columns by name, so files of these are read with
    ``dask.dataframe.read_parquet(..., dtype_backend="pyarrow")``; other readers need no option.

    Example:
        >>> tickets = read_works(npartitions=8, columns=["id", "severity"], type=["ticket"])
        >>> tickets.groupby("severity").size().compute()

    Args:
        token: as for `DevRevClient`. None: from the environment of this process. Workers get it with their tasks.
        base_url: as for `DevRevClient`.
        npartitions: how many at most. None: one for each 25,000 works, at most 8. Each sends one request at a time.
        columns: as for `arrow.works_schema`. Dask leaves out those that a computation does not need by itself.
        depth: as for `arrow.works_schema`.
        filters: see `Filters`. `LastDays` and `NextDays` of `created_date` are fixed by the plan.

    Returns:
        A data frame with unknown divisions. Its columns have the types of `arrow.works_schema` (`pandas.ArrowDtype`).

    Raises:
        ConfigurationError: there is no token, or it or the URL cannot be one.
        InvalidArgumentError, TypeError: an argument is wrong; nothing was sent.
        DevRevError: a request of the plan failed for good. Computing raises what `works.export_slice` does.
    """
    held = hold(token)
    del token  # tracebacks show local variables
    _check_count(npartitions)
    query_body(filters, {}, method="read_works")
    schema = works_schema(columns, depth)
    names = tuple(schema.names)
    reader = _SliceReader(Access(held, base_url), names, depth)
    slices = plan(reader.access, deepcopy(filters), npartitions).slices
    meta = schema.empty_table().to_pandas(types_mapper=_TYPES)
    return dd.from_map(reader, slices, meta=meta, label="devrev-works", enforce_metadata=False)


@final
class _SliceReader:
    """Reads a slice into a pandas DataFrame; Dask calls it in any process, and names the columns that it needs."""

    def __init__(self, access: Access, columns: tuple[str, ...], depth: int | None) -> None:
        self.access = access
        self._columns = columns
        self._depth = depth
        self._identity = uuid4().hex

    def __call__(self, part: WorkSlice, columns: Sequence[str] | None = None) -> pd.DataFrame:
        names = self._columns if columns is None else tuple(columns)
        # without columns Dask wants the number of rows alone
        wanted = names or self._columns[:1]
        batches = list(slice_batches(self.access, part, wanted, self._depth))
        table = pa.Table.from_batches(batches, works_schema(wanted, self._depth))
        return table.to_pandas(types_mapper=_TYPES)[list(names)]

    def __dask_tokenize__(self) -> Any:
        # two calls with the same arguments are two exports: Dask is not to take the result of one for the other's
        return type(self).__qualname__, self._identity


def _check_count(npartitions: int | None) -> None:
    if npartitions is None:
        return
    if isinstance(npartitions, bool) or not isinstance(npartitions, int):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"npartitions takes an int, not {type(npartitions).__name__}")
    if npartitions < 1:
        raise InvalidArgumentError(f"npartitions takes at least 1, not {npartitions}")
