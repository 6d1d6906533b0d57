"""The query of a complete export: the body that all its requests share, and the user's range of `created_date`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Self

import msgspec

from devrev_async.models import DateRange

from .planner import Domain

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from .planner import Request

__all__ = ["ExportQuery"]


@dataclass(frozen=True, slots=True)
class ExportQuery:
    """A query without its range of `created_date`, which each request replaces by one of its own.

    Attributes:
        body: as `works.export` takes it, without `created_date`, `first` and `sort_by`.
        domain: the user's range; a preset such as `LastDays` is fixed when the export begins.
        fingerprint: of the whole query; a checkpoint of another one is refused.
    """

    body: Mapping[str, Any]
    domain: Domain
    fingerprint: str

    @classmethod
    def of(cls, body: Mapping[str, Any], now: datetime) -> Self:
        """Returns the query of a body as `works.export` takes it."""
        rest = {key: value for key, value in body.items() if key != "created_date"}
        fingerprint = blake2b(msgspec.json.encode(body, order="sorted"), digest_size=8).hexdigest()
        return cls(rest, _domain(body.get("created_date"), now), fingerprint)

    def request_body(self, request: Request, *, limit: int, sorts: bool) -> dict[str, Any]:
        """Returns the body of one request.

        Args:
            request: what the planner asks for.
            limit: works in a page of `works.list`.
            sorts: whether the server takes `sort_by`.
        """
        body = dict(self.body)
        if request.after is not None or request.before is not None:
            body["created_date"] = DateRange(after=request.after, before=request.before)
        if request.kind == "count":
            return body
        if request.kind == "export":
            body["first"] = request.first
        else:
            body["limit"] = limit
            if request.cursor is not None:
                body["cursor"] = request.cursor
        if sorts:
            body["sort_by"] = [f"created_date:{'desc' if request.descending else 'asc'}"]
        return body


def _domain(given: Any, now: datetime) -> Domain:
    if given is None:
        return Domain()
    if isinstance(given, DateRange):
        return Domain(given.after, given.before)
    try:
        days = timedelta(days=given.days)
        if given.preset_type == "last_n_days":
            return Domain(now - days, None)
        return Domain(now, now + days)
    except OverflowError:
        return Domain() if given.preset_type == "last_n_days" else Domain(now, None)
