"""Made-up works and bodies, and the two ways to read one: cut as it arrives, and at once."""

import json
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, TypeVar

from devrev_async._decoders.fallback import decode_one
from devrev_async._decoders.interning import InterningDecoder
from devrev_async._decoders.item_decoders import RAW, work_items
from devrev_async._decoders.misfits import Misfit
from devrev_async._decoders.page_parser import PageParser
from devrev_async.models import Work

T = TypeVar("T")

LOOKALIKE = '},{"type":"issue","id":"no work"}],"works":[{"type":"issue",'
"""What parts two works, inside a string."""


def user(n: int) -> dict[str, Any]:
    return {"type": "dev_user", "id": f"don:identity:x:devo/1:devu/{n}", "display_name": f"user {n}"}


def issue(n: int, **fields: Any) -> dict[str, Any]:
    """An issue with shared parts in all the places where there are some."""
    part = {"type": "feature", "id": f"don:core:x:devo/1:feature/{n % 4}", "name": "part", "owned_by": [user(1)]}
    unit = {"id": "unit", "sync_run": {"mode": "initial", "progress": {"state": "completed"}}}
    schedule = {"id": "schedule", "valid_until": "2025-03-01T12:00:00.000Z"}
    tracker = {"id": "tracker", "created_by": user(n % 3), "modified_by": None, "sla": {"id": "sla", "name": "gold"}}
    return {
        "type": "issue",
        "created_by": user(n % 3),
        "created_date": "2025-03-01T12:00:00.123Z",
        "id": f"don:core:x:devo/1:issue/{n}",
        "applies_to_part": part,
        "body": f"text {LOOKALIKE} {n}",
        "custom_fields": {"tnt__works": [{"type": "issue", "id": "1"}, {"type": "issue", "id": "2"}]},
        "owned_by": [user(n % 3), user(2)],
        "reported_by": [user(0)] if n % 2 else [],
        "stage": {"name": "triage", "ordinal": 1, "state": {"id": "s", "is_final": False}},
        "sync_metadata": {"last_sync_in": {"status": "succeeded", "sync_unit": unit}, "origin_system": "é"},
        "tags": [{"tag": {"id": f"tag {n % 2}", "name": "x"}, "value": "y"}, {"tag": {"id": "t"}}],
        "sla_summary": {"org_schedule": schedule, "sla_tracker": tracker, "stage": "running"},
        "sprint": None,
        "title": f"issue {n}",
        **fields,
    }


def tiny(n: int) -> dict[str, Any]:
    return {"type": "task", "id": str(n)}


def compact(document: object) -> bytes:
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()


class Read(NamedTuple):
    """What a body came to."""

    works: list[Work]
    misfits: list[Misfit]
    cursors: tuple[str | None, str | None]
    batches: list[int]


def works_page() -> PageParser[Work]:
    """A parser of works with the sizes of every day."""
    return PageParser("works", work_items(InterningDecoder()))


def raw_page() -> PageParser[bytes]:
    return PageParser("works", RAW)


def small_page(first_batch: int = 400, batch: int = 900) -> PageParser[Work]:
    """A stream whose batches are small, so that a small document is cut many times."""
    return PageParser("works", work_items(InterningDecoder()), first_batch=first_batch, batch=batch)


def batches_of(pieces: Iterable[bytes], page: PageParser[T], *, eager: bool) -> Iterator[list[T]]:
    """The batches of a page whose body arrives in these pieces."""
    for piece in (*pieces, None):
        if piece is None:
            page.finish()
        else:
            page.feed(piece)
        while (batch := page.take(eager=eager)) is not None:
            yield batch


def read(pieces: Iterable[bytes], page: PageParser[Work] | None = None, *, eager: bool = False) -> Read:
    """Cut as it arrives; `eager` as one does whose works trickle in."""
    page = page or works_page()
    works: list[Work] = []
    batches: list[int] = []
    for batch in batches_of(pieces, page, eager=eager):
        works += batch
        batches.append(len(batch))
    assert page.count == len(works)
    return Read(works, page.misfits, (page.cursors.next_cursor, page.cursors.prev_cursor), batches)


def pieces_of(body: bytes, size: int) -> list[bytes]:
    return [body[start : start + size] for start in range(0, len(body), size)]


def expected(works: Iterable[object]) -> list[Work]:
    """Each work decoded by itself, all of it, nothing shared."""
    return [decode_one(compact(work))[0] for work in works]
