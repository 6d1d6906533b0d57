"""The calls of `works.*`: one short method each."""

from __future__ import annotations

from .bulk import BulkCalls
from .ingestion import IngestionCalls

__all__ = ["Works"]


class Works(BulkCalls, IngestionCalls):
    """The calls of `works.*`.

    Every method takes `timeout` (seconds in all, or a `Timeout`) and `max_retries` for that call, and those that send
    a JSON body take `extra_body` for keys that are not modelled. Arguments are checked before anything is sent:
    ValueError and TypeError. Every failure of a call is a `DevRevError`.
    """
