"""Calls as users write them: both type checkers pass all of it, and see the types that are asserted."""

from collections.abc import AsyncIterable, Mapping
from datetime import UTC, datetime
from typing import Any, assert_never, assert_type

import msgspec

from devrev_async import (
    UNSET,
    APIError,
    BadRequestError,
    BulkResult,
    BulkRun,
    CreateFields,
    DateRange,
    DevRevClient,
    Failure,
    Filters,
    InternalServerError,
    Issue,
    IssueFilter,
    ItemPager,
    LastDays,
    ListUpdate,
    NextDays,
    Opportunity,
    OpportunityFilter,
    Outcome,
    StageFilter,
    StageUpdate,
    Task,
    Ticket,
    TicketFilter,
    Timeout,
    TooManyRequestsError,
    UnknownWork,
    UpdateFields,
    Work,
    WorkExport,
    WorksCount,
    WorksPage,
    WorksPager,
    WorksStream,
    WorkUpdate,
)
from devrev_async.arrow import WorksConverter, WorksScan, scan_works, works_schema


class Accounts(msgspec.Struct):
    accounts: list[dict[str, str]]


async def reads(devrev: DevRevClient) -> None:
    assert_type(await devrev.works.get("ISS-1"), Work)
    assert_type(await devrev.works.get("ISS-1", timeout=5, max_retries=0), Work)
    assert_type(await devrev.works.export(), list[Work])
    assert_type(await devrev.works.count(type=["issue"]), WorksCount)
    await devrev.works.export(
        first=100,
        sort_by=["created_date:asc"],
        type=["issue", "incident"],
        created_date=DateRange(after=datetime(2024, 1, 1, tzinfo=UTC)),
        modified_date=LastDays(7),
        target_close_date=NextDays(7),
        issue=IssueFilter(priority=["p0"], target_start_date=LastDays(1), subtype=("bug",)),
        ticket=TicketFilter(severity=["high", "apocalyptic"], is_spam=False),
        opportunity=OpportunityFilter(account=["ACC-1"]),
        stage=["triage"],
        custom_fields={"tnt__team": ["a"]},
        timeout=Timeout(total=60),
    )
    await devrev.works.export(stage=StageFilter(name=["triage"], stages=["S-1"]), state=UNSET)
    async for work in devrev.works.list(limit=10, mode="after", cursor="c", owned_by=["DEVU-1"]):
        assert_type(work, Work)
    async for page in devrev.works.list().pages():
        assert_type(page, WorksPage)
        assert_type(page.works, list[Work])
        assert_type(page.next_cursor, str | None)
    async with devrev.works.export_stream(type=["ticket"]) as stream:
        assert_type(stream, WorksStream)
        async for work in stream:
            assert_type(work, Work)
        async for batch in stream.raw_batches():
            assert_type(batch, list[bytes])
    assert_type(devrev.works.list(max_items=5), WorksPager)
    pager = devrev.paginate("accounts.list", {"limit": 1}, item_type=Accounts, max_items=5)
    assert_type(pager, ItemPager[Accounts])
    async for account in pager:
        assert_type(account, Accounts)
    async for accounts in pager.pages():
        assert_type(accounts, list[Accounts])
    plain: ItemPager = devrev.paginate("dev-users.list")
    async for user in plain:
        assert_type(user, dict[str, Any])
    assert_type(await devrev.request("accounts.list", {"limit": 1}, response_type=Accounts, idempotent=True), Accounts)
    assert_type(await devrev.request("accounts.list"), Any)


async def writes(devrev: DevRevClient, fields: Mapping[str, Any]) -> None:
    assert_type(await devrev.works.update("ISS-1", title="t", priority="p9", sprint=None, target_close_date=None), Work)
    await devrev.works.update("TKT-1", type="ticket", account=None, group=None, rev_org=None, source_channel_v2=None)
    await devrev.works.update(
        "OPP-1", amount=None, customer_budget=1, probability=0.5, value={"amount": "1", "currency": "EUR"}
    )
    await devrev.works.update("ISS-1", owned_by=["DEVU-1"], reported_by=("REVU-1",), stage="triage", title=UNSET)
    await devrev.works.update(
        "ISS-1", stage=StageUpdate(stage="S-1"), stage_validation_options=["allow_invalid_transition"]
    )
    await devrev.works.update("ISS-1", tags=["TAG-1", {"id": "TAG-2", "value": "v"}, {"id": "TAG-3"}])
    await devrev.works.update(
        "ISS-1", tags=ListUpdate(add=["TAG-1"], remove=[{"id": "TAG-2"}]), artifacts=ListUpdate(add=["A-1"])
    )
    await devrev.works.update(
        "ISS-1", custom_fields={"tnt__x": None}, custom_schema_spec={"tenant_fragment": True}, extra_body=fields
    )
    created = await devrev.works.create(
        type="opportunity",
        title="t",
        applies_to_part="PROD-1",
        owned_by=["DEVU-1"],
        account="ACC-1",
        forecast_category="won",
    )
    assert_type(created, Work)
    await devrev.works.delete(created.id or "")
    WorkUpdate(id="ISS-1", title="t", sprint=None, owned_by=["DEVU-1"], tags=ListUpdate(set=[]))


