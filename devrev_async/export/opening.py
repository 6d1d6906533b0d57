"""Complete exports, their slices and the plans of these, over the transport; nothing else here knows it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from devrev_async import errors
from devrev_async._requests.bodies import encode_body, query_body

from .iteration import WorkExport
from .query import ExportQuery
from .slices import WorkSlice
from .slicing import plan_slices
from .source import ExportSource

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from devrev_async._transport.page_reader import PageReader
    from devrev_async._transport.request import Request as TransportRequest
    from devrev_async.reports import ExportReport

__all__ = ["check_extra", "open_export", "open_plan", "open_slice"]

_OWN_KEYS: Final = frozenset({"created_date", "cursor", "first", "limit", "mode", "sort_by"})
"""Keys that a complete export chooses anew for each request."""


def open_export(
    pages: PageReader,
    post: Callable[[str, bytes], TransportRequest],
    filters: Mapping[str, Any],
    *,
    extra_body: Mapping[str, Any] | None = None,
    resume: str | None = None,
    on_progress: Callable[[ExportReport], object] | None = None,
    max_parallel: int | None = None,
    counted: int | None = None,
) -> WorkExport:
    """Returns a `WorkExport` over the transport; nothing is sent before it is iterated.

    Args:
        pages: what decodes answers.
        post: makes the request of an endpoint and a body.
        filters: the keyword arguments of a query, unchecked.
        extra_body: further keys of every body.
        resume: as in `WorkExport`.
        on_progress: as in `WorkExport`.
        max_parallel: as `parallel` in `WorkExport`.
        counted: as in `WorkExport`.

    Raises:
        InvalidArgumentError: an argument is wrong; TypeError likewise.
    """
    body = query_body(filters, {}, method="export_all")
    check_extra(body, extra_body)
    source = ExportSource(pages, lambda endpoint, body: post(endpoint, encode_body(body, None)))
    whole = {**body, **(extra_body or {})}
    return WorkExport(source, whole, resume=resume, on_progress=on_progress, parallel=max_parallel, counted=counted)


def open_slice(
    pages: PageReader,
    post: Callable[[str, bytes], TransportRequest],
    part: WorkSlice,
    *,
    resume: str | None = None,
    on_progress: Callable[[ExportReport], object] | None = None,
) -> WorkExport:
    """Returns a `WorkExport` of one share of a plan, which sends one request at a time.

    Args:
        pages: what decodes answers.
        post: makes the request of an endpoint and a body.
        part: the share.
        resume: as in `WorkExport`.
        on_progress: as in `WorkExport`.

    Raises:
        InvalidArgumentError: an argument is wrong; TypeError likewise.
    """
    if not isinstance(part, WorkSlice):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"export_slice takes a WorkSlice of plan_slices, not {type(part).__name__}")

    def prepare(endpoint: str, body: Mapping[str, Any]) -> TransportRequest:
        return post(endpoint, encode_body(body, None))._replace(leaves=part.total - 1)

    return WorkExport(ExportSource(pages, prepare), part.body(), resume=resume, on_progress=on_progress, parallel=1)


async def open_plan(
    pages: PageReader,
    post: Callable[[str, bytes], TransportRequest],
    shares: int,
    filters: Mapping[str, Any],
    *,
    extra_body: Mapping[str, Any] | None = None,
) -> list[WorkSlice]:
    """Returns at most so many slices of a complete export.

    Args:
        pages: what decodes answers.
        post: makes the request of an endpoint and a body.
        shares: how many at most.
        filters: the keyword arguments of a query, unchecked.
        extra_body: further keys of every body.

    Raises:
        InvalidArgumentError: an argument is wrong; TypeError likewise.
    """
    if isinstance(shares, bool) or not isinstance(shares, int):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"n takes an int, not {type(shares).__name__}")
    if shares < 1:
        raise errors.InvalidArgumentError(f"n takes at least 1, not {shares}")
    body = query_body(filters, {}, method="plan_slices")
    check_extra(body, extra_body)
    source = ExportSource(pages, lambda endpoint, body: post(endpoint, encode_body(body, None)))
    return await plan_slices(source, ExportQuery.of({**body, **(extra_body or {})}, datetime.now(UTC)), shares)


def check_extra(body: Mapping[str, Any], extra_body: Mapping[str, Any] | None) -> None:
    """Refuses an `extra_body` that no later body would get past, or whose keys each request has values of its own for.

    Raises:
        InvalidArgumentError: a key is given already, or is one that the export sets; TypeError: it is no mapping.
    """
    encode_body(body, extra_body)
    if own := sorted(_OWN_KEYS & (extra_body or {}).keys()):
        hint = "; pass created_date= as a filter" if "created_date" in own else ""
        raise errors.InvalidArgumentError(f"extra_body has what each request sets by itself: {', '.join(own)}{hint}")
