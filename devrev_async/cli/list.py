"""`list ENDPOINT -o FILE`: the items of any ``*.list`` endpoint, as JSON Lines."""

from __future__ import annotations

import gzip
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

from devrev_async import DevRevClient
from devrev_async.sinks._files import check_target
from devrev_async.sinks._names import check_path
from devrev_async.sinks.jsonl import as_lines
from devrev_async.sinks.whole import WholeFile

from .activity import Activity
from .codes import Code, UsageError, refusals_as_usage
from .counter import counter
from .options import Connection
from .output import as_text, say, write_stdout
from .session import run_job
from .values import as_json

__all__ = ["Listing", "list_items"]

_GZIP: Final = ".jsonl.gz"


@dataclass(frozen=True, kw_only=True)
class Listing:
    """What is listed, and where it goes, as the user wrote it.

    Attributes:
        endpoint: such as ``dev-users.list``.
        output: a file, or ``-`` for stdout.
        body: of the requests, as JSON; None is an empty one.
        items: the key of the items, where the endpoint's own name is not it.
        limit: items at most; None for all.
        json: whether the last line is JSON.
    """

    endpoint: str
    output: str
    body: str | None = None
    items: str | None = None
    limit: int | None = None
    json: bool = False

    def fields(self) -> dict[str, Any]:
        """The body of the requests.

        Raises:
            UsageError: it is no JSON object.
        """
        value: Any = {} if self.body is None else as_json(self.body)
        if isinstance(value, dict):
            return cast("dict[str, Any]", value)
        raise UsageError(f"--body takes a JSON object, not {self.body!r}")

    def target(self) -> Path:
        """The file to write, links followed.

        Raises:
            UsageError: it cannot become a file, or is of no format that there is.
        """
        if not self.output.endswith((".jsonl", _GZIP)):
            raise UsageError(f"-o {self.output}: takes a file that ends in .jsonl or {_GZIP}, or '-' for stdout")
        with refusals_as_usage():
            check_path("path", self.output)
        try:
            return check_target(self.output)
        except OSError as error:
            raise UsageError(f"-o {self.output}: {error.strerror}") from error


def list_items(connection: Connection, listing: Listing) -> int:
    """List into a file that appears once it is whole, or to stdout; returns the exit code.

    Raises:
        UsageError: the listing is not what it should be; nothing was sent.
    """
    target = None if listing.output == "-" else listing.target()
    fields, activity = listing.fields(), Activity()
    done, complete = 0, False

    def numbers() -> str:
        if not listing.json:
            return ""
        return activity.as_json(items=done, complete=complete, output=as_text(listing.output))

    async def job(client: DevRevClient) -> Code:
        nonlocal done, complete
        with refusals_as_usage():
            pager = client.paginate(listing.endpoint, fields, items=listing.items, max_items=listing.limit)
        what = f"listing {listing.endpoint}"
        async with _writing(target) as write, pager, aclosing(pager.raw_batches()) as batches:
            with counter(what, "items", listing.limit, activity, data=target is None) as count:
                async for batch in batches:
                    await write(as_lines(batch))
                    done += len(batch)
                    count(done, "")
        complete = listing.limit is None or done < listing.limit
        where = "stdout" if target is None else listing.output
        say(numbers() or f"{done} items of {listing.endpoint} in {where} ({activity.seconds:.1f} s)")
        return Code.DONE

    return run_job(connection, job, numbers=numbers, on_event=activity.note)


@asynccontextmanager
async def _writing(target: Path | None) -> AsyncGenerator[Callable[[bytes], Awaitable[None]]]:
    """Yields what writes: to stdout, or to a file that is published when the block ends well."""
    if target is None:
        yield write_stdout
        return
    # each page is a gzip member of its own, which together are one gzip file; without any it would be none
    pack = gzip.compress if target.name.endswith(_GZIP) else bytes
    with WholeFile(target) as file:
        file.write(pack(b""))

        async def write(data: bytes) -> None:
            file.write(pack(data))

        yield write
        file.publish()
