"""`works get`, `works update`, `works count`: one call each, its answer on stdout."""

from __future__ import annotations

from typing import TYPE_CHECKING

from devrev_async import BulkResult, DevRevClient, NotFoundError
from devrev_async.sinks.jsonl import as_lines

from .codes import Code, describe, refusals_as_usage
from .fields import parse_fields
from .output import say, write_stdout
from .session import run_job

if TYPE_CHECKING:
    from collections.abc import Sequence

    from devrev_async.models import Filters

    from .options import Connection

__all__ = ["count_works", "get_works", "update_work"]


def get_works(connection: Connection, ids: Sequence[str]) -> int:
    """The works on stdout in the order of the ids, a line on stderr for each that failed."""

    async def job(client: DevRevClient) -> Code:
        with refusals_as_usage():
            result = await client.works.get_many(list(ids))
        _raise_if_nothing_worked(result)
        await write_stdout(as_lines([work.to_json() for work in result.ok]))
        for failure in result.failed:
            say(f"{failure.key}: {describe(failure.error)}")
        return Code.SOME_FAILED if result.failed else Code.DONE

    return run_job(connection, job)


def _raise_if_nothing_worked(result: BulkResult) -> None:
    """Say once, and not once an id, that the token is wrong or that there is no server."""
    failed = result.failed
    kinds = {type(failure.error) for failure in failed}
    if len(kinds) == 1 and not result.ok and NotFoundError not in kinds:
        raise failed[0].error


def update_work(connection: Connection, id: str, type: str | None, settings: Sequence[str]) -> int:
    """Change a work, and print it as it is then."""
    fields = parse_fields(settings)

    async def job(client: DevRevClient) -> Code:
        with refusals_as_usage():
            work = await client.works.update(id, type=type, **fields)
        await write_stdout(as_lines([work.to_json()]))
        return Code.DONE

    return run_job(connection, job)


def count_works(connection: Connection, filters: Filters) -> int:
    """The number on stdout."""

    async def job(client: DevRevClient) -> Code:
        with refusals_as_usage():
            counted = await client.works.count(**filters)
        await write_stdout(f"{counted.count}\n".encode())
        if counted.has_more:
            say("there are more: the server counts no further")
        return Code.DONE

    return run_job(connection, job)