async def many(devrev: DevRevClient, ids: AsyncIterable[str], updates: list[WorkUpdate], *, dry: bool) -> None:
    assert_type(devrev.works.get_many(ids), BulkRun)
    assert_type(await devrev.works.get_many(["ISS-1"], on_error="raise", timeout=5), BulkResult)
    async for outcome in devrev.works.get_many(iter(["ISS-1"]), on_progress=lambda progress: progress.total):
        assert_type(outcome, Outcome)
        assert_type(outcome.work, Work | None)
        assert_type(outcome.error, Exception | None)
    run: BulkRun = devrev.works.update_many(updates, extra_body={"x": 1})
    async with run:
        result = await run
    assert_type(result, BulkResult)
    assert_type(run.result, BulkResult)
    assert_type(result.ok, list[Work])
    assert_type(result.failed, list[Failure])
    await devrev.works.update_many([failure.input for failure in result.failed])
    assert_type(await devrev.works.update_many(updates, dry_run=True), list[dict[str, Any]])
    await devrev.works.update_many(updates, dry_run=dry)


async def typed_by_hand(devrev: DevRevClient, since: datetime) -> WorkExport:
    """Arguments that are built before the call, and results that are kept: each has a name to annotate it with."""
    filters: Filters = {"type": ["ticket"], "modified_date": DateRange(after=since)}
    fields: UpdateFields = {"title": "t", "target_close_date": None}
    if filters.get("type"):
        fields["owned_by"] = ["DEVU-1"]
    await devrev.works.update("ISS-1", type=UNSET, **fields)
    more: CreateFields = {"priority": "p0", "tags": ["TAG-1"]}
    await devrev.works.create(type="issue", title="t", applies_to_part="PROD-1", owned_by=["DEVU-1"], **more)
    stream: WorksStream = devrev.works.export_stream(**filters)
    pager: WorksPager = devrev.works.list(**filters)
    assert_type([work async for work in stream], list[Work])
    assert_type([work async for work in pager], list[Work])
    return devrev.works.export_all(**filters)


def narrowing(work: Work) -> str:
    match work:
        case Issue():
            assert_type(work, Issue)
            assert_type(work.id, str)
            return work.priority or (work.sprint.name if work.sprint else None) or ""
        case Ticket(severity="high"):
            assert_type(work, Ticket)
            return "urgent"
        case Ticket():
            assert_type(work, Ticket)
            return work.severity or ""
        case Task():
            return work.id
        case Opportunity():
            return (work.value.amount if work.value else None) or ""
        case UnknownWork():
            assert_type(work.raw, bytes)
            assert_type(work.id, str | None)
            return work.type or ""
        case _:
            assert_never(work)


def shared_fields(work: Work) -> None:
    assert_type(work.title, str | None)
    assert_type(work.created_date, datetime | None)
    assert_type(work.custom_fields, dict[str, Any] | None)
    assert_type(work.to_dict(), dict[str, Any])
    assert_type(work.to_json(), bytes)
    assert_type(work.invalid, dict[str, Any] | None)
    if isinstance(work, Issue):
        assert_type(work.estimated_effort, float | None)
    for owner in work.owned_by or ():
        assert_type(owner.email, str | None)
    if work.type == "ticket" and work.stage is not None and work.stage.state is not None:
        assert_type(work.stage.state.is_final, bool | None)


def failures(error: APIError) -> None:
    assert_type(error.status, int)
    assert_type(error.type, str | None)
    if isinstance(error, BadRequestError):
        assert_type(error.field_name, str | None)
        assert_type(error.allowed_values, list[str] | None)
    elif isinstance(error, TooManyRequestsError):
        assert_type(error.retry_after, float | None)
    elif isinstance(error, InternalServerError):
        assert_type(error.reference_id, str | None)


async def columns(devrev: DevRevClient) -> int:
    rows = 0
    async with devrev.works.export_all() as export:
        async for batch in export.arrow_batches(1000, columns=["id"]):
            rows += batch.num_rows
    async with devrev.works.export_stream() as stream:
        async for batch in stream.arrow_batches(depth=None):
            rows += batch.num_rows
    async with devrev.works.changes() as changes:
        async for batch in changes.arrow_batches(columns=["raw"]):
            rows += batch.num_rows
    return rows


def tables() -> WorksScan:
    scan = scan_works(type=["ticket"], columns=["id"], options={"max_retries": 1})
    with scan.reader() as reader:
        for batch in reader:
            assert batch.num_rows
    assert scan.schema.names == works_schema(["id"], depth=None).names
    assert WorksConverter().convert([]).num_rows == 0
    return scan


async def fetch_token() -> str:
    return "token"


clients = [
    DevRevClient,
    lambda: DevRevClient("token", base_url="http://127.0.0.1:1", timeout=5, headers={"X-A": "b"}),
    lambda: DevRevClient(fetch_token, timeout=Timeout(connect=1), max_retries=0).with_options(beta=False),
]
