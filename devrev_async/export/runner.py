"""Runs the planner of a complete export: sends its requests side by side, feeds the answers, keeps the report."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import TYPE_CHECKING, Any, Final, Protocol

from devrev_async import errors

from .planner import AtLeast, Batch, Page, Request, Unprovable
from .planner.price import parallel_for
from .source import Answer, Endpoint

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from devrev_async.reports import ExportReport

    from .planner.planner import Plan
    from .query import ExportQuery

__all__ = ["NO_COUNT", "NO_ENDPOINT", "ExportRunner", "Source"]

NO_ENDPOINT: Final = (404, 405, 501)
"""Statuses of a server that does not have an endpoint."""

NO_COUNT: Final = (403, *NO_ENDPOINT)
"""Statuses where works cannot be counted, though they may be read: a token may be allowed this and not that."""


class Source(Protocol):
    """Sends the requests of an export; every failure is a `DevRevError`."""

    async def page(self, endpoint: Endpoint, body: Mapping[str, Any], *, raw: bool) -> Answer:
        """Returns a whole answer."""
        ...

    async def count(self, body: Mapping[str, Any]) -> int | AtLeast | None:
        """Returns the number of works, or at least so many; None if the server does not say that."""
        ...


class ExportRunner:
    """Turns the planner's requests into batches of works that are proved.

    Args:
        source: sends the requests.
        query: what all of them have in common.
        plan: says what to ask for, and what the answers prove.
        report: is kept up to date.
        on_progress: called with the report after each answer.
        limit: works to ask for in one page of `works.list`.
        parallel: pages under way or waiting to be consumed at most; None: by how long the first one takes to begin.
        raw: whether works are wanted as the server's bytes.
    """

    def __init__(
        self,
        source: Source,
        query: ExportQuery,
        plan: Plan[Any],
        report: ExportReport,
        *,
        on_progress: Callable[[ExportReport], object] | None,
        limit: int,
        parallel: int | None,
        raw: bool,
    ) -> None:
        self.plan = plan
        self._source = source
        self._query = query
        self._report = report
        self._on_progress = on_progress
        self._limit = limit
        self._parallel = parallel
        self._raw = raw
        self._begun = time.monotonic()
        self._sorts = True
        self._closed = False
        self._tasks: dict[asyncio.Task[Answer | int | AtLeast | None], Request] = {}
        self._ready: deque[Batch[Any]] = deque()

    async def next_batch(self) -> Batch[Any] | None:
        """Returns the next batch that is proved, or None once all is.

        Raises:
            DevRevError: a request failed for good.
            IncompleteExportError: nothing that could be asked would prove the rest.
            ClientClosedError: `aclose` was called.
        """
        while not self._ready:
            self._send()
            if not self._tasks:
                self._check_done()
                return None
            await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
            await self._feed_done()
            self.progress()
        self._send()
        return self._ready.popleft()

    def progress(self) -> None:
        """Brings the report's time up to date, and passes the report on."""
        self._report.seconds = time.monotonic() - self._begun
        if self._on_progress is not None:
            self._on_progress(self._report)

    def check_open(self) -> None:
        """Raises a `ClientClosedError` after `aclose`: to end in silence would look complete."""
        if self._closed:
            raise closed_error()

    async def aclose(self) -> None:
        """Ends the requests under way."""
        if not self._closed:
            self._closed = True
            self._report.seconds = time.monotonic() - self._begun
        self._ready.clear()
        tasks = list(self._tasks)
        self._tasks.clear()
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.gather(*tasks, return_exceptions=True)

    def _check_done(self) -> None:
        if not self.plan.done:
            raise self._incomplete(Unprovable("no further request can prove the rest"))

    def _send(self) -> None:
        """Starts requests while there is room for their pages."""
        self.check_open()
        while len(self._tasks) + len(self._ready) < self.plan.parallel:
            try:
                request = self.plan.take(len(self._ready))
            except Unprovable as error:
                raise self._incomplete(error) from None
            if request is None:
                return
            self._tasks[asyncio.create_task(self._fetch(request))] = request

    async def _feed_done(self) -> None:
        # a method of its own: no name may keep a page while the next ones are awaited
        self.check_open()
        done = [task for task in self._tasks if task.done()]
        while done:
            self._feed(self._tasks.pop(done[-1]), done.pop())
            await asyncio.sleep(0)  # a page takes milliseconds
            self.check_open()

    def _feed(self, request: Request, task: asyncio.Task[Answer | int | AtLeast | None]) -> None:
        report, plan = self._report, self.plan
        report.requests += 1
        refused = False
        try:
            answer = task.result()
        except errors.DevRevError as error:
            report.retries += max(0, error.attempts - 1)
            refused = isinstance(error, errors.BadRequestError) and plan.is_own_range(request)
            if not (refused or _is_dispensable(request, error)):
                raise
            answer = None
        try:
            if refused and request.kind != "count":
                plan.feed_refused_range(request)
            elif isinstance(answer, Answer):
                report.bytes += answer.bytes
                report.retries += answer.retries
                if self._parallel is None:
                    self._parallel = plan.parallel = parallel_for(answer.waited)
                self._ready += plan.feed(request, Page(answer.keys, answer.works, answer.next_cursor))
            elif request.kind == "list":
                plan.feed_refusal(request)
            else:
                self._ready += plan.feed_count(request, answer)
        except Unprovable as error:
            raise self._incomplete(error) from None
        finally:
            report.ranges, report.duplicates, report.expected = plan.ranges, plan.duplicates, plan.expected

    async def _fetch(self, request: Request) -> Answer | int | AtLeast | None:
        body = self._query.request_body(request, limit=self._limit, sorts=self._sorts)
        if request.kind == "count":
            return await self._source.count(body)
        endpoint: Endpoint = "works.export" if request.kind == "export" else "works.list"
        try:
            return await self._source.page(endpoint, body, raw=self._raw)
        except errors.BadRequestError as error:
            # the order is a wish: a server without the beta fields refuses the key
            if error.field_name != "sort_by" or "sort_by" not in body:
                raise
            self._sorts = False
        self._report.requests += 1  # the refusal is an answer, too
        body = self._query.request_body(request, limit=self._limit, sorts=False)
        return await self._source.page(endpoint, body, raw=self._raw)

    def _incomplete(self, reason: Unprovable) -> errors.IncompleteExportError:
        self._report.seconds = time.monotonic() - self._begun
        return errors.IncompleteExportError(
            f"the export cannot be proved complete: {reason}; what was yielded is right, but may not be all",
            report=self._report,
        )


def closed_error() -> errors.ClientClosedError:
    """Returns the error of an export that was closed while it was iterated over."""
    error = errors.ClientClosedError("works.export_all: closed before it was complete")
    error.endpoint = "works.export"
    return error


def _is_dispensable(request: Request, error: errors.DevRevError) -> bool:
    """Whether the export can do without this answer: a count always, a list where the server has no such endpoint."""
    if request.kind == "count":
        return isinstance(error, errors.APIError | errors.TransportError | errors.ResponseDecodeError)
    return request.kind == "list" and isinstance(error, errors.APIError) and error.status in NO_ENDPOINT
