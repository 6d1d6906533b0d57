"""Reports that long calls fill while they run."""

from __future__ import annotations

import msgspec


class ExportReport(msgspec.Struct):
    """What a complete export has done so far; it is filled while the export runs.

    Attributes:
        works: handed over.
        requests: answered; `retries` of them apart.
        ranges: stretches of `created_date` that were proved complete.
        duplicates: works that came once more, where requests overlap or a page proved nothing.
        retries: further attempts of requests.
        unknown: of those handed over, how many are an `UnknownWork`; of `raw_batches`, of no known type or without id.
        bytes: of the answers, decompressed.
        seconds: since the first request.
        complete: whether every work is proved to have been handed over.
    """

    works: int = 0
    requests: int = 0
    ranges: int = 0
    duplicates: int = 0
    retries: int = 0
    unknown: int = 0
    bytes: int = 0
    seconds: float = 0.0
    complete: bool = False
