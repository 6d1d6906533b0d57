"""`works get`, `works update`, `works count`: one call each, its answer on stdout."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from devrev_async import BadRequestError, BulkResult, DevRevClient, NotFoundError, WorkUpdate
from devrev_async.sinks.jsonl import as_lines

from .activity import Activity
from .codes import Code, describe, refusals_as_usage
from .counter import counter
from .fields import parse_fields
from .output import say, write_stdout
from .session import run_job

if TYPE_CHECKING:
    from collections.abc import Sequence

    from devrev_async.models import Filters

    from .options import Connection

__all__ = ["count_works", "get_works", "update_work"]


def get_works(connection: Connection, ids: Sequence[str], *, json: bool) -> int:
    """The works on stdout in the order of the ids, a line on stderr for each that failed."""
    activity, works, failed = Activity(), 0, len(ids)

    def numbers() -> str:
        return activity.as_json(works=works, failed=failed, complete=not failed) if json else ""

    async def job(client: DevRevClient) -> Code:
        nonlocal works, failed
        with refusals_as_usage():
            run = client.works.get_many(ids, on_progress=lambda progress: count(progress.done, ""))
            with counter("getting", "works", len(ids), activity) as count:
                result = await run
        _raise_if_nothing_worked(result)
        await write_stdout(as_lines([work.to_json() for work in result.ok]))
        works, failed = len(result.ok), len(result.failed)
        for failure in result.failed:
            say(f"{failure.key}: {describe(failure.error)}")
        _say_if_any(numbers())
        return Code.SOME_FAILED if failed else Code.DONE

    return run_job(connection, job, numbers=numbers, on_event=activity.note)


def _raise_if_nothing_worked(result: BulkResult) -> None:
    """Say once, and not once an id, that the token is wrong or that there is no server."""
    failed = result.failed
    kinds = {type(failure.error) for failure in failed}
    if len(kinds) == 1 and not result.ok and kinds.isdisjoint((NotFoundError, BadRequestError)):
        raise failed[0].error


def update_work(connection: Connection, id: str, type: str | None, settings: Sequence[str], *, json: bool) -> int:
    """Changes a work, and prints it as it is then."""
    fields = parse_fields(settings)
    activity, works, unknown, left = Activity(aloud=True), 0, 0, ""

    def numbers() -> str:
        if not json:
            return ""
        return activity.as_json(works=works, failed=1 - works - unknown, unknown=unknown, complete=works == 1)

    async def job(client: DevRevClient) -> Code:
        nonlocal works, unknown, left
        with refusals_as_usage():
            # of one, since its result says of an update that is interrupted whether it was sent
            run = client.works.update_many([WorkUpdate(id=id, type=type, **fields)], on_error="raise")
            try:
                (work,) = (await run).ok
            except NotFoundError as error:
                say(f"{id}: {describe(error)}")
                _say_if_any(numbers())
                return Code.SOME_FAILED
            except asyncio.CancelledError:
                left = "the work may have been updated: look before you try again" if run.result.unknown else ""
                raise
            finally:
                unknown = len(run.result.unknown)
        works = 1
        await write_stdout(as_lines([work.to_json()]))
        _say_if_any(numbers())
        return Code.DONE

    return run_job(connection, job, kept=lambda: left, numbers=numbers, on_event=activity.note)


def count_works(connection: Connection, filters: Filters, *, json: bool) -> int:
    """The number on stdout."""
    activity, works, complete = Activity(aloud=True), 0, False

    def numbers() -> str:
        return activity.as_json(works=works, complete=complete) if json else ""

    async def job(client: DevRevClient) -> Code:
        nonlocal works, complete
        with refusals_as_usage():
            counted = await client.works.count(**filters)
        works, complete = counted.count, not counted.has_more
        await write_stdout(f"{works}\n".encode())
        if counted.has_more:
            say("there are more: the server counts no further")
        _say_if_any(numbers())
        return Code.DONE

    return run_job(connection, job, numbers=numbers, on_event=activity.note)


def _say_if_any(line: str) -> None:
    if line:
        say(line)
