"""A `pyarrow.RecordBatchReader` over works that arrive in a thread."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence

from devrev_async.errors import DevRevError
from devrev_async.models import Work

from ._pyarrow import pa
from .annotations import RecordBatch, Schema
from .blocking import BlockingIterator

__all__ = ["WorksReader"]


class WorksReader(pa.RecordBatchStreamReader):
    """Reads record batches of works; `close`, or ``with``, ends the export at once.

    It goes by Arrow's stream format, since pyarrow has no other reader that passes errors of Python on as they are and
    can be closed: `RecordBatchReader.from_batches` does nothing when it is closed, and a reader of a C stream
    makes every error its own. The format costs one copy in memory.

    Args:
        schema: of the batches.
        works: what to convert.
        convert: makes a record batch of works.
    """

    def __init__(
        self,
        schema: Schema,
        works: BlockingIterator[list[Work]],
        convert: Callable[[Sequence[Work]], RecordBatch],
    ) -> None:
        self._messages = _Messages(schema, works, convert)
        super().__init__(self._messages)

    def close(self) -> None:
        """Ends the export; reading on raises a ValueError."""
        self._messages.close()
        super().close()


class _Messages(io.RawIOBase):
    """The batches as a file in Arrow's stream format, each made when it is read."""

    def __init__(
        self,
        schema: Schema,
        works: BlockingIterator[list[Work]],
        convert: Callable[[Sequence[Work]], RecordBatch],
    ) -> None:
        self._works = works
        self._convert = convert
        self._rest: memoryview = memoryview(schema.serialize())

    def _next(self) -> list[Work] | None:
        try:
            return next(self._works, None)
        except DevRevError as error:
            # engines put the whole traceback into their message; it would be that of a thread nobody knows of
            raise error.with_traceback(None)  # noqa: B904 - it is the same error

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        self._works.close()
        super().close()

    def read(self, size: int = -1, /) -> bytes:
        """At most so many bytes, fewer where a message ends; none at the end of all."""
        if self.closed:
            raise ValueError("the reader is closed")
        if not self._rest:
            works = self._next()
            if works is None:
                return b""
            self._rest = memoryview(self._convert(works).serialize())
        end = len(self._rest) if size < 0 else size
        piece, self._rest = self._rest[:end], self._rest[end:]
        return bytes(piece)
