"""Reports that long calls fill while they run."""

from __future__ import annotations

from datetime import datetime

import msgspec


def _no_proofs() -> dict[str, int]:
    return {"count": 0, "order": 0, "list": 0, "assumed_cap": 0}


class ExportReport(msgspec.Struct):
    """What a complete export has done so far; it is filled while the export runs.

    Once the export is complete, `works` + `duplicates` are the works that were fetched, and the values of `proofs` add
    up to `works`.

    Attributes:
        works: works yielded.
        requests: requests answered; `retries` of them apart.
        ranges: intervals of `created_date` that were proved complete.
        duplicates: works fetched once more, where requests overlap or a page proved nothing.
        retries: further attempts of requests.
        unknown: how many of those yielded are an `UnknownWork`; of `raw_batches`, of no known type or without id.
        bytes: size of the answers, decompressed.
        seconds: time since the first request.
        complete: whether every work is proved to have been yielded.
        expected: works to be yielded in all, by the server's first count; None where it is not known.
        proofs: of the works yielded, how many each kind of proof covers; each of the four keys is always there.
            ``"count"``: `works.count` counted exactly as many. ``"order"``: the server sorts, and pages met.
            ``"list"``: `works.list` showed the same works twice, or one page of it all. ``"assumed_cap"``: a page was
            shorter than others, and the server has nothing else to check that with.
        invalid: how many of those yielded have a field that does not fit its type (`work.invalid`). `raw_batches` looks
            at `type`, `id` and `created_date` only, and counts no such work; `works.export_to` counts them in all
            formats.
        restarted: of `works.export_to`, whether it threw away what an earlier call left because that does not fit.
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
    expected: int | None = None
    proofs: dict[str, int] = msgspec.field(default_factory=_no_proofs)
    invalid: int = 0
    restarted: bool = False


class ChangesReport(msgspec.Struct):
    """What a call of `changes` has done so far; it is filled while the call runs.

    Attributes:
        works: yielded.
        repeated: of those yielded, how many an earlier call may have yielded with the same `modified_date`: the call
            looks back, and remembers the last 50,000 works only.
        undated: of those yielded, how many have no `modified_date`, or one that cannot be read.
        requests: answered.
        windows: intervals of `modified_date` that were read and proved complete.
        filtered_here: whether the server ignores or refuses the filter by `modified_date`, so that every work was read
            and those that had not changed were left out here.
        seconds: since the first request.
        complete: whether every work that changed is proved to have been yielded.
    """

    works: int = 0
    repeated: int = 0
    undated: int = 0
    requests: int = 0
    windows: int = 0
    filtered_here: bool = False
    seconds: float = 0.0
    complete: bool = False


class SyncReport(msgspec.Struct):
    """What a run of `works.sync` did.

    Attributes:
        works: written; `new` of them for the first time with this `modified_date`, as far as it is remembered, and
            `repeated` perhaps once more.
        new: see `works`.
        repeated: see `works`.
        file: the path of the file that was written; None where nothing had changed.
        run: the number of the last run that wrote a file, this one included.
        until: works modified up to this time are in the files: the server's clock when the run began, rounded down.
        requests: answered, those of `compare` included.
        seconds: the run took.
        missing: of `compare`, ids that an earlier run wrote and a complete export no longer has.
        differing: of `compare`, ids of works whose content differs although their `modified_date` is the same.
        first: whether there was no state, so that all works were written.
    """

    works: int = 0
    new: int = 0
    repeated: int = 0
    file: str | None = None
    run: int = 0
    until: datetime | None = None
    requests: int = 0
    seconds: float = 0.0
    missing: list[str] = msgspec.field(default_factory=list[str])
    differing: list[str] = msgspec.field(default_factory=list[str])
    first: bool = False
