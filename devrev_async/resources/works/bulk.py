"""The calls for many works at once."""

from __future__ import annotations

import builtins
from collections.abc import AsyncIterable, Callable, Iterable
from typing import TYPE_CHECKING, Any, Literal, Unpack, overload

import msgspec

from devrev_async._requests.bodies import fields_of, update_content
from devrev_async._transport.call import Call
from devrev_async.models import Work, WorkUpdate
from devrev_async.models.ids import check_id, is_plain
from devrev_async.options import Timeout, check_flag
from devrev_async.resources._base import CallOptions, take_only_options

from .calls import UPDATE, Calls

if TYPE_CHECKING:
    from devrev_async.resources.bulk import BulkProgress, BulkRun
    from devrev_async.resources.bulk_inputs import Job

__all__ = ["BulkCalls"]


class BulkCalls(Calls):
    """Reads and updates side by side; the modules that they need load when the first call is made."""

    def get_many(
        self,
        ids: Iterable[str] | AsyncIterable[str],
        *,
        on_error: Literal["collect", "raise"] = "collect",
        on_progress: Callable[[BulkProgress], object] | None = None,
        timeout: Timeout | float | None = None,
        max_retries: int | None = None,
    ) -> BulkRun:
        """Many works by id, side by side under the limiter; one failure neither stops nor hides the others.

        Args:
            ids: display ids or DONs. A sequence is checked as a whole before the first request; any other iterable,
                asynchronous ones too, is read as the work goes on, and a bad id in it is a failure of its own.
                Equal ids share one request where one is under way or its result is kept.
            on_error: ``"raise"`` ends the call with the first failure.
            on_progress: called with a `BulkProgress` after each outcome; what it raises ends the call.
            timeout: of each request.
            max_retries: of each request.

        Returns:
            What to await for a `BulkResult` of all, or to iterate over for each `Outcome` as it is done. Nothing is
            sent before that.
        """
        from devrev_async.resources.bulk import start  # noqa: PLC0415 - a plain `get` needs none of it
        from devrev_async.resources.bulk_inputs import BegunCall, Job  # noqa: PLC0415 - likewise

        def prepare(id: str) -> tuple[str, str]:
            return str.__str__(id) if isinstance(id, str) and is_plain(id) else check_id(id), id

        def begin(id: str) -> BegunCall:
            return BegunCall(self.get(id, timeout=timeout, max_retries=max_retries), _changes_nothing)

        self._request(UPDATE, b"", {"timeout": timeout, "max_retries": max_retries})  # checks the options
        manager = self._transport.manager
        job = Job(prepare, begin, write=False, open=manager.session, on_close=manager.on_close)
        return start(job, ids, workers=manager.max_concurrency, on_error=on_error, on_progress=on_progress)

    @overload
    def update_many(
        self,
        updates: Iterable[WorkUpdate] | AsyncIterable[WorkUpdate],
        *,
        dry_run: Literal[False] = False,
        on_error: Literal["collect", "raise"] = "collect",
        on_progress: Callable[[BulkProgress], object] | None = None,
        **options: Unpack[CallOptions],
    ) -> BulkRun: ...

    @overload
    def update_many(
        self,
        updates: Iterable[WorkUpdate] | AsyncIterable[WorkUpdate],
        *,
        dry_run: Literal[True],
        on_error: Literal["collect", "raise"] = "collect",
        on_progress: Callable[[BulkProgress], object] | None = None,
        **options: Unpack[CallOptions],
    ) -> BulkRun[builtins.list[dict[str, Any]]]: ...

    @overload
    def update_many(
        self,
        updates: Iterable[WorkUpdate] | AsyncIterable[WorkUpdate],
        *,
        dry_run: bool,
        on_error: Literal["collect", "raise"] = "collect",
        on_progress: Callable[[BulkProgress], object] | None = None,
        **options: Unpack[CallOptions],
    ) -> BulkRun[Any]: ...

    def update_many(
        self,
        updates: Iterable[WorkUpdate] | AsyncIterable[WorkUpdate],
        *,
        dry_run: bool = False,
        on_error: Literal["collect", "raise"] = "collect",
        on_progress: Callable[[BulkProgress], object] | None = None,
        **options: Unpack[CallOptions],
    ) -> BulkRun[Any]:
        """Many updates, side by side under the limiter; one failure neither stops nor hides the others.

        Updates of one id run one after the other, in the order given. None is sent twice: a write that may have been
        applied although it failed is in `BulkResult.unknown`, and so is one that was under way at a cancellation.

        Args:
            updates: as `WorkUpdate`; sequences and iterators are read as by `get_many`.
            dry_run: send nothing; awaiting gives the list of bodies that would be sent.
            on_error: ``"raise"`` ends the call with the first failure.
            on_progress: called with a `BulkProgress` after each outcome; what it raises ends the call.
            options: see `CallOptions`, which apply to each request.

        Returns:
            What to await for a `BulkResult` of all, or to iterate over for each `Outcome` as it is done. Nothing is
            sent before that.
        """
        from devrev_async.resources.bulk import start  # noqa: PLC0415 - a plain `get` needs none of it

        given = take_only_options(options, "update_many")
        job = self._update_job(given)
        workers = self._transport.manager.max_concurrency
        check_flag("dry_run", dry_run)
        bodies = _decode_bodies if dry_run else None
        return start(job, updates, workers=workers, on_error=on_error, on_progress=on_progress, bodies=bodies)

    def _update_each(self, updates: Iterable[WorkUpdate]) -> BulkRun:
        """As `update_many`, without keeping what was yielded: its result has the other outcomes only."""
        from devrev_async.resources.bulk import start  # noqa: PLC0415 - a plain `get` needs none of it

        workers = self._transport.manager.max_concurrency
        return start(self._update_job({}), updates, workers=workers, keep=False)

    def _update_job(self, given: CallOptions) -> Job[WorkUpdate]:
        from devrev_async.resources.bulk_inputs import BegunCall, Job  # noqa: PLC0415 - a plain `get` needs none of it

        extra_body = given.get("extra_body")

        def prepare(update: WorkUpdate) -> tuple[str, bytes]:
            if not isinstance(update, WorkUpdate):
                raise TypeError(f"a WorkUpdate is expected, not {type(update).__name__}")
            content = update_content(update.id, update.type, fields_of(update), extra_body, method="WorkUpdate")
            return update.id, content

        def begin(content: bytes) -> BegunCall:
            call = self._transport.call(self._request(UPDATE, content, given))
            return BegunCall(self._finish_update(call), call.interrupted)

        self._request(UPDATE, b"", given)  # checks the options
        manager = self._transport.manager
        return Job(prepare, begin, write=True, open=manager.session, on_close=manager.on_close)

    async def _finish_update(self, call: Call) -> Work:
        return self._single(UPDATE, await self._transport.finish(call, UPDATE.decode))


def _changes_nothing() -> None:
    """Says of a read that its cancellation leaves nothing unknown."""


def _decode_bodies(contents: builtins.list[bytes]) -> builtins.list[dict[str, Any]]:
    return [msgspec.json.decode(content) for content in contents]
